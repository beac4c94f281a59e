//! Which units are used, how often, and where the free ones are: the derived part of the table.
//!
//! - U1: a unit is *used* iff an entry of a slot covers it.
//! - U2: it is *shared* iff more than one does; how many more stands in its count. A count of a unit that is not shared
//!   says nothing.
//! - U3: a node of the tree tells the free runs of its stretch: longest, first, last.
//!
//! All of it is changed under the lock only, and follows from the entries alone: whoever takes the lock over from the dead
//! makes it anew.

use crate::bits::{self, BITS, Runs, WORDS, mask};
use crate::damage::Damage;
use crate::layout::{FAN, Layout, Level, NODE, head};
use crate::memory::Memory;
use crate::number::{size, word};
use core::ops::Range;

/// A unit is mapped this often at most, beyond the first time.
const MOST: u64 = 0xffff;

/// The words of a table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Table<M> {
    pub(crate) memory: M,
    pub(crate) layout: Layout,
}

/// A unit of the range is mapped too often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooOften;

/// The part of a word's bits that a range of units has: word, first unit of the word, bits.
fn words(range: &Range<usize>) -> impl Iterator<Item = (usize, u64)> + use<> {
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

    /// The longest free run.
    pub(crate) fn longest(&self) -> usize {
        let root = self.layout.levels().last();
        root.map_or(0, |root| self.node(root, 0).longest)
    }

    fn used_word(&self, at: usize) -> usize {
        self.layout.used.wrapping_add(at)
    }

    fn shared_word(&self, at: usize) -> usize {
        self.layout.shared.wrapping_add(at)
    }

    /// Marks free units as used.
    pub(crate) fn mark(&self, range: &Range<usize>) -> Result<(), Damage> {
        if words(range).any(|(at, bits)| self.memory.load(self.used_word(at)) & bits != 0) {
            return Err(Damage::Units);
        }
        for (at, bits) in words(range) {
            let at = self.used_word(at);
            self.memory.store(at, self.memory.load(at) | bits);
        }
        self.count_free(range.len(), 0);
        self.renew(range);
        Ok(())
    }

    fn count_free(&self, less: usize, more: usize) {
        let free = self.free_units().saturating_sub(less).saturating_add(more);
        self.memory.store(head::FREE, word(free.min(self.layout.units)));
    }

    /// Whether each unit of a range can be mapped once more.
    pub(crate) fn can_add(&self, range: &Range<usize>) -> bool {
        words(range).all(|(at, bits)| {
            let shared = self.memory.load(self.shared_word(at)) & bits;
            let used = self.memory.load(self.used_word(at));
            each(shared & used).all(|bit| self.count(unit(at, bit)) < MOST)
        })
    }

    /// Whether a unit of the range is used, so that adding it needs counts.
    pub(crate) fn is_used(&self, range: &Range<usize>) -> bool {
        words(range).any(|(at, bits)| self.memory.load(self.used_word(at)) & bits != 0)
    }

    /// Counts an entry more for each unit of a range; the counts have memory.
    pub(crate) fn add(&self, range: &Range<usize>) -> Result<(), TooOften> {
        if !self.can_add(range) {
            return Err(TooOften);
        }
        let newly = self.add_bits(range);
        self.count_free(newly, 0);
        self.renew(range);
        Ok(())
    }

    /// The same without the tree and the number of free units, which the answer is to be taken from.
    pub(crate) fn add_bits(&self, range: &Range<usize>) -> usize {
        let mut newly = 0_u32;
        for (at, bits) in words(range) {
            let (used_at, shared_at) = (self.used_word(at), self.shared_word(at));
            let used = self.memory.load(used_at);
            let again = used & bits;
            if again != 0 {
                let shared = self.memory.load(shared_at);
                for bit in each(again) {
                    let unit = unit(at, bit);
                    let is_shared = shared & (1 << bit) != 0;
                    let count = if is_shared { self.count(unit) } else { 0 };
                    self.set_count(unit, count.saturating_add(1).min(MOST));
                }
                self.memory.store(shared_at, shared | again);
            }
            if again != bits {
                newly = newly.wrapping_add((bits & !used).count_ones());
                self.memory.store(used_at, used | bits);
            }
        }
        size(newly.into())
    }

    /// Counts an entry less for each unit of a range. Units that nobody has any more are told, as runs, before they are
    /// free.
    pub(crate) fn remove(
        &self,
        range: &Range<usize>,
        freed: &mut dyn FnMut(Range<usize>),
    ) -> Result<(), Damage> {
        if words(range).any(|(at, bits)| self.memory.load(self.used_word(at)) & bits != bits) {
            return Err(Damage::Units);
        }
        self.tell_freed(range, freed);
        let mut free = 0_u32;
        for (at, bits) in words(range) {
            let (used_at, shared_at) = (self.used_word(at), self.shared_word(at));
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
            let gone = bits & !shared;
            if gone != 0 {
                free = free.wrapping_add(gone.count_ones());
                self.memory.store(used_at, self.memory.load(used_at) & !gone);
            }
        }
        self.count_free(0, size(free.into()));
        self.renew(range);
        Ok(())
    }

    fn tell_freed(&self, range: &Range<usize>, freed: &mut dyn FnMut(Range<usize>)) {
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
                    freed(run);
                }
                run = unit.wrapping_add(1)..unit.wrapping_add(1);
            }
        }
        if !run.is_empty() {
            freed(run);
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

    /// The first free run of so many.
    pub(crate) fn find(&self, wanted: usize) -> Result<Option<usize>, Damage> {
        let levels = self.layout.levels();
        let Some(root) = levels.last() else { return Ok(None) };
        if wanted == 0 || self.node(root, 0).longest < wanted {
            return Ok(None);
        }
        let mut node = 0;
        for (level, below) in levels.iter().zip(levels.iter().skip(1)).rev().map(|(a, b)| (b, a)) {
            match self.find_below(level, node, below, wanted) {
                Some(Below::Here(unit)) => return Ok(Some(unit)),
                Some(Below::In(child)) => node = child,
                None => return Err(Damage::Tree),
            }
        }
        let place = bits::find(&self.chunk(node), wanted).ok_or(Damage::Tree)?;
        Ok(Some(node.wrapping_mul(BITS).wrapping_add(place)))
    }

    /// The first run among the children of a node: across several, or in one.
    fn find_below(
        &self,
        level: &Level,
        node: usize,
        below: &Level,
        wanted: usize,
    ) -> Option<Below> {
        let first = node.checked_mul(FAN).filter(|_| node < level.nodes)?;
        let mut run = 0_usize; // free units right before the child
        for child in first..first.saturating_add(FAN).min(below.nodes) {
            let runs = self.node(below, child);
            let here = child.wrapping_mul(below.span);
            if run > 0 && run.saturating_add(runs.start) >= wanted {
                return here.checked_sub(run).map(Below::Here);
            }
            if runs.longest >= wanted {
                return Some(Below::In(child));
            }
            let is_all = runs.start >= below.span;
            run = if is_all { run.saturating_add(below.span) } else { runs.end };
        }
        None
    }

    /// The longest free run, as it lies.
    pub(crate) fn find_longest(&self) -> Result<Option<Range<usize>>, Damage> {
        let longest = self.longest();
        let found = self.find(longest)?;
        Ok(found.map(|start| start..start.saturating_add(longest)))
    }

    fn chunk(&self, leaf: usize) -> [u64; WORDS] {
        let at = self.used_word(leaf.wrapping_mul(WORDS));
        core::array::from_fn(|word| self.memory.load(at.wrapping_add(word)))
    }

    /// What a node says, made possible.
    fn node(&self, level: &Level, index: usize) -> Runs {
        if index >= level.nodes {
            return Runs::NONE;
        }
        let at = level.at.wrapping_add(index.wrapping_mul(NODE));
        let longest = size(self.memory.load(at)).min(level.span);
        let ends = self.memory.load(at.wrapping_add(1));
        let (start, end) = (size(ends >> 32).min(longest), size(ends & 0xffff_ffff).min(longest));
        Runs { start, longest, end }
    }

    fn set_node(&self, level: &Level, index: usize, runs: Runs) {
        let at = level.at.wrapping_add(index.wrapping_mul(NODE));
        self.memory.store(at, word(runs.longest));
        self.memory.store(at.wrapping_add(1), (word(runs.start) << 32) | word(runs.end));
    }

    /// Makes the nodes anew that a range of units is under.
    pub(crate) fn renew(&self, range: &Range<usize>) {
        if range.is_empty() {
            return;
        }
        let mut below: Option<&Level> = None;
        let (mut first, mut last) = (range.start / BITS, range.end.wrapping_sub(1) / BITS);
        for level in self.layout.levels() {
            if below.is_some() {
                (first, last) = (first / FAN, last / FAN);
            }
            for index in first..=last.min(level.nodes.wrapping_sub(1)) {
                let runs = match below {
                    None => bits::runs(&self.chunk(index)),
                    Some(below) => self.joined(below, index),
                };
                self.set_node(level, index, runs);
            }
            below = Some(level);
        }
    }

    fn joined(&self, below: &Level, index: usize) -> Runs {
        let first = index.wrapping_mul(FAN);
        let mut runs = Runs::all(0);
        let mut span = 0_usize;
        for child in first..first.wrapping_add(FAN) {
            runs = runs.join(span, self.node(below, child), below.span);
            span = span.wrapping_add(below.span);
        }
        runs
    }

    /// Makes map and tree those of a pool without entries. The units that fill the last chunk are used for ever.
    pub(crate) fn clear(&self) {
        for at in self.layout.used..self.layout.prepared {
            self.memory.store(at, 0);
        }
        let end = self.layout.units.next_multiple_of(BITS);
        for (at, bits) in words(&(self.layout.units..end)) {
            self.memory.store(self.used_word(at), bits);
        }
        self.memory.store(head::FREE, word(self.layout.units));
    }
}

/// Where a run was found.
enum Below {
    /// It begins at this unit.
    Here(usize),
    /// It is within this node of the next level.
    In(usize),
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
mod tests;
