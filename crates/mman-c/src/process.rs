//! `process_madvise` and `process_mrelease`.
#![expect(unsafe_code, reason = "exports C functions")]

use crate::errno::{count, status};
use core::ffi::{c_int, c_uint};
use mman_sys as sys;
use mman_sys::{Advice, IoVec};

/// Advises about another process. [process_madvise(2)](https://man7.org/linux/man-pages/man2/process_madvise.2.html)
///
/// # Safety
///
/// That of C: on the own process some advice destroys bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn process_madvise(
    pidfd: c_int,
    ranges: *const IoVec,
    number: usize,
    advice: c_int,
    flags: c_uint,
) -> isize {
    // SAFETY: the caller's promise; a pointer that cannot be read is EFAULT.
    count(unsafe { sys::process_madvise(pidfd, ranges, number, Advice::from_raw(advice), flags) })
}

/// Frees the memory of a dying process. [process_mrelease(2)](https://man7.org/linux/man-pages/man2/process_mrelease.2.html)
#[unsafe(no_mangle)]
pub extern "C" fn process_mrelease(pidfd: c_int, flags: c_uint) -> c_int {
    // SAFETY: a number that is no descriptor is EBADF, one that is no dying process EINVAL.
    status(unsafe { sys::process_mrelease(pidfd, flags) })
}
