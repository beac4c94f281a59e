//! Protection keys: allocating them, giving them to pages, and what a thread may do with them.
#![expect(unsafe_code, reason = "makes system calls")]

use super::pkru;
use super::syscall::{as_int, call1, call2, call4, int, pointer_mut, word};
use crate::{Errno, PkeyRights, Prot};
use core::ffi::c_void;
use linux_raw_sys::general as nr;

/// Allocates a key, with these rights denied to this thread (4.9). [pkey_alloc(2)](https://man7.org/linux/man-pages/man2/pkey_alloc.2.html)
///
/// # Errors
///
/// `EINVAL` (flags, rights), `ENOSPC` (none left), `ENOSYS`. A processor without keys answers `EINVAL` to the
/// first call of a process and `ENOSPC` to later ones (seen on 6.18): all three mean "not available".
#[inline]
pub fn pkey_alloc(flags: u32, rights: PkeyRights) -> Result<i32, Errno> {
    // SAFETY: a key that no page has yet takes nobody's access.
    unsafe { call2(nr::__NR_pkey_alloc, word(flags), word(rights.bits())) }.map(as_int)
}

/// Frees a key. [pkey_free(2)](https://man7.org/linux/man-pages/man2/pkey_alloc.2.html)
///
/// # Errors
///
/// `EINVAL` (not allocated).
///
/// # Safety
///
/// No page has the key: whoever gets it next decides over those pages too.
#[inline]
pub unsafe fn pkey_free(key: i32) -> Result<(), Errno> {
    // SAFETY: the caller's promise is that of this call.
    unsafe { call1(nr::__NR_pkey_free, int(key)) }.map(drop)
}

/// As `mprotect`, and gives the pages a key; key -1 is `mprotect`. [pkey_mprotect(2)](https://man7.org/linux/man-pages/man2/mprotect.2.html)
///
/// # Errors
///
/// Those of `mprotect`; `EINVAL` (key not allocated).
///
/// # Safety
///
/// That of [`crate::mprotect`].
#[inline]
pub unsafe fn pkey_mprotect(
    addr: *mut c_void,
    len: usize,
    prot: Prot,
    key: i32,
) -> Result<(), Errno> {
    let arguments = [pointer_mut(addr), len, word(prot.bits()), int(key)];
    // SAFETY: the caller's promise is that of this call.
    unsafe { call4(nr::__NR_pkey_mprotect, arguments) }.map(drop)
}

/// What this thread may not do with a key's pages. No system call: a register.
/// [pkey_get(3)](https://man7.org/linux/man-pages/man7/pkeys.7.html)
///
/// # Errors
///
/// `EINVAL` (no such key), `ENOSYS` (the processor or the kernel has no keys).
pub fn pkey_get(key: i32) -> Result<PkeyRights, Errno> {
    pkru::get(key)
}

/// Sets what this thread may not do with a key's pages. No system call: a register.
/// [pkey_set(3)](https://man7.org/linux/man-pages/man7/pkeys.7.html)
///
/// # Errors
///
/// `EINVAL` (no such key, or such rights), `ENOSYS` (the processor or the kernel has no keys).
///
/// # Safety
///
/// The rules of the crate: no reference to pages with the key is used while access to them is denied.
pub unsafe fn pkey_set(key: i32, rights: PkeyRights) -> Result<(), Errno> {
    // SAFETY: the caller's promise is that of this function.
    unsafe { pkru::set(key, rights) }
}
