//! Which process this is: a number that a forked child finds changed, without a call.
#![expect(unsafe_code, reason = "reads a page that a fork empties")]

use crate::area::{Area, Place, Request};
use crate::error::{ObjectKind, Operation};
use crate::page::PageSize;
use core::ptr::null_mut;
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use core::sync::atomic::{AtomicPtr, AtomicU32};
use mman_sys::{Advice, MapFlags, Prot};

/// A page that reads as zeros in a child. Mapped once, and never unmapped.
static PAGE: AtomicPtr<AtomicU32> = AtomicPtr::new(null_mut());
/// The last number given.
static LAST: AtomicU32 = AtomicU32::new(0);

/// The number of this process. Without a page (before [`prepare`], or where the kernel has no `MADV_WIPEONFORK`)
/// it is 0 in the parent and in the child.
pub(crate) fn current() -> u32 {
    // SAFETY: null, or the page of `prepare`, which holds an atomic word and is never unmapped.
    let Some(number) = (unsafe { PAGE.load(Acquire).as_ref() }) else { return 0 };
    match number.load(Relaxed) {
        0 => {
            let fresh = LAST.fetch_add(1, Relaxed).wrapping_add(1).max(1);
            // Where two threads get here at once, the first one's number counts.
            number
                .compare_exchange(0, fresh, Relaxed, Relaxed)
                .map_or_else(|first| first, |_| fresh)
        }
        known => known,
    }
}

/// Maps the page. Where that fails, children are not told apart.
pub(crate) fn prepare() {
    if !PAGE.load(Relaxed).is_null() {
        return;
    }
    let page = PageSize::base();
    let request = Request {
        kind: ObjectKind::Anonymous,
        len: page.bytes(),
        page,
        prot: Prot::READ | Prot::WRITE,
        flags: MapFlags::PRIVATE | MapFlags::ANONYMOUS,
        fd: -1,
        offset: 0,
    };
    // SAFETY: nothing is replaced, and there is no descriptor.
    let Ok(area) = (unsafe { Area::map(request, Place::Anywhere) }) else { return };
    // SAFETY: what a child loses is this page, which is made for that.
    let wiped = unsafe { area.advise(Operation::OnFork, area.whole(), Advice::WIPEONFORK) };
    if wiped.is_ok() {
        let fresh = area.leak().cast();
        if PAGE.compare_exchange(null_mut(), fresh, Release, Relaxed).is_err() {
            // Another thread was first; a page of addresses is lost, once.
        }
    }
}
