//! Shared memory objects of POSIX: memory with a name, that processes find each other by.

use super::blocks;
use super::descriptor::{self, failed};
use super::file::kind_of;
use super::{Backed, Described, MemoryObject};
use crate::error::{Cause, Error, ObjectKind, Operation, Result};
use crate::mapping::Mapping;
use crate::options::MapOptions;
use core::ops::RangeBounds;
use rustix::fs::{Mode, OFlags, Stat};
use rustix::io::Errno as Answer;
use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

const KIND: ObjectKind = ObjectKind::SharedMemory;
/// Where the objects are. [shm_overview(7)](https://man7.org/linux/man-pages/man7/shm_overview.7.html)
const FOLDER: &str = "/dev/shm";
/// The longest name of a file (`NAME_MAX`, `linux/limits.h`).
const NAME_MAX: usize = 255;
/// The bits of a mode that are permissions.
const PERMISSIONS: u32 = 0o777;
/// How often an object is looked for whose name comes and goes.
const ATTEMPTS: usize = 100;

/// A shared memory object: memory with a name. [shm_open(3)](https://man7.org/linux/man-pages/man3/shm_open.3.html)
///
/// The name leads to it until it is unlinked; the object lives on until its last user lets it go. Slashes at the
/// start of a name do not count; other ones, no name at all, `.`, `..` and names of more than 255 bytes are
/// [`Cause::BadName`]. Others who know the name and have the right may change its bytes and its length at any time.
///
/// ```
/// use mman::ShmObject;
///
/// let name = format!("/mman-example-{}", std::process::id());
/// let object = ShmObject::create_new(&name, 4096)?;
/// object.map()?.write_at(0, b"hello")?;
///
/// let found = ShmObject::open_read_only(&name)?;
/// let mut bytes = [0; 5];
/// found.map()?.read_at(0, &mut bytes)?;
/// assert_eq!(&bytes, b"hello");
/// ShmObject::unlink(&name)?;
/// # Ok::<(), mman::Error>(())
/// ```
#[derive(Debug)]
pub struct ShmObject {
    fd: OwnedFd,
    writable: bool,
}

/// How a shared memory object is to be made.
///
/// ```
/// use mman::{ShmObject, ShmOptions};
///
/// let name = format!("/mman-options-{}", std::process::id());
/// let object = ShmOptions::new().mode(0o640).create_new(&name, 100)?;
/// object.set_permissions(0o600)?;
/// assert_eq!(object.permissions()?, 0o600);
/// ShmObject::unlink(&name)?;
/// # Ok::<(), mman::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[must_use = "nothing is made until `create` is called"]
pub struct ShmOptions {
    mode: u32,
}

/// A shared memory object as [`ShmObject::list`] found it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ShmEntry {
    /// Its name, without a slash.
    pub name: OsString,
    /// Its length in bytes.
    pub size: u64,
    /// The number of the user who owns it.
    pub owner: u32,
    /// Its permission bits.
    pub mode: u32,
}

impl Default for ShmOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl ShmOptions {
    /// For the user who makes it alone: mode 0600.
    pub const fn new() -> Self {
        Self { mode: 0o600 }
    }

    /// The permission bits, less those that the umask takes away.
    pub const fn mode(self, mode: u32) -> Self {
        Self { mode: mode & PERMISSIONS }
    }

    /// Opens an object for reading and writing, or makes it. It has so many bytes then at least: a shorter one
    /// grows, a longer one stays as it is, whoever else does the same at the moment. Growing takes memory for the
    /// last page at once.
    ///
    /// # Errors
    ///
    /// Those of [`ShmObject::open`] and [`create_new`](Self::create_new).
    pub fn create(self, name: impl AsRef<OsStr>, len: u64) -> Result<ShmObject> {
        let path = path_of(Operation::Create, name.as_ref())?;
        let mut tried = 0_usize;
        loop {
            let found = open(Operation::Create, &path, true);
            match found.as_ref().map_err(Error::cause) {
                Ok(object) => {
                    descriptor::grow_to(Operation::Create, object.as_fd(), KIND, len)?;
                    return found;
                }
                Err(Cause::NotFound) => {}
                Err(_) => return found,
            }
            // Not opened by a flag that makes it: the kernel forbids that on objects of others (protected_regular).
            let made = self.make(&path, len);
            tried = tried.saturating_add(1);
            match made.as_ref().map_err(Error::cause) {
                Err(Cause::Exists) if tried < ATTEMPTS => {}
                _ => return made,
            }
        }
    }

    /// Makes an object of so many bytes of zeros.
    ///
    /// # Errors
    ///
    /// [`Cause::Exists`]; [`Cause::BadName`]; [`Cause::NoSpace`]; [`Cause::TooLong`]; what `open` answers.
    pub fn create_new(self, name: impl AsRef<OsStr>, len: u64) -> Result<ShmObject> {
        self.make(&path_of(Operation::Create, name.as_ref())?, len)
    }

    fn make(self, path: &Path, len: u64) -> Result<ShmObject> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let mode = Mode::from_raw_mode(self.mode);
        let opened = rustix::io::retry_on_intr(|| {
            rustix::fs::open(path, flags | OFlags::NOFOLLOW | OFlags::NONBLOCK, mode)
        });
        let fd = opened.map_err(|errno| explained(Operation::Create, errno))?;
        let object = ShmObject { fd, writable: true };
        // Others may have found it already, and have made it longer.
        if let Err(error) = descriptor::grow_to(Operation::Create, object.as_fd(), KIND, len) {
            let ours = descriptor::stat_of(Operation::Create, object.as_fd(), KIND);
            let there = rustix::fs::lstat(path);
            if let (Ok(ours), Ok(there)) = (ours, there)
                && descriptor::identity(&ours) == descriptor::identity(&there)
            {
                let _or_gone_already = rustix::fs::unlink(path);
            }
            return Err(error);
        }
        Ok(object)
    }
}

impl ShmObject {
    /// [`ShmOptions::create`] for this user alone: opens an object, or makes it.
    ///
    /// # Errors
    ///
    /// Its own.
    pub fn create(name: impl AsRef<OsStr>, len: u64) -> Result<Self> {
        ShmOptions::new().create(name, len)
    }

    /// [`ShmOptions::create_new`] for this user alone: makes an object that is not there yet.
    ///
    /// # Errors
    ///
    /// Its own.
    pub fn create_new(name: impl AsRef<OsStr>, len: u64) -> Result<Self> {
        ShmOptions::new().create_new(name, len)
    }

    /// Opens an object for reading and writing.
    ///
    /// # Errors
    ///
    /// [`Cause::NotFound`]; [`Cause::BadName`]; [`Cause::NotMappable`] where something else has the name (a
    /// directory, a FIFO, a symbolic link: it is not touched); what `open` answers.
    pub fn open(name: impl AsRef<OsStr>) -> Result<Self> {
        open(Operation::Open, &path_of(Operation::Open, name.as_ref())?, true)
    }

    /// Opens an object for reading.
    ///
    /// # Errors
    ///
    /// Those of [`ShmObject::open`].
    pub fn open_read_only(name: impl AsRef<OsStr>) -> Result<Self> {
        open(Operation::Open, &path_of(Operation::Open, name.as_ref())?, false)
    }

    /// Takes a name away. Who has the object keeps it; the name makes a new one then.
    ///
    /// # Errors
    ///
    /// [`Cause::NotFound`]; [`Cause::BadName`]; what `unlink` answers.
    pub fn unlink(name: impl AsRef<OsStr>) -> Result<()> {
        let path = path_of(Operation::Unlink, name.as_ref())?;
        rustix::fs::unlink(path).map_err(|errno| explained(Operation::Unlink, errno))
    }

    /// The objects that there are, sorted by name. Named semaphores are among them, as `sem.NAME`.
    ///
    /// # Errors
    ///
    /// [`Cause::NotSupported`] where the machine has no place for them; what reading the folder answers.
    pub fn list() -> Result<Vec<ShmEntry>> {
        let failed = |error: std::io::Error| {
            let errno = error.raw_os_error().unwrap_or(Answer::IO.raw_os_error());
            let cause = match error.kind() {
                std::io::ErrorKind::NotFound => Cause::NotSupported,
                _ => Cause::Kernel,
            };
            Error::kernel(Operation::List, KIND, mman_sys::Errno::from_raw(errno)).because(cause)
        };
        let mut found = Vec::new();
        for entry in std::fs::read_dir(FOLDER).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            // Not followed where it is a link; gone meanwhile is none.
            let Ok(about) = entry.metadata() else { continue };
            if about.is_file() {
                let (owner, mode) = (about.uid(), about.mode() & PERMISSIONS);
                found.push(ShmEntry { name: entry.file_name(), size: about.len(), owner, mode });
            }
        }
        found.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        Ok(found)
    }

    /// Maps all of it, shared: for reading and writing, or for reading where it was opened so.
    ///
    /// # Errors
    ///
    /// Those of [`MapOptions::map`].
    pub fn map(&self) -> Result<Mapping> {
        let options = MapOptions::shared();
        if self.writable { options.read_write() } else { options }.map(self)
    }

    /// Makes it longer or shorter. Who maps what is cut off finds nothing there.
    ///
    /// # Errors
    ///
    /// [`Cause::NotWritable`]; [`Cause::TooLong`].
    pub fn set_size(&self, len: u64) -> Result<()> {
        descriptor::set_size(Operation::SetSize, self.as_fd(), KIND, len)
    }

    /// Gives memory to bytes of it now, so that no later access finds that there is none.
    ///
    /// # Errors
    ///
    /// [`Cause::Range`]; [`Cause::NoSpace`]; [`Cause::NotWritable`].
    pub fn reserve(&self, range: impl RangeBounds<u64>) -> Result<()> {
        blocks::reserve(&self.describe()?, KIND, &range)
    }

    /// The permission bits.
    ///
    /// # Errors
    ///
    /// What `fstat` answers.
    pub fn permissions(&self) -> Result<u32> {
        let stat = descriptor::stat_of(Operation::Open, self.as_fd(), KIND)?;
        Ok(stat.st_mode & PERMISSIONS)
    }

    /// Sets the permission bits, whatever the umask is. Who has the object open keeps it.
    ///
    /// # Errors
    ///
    /// What `fchmod` answers: `EPERM` where it is another user's.
    pub fn set_permissions(&self, mode: u32) -> Result<()> {
        rustix::fs::fchmod(&self.fd, Mode::from_raw_mode(mode & PERMISSIONS))
            .map_err(|errno| failed(Operation::Protect, KIND, errno))
    }
}

impl MemoryObject for ShmObject {
    fn kind(&self) -> ObjectKind {
        KIND
    }
}

impl Backed for ShmObject {
    fn describe(&self) -> Result<Described<'_>> {
        descriptor::describe(self.fd.as_fd(), KIND)
    }
}

impl AsFd for ShmObject {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl From<ShmObject> for OwnedFd {
    fn from(object: ShmObject) -> Self {
        object.fd
    }
}

/// Where the object of a name is.
fn path_of(operation: Operation, name: &OsStr) -> Result<PathBuf> {
    let bytes = name.as_bytes();
    let inside = bytes.iter().position(|byte| *byte != b'/').unwrap_or(bytes.len());
    let name = bytes.get(inside..).unwrap_or_default();
    let is_bad = matches!(name, b"" | b"." | b"..")
        || name.len() > NAME_MAX
        || name.iter().any(|byte| matches!(byte, b'/' | 0));
    if is_bad {
        return Err(Error::new(operation, KIND, Cause::BadName));
    }
    Ok(Path::new(FOLDER).join(OsStr::from_bytes(name)))
}

/// Opens what is there, if it is an object.
fn open(operation: Operation, path: &Path, writable: bool) -> Result<ShmObject> {
    // Looked at first: opening a FIFO and closing it again would take the reader away from who writes to it.
    let there = rustix::fs::lstat(path).map_err(|errno| explained(operation, errno))?;
    regular(operation, &there)?;
    let access = if writable { OFlags::RDWR } else { OFlags::RDONLY };
    let flags = access | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let opened = |flags| rustix::io::retry_on_intr(|| rustix::fs::open(path, flags, Mode::empty()));
    // Without waiting, should it have become a FIFO meanwhile. An object under a lease is worth waiting for.
    let fd = match opened(flags | OFlags::NONBLOCK) {
        Err(Answer::AGAIN) => opened(flags),
        other => other,
    };
    let fd = fd.map_err(|errno| explained(operation, errno))?;
    regular(operation, &descriptor::stat_of(operation, fd.as_fd(), KIND)?)?;
    Ok(ShmObject { fd, writable })
}

/// An object is a regular file.
fn regular(operation: Operation, stat: &Stat) -> Result<()> {
    match kind_of(stat, OFlags::empty()) {
        ObjectKind::File => Ok(()),
        other => Err(Error::new(operation, other, Cause::NotMappable)),
    }
}

fn explained(operation: Operation, errno: Answer) -> Error {
    let cause = match errno {
        Answer::NOENT => Cause::NotFound,
        Answer::EXIST => Cause::Exists,
        Answer::NOSPC | Answer::DQUOT => Cause::NoSpace,
        _ => Cause::Kernel,
    };
    failed(operation, KIND, errno).because(cause)
}
