//! Locking memory, a range or all of a process.
#![expect(unsafe_code, reason = "makes system calls")]

use super::syscall::{call0, call1, call2, call3, pointer, word};
use crate::{Errno, LockAllFlags, LockFlags};
use core::ffi::c_void;
use linux_raw_sys::general as nr;

/// Locks the pages of a range into memory. Locks do not stack. [mlock(2)](https://man7.org/linux/man-pages/man2/mlock.2.html)
///
/// # Errors
///
/// `ENOMEM` (a hole, a page without access, past the end of a file, over `RLIMIT_MEMLOCK`; what was
/// locked before stays locked), `EPERM` (limit 0), `EAGAIN`, `EINVAL`.
#[inline]
pub fn mlock(addr: *const c_void, len: usize) -> Result<(), Errno> {
    // SAFETY: locking changes neither bytes nor access.
    unsafe { call2(nr::__NR_mlock, pointer(addr), len) }.map(drop)
}

/// As [`mlock`], with options (4.4). [mlock2(2)](https://man7.org/linux/man-pages/man2/mlock.2.html)
///
/// # Errors
///
/// Those of [`mlock`]; `EINVAL` for an unknown flag.
#[inline]
pub fn mlock2(addr: *const c_void, len: usize, flags: LockFlags) -> Result<(), Errno> {
    // SAFETY: locking changes neither bytes nor access.
    unsafe { call3(nr::__NR_mlock2, pointer(addr), len, word(flags.bits())) }.map(drop)
}

/// Unlocks the pages of a range, however often they were locked. [munlock(2)](https://man7.org/linux/man-pages/man2/mlock.2.html)
///
/// # Errors
///
/// `ENOMEM` (a hole), `EINVAL`.
#[inline]
pub fn munlock(addr: *const c_void, len: usize) -> Result<(), Errno> {
    // SAFETY: unlocking changes neither bytes nor access.
    unsafe { call2(nr::__NR_munlock, pointer(addr), len) }.map(drop)
}

/// Locks all memory of the process, now or from now on. [mlockall(2)](https://man7.org/linux/man-pages/man2/mlock.2.html)
///
/// # Errors
///
/// `EINVAL`, `ENOMEM` (over the limit), `EPERM` (limit 0), `EAGAIN`.
#[inline]
pub fn mlockall(flags: LockAllFlags) -> Result<(), Errno> {
    // SAFETY: locking changes neither bytes nor access.
    unsafe { call1(nr::__NR_mlockall, word(flags.bits())) }.map(drop)
}

/// Unlocks all memory of the process, and what it maps later. [munlockall(2)](https://man7.org/linux/man-pages/man2/mlock.2.html)
///
/// # Errors
///
/// None is known.
#[inline]
pub fn munlockall() -> Result<(), Errno> {
    // SAFETY: unlocking changes neither bytes nor access.
    unsafe { call0(nr::__NR_munlockall) }.map(drop)
}
