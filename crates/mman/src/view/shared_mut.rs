//! The view that writes to an object: stores, atomics, what is written back.

use super::atomic::SharedAtomic;
use super::guarded::Guarded;
use super::shared::{Shared, check_shared};
use super::word::Word;
use super::writer::Writer;
use crate::durable::{directory, sticky};
use crate::error::{Cause, Error, Operation, Refused, Result};
use crate::mapping::Mapping;
use crate::object::{FileObject, MemoryObject};
use crate::options::MapOptions;
use crate::pages::sync::Sync;
use core::ops::{Deref, Range, RangeBounds};
use core::sync::atomic::AtomicBool;
use core::sync::atomic::Ordering::Relaxed;
use mman_sys::{Errno, Prot};
use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::FileExt;
use std::path::Path;

/// A shared mapping for reading and writing: what is written is the object's at once, and everybody's who maps or
/// reads it. What [`Shared`] reads, it reads.
///
/// Many threads may write at once: each byte is the last one stored to it. For more order than that there are
/// [`store`](Self::store) and the atomics. Writing needs no exclusive borrow, since nobody has a reference.
///
/// ```
/// use mman::{Anonymous, MapOptions, SharedMut};
/// use std::sync::atomic::Ordering;
///
/// // Shared memory of this process and the children that it forks.
/// let memory = SharedMut::map(&MapOptions::shared(), &Anonymous::new(4096))?;
/// memory.write_at(100, b"hello")?;
/// memory.atomic_u32(0)?.fetch_add(1, Ordering::AcqRel);
/// assert_eq!(memory.load::<u32>(0)?, 1);
/// assert!(memory.equals(100, b"hello")?);
/// # Ok::<(), mman::Error>(())
/// ```
///
/// The view stays while an atomic of it is borrowed:
///
/// ```compile_fail,E0505
/// use mman::{Anonymous, MapOptions, SharedMut};
/// use std::sync::atomic::Ordering;
///
/// let memory = SharedMut::map(&MapOptions::shared(), &Anonymous::new(4096))?;
/// let counter = memory.atomic_u32(0)?;
/// let mapping = memory.into_mapping()?;
/// counter.fetch_add(1, Ordering::AcqRel);
/// # Ok::<(), mman::Error>(())
/// ```
#[derive(Debug)]
pub struct SharedMut {
    /// Mapped for writing too.
    shared: Shared,
    /// The file, where it was handed over.
    file: Option<FileObject<File>>,
    /// Whether its name is known to be on the device.
    named: AtomicBool,
    /// How many errors of write-back there were before this was made.
    errors_before: u64,
}

impl Deref for SharedMut {
    type Target = Shared;
    #[inline]
    fn deref(&self) -> &Shared {
        &self.shared
    }
}

impl SharedMut {
    /// Opens a file for reading and writing, and maps all of it.
    ///
    /// # Errors
    ///
    /// Those of [`FileObject::open_read_write`] and [`MapOptions::map`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::keeping(&MapOptions::shared(), FileObject::open_read_write(path)?)
    }

    /// Maps a file as [`map`](Self::map) does, and keeps its descriptor: for [`Sync::Full`], and for
    /// [`write_through`](Self::write_through).
    ///
    /// # Errors
    ///
    /// Those of [`map`](Self::map).
    pub fn keeping(options: &MapOptions, file: FileObject<File>) -> Result<Self> {
        let view = Self::map(options, &file)?;
        Ok(Self { file: Some(file), ..view })
    }

    /// Maps all of an object.
    ///
    /// # Errors
    ///
    /// Those of [`MapOptions::map`].
    pub fn new(object: &impl MemoryObject) -> Result<Self> {
        Self::map(&MapOptions::shared(), object)
    }

    /// Maps as the options say, but for the protection, which is to read and to write.
    ///
    /// # Errors
    ///
    /// [`Cause::NotShared`](crate::Cause::NotShared) for options that are not; those of [`MapOptions::map`].
    pub fn map(options: &MapOptions, object: &impl MemoryObject) -> Result<Self> {
        check_shared(options, object)?;
        let errors_before = sticky::count();
        let guarded = Guarded::map(options, object, Prot::READ | Prot::WRITE)?;
        let (shared, named) = (Shared { guarded }, AtomicBool::new(false));
        Ok(Self { shared, file: None, named, errors_before })
    }

    fn guarded(&self) -> &Guarded {
        &self.shared.guarded
    }

    /// The address of byte 0, for writing: see [`Shared::as_ptr`].
    #[must_use]
    pub const fn as_mut_ptr(&self) -> *mut u8 {
        self.shared.guarded.pointer(0).cast_mut()
    }

    /// Copies `bytes` to the bytes from `at` on, all or an error.
    ///
    /// # Errors
    ///
    /// [`Cause::Range`](crate::Cause::Range); [`Cause::Truncated`](crate::Cause::Truncated) where the object is
    /// shorter now, [`Cause::Storage`](crate::Cause::Storage) where the storage failed or is full: other bytes may be
    /// written then.
    #[inline]
    pub fn write_at(&self, at: usize, bytes: &[u8]) -> Result<()> {
        self.guarded().write(at, bytes)
    }

    /// As [`write_at`](Self::write_at), two pieces one behind the other. No more than a MiB by instructions.
    #[inline]
    pub(crate) fn write_both(&self, at: usize, first: &[u8], second: &[u8]) -> Result<()> {
        self.guarded().write_both(at, first, second)
    }

    /// Fetches what will be written to soon, a line of the cache. A hint: `at` may be anything.
    #[inline]
    pub(crate) fn prefetch(&self, at: usize) {
        self.guarded().prefetch(at);
    }

    /// The error of bytes of a range that this view has lost.
    #[inline]
    pub(crate) fn check(&self, at: usize, len: usize) -> Result<()> {
        self.guarded().check(at, len)
    }

    /// Writes the same byte everywhere in a range.
    ///
    /// # Errors
    ///
    /// Those of [`write_at`](Self::write_at).
    pub fn fill(&self, range: impl RangeBounds<usize>, byte: u8) -> Result<()> {
        self.guarded().fill(&range, byte)
    }

    /// Stores a number at byte `at` in one step: who loads it can then read what was written before (release).
    ///
    /// # Errors
    ///
    /// Those of [`Shared::load`], for writing.
    #[inline]
    pub fn store<T: Word>(&self, at: usize, value: T) -> Result<()> {
        self.guarded().store(at, value)
    }

    /// The four bytes from `at` on as an atomic, shared with everybody who maps the object. They stand at a multiple of
    /// four in memory.
    ///
    /// # Errors
    ///
    /// Those of [`Shared::load`].
    #[inline]
    pub fn atomic_u32(&self, at: usize) -> Result<SharedAtomic<'_, u32>> {
        // W1: G2 of the view; where the object loses the page, zeros take its place.
        self.guarded().place_of_atomic::<u32>(at).map(SharedAtomic::new)
    }

    /// The eight bytes from `at` on as an atomic: see [`atomic_u32`](Self::atomic_u32).
    ///
    /// # Errors
    ///
    /// Those of [`Shared::load`].
    #[inline]
    pub fn atomic_u64(&self, at: usize) -> Result<SharedAtomic<'_, u64>> {
        self.guarded().place_of_atomic::<u64>(at).map(SharedAtomic::new) // W1: as above
    }

    /// The bytes as a file that is written from its start: [`Write`](std::io::Write), [`Seek`](std::io::Seek). It
    /// ends where the view ends.
    #[must_use]
    pub const fn writer(&self) -> Writer<'_> {
        Writer::new(self)
    }

    /// Copies `bytes` to the bytes from `at` on, by the kernel (`pwrite`): what the view and everybody else reads next.
    ///
    /// A call costs a microsecond, where a store through the mapping to a clean page of a file that is cached in pieces of 2 MiB
    /// costs 50 and more; and a sync afterwards writes the blocks that were written to, not the whole pieces (see
    /// [`MapOptions::random_access`]). So it is the way to write few bytes here and there that are to be synced.
    /// A file that somebody made shorter meanwhile becomes longer again.
    ///
    /// # Errors
    ///
    /// [`Cause::Range`](crate::Cause::Range); [`Cause::NoDescriptor`](crate::Cause::NoDescriptor) for a view that does
    /// not [keep](Self::keeping) its file; [`Cause::OpenForAppending`](crate::Cause::OpenForAppending) for one that is open for
    /// appending (`O_APPEND`); [`Cause::NoSpace`](crate::Cause::NoSpace); what `write` answers.
    pub fn write_through(&self, at: usize, bytes: &[u8]) -> Result<()> {
        let range = self.guarded().place(Operation::Write, at, bytes.len())?;
        let failed = Error::new(Operation::Write, self.kind(), Cause::NoDescriptor);
        let failed = failed.on(range.start as u64, range.len() as u64);
        let file = self.file.as_ref().ok_or(failed)?;
        // The kernel would append, whatever the offset says (pwrite(2), BUGS).
        let appends = rustix::fs::fcntl_getfl(file.file())
            .is_ok_and(|flags| flags.contains(rustix::fs::OFlags::APPEND));
        if appends {
            return Err(failed.because(Cause::OpenForAppending));
        }
        let offset = self.object_offset().saturating_add(at as u64);
        file.file().write_all_at(bytes, offset).map_err(|error| {
            let errno = Errno::from_raw(error.raw_os_error().unwrap_or(Errno::EIO.raw()));
            let is_full = matches!(errno, Errno::ENOSPC | Errno::EDQUOT);
            let cause = if is_full { Cause::NoSpace } else { Cause::Kernel };
            Error::kernel(Operation::Write, self.kind(), errno).because(cause)
        })
    }

    /// Writes changes back to the device: see [`Pages::sync`](crate::Pages::sync).
    ///
    /// An error of the write-back stays: every later sync of every view of the object that was there then goes on
    /// reporting it. The kernel tells it once, and what it could not write it forgets: a second sync that succeeds would
    /// say that all is well. Who can make the bytes good writes them anew to a view that he makes anew.
    ///
    /// # Errors
    ///
    /// Those of [`Pages::sync`](crate::Pages::sync), the first one each time; the error of lost bytes in the range;
    /// for [`Sync::Full`] [`Cause::NoDescriptor`](crate::Cause::NoDescriptor), and
    /// [`Cause::NotFound`](crate::Cause::NotFound) where the file has got another name meanwhile.
    pub fn sync(&self, range: impl RangeBounds<usize>, how: Sync) -> Result<()> {
        self.sync_with(self.file.as_ref().map(|file| file.file().as_fd()), range, how)
    }

    /// As [`sync`](Self::sync), by a descriptor that another has kept.
    pub(crate) fn sync_with(
        &self,
        fd: Option<BorrowedFd<'_>>,
        range: impl RangeBounds<usize>,
        how: Sync,
    ) -> Result<()> {
        let range = self.guarded().bytes(Operation::Sync, &range)?;
        let identity = self.guarded().mapping().shape().identity;
        let known = || sticky::since(self.errors_before, identity).map_or(Ok(()), Err);
        known()?;
        let done = match (how, fd) {
            (Sync::Full, Some(fd)) => self.sync_full(fd, range.clone()),
            _ => self.pages().sync(range.clone(), how),
        };
        if let Err(error) = done {
            sticky::keep(identity, error);
            return Err(error);
        }
        known()?; // another view of the same open file may have been told what was ours
        self.guarded().lost(Operation::Sync, &range).map_or(Ok(()), Err)
    }

    fn sync_full(&self, fd: BorrowedFd<'_>, range: Range<usize>) -> Result<()> {
        self.pages().sync(range, Sync::Data)?;
        let synced = rustix::io::retry_on_intr(|| rustix::fs::fsync(fd));
        synced.map_err(|errno| {
            let errno = Errno::from_raw(errno.raw_os_error());
            Error::kernel(Operation::Sync, self.kind(), errno)
        })?;
        if !self.named.load(Relaxed) {
            directory::sync_name_of(fd)?;
            self.named.store(true, Relaxed);
        }
        Ok(())
    }

    /// Ends the view: see [`Shared::into_mapping`].
    ///
    /// # Errors
    ///
    /// Those of [`Shared::into_mapping`].
    pub fn into_mapping(self) -> Result<Mapping, Refused<Self>> {
        let Self { shared, file, named, errors_before } = self;
        shared.into_mapping().map_err(|Refused { error, given: shared }| Refused {
            error,
            given: Self { shared, file, named, errors_before },
        })
    }
}
