//! System V shared memory: objects with a number, whose attachments the kernel counts.
#![expect(unsafe_code, reason = "makes system calls")]

use super::syscall::{address, as_int, call1, call3, int, pointer, pointer_mut};
use crate::{Errno, ShmStat};
use core::ffi::{c_int, c_void};
use core::ptr::null_mut;
use linux_raw_sys::general as nr;

/// The key of nobody: each call makes an object of its own (`linux/ipc.h`).
pub const IPC_PRIVATE: c_int = 0;
/// Make the object if there is none of the key (`linux/ipc.h`).
pub const IPC_CREAT: c_int = 0o1000;
/// The object goes with its last attachment (`linux/ipc.h`).
pub const IPC_RMID: c_int = 0;
/// Tell of the object (`linux/ipc.h`).
pub const IPC_STAT: c_int = 2;
/// Tell of the object at an index (`linux/shm.h`).
pub const SHM_STAT: c_int = 13;
/// Tell of all objects (`linux/shm.h`).
pub const SHM_INFO: c_int = 14;

/// Finds or makes an object. [shmget(2)](https://man7.org/linux/man-pages/man2/shmget.2.html)
///
/// # Errors
///
/// `EACCES`, `EEXIST`, `EINVAL`, `ENFILE`, `ENOENT`, `ENOMEM`, `ENOSPC`, `EPERM`, `ENOSYS` (not built).
#[inline]
pub fn shmget(key: c_int, len: usize, flags: c_int) -> Result<c_int, Errno> {
    // SAFETY: the call touches no memory.
    unsafe { call3(nr::__NR_shmget, int(key), len, int(flags)) }.map(as_int)
}

/// Attaches an object where nothing is. [shmat(2)](https://man7.org/linux/man-pages/man2/shmat.2.html)
///
/// # Errors
///
/// `EACCES`, `EIDRM`, `EINVAL`, `ENOMEM`.
#[inline]
pub fn shmat(id: c_int) -> Result<*mut c_void, Errno> {
    // SAFETY: the kernel chooses the place: no memory is taken away.
    unsafe { call3(nr::__NR_shmat, int(id), 0, 0) }.map(address)
}

/// Detaches an object. [shmdt(2)](https://man7.org/linux/man-pages/man2/shmat.2.html)
///
/// # Errors
///
/// `EINVAL` (nothing is attached there).
///
/// # Safety
///
/// The rules of the crate: the caller owns the attachment.
#[inline]
pub unsafe fn shmdt(at: *mut c_void) -> Result<(), Errno> {
    // SAFETY: the caller's promise is that of this call.
    unsafe { call1(nr::__NR_shmdt, pointer_mut(at)) }.map(drop)
}

/// Has an object go with its last attachment. [shmctl(2)](https://man7.org/linux/man-pages/man2/shmctl.2.html)
///
/// # Errors
///
/// `EIDRM`, `EINVAL`, `EPERM`.
#[inline]
pub fn shm_remove(id: c_int) -> Result<(), Errno> {
    let nothing = pointer(null_mut::<c_void>());
    // SAFETY: who has it attached keeps it.
    unsafe { call3(nr::__NR_shmctl, int(id), int(IPC_RMID), nothing) }.map(drop)
}

/// Tells of an object: how often it is attached, in all processes. [shmctl(2)](https://man7.org/linux/man-pages/man2/shmctl.2.html)
///
/// # Errors
///
/// `EACCES`, `EIDRM`, `EINVAL`.
#[inline]
pub fn shm_stat(id: c_int) -> Result<ShmStat, Errno> {
    let mut stat = ShmStat::default();
    let into = pointer_mut(&raw mut stat);
    // SAFETY: the kernel writes one `shmid64_ds`, which is what `stat` is.
    unsafe { call3(nr::__NR_shmctl, int(id), int(IPC_STAT), into) }?;
    Ok(stat)
}

/// The highest index of an object of this namespace. [shmctl(2)](https://man7.org/linux/man-pages/man2/shmctl.2.html)
///
/// # Errors
///
/// `ENOSYS` (not built).
#[inline]
pub fn shm_last_index() -> Result<c_int, Errno> {
    let mut told = [0_u64; 6];
    let into = pointer_mut(&raw mut told);
    // SAFETY: the kernel writes one `shm_info`, which has 48 bytes.
    unsafe { call3(nr::__NR_shmctl, int(0), int(SHM_INFO), into) }.map(as_int)
}

/// Tells of the object at an index, and its number. [shmctl(2)](https://man7.org/linux/man-pages/man2/shmctl.2.html)
///
/// # Errors
///
/// `EACCES`, `EINVAL` (none is there).
#[inline]
pub fn shm_stat_at(index: c_int) -> Result<(c_int, ShmStat), Errno> {
    let mut stat = ShmStat::default();
    let into = pointer_mut(&raw mut stat);
    // SAFETY: the kernel writes one `shmid64_ds`, which is what `stat` is.
    let id = unsafe { call3(nr::__NR_shmctl, int(index), int(SHM_STAT), into) }?;
    Ok((as_int(id), stat))
}
