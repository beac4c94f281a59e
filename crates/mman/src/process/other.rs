//! A process, held so that its number cannot come to mean another.
#![expect(unsafe_code, reason = "owns the descriptor of a process")]

use crate::error::{Cause, Error, ObjectKind, Operation, Result};
use crate::inspect::{self, Entry, Maps, Smaps, Usage};
use mman_sys::{Errno, pidfd_open};
use rustix::fs::{AtFlags, CWD, Mode, OFlags, openat, statat};
use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;

/// A process: ourselves, or another. [pidfd_open(2)](https://man7.org/linux/man-pages/man2/pidfd_open.2.html)
///
/// Another is held by a descriptor of it (5.3) and one of its folder in `/proc`. Both mean this process for
/// ever: once it has ended and was waited for, all that is asked of it is
/// [`Cause::NoProcess`], also when its number is in use again.
///
/// ```
/// use mman::{Cause, process::Process};
///
/// let mut child = std::process::Command::new("cat").stdin(std::process::Stdio::piped()).spawn()?;
/// let process = Process::open(child.id())?;
/// assert!(process.maps()?.count() > 0);
/// drop(child.stdin.take());
/// child.wait()?;
/// assert_eq!(process.maps().unwrap_err().cause(), Cause::NoProcess);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Process {
    who: Who,
}

#[derive(Debug)]
enum Who {
    Myself,
    Other {
        pid: u32,
        pidfd: OwnedFd,
        /// Its folder in `/proc`, opened while the process was there.
        folder: OwnedFd,
    },
}

impl Process {
    /// This process; after a fork, in the child, that is the child.
    #[must_use]
    pub const fn myself() -> Self {
        Self { who: Who::Myself }
    }

    /// The process of a number. A zombie is one, and has no mappings; a thread that is not the first of its
    /// process is none.
    ///
    /// # Errors
    ///
    /// [`Cause::NoProcess`] where there is none (`ESRCH`; `EINVAL` for 0, for what is too large to be a number
    /// of a process, and for a thread, which later kernels answer with `ENOENT`), [`Cause::NotPermitted`] where
    /// `/proc` hides it (`hidepid`); `ENOSYS` before Linux 5.3; `EMFILE`, `ENFILE`.
    pub fn open(pid: u32) -> Result<Self> {
        let failed = |errno| error(Operation::Open, errno);
        let pidfd = pidfd_of(pid)?;
        let folder = open_at(CWD, &format!("/proc/{pid}"), OFlags::PATH | OFlags::DIRECTORY);
        // While the process has not been waited for, its number is nobody else's: then the folder is its own.
        if number_of(&pidfd) != Some(pid) {
            return Err(failed(Errno::ESRCH));
        }
        let folder = folder.map_err(|errno| match errno {
            Errno::ENOENT => failed(errno).because(Cause::NotPermitted),
            _ => failed(errno),
        })?;
        Ok(Self { who: Who::Other { pid, pidfd, folder } })
    }

    /// Its number.
    #[must_use]
    pub fn pid(&self) -> u32 {
        match self.who {
            Who::Myself => std::process::id(),
            Who::Other { pid, .. } => pid,
        }
    }

    /// Its mappings: see [`inspect::maps`].
    ///
    /// # Errors
    ///
    /// Those of [`inspect::maps`].
    pub fn maps(&self) -> Result<Maps<'static>> {
        inspect::maps(self)
    }

    /// Its mappings and the memory that they use: see [`inspect::smaps`].
    ///
    /// # Errors
    ///
    /// Those of [`inspect::maps`].
    pub fn smaps(&self) -> Result<Smaps<'static>> {
        inspect::smaps(self)
    }

    /// The memory that it uses in all: see [`inspect::smaps_rollup`].
    ///
    /// # Errors
    ///
    /// Those of [`inspect::smaps_rollup`].
    pub fn smaps_rollup(&self) -> Result<Usage> {
        inspect::smaps_rollup(self)
    }

    /// Whether the whole name of a mapping, `" (deleted)"` with it, still leads this process to the file that
    /// is mapped: false of a file that was deleted, renamed or replaced. It tells a deleted file from one whose
    /// name ends in `" (deleted)"`. Files are compared by their inode number.
    ///
    /// # Errors
    ///
    /// [`Cause::NotPermitted`], [`Cause::NoProcess`].
    pub fn still_has(&self, entry: &Entry) -> Result<bool> {
        let name = entry.kernel_name().as_bytes();
        let Some(path) = name.strip_prefix(b"/") else { return Ok(false) };
        let path = [b"root/", path].concat();
        let found = match &self.who {
            Who::Myself => statat(CWD, entry.kernel_name(), AtFlags::empty()),
            Who::Other { folder, .. } => statat(folder, OsStr::from_bytes(&path), AtFlags::empty()),
        };
        match found.map_err(|errno| Errno::from_raw(errno.raw_os_error())) {
            Ok(file) => Ok(entry.inode() == file.st_ino),
            Err(Errno::ENOENT | Errno::ENOTDIR | Errno::ENAMETOOLONG) => Ok(false),
            Err(errno) => Err(error(Operation::Inspect, errno)),
        }
    }

    /// Its folder in `/proc`, opened with `O_PATH`, to look at the files there that this crate does not read
    /// (`openat` from it). They mean this process for ever, too.
    ///
    /// # Errors
    ///
    /// `EMFILE`, `ENFILE`; `ENOENT` where `/proc` is not there.
    pub fn folder(&self) -> Result<OwnedFd> {
        match &self.who {
            Who::Myself => open_at(CWD, "/proc/self", OFlags::PATH | OFlags::DIRECTORY)
                .map_err(|errno| error(Operation::Open, errno)),
            Who::Other { folder, .. } => {
                folder.try_clone().map_err(|failed| io_error(Operation::Open, &failed))
            }
        }
    }

    /// A file of its folder in `/proc`, to be read.
    pub(crate) fn file(&self, name: &str) -> Result<File> {
        let file = match &self.who {
            Who::Myself => open_at(CWD, &format!("/proc/self/{name}"), OFlags::RDONLY),
            Who::Other { folder, .. } => open_at(folder.as_fd(), name, OFlags::RDONLY),
        };
        file.map(File::from).map_err(|errno| error(Operation::Inspect, errno))
    }

    /// Does something with the descriptor of the process; ours is made for it.
    pub(super) fn with_pidfd<T>(
        &self,
        call: impl FnOnce(BorrowedFd<'_>) -> Result<T>,
    ) -> Result<T> {
        match &self.who {
            Who::Myself => call(pidfd_of(self.pid())?.as_fd()),
            Who::Other { pidfd, .. } => call(pidfd.as_fd()),
        }
    }
}

/// What the kernel's answer means of a process.
pub(crate) fn error(operation: Operation, errno: Errno) -> Error {
    let cause = match (errno, operation) {
        (Errno::EACCES | Errno::EPERM, _) => Cause::NotPermitted,
        (Errno::ESRCH | Errno::ENOENT, _) | (Errno::EINVAL, Operation::Open) => Cause::NoProcess,
        (Errno::EINVAL, Operation::Release) => Cause::NotDying,
        _ => Cause::Kernel,
    };
    Error::kernel(operation, ObjectKind::Process, errno).because(cause)
}

/// The same, of an error of the standard library.
pub(crate) fn io_error(operation: Operation, failed: &io::Error) -> Error {
    error(operation, Errno::from_raw(failed.raw_os_error().unwrap_or(Errno::EIO.raw())))
}

fn pidfd_of(pid: u32) -> Result<OwnedFd> {
    let fd = pidfd_open(pid.cast_signed(), 0).map_err(|errno| error(Operation::Open, errno))?;
    // SAFETY: the kernel just made the descriptor for us, and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

fn open_at(folder: BorrowedFd<'_>, name: &str, flags: OFlags) -> Result<OwnedFd, Errno> {
    openat(folder, name, flags | OFlags::CLOEXEC, Mode::empty())
        .map_err(|errno| Errno::from_raw(errno.raw_os_error()))
}

/// The number that `/proc` gives the process of a descriptor; `None` once it has been waited for.
fn number_of(pidfd: &OwnedFd) -> Option<u32> {
    let about = format!("/proc/thread-self/fdinfo/{}", pidfd.as_raw_fd());
    let text = std::fs::read_to_string(about).ok()?;
    text.lines().find_map(|line| line.strip_prefix("Pid:"))?.trim_ascii().parse().ok()
}
