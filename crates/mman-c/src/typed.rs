//! `posix_typed_mem_open`, `posix_typed_mem_get_info`, `posix_mem_offset`, and what the other calls do for typed memory.
#![expect(unsafe_code, reason = "exports C functions")]

use crate::errno::{address, number, status};
use crate::fork_hooks;
use crate::name::{self, Unreadable};
use core::ffi::{c_char, c_int, c_void};
use mman_sys as sys;
use mman_sys::{Errno, MapFlags, OpenFlags, Prot, RemapFlags};
use mman_typed::{Cause, Failure, TypedFlags, may_be_in, may_be_typed};

/// The longest name of a port, without its zero; a longer one is ENAMETOOLONG.
const LONGEST: usize = 255;

/// Where `mmap` has the size of huge pages, as its base-two logarithm (`linux/mman.h`).
const HUGE_SHIFT: u32 = 26;
const HUGE_MASK: u32 = 0x3f;

/// What `posix_typed_mem_get_info` tells.
#[derive(Debug)]
#[repr(C)]
pub struct TypedMemInfo {
    /// The largest allocation that would succeed now, in bytes.
    length: usize,
}

/// Opens a typed memory object. [posix_typed_mem_open(3)](https://man7.org/linux/man-pages/man3/posix_typed_mem_open.3p.html)
///
/// # Safety
///
/// That of C: `name` ends with a zero, or cannot be read at all (`EFAULT`).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn posix_typed_mem_open(
    name: *const c_char,
    access: c_int,
    flags: c_int,
) -> c_int {
    let mut room = [0; LONGEST + 1];
    // SAFETY: the caller's promise.
    let name = match unsafe { name::read(name, &mut room) } {
        Ok(name) => name,
        Err(Unreadable::TooLong) => return number(Err(Errno::ENAMETOOLONG)),
        Err(Unreadable::Fault) => return number(Err(Errno::EFAULT)),
    };
    let Some(flags) = TypedFlags::from_bits(flags.cast_unsigned()) else {
        return number(Err(Errno::EINVAL));
    };
    fork_hooks::register();
    let access = OpenFlags::from_bits(access.cast_unsigned());
    number(mman_typed::open(name, access, flags).map_err(|failure| failure.errno))
}

/// Tells of an object, and returns the error number.
/// [posix_typed_mem_get_info(3)](https://man7.org/linux/man-pages/man3/posix_typed_mem_get_info.3p.html)
///
/// # Safety
///
/// That of C: `info` can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn posix_typed_mem_get_info(fd: c_int, info: *mut TypedMemInfo) -> c_int {
    match mman_typed::info(fd) {
        Ok(told) => {
            let length = usize::try_from(told.length).unwrap_or(usize::MAX);
            // SAFETY: the caller's promise.
            unsafe { info.write(TypedMemInfo { length }) };
            0
        }
        Err(failure) => failure.errno.raw(),
    }
}

/// Tells where an address is in its object, and returns the error number.
/// [posix_mem_offset(3)](https://man7.org/linux/man-pages/man3/posix_mem_offset.3p.html)
///
/// # Safety
///
/// That of C: the three places can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn posix_mem_offset(
    addr: *const c_void,
    len: usize,
    offset: *mut i64,
    contiguous: *mut usize,
    fd: *mut c_int,
) -> c_int {
    match mman_typed::offset(addr, len) {
        Ok(found) => {
            // SAFETY: the caller's promise.
            unsafe { offset.write(found.offset.cast_signed()) };
            // SAFETY: the same.
            unsafe { contiguous.write(found.len) };
            // SAFETY: the same.
            unsafe { fd.write(found.fd) };
            0
        }
        Err(failure) => failure.errno.raw(),
    }
}

/// Whether a mapping is of typed memory, or may replace some: no more than a relaxed load or two where there is none.
#[inline]
pub(crate) fn may_concern(addr: *mut c_void, len: usize, flags: MapFlags, fd: c_int) -> bool {
    let is_of_object = !flags.contains(MapFlags::ANONYMOUS);
    (is_of_object && may_be_typed(fd))
        || (flags.contains(MapFlags::FIXED) && may_be_in(addr.addr(), reach(flags, len)))
}

/// `mmap` where it [may concern](may_concern) typed memory.
///
/// # Safety
///
/// That of [`crate::map::mmap`].
#[cold]
pub(crate) unsafe fn map(
    addr: *mut c_void,
    len: usize,
    prot: Prot,
    flags: MapFlags,
    fd: c_int,
    offset: u64,
) -> *mut c_void {
    if !flags.contains(MapFlags::ANONYMOUS) && may_be_typed(fd) {
        fork_hooks::register();
        // SAFETY: the caller's promise.
        let mapped = unsafe { mman_typed::map(addr, len, prot, flags, fd, offset) };
        let is_other = |failure: &Failure| failure.cause == Cause::NotTyped;
        if !mapped.as_ref().is_err_and(is_other) {
            return address(mapped.map_err(|failure| failure.errno));
        }
    }
    // SAFETY: the caller's promise.
    let call = || unsafe { sys::mmap(addr, len, prot, flags, fd, offset) };
    let len = reach(flags, len);
    if flags.contains(MapFlags::FIXED) && may_be_in(addr.addr(), len) {
        let replaced = mman_typed::taking_away(addr.addr(), len, call);
        return address(replaced.map_err(|failure| failure.errno));
    }
    address(call())
}

/// How many bytes `mmap` replaces: it rounds up to the huge pages that are asked for.
fn reach(flags: MapFlags, len: usize) -> usize {
    if !flags.contains(MapFlags::HUGETLB) {
        return len;
    }
    // 0 is the machine's default, which is 2 MiB unless somebody said otherwise at boot.
    let log2 = match (flags.bits() >> HUGE_SHIFT) & HUGE_MASK {
        0 => 21,
        log2 => log2,
    };
    let page = 1_usize.checked_shl(log2).unwrap_or(0);
    len.checked_next_multiple_of(page).unwrap_or(usize::MAX)
}

/// `munmap` where typed memory [may be](may_be_in).
///
/// # Safety
///
/// That of [`crate::map::munmap`].
#[cold]
pub(crate) unsafe fn unmap(addr: *mut c_void, len: usize) -> c_int {
    // SAFETY: the caller's promise.
    let unmapped = unsafe { mman_typed::unmap(addr, len) };
    status(unmapped.map_err(|failure| failure.errno))
}

/// `mremap` where typed memory [may be](may_be_in).
///
/// # Safety
///
/// That of [`crate::remap::mremap`].
#[cold]
pub(crate) unsafe fn remap(
    old: *mut c_void,
    old_len: usize,
    new_len: usize,
    flags: RemapFlags,
    new: *mut c_void,
) -> *mut c_void {
    // SAFETY: the caller's promise.
    let moved = unsafe { mman_typed::remap(old, old_len, new_len, flags, new) };
    address(moved.map_err(|failure| failure.errno))
}

/// Whether an address is in typed memory.
#[cold]
pub(crate) fn is_typed(addr: *const c_void) -> bool {
    mman_typed::offset(addr, 1).is_ok()
}
