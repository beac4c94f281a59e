//! Growing, shrinking, moving and doubling mappings.
#![expect(unsafe_code, reason = "moves memory that the mapping owns")]

use crate::area::range_error;
use crate::error::{Cause, Error, ObjectKind, Operation, Refused, Result};
use crate::mapping::{Mapping, Shape};
use crate::page::{PageRange, RangeError};
use crate::reserve::Reservation;
use crate::stack;
use core::ops::Range;
use mman_sys::RemapFlags;

/// Whether a mapping may go elsewhere when it grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Growth {
    /// Its address stays; where there is no room, growing fails.
    InPlace,
    /// It goes where there is room, and its address may be another one afterwards.
    MayMove,
}

impl Mapping {
    /// Makes the mapping longer or shorter. [mremap(2)](https://man7.org/linux/man-pages/man2/mremap.2.html)
    ///
    /// A longer mapping shows the bytes that follow in the object; past its end nothing is there until the
    /// object grows. Private anonymous memory gains zeros. Shared anonymous memory and typed memory are
    /// of the length that they were mapped with, and cannot grow.
    ///
    /// ```
    /// use mman::{Anonymous, Growth};
    ///
    /// let mut memory = Anonymous::new(4096).map()?;
    /// memory.write_at(0, b"kept")?;
    /// memory.resize(1 << 20, Growth::MayMove)?;
    /// let mut bytes = [0; 4];
    /// memory.read_at(0, &mut bytes)?;
    /// assert_eq!((&bytes, memory.len()), (b"kept", 1 << 20));
    /// # Ok::<(), mman::Error>(())
    /// ```
    ///
    /// A live borrow of the mapping forbids it, so nothing that was lent can be moved away:
    ///
    /// ```compile_fail,E0502
    /// # use mman::{Anonymous, Growth};
    /// let mut memory = Anonymous::new(4096).map()?;
    /// let lent = &memory;
    /// memory.resize(8192, Growth::MayMove)?;
    /// lent.read_at(0, &mut [0])?;
    /// # Ok::<(), mman::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Cause::Range`] for length 0, and for growth of shared anonymous and typed memory; `ENOMEM` without room; [`Cause::LockLimit`], [`Cause::Sealed`];
    /// [`Cause::StackRoom`] for one that would grow into the room of the first thread's stack.
    pub fn resize(&mut self, len: usize, growth: Growth) -> Result<()> {
        if len == 0 || self.is_empty() {
            return Err(range_error(Operation::Remap, self.kind(), RangeError::Empty));
        }
        let lead = self.shape().lead;
        let too_long = || Error::new(Operation::Remap, self.kind(), Cause::TooLong);
        let bytes = len.checked_add(lead).ok_or_else(too_long)?;
        let pages = PageRange::covering(0..bytes, self.page_size()).map_err(|_| too_long())?;
        if isize::try_from(pages.len()).is_err() {
            return Err(too_long());
        }
        if pages.len() > self.mapped_len()
            && self.is_shared()
            && matches!(self.kind(), ObjectKind::Anonymous | ObjectKind::TypedMemory)
        {
            let past = RangeError::EndsPastEnd { end: len as u64, len: self.mapped_len() as u64 };
            return Err(range_error(Operation::Remap, self.kind(), past));
        }
        // In its place is where the kernel tries first, also where the mapping may move.
        let end = self.area.address().saturating_add(pages.len());
        if pages.len() > self.mapped_len() && stack::would_end_in_room(end) {
            return Err(Error::new(Operation::Remap, self.kind(), Cause::StackRoom));
        }
        if pages.len() != self.mapped_len() {
            let flags = match growth {
                Growth::InPlace => RemapFlags::empty(),
                Growth::MayMove => RemapFlags::MAYMOVE,
            };
            self.area.resize(pages.len(), flags).map_err(|error| self.told(error))?;
        }
        self.set_len(len);
        Ok(())
    }

    /// Moves the mapping to an address, a page boundary, replacing what is there. The safe way to choose an
    /// address is [`move_into`](Self::move_into).
    ///
    /// # Errors
    ///
    /// [`Cause::Range`] for an address that is no page boundary; what `mremap` answers.
    ///
    /// # Safety
    ///
    /// What is mapped at the address is the caller's to lose, all
    /// [`mapped_len`](Self::mapped_len) bytes of it.
    pub unsafe fn move_to(&mut self, address: usize) -> Result<()> {
        if !self.page_size().divides(address) {
            let page = self.page_size().bytes();
            let unaligned = RangeError::Unaligned { value: address as u64, page };
            return Err(range_error(Operation::Remap, self.kind(), unaligned));
        }
        if self.is_empty() {
            return Ok(());
        }
        // SAFETY: the caller's promise.
        unsafe { self.area.move_to(address) }
    }

    /// Moves the mapping's pages into a reservation, at a page boundary of it; they are the reservation's from
    /// then on. Answers where its bytes are in the reservation. [`Hint::Mergeable`](crate::Hint::Mergeable) is taken
    /// back. Before Linux 6.17 a mapping whose parts differ in protection is refused ([`Cause::SeveralMappings`]).
    ///
    /// # Errors
    ///
    /// [`Cause::Range`] where it does not fit there; what `mremap` answers. The mapping comes back.
    pub fn move_into(
        self,
        reservation: &mut Reservation,
        at: usize,
    ) -> Result<Range<usize>, Refused<Self>> {
        let pages = match reservation.room(Operation::Remap, at, &self) {
            Ok(pages) => pages,
            Err(error) => return Err(Refused { error, given: self }),
        };
        let shape = self.shape();
        match self.area.move_over(&mut reservation.area, pages) {
            Ok(()) => {
                let start = at.saturating_add(shape.lead);
                Ok(start..start.saturating_add(shape.len))
            }
            Err(Refused { error, given }) => {
                let given = Self::new(given, shape);
                Err(Refused { error: given.told(error), given })
            }
        }
    }

    /// Takes the pages away into a new mapping, and leaves this one as it would be if it were new: private
    /// anonymous memory reads as zeros, a file is read again, and shared memory shows the same bytes in both
    /// (5.7, for shared mappings and files 5.13).
    ///
    /// # Errors
    ///
    /// `EINVAL` on older kernels; `ENOMEM`; [`Cause::Sealed`]; [`Cause::NotDoubled`] for typed memory.
    pub fn take_pages(&mut self) -> Result<Self> {
        let flags = RemapFlags::MAYMOVE | RemapFlags::DONTUNMAP;
        self.beside(self.mapped_len(), flags)
    }

    /// Maps the same pages once more. Shared mappings only.
    ///
    /// # Errors
    ///
    /// `EINVAL` for a private mapping; `ENOMEM`; [`Cause::NotDoubled`] for typed memory.
    pub fn alias(&self) -> Result<Self> {
        self.beside(0, RemapFlags::MAYMOVE)
    }

    /// A second mapping of the same length, made by `mremap` of `old_len` bytes.
    fn beside(&self, old_len: usize, flags: RemapFlags) -> Result<Self> {
        if self.is_empty() {
            return Ok(Self::empty(self.kind(), self.page_size()));
        }
        let len = self.mapped_len();
        let shape: Shape = self.shape();
        // SAFETY: no FIXED, so nothing is replaced; what is made has no owner but the one it gets here.
        let start = unsafe { self.area.remap(old_len, len, flags, 0) };
        let start = start.map_err(|error| self.told(error))?;
        // SAFETY: just made by the kernel, of that length.
        let area = unsafe { self.area.beside(start, len) };
        Ok(Self::new(area, shape))
    }
}
