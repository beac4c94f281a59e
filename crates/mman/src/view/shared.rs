//! The view of an object that others may change: copies, words and search, without a reference and without a signal.

use super::guarded::Guarded;
use super::reader::Reader;
use super::word::Word;
use crate::error::{Cause, Error, ObjectKind, Operation, Refused, Result};
use crate::mapping::Mapping;
use crate::object::{FileObject, MemoryObject};
use crate::options::MapOptions;
use crate::pages::Pages;
use core::ops::RangeBounds;
use mman_sys::{MapFlags, Prot};
use std::os::fd::AsFd;
use std::path::Path;

/// A shared mapping for reading, of an object that others may change, shorten or take away at any moment.
///
/// Bytes are copied out, by instructions and at the speed of memory. A byte that is gone (the file was truncated, the
/// disk failed) is an [`Error`], [`Cause::Truncated`] or [`Cause::Storage`], and stays one for this view: zeros are
/// mapped in its place, see [`signal`](crate::signal). Where SIGBUS is somebody else's, the kernel copies instead
/// (a microsecond each time): then words cannot be loaded ([`Cause::SignalTaken`]), and no loss is remembered.
///
/// Loss is by pages. Where a file ends inside a page, the rest of that page reads as zeros, as the kernel has it. If the
/// last page is bad or cannot be filled, the object looks as if it ended there: [`Cause::Truncated`].
///
/// What is read while another writes is a mixture: each byte is one that stood there during the call.
///
/// ```
/// use mman::Shared;
/// use std::io::BufRead;
///
/// let manifest = Shared::open("Cargo.toml")?;
/// let mut head = [0; 9];
/// manifest.read_at(0, &mut head)?;
/// assert_eq!(&head, b"[package]");
/// assert_eq!(manifest.find_byte(.., b'\n')?, Some(9));
/// let lines = manifest.reader().lines().count();
/// assert!(lines > 3);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Shared {
    pub(super) guarded: Guarded,
}

impl Shared {
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
        Self::map(&MapOptions::shared(), object)
    }

    /// Maps as the options say, but for the protection, which is to read.
    ///
    /// A byte past the end of the object ([`MapOptions::past_end`]) that is asked for before it is there stays lost.
    ///
    /// # Errors
    ///
    /// [`Cause::NotShared`] for options that are not; those of [`MapOptions::map`].
    pub fn map(options: &MapOptions, object: &impl MemoryObject) -> Result<Self> {
        check_shared(options, object)?;
        Ok(Self { guarded: Guarded::map(options, object, Prot::READ)? })
    }

    /// The length in bytes.
    #[must_use]
    #[inline]
    pub const fn len(&self) -> usize {
        self.guarded.len()
    }

    /// Whether there is no byte in it.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What is mapped.
    #[must_use]
    pub const fn kind(&self) -> ObjectKind {
        self.guarded.mapping().kind()
    }

    /// Where byte 0 is in the object.
    #[must_use]
    pub const fn object_offset(&self) -> u64 {
        self.guarded.mapping().object_offset()
    }

    /// The address of byte 0. What is done with it is the caller's proof, and not guarded against any but SIGBUS.
    #[must_use]
    pub const fn as_ptr(&self) -> *const u8 {
        self.guarded.pointer(0)
    }

    /// The pages: to lock them, ask for their residency, give hints.
    #[must_use]
    pub const fn pages(&self) -> Pages<'_> {
        self.guarded.pages()
    }

    /// Copies the bytes from `at` on into `bytes`, all or an error.
    ///
    /// # Errors
    ///
    /// [`Cause::Range`]; [`Cause::Truncated`], [`Cause::Storage`]: `bytes` then holds some of the bytes, and zeros.
    #[inline]
    pub fn read_at(&self, at: usize, bytes: &mut [u8]) -> Result<()> {
        self.guarded.read(at, bytes)
    }

    /// Copies a range into a vector.
    ///
    /// # Errors
    ///
    /// Those of [`read_at`](Self::read_at); `ENOMEM` where there is no memory for the copy.
    pub fn to_vec(&self, range: impl RangeBounds<usize>) -> Result<Vec<u8>> {
        let range = self.guarded.bytes(Operation::Read, &range)?;
        let mut bytes = Vec::new();
        let no_memory = |_| Error::kernel(Operation::Read, self.kind(), crate::Errno::ENOMEM);
        bytes.try_reserve_exact(range.len()).map_err(no_memory)?;
        bytes.resize(range.len(), 0);
        self.read_at(range.start, &mut bytes)?;
        Ok(bytes)
    }

    /// Loads the number at byte `at` in one step, and what its writer stored before it can be read after (acquire).
    /// The number stands at a multiple of its size in memory.
    ///
    /// # Errors
    ///
    /// [`Cause::Range`], also for an address that is no multiple; [`Cause::Truncated`], [`Cause::Storage`];
    /// [`Cause::SignalTaken`].
    #[inline]
    pub fn load<T: Word>(&self, at: usize) -> Result<T> {
        self.guarded.load(at)
    }

    /// The first place of a byte in a range.
    ///
    /// # Errors
    ///
    /// [`Cause::Range`]; [`Cause::Truncated`], [`Cause::Storage`] where a byte is lost that was looked at. Bytes behind
    /// the place are not looked at.
    #[inline]
    pub fn find_byte(&self, range: impl RangeBounds<usize>, byte: u8) -> Result<Option<usize>> {
        self.guarded.find(&range, byte)
    }

    /// The first place of either of two bytes in a range.
    ///
    /// # Errors
    ///
    /// Those of [`find_byte`](Self::find_byte).
    pub fn find_either(
        &self,
        range: impl RangeBounds<usize>,
        a: u8,
        b: u8,
    ) -> Result<Option<usize>> {
        self.guarded.find_either(&range, a, b)
    }

    /// The last place of a byte in a range.
    ///
    /// # Errors
    ///
    /// Those of [`find_byte`](Self::find_byte).
    #[inline]
    pub fn rfind_byte(&self, range: impl RangeBounds<usize>, byte: u8) -> Result<Option<usize>> {
        self.guarded.rfind(&range, byte)
    }

    /// The first place in a range where these bytes stand. No bytes stand everywhere.
    ///
    /// # Errors
    ///
    /// Those of [`find_byte`](Self::find_byte).
    pub fn find(&self, range: impl RangeBounds<usize>, needle: &[u8]) -> Result<Option<usize>> {
        self.guarded.find_sequence(&range, needle)
    }

    /// Whether these bytes stand at byte `at`.
    ///
    /// # Errors
    ///
    /// Those of [`read_at`](Self::read_at).
    pub fn equals(&self, at: usize, bytes: &[u8]) -> Result<bool> {
        self.guarded.equals(at, bytes)
    }

    /// The bytes as a file that is read from its start: [`Read`](std::io::Read), [`BufRead`](std::io::BufRead),
    /// [`Seek`](std::io::Seek).
    #[must_use]
    pub const fn reader(&self) -> Reader<'_> {
        Reader::new(self)
    }

    /// Writes bytes to a file, pipe or socket, from the pages: see [`Mapping::write_out`].
    ///
    /// # Errors
    ///
    /// Those of [`Mapping::write_out`]; [`Cause::Truncated`], [`Cause::Storage`] before anything is written where
    /// bytes of the range are lost already, and afterwards where they were lost meanwhile: zeros may be written then.
    pub fn write_out(&self, to: impl AsFd, range: impl RangeBounds<usize>) -> Result<()> {
        let range = self.guarded.bytes(Operation::WriteOut, &range)?;
        let lost = || self.guarded.lost(Operation::WriteOut, &range).map_or(Ok(()), Err);
        lost()?;
        let written = self.guarded.mapping().write_out(to, range.clone());
        lost().and(written) // another thread may have met a page that is gone, and the kernel the zeros in its place
    }

    /// The error of the first bytes that this view has lost; `None` while it has all that were asked for.
    #[must_use]
    pub fn error(&self) -> Option<Error> {
        self.guarded.lost(Operation::Read, &(0..self.len()))
    }

    /// Whether bytes are reached by instructions, and not by system calls.
    #[must_use]
    pub const fn is_direct(&self) -> bool {
        self.guarded.is_direct()
    }

    /// Ends the view. The mapping has the methods that take bytes or access away.
    ///
    /// # Errors
    ///
    /// The view comes back where it has lost bytes: a mapping could not tell them from zeros.
    pub fn into_mapping(self) -> Result<Mapping, Refused<Self>> {
        self.guarded
            .into_mapping()
            .map_err(|Refused { error, given }| Refused { error, given: Self { guarded: given } })
    }
}

/// Options of a view whose changes reach the object.
pub(super) fn check_shared(options: &MapOptions, object: &impl MemoryObject) -> Result<()> {
    match options.asked_flags().map_type() {
        MapFlags::SHARED | MapFlags::SHARED_VALIDATE => Ok(()),
        _ => Err(Error::new(Operation::Map, object.kind(), Cause::NotShared)),
    }
}
