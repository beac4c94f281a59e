//! What objects that are one descriptor of memory share: looking at it, and its length.

use super::{Backing, Described, Identity, file};
use crate::error::{Cause, Error, ObjectKind, Operation, Result};
use mman_sys::Errno;
use rustix::fs::{FallocateFlags, OFlags, Stat};
use rustix::process::{Resource, getrlimit};
use std::os::fd::BorrowedFd;

/// The error of a call on a descriptor.
pub(super) fn failed(operation: Operation, kind: ObjectKind, errno: rustix::io::Errno) -> Error {
    Error::kernel(operation, kind, Errno::from_raw(errno.raw_os_error()))
}

/// Looks at an object.
pub(super) fn describe(fd: BorrowedFd<'_>, kind: ObjectKind) -> Result<Described<'_>> {
    let stat = stat_of(Operation::Open, fd, kind)?;
    Ok(Described {
        backing: Backing::Descriptor(fd),
        size: Some(length(&stat)),
        identity: Some(identity(&stat)),
        page: file::page_size(fd, kind, &stat),
    })
}

pub(super) fn stat_of(operation: Operation, fd: BorrowedFd<'_>, kind: ObjectKind) -> Result<Stat> {
    rustix::fs::fstat(fd).map_err(|errno| failed(operation, kind, errno))
}

pub(super) fn length(stat: &Stat) -> u64 {
    u64::try_from(stat.st_size).unwrap_or(0) // never negative
}

#[allow(clippy::useless_conversion, reason = "the width of these fields differs between machines")]
pub(super) fn identity(stat: &Stat) -> Identity {
    Identity { device: stat.st_dev.into(), inode: stat.st_ino.into() }
}

/// How a descriptor was opened.
pub(super) fn mode(operation: Operation, fd: BorrowedFd<'_>, kind: ObjectKind) -> Result<OFlags> {
    rustix::fs::fcntl_getfl(fd).map_err(|errno| failed(operation, kind, errno))
}

pub(super) fn is_writable(fd: BorrowedFd<'_>) -> bool {
    rustix::fs::fcntl_getfl(fd).is_ok_and(|mode| mode & OFlags::ACCMODE != OFlags::RDONLY)
}

/// Sets the length.
pub(super) fn set_size(
    operation: Operation,
    fd: BorrowedFd<'_>,
    kind: ObjectKind,
    len: u64,
) -> Result<()> {
    check_length(operation, fd, kind, len)?;
    let set = rustix::io::retry_on_intr(|| rustix::fs::ftruncate(fd, len));
    set.map_err(|errno| explained(operation, fd, kind, errno).on(0, len))
}

/// Makes the object as long as this, where it is shorter. It never becomes shorter, whoever else does the same
/// meanwhile: the kernel grows it for the last byte.
pub(super) fn grow_to(
    operation: Operation,
    fd: BorrowedFd<'_>,
    kind: ObjectKind,
    len: u64,
) -> Result<()> {
    let Some(last) = len.checked_sub(1) else { return Ok(()) };
    check_length(operation, fd, kind, len)?;
    if length(&stat_of(operation, fd, kind)?) >= len {
        return Ok(());
    }
    let grow = || rustix::fs::fallocate(fd, FallocateFlags::empty(), last, 1);
    let grown = rustix::io::retry_on_intr(grow);
    grown.map_err(|errno| explained(operation, fd, kind, errno).on(0, len))
}

/// Lengths that no file has, and those for which the kernel would raise a signal (`RLIMIT_FSIZE`, SIGXFSZ).
fn check_length(
    operation: Operation,
    fd: BorrowedFd<'_>,
    kind: ObjectKind,
    len: u64,
) -> Result<()> {
    if i64::try_from(len).is_err() {
        return Err(Error::new(operation, kind, Cause::TooLong).on(0, len));
    }
    match getrlimit(Resource::Fsize).current {
        Some(limit) if len > limit && len > length(&stat_of(operation, fd, kind)?) => {
            Err(Error::kernel(operation, kind, Errno::EFBIG).on(0, len))
        }
        _ => Ok(()),
    }
}

fn explained(
    operation: Operation,
    fd: BorrowedFd<'_>,
    kind: ObjectKind,
    errno: rustix::io::Errno,
) -> Error {
    let cause = match errno {
        rustix::io::Errno::PERM => Cause::Sealed,
        rustix::io::Errno::FBIG => Cause::TooLong,
        rustix::io::Errno::NOSPC | rustix::io::Errno::DQUOT => Cause::NoSpace,
        rustix::io::Errno::INVAL | rustix::io::Errno::BADF if !is_writable(fd) => {
            Cause::NotWritable
        }
        _ => Cause::Kernel,
    };
    failed(operation, kind, errno).because(cause)
}
