//! The owner of a mapping: its bytes, its true length, splitting, merging, unmapping.

pub(crate) mod fork;
pub(crate) mod guard;
pub(crate) mod key;
pub(crate) mod protect;
pub(crate) mod remap;
pub(crate) mod seal;

use crate::area::{Area, range_error};
use crate::error::{Cause, Error, ObjectKind, Operation, Refused, Result};
use crate::object::Identity;
use crate::page::{PageRange, PageSize, RangeError, resolve_memory};
use crate::pages::{Pages, in_bytes};
use core::ops::{Range, RangeBounds};
use mman_sys::MapFlags;

/// A mapping of a range of one memory object, unmapped when it is dropped.
///
/// Byte 0 is the first byte that was asked for, which need not be a page boundary. The mapping never hands
/// out a reference to its bytes: others may change or take away what is there. Bytes are copied
/// ([`read_at`](Self::read_at), [`write_at`](Self::write_at), [`write_out`](Self::write_out)), or reached
/// through a pointer by who can answer for it ([`as_ptr`](Self::as_ptr)).
///
/// Ranges of the methods are in bytes of the mapping. Those that change or destroy want page boundaries
/// ([`page_size`](Self::page_size)), where the first byte and the last one count as boundaries too; those that
/// are harmless round outwards, to the pages that hold the bytes.
///
/// Dropping cannot tell of an error. Where the kernel refuses to unmap (at the limit of mappings it may
/// refuse to cut one), the memory is emptied, the addresses are kept and [`leaked`](crate::leaked) counts
/// them. [`unmap`](Self::unmap) tells.
#[derive(Debug)]
pub struct Mapping {
    pub(crate) area: Area,
    shape: Shape,
}

/// Which bytes of an area are the mapping, and which bytes of the object they are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    /// M1: how many bytes of the first page come before byte 0; `lead + len` is in the area.
    pub(crate) lead: usize,
    /// Length in bytes.
    pub(crate) len: usize,
    /// The map type it was made with.
    pub(crate) sharing: MapFlags,
    /// Where in the object the area begins, in bytes.
    pub(crate) offset: u64,
    pub(crate) identity: Option<Identity>,
}

impl Mapping {
    /// M1 is the caller's: `shape` was made for this area.
    pub(crate) const fn new(area: Area, shape: Shape) -> Self {
        Self { area, shape }
    }

    pub(crate) const fn empty(kind: ObjectKind, page: PageSize) -> Self {
        let shape =
            Shape { lead: 0, len: 0, sharing: MapFlags::empty(), offset: 0, identity: None };
        Self { area: Area::empty(kind, page), shape }
    }

    /// The length in bytes: as many as were asked for.
    #[must_use]
    #[inline]
    pub const fn len(&self) -> usize {
        self.shape.len
    }

    /// Whether there is no byte in it.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.shape.len == 0
    }

    /// The length in bytes that is really mapped: whole pages, of [`page_size`](Self::page_size).
    #[must_use]
    pub const fn mapped_len(&self) -> usize {
        self.area.len()
    }

    /// The size of the pages that it is made of, huge ones from the pool included.
    #[must_use]
    pub const fn page_size(&self) -> PageSize {
        self.area.page_size()
    }

    /// What is mapped.
    #[must_use]
    pub const fn kind(&self) -> ObjectKind {
        self.area.kind()
    }

    /// Whether stores reach the object.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        matches!(self.shape.sharing, MapFlags::SHARED | MapFlags::SHARED_VALIDATE)
    }

    /// Where byte 0 is in the object. For anonymous memory, and for what was allocated of typed memory, it counts from the
    /// start of the first mapping: where that is in its pool, [`typed_pieces`](Self::typed_pieces) tells.
    #[must_use]
    pub const fn object_offset(&self) -> u64 {
        self.shape.offset.saturating_add(self.shape.lead as u64)
    }

    /// The address of byte 0. What may be done with it depends on who else has the object: see the crate's
    /// guide.
    #[must_use]
    #[inline]
    pub const fn as_ptr(&self) -> *const u8 {
        self.area.pointer(self.shape.lead)
    }

    /// The address of byte 0, for writing, where the protection allows it.
    #[must_use]
    #[inline]
    pub const fn as_mut_ptr(&mut self) -> *mut u8 {
        self.area.pointer(self.shape.lead)
    }

    pub(crate) const fn shape(&self) -> Shape {
        self.shape
    }

    pub(crate) const fn set_len(&mut self, len: usize) {
        self.shape.len = len;
    }

    /// Bytes of the mapping, checked.
    #[inline]
    pub(crate) fn bytes(
        &self,
        operation: Operation,
        bounds: &impl RangeBounds<usize>,
    ) -> Result<Range<usize>> {
        resolve_memory(bounds, self.len())
            .map_err(|error| range_error(operation, self.kind(), error))
    }

    /// The pages, lent: what can be done to them that changes no byte and takes no access.
    #[must_use]
    #[inline]
    pub const fn pages(&self) -> Pages<'_> {
        Pages::new(&self.area, self.shape.lead, self.shape.len)
    }

    /// Pages whose bounds are these bytes, or the ends of the mapping.
    #[inline]
    pub(crate) fn exactly(
        &self,
        operation: Operation,
        bounds: &impl RangeBounds<usize>,
    ) -> Result<PageRange> {
        self.pages().exactly(operation, bounds)
    }

    /// An error of the area, in bytes of the mapping.
    #[inline]
    pub(crate) fn told(&self, error: Error) -> Error {
        error.counted_from(self.shape.lead)
    }

    /// Unmaps now, and tells whether that worked; where not, the mapping comes back.
    ///
    /// # Errors
    ///
    /// [`Cause::MapCountLimit`], [`Cause::Sealed`].
    pub fn unmap(self) -> Result<(), Refused<Self>> {
        let shape = self.shape;
        self.area.unmap().map_err(|Refused { error, given }| {
            let given = Self::new(given, shape);
            Refused { error: given.told(error), given }
        })
    }

    /// Cuts the mapping in two before byte `at`, which is a page boundary. Nothing is unmapped.
    ///
    /// # Errors
    ///
    /// [`Cause::Range`]; the mapping comes back.
    pub fn split_at(self, at: usize) -> Result<(Self, Self), Refused<Self>> {
        let Self { area, shape } = self;
        if at == 0 || at >= shape.len {
            return Self { area, shape }.split_at_end(at);
        }
        let place = shape.lead.saturating_add(at); // M1
        match area.split_at(place) {
            Ok((low, high)) => {
                let second = Shape {
                    lead: 0,
                    len: shape.len.saturating_sub(at),
                    offset: shape.offset.saturating_add(place as u64),
                    ..shape
                };
                let first = Shape { len: at, ..shape };
                Ok((Self::new(low, first), Self::new(high, second)))
            }
            Err((error, area)) => {
                let given = Self::new(area, shape);
                let error = in_bytes(Operation::Split, given.kind(), shape.lead, error);
                Err(Refused { error, given })
            }
        }
    }

    /// A cut at an end: one of the halves is empty.
    fn split_at_end(self, at: usize) -> Result<(Self, Self), Refused<Self>> {
        let shape = Shape { lead: 0, len: 0, ..self.shape };
        let nothing = Self::new(Area::empty(self.kind(), self.page_size()), shape);
        if at == 0 {
            Ok((nothing, self))
        } else if at == self.len() {
            Ok((self, nothing))
        } else {
            let outside = RangeError::EndsPastEnd { end: at as u64, len: self.len() as u64 };
            Err(Refused { error: range_error(Operation::Split, self.kind(), outside), given: self })
        }
    }

    /// Makes one mapping of two that lie one after the other, in memory and in the object: what
    /// [`split_at`](Self::split_at) undoes.
    ///
    /// # Errors
    ///
    /// [`Cause::NotAdjacent`]; both come back.
    pub fn merge(self, next: Self) -> Result<Self, Refused<(Self, Self)>> {
        if next.is_empty() {
            return Ok(self);
        }
        if self.is_empty() {
            return Ok(next);
        }
        let (first, second) = (self.shape, next.shape);
        let refused = |given: (Self, Self)| {
            let error = Error::new(Operation::Merge, given.0.kind(), Cause::NotAdjacent);
            Err(Refused { error, given })
        };
        let fills_its_pages = first.lead.saturating_add(first.len) == self.area.len();
        let goes_on = second.lead == 0
            && first.offset.checked_add(self.area.len() as u64) == Some(second.offset)
            && first.identity == second.identity
            && first.sharing == second.sharing;
        if !(fills_its_pages && goes_on) {
            return refused((self, next));
        }
        match self.area.join(next.area) {
            Ok(area) => {
                let len = first.len.saturating_add(second.len);
                Ok(Self::new(area, Shape { len, ..first }))
            }
            Err((low, high)) => refused((Self::new(low, first), Self::new(high, second))),
        }
    }

    /// Unmaps a range out of the middle, or at an end, and gives back what is left on both sides of it.
    ///
    /// # Errors
    ///
    /// [`Cause::Range`], [`Cause::MapCountLimit`] (a cut in the middle makes one mapping more): the mapping
    /// comes back whole.
    pub fn unmap_range(
        self,
        range: impl RangeBounds<usize>,
    ) -> Result<(Self, Self), Refused<Self>> {
        let Range { start, end } = match self.bytes(Operation::Unmap, &range) {
            Ok(bytes) => bytes,
            Err(error) => return Err(Refused { error, given: self }),
        };
        if let Err(error) = self.exactly(Operation::Unmap, &range) {
            return Err(Refused { error, given: self });
        }
        if start == end {
            let nothing = Self::empty(self.kind(), self.page_size());
            return Ok((self, nothing));
        }
        let (low, rest) = self.split_at(start)?;
        let (middle, high) = match rest.split_at(end.saturating_sub(start)) {
            Ok(halves) => halves,
            Err(Refused { error, given }) => return Err(again_whole(error, low, given)),
        };
        match middle.unmap() {
            Ok(()) => Ok((low, high)),
            Err(Refused { error, given }) => Err(match given.merge(high) {
                Ok(rest) => again_whole(error, low, rest),
                Err(Refused { given: (rest, _), .. }) => again_whole(error, low, rest),
            }),
        }
    }
}

/// What was split a moment ago is put together again, for the error's way back.
fn again_whole(error: Error, low: Mapping, rest: Mapping) -> Refused<Mapping> {
    match low.merge(rest) {
        Ok(given) => Refused { error, given },
        Err(Refused { given: (given, _), .. }) => Refused { error, given },
    }
}
