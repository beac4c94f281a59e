//! Waiting on a word of shared memory, and waking those who wait.
#![expect(unsafe_code, reason = "makes system calls")]

use super::syscall::{call3, call4, pointer, word};
use crate::{Errno, Timespec};
use linux_raw_sys::general as nr;

/// Waits while a word has the expected value, in any process that maps the object; the timeout is counted from now.
/// [FUTEX_WAIT(2const)](https://man7.org/linux/man-pages/man2/FUTEX_WAIT.2const.html)
///
/// The word is only read. It may answer without having been woken: look at the word again.
///
/// # Errors
///
/// `EAGAIN` (another value), `ETIMEDOUT`, `EINTR`, `EFAULT` (nothing is there), `EINVAL` (no multiple of four, or no
/// time).
#[inline]
pub fn futex_wait(
    futex: *const u32,
    expected: u32,
    timeout: Option<&Timespec>,
) -> Result<(), Errno> {
    let until = timeout.map_or(0, |time| pointer(time));
    let arguments = [pointer(futex), word(nr::FUTEX_WAIT), word(expected), until];
    // SAFETY: the kernel reads the word and the time, if there is one, and writes nothing.
    unsafe { call4(nr::__NR_futex, arguments) }.map(drop)
}

/// Wakes at most so many who wait on a word, and answers how many.
/// [FUTEX_WAKE(2const)](https://man7.org/linux/man-pages/man2/FUTEX_WAKE.2const.html)
///
/// # Errors
///
/// `EFAULT` (nothing is there), `EINVAL` (no multiple of four).
#[inline]
pub fn futex_wake(futex: *const u32, count: u32) -> Result<usize, Errno> {
    // The kernel's count is an int; more than that there never are.
    let count = count.min(i32::MAX.cast_unsigned());
    // SAFETY: the call touches no memory.
    unsafe { call3(nr::__NR_futex, pointer(futex), word(nr::FUTEX_WAKE), word(count)) }
}
