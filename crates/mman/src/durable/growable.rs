//! A mapped file that grows without moving.

use crate::area::range_error;
use crate::error::{Error, Operation, Result};
use crate::object::{FileObject, MemoryObject, extend};
use crate::options::MapOptions;
use crate::page::RangeError;
use crate::pages::sync::Sync;
use crate::view::{SharedAtomic, SharedMut, Word};
use core::ops::RangeBounds;
use core::sync::atomic::AtomicUsize;
use core::sync::atomic::Ordering::{Acquire, Release};
use std::fs::File;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// A file that is mapped for reading and writing, and grows in address space that was reserved for it: addresses, and
/// atomics that were lent, stay what they are. What grows gets its blocks first, so that a full disk is an error of
/// [`grow_to`](Self::grow_to), and no store fails later.
///
/// All of the capacity is mapped at once, which costs addresses and no memory: the kernel gives the pages past the end of
/// a file nothing until the file is longer. Here nobody reaches them before.
///
/// ```
/// use mman::{GrowableFile, Sync};
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("log");
/// # std::fs::write(&path, b"")?;
///
/// let log = GrowableFile::open(&path, 1 << 30)?; // at most a GiB
/// log.grow_to(1 << 20)?;
/// log.write_at(4096, b"a record")?;
/// let count = log.atomic_u64(0)?;
/// log.grow_to(2 << 20)?; // `count` stays where it is
/// count.fetch_add(1, std::sync::atomic::Ordering::Release);
/// log.sync(.., Sync::Data)?;
/// assert_eq!(std::fs::metadata(&path)?.len(), 2 << 20);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct GrowableFile {
    /// Mapped as long as it may become.
    view: SharedMut,
    file: FileObject<File>,
    /// How many bytes the file had at least when it was last looked at. Only grows.
    len: AtomicUsize,
    growing: Mutex<()>,
}

impl GrowableFile {
    /// Opens a file for reading and writing, that may grow to `capacity` bytes.
    ///
    /// # Errors
    ///
    /// Those of [`FileObject::open_read_write`], and of [`GrowableFile::new`].
    pub fn open(path: impl AsRef<Path>, capacity: usize) -> Result<Self> {
        Self::new(FileObject::open_read_write(path)?, capacity)
    }

    /// Maps an open file, that may grow to `capacity` bytes.
    ///
    /// # Errors
    ///
    /// [`Cause::Range`](crate::Cause::Range) where it is longer already, or the capacity is 0; those of
    /// [`SharedMut::map`].
    pub fn new(file: FileObject<File>, capacity: usize) -> Result<Self> {
        let options = MapOptions::shared().past_end().range(..capacity as u64);
        let view = SharedMut::map(&options, &file)?;
        let this = Self { view, file, len: AtomicUsize::new(0), growing: Mutex::new(()) };
        let size = this.file.size()?.unwrap_or(0);
        if size > this.capacity() as u64 {
            let past = RangeError::EndsPastEnd { end: size, len: this.capacity() as u64 };
            return Err(range_error(Operation::Map, this.view.kind(), past));
        }
        this.refresh()?;
        Ok(this)
    }

    /// The length in bytes that can be reached.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len.load(Acquire)
    }

    /// Whether there is no byte yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How long it may become.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.view.len()
    }

    /// The address of byte 0, for ever. Past [`len`](Self::len) nothing is there.
    #[must_use]
    pub const fn as_ptr(&self) -> *const u8 {
        self.view.as_mut_ptr().cast_const()
    }

    /// Makes the file so long, if it is shorter: zeros, with blocks. Any thread may, and any process.
    ///
    /// # Errors
    ///
    /// [`Cause::Range`](crate::Cause::Range) past the capacity; [`Cause::NoSpace`](crate::Cause::NoSpace): the length
    /// stays.
    pub fn grow_to(&self, len: usize) -> Result<()> {
        if len > self.capacity() {
            let past = RangeError::EndsPastEnd { end: len as u64, len: self.capacity() as u64 };
            return Err(range_error(Operation::SetSize, self.view.kind(), past));
        }
        let _one_at_a_time = self.growing.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.len();
        if len > now {
            extend(&self.file, now as u64, len as u64)?;
            self.len.fetch_max(len, Release);
        }
        Ok(())
    }

    /// Looks whether another process has made the file longer. Answers how long it is now, the capacity at most.
    ///
    /// # Errors
    ///
    /// What `fstat` answers.
    pub fn refresh(&self) -> Result<usize> {
        let size = self.file.size()?.unwrap_or(0);
        let size = usize::try_from(size).unwrap_or(usize::MAX).min(self.capacity());
        Ok(self.len.fetch_max(size, Release).max(size))
    }

    /// That bytes are there.
    fn check(&self, operation: Operation, at: usize, len: usize) -> Result<()> {
        let now = self.len() as u64;
        let error = match at.checked_add(len) {
            Some(end) if end as u64 <= now => return Ok(()),
            Some(end) => RangeError::EndsPastEnd { end: end as u64, len: now },
            None => RangeError::Overflow,
        };
        Err(range_error(operation, self.view.kind(), error))
    }

    /// Copies bytes out: see [`Shared::read_at`](crate::Shared::read_at).
    ///
    /// # Errors
    ///
    /// Those of [`Shared::read_at`](crate::Shared::read_at).
    pub fn read_at(&self, at: usize, bytes: &mut [u8]) -> Result<()> {
        self.check(Operation::Read, at, bytes.len())?;
        self.view.read_at(at, bytes)
    }

    /// Copies bytes in: see [`SharedMut::write_at`].
    ///
    /// # Errors
    ///
    /// Those of [`SharedMut::write_at`].
    pub fn write_at(&self, at: usize, bytes: &[u8]) -> Result<()> {
        self.check(Operation::Write, at, bytes.len())?;
        self.view.write_at(at, bytes)
    }

    /// Loads a number: see [`Shared::load`](crate::Shared::load).
    ///
    /// # Errors
    ///
    /// Those of [`Shared::load`](crate::Shared::load).
    pub fn load<T: Word>(&self, at: usize) -> Result<T> {
        self.check(Operation::Read, at, size_of::<T>())?;
        self.view.load(at)
    }

    /// Stores a number: see [`SharedMut::store`].
    ///
    /// # Errors
    ///
    /// Those of [`SharedMut::store`].
    pub fn store<T: Word>(&self, at: usize, value: T) -> Result<()> {
        self.check(Operation::Write, at, size_of::<T>())?;
        self.view.store(at, value)
    }

    /// Four bytes as an atomic: see [`SharedMut::atomic_u32`].
    ///
    /// # Errors
    ///
    /// Those of [`SharedMut::atomic_u32`].
    pub fn atomic_u32(&self, at: usize) -> Result<SharedAtomic<'_, u32>> {
        self.check(Operation::Write, at, size_of::<u32>())?;
        self.view.atomic_u32(at)
    }

    /// Eight bytes as an atomic: see [`SharedMut::atomic_u64`].
    ///
    /// # Errors
    ///
    /// Those of [`SharedMut::atomic_u64`].
    pub fn atomic_u64(&self, at: usize) -> Result<SharedAtomic<'_, u64>> {
        self.check(Operation::Write, at, size_of::<u64>())?;
        self.view.atomic_u64(at)
    }

    /// Writes changes back: see [`SharedMut::sync`]. The range is in the length now.
    ///
    /// # Errors
    ///
    /// Those of [`SharedMut::sync`].
    pub fn sync(&self, range: impl RangeBounds<usize>, how: Sync) -> Result<()> {
        let range = crate::page::resolve_memory(&range, self.len())
            .map_err(|error| range_error(Operation::Sync, self.view.kind(), error))?;
        self.view.sync_with(Some(std::os::fd::AsFd::as_fd(self.file.file())), range, how)
    }

    /// The error of the first bytes that were lost, since somebody made the file shorter or its storage failed.
    #[must_use]
    pub fn error(&self) -> Option<Error> {
        self.view.error()
    }
}
