//! The tree of the free runs: what its nodes tell, looking for room, and changing what is used.
//!
//! - T1: a node tells the free runs of its stretch: longest, first, last; and whether a unit of it is shared.
//! - T2: a node that tells that all is free, or that nothing is free or shared, *speaks for its stretch*: what stands below
//!   it, nodes and bits, says nothing, and is not looked at. So a large range is changed by a few stores.
//! - T3: a node has a seal, made of what it tells and of its place. One that somebody wrote over is found, and nothing
//!   below it is given to anybody.
//!
//! ```text
//!                    use all of it                          share a part: all below is written first
//!   ALL FREE -------------------------------> NONE FREE ------------------------------------------> NONE FREE, SHARED
//!     ^  |    <-------------------------------  ^  |                                                    |
//!     |  |           free all of it             |  |   <------------------------------------------------+
//!     |  | use a part, all below is             |  | free a part, all below is              the last one
//!     |  v written first                        |  v written first
//!     +-- SOME FREE ----------------------------+ SOME FREE
//! ```

use crate::bits::{self, BITS, Runs, WORDS, mask};
use crate::damage::Damage;
use crate::layout::{FAN, Level, NODE};
use crate::memory::Memory;
use crate::number::{size, word};
use crate::space::Table;
use core::ops::Range;

/// Of a node's first word: whether a unit is shared, and what is not the seal.
const SHARED: u64 = 1 << 32;
const TOLD: u64 = (1 << 33) - 1;

/// What a node tells of its stretch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) runs: Runs,
    pub(crate) is_shared: bool,
}

impl Told {
    /// All is used, by one each.
    pub(crate) const USED: Self = Self { runs: Runs::NONE, is_shared: false };

    pub(crate) const fn free(span: usize) -> Self {
        Self { runs: Runs::all(span), is_shared: false }
    }

    fn is_free(&self, span: usize) -> bool {
        self.runs.longest >= span
    }

    /// T2: whether it speaks for its stretch.
    fn speaks(&self, span: usize) -> bool {
        self.is_free(span) || *self == Self::USED
    }

    /// What a child tells below a node that speaks for its stretch.
    fn below(&self, span: usize) -> Self {
        if self.runs.longest == 0 { Self::USED } else { Self::free(span) }
    }
}

/// How a range is to be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// Free units are used from now on.
    Use,
    /// Used units that nobody shares are free from now on.
    Free,
    /// Used units are had by one more.
    Share,
    /// Shared units are had by one less; others stay.
    Unshare,
}

/// What is in a range.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) used: bool,
    pub(crate) free: bool,
    pub(crate) shared: bool,
}

/// A node: its level, leaves being 0, and its number there.
#[derive(Clone, Copy, Debug)]
struct Place {
    depth: usize,
    index: usize,
}

/// Where a run was found.
enum Below {
    /// It begins at this unit.
    Here(usize),
    /// It is within this node of the next level.
    In(usize),
}

/// T3.
fn seal(told: u64, ends: u64, at: usize) -> u64 {
    let mixed = told.wrapping_mul(0x9e37_79b9_7f4a_7c15)
        ^ ends.wrapping_mul(0xc2b2_ae3d_27d4_eb4f)
        ^ word(at).wrapping_add(1).wrapping_mul(0xd6e8_feb8_6659_fd93);
    mixed & !TOLD
}

/// What the words of a node tell, made possible.
#[inline]
fn possible(first: u64, ends: u64, span: usize) -> Told {
    let longest = size(first & 0xffff_ffff).min(span);
    let (start, end) = (size(ends >> 32).min(longest), size(ends & 0xffff_ffff).min(longest));
    Told { runs: Runs { start, longest, end }, is_shared: first & SHARED != 0 }
}

/// The words of a chunk that a range reaches: number in the chunk, and bits.
fn words_of(leaf: usize, range: &Range<usize>) -> impl Iterator<Item = (usize, u64)> + use<> {
    let base = leaf.wrapping_mul(BITS);
    let start = range.start.saturating_sub(base);
    let end = range.end.saturating_sub(base).min(BITS);
    (start >> 6..end.saturating_add(63) >> 6).map(move |at| {
        let first = at << 6;
        (at, mask(start.saturating_sub(first), end.saturating_sub(first)))
    })
}

impl<M: Memory> Table<M> {
    fn level(&self, depth: usize) -> Level {
        self.layout.levels().get(depth).copied().unwrap_or_default()
    }

    fn root(&self) -> Place {
        Place { depth: self.layout.levels().len().saturating_sub(1), index: 0 }
    }

    /// The longest free run, as far as it is told at a moment: for who has not the lock too.
    pub(crate) fn longest(&self) -> usize {
        let root = self.level(self.root().depth);
        size(self.memory.load(root.at) & 0xffff_ffff).min(self.layout.units)
    }

    fn told(&self, Place { depth, index }: Place) -> Result<Told, Damage> {
        self.told_at(&self.level(depth), index)
    }

    #[inline]
    fn told_at(&self, level: &Level, index: usize) -> Result<Told, Damage> {
        if index >= level.nodes {
            return Ok(Told::USED);
        }
        let at = level.at.wrapping_add(index.wrapping_mul(NODE));
        let (first, ends) = (self.memory.load(at), self.memory.load(at.wrapping_add(1)));
        if first & !TOLD != seal(first & TOLD, ends, at) {
            return Err(Damage::Tree);
        }
        Ok(possible(first, ends, level.span))
    }

    pub(crate) fn tell(&self, level: &Level, index: usize, told: Told) {
        if index >= level.nodes {
            return;
        }
        let at = level.at.wrapping_add(index.wrapping_mul(NODE));
        let Told { runs: Runs { start, longest, end }, is_shared } = told;
        let ends = (word(start) << 32) | word(end);
        let first = word(longest) | if is_shared { SHARED } else { 0 };
        self.memory.store(at, first | seal(first, ends, at));
        self.memory.store(at.wrapping_add(1), ends);
    }

    /// Changes a range.
    pub(crate) fn change(&self, range: &Range<usize>, change: Change) -> Result<(), Damage> {
        if range.is_empty() {
            return Ok(());
        }
        self.change_at(self.root(), range, change).map(drop)
    }

    /// The same below a node; whether it tells anything else then.
    fn change_at(
        &self,
        place: Place,
        range: &Range<usize>,
        change: Change,
    ) -> Result<bool, Damage> {
        let Place { depth, index } = place;
        let level = self.level(depth);
        let now = self.told_at(&level, index)?;
        let start = index.wrapping_mul(level.span);
        let is_whole = range.start <= start && start.wrapping_add(level.span) <= range.end;
        let then = match change {
            Change::Use if is_whole && now.is_free(level.span) => Told::USED,
            Change::Free if is_whole && now == Told::USED => Told::free(level.span),
            Change::Use | Change::Free if is_whole => return Err(Damage::Units),
            _ if depth == 0 => self.change_leaf(index, now, range, change)?,
            _ => self.change_children(place, now, range, change)?,
        };
        if then == now {
            return Ok(false);
        }
        self.tell(&level, index, then);
        Ok(true)
    }

    fn change_children(
        &self,
        Place { depth, index }: Place,
        now: Told,
        range: &Range<usize>,
        change: Change,
    ) -> Result<Told, Damage> {
        let (depth, span) = (depth.wrapping_sub(1), self.level(depth).span);
        let below = self.level(depth);
        let first = index.wrapping_mul(FAN);
        let all = first..first.wrapping_add(FAN);
        if now.speaks(span) {
            all.clone().for_each(|child| self.tell(&below, child, now.below(below.span)));
        }
        // Spans are powers of two.
        let shift = below.span.trailing_zeros();
        let (from, last) = (range.start >> shift, range.end.wrapping_sub(1) >> shift);
        let mut is_other = false;
        for child in from.max(all.start)..last.wrapping_add(1).min(all.end) {
            is_other |= self.change_at(Place { depth, index: child }, range, change)?;
        }
        Ok(if is_other { self.joined(&below, index) } else { now })
    }

    /// The same in a chunk. Its bits are those that the leaf tells of, or nothing was given.
    fn change_leaf(
        &self,
        leaf: usize,
        now: Told,
        range: &Range<usize>,
        change: Change,
    ) -> Result<Told, Damage> {
        let is_new = now.speaks(BITS);
        let mut chunk = self.chunk(leaf, now);
        if !is_new && bits::runs(&chunk) != now.runs {
            return Err(Damage::Units);
        }
        for (at, bits) in words_of(leaf, range) {
            let Some(used) = chunk.get_mut(at) else { break };
            let is_so =
                if change == Change::Use { *used & bits == 0 } else { *used & bits == bits };
            if !is_so {
                return Err(Damage::Units);
            }
            match change {
                Change::Use => *used |= bits,
                Change::Free => *used &= !bits,
                Change::Share => self.share(leaf.wrapping_mul(WORDS).wrapping_add(at), bits),
                Change::Unshare => self.unshare(leaf.wrapping_mul(WORDS).wrapping_add(at), bits),
            }
            if !is_new {
                self.set_used(leaf, at, *used);
            }
        }
        let runs = bits::runs(&chunk);
        let is_shared = match change {
            Change::Share => true,
            Change::Unshare => self.shares(leaf),
            Change::Use | Change::Free => now.is_shared,
        };
        let then = Told { runs, is_shared };
        if is_new && !then.speaks(BITS) {
            chunk.iter().enumerate().for_each(|(at, used)| self.set_used(leaf, at, *used));
        }
        Ok(then)
    }

    fn set_used(&self, leaf: usize, at: usize, used: u64) {
        let at = self.used_word(leaf.wrapping_mul(WORDS).wrapping_add(at));
        self.memory.store(at, used);
    }

    /// The bits of the used units of a chunk.
    fn chunk(&self, leaf: usize, told: Told) -> [u64; WORDS] {
        if told.speaks(BITS) {
            return [if told.is_free(BITS) { 0 } else { u64::MAX }; WORDS];
        }
        self.chunk_below(leaf)
    }

    /// The words of a chunk, whatever stands above them.
    pub(crate) fn chunk_below(&self, leaf: usize) -> [u64; WORDS] {
        let at = self.used_word(leaf.wrapping_mul(WORDS));
        core::array::from_fn(|word| self.memory.load(at.wrapping_add(word)))
    }

    /// Whether a unit of a chunk is shared.
    pub(crate) fn shares(&self, leaf: usize) -> bool {
        let at = self.shared_word(leaf.wrapping_mul(WORDS));
        (0..WORDS).any(|word| self.memory.load(at.wrapping_add(word)) != 0)
    }

    /// What is in a range.
    pub(crate) fn see(&self, range: &Range<usize>) -> Result<Seen, Damage> {
        let mut seen = Seen::default();
        if !range.is_empty() {
            self.see_at(self.root(), range, &mut seen)?;
        }
        Ok(seen)
    }

    fn see_at(&self, place: Place, range: &Range<usize>, seen: &mut Seen) -> Result<(), Damage> {
        let Place { depth, index } = place;
        let (level, told) = (self.level(depth), self.told(place)?);
        let start = index.wrapping_mul(level.span);
        let is_whole = range.start <= start && start.wrapping_add(level.span) <= range.end;
        if is_whole || told.speaks(level.span) {
            seen.used |= !told.is_free(level.span);
            seen.free |= told.runs.longest > 0;
            seen.shared |= told.is_shared;
            return Ok(());
        }
        if depth == 0 {
            let chunk = self.chunk(index, told);
            for (at, bits) in words_of(index, range) {
                let used = chunk.get(at).copied().unwrap_or(0);
                let shared = self.shared_word(index.wrapping_mul(WORDS).wrapping_add(at));
                seen.used |= used & bits != 0;
                seen.free |= used & bits != bits;
                seen.shared |= told.is_shared && self.memory.load(shared) & bits != 0;
            }
            return Ok(());
        }
        let below = self.level(depth.wrapping_sub(1)).span;
        let first = range.start.max(start).checked_div(below).unwrap_or(0);
        let end = range.end.min(start.wrapping_add(level.span));
        for child in first..crate::number::up(end, below) {
            self.see_at(Place { depth: depth.wrapping_sub(1), index: child }, range, seen)?;
        }
        Ok(())
    }

    /// Tells the words of the tree and of the map in which another table of this layout is different. What a node of both speaks
    /// for is not looked at (T2).
    pub(crate) fn differences<N: Memory>(&self, other: &Table<N>, tell: &mut dyn FnMut(usize)) {
        self.differ_at(other, self.root(), tell);
    }

    fn differ_at<N: Memory>(&self, other: &Table<N>, place: Place, tell: &mut dyn FnMut(usize)) {
        let Place { depth, index } = place;
        let level = self.level(depth);
        if index >= level.nodes {
            return;
        }
        let differ = |at: usize| self.memory.load(at) != other.memory.load(at);
        let at = level.at.wrapping_add(index.wrapping_mul(NODE));
        if (at..at.wrapping_add(NODE)).any(differ) {
            return tell(at);
        }
        let Ok(told) = self.told_at(&level, index) else { return tell(at) };
        if told.speaks(level.span) {
            return;
        }
        if depth > 0 {
            let first = index.wrapping_mul(FAN);
            let place = |index| Place { depth: depth.wrapping_sub(1), index };
            return (first..first.wrapping_add(FAN))
                .for_each(|child| self.differ_at(other, place(child), tell));
        }
        for word in index.wrapping_mul(WORDS)..index.wrapping_add(1).wrapping_mul(WORDS) {
            let both = [self.used_word(word), self.shared_word(word)];
            both.into_iter().filter(|at| differ(*at)).for_each(&mut *tell);
        }
    }

    /// Whether a unit is used, and where a stretch ends that is as it is; there may be more of it behind.
    pub(crate) fn stretch(&self, unit: usize) -> Result<(bool, usize), Damage> {
        for (depth, level) in self.layout.levels().iter().enumerate().rev() {
            let index = unit.checked_div(level.span).unwrap_or(0);
            let told = self.told_at(level, index)?;
            let end = index.wrapping_add(1).wrapping_mul(level.span);
            if told.runs.longest == 0 || told.is_free(level.span) {
                return Ok((told.runs.longest == 0, end));
            }
            if depth == 0 {
                let at = unit.wrapping_rem(BITS);
                let used = self.chunk(index, told).get(at >> 6).copied().unwrap_or(0) >> (at & 63);
                let is_used = used & 1 != 0;
                let same = if is_used { used.trailing_ones() } else { used.trailing_zeros() };
                // As far as the word goes.
                let most = 64_usize.wrapping_sub(at & 63);
                return Ok((is_used, unit.wrapping_add(most.min(same as usize))));
            }
        }
        Err(Damage::Tree)
    }

    /// The first free run of so many.
    pub(crate) fn find(&self, wanted: usize) -> Result<Option<usize>, Damage> {
        let mut place = self.root();
        let mut told = self.told(place)?;
        if wanted == 0 || told.runs.longest < wanted {
            return Ok(None);
        }
        while place.depth > 0 {
            let level = self.level(place.depth);
            if told.is_free(level.span) {
                return Ok(Some(place.index.wrapping_mul(level.span)));
            }
            match self.find_below(place, wanted)?.ok_or(Damage::Tree)? {
                (Below::Here(unit), _) => return Ok(Some(unit)),
                (Below::In(child), below) => {
                    (place, told) =
                        (Place { depth: place.depth.wrapping_sub(1), index: child }, below);
                }
            }
        }
        let found = bits::find(&self.chunk(place.index, told), wanted).ok_or(Damage::Tree)?;
        Ok(Some(place.index.wrapping_mul(BITS).wrapping_add(found)))
    }

    /// The first run among the children of a node: across several, or in one, which tells this.
    fn find_below(
        &self,
        Place { depth, index }: Place,
        wanted: usize,
    ) -> Result<Option<(Below, Told)>, Damage> {
        let below = self.level(depth.wrapping_sub(1));
        let first = index.wrapping_mul(FAN);
        let mut run = 0_usize; // free units right before the child
        for child in first..first.saturating_add(FAN).min(below.nodes) {
            let told = self.told_at(&below, child)?;
            let here = child.wrapping_mul(below.span);
            if run > 0 && run.saturating_add(told.runs.start) >= wanted {
                return Ok(here.checked_sub(run).map(|unit| (Below::Here(unit), told)));
            }
            if told.runs.longest >= wanted {
                return Ok(Some((Below::In(child), told)));
            }
            let is_all = told.is_free(below.span);
            run = if is_all { run.saturating_add(below.span) } else { told.runs.end };
        }
        Ok(None)
    }

    /// The longest free run, as it lies.
    pub(crate) fn find_longest(&self) -> Result<Option<Range<usize>>, Damage> {
        let longest = self.longest();
        let found = self.find(longest)?;
        Ok(found.map(|start| start..start.saturating_add(longest)))
    }

    /// Makes all nodes anew, from the words below them.
    pub(crate) fn renew(&self) {
        let mut below: Option<&Level> = None;
        for level in self.layout.levels() {
            for index in 0..level.nodes {
                let told = match below {
                    None => {
                        let runs = bits::runs(&self.chunk_below(index));
                        Told { runs, is_shared: self.shares(index) }
                    }
                    Some(below) => self.joined(below, index),
                };
                self.tell(level, index, told);
            }
            below = Some(level);
        }
    }

    /// What the children of a node tell together. Seals are not looked at: a child that somebody damaged is found by whoever
    /// goes there.
    fn joined(&self, below: &Level, index: usize) -> Told {
        let first = index.wrapping_mul(FAN);
        let mut joined = Told { runs: Runs::all(0), is_shared: false };
        let mut before = 0_usize;
        for child in first..first.wrapping_add(FAN) {
            let told = if child < below.nodes {
                let at = below.at.wrapping_add(child.wrapping_mul(NODE));
                possible(self.memory.load(at), self.memory.load(at.wrapping_add(1)), below.span)
            } else {
                Told::USED
            };
            joined.runs = joined.runs.join(before, told.runs, below.span);
            joined.is_shared |= told.is_shared;
            before = before.wrapping_add(below.span);
        }
        joined
    }
}

#[cfg(test)]
impl<M: Memory> Table<M> {
    /// T1 to T3, for all nodes that say something.
    pub(crate) fn assert_tree(&self) {
        self.assert_below(self.root());
    }

    fn assert_below(&self, place: Place) {
        let Place { depth, index } = place;
        let (level, told) = (self.level(depth), self.told(place).expect("a seal"));
        if told.speaks(level.span) {
            return;
        }
        if depth == 0 {
            assert_eq!(told.runs, bits::runs(&self.chunk(index, told)), "leaf {index}");
            assert_eq!(told.is_shared, self.shares(index), "leaf {index}");
            return;
        }
        let below = self.level(depth.wrapping_sub(1));
        assert_eq!(told, self.joined(&below, index), "level {depth}, node {index}");
        let first = index.wrapping_mul(FAN);
        for child in first..first.wrapping_add(FAN).min(below.nodes) {
            self.assert_below(Place { depth: depth.wrapping_sub(1), index: child });
        }
    }
}
