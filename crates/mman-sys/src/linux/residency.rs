//! What of a mapping or a file is in memory.
#![expect(unsafe_code, reason = "makes system calls")]

use super::syscall::{call3, call4, int, pointer, pointer_mut, word};
use crate::{Cachestat, CachestatRange, Errno, RawFd};
use core::ffi::c_void;
use linux_raw_sys::general as nr;

/// Writes one byte for each page of the range; bit 0 says whether it is in memory.
/// [mincore(2)](https://man7.org/linux/man-pages/man2/mincore.2.html)
///
/// # Errors
///
/// `EAGAIN`, `EFAULT` (`vec`), `EINVAL` (unaligned), `ENOMEM` (a hole, or too long).
///
/// # Safety
///
/// `vec` is the caller's to write, one byte for each page that the range touches.
#[inline]
pub unsafe fn mincore(addr: *const c_void, len: usize, vec: *mut u8) -> Result<(), Errno> {
    // SAFETY: the kernel writes `vec` only, and the caller lets it.
    unsafe { call3(nr::__NR_mincore, pointer(addr), len, pointer_mut(vec)) }.map(drop)
}

/// Counts the pages of a file range in the page cache (6.5). Length 0 is to the end.
/// [cachestat(2)](https://man7.org/linux/man-pages/man2/cachestat.2.html)
///
/// # Errors
///
/// `EBADF`, `EFAULT`, `EINVAL` (flags), `EOPNOTSUPP` (hugetlbfs), `EPERM`, `ENOSYS`.
///
/// # Safety
///
/// The rules of the crate for the descriptor; `stat` is the caller's to write.
#[inline]
pub unsafe fn cachestat(
    fd: RawFd,
    range: *const CachestatRange,
    stat: *mut Cachestat,
    flags: u32,
) -> Result<(), Errno> {
    let arguments = [int(fd), pointer(range), pointer_mut(stat), word(flags)];
    // SAFETY: the kernel writes `stat` only, and the caller lets it.
    unsafe { call4(nr::__NR_cachestat, arguments) }.map(drop)
}
