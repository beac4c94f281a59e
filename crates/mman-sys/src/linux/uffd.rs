//! Page faults served in user space: the userfaultfd call and its ioctls.
//!
//! The calls that install pages answer how far they came in the result: an error after some bytes is
//! told as those bytes, and the next call gives the error. `EAGAIN`, `EEXIST` and `ENOENT` are normal
//! outcomes of these calls. [ioctl_userfaultfd(2)](https://man7.org/linux/man-pages/man2/ioctl_userfaultfd.2.html)
#![expect(unsafe_code, reason = "makes system calls")]

use super::ioctl::{io, ioctl, ior, iowr};
use super::syscall::{as_int, call1, call3, int, pointer_mut, word};
use crate::{
    ContinueMode, CopyMode, Errno, MoveMode, PoisonMode, RawFd, RegisterMode, UffdApi, UffdMessage,
    UffdRange, UserfaultFeatures, UserfaultFlags, WriteprotectMode, ZeropageMode,
};
use linux_raw_sys::general as raw;

const KIND: u8 = 0xaa;
const UFFDIO_API: u32 = iowr::<raw::uffdio_api>(KIND, 0x3f);
const UFFDIO_REGISTER: u32 = iowr::<raw::uffdio_register>(KIND, 0x00);
const UFFDIO_UNREGISTER: u32 = ior::<UffdRange>(KIND, 0x01);
const UFFDIO_WAKE: u32 = ior::<UffdRange>(KIND, 0x02);
const UFFDIO_COPY: u32 = iowr::<raw::uffdio_copy>(KIND, 0x03);
const UFFDIO_ZEROPAGE: u32 = iowr::<raw::uffdio_zeropage>(KIND, 0x04);
const UFFDIO_MOVE: u32 = iowr::<raw::uffdio_move>(KIND, 0x05);
const UFFDIO_WRITEPROTECT: u32 = iowr::<raw::uffdio_writeprotect>(KIND, 0x06);
const UFFDIO_CONTINUE: u32 = iowr::<raw::uffdio_continue>(KIND, 0x07);
const UFFDIO_POISON: u32 = iowr::<raw::uffdio_poison>(KIND, 0x08);
const MESSAGE_SIZE: usize = size_of::<UffdMessage>();
const USERFAULTFD_IOC_NEW: u32 = io(KIND, 0x00);

/// Makes a userfaultfd. [userfaultfd(2)](https://man7.org/linux/man-pages/man2/userfaultfd.2.html)
///
/// # Errors
///
/// `EINVAL`, `EMFILE`, `ENFILE`, `ENOMEM`, `EPERM` (`vm.unprivileged_userfaultfd` is 0), `ENOSYS`.
#[inline]
pub fn userfaultfd(flags: UserfaultFlags) -> Result<RawFd, Errno> {
    // SAFETY: the call makes a new descriptor and touches no memory.
    unsafe { call1(raw::__NR_userfaultfd, word(flags.bits())) }.map(as_int)
}

/// Makes a userfaultfd from `/dev/userfaultfd` (6.1), which needs no privilege but the file's.
///
/// # Errors
///
/// Those of [`userfaultfd`]; `ENOTTY` for another file.
///
/// # Safety
///
/// The rules of the crate for the descriptor.
#[inline]
pub unsafe fn userfaultfd_from_device(
    device: RawFd,
    flags: UserfaultFlags,
) -> Result<RawFd, Errno> {
    // SAFETY: the call makes a new descriptor and touches no memory.
    unsafe { ioctl(device, USERFAULTFD_IOC_NEW, word(flags.bits())) }.map(as_int)
}

/// Agrees on the features, once for each descriptor, and tells what the kernel can do.
///
/// # Errors
///
/// `EINVAL` (a feature that the kernel has not; asking for none tells which it has), `EPERM`.
///
/// # Safety
///
/// The rules of the crate for the descriptor.
#[inline]
pub unsafe fn uffd_api(fd: RawFd, features: UserfaultFeatures) -> Result<UffdApi, Errno> {
    let mut api =
        raw::uffdio_api { api: raw::UFFD_API.into(), features: features.bits(), ioctls: 0 };
    // SAFETY: the kernel reads and writes one `uffdio_api`, and `api` is one.
    unsafe { ioctl(fd, UFFDIO_API, pointer_mut(&raw mut api)) }?;
    Ok(UffdApi { features: UserfaultFeatures::from_bits(api.features), ioctls: api.ioctls })
}

/// Registers a range, and tells which ioctls work on it (bit `n` for number `n`).
///
/// # Errors
///
/// `EBUSY` (registered elsewhere), `EINVAL`, `ENOMEM`, `EPERM`.
///
/// # Safety
///
/// The caller owns the range: from now on a touch of it may wait, or raise SIGBUS.
#[inline]
pub unsafe fn uffd_register(fd: RawFd, range: UffdRange, mode: RegisterMode) -> Result<u64, Errno> {
    let mut argument = raw::uffdio_register { range, mode: mode.bits(), ioctls: 0 };
    // SAFETY: the kernel reads and writes one `uffdio_register`; the range is the caller's promise.
    unsafe { ioctl(fd, UFFDIO_REGISTER, pointer_mut(&raw mut argument)) }?;
    Ok(argument.ioctls)
}

/// Takes a range out, and wakes who waits on it.
///
/// # Errors
///
/// `EINVAL`, `ENOMEM`.
///
/// # Safety
///
/// The caller owns the range: a missing page reads as zeros again.
#[inline]
pub unsafe fn uffd_unregister(fd: RawFd, mut range: UffdRange) -> Result<(), Errno> {
    // SAFETY: the kernel reads one range; the rest is the caller's promise.
    unsafe { ioctl(fd, UFFDIO_UNREGISTER, pointer_mut(&raw mut range)) }.map(drop)
}

/// Wakes the threads that wait on a range.
///
/// # Errors
///
/// `EINVAL`.
///
/// # Safety
///
/// The rules of the crate for the descriptor.
#[inline]
pub unsafe fn uffd_wake(fd: RawFd, mut range: UffdRange) -> Result<(), Errno> {
    // SAFETY: the kernel reads one range; waking changes no memory.
    unsafe { ioctl(fd, UFFDIO_WAKE, pointer_mut(&raw mut range)) }.map(drop)
}

/// The answer of a call that tells its progress in a field: bytes done, or minus an error number.
fn progress(answer: Result<usize, Errno>, done: i64) -> Result<u64, Errno> {
    match (answer, u64::try_from(done)) {
        // Some bytes were done before the error: they count, and the next call meets the error again.
        (Ok(_), Ok(done)) => Ok(done),
        (Err(_), Ok(done)) if done > 0 => Ok(done),
        (Err(errno), _) => Err(errno),
        (Ok(_), Err(_)) => Err(Errno::EAGAIN),
    }
}

/// Copies bytes into missing pages and maps them, in one step. Answers the bytes done.
///
/// # Errors
///
/// `EAGAIN`, `EEXIST` (a page is there), `EFAULT`, `EINVAL`, `ENOENT` (not registered), `ENOMEM`,
/// `ENOSPC`, `ESRCH`.
///
/// # Safety
///
/// The caller owns both ranges, and `source` can be read.
#[inline]
pub unsafe fn uffd_copy(
    fd: RawFd,
    to: u64,
    source: u64,
    len: u64,
    mode: CopyMode,
) -> Result<u64, Errno> {
    let mut argument = raw::uffdio_copy { dst: to, src: source, len, mode: mode.bits(), copy: 0 };
    // SAFETY: the kernel reads and writes one `uffdio_copy`; the ranges are the caller's promise.
    let answer = unsafe { ioctl(fd, UFFDIO_COPY, pointer_mut(&raw mut argument)) };
    progress(answer, argument.copy)
}

/// Maps zero pages where pages are missing. Answers the bytes done.
///
/// # Errors
///
/// `EAGAIN`, `EEXIST`, `EFAULT`, `EINVAL`, `ENOENT`, `ESRCH`.
///
/// # Safety
///
/// The caller owns the range.
#[inline]
pub unsafe fn uffd_zeropage(fd: RawFd, range: UffdRange, mode: ZeropageMode) -> Result<u64, Errno> {
    let mut argument = raw::uffdio_zeropage { range, mode: mode.bits(), zeropage: 0 };
    // SAFETY: the kernel reads and writes one `uffdio_zeropage`; the range is the caller's promise.
    let answer = unsafe { ioctl(fd, UFFDIO_ZEROPAGE, pointer_mut(&raw mut argument)) };
    progress(answer, argument.zeropage)
}

/// Moves anonymous pages from one range to another without copying (6.8). Answers the bytes done.
///
/// # Errors
///
/// `EAGAIN`, `EBUSY` (a page is pinned or shared), `EEXIST`, `EINVAL`, `ENOENT`, `ESRCH`, `EPERM`.
///
/// # Safety
///
/// The caller owns both ranges: the source reads as missing afterwards.
#[inline]
pub unsafe fn uffd_move(
    fd: RawFd,
    to: u64,
    source: u64,
    len: u64,
    mode: MoveMode,
) -> Result<u64, Errno> {
    let mut argument = raw::uffdio_move { dst: to, src: source, len, mode: mode.bits(), move_: 0 };
    // SAFETY: the kernel reads and writes one `uffdio_move`; the ranges are the caller's promise.
    let answer = unsafe { ioctl(fd, UFFDIO_MOVE, pointer_mut(&raw mut argument)) };
    progress(answer, argument.move_)
}

/// Write-protects a range, or lifts that (5.7).
///
/// # Errors
///
/// `EAGAIN`, `EFAULT`, `EINVAL`, `ENOENT`.
///
/// # Safety
///
/// The caller owns the range: a store to it waits until the protection is lifted, unless it is asynchronous.
#[inline]
pub unsafe fn uffd_writeprotect(
    fd: RawFd,
    range: UffdRange,
    mode: WriteprotectMode,
) -> Result<(), Errno> {
    let mut argument = raw::uffdio_writeprotect { range, mode: mode.bits() };
    // SAFETY: the kernel reads one `uffdio_writeprotect`; the range is the caller's promise.
    unsafe { ioctl(fd, UFFDIO_WRITEPROTECT, pointer_mut(&raw mut argument)) }.map(drop)
}

/// Maps pages that the object has already, after a minor fault (5.13). Answers the bytes done.
///
/// # Errors
///
/// `EAGAIN`, `EEXIST`, `EFAULT`, `EINVAL`, `ENOENT`, `ENOMEM`, `ESRCH`.
///
/// # Safety
///
/// The caller owns the range.
#[inline]
pub unsafe fn uffd_continue(fd: RawFd, range: UffdRange, mode: ContinueMode) -> Result<u64, Errno> {
    let mut argument = raw::uffdio_continue { range, mode: mode.bits(), mapped: 0 };
    // SAFETY: the kernel reads and writes one `uffdio_continue`; the range is the caller's promise.
    let answer = unsafe { ioctl(fd, UFFDIO_CONTINUE, pointer_mut(&raw mut argument)) };
    progress(answer, argument.mapped)
}

/// Marks missing pages as poisoned: a touch is SIGBUS (6.6). Answers the bytes done.
///
/// # Errors
///
/// `EAGAIN`, `EEXIST`, `EFAULT`, `EINVAL`, `ENOENT`, `ENOMEM`, `ESRCH`.
///
/// # Safety
///
/// The caller owns the range.
#[inline]
pub unsafe fn uffd_poison(fd: RawFd, range: UffdRange, mode: PoisonMode) -> Result<u64, Errno> {
    let mut argument = raw::uffdio_poison { range, mode: mode.bits(), updated: 0 };
    // SAFETY: the kernel reads and writes one `uffdio_poison`; the range is the caller's promise.
    let answer = unsafe { ioctl(fd, UFFDIO_POISON, pointer_mut(&raw mut argument)) };
    progress(answer, argument.updated)
}

/// Reads messages, as many as are there and fit. Answers how many.
///
/// # Errors
///
/// `EAGAIN` (none there, and the descriptor does not wait), `EINVAL` (before [`uffd_api`]), `EINTR`.
///
/// # Safety
///
/// The rules of the crate for the descriptor.
#[inline]
pub unsafe fn uffd_read(fd: RawFd, messages: &mut [UffdMessage]) -> Result<usize, Errno> {
    let room = size_of_val(messages);
    // SAFETY: the kernel writes at most `room` bytes; any bytes are a message.
    let bytes =
        unsafe { call3(raw::__NR_read, int(fd), pointer_mut(messages.as_mut_ptr()), room) }?;
    Ok(bytes / MESSAGE_SIZE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_counts_before_errors() {
        assert_eq!(progress(Ok(0), 8192), Ok(8192));
        assert_eq!(progress(Err(Errno::EAGAIN), 4096), Ok(4096));
        assert_eq!(progress(Err(Errno::EEXIST), -17), Err(Errno::EEXIST));
        assert_eq!(progress(Err(Errno::EAGAIN), 0), Err(Errno::EAGAIN));
    }
}
