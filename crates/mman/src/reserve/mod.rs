//! Reservations: address space that is held, and maps nothing until something is put there.
#![expect(unsafe_code, reason = "maps into address space that the reservation owns")]

pub(crate) mod scatter;

use crate::advise::{self, Discard, Hint};
use crate::area::{Area, Place, Request, range_error};
use crate::error::{Cause, Error, ObjectKind, Operation, Refused, Result};
use crate::explain::{self, Asked};
use crate::mapping::Mapping;
use crate::object::{Backing, MemoryObject};
use crate::options::{MapOptions, Plan};
use crate::page::{PageRange, PageSize, RangeError, resolve_memory};
use crate::pages::Pages;
use core::ops::{Range, RangeBounds};
use mman_sys::{MapFlags, Prot};

/// Address space that nobody else is given, unmapped as a whole when it is dropped.
///
/// It costs no memory. Pages are made usable by [`commit`](Self::commit), objects are put at chosen places by
/// [`place`](Self::place); both happen in the held range, so that nothing is ever replaced that belongs to
/// somebody else, and addresses stay what they are while the content grows.
///
/// ```
/// use mman::{FileObject, MapOptions, Reservation};
///
/// let mut space = Reservation::new(1 << 30)?; // 1 GiB of addresses, no memory
/// space.commit(0..65_536)?;
/// space.write_at(1000, b"first")?;
/// let file = FileObject::open("Cargo.toml")?;
/// let bytes = space.place(1 << 20, &MapOptions::shared(), &file)?;
/// let mut head = [0; 9];
/// space.read_at(bytes.start, &mut head)?;
/// assert_eq!(&head, b"[package]");
/// # Ok::<(), mman::Error>(())
/// ```
#[derive(Debug)]
pub struct Reservation {
    pub(crate) area: Area,
}

/// What address space without memory is mapped as. Not `NORESERVE`: what nobody can write to is not counted
/// anyway, and what is committed later must be.
const HELD: MapFlags = MapFlags::PRIVATE.union(MapFlags::ANONYMOUS);

impl Reservation {
    /// Holds so many bytes of address space, rounded up to pages.
    ///
    /// # Errors
    ///
    /// [`Cause::Range`] for length 0; [`Cause::TooLong`], [`Cause::NoAddressSpace`],
    /// [`Cause::AddressSpaceLimit`], [`Cause::MapCountLimit`].
    pub fn new(len: usize) -> Result<Self> {
        let page = PageSize::base();
        if len == 0 {
            return Err(range_error(
                Operation::Reserve,
                ObjectKind::Reservation,
                RangeError::Empty,
            ));
        }
        let refused = |cause| Error::new(Operation::Reserve, ObjectKind::Reservation, cause);
        let pages = PageRange::covering(0..len, page).map_err(|_| refused(Cause::TooLong))?;
        let request = held(pages);
        // SAFETY: nothing is replaced, and there is no descriptor.
        let area = unsafe { Area::map(request, Place::Anywhere) };
        area.map(|area| Self { area }).map_err(|why| {
            let (prot, flags) = (request.prot, request.flags);
            let asked = Asked { prot, flags, len: request.len, page: page.bytes(), fixed: None };
            let kind = ObjectKind::Reservation;
            explain::map(Operation::Reserve, kind, why.errno, asked, &Backing::Nothing)
        })
    }

    /// Holds address space that begins at a multiple of `alignment`, as huge pages need it.
    ///
    /// # Errors
    ///
    /// Those of [`Reservation::new`].
    pub fn aligned(len: usize, alignment: PageSize) -> Result<Self> {
        let refused = |cause| Error::new(Operation::Reserve, ObjectKind::Reservation, cause);
        let rounded = PageSize::base().round_up(len).ok_or_else(|| refused(Cause::TooLong))?;
        let more = rounded.checked_add(alignment.bytes()).ok_or_else(|| refused(Cause::TooLong))?;
        if len == 0 || alignment <= PageSize::base() {
            return Self::new(len);
        }
        let wide = Self::new(more)?;
        let found = wide.address();
        let start = alignment.round_up(found).unwrap_or(found);
        let (_before, rest) = wide.split_at(start.saturating_sub(found))?;
        let (kept, _after) = rest.split_at(rounded)?;
        Ok(kept)
    }

    /// The length in bytes: whole pages.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.area.len()
    }

    /// Whether there is no page in it: only after a split.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.area.is_empty()
    }

    /// The address of byte 0 as a number.
    #[must_use]
    pub const fn address(&self) -> usize {
        self.area.address()
    }

    /// The address of byte 0. Only what is committed or placed may be touched through it.
    #[must_use]
    pub const fn as_ptr(&self) -> *const u8 {
        self.area.pointer(0)
    }

    /// The address of byte 0, for writing.
    #[must_use]
    pub const fn as_mut_ptr(&mut self) -> *mut u8 {
        self.area.pointer(0)
    }

    /// The pages, lent: what can be done to them that changes no byte and takes no access.
    #[must_use]
    #[inline]
    pub const fn pages(&self) -> Pages<'_> {
        Pages::new(&self.area, 0, self.area.len())
    }

    pub(crate) fn bytes(
        &self,
        operation: Operation,
        bounds: &impl RangeBounds<usize>,
    ) -> Result<Range<usize>> {
        resolve_memory(bounds, self.len())
            .map_err(|error| range_error(operation, ObjectKind::Reservation, error))
    }

    /// Pages whose bounds are these bytes.
    pub(crate) fn exactly(
        &self,
        operation: Operation,
        bounds: &impl RangeBounds<usize>,
    ) -> Result<PageRange> {
        let bytes = self.bytes(operation, bounds)?;
        if bytes.is_empty() {
            return Ok(PageRange::within(0..0, self.area.page_size()));
        }
        self.area
            .exactly(bytes)
            .map_err(|error| range_error(operation, ObjectKind::Reservation, error))
    }

    /// Pages of this reservation for a mapping that is to come to byte `at`.
    pub(crate) fn room(
        &self,
        operation: Operation,
        at: usize,
        mapping: &Mapping,
    ) -> Result<PageRange> {
        self.room_for(operation, at, mapping.mapped_len(), mapping.page_size())
    }

    pub(crate) fn room_for(
        &self,
        operation: Operation,
        at: usize,
        len: usize,
        page: PageSize,
    ) -> Result<PageRange> {
        let refused = |error| range_error(operation, ObjectKind::Reservation, error);
        let end = at.checked_add(len).ok_or_else(|| refused(RangeError::Overflow))?;
        if !page.divides(self.address().wrapping_add(at)) {
            return Err(refused(RangeError::Unaligned { value: at as u64, page: page.bytes() }));
        }
        self.exactly(operation, &(at..end))
    }

    /// Makes pages usable for reading and writing: zeros, as they are first touched. Memory is counted, so
    /// that a lack of it is an error here. Pages that are committed already keep their bytes.
    ///
    /// # Errors
    ///
    /// [`Cause::Range`], also for bounds that are no page boundaries; [`Cause::Overcommit`],
    /// [`Cause::MapCountLimit`].
    pub fn commit(&mut self, range: impl RangeBounds<usize>) -> Result<()> {
        let pages = self.exactly(Operation::Commit, &range)?;
        self.area.protect(Operation::Commit, pages, Prot::READ | Prot::WRITE)
    }

    /// Sets the protection of pages that are committed or placed; on others it commits them.
    ///
    /// # Errors
    ///
    /// Those of [`Mapping::protect`].
    pub fn protect(&mut self, range: impl RangeBounds<usize>, protection: Prot) -> Result<()> {
        let pages = self.exactly(Operation::Protect, &range)?;
        self.area.protect(Operation::Protect, pages, protection)
    }

    /// Gives memory back, and takes out what was placed: the pages are held again, and nothing else.
    ///
    /// # Errors
    ///
    /// [`Cause::Range`], also for bounds that are no page boundaries; [`Cause::MapCountLimit`].
    pub fn decommit(&mut self, range: impl RangeBounds<usize>) -> Result<()> {
        let pages = self.exactly(Operation::Decommit, &range)?;
        self.area.empty_pages(pages, held(pages))
    }

    /// Puts an object at byte `at`, a page boundary, and answers where its bytes are. What was there before is
    /// dropped. Address and place of the options do not count.
    ///
    /// # Errors
    ///
    /// [`Cause::Range`] where it does not fit there; else those of [`MapOptions::map`].
    pub fn place(
        &mut self,
        at: usize,
        options: &MapOptions,
        object: &impl MemoryObject,
    ) -> Result<Range<usize>> {
        let Some(plan) = options.plan(object)? else {
            self.bytes(Operation::Place, &(at..at))?;
            return Ok(at..at);
        };
        let Plan { request, shape, .. } = plan;
        let pages = self.room_for(Operation::Place, at, request.len, request.page)?;
        // SAFETY: nothing is replaced.
        let area = unsafe { options.make(Operation::Place, object, &plan, Place::Anywhere) }?;
        area.move_over(&mut self.area, pages)?;
        let start = at.saturating_add(shape.lead);
        Ok(start..start.saturating_add(shape.len))
    }

    /// Gives the kernel a hint about pages: see [`Mapping::advise`]. Rounded outwards.
    ///
    /// # Errors
    ///
    /// Those of [`Mapping::advise`].
    pub fn advise(&self, range: impl RangeBounds<usize>, about: Hint) -> Result<()> {
        self.pages().advise(range, about)
    }

    /// Drops bytes of pages: see [`Mapping::discard`].
    ///
    /// # Errors
    ///
    /// Those of [`Mapping::discard`].
    pub fn discard(&mut self, range: impl RangeBounds<usize>, how: Discard) -> Result<()> {
        let pages = self.exactly(Operation::Discard, &range)?;
        advise::discard(&mut self.area, pages, how)
    }

    /// Cuts the reservation in two before byte `at`, a page boundary.
    ///
    /// # Errors
    ///
    /// [`Cause::Range`]; the reservation comes back.
    pub fn split_at(self, at: usize) -> Result<(Self, Self), Refused<Self>> {
        match self.area.split_at(at) {
            Ok((low, high)) => Ok((Self { area: low }, Self { area: high })),
            Err((error, area)) => {
                let error = range_error(Operation::Split, ObjectKind::Reservation, error);
                Err(Refused { error, given: Self { area } })
            }
        }
    }

    /// Makes one reservation of two that lie one after the other: what [`split_at`](Self::split_at) undoes.
    ///
    /// # Errors
    ///
    /// [`Cause::NotAdjacent`]; both come back.
    pub fn merge(self, next: Self) -> Result<Self, Refused<(Self, Self)>> {
        match self.area.join(next.area) {
            Ok(area) => Ok(Self { area }),
            Err((low, high)) => {
                let kind = ObjectKind::Reservation;
                let error = Error::new(Operation::Merge, kind, Cause::NotAdjacent);
                Err(Refused { error, given: (Self { area: low }, Self { area: high }) })
            }
        }
    }

    /// Unmaps now, and tells whether that worked; where not, the reservation comes back.
    ///
    /// # Errors
    ///
    /// [`Cause::MapCountLimit`], [`Cause::Sealed`].
    pub fn release(self) -> Result<(), Refused<Self>> {
        self.area
            .unmap()
            .map_err(|Refused { error, given }| Refused { error, given: Self { area: given } })
    }
}

/// Address space of these pages, holding nothing.
const fn held(pages: PageRange) -> Request {
    Request {
        kind: ObjectKind::Reservation,
        len: pages.len(),
        page: pages.page_size(),
        prot: Prot::NONE,
        flags: HELD,
        fd: -1,
        offset: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alignment_is_kept_and_the_rest_given_back() {
        let size = PageSize::new(2 << 20).unwrap();
        let space = Reservation::aligned(5 << 20, size).unwrap();
        assert!(size.divides(space.address()));
        assert_eq!(space.len(), 5 << 20);
        let error = Reservation::aligned(usize::MAX, size).unwrap_err();
        assert_eq!((error.cause(), error.errno()), (Cause::TooLong, None));
    }
}
