//! Which ranges of their pools pages of typed memory are.

use crate::area::Area;
use crate::error::{Operation, Result};
use crate::mapping::Mapping;
use crate::object::typed;
use crate::pages::Pages;
use core::ops::{Range, RangeBounds};

impl Pages<'_> {
    /// Which ranges of the pool the bytes are, in bytes and in order: for another process, which maps them through a port of
    /// its own ([`TypedMemory::map`](crate::TypedMemory::map)). They stay allocated as long as somebody has them mapped, so
    /// it maps them before this mapping goes. Of what a view has lost it tells what was there.
    /// [posix_mem_offset](https://pubs.opengroup.org/onlinepubs/9799919799/functions/posix_mem_offset.html)
    ///
    /// ```
    /// use mman::TypedMemory;
    ///
    /// # let pools = mman_testkit::typed::Pools::new("pool shm kind=shm size=64M\nport /shm pool=shm");
    /// # pools.use_here();
    /// let block = TypedMemory::open("/shm")?.allocate(3 * 4096)?;
    /// let pieces = block.typed_pieces(4000..)?;
    /// let bytes: u64 = pieces.iter().map(|piece| piece.end - piece.start).sum();
    /// assert_eq!(bytes, 3 * 4096 - 4000);
    /// # Ok::<(), mman::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Cause::Range`](crate::Cause::Range); [`Cause::NotTyped`](crate::Cause::NotTyped) where a byte is no typed memory;
    /// [`Cause::PoolBusy`](crate::Cause::PoolBusy).
    pub fn typed_pieces(&self, range: impl RangeBounds<usize>) -> Result<Vec<Range<u64>>> {
        let bytes = self.bytes(Operation::Inspect, &range)?;
        let bytes = self.in_area(bytes.start)..self.in_area(bytes.end);
        pieces(Operation::Inspect, self.area, bytes).map_err(|error| self.told(error))
    }
}

impl Mapping {
    /// Which ranges of the pool the bytes are: see [`Pages::typed_pieces`].
    ///
    /// # Errors
    ///
    /// Those of [`Pages::typed_pieces`].
    pub fn typed_pieces(&self, range: impl RangeBounds<usize>) -> Result<Vec<Range<u64>>> {
        self.pages().typed_pieces(range)
    }
}

/// The ranges of bytes of an area.
pub(crate) fn pieces(
    operation: Operation,
    area: &Area,
    bytes: Range<usize>,
) -> Result<Vec<Range<u64>>> {
    let mut pieces = Vec::new();
    let mut at = bytes.start;
    while at < bytes.end {
        let left = bytes.end.saturating_sub(at);
        let found = mman_typed::offset(area.pointer(at).cast(), left);
        let found = found.map_err(|why| {
            typed::refused(operation, why).of(area.kind()).on(at as u64, left as u64)
        })?;
        pieces.push(found.offset..found.offset.saturating_add(found.len as u64));
        at = at.saturating_add(found.len.max(1));
    }
    Ok(pieces)
}
