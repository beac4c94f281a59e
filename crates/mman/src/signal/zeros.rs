//! The memory calls of a repair: zero pages over what is gone, and whether a page is.
//!
//! They take the place of typed memory too, and do not tell its book (`mman-typed`): that has a lock, which the thread that
//! was interrupted may hold. It need not be told. The book goes on saying that these addresses hold their units of the pool,
//! which is too much and never too little: nobody else is given the units, nobody else is given the addresses, which are the
//! view's until it unmaps them, and when it does, by the book, the units are given back. No call of the book touches the
//! memory itself, so none is in the middle of it; and who would move or cut the mapping has it alone, after the view has
//! closed its slot and waited for handlers. Pages that the kernel counts as a mapping of their own then are unmapped with
//! the rest; whole units are replaced, since the pages of the view are the pool's units.
#![expect(unsafe_code, reason = "makes memory calls, on addresses that its callers own")]

use crate::area::{Area, Place, Request};
use crate::copy;
use crate::error::ObjectKind;
use crate::page::{PageRange, PageSize};
use core::ffi::c_void;
use core::ptr::null_mut;
use core::sync::atomic::AtomicPtr;
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use mman_sys as sys;
use mman_sys::{Advice, Errno, MapFlags, Prot, RemapFlags};

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
    // SAFETY: the caller's promise; there is no descriptor. The pages stay the area's that they were.
    let put = |sharing| unsafe { Area::map_over(request(sharing), addresses.start()) };
    // Private memory that may be written counts as data (RLIMIT_DATA), shared memory does not.
    put(MapFlags::PRIVATE).or_else(|_| put(MapFlags::SHARED))
}

/// Zeros mapped before they are needed: to be read, and to be read and written. Null until [`prepare`].
static PREMADE: [AtomicPtr<c_void>; 2] = [const { AtomicPtr::new(null_mut()) }; 2];
/// Bytes of each: the largest page that a repair has to replace at once, but for those of 1 GiB.
const PREMADE_LEN: usize = 2 << 20;

const fn premade(prot: Prot) -> &'static AtomicPtr<c_void> {
    let [read, write] = &PREMADE;
    if prot.contains(Prot::WRITE) { write } else { read }
}

/// Maps the zeros that [`put_premade`] puts. Where that fails, there are none.
pub(super) fn prepare() {
    for prot in [Prot::READ, Prot::READ.union(Prot::WRITE)] {
        let place = premade(prot);
        if !place.load(Relaxed).is_null() {
            continue;
        }
        let request = Request {
            kind: ObjectKind::Anonymous,
            len: PREMADE_LEN,
            page: PageSize::base(),
            prot,
            flags: MapFlags::SHARED | MapFlags::ANONYMOUS | MapFlags::NORESERVE,
            fd: -1,
            offset: 0,
        };
        // SAFETY: nothing is replaced, and there is no descriptor.
        let Ok(area) = (unsafe { Area::map(request, Place::Anywhere) }) else { return };
        // Where another thread was first, its zeros count, and these are unmapped by `area`.
        let start = area.pointer(0).cast();
        if place.compare_exchange(null_mut(), start, Release, Relaxed).is_ok() {
            area.leak();
        }
    }
}

/// Puts zeros over addresses that were mapped before, once more: no memory is new, so none has to be locked, as all new
/// memory of a process may have to be (`mlockall`). What is stored to them is seen by all who got them: it is lost, and
/// nobody takes it for bytes of an object.
///
/// # Errors
///
/// `ENOMEM` for more than there are; what `mremap` answers.
///
/// # Safety
///
/// That of [`put_zeros`].
pub(crate) unsafe fn put_premade(addresses: PageRange, prot: Prot) -> Result<(), Errno> {
    let source = premade(prot).load(Acquire);
    if source.is_null() || addresses.len() > PREMADE_LEN {
        return Err(Errno::ENOMEM);
    }
    // Locked since then, a second mapping of them would be locked too.
    let _locked_or_not = sys::munlock(source, PREMADE_LEN);
    let flags = RemapFlags::MAYMOVE | RemapFlags::FIXED;
    let target = core::ptr::without_provenance_mut(addresses.start());
    // SAFETY: old length 0 maps the source's pages once more; what they replace is the caller's promise.
    unsafe { sys::mremap(source, 0, addresses.len(), flags, target) }.map(drop)
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
