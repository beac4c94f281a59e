//! Opening what a search finds, so that nothing and nobody notices.

use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat, fstat, openat, statat};
use rustix::io::Errno;
use rustix::process::{Resource, getrlimit, setrlimit};
use std::cell::Cell;
use std::ffi::CStr;
use std::os::fd::{AsFd, OwnedFd};

/// Whether the time of access can be left alone: the kernel lets only the owner and root ask for that. Files of one
/// directory mostly have one owner.
#[derive(Debug)]
pub(super) struct QuietAccess(Cell<bool>);

impl QuietAccess {
    pub(super) const fn new() -> Self {
        Self(Cell::new(true))
    }

    pub(super) fn forget(&self) {
        self.0.set(true);
    }
}

/// Opens a regular file for reading, and looks at it. The caller has seen that it is one: opening a FIFO, and closing
/// it, can end who writes to it.
pub(super) fn file(
    at: impl AsFd,
    name: &CStr,
    follow: bool,
    quiet: &QuietAccess,
) -> Result<(OwnedFd, Stat), Errno> {
    let mut flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
    if !follow {
        flags |= OFlags::NOFOLLOW;
    }
    let fd = match quietly(&at, name, flags, quiet) {
        // Under a lease (fcntl(2)): its holder is being asked to let go, and does so within a bounded time.
        Err(Errno::AGAIN) if is_regular(&at, name, follow) => {
            quietly(&at, name, flags.difference(OFlags::NONBLOCK), quiet)?
        }
        opened => opened?,
    };
    let stat = fstat(&fd)?;
    Ok((fd, stat))
}

fn quietly(
    at: &impl AsFd,
    name: &CStr,
    flags: OFlags,
    quiet: &QuietAccess,
) -> Result<OwnedFd, Errno> {
    let open = |flags| openat(at, name, flags, Mode::empty());
    if quiet.0.get() {
        match open(flags | OFlags::NOATIME) {
            Err(Errno::PERM) => quiet.0.set(false),
            opened => return opened,
        }
    }
    open(flags)
}

fn is_regular(at: &impl AsFd, name: &CStr, follow: bool) -> bool {
    kind(at, name, follow).is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode).is_file())
}

/// Looks at what a name stands for, without opening it.
pub(super) fn kind(at: impl AsFd, name: &CStr, follow: bool) -> Result<Stat, Errno> {
    let flags = if follow { AtFlags::empty() } else { AtFlags::SYMLINK_NOFOLLOW };
    statat(at, name, flags | AtFlags::NO_AUTOMOUNT)
}

/// Opens a directory.
pub(super) fn directory(
    at: impl AsFd,
    name: &CStr,
    follow: bool,
) -> Result<(OwnedFd, Stat), Errno> {
    let mut flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    if !follow {
        flags |= OFlags::NOFOLLOW;
    }
    let fd = match openat(&at, name, flags | OFlags::NOATIME, Mode::empty()) {
        Err(Errno::PERM) => openat(&at, name, flags, Mode::empty())?,
        opened => opened?,
    };
    let stat = fstat(&fd)?;
    Ok((fd, stat))
}

/// Raises the number of files that may be open to the most that the process may have.
pub(super) fn allow_many_files() {
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        limit.current = limit.maximum;
        let _stays_as_it_was = setrlimit(Resource::Nofile, limit);
    }
}
