//! The mark of a living writer: a lock that the kernel takes away when the writer's process ends, however it does.
#![expect(unsafe_code, reason = "passes descriptors that it owns or borrows")]

use crate::error::{Cause, Error, ObjectKind, Operation, Result};
use mman_sys::{Errno, LeaseType, RecordLock};
use rustix::fs::{Mode, OFlags};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

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
        let set =
            unsafe { mman_sys::set_record_lock(description.as_raw_fd(), lock(LeaseType::WRITE)) };
        set.map_err(|errno| match errno {
            Errno::EAGAIN | Errno::EACCES => failed(errno).because(Cause::HasWriter),
            _ => failed(errno),
        })?;
        Ok(Self { _description: description })
    }
}

/// Whether somebody holds it. Asked for as a reader's lock: what others may lock for reading is no sign of a writer.
pub(super) fn is_held(object: &OwnedFd, kind: ObjectKind) -> Result<bool> {
    let fd = object.as_fd().as_raw_fd();
    // SAFETY: the descriptor is borrowed for the call.
    let found = unsafe { mman_sys::get_record_lock(fd, lock(LeaseType::READ)) };
    let found = found.map_err(|errno| Error::kernel(Operation::Receive, kind, errno))?;
    Ok(found.l_type != kind_of(LeaseType::NONE))
}

fn lock(kind: LeaseType) -> RecordLock {
    RecordLock { l_type: kind_of(kind), l_whence: 0, l_start: 0, l_len: 1, l_pid: 0 }
}

/// The three kinds are 0, 1 and 2.
fn kind_of(kind: LeaseType) -> i16 {
    i16::try_from(kind.raw()).unwrap_or(i16::MAX)
}
