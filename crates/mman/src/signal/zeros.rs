//! The memory calls of a repair: zero pages over what is gone, and whether a page is.
#![expect(unsafe_code, reason = "makes memory calls, on addresses that its callers own")]

use crate::area::{Area, Place, Request};
use crate::copy;
use crate::error::ObjectKind;
use crate::page::PageRange;
use mman_sys as sys;
use mman_sys::{Advice, Errno, MapFlags, Prot};

/// Puts zero pages over addresses. Makes a call or two and takes no lock: for signal handlers.
///
/// # Errors
///
/// What `mmap` answers. Then nothing has changed: the kernel is asked for no file and promises no memory.
///
/// # Safety
///
/// All of the addresses are of one area whose owner is content with zeros there.
pub(crate) unsafe fn put_zeros(addresses: PageRange, prot: Prot) -> Result<(), Errno> {
    let request = |sharing| Request {
        kind: ObjectKind::Anonymous,
        len: addresses.len(),
        page: addresses.page_size(),
        prot,
        flags: sharing | MapFlags::ANONYMOUS | MapFlags::NORESERVE,
        fd: -1,
        offset: 0,
    };
    // SAFETY: the caller's promise; there is no descriptor.
    let put = |sharing| unsafe { Area::map(request(sharing), Place::Replacing(addresses.start())) };
    // Private memory that may be written counts as data (RLIMIT_DATA), shared memory does not.
    let part = put(MapFlags::PRIVATE).or_else(|_| put(MapFlags::SHARED))?;
    part.into_pages(); // they stay the area's that they were
    Ok(())
}

/// Whether reading at an address, a page boundary of a mapping, would work. Makes a call or two: for signal handlers.
pub(crate) fn can_populate(address: usize) -> bool {
    let page = core::ptr::with_exposed_provenance_mut(address);
    // SAFETY: reads a page in, and changes nothing.
    match unsafe { sys::madvise(page, 1, Advice::POPULATE_READ) } {
        Ok(()) => true,
        Err(Errno::EFAULT | Errno::EHWPOISON) => false,
        Err(_) => copy::can_read(address), // older kernels, and memory that is not populated
    }
}
