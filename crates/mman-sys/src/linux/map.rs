//! Mapping, unmapping, protecting, moving and sealing ranges of the address space.
#![expect(unsafe_code, reason = "makes system calls")]

use super::syscall::{address, call2, call3, call5, call6, int, long, pointer_mut, word};
use crate::{Errno, MapFlags, Prot, RawFd, RemapFlags, ShadowStackFlags};
use core::ffi::c_void;
use linux_raw_sys::general as nr;

/// Maps `len` bytes of an object, from byte `offset` on. [mmap(2)](https://man7.org/linux/man-pages/man2/mmap.2.html)
///
/// `fd` is ignored (-1 by custom) with `ANONYMOUS`. `offset` is a multiple of the page size.
///
/// # Errors
///
/// `EACCES`, `EAGAIN`, `EBADF`, `EEXIST`, `EINVAL`, `ENFILE`, `ENODEV`, `ENOMEM`, `EOPNOTSUPP`,
/// `EOVERFLOW`, `EPERM`, `ETXTBSY`.
///
/// # Safety
///
/// The rules of the crate: with `FIXED`, the caller owns what is at the address; otherwise nothing is
/// taken away. What may be done with the memory depends on who else can change the object.
#[inline]
pub unsafe fn mmap(
    addr: *mut c_void,
    len: usize,
    prot: Prot,
    flags: MapFlags,
    fd: RawFd,
    offset: u64,
) -> Result<*mut c_void, Errno> {
    let arguments =
        [pointer_mut(addr), len, word(prot.bits()), word(flags.bits()), int(fd), long(offset)];
    // SAFETY: the caller's promise is that of this call.
    unsafe { call6(nr::__NR_mmap, arguments) }.map(address)
}

/// Unmaps every page of the range; that nothing was mapped is no error. [munmap(2)](https://man7.org/linux/man-pages/man2/mmap.2.html)
///
/// # Errors
///
/// `EINVAL` (unaligned address, length 0, outside the address space), `ENOMEM` (a cut in the middle
/// needs one mapping more than the limit allows), `EPERM` (sealed).
///
/// # Safety
///
/// The rules of the crate: the caller owns the range.
#[inline]
pub unsafe fn munmap(addr: *mut c_void, len: usize) -> Result<(), Errno> {
    // SAFETY: the caller's promise is that of this call.
    unsafe { call2(nr::__NR_munmap, pointer_mut(addr), len) }.map(drop)
}

/// Sets the protection of every page of the range. [mprotect(2)](https://man7.org/linux/man-pages/man2/mprotect.2.html)
///
/// # Errors
///
/// `EACCES`, `EINVAL`, `ENOMEM` (a hole: the pages before it are changed already; or too many
/// mappings), `EPERM` (sealed).
///
/// # Safety
///
/// The rules of the crate: the caller owns the range.
#[inline]
pub unsafe fn mprotect(addr: *mut c_void, len: usize, prot: Prot) -> Result<(), Errno> {
    // SAFETY: the caller's promise is that of this call.
    unsafe { call3(nr::__NR_mprotect, pointer_mut(addr), len, word(prot.bits())) }.map(drop)
}

/// Grows, shrinks or moves a mapping. [mremap(2)](https://man7.org/linux/man-pages/man2/mremap.2.html)
///
/// `new_addr` is read with `FIXED` and with `DONTUNMAP` only.
///
/// # Errors
///
/// `EAGAIN`, `EFAULT`, `EINVAL`, `ENOMEM`, `EPERM` (sealed).
///
/// # Safety
///
/// The rules of the crate: the caller owns the old range, and with `FIXED` the new one.
#[inline]
pub unsafe fn mremap(
    old_addr: *mut c_void,
    old_len: usize,
    new_len: usize,
    flags: RemapFlags,
    new_addr: *mut c_void,
) -> Result<*mut c_void, Errno> {
    let arguments =
        [pointer_mut(old_addr), old_len, new_len, word(flags.bits()), pointer_mut(new_addr)];
    // SAFETY: the caller's promise is that of this call.
    unsafe { call5(nr::__NR_mremap, arguments) }.map(address)
}

/// Shows other pages of the same shared file mapping in a range of it. Deprecated since 3.16, emulated
/// by the kernel since 4.0, still there. [remap_file_pages(2)](https://man7.org/linux/man-pages/man2/remap_file_pages.2.html)
///
/// `prot` must be empty; `page_offset` counts pages; of `flags` only `NONBLOCK` is looked at.
///
/// # Errors
///
/// `EINVAL` (not a shared file mapping, past its end, protection not 0), `ENOSYS` where it is not built.
///
/// # Safety
///
/// The rules of the crate: the caller owns the range.
#[inline]
pub unsafe fn remap_file_pages(
    addr: *mut c_void,
    len: usize,
    prot: Prot,
    page_offset: usize,
    flags: MapFlags,
) -> Result<(), Errno> {
    let arguments = [pointer_mut(addr), len, word(prot.bits()), page_offset, word(flags.bits())];
    // SAFETY: the caller's promise is that of this call.
    unsafe { call5(nr::__NR_remap_file_pages, arguments) }.map(drop)
}

/// Makes a range unchangeable until the process ends: no unmapping, moving, protecting, replacing
/// (6.10, 64 bits only). [mseal(2)](https://man7.org/linux/man-pages/man2/mseal.2.html)
///
/// # Errors
///
/// `EINVAL`, `ENOMEM` (a hole), `EPERM` (32 bits), `ENOSYS`.
///
/// # Safety
///
/// The caller owns the range, and nobody who would free it later relies on that being possible.
#[inline]
pub unsafe fn mseal(addr: *mut c_void, len: usize, flags: u64) -> Result<(), Errno> {
    // SAFETY: the caller's promise is that of this call.
    unsafe { call3(nr::__NR_mseal, pointer_mut(addr), len, long(flags)) }.map(drop)
}

/// Maps a shadow stack (6.6). [map_shadow_stack](https://docs.kernel.org/arch/x86/shstk.html)
///
/// # Errors
///
/// `ENOSYS`, `EOPNOTSUPP`, `EINVAL` (flags), `ENOSPC` (too small for a token), `ENOMEM`.
///
/// # Safety
///
/// The rules of the crate; `addr` is where nothing is, or null.
#[inline]
pub unsafe fn map_shadow_stack(
    addr: *mut c_void,
    len: usize,
    flags: ShadowStackFlags,
) -> Result<*mut c_void, Errno> {
    let flags = long(flags.bits());
    // SAFETY: the caller's promise is that of this call.
    unsafe { call3(nr::__NR_map_shadow_stack, pointer_mut(addr), len, flags) }.map(address)
}
