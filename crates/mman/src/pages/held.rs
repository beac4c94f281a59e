//! The pages that live lock guards hold, counted: the kernel's own locks do not stack.
#![expect(unsafe_code, reason = "shares a registry that is never given back")]

use crate::process::generation;
use core::ops::Range;
use core::ptr::null_mut;
use core::sync::atomic::AtomicPtr;
use core::sync::atomic::Ordering::{AcqRel, Acquire};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What guards hold in one process. A child has none of its parent's locks, so it begins with a registry of its own: the
/// parent's may be in the hands of a thread that the child does not have.
struct Registry {
    generation: u32,
    held: Mutex<Held>,
}

/// The newest registry. Older ones are the parent's, and are never given back: a guard of a thread may be in them.
static REGISTRY: AtomicPtr<Registry> = AtomicPtr::new(null_mut());

/// The pages of this process that guards hold. Whoever has this alone may lock and unlock.
pub(crate) fn all() -> MutexGuard<'static, Held> {
    generation::prepare();
    registry(generation::current()).held.lock().unwrap_or_else(PoisonError::into_inner)
}

fn registry(generation: u32) -> &'static Registry {
    loop {
        let newest = REGISTRY.load(Acquire);
        // SAFETY: null, or a registry that was leaked below.
        if let Some(known) = unsafe { newest.as_ref() }.filter(|one| one.generation == generation) {
            return known;
        }
        let fresh = Box::into_raw(Box::new(Registry { generation, held: Mutex::new(Held::new()) }));
        if REGISTRY.compare_exchange(newest, fresh, AcqRel, Acquire).is_err() {
            // SAFETY: nobody has seen it.
            drop(unsafe { Box::from_raw(fresh) });
        }
    }
}

/// Ranges of addresses, each with the guards that hold it.
///
/// H1: no range is empty, none overlaps another, each has a guard.
#[derive(Debug)]
pub(crate) struct Held {
    /// By their first addresses.
    ranges: BTreeMap<usize, Part>,
}

#[derive(Clone, Copy, Debug)]
struct Part {
    end: usize,
    guards: usize,
    /// Every guard of it is content with pages that are locked when they are touched.
    on_fault: bool,
    /// It was locked by another's will too: when the last guard goes, it stays locked.
    stays: bool,
}

impl Held {
    const fn new() -> Self {
        Self { ranges: BTreeMap::new() }
    }

    /// Makes an address a boundary between ranges.
    fn cut(&mut self, at: usize) {
        let Some((_, part)) = self.ranges.range_mut(..at).next_back() else { return };
        if part.end > at {
            let upper = *part;
            part.end = at;
            self.ranges.insert(at, upper);
        }
    }

    /// What of a range no guard holds.
    fn free_in(&self, range: &Range<usize>) -> Vec<Range<usize>> {
        let below = self.ranges.range(..range.start).next_back();
        let mut at = below.map_or(range.start, |(_, part)| part.end.max(range.start));
        let mut free = Vec::new();
        for (&start, part) in self.ranges.range(range.clone()) {
            if at < start {
                free.push(at..start);
            }
            at = part.end.max(at);
        }
        if at < range.end {
            free.push(at..range.end);
        }
        free
    }

    /// One guard more for a range. What others than guards had locked `before` stays locked when it goes.
    pub(crate) fn add(&mut self, range: &Range<usize>, before: &[Range<usize>], on_fault: bool) {
        let new = self.free_in(range);
        self.cut(range.start);
        self.cut(range.end);
        for (_, part) in self.ranges.range_mut(range.clone()) {
            part.guards = part.guards.saturating_add(1);
            part.on_fault &= on_fault;
        }
        for free in new {
            self.ranges
                .insert(free.start, Part { end: free.end, guards: 1, on_fault, stays: false });
            for locked in before {
                let start = locked.start.max(free.start);
                let end = locked.end.min(free.end);
                if start < end {
                    self.cut(start);
                    self.cut(end);
                    self.ranges.range_mut(start..end).for_each(|(_, part)| part.stays = true);
                }
            }
        }
    }

    /// One guard less for a range; with `keep` its pages stay locked. Answers what is to be unlocked.
    pub(crate) fn remove(&mut self, range: &Range<usize>, keep: bool) -> Vec<Range<usize>> {
        self.cut(range.start);
        self.cut(range.end);
        let mut unlocked = Vec::new();
        for (&start, part) in self.ranges.range_mut(range.clone()) {
            part.guards = part.guards.saturating_sub(1);
            part.stays |= keep;
            if part.guards == 0 && !part.stays {
                unlocked.push(start..part.end);
            }
        }
        self.ranges.retain(|_, part| part.guards > 0);
        unlocked
    }

    /// What of a range is nobody's but a guard's from now on. Answers what no guard holds, to be unlocked at once.
    pub(crate) fn leave_to_guards(&mut self, range: &Range<usize>) -> Vec<Range<usize>> {
        self.cut(range.start);
        self.cut(range.end);
        self.ranges.range_mut(range.clone()).for_each(|(_, part)| part.stays = false);
        self.free_in(range)
    }

    /// All of it is locked by another's will too, or no longer.
    pub(crate) fn all_stay(&mut self, stay: bool) {
        self.ranges.values_mut().for_each(|part| part.stays = stay);
    }

    /// Each range that guards hold, and whether on-fault locks are enough for it.
    pub(crate) fn each(&self) -> impl Iterator<Item = (Range<usize>, bool)> {
        self.ranges.iter().map(|(&start, part)| (start..part.end, part.on_fault))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranges(held: &Held) -> Vec<Range<usize>> {
        held.each().map(|(range, _)| range).collect()
    }

    #[test]
    fn the_last_guard_of_a_page_unlocks_it() {
        let mut held = Held::new();
        held.add(&(10..30), &[], false);
        held.add(&(20..40), &[], false);
        assert_eq!(ranges(&held), [10..20, 20..30, 30..40]);
        assert_eq!(held.remove(&(10..30), false), std::slice::from_ref(&(10..20)));
        assert_eq!(held.remove(&(20..40), false), [20..30, 30..40]);
        assert!(ranges(&held).is_empty());
    }

    #[test]
    fn a_guard_inside_another_and_one_around_both() {
        let mut held = Held::new();
        held.add(&(20..30), &[], true);
        held.add(&(10..40), &[], false);
        held.add(&(0..50), &[], false);
        assert!(held.remove(&(10..40), false).is_empty());
        assert_eq!(held.remove(&(0..50), false), [0..10, 10..20, 30..40, 40..50]);
        assert_eq!(held.each().collect::<Vec<_>>(), [(20..30, false)]);
        assert_eq!(held.remove(&(20..30), false), std::slice::from_ref(&(20..30)));
    }

    #[test]
    fn what_was_locked_before_or_is_kept_stays() {
        let mut held = Held::new();
        held.add(&(0..100), std::slice::from_ref(&(30..40)), false);
        assert_eq!(held.remove(&(0..100), false), [0..30, 40..100]);
        held.add(&(0..10), &[], false);
        held.add(&(0..10), &[], false);
        assert!(held.remove(&(0..10), true).is_empty());
        assert!(held.remove(&(0..10), false).is_empty(), "the first one was kept");
        held.add(&(0..10), &[], false);
        held.add(&(5..20), &[], false);
        assert!(held.remove(&(0..10), true).is_empty());
        assert_eq!(held.leave_to_guards(&(0..30)), [0..5, 20..30], "unlocked by will");
        assert_eq!(held.remove(&(5..20), false), [5..10, 10..20]);
    }
}
