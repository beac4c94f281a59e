//! The pages of an owner, lent: all that can be asked of the kernel about them without changing a byte.

pub(crate) mod collapse;
pub(crate) mod held;
pub(crate) mod lock;
pub(crate) mod name;
pub(crate) mod node_set;
pub(crate) mod numa;
pub(crate) mod populate;
pub(crate) mod residency;
pub(crate) mod sync;
pub(crate) mod typed;

use crate::area::{Area, range_error};
use crate::error::{Error, ObjectKind, Operation, Result};
use crate::page::{PageRange, PageSize, RangeError, resolve_memory};
use core::ops::{Range, RangeBounds};

/// The pages of a mapping, a view or a reservation, borrowed from their owner.
///
/// Every operation here is harmless: it changes no byte and takes no access from anybody, so that every owner lends
/// its pages, also one that hands out a slice of them. What takes bytes or access away is a method of
/// [`Mapping`](crate::Mapping) and wants it alone.
///
/// Ranges are in bytes of the owner, and rounded outwards to pages.
#[derive(Clone, Copy, Debug)]
pub struct Pages<'owner> {
    pub(crate) area: &'owner Area,
    /// M1 of the owner: how many bytes of the first page come before its byte 0; `lead + len` is in the area.
    lead: usize,
    len: usize,
}

impl<'owner> Pages<'owner> {
    /// M1 is the owner's: `lead + len` is in the area.
    #[inline]
    pub(crate) const fn new(area: &'owner Area, lead: usize, len: usize) -> Self {
        Self { area, lead, len }
    }

    /// The size of the pages, huge ones from the pool included.
    #[must_use]
    pub const fn page_size(&self) -> PageSize {
        self.area.page_size()
    }

    /// How many pages there are.
    #[must_use]
    pub const fn count(&self) -> usize {
        self.area.whole().pages()
    }

    pub(crate) const fn kind(&self) -> ObjectKind {
        self.area.kind()
    }

    /// Bytes of the owner, checked.
    #[inline]
    pub(crate) fn bytes(
        &self,
        operation: Operation,
        bounds: &impl RangeBounds<usize>,
    ) -> Result<Range<usize>> {
        resolve_memory(bounds, self.len).map_err(|error| range_error(operation, self.kind(), error))
    }

    /// Every page that holds one of the bytes, counted from the start of the area.
    #[inline]
    pub(crate) fn covering(
        &self,
        operation: Operation,
        bounds: &impl RangeBounds<usize>,
    ) -> Result<PageRange> {
        let bytes = self.bytes(operation, bounds)?;
        if bytes.is_empty() {
            return Ok(PageRange::within(0..0, self.page_size()));
        }
        self.area
            .covering(self.in_area(bytes.start)..self.in_area(bytes.end))
            .map_err(|error| range_error(operation, self.kind(), error))
    }

    /// Pages whose bounds are these bytes, or the ends of the owner.
    #[inline]
    pub(crate) fn exactly(
        &self,
        operation: Operation,
        bounds: &impl RangeBounds<usize>,
    ) -> Result<PageRange> {
        let bytes = self.bytes(operation, bounds)?;
        if bytes.is_empty() {
            return Ok(PageRange::within(0..0, self.page_size()));
        }
        let start = if bytes.start == 0 { 0 } else { self.in_area(bytes.start) };
        let end = if bytes.end == self.len { self.area.len() } else { self.in_area(bytes.end) };
        self.area
            .exactly(start..end)
            .map_err(|error| in_bytes(operation, self.kind(), self.lead, error))
    }

    /// M1: a byte of the owner, or one past the last, is in the area.
    #[inline]
    pub(crate) const fn in_area(&self, byte: usize) -> usize {
        self.lead.saturating_add(byte)
    }

    /// An error of the area, in bytes of the owner.
    #[inline]
    pub(crate) fn told(&self, error: Error) -> Error {
        error.counted_from(self.lead)
    }
}

/// The error of a range in an area, with the number that the caller gave, who counts from `lead` bytes further on.
pub(crate) fn in_bytes(
    operation: Operation,
    kind: ObjectKind,
    lead: usize,
    error: RangeError,
) -> Error {
    let error = match error {
        RangeError::Unaligned { value, page } => {
            RangeError::Unaligned { value: value.saturating_sub(lead as u64), page }
        }
        other => other,
    };
    range_error(operation, kind, error)
}
