//! Which pages are taken: one bit each, claimed and freed by atomic steps alone.
//!
//! A set bit is a taken page. The words are all the state there is: whoever turns a bit from 0 to 1 owns the page
//! until it turns the bit back. So a word that went through other values and came back (ABA) is no danger: that its
//! bits are 0 *now* is all that a claim needs to know.
//!
//! A run over several words is claimed word by word, upwards. A word that somebody else was faster in ends the
//! claim: what was claimed below is freed again, and the search goes on behind that page. Nobody ever waits for
//! anybody, so a signal handler may interrupt every step and take every step itself.

use crate::atomic_word::AtomicWord;
use core::ops::Range;
use core::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};

/// Pages in a word.
pub(super) const BITS: usize = 64;

/// How often a search starts again because pages were freed behind its back.
const PASSES: usize = 8;

/// Where a run may begin: where the page, counted from address 0, is a multiple.
#[derive(Clone, Copy, Debug)]
pub(super) struct Alignment {
    /// Page number of page 0 of the bitmap.
    pub(super) base: usize,
    /// A power of two, in pages.
    pub(super) pages: usize,
}

impl Alignment {
    /// The first page from `page` on where a run may begin.
    fn at_or_after(self, page: usize) -> Option<usize> {
        let mask = self.pages.wrapping_sub(1);
        let number = self.base.checked_add(page)?.checked_add(mask)? & !mask;
        Some(number.wrapping_sub(self.base)) // not below `page`
    }
}

/// The bits, and two numbers beside them that make it fast.
pub(super) struct Bitmap<'words, W> {
    /// Bits past the last page are set, and never cleared.
    pub(super) words: &'words [W],
    /// Where the next search begins.
    pub(super) hint: &'words W,
    /// How often bits were cleared, so that a search that found nothing knows whether it looked too early.
    pub(super) freed: &'words W,
}

impl<W: AtomicWord> Bitmap<'_, W> {
    /// How many bits there are.
    const fn len(&self) -> usize {
        self.words.len().saturating_mul(BITS)
    }

    /// Takes `count` pages in a row, and answers the first; `None` where there is no such run.
    pub(super) fn allocate(&self, count: usize, alignment: Alignment) -> Option<usize> {
        for _ in 0..PASSES {
            let freed = self.freed.load(Acquire);
            let hint = usize::try_from(self.hint.load(Acquire)).unwrap_or(0).min(self.len());
            let around = hint.saturating_add(count).min(self.len());
            let found = self
                .search(hint..self.len(), count, alignment)
                .or_else(|| self.search(0..around, count, alignment));
            if let Some(start) = found {
                self.hint.store(start.saturating_add(count) as u64, Relaxed);
                return found;
            }
            if self.freed.load(Acquire) == freed {
                return None;
            }
        }
        None
    }

    /// Frees pages that the caller owns.
    pub(super) fn free(&self, pages: Range<usize>) {
        self.clear(pages.clone());
        if (pages.start as u64) < self.hint.load(Acquire) {
            self.hint.store(pages.start as u64, Relaxed);
        }
    }

    /// How many pages are free.
    pub(super) fn free_pages(&self) -> usize {
        let free = |word: &W| word.load(Acquire).count_zeros() as usize;
        self.words.iter().map(free).fold(0, usize::saturating_add)
    }

    /// The longest run of free pages.
    pub(super) fn largest(&self) -> usize {
        let mut longest = 0;
        let mut at = 0;
        while let Some(start) = self.next(at..self.len(), |word| !word) {
            let end = self.next(start..self.len(), |word| word).unwrap_or(self.len());
            longest = longest.max(end.saturating_sub(start));
            at = end;
        }
        longest
    }

    /// Takes the first run in a range.
    fn search(&self, range: Range<usize>, count: usize, alignment: Alignment) -> Option<usize> {
        let mut at = range.start;
        loop {
            let free = self.next(at..range.end, |word| !word)?;
            let start = alignment.at_or_after(free)?;
            let end = start.checked_add(count).filter(|end| *end <= range.end)?;
            let taken = match self.next(start..end, |word| word) {
                Some(taken) => taken,
                None => match self.claim(start..end) {
                    Ok(()) => return Some(start),
                    Err(taken) => taken,
                },
            };
            at = taken.saturating_add(1);
        }
    }

    /// The first page of a range whose bit is set in what `of` makes of the words.
    fn next(&self, range: Range<usize>, of: impl Fn(u64) -> u64) -> Option<usize> {
        masks(range).find_map(|(index, mask)| {
            let found = of(self.words.get(index)?.load(Acquire)) & mask;
            (found != 0).then(|| first_of(index).saturating_add(found.trailing_zeros() as usize))
        })
    }

    /// Takes pages, all or none; the error is one that is taken.
    fn claim(&self, pages: Range<usize>) -> Result<(), usize> {
        for (index, mask) in masks(pages.clone()) {
            if let Err(taken) = self.claim_in(index, mask) {
                let mine = pages.start..first_of(index);
                if !mine.is_empty() {
                    self.clear(mine);
                }
                let last = u64::BITS.wrapping_sub(1).wrapping_sub(taken.leading_zeros());
                return Err(first_of(index).saturating_add(last as usize));
            }
        }
        Ok(())
    }

    /// Takes bits of one word, all or none; the error is those that are taken.
    fn claim_in(&self, index: usize, mask: u64) -> Result<(), u64> {
        let word = self.words.get(index).ok_or(mask)?;
        let mut seen = word.load(Acquire);
        while seen & mask == 0 {
            match word.compare_exchange(seen, seen | mask, AcqRel, Acquire) {
                Ok(_) => return Ok(()),
                Err(now) => seen = now, // somebody else took or freed pages of this word
            }
        }
        Err(seen & mask)
    }

    /// Clears the bits of pages, and counts that.
    fn clear(&self, pages: Range<usize>) {
        for (index, mask) in masks(pages) {
            if let Some(word) = self.words.get(index) {
                word.fetch_and(!mask, AcqRel);
            }
        }
        self.freed.fetch_add(1, AcqRel);
    }
}

/// The first page of a word.
const fn first_of(index: usize) -> usize {
    index.saturating_mul(BITS)
}

/// The words that hold the bits of pages, upwards, each with those bits set.
fn masks(pages: Range<usize>) -> impl Iterator<Item = (usize, u64)> {
    let words = pages.start / BITS..pages.end.div_ceil(BITS);
    words.map(move |index| {
        let first = first_of(index);
        let from = pages.start.saturating_sub(first);
        let to = pages.end.saturating_sub(first);
        (index, ones(to) & !ones(from))
    })
}

/// So many bits from bit 0 on.
#[expect(clippy::cast_possible_truncation, reason = "at most 64")]
pub(super) const fn ones(count: usize) -> u64 {
    if count >= BITS { u64::MAX } else { !u64::MAX.unbounded_shl(count as u32) }
}

#[cfg(test)]
mod tests;
