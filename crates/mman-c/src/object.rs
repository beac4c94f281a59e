//! `memfd_create` and `memfd_secret`.
#![expect(unsafe_code, reason = "exports C functions")]

use crate::errno::number;
use core::ffi::{c_char, c_int, c_uint};
use mman_sys as sys;
use mman_sys::{MemfdFlags, SecretFlags};

/// Makes a memory object. [memfd_create(2)](https://man7.org/linux/man-pages/man2/memfd_create.2.html)
///
/// # Safety
///
/// That of C: `name` ends with a zero, or cannot be read at all (`EFAULT`).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memfd_create(name: *const c_char, flags: c_uint) -> c_int {
    // SAFETY: the caller's promise.
    number(unsafe { sys::memfd_create(name, MemfdFlags::from_bits(flags)) })
}

/// Makes an object of secret memory. [memfd_secret(2)](https://man7.org/linux/man-pages/man2/memfd_secret.2.html)
#[unsafe(no_mangle)]
pub extern "C" fn memfd_secret(flags: c_uint) -> c_int {
    number(sys::memfd_secret(SecretFlags::from_bits(flags)))
}
