//! Who has a log open: locks on bytes far behind its end, which the kernel takes away from who dies.
#![expect(unsafe_code, reason = "locks bytes of files by descriptors that it borrows")]

use crate::error::{Cause, Error, ObjectKind, Operation, Result};
use mman_sys as sys;
use mman_sys::Errno;
use std::fs::File;
use std::os::fd::AsRawFd;

/// The byte of who opens, closes or rotates: one at a time.
const MAIN: i64 = 1 << 62;
/// How many writers may have one file open.
pub(crate) const SLOTS: u16 = 4096;

/// The byte of a writer's slot.
fn byte_of(slot: u16) -> i64 {
    MAIN.wrapping_add(1).wrapping_add(i64::from(slot))
}

fn refused(operation: Operation, errno: Errno) -> Error {
    Error::kernel(operation, ObjectKind::File, errno)
}

/// A file whose [`MAIN`] byte is ours, until it is dropped.
#[derive(Debug)]
pub(crate) struct Alone<'file> {
    file: &'file File,
}

impl<'file> Alone<'file> {
    /// Waits until it is.
    pub(crate) fn wait(file: &'file File, operation: Operation) -> Result<Self> {
        loop {
            // SAFETY: the descriptor is borrowed, so open.
            match unsafe { sys::lock_byte(file.as_raw_fd(), MAIN) } {
                Ok(()) => return Ok(Self { file }),
                Err(Errno::EINTR) => {}
                Err(errno) => return Err(refused(operation, errno)),
            }
        }
    }
}

impl Drop for Alone<'_> {
    fn drop(&mut self) {
        // SAFETY: the descriptor is borrowed, so open.
        let _only_what_was_locked = unsafe { sys::unlock_byte(self.file.as_raw_fd(), MAIN) };
    }
}

/// Takes a slot that nobody has, for as long as the file is open.
pub(crate) fn take_slot(file: &File) -> Result<u16> {
    for slot in 0..SLOTS {
        // SAFETY: the descriptor is borrowed, so open.
        match unsafe { sys::try_lock_byte(file.as_raw_fd(), byte_of(slot)) } {
            Ok(()) => return Ok(slot),
            Err(Errno::EAGAIN | Errno::EACCES) => {}
            Err(errno) => return Err(refused(Operation::Open, errno)),
        }
    }
    Err(Error::new(Operation::Open, ObjectKind::File, Cause::TooManyWriters))
}

/// Whether somebody else has a slot. What cannot be asked counts as theirs.
pub(crate) fn is_taken(file: &File, slot: u16) -> bool {
    // SAFETY: the descriptor is borrowed, so open.
    let taken = unsafe { sys::is_byte_locked(file.as_raw_fd(), byte_of(slot)) };
    taken != Ok(false)
}
