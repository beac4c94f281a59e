//! The C convention: minus one or `MAP_FAILED`, and the reason in the thread's `errno`.
#![expect(unsafe_code, reason = "writes the host C library's errno")]

use core::ffi::{c_int, c_void};
use mman_sys::{Errno, MAP_FAILED};

unsafe extern "C" {
    /// glibc and musl: the address of the thread's `errno`.
    safe fn __errno_location() -> *mut c_int;
}

/// Sets `errno`.
pub(crate) fn set(errno: Errno) {
    // SAFETY: the C library answers the address of an int of this thread.
    unsafe { __errno_location().write(errno.raw()) };
}

/// Zero, or minus one with `errno` set.
#[inline]
pub(crate) fn status(result: Result<(), Errno>) -> c_int {
    match result {
        Ok(()) => 0,
        Err(errno) => {
            set(errno);
            -1
        }
    }
}

/// A number that is not negative, or minus one with `errno` set.
#[inline]
pub(crate) fn number(result: Result<c_int, Errno>) -> c_int {
    match result {
        Ok(number) => number,
        Err(errno) => {
            set(errno);
            -1
        }
    }
}

/// A count of bytes, or minus one with `errno` set.
#[inline]
pub(crate) fn count(result: Result<usize, Errno>) -> isize {
    match result {
        Ok(count) => count.cast_signed(),
        Err(errno) => {
            set(errno);
            -1
        }
    }
}

/// An address, or `MAP_FAILED` with `errno` set.
#[inline]
pub(crate) fn address(result: Result<*mut c_void, Errno>) -> *mut c_void {
    match result {
        Ok(address) => address,
        Err(errno) => {
            set(errno);
            MAP_FAILED
        }
    }
}

/// Zero, or the error number itself, for the functions of POSIX that leave `errno` alone.
#[inline]
pub(crate) fn returned(result: Result<(), Errno>) -> c_int {
    match result {
        Ok(()) => 0,
        Err(errno) => errno.raw(),
    }
}
