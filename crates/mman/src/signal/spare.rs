//! A mapping that is there to be given up: at the limit of mappings the kernel refuses even to replace one, and a repair
//! needs room for that.
#![expect(unsafe_code, reason = "maps a page, and unmaps it")]

use crate::area::{Area, Place, Request};
use crate::error::ObjectKind;
use crate::page::PageSize;
use core::ffi::c_void;
use core::ptr::null_mut;
use core::sync::atomic::AtomicPtr;
use core::sync::atomic::Ordering::{AcqRel, Relaxed, Release};
use mman_sys::{MapFlags, Prot};

/// Null, or the start of a page that nobody touches and only who takes the pointer out unmaps.
static PAGE: AtomicPtr<c_void> = AtomicPtr::new(null_mut());

/// Maps the page, if it is not there. Where that fails, there is none.
pub(super) fn prepare() {
    if !PAGE.load(Relaxed).is_null() {
        return;
    }
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
    let Ok(area) = (unsafe { Area::map(request, Place::Anywhere) }) else { return };
    let fresh = area.leak().cast();
    if PAGE.compare_exchange(null_mut(), fresh, Release, Relaxed).is_err() {
        unmap(fresh); // another thread was first
    }
}

/// Gives the page up, and tells whether there is room for one mapping more now. Takes no lock: for signal handlers.
pub(crate) fn release() -> bool {
    let page = PAGE.swap(null_mut(), AcqRel);
    !page.is_null() && unmap(page)
}

fn unmap(page: *mut c_void) -> bool {
    // SAFETY: made by `prepare`, known to nobody else, and never touched.
    unsafe { mman_sys::munmap(page, PageSize::base().bytes()) }.is_ok()
}
