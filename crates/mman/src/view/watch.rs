//! What is lost of a mapping: written by the signal handler, asked by the view after each access.
#![expect(unsafe_code, reason = "repairs faults, in a signal handler")]

use crate::error::{Cause, ObjectKind};
use crate::page::{PageRange, PageSize};
use crate::signal::{self, Fault, Repair, zeros};
use core::ops::Range;
use core::sync::atomic::Ordering::{Relaxed, SeqCst};
use core::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, fence};
use mman_sys::Prot;

/// Somebody else writes there.
const GIVEN_UP: u8 = 1;
/// Somebody else writes there, since when nobody knows.
const BROKEN: u8 = 2;
/// No address.
const NOWHERE: usize = usize::MAX;
/// Pages that are tried one by one where nothing can be read: 256 MiB, which takes a quarter of a second at most.
const EACH: usize = 1 << 16;
/// Bad pages that are known one by one.
const SINGLE: usize = 16;

/// The addresses of one view, and which of them show zeros because nothing was there.
///
/// - W1: the addresses are of one area, which is not unmapped or moved while this is registered.
/// - W2: what is lost is noted before zeros are put there, so who reads such a zero finds the note afterwards.
/// - W3: from `tail` on everything is lost, to the end. `tail` only falls.
#[derive(Debug)]
pub(crate) struct Watch {
    pages: PageRange,
    prot: Prot,
    /// Whether the object is one that can become shorter.
    can_shrink: bool,
    /// Whether anything is: the one thing that is asked after every access.
    lost: AtomicBool,
    /// Why all of it is given up, whatever stands there: [`GIVEN_UP`], [`BROKEN`], 0 while it is not.
    all: AtomicU8,
    tail: AtomicUsize,
    /// Where single pages begin that could not be read or written.
    bad: [AtomicUsize; SINGLE],
    /// More such pages than that: the first one's start, the last one's end. What is between them counts as lost.
    bad_start: AtomicUsize,
    bad_end: AtomicUsize,
}

impl Watch {
    /// W1 is the caller's.
    pub(crate) const fn new(pages: PageRange, prot: Prot, kind: ObjectKind) -> Self {
        Self {
            pages,
            prot,
            can_shrink: !matches!(kind, ObjectKind::Anonymous),
            lost: AtomicBool::new(false),
            all: AtomicU8::new(0),
            tail: AtomicUsize::new(NOWHERE),
            bad: [const { AtomicUsize::new(NOWHERE) }; SINGLE],
            bad_start: AtomicUsize::new(NOWHERE),
            bad_end: AtomicUsize::new(0),
        }
    }

    /// Whether anything was lost up to now. After an access: whether it may have met zeros.
    #[inline]
    pub(crate) fn is_whole(&self) -> bool {
        // Together with W2: the loads of the access come before this one.
        fence(core::sync::atomic::Ordering::Acquire);
        !self.lost.load(Relaxed)
    }

    /// Why bytes at some addresses cannot be had, if anything of them was lost. `at` counts from `origin`.
    #[cold]
    pub(crate) fn cause_in(&self, addresses: &Range<usize>, origin: usize) -> Option<Cause> {
        if addresses.is_empty() {
            return None;
        }
        match self.all.load(Relaxed) {
            GIVEN_UP => return Some(Cause::LeaseGivenUp),
            BROKEN => return Some(Cause::LeaseBroken),
            _ => {}
        }
        let count = |address: usize| address.wrapping_sub(origin) as u64;
        let size = self.pages.page_size().bytes();
        let single = self.bad.iter().map(|start| start.load(Relaxed));
        let others = self.bad_start.load(Relaxed)..self.bad_end.load(Relaxed);
        let bad = single
            .map(|start| start..start.saturating_add(size))
            .chain(core::iter::once(others))
            .filter(|bad| bad.start < addresses.end && addresses.start < bad.end)
            .map(|bad| bad.start.max(addresses.start))
            .min();
        let tail = self.tail.load(Relaxed);
        let tail = (tail < addresses.end).then(|| tail.max(addresses.start));
        match (bad, tail) {
            (Some(bad), tail) if tail.is_none_or(|tail| bad <= tail) => {
                Some(Cause::Storage { at: count(bad) })
            }
            (_, tail) => tail.map(|tail| Cause::Truncated { at: count(tail) }),
        }
    }

    /// Notes that a page is gone, and what else: all that follows it, if the object became shorter.
    fn note(&self, page: PageRange) -> PageRange {
        let gone = if self.is_noted(page.start()) {
            page // by another thread, whose zeros may still be to come
        } else if self.can_shrink && self.ends_at(page) {
            let end = self.tail.fetch_min(page.start(), SeqCst).min(self.pages.end());
            PageRange::within(page.start()..end.max(page.end()), self.pages.page_size())
        } else {
            self.note_bad(page);
            page
        };
        self.lost.store(true, SeqCst);
        gone
    }

    fn is_noted(&self, address: usize) -> bool {
        self.cause_in(&(address..address.saturating_add(1)), 0).is_some()
    }

    /// Whether nothing can be read from a page on. Where a page behind it can, or the page itself and only not
    /// written, the object is as long as it was and its storage failed.
    ///
    /// The last page may have failed too, so that it alone proves nothing: each page is tried, up to the first that can
    /// be read. Behind [`EACH`] pages it is pages at doubling distances, and what is between them is given up with
    /// them.
    fn ends_at(&self, page: PageRange) -> bool {
        let size = self.pages.page_size();
        let end = self.tail.load(SeqCst).min(self.pages.end());
        // What can be read may be zeros that were put there meanwhile: those are noted, by W2.
        let is_there = |at| zeros::can_populate(at) && !self.is_noted(at);
        let mut distance = 0_usize;
        let mut at = page.start();
        while at < end {
            if is_there(at) {
                return false;
            }
            let each = distance >> size.log2() < EACH;
            distance = if each { distance.saturating_add(size.bytes()) } else { distance << 1 };
            at = page.start().saturating_add(distance);
        }
        // Another thread may have noted this very page meanwhile.
        page.start() >= end || !is_there(last_page(end, size))
    }

    /// Notes all of it as lost, because of a lease. Before anybody else is let in: who reads a byte of his finds the
    /// note afterwards.
    pub(crate) fn give_up(&self, why: Cause) {
        let number = if why == Cause::LeaseBroken { BROKEN } else { GIVEN_UP };
        self.all.fetch_max(number, SeqCst);
        self.lost.store(true, SeqCst);
    }

    /// Notes a page as one that cannot be read. Before zeros take its place.
    pub(crate) fn give_up_page(&self, address: usize) {
        let size = self.pages.page_size();
        self.note_bad(PageRange::within(address..address.saturating_add(size.bytes()), size));
        self.lost.store(true, SeqCst);
    }

    fn note_bad(&self, page: PageRange) {
        for single in &self.bad {
            match single.compare_exchange(NOWHERE, page.start(), SeqCst, SeqCst) {
                Ok(_) => return,
                Err(known) if known == page.start() => return,
                Err(_) => {}
            }
        }
        self.bad_start.fetch_min(page.start(), SeqCst);
        self.bad_end.fetch_max(page.end(), SeqCst);
    }
}

/// The start of the page before a page boundary.
const fn last_page(end: usize, page: PageSize) -> usize {
    end.wrapping_sub(page.bytes())
}

// SAFETY: atomics and memory calls only; what is mapped over is the view's own (W1), whose bytes nobody has a
// reference to.
unsafe impl Repair for Watch {
    fn repair(&self, fault: Fault) -> bool {
        let page = self.pages.page_size();
        let start = page.round_down(fault.address());
        let touched = PageRange::within(start..start.saturating_add(page.bytes()), page);
        if touched.is_empty() || !self.pages.contains(touched) {
            return false;
        }
        let gone = self.note(touched);
        // SAFETY: W1; the view tells of these zeros, by W2.
        let put = |pages| unsafe { zeros::put_zeros(pages, self.prot) }.is_ok();
        // So much may be more than the process may have, or may lock (mlockall): the one page will do. Where not even
        // that can be locked, it is zeros that were mapped before.
        // SAFETY: as above.
        let put_premade = || unsafe { zeros::put_premade(touched, self.prot) }.is_ok();
        if put(gone) || (gone != touched && put(touched)) || put_premade() {
            return true;
        }
        // At the limit of mappings nothing can be cut in two. All of it can be replaced, if there is room for the cuts
        // between it and neighbours that the kernel counts as one with it.
        self.tail.fetch_min(self.pages.start(), SeqCst);
        while !put(self.pages) {
            if !signal::release_spare() {
                return false;
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: usize = 4096;
    const START: usize = 16 * SIZE;

    /// Of pages that nobody touches: what is tested here makes no call.
    fn watch() -> Watch {
        let pages = PageRange::within(START..START + 64 * SIZE, PageSize::base());
        Watch::new(pages, Prot::READ, ObjectKind::File)
    }

    fn page(at: usize) -> PageRange {
        let start = START.saturating_add(at.saturating_mul(SIZE));
        PageRange::within(start..start.saturating_add(SIZE), PageSize::base())
    }

    /// The two are in the handler for one page. The second put its zeros there first, found its page noted, and went back
    /// to its instruction, which read a zero, before the first had said that anything is lost.
    #[test]
    fn who_finds_its_page_noted_by_another_says_that_something_is_lost() {
        let watch = watch();
        watch.tail.fetch_min(START + 8 * SIZE, SeqCst); // as far as the first one came
        assert_eq!(watch.note(page(9)), page(9));
        assert!(!watch.is_whole());
    }

    /// Another thread notes the page between the two looks of this one; the page before the end was there then, and it
    /// said that the storage had failed.
    #[test]
    fn a_page_that_another_noted_meanwhile_is_still_behind_the_end() {
        let memory = crate::Memory::new(4 * SIZE).unwrap();
        let start = memory.as_ptr().addr();
        let size = PageSize::base();
        let all = PageRange::within(start..start + 4 * SIZE, size);
        let watch = Watch::new(all, Prot::READ, ObjectKind::File);
        let third = PageRange::within(start + 2 * SIZE..start + 3 * SIZE, size);
        assert!(!watch.ends_at(third), "it can be read");
        watch.tail.fetch_min(third.start(), SeqCst);
        assert!(watch.ends_at(third));
    }

    #[test]
    fn the_first_lost_byte_of_a_range_is_named() {
        let watch = watch();
        let cause =
            |bytes: Range<usize>| watch.cause_in(&(START + bytes.start..START + bytes.end), START);
        for at in [5, 9, 5] {
            watch.note_bad(page(at));
        }
        watch.tail.fetch_min(START + 20 * SIZE, SeqCst);
        let storage = |at: usize| Some(Cause::Storage { at: at as u64 });
        let truncated = |at: usize| Some(Cause::Truncated { at: at as u64 });
        assert_eq!(cause(0..5 * SIZE), None);
        assert_eq!(cause(0..5 * SIZE + 1), storage(5 * SIZE));
        assert_eq!(cause(6 * SIZE - 1..64 * SIZE), storage(6 * SIZE - 1));
        assert_eq!(cause(6 * SIZE..9 * SIZE), None);
        assert_eq!(cause(6 * SIZE..64 * SIZE), storage(9 * SIZE));
        assert_eq!(cause(10 * SIZE..20 * SIZE), None);
        assert_eq!(cause(10 * SIZE..20 * SIZE + 1), truncated(20 * SIZE));
        assert_eq!(cause(33 * SIZE + 7..40 * SIZE), truncated(33 * SIZE + 7));
        assert_eq!(cause(5 * SIZE + 9..5 * SIZE + 9), None, "no byte of it");
    }

    #[test]
    fn more_bad_pages_than_there_are_places_for_are_still_bad() {
        let watch = watch();
        for at in 0..SINGLE + 3 {
            watch.note_bad(page(2 * at));
        }
        for at in 0..SINGLE + 3 {
            assert!(watch.is_noted(START + 2 * at * SIZE), "page {at}");
        }
        for at in 0..SINGLE {
            assert!(!watch.is_noted(START + (2 * at + 1) * SIZE), "between two that are known");
        }
    }
}
