//! The view whose changes stay here: copy-on-write.

use super::guarded::Guarded;
use super::memory::Memory;
use super::shared::Shared;
use super::word::Word;
use crate::error::{Cause, Error, Operation, Refused, Result};
use crate::mapping::Mapping;
use crate::object::{FileObject, MemoryObject};
use crate::options::MapOptions;
use core::ops::{Deref, RangeBounds};
use mman_sys::{MapFlags, Prot};
use std::path::Path;

/// A private mapping: what is written stays in this process, on a copy of the page. What [`Shared`] reads, it reads.
///
/// It is no snapshot. A page that was not written to may follow later changes of the object, and when the object
/// becomes shorter its pages are lost, those that were written too. [`detach`](Self::detach) makes a copy of one's
/// own.
///
/// ```
/// use mman::Private;
///
/// let manifest = Private::open("Cargo.toml")?;
/// manifest.write_at(0, b"[changed]")?;
/// let mut own = manifest.detach()?;
/// own[1] = b'C';
/// assert!(own.starts_with(b"[Changed]"));
/// assert!(std::fs::read("Cargo.toml")?.starts_with(b"[package]"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Private {
    /// Mapped private, for writing too.
    shared: Shared,
}

impl Deref for Private {
    type Target = Shared;
    #[inline]
    fn deref(&self) -> &Shared {
        &self.shared
    }
}

impl Private {
    /// Opens a file for reading and maps all of it.
    ///
    /// # Errors
    ///
    /// Those of [`FileObject::open`] and [`MapOptions::map`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::new(&FileObject::open(path)?)
    }

    /// Maps all of an object.
    ///
    /// # Errors
    ///
    /// Those of [`MapOptions::map`].
    pub fn new(object: &impl MemoryObject) -> Result<Self> {
        Self::map(&MapOptions::private(), object)
    }

    /// Maps as the options say, but for the protection, which is to read and to write. Droppable memory is private
    /// too.
    ///
    /// # Errors
    ///
    /// [`Cause::NotPrivate`] for options that are not; those of [`MapOptions::map`].
    pub fn map(options: &MapOptions, object: &impl MemoryObject) -> Result<Self> {
        match options.asked_flags().map_type() {
            MapFlags::PRIVATE | MapFlags::DROPPABLE => {
                let guarded = Guarded::map(options, object, Prot::READ | Prot::WRITE)?;
                Ok(Self { shared: Shared { guarded } })
            }
            _ => Err(Error::new(Operation::Map, object.kind(), Cause::NotPrivate)),
        }
    }

    fn guarded(&self) -> &Guarded {
        &self.shared.guarded
    }

    /// Copies `bytes` to the bytes from `at` on, all or an error.
    ///
    /// # Errors
    ///
    /// [`Cause::Range`]; [`Cause::Truncated`], [`Cause::Storage`]: other bytes may be written then.
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

    /// Stores a number at byte `at` in one step, for the other threads of this process.
    ///
    /// # Errors
    ///
    /// Those of [`Shared::load`], for writing.
    #[inline]
    pub fn store<T: Word>(&self, at: usize, value: T) -> Result<()> {
        self.guarded().store(at, value)
    }

    /// Copies all bytes into memory of one's own, where nothing changes or goes away any more.
    ///
    /// # Errors
    ///
    /// [`Cause::Truncated`], [`Cause::Storage`] where bytes are lost; those of [`Memory::new`].
    pub fn detach(&self) -> Result<Memory> {
        let mut memory = Memory::new(self.len())?;
        self.read_at(0, &mut memory)?;
        Ok(memory)
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
