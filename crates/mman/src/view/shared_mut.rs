//! The view that writes to an object: stores, atomics, what is written back.

use super::atomic::SharedAtomic;
use super::guarded::Guarded;
use super::shared::{Shared, check_shared};
use super::word::Word;
use super::writer::Writer;
use crate::error::{Operation, Refused, Result};
use crate::mapping::Mapping;
use crate::object::{FileObject, MemoryObject};
use crate::options::MapOptions;
use crate::pages::sync::Sync;
use core::ops::{Deref, RangeBounds};
use mman_sys::Prot;
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
        Self::new(&FileObject::open_read_write(path)?)
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
        let guarded = Guarded::map(options, object, Prot::READ | Prot::WRITE)?;
        Ok(Self { shared: Shared { guarded } })
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

    /// Writes changes back to the device: see [`Pages::sync`](crate::Pages::sync).
    ///
    /// # Errors
    ///
    /// Those of [`Pages::sync`](crate::Pages::sync); the error of lost bytes in the range.
    pub fn sync(&self, range: impl RangeBounds<usize>, how: Sync) -> Result<()> {
        let range = self.guarded().bytes(Operation::Sync, &range)?;
        self.pages().sync(range.clone(), how)?;
        self.guarded().lost(Operation::Sync, &range).map_or(Ok(()), Err)
    }

    /// Ends the view: see [`Shared::into_mapping`].
    ///
    /// # Errors
    ///
    /// Those of [`Shared::into_mapping`].
    pub fn into_mapping(self) -> Result<Mapping, Refused<Self>> {
        self.shared
            .into_mapping()
            .map_err(|Refused { error, given }| Refused { error, given: Self { shared: given } })
    }
}
