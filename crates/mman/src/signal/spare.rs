//! Mappings that are there to be given up: past the limit of mappings the kernel refuses even to replace one, and a repair
//! needs room for that.
#![expect(unsafe_code, reason = "maps pages, and unmaps them")]

use crate::area::{Area, Place, Request};
use crate::error::ObjectKind;
use crate::page::PageSize;
use core::ffi::c_void;
use core::ptr::null_mut;
use core::sync::atomic::AtomicPtr;
use core::sync::atomic::Ordering::{AcqRel, Relaxed, Release};
use mman_sys::{MapFlags, Prot};

/// How often a process may run into its limit before it makes a view again.
const SPARES: usize = 64;

/// Null, or the start of a page that nobody touches and only who takes the pointer out unmaps.
static PAGES: [AtomicPtr<c_void>; SPARES] = [const { AtomicPtr::new(null_mut()) }; SPARES];

/// Maps the pages that are not there. Where that fails, there are fewer.
pub(super) fn prepare() {
    for place in &PAGES {
        if !place.load(Relaxed).is_null() {
            continue;
        }
        let Some(fresh) = map() else { return };
        if place.compare_exchange(null_mut(), fresh, Release, Relaxed).is_err() {
            unmap(fresh); // another thread was first
        }
    }
}

fn map() -> Option<*mut c_void> {
    let page = PageSize::base();
    let request = Request {
        kind: ObjectKind::Anonymous,
        len: page.bytes(),
        page,
        prot: Prot::empty(),
        // Shared: it becomes one mapping with no neighbour, which would make it worth nothing.
        flags: MapFlags::SHARED | MapFlags::ANONYMOUS | MapFlags::NORESERVE,
        fd: -1,
        offset: 0,
    };
    // SAFETY: nothing is replaced, and there is no descriptor.
    let area = unsafe { Area::map(request, Place::Anywhere) }.ok()?;
    Some(area.leak().cast())
}

/// Gives a page up, and tells whether there is room for one mapping more now. Takes no lock: for signal handlers.
pub(crate) fn release() -> bool {
    let taken = PAGES.iter().map(|place| place.swap(null_mut(), AcqRel));
    taken.into_iter().find(|page| !page.is_null()).is_some_and(unmap)
}

fn unmap(page: *mut c_void) -> bool {
    // SAFETY: made by `map`, known to nobody else, and never touched.
    unsafe { mman_sys::munmap(page, PageSize::base().bytes()) }.is_ok()
}
