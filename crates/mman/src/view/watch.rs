//! What is lost of a mapping: written by the signal handler, asked by the view after each access.
#![expect(unsafe_code, reason = "repairs faults, in a signal handler")]

use crate::area;
use crate::error::Cause;
use crate::page::{PageRange, PageSize};
use crate::signal::{Fault, Repair};
use core::ops::Range;
use core::sync::atomic::Ordering::{Relaxed, SeqCst};
use core::sync::atomic::{AtomicBool, AtomicUsize, fence};
use mman_sys::Prot;

/// No address.
const NOWHERE: usize = usize::MAX;

/// The addresses of one view, and which of them show zeros because nothing was there.
///
/// - W1: the addresses are of one area, which is not unmapped or moved while this is registered.
/// - W2: what is lost is noted before zeros are put there, so who reads such a zero finds the note afterwards.
/// - W3: from `tail` on everything is lost, to the end. `tail` only falls.
#[derive(Debug)]
pub(crate) struct Watch {
    pages: PageRange,
    prot: Prot,
    /// Whether anything is: the one thing that is asked after every access.
    lost: AtomicBool,
    tail: AtomicUsize,
    /// Single pages that could not be read or written: the first one's start and the last one's end.
    bad_start: AtomicUsize,
    bad_end: AtomicUsize,
}

impl Watch {
    /// W1 is the caller's.
    pub(crate) const fn new(pages: PageRange, prot: Prot) -> Self {
        Self {
            pages,
            prot,
            lost: AtomicBool::new(false),
            tail: AtomicUsize::new(NOWHERE),
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
        let count = |address: usize| address.max(addresses.start).wrapping_sub(origin) as u64;
        let bad = self.bad_start.load(Relaxed)..self.bad_end.load(Relaxed);
        let tail = self.tail.load(Relaxed);
        let is_bad = bad.start < addresses.end && addresses.start < bad.end;
        if is_bad && count(bad.start) < count(tail) {
            return Some(Cause::Storage { at: count(bad.start) });
        }
        (tail < addresses.end).then(|| Cause::Truncated { at: count(tail) })
    }

    /// Notes that a page is gone, and what else: all that follows it, if the object became shorter.
    fn note(&self, page: PageRange) -> PageRange {
        let end = self.tail.load(SeqCst).min(self.pages.end());
        let is_tail =
            page.start() >= end || !area::can_populate(last_page(end, self.pages.page_size()));
        let gone = if is_tail {
            self.tail.fetch_min(page.start(), SeqCst);
            let to = if page.start() >= end { page.end() } else { end };
            PageRange::within(page.start()..to, self.pages.page_size())
        } else {
            self.bad_start.fetch_min(page.start(), SeqCst);
            self.bad_end.fetch_max(page.end(), SeqCst);
            page
        };
        self.lost.store(true, SeqCst);
        gone
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
        if unsafe { area::put_zeros(gone, self.prot) }.is_ok() {
            return true;
        }
        // Where all new memory is locked (mlockall) there may be no room under the limit for all, but for a page.
        // SAFETY: as above.
        if unsafe { area::put_zeros(touched, self.prot) }.is_ok() {
            return true;
        }
        // At the limit of mappings nothing can be cut in two. All of it can be replaced.
        self.tail.fetch_min(self.pages.start(), SeqCst);
        // SAFETY: as above.
        unsafe { area::put_zeros(self.pages, self.prot) }.is_ok()
    }
}
