//! Advice about memory, our own and that of other processes.
#![expect(unsafe_code, reason = "makes system calls")]

use super::syscall::{call3, call5, int, pointer, pointer_mut, word};
use crate::{Advice, Errno, IoVec, RawFd};
use core::ffi::c_void;
use linux_raw_sys::general as nr;

/// Advises the kernel about a range. [madvise(2)](https://man7.org/linux/man-pages/man2/madvise.2.html)
///
/// # Errors
///
/// `EACCES`, `EAGAIN`, `EBADF`, `EBUSY`, `EFAULT`, `EHWPOISON`, `EINVAL`, `EIO`, `ENOMEM` (a hole: the
/// rest is done), `EPERM`.
///
/// # Safety
///
/// The rules of the crate: several advices destroy bytes or take access away ([`Advice`] says which);
/// for those the caller owns the range.
#[inline]
pub unsafe fn madvise(addr: *mut c_void, len: usize, advice: Advice) -> Result<(), Errno> {
    // SAFETY: the caller's promise is that of this call.
    unsafe { call3(nr::__NR_madvise, pointer_mut(addr), len, int(advice.raw())) }.map(drop)
}

/// Advises the kernel about ranges of another process, or of our own (5.10). Answers how many bytes
/// were advised, which may be fewer than asked. [process_madvise(2)](https://man7.org/linux/man-pages/man2/process_madvise.2.html)
///
/// # Errors
///
/// `EBADF`, `EFAULT`, `EINVAL`, `ENOMEM`, `EPERM`, `ESRCH`.
///
/// # Safety
///
/// The rules of the crate for the descriptor; for our own process also those of [`madvise`].
#[inline]
pub unsafe fn process_madvise(
    pidfd: RawFd,
    ranges: *const IoVec,
    count: usize,
    advice: Advice,
    flags: u32,
) -> Result<usize, Errno> {
    let arguments = [int(pidfd), pointer(ranges), count, int(advice.raw()), word(flags)];
    // SAFETY: the caller's promise is that of this call; a bad pointer is answered with EFAULT.
    unsafe { call5(nr::__NR_process_madvise, arguments) }
}
