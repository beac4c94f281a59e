//! `pkey_alloc`, `pkey_free`, `pkey_mprotect`, `pkey_get`, `pkey_set`.
#![expect(unsafe_code, reason = "exports C functions")]

use crate::errno::{number, status};
use core::ffi::{c_int, c_uint, c_void};
use mman_sys as sys;
use mman_sys::{PkeyRights, Prot};

/// Allocates a key. [pkey_alloc(2)](https://man7.org/linux/man-pages/man2/pkey_alloc.2.html)
#[unsafe(no_mangle)]
pub extern "C" fn pkey_alloc(flags: c_uint, rights: c_uint) -> c_int {
    number(sys::pkey_alloc(flags, PkeyRights::from_bits(rights)))
}

/// Frees a key. [pkey_free(2)](https://man7.org/linux/man-pages/man2/pkey_alloc.2.html)
///
/// # Safety
///
/// That of C: no page has the key.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pkey_free(key: c_int) -> c_int {
    // SAFETY: the caller's promise.
    status(unsafe { sys::pkey_free(key) })
}

/// Protects, and gives pages a key. [pkey_mprotect(2)](https://man7.org/linux/man-pages/man2/mprotect.2.html)
///
/// # Safety
///
/// That of C: access to the range is the caller's to change.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pkey_mprotect(
    addr: *mut c_void,
    len: usize,
    prot: c_int,
    key: c_int,
) -> c_int {
    // SAFETY: the caller's promise.
    status(unsafe { sys::pkey_mprotect(addr, len, Prot::from_bits(prot.cast_unsigned()), key) })
}

/// What the thread may not do with a key's pages. Without keys in the processor it is `ENOSYS`, where glibc
/// raises SIGILL. [pkeys(7)](https://man7.org/linux/man-pages/man7/pkeys.7.html)
#[unsafe(no_mangle)]
pub extern "C" fn pkey_get(key: c_int) -> c_int {
    number(sys::pkey_get(key).map(|rights| rights.bits().cast_signed()))
}

/// Sets that. [pkeys(7)](https://man7.org/linux/man-pages/man7/pkeys.7.html)
///
/// # Safety
///
/// That of C: access to the key's pages is the caller's to change.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pkey_set(key: c_int, rights: c_uint) -> c_int {
    // SAFETY: the caller's promise.
    status(unsafe { sys::pkey_set(key, PkeyRights::from_bits(rights)) })
}
