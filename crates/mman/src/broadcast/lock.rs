//! The mark of a living writer: a lock that the kernel takes away when the writer's process ends, however it does.
#![expect(unsafe_code, reason = "passes descriptors that it owns or borrows")]

use crate::error::{Cause, Error, ObjectKind, Operation, Result};
use mman_sys::Errno;
use rustix::fs::{Mode, OFlags};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

/// The byte that is locked.
const FIRST: i64 = 0;

/// The lock of the first byte, held by a description that nobody else has: the object was opened once more for it.
/// A descriptor of the object that is handed to readers keeps nothing locked.
#[derive(Debug)]
pub(super) struct WriterLock {
    _description: OwnedFd,
}

impl WriterLock {
    pub(super) fn take(object: BorrowedFd<'_>, kind: ObjectKind) -> Result<Self> {
        let failed = |errno| Error::kernel(Operation::Create, kind, errno);
        let path = format!("/proc/self/fd/{}", object.as_raw_fd());
        let opened = rustix::fs::open(path, OFlags::RDWR | OFlags::CLOEXEC, Mode::empty());
        let description = opened.map_err(|errno| failed(Errno::from_raw(errno.raw_os_error())))?;
        // SAFETY: the descriptor is ours.
        let set = unsafe { mman_sys::try_lock_byte(description.as_raw_fd(), FIRST) };
        set.map_err(|errno| match errno {
            Errno::EAGAIN | Errno::EACCES => failed(errno).because(Cause::HasWriter),
            _ => failed(errno),
        })?;
        Ok(Self { _description: description })
    }
}

/// Whether somebody holds it. What others may lock for reading is no sign of a writer, and does not count.
pub(super) fn is_held(object: &OwnedFd, kind: ObjectKind) -> Result<bool> {
    let fd = object.as_fd().as_raw_fd();
    // SAFETY: the descriptor is borrowed for the call.
    let held = unsafe { mman_sys::is_byte_locked(fd, FIRST) };
    held.map_err(|errno| Error::kernel(Operation::Receive, kind, errno))
}
