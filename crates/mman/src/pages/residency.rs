//! What of a mapping is in memory.
#![expect(unsafe_code, reason = "lets the kernel fill buffers of its own about pages of an area")]

use crate::error::{Operation, Result};
use crate::mapping::Mapping;
use crate::object::{FileObject, MemoryObject};
use crate::options::MapOptions;
use crate::page::{PageRange, PageSize};
use crate::pages::Pages;
use core::ops::{Range, RangeBounds};
use mman_sys as sys;
use mman_sys::Errno;
use std::os::fd::AsFd;

/// Which pages of a range were in memory when it was asked. [mincore(2)](https://man7.org/linux/man-pages/man2/mincore.2.html)
///
/// ```
/// use mman::Anonymous;
///
/// let memory = Anonymous::new(4 * 4096).map()?;
/// memory.write_at(2 * 4096, b"x")?;
/// let residency = memory.pages().residency(..)?;
/// assert_eq!((residency.count(), residency.pages()), (1, 4));
/// assert!(residency.is_resident(2) && !residency.is_resident(0));
/// assert_eq!(residency.runs().collect::<Vec<_>>(), [8192..12_288]);
/// # Ok::<(), mman::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Residency {
    /// Bit `i % 64` of word `i / 64` for page `i` of the range.
    bits: Vec<u64>,
    pages: usize,
    page: PageSize,
    /// The bytes that were asked about, of the owner.
    bytes: Range<usize>,
    /// How many bytes of page 0 come before the first of them.
    before: usize,
}

impl Residency {
    /// How many pages were asked about: all that hold a byte of the range.
    #[must_use]
    pub const fn pages(&self) -> usize {
        self.pages
    }

    /// The size of the pages.
    #[must_use]
    pub const fn page_size(&self) -> PageSize {
        self.page
    }

    /// How many of them were in memory.
    #[must_use]
    pub fn count(&self) -> usize {
        self.bits.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Whether a page was in memory; page 0 is the one of the first byte of the range. `false` past the last.
    #[must_use]
    pub fn is_resident(&self, index: usize) -> bool {
        let word = self.bits.get(index >> 6).copied().unwrap_or(0);
        word >> (index & 63) & 1 == 1
    }

    fn set(&mut self, index: usize) {
        if let Some(word) = self.bits.get_mut(index >> 6) {
            *word |= 1 << (index & 63);
        }
    }

    /// The bytes of the range that were in memory, as long as they go on: in bytes of the owner, in order.
    pub fn runs(&self) -> impl Iterator<Item = Range<usize>> {
        let mut next = 0_usize;
        core::iter::from_fn(move || {
            let start = (next..self.pages).find(|index| self.is_resident(*index))?;
            let end = (start..self.pages).find(|index| !self.is_resident(*index));
            let end = end.unwrap_or(self.pages);
            next = end;
            Some(self.byte_of(start)..self.byte_of(end))
        })
    }

    /// The first byte of the range in a page, or the end of the range.
    fn byte_of(&self, index: usize) -> usize {
        let from_first = (index << self.page.log2()).saturating_sub(self.before);
        self.bytes.start.saturating_add(from_first).min(self.bytes.end)
    }
}

impl Pages<'_> {
    /// Which pages of the range are in memory now. Rounded outwards to pages.
    ///
    /// For a file it tells what is in the page cache, whoever brought it there, and for anonymous memory what was
    /// touched and not swapped out. It takes a bit for each page: [`resident`](Self::resident) only counts.
    ///
    /// Since Linux 5.2 the kernel lies about a file that the caller neither owns nor may write to: all of it is said
    /// to be in memory. [`FileObject::residency_is_visible`] tells whether that is so.
    ///
    /// # Errors
    ///
    /// [`Cause::Range`](crate::Cause::Range); what `mincore` answers.
    pub fn residency(&self, range: impl RangeBounds<usize>) -> Result<Residency> {
        let bytes = self.bytes(Operation::Residency, &range)?;
        let pages = self.covering(Operation::Residency, &bytes)?;
        let page = self.page_size();
        let count = pages.pages();
        let first = self.in_area(bytes.start);
        let mut residency = Residency {
            bits: vec![0; count.div_ceil(64)],
            pages: count,
            page,
            before: first.saturating_sub(pages.start()),
            bytes,
        };
        self.each_resident(pages, |at| {
            residency.set(at.saturating_sub(pages.start()) >> page.log2());
        })?;
        Ok(residency)
    }

    /// How many bytes of the range are in memory now: see [`residency`](Self::residency). It asks piece by piece, and
    /// needs no room however long the range is.
    ///
    /// # Errors
    ///
    /// Those of [`residency`](Self::residency).
    pub fn resident(&self, range: impl RangeBounds<usize>) -> Result<usize> {
        let bytes = self.bytes(Operation::Residency, &range)?;
        let pages = self.covering(Operation::Residency, &bytes)?;
        let (first, end) = (self.in_area(bytes.start), self.in_area(bytes.end));
        let page = PageSize::base().bytes();
        let mut count = 0_usize;
        self.each_resident(pages, |at| {
            let part = at.max(first)..at.saturating_add(page).min(end);
            count = count.saturating_add(part.len());
        })?;
        Ok(count)
    }

    /// Calls `each` with where in the area each page of the machine's size begins that is in memory.
    fn each_resident(&self, pages: PageRange, mut each: impl FnMut(usize)) -> Result<()> {
        /// One call asks about so many pages: as many as the kernel looks at in one go.
        const PIECE: usize = 4096;
        let base = PageSize::base();
        let mut answers = [0_u8; PIECE];
        let mut at = pages.start();
        while at < pages.end() {
            let end = at.saturating_add(PIECE << base.log2()).min(pages.end());
            let piece = PageRange::within(at..end, base);
            let vector = answers.as_mut_ptr();
            let asked = self.area.ask(piece, |start, len| {
                // SAFETY: the buffer has a byte for each page of a piece.
                unsafe { sys::mincore(start, len, vector) }
            });
            match asked {
                Ok(()) => {}
                Err(Errno::EAGAIN) => continue,
                Err(errno) => {
                    return Err(self.told(self.area.error(Operation::Residency, piece, errno)));
                }
            }
            for answer in answers.iter().take(piece.pages()) {
                if answer & 1 == 1 {
                    each(at);
                }
                at = at.saturating_add(base.bytes());
            }
        }
        Ok(())
    }
}

impl<F: AsFd> FileObject<F> {
    /// Whether the kernel tells the truth about which pages of this file are in memory.
    ///
    /// Since Linux 5.2 it tells that only to who owns the file or may write to it, and says to everybody else that
    /// all of it is: `mincore` cannot say "I will not tell". So it is asked about a page past the end, which
    /// nobody can have in memory.
    ///
    /// # Errors
    ///
    /// Those of [`MapOptions::map`]. Nothing past the end can be mapped where that is past what the file system can
    /// hold.
    pub fn residency_is_visible(&self) -> Result<bool> {
        /// Far enough that the file does not grow to there meanwhile.
        const BEYOND: u64 = 1 << 30;
        let at = self.size()?.unwrap_or(0).saturating_add(BEYOND);
        let options = MapOptions::shared().range(at..at.saturating_add(1)).past_end().no_reserve();
        let probe: Mapping = options.map(self)?;
        Ok(probe.pages().resident(..)? == 0)
    }
}
