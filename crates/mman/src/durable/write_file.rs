//! A whole file, replaced in one step: the new content, or the old one.

use super::{directory, failed};
use crate::error::{Cause, Error, ObjectKind, Operation, Result};
use core::sync::atomic::AtomicU64;
use core::sync::atomic::Ordering::Relaxed;
use rustix::fs::{AtFlags, FallocateFlags, FileType, Gid, Mode, OFlags, Stat, Uid, XattrFlags};
use rustix::io::Errno;
use rustix::process::{Resource, getrlimit};
use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Replaces the content of a file, or makes one, so that whoever looks sees the old content or the new, whole: other
/// processes, and who comes after `kill -9` or a loss of power at any moment.
///
/// The bytes are written to another file in the same directory, whose blocks are reserved first; it is written back, gets the
/// permissions, the access control list and the owner of the old one, and then its name; last the directory is written
/// back. What is mapped or open stays the old file. A symbolic link stays one, and what it points to is replaced. Other
/// extended attributes and hard links do not go over to the new file.
///
/// A process that is killed meanwhile leaves the other file behind, under a name that begins with `.mman-`.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("settings");
/// mman::write_file(&path, b"colour = blue")?;
/// mman::write_file(&path, b"colour = red")?;
/// assert_eq!(std::fs::read(&path)?, b"colour = red");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// [`Cause::NoSpace`]; [`Cause::NotAFile`] where the name is that of something else than a regular file, or of a link
/// that points to nothing; [`Cause::BadName`] for a name that ends with a slash;
/// [`Cause::TooLong`] (`RLIMIT_FSIZE`); what `open`, `write`, `fsync`, `fchown` and `rename` answer. The old content is
/// intact then, but for one case: where the directory cannot be written back (the last step) the new one is there, and
/// may be gone after a loss of power.
pub fn write_file(path: impl AsRef<Path>, bytes: impl AsRef<[u8]>) -> Result<()> {
    replace(path.as_ref(), |other| other.fill(bytes.as_ref()))
}

/// As [`write_file()`], for a content that is written piece by piece and need never be in memory as a whole.
///
/// Where `write` fails, the old content stays, and its error is handed on. No block is reserved first, so that a full disk
/// may show only when all is written; the old content stays then too.
///
/// ```
/// use std::io::Write;
///
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("squares");
/// mman::write_file_with(&path, |new| -> Result<(), Box<dyn std::error::Error>> {
///     let mut lines = std::io::BufWriter::new(new);
///     for number in 0..3 {
///         writeln!(lines, "{}", number * number)?;
///     }
///     Ok(lines.flush()?)
/// })?;
/// assert_eq!(std::fs::read(&path)?, b"0\n1\n4\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// Those of [`write_file()`]; what `write` answers.
pub fn write_file_with<T, E: From<Error>>(
    path: impl AsRef<Path>,
    write: impl FnOnce(&mut NewContent<'_>) -> Result<T, E>,
) -> Result<T, E> {
    replace(path.as_ref(), |other| write(&mut NewContent { file: other.file.as_fd(), written: 0 }))
}

/// The content that a file is to have: see [`write_file_with`]. Bytes go to the kernel as they are written.
#[derive(Debug)]
pub struct NewContent<'file> {
    file: BorrowedFd<'file>,
    written: u64,
}

impl io::Write for NewContent<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let end = self.written.saturating_add(bytes.len() as u64);
        if is_over_limit(end) {
            return Err(Errno::FBIG.into()); // the kernel would raise a signal
        }
        let written = rustix::io::write(self.file, bytes)?;
        self.written = self.written.saturating_add(written as u64);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// To look at the file that is being made: it has no name that stays yet.
impl AsFd for NewContent<'_> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file
    }
}

/// Whether a file may not be so long (`RLIMIT_FSIZE`).
fn is_over_limit(len: u64) -> bool {
    getrlimit(Resource::Fsize).current.is_some_and(|limit| len > limit)
}

/// Makes another file, has it filled, and gives it the name.
fn replace<T, E: From<Error>>(
    path: &Path,
    fill: impl FnOnce(&Other<'_>) -> Result<T, E>,
) -> Result<T, E> {
    let told = |errno| failed(Operation::WriteFile, errno);
    // A link is followed; where nothing is yet, the name is taken as it is.
    let real = match std::fs::canonicalize(path) {
        Ok(real) => Some(real),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => {
            return Err(told(Errno::from_io_error(&error).unwrap_or(Errno::IO)).into());
        }
    };
    let asked = path.as_os_str().as_bytes();
    if real.is_none() && (asked.ends_with(b"/") || asked.ends_with(b"/.")) {
        return Err(refused(Cause::BadName).into()); // the name of a directory
    }
    let path = real.as_deref().unwrap_or(path);
    let name = path.file_name().ok_or_else(|| refused(Cause::BadName))?;
    let directory = directory::open_parent(Operation::WriteFile, path)?;
    let old = Old::find(directory.as_fd(), name).map_err(told)?;
    if old.as_ref().is_some_and(|old| !old.is_regular()) {
        return Err(refused(Cause::NotAFile).into());
    }
    let mut other = Other::create(directory.as_fd(), old.is_some()).map_err(told)?;
    let filled = fill(&other)?;
    if let Some(old) = old {
        other.look_like(&old).map_err(told)?;
    }
    rustix::io::retry_on_intr(|| rustix::fs::fsync(&other.file)).map_err(told)?;
    other.rename_to(name).map_err(told)?;
    rustix::io::retry_on_intr(|| rustix::fs::fsync(&directory)).map_err(told)?;
    Ok(filled)
}

fn refused(cause: Cause) -> Error {
    Error::new(Operation::WriteFile, ObjectKind::File, cause)
}

/// The file that is to be replaced.
struct Old {
    stat: Stat,
    /// As the kernel tells it: empty where it has none.
    acl: Vec<u8>,
}

/// The attribute that is the access control list (acl(5)).
const ACL: &str = "system.posix_acl_access";
/// No attribute is longer (`XATTR_SIZE_MAX`).
const LONGEST: usize = 1 << 16;

impl Old {
    fn find(directory: BorrowedFd<'_>, name: &OsStr) -> Result<Option<Self>, Errno> {
        // One descriptor for all that is asked, which takes no right to the file.
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = match rustix::fs::openat(directory, name, flags, Mode::empty()) {
            Ok(file) => file,
            Err(Errno::NOENT) => return Ok(None),
            Err(errno) => return Err(errno),
        };
        let stat = rustix::fs::fstat(&file)?;
        let mut old = Self { stat, acl: Vec::new() };
        if old.is_regular() {
            old.acl.resize(LONGEST, 0);
            let link = format!("/proc/self/fd/{}", file.as_raw_fd());
            let len = match rustix::fs::getxattr(link, ACL, old.acl.as_mut_slice()) {
                Ok(len) => len,
                Err(Errno::NODATA | Errno::OPNOTSUPP) => 0,
                Err(errno) => return Err(errno),
            };
            old.acl.truncate(len);
        }
        Ok(Some(old))
    }

    fn is_regular(&self) -> bool {
        FileType::from_raw_mode(self.stat.st_mode) == FileType::RegularFile
    }
}

/// The file that is to take the place of another, removed if it does not come to that.
struct Other<'directory> {
    directory: BorrowedFd<'directory>,
    file: OwnedFd,
    /// Empty once it has another name.
    name: String,
}

impl<'directory> Other<'directory> {
    fn create(directory: BorrowedFd<'directory>, for_nobody_else: bool) -> Result<Self, Errno> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        // Nobody who may not read the old content reads the new one.
        let mode = Mode::from_raw_mode(if for_nobody_else { 0o600 } else { 0o666 });
        loop {
            let number = NEXT.fetch_add(1, Relaxed);
            let name = format!(".mman-{}-{number}", mman_sys::getpid());
            match rustix::fs::openat(directory, &name, flags, mode) {
                Ok(file) => return Ok(Self { directory, file, name }),
                Err(Errno::EXIST | Errno::INTR) => {} // left behind by a process of the same number
                Err(errno) => return Err(errno),
            }
        }
    }

    fn fill(&self, bytes: &[u8]) -> Result<()> {
        let told = |errno| failed(Operation::WriteFile, errno).on(0, bytes.len() as u64);
        let len = bytes.len() as u64;
        if is_over_limit(len) {
            return Err(told(Errno::FBIG)); // the kernel would raise a signal
        }
        if len > 0 {
            let reserve = || rustix::fs::fallocate(&self.file, FallocateFlags::empty(), 0, len);
            match rustix::io::retry_on_intr(reserve) {
                Ok(()) | Err(Errno::OPNOTSUPP | Errno::NOSYS) => {}
                Err(errno) => return Err(told(errno)),
            }
        }
        let mut rest = bytes;
        while !rest.is_empty() {
            match rustix::io::write(&self.file, rest) {
                Ok(0) => return Err(told(Errno::NOSPC)),
                Ok(written) => rest = rest.get(written..).unwrap_or_default(),
                Err(Errno::INTR) => {}
                Err(errno) => return Err(told(errno)),
            }
        }
        Ok(())
    }

    /// Gives it the owner and the permissions of another.
    fn look_like(&self, old: &Old) -> Result<(), Errno> {
        let new = rustix::fs::fstat(&self.file)?;
        let (owner, group) = (old.stat.st_uid, old.stat.st_gid);
        if (new.st_uid, new.st_gid) != (owner, group) {
            let (owner, group) = (Uid::from_raw(owner), Gid::from_raw(group));
            rustix::fs::fchown(&self.file, Some(owner), Some(group))?;
        }
        // With a list the bits of the group say what it allows at most, not what the group may.
        if old.acl.is_empty() {
            match rustix::fs::fremovexattr(&self.file, ACL) {
                Ok(()) | Err(Errno::NODATA | Errno::OPNOTSUPP) => {}
                Err(errno) => return Err(errno),
            }
        } else {
            rustix::fs::fsetxattr(&self.file, ACL, &old.acl, XattrFlags::empty())?;
        }
        // After the owner, whose change takes set-user-id away.
        rustix::fs::fchmod(&self.file, Mode::from_raw_mode(old.stat.st_mode))
    }

    fn rename_to(&mut self, name: &OsStr) -> Result<(), Errno> {
        rustix::fs::renameat(self.directory, &self.name, self.directory, name)?;
        self.name.clear();
        Ok(())
    }
}

impl Drop for Other<'_> {
    fn drop(&mut self) {
        if !self.name.is_empty() {
            let _removed_or_not =
                rustix::fs::unlinkat(self.directory, &self.name, AtFlags::empty());
        }
    }
}
