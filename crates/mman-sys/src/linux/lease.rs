//! Leases on files, and whom a descriptor's signals reach.
#![expect(unsafe_code, reason = "makes system calls")]

use super::syscall::{as_int, call2, call3, int, pointer, pointer_mut, word};
use crate::{Errno, LeaseType, Owner, OwnerType, RawFd, Signal};
use linux_raw_sys::general as nr;

/// Takes, changes or gives up a lease. [F_SETLEASE(2const)](https://man7.org/linux/man-pages/man2/F_SETLEASE.2const.html)
///
/// # Errors
///
/// `EACCES`, `EAGAIN` (somebody has it open in a way that conflicts), `EINVAL` (the file system has none).
///
/// # Safety
///
/// The rules of the crate for the descriptor.
#[inline]
pub unsafe fn set_lease(fd: RawFd, lease: LeaseType) -> Result<(), Errno> {
    // SAFETY: the caller's promise is that of this call.
    unsafe { call3(nr::__NR_fcntl, int(fd), word(nr::F_SETLEASE), word(lease.raw())) }.map(drop)
}

/// The lease that is held, or that it must become while it is being broken.
/// [F_GETLEASE(2const)](https://man7.org/linux/man-pages/man2/F_SETLEASE.2const.html)
///
/// # Errors
///
/// `EBADF`.
///
/// # Safety
///
/// The rules of the crate for the descriptor.
#[inline]
pub unsafe fn get_lease(fd: RawFd) -> Result<LeaseType, Errno> {
    // SAFETY: the call reads only; the descriptor is the caller's promise.
    let lease = unsafe { call2(nr::__NR_fcntl, int(fd), word(nr::F_GETLEASE)) }?;
    Ok(LeaseType::from_raw(as_int(lease).cast_unsigned()))
}

/// Chooses the signal that tells of news on a descriptor; 0 is SIGIO without particulars.
/// [F_SETSIG(2const)](https://man7.org/linux/man-pages/man2/F_GETSIG.2const.html)
///
/// # Errors
///
/// `EBADF`, `EINVAL`.
///
/// # Safety
///
/// The rules of the crate for the descriptor, and the signal is one that the process expects.
#[inline]
pub unsafe fn set_signal(fd: RawFd, signal: Signal) -> Result<(), Errno> {
    // SAFETY: the caller's promise is that of this call.
    unsafe { call3(nr::__NR_fcntl, int(fd), word(nr::F_SETSIG), word(signal.raw())) }.map(drop)
}

/// The signal that tells of news on a descriptor.
///
/// # Errors
///
/// `EBADF`.
///
/// # Safety
///
/// The rules of the crate for the descriptor.
#[inline]
pub unsafe fn get_signal(fd: RawFd) -> Result<Signal, Errno> {
    // SAFETY: the call reads only; the descriptor is the caller's promise.
    let signal = unsafe { call2(nr::__NR_fcntl, int(fd), word(nr::F_GETSIG)) }?;
    Ok(Signal::from_raw(as_int(signal).cast_unsigned()))
}

/// Chooses who gets a descriptor's signals. [F_SETOWN_EX(2const)](https://man7.org/linux/man-pages/man2/F_GETOWN.2const.html)
///
/// # Errors
///
/// `EBADF`, `EINVAL`, `ESRCH`.
///
/// # Safety
///
/// The rules of the crate for the descriptor.
#[inline]
pub unsafe fn set_owner(fd: RawFd, owner: Owner) -> Result<(), Errno> {
    let argument = pointer(&raw const owner);
    // SAFETY: the kernel reads one `Owner`, which lives as long as the call.
    unsafe { call3(nr::__NR_fcntl, int(fd), word(nr::F_SETOWN_EX), argument) }.map(drop)
}

/// Who gets a descriptor's signals.
///
/// # Errors
///
/// `EBADF`.
///
/// # Safety
///
/// The rules of the crate for the descriptor.
#[inline]
pub unsafe fn get_owner(fd: RawFd) -> Result<Owner, Errno> {
    let mut owner = Owner { kind: OwnerType::PROCESS, id: 0 };
    let argument = pointer_mut(&raw mut owner);
    // SAFETY: the kernel writes one `Owner`, and `owner` is one.
    unsafe { call3(nr::__NR_fcntl, int(fd), word(nr::F_GETOWN_EX), argument) }?;
    Ok(owner)
}
