//! Files as memory objects: regular files, block devices, character devices.
#![expect(
    unsafe_code,
    reason = "asks a block device for its size by ioctl, which rustix does not wrap"
)]

use super::{Backed, Backing, Described, Identity, Immutability, MemoryObject, blocks};
use crate::error::{Cause, Error, ObjectKind, Operation, Result};
use crate::mapping::Mapping;
use crate::options::MapOptions;
use crate::page::PageSize;
use core::ops::RangeBounds;
use mman_sys::Errno;
use rustix::fs::{FileType, OFlags, Stat};
use std::fs::{File, OpenOptions};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// `f_type` of hugetlbfs (`linux/magic.h`).
const HUGETLBFS_MAGIC: u64 = 0x9584_58f6;

/// A file that can be mapped: a regular file, a block device, or a character device that takes it.
///
/// It holds a descriptor: its own, or a borrowed one. Mappings live on when it is dropped.
///
/// ```
/// use mman::{FileObject, MemoryObject};
///
/// let file = FileObject::open("Cargo.toml")?;
/// let mapping = file.map()?;
/// assert_eq!(Some(mapping.len() as u64), file.size()?);
///
/// let opened = std::fs::File::open("Cargo.toml")?;
/// let borrowed = FileObject::new(&opened)?;
/// assert_eq!(borrowed.size()?, file.size()?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct FileObject<F = File> {
    file: F,
    kind: ObjectKind,
}

impl FileObject<File> {
    /// Opens a file for reading.
    ///
    /// # Errors
    ///
    /// What `open` answers, and what [`FileObject::new`] does.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::opened(path.as_ref(), File::options().read(true))
    }

    /// Opens a file for reading and writing.
    ///
    /// # Errors
    ///
    /// What `open` answers, and what [`FileObject::new`] does.
    pub fn open_read_write(path: impl AsRef<Path>) -> Result<Self> {
        Self::opened(path.as_ref(), File::options().read(true).write(true))
    }

    fn opened(path: &Path, options: &mut OpenOptions) -> Result<Self> {
        let failed = |error: std::io::Error| {
            let errno = Errno::from_raw(error.raw_os_error().unwrap_or(Errno::EINVAL.raw()));
            Error::kernel(Operation::Open, ObjectKind::Other, errno)
        };
        // Looked at first: opening a FIFO and closing it again would take the reader away from who writes to it.
        let kind = rustix::fs::stat(path).map(|stat| FileType::from_raw_mode(stat.st_mode));
        if kind == Ok(FileType::Fifo) {
            return Err(Error::new(Operation::Open, ObjectKind::Pipe, Cause::NotMappable));
        }
        // Without waiting, should it have become a FIFO meanwhile. A file under a lease answers EWOULDBLOCK then,
        // and is worth waiting for.
        let nonblock = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or(0);
        let file = match options.clone().custom_flags(nonblock).open(path) {
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => options.open(path),
            opened => opened,
        };
        // Opened for reading here, so not write-only and not for a name only.
        let object = Self::readable(file.map_err(failed)?, OFlags::RDWR)?;
        if object.kind != ObjectKind::File {
            // Devices heed the flag: the descriptor is what the caller expects of an open one again.
            let set = rustix::fs::fcntl_getfl(&object.file).and_then(|mode| {
                rustix::fs::fcntl_setfl(&object.file, mode.difference(OFlags::NONBLOCK))
            });
            set.map_err(|errno| kernel_error(object.kind, errno))?;
        }
        Ok(object)
    }
}

impl<F: AsFd> FileObject<F> {
    /// The memory object of an open file.
    ///
    /// # Errors
    ///
    /// [`Cause::NotMappable`] for what can never be mapped: directories, pipes, sockets, descriptors for a name
    /// only; [`Cause::NotReadable`] for a descriptor that is open for writing only; and what `fstat` answers.
    pub fn new(file: F) -> Result<Self> {
        let mode = rustix::fs::fcntl_getfl(file.as_fd());
        Self::readable(file, mode.map_err(|errno| kernel_error(ObjectKind::Other, errno))?)
    }

    /// The memory object of an open file of any kind: also of what has no type, as the descriptors of performance
    /// events, of buffers that devices share and of rings of requests. What cannot be mapped, the kernel refuses.
    ///
    /// # Errors
    ///
    /// What `fstat` answers.
    ///
    /// # Safety
    ///
    /// The caller answers for what stores to the object bring about: a ring of requests makes the kernel write to
    /// addresses that stand in it.
    pub unsafe fn of_any_kind(file: F) -> Result<Self> {
        let failed = |errno: rustix::io::Errno| kernel_error(ObjectKind::Other, errno);
        let stat = rustix::fs::fstat(file.as_fd()).map_err(failed)?;
        Ok(Self { file, kind: kind_of(&stat, OFlags::empty()) })
    }

    /// As [`FileObject::new`], for a file whose mode is known.
    fn readable(file: F, mode: OFlags) -> Result<Self> {
        let fd = file.as_fd();
        let failed = |errno: rustix::io::Errno| kernel_error(ObjectKind::Other, errno);
        let stat = rustix::fs::fstat(fd).map_err(failed)?;
        let kind = kind_of(&stat, mode);
        match kind {
            ObjectKind::File | ObjectKind::BlockDevice | ObjectKind::CharacterDevice => {}
            _ => return Err(Error::new(Operation::Open, kind, Cause::NotMappable)),
        }
        if mode & OFlags::ACCMODE == OFlags::WRONLY {
            return Err(Error::new(Operation::Open, kind, Cause::NotReadable));
        }
        Ok(Self { file, kind })
    }

    /// Maps all of it, shared, for reading.
    ///
    /// # Errors
    ///
    /// Those of [`MapOptions::map`].
    pub fn map(&self) -> Result<Mapping> {
        MapOptions::shared().map(self)
    }

    /// Reserves the blocks of bytes of the file, so that no later access finds the disk full. Shared writable
    /// mappings do so by themselves.
    ///
    /// # Errors
    ///
    /// [`Cause::Range`]; [`Cause::NoSpace`]; [`Cause::NotWritable`]; [`Cause::NotSupported`] by the file system, or
    /// for a device.
    pub fn reserve(&self, range: impl RangeBounds<u64>) -> Result<()> {
        blocks::reserve(&self.describe()?, self.kind, &range)
    }

    /// The file.
    #[must_use]
    pub const fn file(&self) -> &F {
        &self.file
    }

    /// Gives the file back.
    #[must_use]
    pub fn into_file(self) -> F {
        self.file
    }
}

impl<F: AsFd> AsFd for FileObject<F> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

impl<F: AsFd> MemoryObject for FileObject<F> {
    fn kind(&self) -> ObjectKind {
        self.kind
    }

    fn immutability(&self) -> Result<Immutability> {
        Ok(Immutability::of_descriptor(&self.file))
    }
}

impl<F: AsFd> Backed for FileObject<F> {
    fn describe(&self) -> Result<Described<'_>> {
        let fd = self.file.as_fd();
        let stat = rustix::fs::fstat(fd).map_err(|errno| kernel_error(self.kind, errno))?;
        let size = match FileType::from_raw_mode(stat.st_mode) {
            FileType::CharacterDevice => None,
            FileType::BlockDevice => {
                // SAFETY: the descriptor is borrowed, so open.
                let size = unsafe { mman_sys::block_device_size(fd.as_raw_fd()) };
                Some(size.map_err(|errno| Error::kernel(Operation::Open, self.kind, errno))?)
            }
            _ => Some(u64::try_from(stat.st_size).unwrap_or(0)), // never negative
        };
        #[allow(
            clippy::useless_conversion,
            reason = "the width of these fields differs between machines"
        )]
        let identity = match self.kind {
            ObjectKind::CharacterDevice => Identity::fresh(), // each mapping of /dev/zero is another object
            _ => Identity { device: stat.st_dev.into(), inode: stat.st_ino.into() },
        };
        let page = page_size(fd, self.kind, &stat);
        Ok(Described { backing: Backing::Descriptor(fd), size, identity: Some(identity), page })
    }
}

fn kernel_error(kind: ObjectKind, errno: rustix::io::Errno) -> Error {
    Error::kernel(Operation::Open, kind, Errno::from_raw(errno.raw_os_error()))
}

pub(super) fn kind_of(stat: &Stat, mode: OFlags) -> ObjectKind {
    if mode.contains(OFlags::PATH) {
        return ObjectKind::NameOnly;
    }
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => ObjectKind::File,
        FileType::BlockDevice => ObjectKind::BlockDevice,
        FileType::CharacterDevice => ObjectKind::CharacterDevice,
        FileType::Directory => ObjectKind::Directory,
        FileType::Fifo => ObjectKind::Pipe,
        FileType::Socket => ObjectKind::Socket,
        FileType::Symlink => ObjectKind::NameOnly,
        FileType::Unknown => ObjectKind::Other,
    }
}

/// Files of huge pages are mapped in huge pages, whose size is the block size of their file system.
pub(super) fn page_size(fd: BorrowedFd<'_>, kind: ObjectKind, stat: &Stat) -> PageSize {
    let base = PageSize::base();
    let block = usize::try_from(stat.st_blksize).unwrap_or(0);
    let is_device = matches!(kind, ObjectKind::BlockDevice | ObjectKind::CharacterDevice);
    if is_device || block <= base.bytes() {
        return base;
    }
    let is_hugetlbfs = rustix::fs::fstatfs(fd)
        .is_ok_and(|system| u64::try_from(system.f_type) == Ok(HUGETLBFS_MAGIC));
    match PageSize::new(block) {
        Some(huge) if is_hugetlbfs => huge,
        _ => base,
    }
}
