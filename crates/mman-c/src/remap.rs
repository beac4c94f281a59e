//! `mremap` and `remap_file_pages`.
#![expect(unsafe_code, reason = "exports C functions")]

use crate::errno::{address, status};
use crate::typed;
use core::ffi::{c_int, c_void};
use core::ptr::null_mut;
use mman_sys as sys;
use mman_sys::{Errno, MapFlags, Prot, RemapFlags};
use mman_typed::may_be_in;

/// Grows, shrinks or moves. [mremap(2)](https://man7.org/linux/man-pages/man2/mremap.2.html)
///
/// C declares it with a variable argument list. On both machines such an argument is passed where a fixed one
/// would be, so it is defined with five: the fifth holds garbage unless a flag says that it was given, and is
/// passed on only then.
///
/// # Safety
///
/// That of C: the old range is the caller's, and with `MREMAP_FIXED` what is at the new address.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mremap(
    old_addr: *mut c_void,
    old_len: usize,
    new_len: usize,
    flags: c_int,
    new_addr: *mut c_void,
) -> *mut c_void {
    let flags = RemapFlags::from_bits(flags.cast_unsigned());
    let given = flags.contains(RemapFlags::FIXED) || flags.contains(RemapFlags::DONTUNMAP);
    let new_addr = if given { new_addr } else { null_mut() };
    let target = if flags.contains(RemapFlags::FIXED) { new_len } else { 0 };
    // An old length of 0 asks for a second mapping of the page at the address.
    if may_be_in(old_addr.addr(), old_len.max(1)) || may_be_in(new_addr.addr(), target) {
        // SAFETY: the caller's promise.
        return unsafe { typed::remap(old_addr, old_len, new_len, flags, new_addr) };
    }
    // SAFETY: the caller's promise.
    address(unsafe { sys::mremap(old_addr, old_len, new_len, flags, new_addr) })
}

/// Shows other pages of a shared file mapping. [remap_file_pages(2)](https://man7.org/linux/man-pages/man2/remap_file_pages.2.html)
///
/// # Safety
///
/// That of C: the range is the caller's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn remap_file_pages(
    addr: *mut c_void,
    len: usize,
    prot: c_int,
    page_offset: usize,
    flags: c_int,
) -> c_int {
    let prot = Prot::from_bits(prot.cast_unsigned());
    let flags = MapFlags::from_bits(flags.cast_unsigned());
    // Typed memory stays what was allocated.
    if may_be_in(addr.addr(), len) && typed::is_typed(addr) {
        return status(Err(Errno::EINVAL));
    }
    // SAFETY: the caller's promise.
    status(unsafe { sys::remap_file_pages(addr, len, prot, page_offset, flags) })
}
