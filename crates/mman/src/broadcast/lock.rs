//! The mark of a living side: a lock that the kernel takes away when the process ends, however it does.
#![expect(unsafe_code, reason = "passes descriptors that it owns or borrows")]

use crate::error::{Cause, Error, ObjectKind, Operation, Result};
use mman_sys::Errno;
use rustix::fs::{Mode, OFlags};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

/// The byte that a writer locks.
pub(crate) const WRITER: i64 = 0;

/// The lock of one byte, held by a description that nobody else has: the object was opened once more for it.
/// A descriptor of the object that is handed to readers keeps nothing locked.
#[derive(Debug)]
pub(crate) struct SideLock {
    _description: OwnedFd,
}

impl SideLock {
    pub(crate) fn take(object: BorrowedFd<'_>, kind: ObjectKind, byte: i64) -> Result<Self> {
        let failed = |errno| Error::kernel(Operation::Open, kind, errno);
        let path = format!("/proc/self/fd/{}", object.as_raw_fd());
        let opened = rustix::fs::open(path, OFlags::RDWR | OFlags::CLOEXEC, Mode::empty());
        let description = opened.map_err(|errno| failed(Errno::from_raw(errno.raw_os_error())))?;
        // SAFETY: the descriptor is ours.
        let set = unsafe { mman_sys::try_lock_byte(description.as_raw_fd(), byte) };
        set.map_err(|errno| match errno {
            Errno::EAGAIN | Errno::EACCES => failed(errno).because(Cause::HasWriter),
            _ => failed(errno),
        })?;
        Ok(Self { _description: description })
    }
}

/// Whether somebody holds it. What others may lock for reading is no sign of a writer, and does not count.
pub(crate) fn is_held(object: &OwnedFd, kind: ObjectKind, byte: i64) -> Result<bool> {
    let fd = object.as_fd().as_raw_fd();
    // SAFETY: the descriptor is borrowed for the call.
    let held = unsafe { mman_sys::is_byte_locked(fd, byte) };
    held.map_err(|errno| Error::kernel(Operation::Receive, kind, errno))
}
