//! Locks of bytes of a file that belong to an open file description, and end with it.
#![expect(unsafe_code, reason = "makes system calls")]

use super::syscall::{call3, int, pointer_mut, word};
use crate::{Errno, RawFd, RecordLock};
use linux_raw_sys::general as nr;

/// Takes a lock, changes it or gives it up, without waiting.
/// [F_OFD_SETLK(2const)](https://man7.org/linux/man-pages/man2/F_OFD_SETLK.2const.html)
///
/// # Errors
///
/// `EAGAIN` (another description has one that conflicts), `EBADF` (not open for it), `EINVAL`.
///
/// # Safety
///
/// The rules of the crate for the descriptor.
#[inline]
pub unsafe fn set_record_lock(fd: RawFd, mut lock: RecordLock) -> Result<(), Errno> {
    let argument = pointer_mut(&raw mut lock);
    // SAFETY: the kernel reads one `RecordLock`, which lives as long as the call.
    unsafe { call3(nr::__NR_fcntl, int(fd), word(nr::F_OFD_SETLK), argument) }.map(drop)
}

/// A lock of another description that keeps this one from being taken, or this one with `F_UNLCK` as its kind.
/// [F_OFD_GETLK(2const)](https://man7.org/linux/man-pages/man2/F_OFD_SETLK.2const.html)
///
/// # Errors
///
/// `EBADF`, `EINVAL`.
///
/// # Safety
///
/// The rules of the crate for the descriptor.
#[inline]
pub unsafe fn get_record_lock(fd: RawFd, mut lock: RecordLock) -> Result<RecordLock, Errno> {
    let argument = pointer_mut(&raw mut lock);
    // SAFETY: the kernel reads and writes one `RecordLock`, and `lock` is one.
    unsafe { call3(nr::__NR_fcntl, int(fd), word(nr::F_OFD_GETLK), argument) }?;
    Ok(lock)
}
