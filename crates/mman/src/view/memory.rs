//! The view of memory that nobody else has: a slice, for reading and writing.
#![expect(unsafe_code, reason = "lends slices of memory that nobody else has")]

use super::frozen::{Frozen, Proof};
use crate::advise::Discard;
use crate::area::range_error;
use crate::error::{Cause, Error, ObjectKind, Operation, Refused, Result};
use crate::mapping::Mapping;
use crate::mapping::fork::OnFork;
use crate::mapping::remap::Growth;
use crate::object::{Anonymous, SecretMem};
use crate::options::MapOptions;
use crate::page::{PageSize, RangeError};
use crate::pages::Pages;
use crate::pages::populate::Populate;
use core::ops::{Deref, DerefMut};
use mman_sys::{MapFlags, Prot};

/// Private anonymous memory, as a slice: zeros to begin with, of whole pages, given back when it is dropped.
///
/// Nobody else can change it or take it away, so it is `&mut [u8]`. What would take bytes or access away
/// (protection, discarding, guards, keys) is for [`into_mapping`](Self::into_mapping), which ends the view.
///
/// ```
/// use mman::Memory;
///
/// let mut memory = Memory::new(1 << 20)?;
/// memory[..5].copy_from_slice(b"hello");
/// memory.resize(1 << 30)?; // moves page tables, not bytes
/// assert_eq!(&memory[..5], b"hello");
/// let frozen = memory.freeze()?; // read-only from now on, for all threads
/// assert!(frozen.starts_with(b"hello"));
/// # Ok::<(), mman::Error>(())
/// ```
///
/// A slice of it is gone before anything can take its bytes away:
///
/// ```compile_fail,E0505
/// let memory = mman::Memory::new(4096)?;
/// let bytes = &memory[..];
/// let mapping = memory.into_mapping();
/// assert_eq!(bytes[0], 0);
/// # Ok::<(), mman::Error>(())
/// ```
///
/// ```compile_fail,E0502
/// let mut memory = mman::Memory::new(4096)?;
/// let bytes = &memory[..];
/// memory.resize(1 << 20)?; // it may move
/// assert_eq!(bytes[0], 0);
/// # Ok::<(), mman::Error>(())
/// ```
///
/// ```compile_fail,E0505
/// let mut memory = mman::Memory::new(4096)?;
/// let bytes = &mut memory[..];
/// let frozen = memory.freeze()?; // nobody may write to it any more
/// bytes[0] = 1;
/// # Ok::<(), mman::Error>(())
/// ```
#[derive(Debug)]
pub struct Memory {
    /// Y1: of an object that nobody else has or maps, mapped for this view, readable and writable in all its pages,
    /// never dropped by the kernel, and all there if they are huge pages of the pool.
    mapping: Mapping,
    /// Pages like any others: what is empty can grow into such.
    is_plain: bool,
}

impl Memory {
    /// So many bytes of zeros.
    ///
    /// # Errors
    ///
    /// Those of [`MapOptions::map`].
    pub fn new(len: usize) -> Result<Self> {
        Self::map(&MapOptions::private(), len)
    }

    /// So many bytes, mapped as the options say, but for the protection, which is to read and to write.
    ///
    /// ```
    /// use mman::{MapOptions, Memory};
    ///
    /// let read_in_at_once = Memory::map(&MapOptions::private().populate(), 1 << 16)?;
    /// assert_eq!(read_in_at_once.len(), 1 << 16);
    /// # Ok::<(), mman::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Cause::NotPrivate`] for shared and droppable memory; [`Cause::NoSuchView`] for memory that grows down, that is
    /// left out of children ([`OnFork::Leave`]), and for huge pages without reserve: it may not be there when it is
    /// touched; those of [`MapOptions::map`]. Huge pages of the pool are all touched here.
    pub fn map(options: &MapOptions, len: usize) -> Result<Self> {
        let refuse = |cause| Err(Error::new(Operation::Map, ObjectKind::Anonymous, cause));
        let flags = options.asked_flags();
        if flags.map_type() != MapFlags::PRIVATE {
            return refuse(Cause::NotPrivate);
        }
        let huge = options.asks_huge_pages();
        let may_be_missing = huge && flags.contains(MapFlags::NORESERVE);
        let missing_in_children = options.leaves_out_children();
        if flags.contains(MapFlags::GROWSDOWN) || may_be_missing || missing_in_children {
            return refuse(Cause::NoSuchView);
        }
        // Huge pages that are set aside may still be refused when they are touched: by a control group, by a node.
        let options = if huge { options.populate_checked() } else { *options };
        let mapping = options.read_write().map(&Anonymous::new(len))?;
        let is_plain = !huge;
        Ok(Self { mapping, is_plain })
    }

    /// So many bytes of secret memory, that only this process can see: not its children, and not even the kernel. See
    /// [`SecretMem`]. Its length stays.
    ///
    /// # Errors
    ///
    /// [`Cause::Range`] for length 0; those of [`SecretMem::new`] and [`SecretMem::map`].
    pub fn secret(len: usize) -> Result<Self> {
        if len == 0 {
            return Err(range_error(Operation::Map, ObjectKind::Secret, RangeError::Empty));
        }
        // Nobody else gets the object, or a mapping of it: so it is ours as private memory is. A child would share it.
        let options = MapOptions::shared().read_write().on_fork(OnFork::Leave);
        Ok(Self { mapping: options.map(&SecretMem::new(len)?)?, is_plain: false })
    }

    /// As many bytes as asked for, of a mapping that may be longer.
    ///
    /// Y1 is the caller's.
    pub(super) const fn of(mapping: Mapping) -> Self {
        Self { mapping, is_plain: true }
    }

    /// The pages: to lock them, ask for their residency, give hints.
    #[must_use]
    pub const fn pages(&self) -> Pages<'_> {
        self.mapping.pages()
    }

    /// Makes it longer, with zeros, or shorter. It may be elsewhere afterwards; no byte is copied.
    ///
    /// # Errors
    ///
    /// Those of [`Mapping::resize`]; secret memory does not grow.
    pub fn resize(&mut self, len: usize) -> Result<()> {
        if self.mapping.is_empty() && self.is_plain {
            *self = Self::new(len)?;
            return Ok(());
        }
        if self.mapping.kind() != ObjectKind::Anonymous && len > self.mapping.mapped_len() {
            let past = RangeError::EndsPastEnd { end: len as u64, len: self.len() as u64 };
            return Err(range_error(Operation::Remap, self.mapping.kind(), past));
        }
        let grown_from = self.len();
        let shape = self.mapping.shape();
        let end_of_old = self.mapping.mapped_len().saturating_sub(shape.lead).min(len);
        self.mapping.resize(len, Growth::MayMove)?;
        if self.mapping.page_size() > PageSize::base() && len > grown_from {
            // As in `map`: a huge page is there before it is lent.
            let populated = self.mapping.pages().populate(.., Populate::ForWriting);
            if let Err(error) = populated {
                self.mapping.resize(grown_from, Growth::InPlace)?;
                return Err(error);
            }
        }
        // The rest of the old pages may hold what was there when it was longer.
        if let Some(rest) = self.get_mut(grown_from..end_of_old) {
            rest.fill(0);
        }
        Ok(())
    }

    /// Forgets bytes at the end; their pages stay mapped.
    pub(super) fn shorten(&mut self, len: usize) {
        self.mapping.set_len(len.min(self.len()));
    }

    /// Makes all bytes zeros, and gives their memory back until they are written again. Locked pages and huge pages of
    /// the pool are kept.
    pub fn clear(&mut self) {
        // Huge pages would go back to their pool, which need not have them for us again: that would be SIGBUS. Locked
        // pages are not given back.
        let can_discard = self.mapping.kind() == ObjectKind::Anonymous
            && self.mapping.page_size() == PageSize::base();
        if !can_discard || self.mapping.discard(.., Discard::Now).is_err() {
            self.fill(0);
        }
    }

    /// Makes it read-only for good.
    ///
    /// # Errors
    ///
    /// [`Cause::MapCountLimit`]; the memory comes back.
    pub fn freeze(self) -> Result<Frozen, Refused<Self>> {
        self.freeze_as(Proof::Ours)
    }

    pub(super) fn freeze_as(mut self, proof: Proof) -> Result<Frozen, Refused<Self>> {
        match self.mapping.protect(.., Prot::READ) {
            Ok(()) => Ok(Frozen::mapped(self.mapping, proof)),
            // What is several mappings for the kernel may be read-only in part now, and a slice to write to must not be.
            Err(error) => match self.mapping.protect(.., Prot::READ | Prot::WRITE) {
                Ok(()) => Err(Refused { error, given: self }),
                // All of it can be read, and nobody else has it: that is all a proof needs.
                Err(_) => Ok(Frozen::mapped(self.mapping, proof)),
            },
        }
    }

    /// Ends the view. The mapping has the methods that take bytes or access away.
    #[must_use]
    pub fn into_mapping(self) -> Mapping {
        self.mapping
    }
}

impl Deref for Memory {
    type Target = [u8];
    #[inline]
    fn deref(&self) -> &[u8] {
        // SAFETY: Y1: all bytes are there, initialized by the kernel, and only `self` gives access to them; an empty
        // mapping's pointer is not null.
        unsafe { core::slice::from_raw_parts(self.mapping.as_ptr(), self.mapping.len()) }
    }
}

impl DerefMut for Memory {
    #[inline]
    fn deref_mut(&mut self) -> &mut [u8] {
        let len = self.mapping.len();
        // SAFETY: as above, and `self` is borrowed alone.
        unsafe { core::slice::from_raw_parts_mut(self.mapping.as_mut_ptr(), len) }
    }
}

impl AsRef<[u8]> for Memory {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl AsMut<[u8]> for Memory {
    fn as_mut(&mut self) -> &mut [u8] {
        self
    }
}
