//! Memory objects without a path: memfds and secret memory.
#![expect(unsafe_code, reason = "makes system calls")]

use super::syscall::{as_int, call1, call2, pointer, word};
use crate::{Errno, MemfdFlags, RawFd, SecretFlags};
use core::ffi::c_char;
use linux_raw_sys::general as nr;

/// Makes a memory object of length 0. The name is a label, 249 bytes at most.
/// [memfd_create(2)](https://man7.org/linux/man-pages/man2/memfd_create.2.html)
///
/// # Errors
///
/// `EFAULT`, `EINVAL` (flags, name too long), `EMFILE`, `ENFILE`, `ENOMEM`, `EPERM`, `EACCES`.
///
/// # Safety
///
/// `name` points to bytes that end with a zero, or to nothing that can be read (`EFAULT`).
#[inline]
pub unsafe fn memfd_create(name: *const c_char, flags: MemfdFlags) -> Result<RawFd, Errno> {
    // SAFETY: the kernel reads the name only.
    unsafe { call2(nr::__NR_memfd_create, pointer(name), word(flags.bits())) }.map(as_int)
}

/// Makes an object whose pages only this process can see, out of the kernel's own map too (5.14).
/// [memfd_secret(2)](https://man7.org/linux/man-pages/man2/memfd_secret.2.html)
///
/// # Errors
///
/// `EINVAL`, `EMFILE`, `ENFILE`, `ENOMEM`, `ENOSYS` (switched off).
#[inline]
pub fn memfd_secret(flags: SecretFlags) -> Result<RawFd, Errno> {
    // SAFETY: the call makes a new descriptor and touches no memory.
    unsafe { call1(nr::__NR_memfd_secret, word(flags.bits())) }.map(as_int)
}
