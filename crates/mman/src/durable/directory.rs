//! Names that survive a crash: a directory, written back.

use super::failed;
use crate::error::{Cause, Error, ObjectKind, Operation, Result};
use rustix::fs::{AtFlags, CWD, Mode, OFlags};
use std::ffi::OsStr;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Opens the directory of a name.
pub(super) fn open_parent(operation: Operation, path: &Path) -> Result<OwnedFd> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::openat(CWD, parent.unwrap_or(Path::new(".")), flags, Mode::empty())
        .map_err(|errno| failed(operation, errno))
}

/// Writes back the directory in which an open file has its name. A file without a name has none to lose.
pub(crate) fn sync_name_of(fd: BorrowedFd<'_>) -> Result<()> {
    let told = |errno| failed(Operation::Sync, errno);
    let file = rustix::fs::fstat(fd).map_err(told)?;
    if file.st_nlink == 0 {
        return Ok(());
    }
    let link = format!("/proc/self/fd/{}", fd.as_raw_fd());
    let path = rustix::fs::readlinkat(CWD, link, Vec::new()).map_err(told)?;
    let path = Path::new(OsStr::from_bytes(path.as_bytes()));
    let not_found = || Error::new(Operation::Sync, ObjectKind::File, Cause::NotFound);
    let name = path.file_name().ok_or_else(not_found)?;
    let directory = open_parent(Operation::Sync, path)?;
    // It may have been renamed a moment ago, or be one that this process cannot see.
    let found = rustix::fs::statat(&directory, name, AtFlags::SYMLINK_NOFOLLOW).map_err(told)?;
    if (found.st_dev, found.st_ino) != (file.st_dev, file.st_ino) {
        return Err(not_found());
    }
    rustix::fs::fsync(&directory).map_err(told)
}
