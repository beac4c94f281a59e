//! Which units are used, and how often: the derived part of the table.
//!
//! - U1: a unit is *used* iff an entry of a slot covers it. Its bit says so, or a node above it that speaks for it (`tree.rs`).
//! - U2: it is *shared* iff more than one does: its other bit, always. How many more stands in its count. A count of a unit
//!   that is not shared says nothing.
//!
//! All of it is changed under the lock only, and follows from the entries alone: whoever takes the lock over from the dead
//! makes it anew (`rebuild.rs`).

use crate::bits::mask;
use crate::damage::Damage;
use crate::layout::{Layout, head};
use crate::memory::Memory;
use crate::number::{size, word};
use crate::tree::{Change, Seen};
use core::ops::Range;

/// A unit is mapped this often at most, beyond the first time.
const MOST: u64 = 0xffff;

/// The words of a table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Table<M> {
    pub(crate) memory: M,
    pub(crate) layout: Layout,
}

/// Why units are not counted once more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// A unit of the range is mapped too often.
    TooOften,
    Damaged(Damage),
}

impl From<Damage> for Refused {
    fn from(damage: Damage) -> Self {
        Self::Damaged(damage)
    }
}

/// The part of a word's bits that a range of units has: word, first unit of the word, bits.
pub(crate) fn words(range: &Range<usize>) -> impl Iterator<Item = (usize, u64)> + use<> {
    let Range { start, end } = *range;
    let (first, last) = (start >> 6, end.saturating_add(63) >> 6);
    (first..last).map(move |at| {
        let base = at << 6;
        (at, mask(start.saturating_sub(base), end.saturating_sub(base)))
    })
}

impl<M: Memory> Table<M> {
    pub(crate) fn free_units(&self) -> usize {
        size(self.memory.load(head::FREE)).min(self.layout.units)
    }

    pub(crate) fn used_word(&self, at: usize) -> usize {
        self.layout.used.wrapping_add(at)
    }

    pub(crate) fn shared_word(&self, at: usize) -> usize {
        self.layout.shared.wrapping_add(at)
    }

    /// Marks free units as used.
    pub(crate) fn mark(&self, range: &Range<usize>) -> Result<(), Damage> {
        self.change(range, Change::Use)?;
        self.count_free(range.len(), 0);
        Ok(())
    }

    fn count_free(&self, less: usize, more: usize) {
        let free = self.free_units().saturating_sub(less).saturating_add(more);
        self.memory.store(head::FREE, word(free.min(self.layout.units)));
    }

    /// Whether each unit of a range can be mapped once more.
    pub(crate) fn can_add(&self, range: &Range<usize>) -> Result<bool, Damage> {
        Ok(!self.see(range)?.shared || self.has_room(range))
    }

    /// The same, whatever the tree says.
    pub(crate) fn has_room(&self, range: &Range<usize>) -> bool {
        words(range).all(|(at, bits)| {
            let shared = self.memory.load(self.shared_word(at)) & bits;
            each(shared).all(|bit| self.count(unit(at, bit)) < MOST)
        })
    }

    /// Whether a unit of the range is used, so that adding it needs counts; also where that cannot be told.
    pub(crate) fn is_used(&self, range: &Range<usize>) -> bool {
        self.see(range).map_or(true, |seen| seen.used)
    }

    /// Counts an entry more for each unit of a range; the counts have memory.
    pub(crate) fn add(&self, range: &Range<usize>) -> Result<(), Refused> {
        if !self.can_add(range)? {
            return Err(Refused::TooOften);
        }
        let (mut at, mut newly) = (range.start, 0_usize);
        while at < range.end {
            let (is_used, end) = self.stretch(at)?;
            let stretch = at..end.min(range.end);
            if stretch.is_empty() {
                return Err(Refused::Damaged(Damage::Tree));
            }
            if !is_used {
                newly = newly.saturating_add(stretch.len());
            }
            self.change(&stretch, if is_used { Change::Share } else { Change::Use })?;
            at = stretch.end;
        }
        self.count_free(newly, 0);
        Ok(())
    }

    /// One more has these used units.
    pub(crate) fn share(&self, at: usize, bits: u64) {
        let shared_at = self.shared_word(at);
        let shared = self.memory.load(shared_at);
        for bit in each(bits) {
            let unit = unit(at, bit);
            let count = if shared & (1 << bit) != 0 { self.count(unit) } else { 0 };
            self.set_count(unit, count.saturating_add(1).min(MOST));
        }
        self.memory.store(shared_at, shared | bits);
    }

    /// One less has those of these units that are shared.
    pub(crate) fn unshare(&self, at: usize, bits: u64) {
        let shared_at = self.shared_word(at);
        let shared = self.memory.load(shared_at);
        let mut left = shared;
        for bit in each(shared & bits) {
            let count = self.count(unit(at, bit)).saturating_sub(1);
            self.set_count(unit(at, bit), count);
            if count == 0 {
                left &= !(1 << bit);
            }
        }
        if left != shared {
            self.memory.store(shared_at, left);
        }
    }

    /// Counts an entry less for each unit of a range. Units that nobody has any more are told, as runs, before they are
    /// free.
    pub(crate) fn remove(
        &self,
        range: &Range<usize>,
        freed: &mut dyn FnMut(Range<usize>),
    ) -> Result<(), Damage> {
        let Seen { free, shared, .. } = self.see(range)?;
        if free {
            return Err(Damage::Units);
        }
        if !shared {
            freed(range.clone());
            self.change(range, Change::Free)?;
            self.count_free(0, range.len());
            return Ok(());
        }
        self.each_alone(range, freed);
        let (mut units, mut done) = (0_usize, Ok(()));
        self.each_alone(range, &mut |run| {
            units = units.saturating_add(run.len());
            done = done.and_then(|()| self.change(&run, Change::Free));
        });
        done?;
        self.count_free(0, units);
        self.unshare_all(range)
    }

    /// Counts one less for the shared ones of a range, whose others are free by now.
    fn unshare_all(&self, range: &Range<usize>) -> Result<(), Damage> {
        let mut at = range.start;
        while at < range.end {
            let (is_used, end) = self.stretch(at)?;
            let stretch = at..end.min(range.end);
            if stretch.is_empty() {
                return Err(Damage::Tree);
            }
            if is_used {
                self.change(&stretch, Change::Unshare)?;
            }
            at = stretch.end;
        }
        Ok(())
    }

    /// Tells the runs of units that are not shared.
    fn each_alone(&self, range: &Range<usize>, tell: &mut dyn FnMut(Range<usize>)) {
        let mut run = range.start..range.start;
        for (at, bits) in words(range) {
            let shared = self.memory.load(self.shared_word(at)) & bits;
            if shared == 0 {
                run.end = ((at << 6).saturating_add(64)).min(range.end);
                continue;
            }
            for bit in each(bits) {
                let unit = unit(at, bit);
                if shared & (1 << bit) == 0 {
                    run.end = unit.wrapping_add(1);
                    continue;
                }
                if !run.is_empty() {
                    tell(run);
                }
                run = unit.wrapping_add(1)..unit.wrapping_add(1);
            }
        }
        if !run.is_empty() {
            tell(run);
        }
    }

    /// Where the count of a unit is: word, and shift.
    fn count_at(&self, unit: usize) -> (usize, u32) {
        let lane = [0, 16, 32, 48].get(unit & 3).copied().unwrap_or(0);
        (self.layout.counts.wrapping_add(unit >> 2), lane)
    }

    fn count(&self, unit: usize) -> u64 {
        let (at, shift) = self.count_at(unit);
        (self.memory.load(at) >> shift) & MOST
    }

    fn set_count(&self, unit: usize, count: u64) {
        let (at, shift) = self.count_at(unit);
        let others = self.memory.load(at) & !(MOST << shift);
        self.memory.store(at, others | (count << shift));
    }
}

/// The numbers of the bits of a word.
fn each(mut bits: u64) -> impl Iterator<Item = u32> {
    core::iter::from_fn(move || {
        let bit = bits.trailing_zeros();
        bits &= bits.wrapping_sub(1);
        (bit < 64).then_some(bit)
    })
}

/// The unit of a bit.
fn unit(word: usize, bit: u32) -> usize {
    (word << 6).wrapping_add(bit as usize)
}

#[cfg(test)]
#[path = "space_tests.rs"]
pub(crate) mod tests;
