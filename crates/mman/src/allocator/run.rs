//! A run of pages that an allocator gave out: bytes, split and freed at any page.
#![expect(unsafe_code, reason = "lends the bytes of pages that it alone has")]

use super::PageAllocator;
use crate::area::range_error;
use crate::error::{ObjectKind, Operation, Refused, Result};
use crate::page::{PageRange, RangeError, resolve_memory};
use core::mem::ManuallyDrop;
use core::ops::{Deref, DerefMut, RangeBounds};

/// Pages of a [`PageAllocator`], freed when this is dropped: private memory that nobody else has.
///
/// ```
/// let pages = mman::PageAllocator::new(1 << 20)?;
/// let mut run = pages.allocate(4 * pages.page_size().bytes())?;
/// run.fill(7);
/// let (head, tail) = run.split_at(pages.page_size().bytes())?;
/// drop(head); // its page is free, and reads as zeros when it is given out again
/// assert!(tail.iter().all(|byte| *byte == 7));
/// # Ok::<(), mman::Error>(())
/// ```
#[derive(Debug)]
pub struct PageRun<'allocator> {
    owner: &'allocator PageAllocator,
    /// RUN1: counted from the start of the owner's area; the bits of these pages were set for this run alone.
    pages: PageRange,
}

impl<'allocator> PageRun<'allocator> {
    /// RUN1 is the caller's.
    pub(super) const fn new(owner: &'allocator PageAllocator, pages: PageRange) -> Self {
        Self { owner, pages }
    }

    /// The allocator that the pages go back to.
    #[must_use]
    pub const fn allocator(&self) -> &'allocator PageAllocator {
        self.owner
    }

    /// Two runs, cut before byte `at`, which is a page boundary; one of them may be empty.
    ///
    /// # Errors
    ///
    /// [`Cause::Range`](crate::Cause::Range); the run comes back.
    pub fn split_at(self, at: usize) -> Result<(Self, Self), Refused<Self>> {
        let middle = self.pages.start().saturating_add(at);
        match self.pages.split_at(middle) {
            Ok((low, high)) => {
                let owner = ManuallyDrop::new(self).owner;
                // RUN1: the halves are disjoint, and the whole is gone without being freed.
                Ok((Self::new(owner, low), Self::new(owner, high)))
            }
            Err(error) => {
                Err(Refused { error: in_run(Operation::Split, error, at, &self), given: self })
            }
        }
    }

    /// Frees a range of whole pages, out of the middle too, and gives back what is left on both sides of it.
    ///
    /// # Errors
    ///
    /// [`Cause::Range`](crate::Cause::Range), also for bounds that are no page boundaries; the run comes back whole.
    pub fn free_range(self, range: impl RangeBounds<usize>) -> Result<(Self, Self), Refused<Self>> {
        let page = self.pages.page_size();
        let found = resolve_memory(&range, self.len())
            .and_then(|bytes| PageRange::new(bytes.start, bytes.end, page));
        let freed = match found {
            Ok(freed) => freed,
            Err(error) => {
                let error = range_error(Operation::Allocate, ObjectKind::Reservation, error);
                return Err(Refused { error, given: self });
            }
        };
        let (low, rest) = self.split_at(freed.start())?;
        let (_freed_when_dropped, high) = rest.split_at(freed.len())?;
        Ok((low, high))
    }
}

/// The error of a cut at byte `at` of a run.
fn in_run(operation: Operation, error: RangeError, at: usize, run: &PageRun<'_>) -> crate::Error {
    let error = match error {
        RangeError::Unaligned { page, .. } => RangeError::Unaligned { value: at as u64, page },
        _outside => RangeError::EndsPastEnd { end: at as u64, len: run.len() as u64 },
    };
    range_error(operation, ObjectKind::Reservation, error)
}

impl Deref for PageRun<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        let start = self.owner.space.area.pointer(self.pages.start());
        // SAFETY: RUN1 and the owner's L1: readable memory, initialized (zeros at first), that this run alone has, for
        // as long as the run lives; nobody writes while it is lent.
        unsafe { core::slice::from_raw_parts(start, self.pages.len()) }
    }
}

impl DerefMut for PageRun<'_> {
    fn deref_mut(&mut self) -> &mut [u8] {
        let start = self.owner.space.area.pointer(self.pages.start());
        // SAFETY: as for `deref`, writable, and the run is borrowed alone.
        unsafe { core::slice::from_raw_parts_mut(start, self.pages.len()) }
    }
}

impl Drop for PageRun<'_> {
    fn drop(&mut self) {
        // SAFETY: RUN1, and the run is gone.
        unsafe { self.owner.give_back(self.pages) };
    }
}
