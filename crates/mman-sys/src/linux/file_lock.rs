//! Locks on bytes of a file that belong to an open file description, and end with it.
#![expect(unsafe_code, reason = "makes system calls")]

use super::syscall::{call3, int, pointer, pointer_mut, word};
use crate::{Errno, RawFd};
use linux_raw_sys::general as nr;

/// The one byte at `at`.
fn byte(kind: u32, at: i64) -> nr::flock {
    // The three kinds are 0, 1 and 2, and so is SEEK_SET.
    let kind = i16::try_from(kind).unwrap_or(i16::MAX);
    nr::flock { l_type: kind, l_whence: 0, l_start: at, l_len: 1, l_pid: 0 }
}

fn set(fd: RawFd, command: u32, lock: &nr::flock) -> Result<(), Errno> {
    // SAFETY: the kernel reads one `flock`, which lives as long as the call. A lock changes no memory; a descriptor
    // that is not open is an error.
    unsafe { call3(nr::__NR_fcntl, int(fd), word(command), pointer(lock)) }.map(drop)
}

/// Locks one byte for this open file description, if nobody else has it.
/// [F_OFD_SETLK(2const)](https://man7.org/linux/man-pages/man2/F_OFD_SETLK.2const.html)
///
/// # Errors
///
/// `EAGAIN` (another has it), `EBADF`, `EINVAL`, `ENOLCK`.
///
/// # Safety
///
/// The rules of the crate for the descriptor.
#[inline]
pub unsafe fn try_lock_byte(fd: RawFd, at: i64) -> Result<(), Errno> {
    set(fd, nr::F_OFD_SETLK, &byte(nr::F_WRLCK, at))
}

/// Locks one byte for this open file description, and waits for who has it.
///
/// # Errors
///
/// `EINTR`, `EBADF`, `EINVAL`, `ENOLCK`.
///
/// # Safety
///
/// The rules of the crate for the descriptor.
#[inline]
pub unsafe fn lock_byte(fd: RawFd, at: i64) -> Result<(), Errno> {
    set(fd, nr::F_OFD_SETLKW, &byte(nr::F_WRLCK, at))
}

/// Lets a byte go.
///
/// # Errors
///
/// `EBADF`, `EINVAL`.
///
/// # Safety
///
/// The rules of the crate for the descriptor.
#[inline]
pub unsafe fn unlock_byte(fd: RawFd, at: i64) -> Result<(), Errno> {
    set(fd, nr::F_OFD_SETLK, &byte(nr::F_UNLCK, at))
}

/// Whether another open file description has a byte locked for writing. Locks for reading, which take no more than the
/// right to read, do not count. [F_OFD_GETLK(2const)](https://man7.org/linux/man-pages/man2/F_OFD_SETLK.2const.html)
///
/// # Errors
///
/// `EBADF`, `EINVAL`.
///
/// # Safety
///
/// The rules of the crate for the descriptor.
#[inline]
pub unsafe fn is_byte_locked(fd: RawFd, at: i64) -> Result<bool, Errno> {
    let mut lock = byte(nr::F_RDLCK, at);
    let argument = pointer_mut(&raw mut lock);
    // SAFETY: the kernel reads and writes one `flock`, and `lock` is one.
    unsafe { call3(nr::__NR_fcntl, int(fd), word(nr::F_OFD_GETLK), argument) }?;
    Ok(u32::try_from(lock.l_type) != Ok(nr::F_UNLCK))
}
