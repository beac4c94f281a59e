//! What every map is made of: a mapping, and how many of its bytes are the map's.
#![expect(unsafe_code, reason = "gives the advice that no type can make safe")]

use crate::advice::{About, Advice, UncheckedAdvice};
use crate::error::{bad_length, os, out_of_range};
use crate::remap::RemapOptions;
use core::ops::Range;
use mman::{Mapping, Protection, Sync};
use std::io;

/// A mapping of one byte at least. The kernel has no empty ones; a map of length 0 hides the byte.
pub(crate) struct Held {
    mapping: Mapping,
    /// H1: the length of the mapping, or 0 where that is 1. Not over `isize::MAX`.
    len: usize,
}

impl Held {
    /// H1 is the caller's: the mapping was made for so many bytes, or for one.
    pub(crate) const fn new(mapping: Mapping, len: usize) -> Self {
        Self { mapping, len }
    }

    #[inline]
    pub(crate) const fn as_ptr(&self) -> *const u8 {
        self.mapping.as_ptr()
    }

    #[inline]
    pub(crate) const fn as_mut_ptr(&mut self) -> *mut u8 {
        self.mapping.as_mut_ptr()
    }

    #[inline]
    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    /// The bytes of a call, if they are in the map.
    fn range(&self, offset: usize, len: usize) -> io::Result<Range<usize>> {
        match offset.checked_add(len) {
            Some(end) if end <= self.len => Ok(offset..end),
            _ => Err(out_of_range(offset, len, self.len)),
        }
    }

    /// All bytes of the pages that hold these, as far as they are in the mapping.
    fn whole_pages(&self, bytes: Range<usize>) -> Range<usize> {
        if bytes.is_empty() {
            return 0..0;
        }
        let page = self.mapping.page_size();
        let lead = page.offset_in_page(self.as_ptr().addr());
        let in_pages = |byte: usize| lead.saturating_add(byte);
        let start = page.round_down(in_pages(bytes.start)).saturating_sub(lead);
        let end = page.round_up(in_pages(bytes.end)).unwrap_or(usize::MAX).saturating_sub(lead);
        start..end.min(self.mapping.len())
    }

    pub(crate) fn advise(&self, advice: Advice, offset: usize, len: usize) -> io::Result<()> {
        let range = self.range(offset, len)?;
        match advice.about() {
            About::Pages(hint) => self.mapping.advise(range, hint).map_err(os),
            About::Children(advice) => {
                let pages = self.whole_pages(range);
                // SAFETY: nothing changes in this process; what a child lacks is the business of who forks.
                unsafe { self.mapping.advise_unchecked(pages, advice) }.map_err(os)
            }
        }
    }

    /// # Safety
    ///
    /// Nobody relies on what the advice takes away.
    pub(crate) unsafe fn unchecked_advise(
        &self,
        advice: UncheckedAdvice,
        offset: usize,
        len: usize,
    ) -> io::Result<()> {
        let pages = self.whole_pages(self.range(offset, len)?);
        // SAFETY: the caller's promise.
        unsafe { self.mapping.advise_unchecked(pages, advice.raw()) }.map_err(os)
    }

    pub(crate) fn sync(&self, offset: usize, len: usize, how: Sync) -> io::Result<()> {
        self.mapping.sync(self.range(offset, len)?, how).map_err(os)
    }

    /// Locks all pages until they are unlocked or unmapped.
    pub(crate) fn lock(&self) -> io::Result<()> {
        self.mapping.pages().lock(..self.len).map_err(os)?.keep();
        Ok(())
    }

    pub(crate) fn unlock(&self) -> io::Result<()> {
        self.mapping.pages().unlock(..self.len).map_err(os)
    }

    pub(crate) fn protect(&mut self, protection: Protection) -> io::Result<()> {
        self.mapping.protect(.., protection).map_err(os)
    }

    pub(crate) fn remap(&mut self, len: usize, options: RemapOptions) -> io::Result<()> {
        if isize::try_from(len).is_err() {
            return Err(bad_length("longer than any slice can be"));
        }
        self.mapping.resize(len.max(1), options.growth()).map_err(os)?;
        self.len = len; // H1
        Ok(())
    }
}
