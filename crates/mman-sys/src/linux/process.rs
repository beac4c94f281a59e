//! Processes: their descriptors, their release, and names for memory.
#![expect(unsafe_code, reason = "makes system calls")]

use super::syscall::{
    as_int, call0, call2, call3, call4, call5, call6, int, pointer, pointer_mut, word,
};
use crate::flags::{PR_SET_VMA, PR_SET_VMA_ANON_NAME};
use crate::{Errno, IoVec, RawFd};
use core::ffi::{CStr, c_void};
use linux_raw_sys::general as nr;

/// For [`pidfd_open`]: the descriptor of a thread (6.9, `linux/pidfd.h`).
pub const PIDFD_THREAD: u32 = nr::O_EXCL;

/// Whether a descriptor of a process or of a thread tells that it has ended; not waited for.
/// [poll(2)](https://man7.org/linux/man-pages/man2/poll.2.html)
///
/// # Errors
///
/// `EINTR`, `ENOMEM`.
///
/// # Safety
///
/// The rules of the crate for the descriptor.
#[inline]
pub unsafe fn has_ended(pidfd: RawFd) -> Result<bool, Errno> {
    // POLLIN is 1 in each field of 16 bits.
    let mut asked = nr::pollfd { fd: pidfd, events: 1, revents: 0 };
    let now = nr::__kernel_timespec { tv_sec: 0, tv_nsec: 0 };
    let arguments = [pointer_mut(&raw mut asked), 1, pointer(&raw const now), 0];
    // SAFETY: the kernel reads the time, and reads and writes one `pollfd`; no signal mask is given.
    unsafe { call4(nr::__NR_ppoll, arguments) }?;
    Ok(asked.revents & 1 != 0)
}

/// Opens a descriptor of a process (5.3), closed by exec. [pidfd_open(2)](https://man7.org/linux/man-pages/man2/pidfd_open.2.html)
///
/// # Errors
///
/// `EINVAL`, `EMFILE`, `ENFILE`, `ENODEV`, `ENOMEM`, `ESRCH`.
#[inline]
pub fn pidfd_open(pid: i32, flags: u32) -> Result<RawFd, Errno> {
    // SAFETY: the call makes a new descriptor and touches no memory.
    unsafe { call2(nr::__NR_pidfd_open, int(pid), word(flags)) }.map(as_int)
}

/// Sets the scheduling class of what threads read and write. [ioprio_set(2)](https://man7.org/linux/man-pages/man2/ioprio_set.2.html)
///
/// # Errors
///
/// `EINVAL`, `EPERM`, `ESRCH`, `ENOSYS`.
#[inline]
pub fn ioprio_set(which: i32, who: i32, priority: i32) -> Result<(), Errno> {
    // SAFETY: the call touches no memory.
    unsafe { call3(nr::__NR_ioprio_set, int(which), int(who), int(priority)) }.map(drop)
}

/// Frees the memory of a process that is being killed, without waiting for it (5.15).
/// [process_mrelease(2)](https://docs.kernel.org/admin-guide/mm/index.html)
///
/// # Errors
///
/// `EBADF`, `EINVAL` (flags, or the process is not dying), `ESRCH`, `EAGAIN`, `EINTR`, `ENOSYS`.
///
/// # Safety
///
/// The rules of the crate for the descriptor.
#[inline]
pub unsafe fn process_mrelease(pidfd: RawFd, flags: u32) -> Result<(), Errno> {
    // SAFETY: only a process with SIGKILL pending loses memory; the descriptor is the caller's promise.
    unsafe { call2(nr::__NR_process_mrelease, int(pidfd), word(flags)) }.map(drop)
}

/// Copies from the memory of a process, ours too, and answers how many bytes came. Memory that cannot be read
/// is `EFAULT` and never a signal. [process_vm_readv(2)](https://man7.org/linux/man-pages/man2/process_vm_readv.2.html)
///
/// # Errors
///
/// `EFAULT`, `EINVAL`, `ENOMEM`, `EPERM`, `ESRCH`, `ENOSYS`.
///
/// # Safety
///
/// Each range of `local` is the caller's to write.
#[inline]
pub unsafe fn process_vm_readv(
    process: i32,
    local: &[IoVec],
    remote: &[IoVec],
) -> Result<usize, Errno> {
    let arguments = [
        int(process),
        pointer(local.as_ptr()),
        local.len(),
        pointer(remote.as_ptr()),
        remote.len(),
        0,
    ];
    // SAFETY: the kernel writes the ranges of `local` only, and the caller lets it.
    unsafe { call6(nr::__NR_process_vm_readv, arguments) }
}

/// Copies into the memory of a process, ours too, and answers how many bytes went. Memory that cannot be
/// written is `EFAULT` and never a signal. [process_vm_writev(2)](https://man7.org/linux/man-pages/man2/process_vm_readv.2.html)
///
/// # Errors
///
/// `EFAULT`, `EINVAL`, `ENOMEM`, `EPERM`, `ESRCH`, `ENOSYS`.
///
/// # Safety
///
/// Each range of `remote` is the caller's to change; each of `local` can be read.
#[inline]
pub unsafe fn process_vm_writev(
    process: i32,
    local: &[IoVec],
    remote: &[IoVec],
) -> Result<usize, Errno> {
    let arguments = [
        int(process),
        pointer(local.as_ptr()),
        local.len(),
        pointer(remote.as_ptr()),
        remote.len(),
        0,
    ];
    // SAFETY: the caller's promise is that of this call.
    unsafe { call6(nr::__NR_process_vm_writev, arguments) }
}

/// Gives anonymous memory a name that `/proc/PID/maps` shows (5.17, a build option); `None` takes it away.
/// [PR_SET_VMA(2const)](https://man7.org/linux/man-pages/man2/PR_SET_VMA.2const.html)
///
/// # Errors
///
/// `EINVAL` (not built, a character that may not be in a name, longer than 79 bytes), `ENOMEM` (a hole),
/// `EBADF` (not anonymous).
#[inline]
pub fn set_anonymous_name(
    addr: *const c_void,
    len: usize,
    name: Option<&CStr>,
) -> Result<(), Errno> {
    let name = name.map_or(0, |name| pointer(name.as_ptr()));
    let arguments = [word(PR_SET_VMA), word(PR_SET_VMA_ANON_NAME), pointer(addr), len, name];
    // SAFETY: the call changes a label only; the name lives as long as the call.
    unsafe { call5(nr::__NR_prctl, arguments) }.map(drop)
}

/// The number of this process.
#[inline]
#[must_use]
pub fn getpid() -> i32 {
    // SAFETY: the call touches nothing and cannot fail.
    unsafe { call0(nr::__NR_getpid) }.map_or(0, as_int)
}

/// The user that this process acts as. [geteuid(2)](https://man7.org/linux/man-pages/man2/getuid.2.html)
#[inline]
#[must_use]
pub fn geteuid() -> u32 {
    // SAFETY: the call touches nothing and cannot fail.
    unsafe { call0(nr::__NR_geteuid) }.map_or(0, |user| as_int(user).cast_unsigned())
}

/// The number of this thread.
#[inline]
#[must_use]
pub fn gettid() -> i32 {
    // SAFETY: the call touches nothing and cannot fail.
    unsafe { call0(nr::__NR_gettid) }.map_or(0, as_int)
}
