//! Telling the kernel about pages: hints, which harm nothing, kept apart from what drops bytes.
#![expect(unsafe_code, reason = "offers the advice that no type can make safe")]

use crate::area::Area;
use crate::error::{Cause, Operation, Result};
use crate::mapping::Mapping;
use crate::page::PageRange;
use crate::pages::Pages;
use crate::pages::collapse;
use crate::pages::lock;
use core::ops::RangeBounds;
use mman_sys::{Advice, Errno};

/// Advice that changes no byte and takes no access. [madvise(2)](https://man7.org/linux/man-pages/man2/madvise.2.html)
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Hint {
    /// No special treatment.
    Normal,
    /// Access will be scattered: no read-ahead.
    Random,
    /// Access will be in order: read ahead far, drop behind.
    Sequential,
    /// Start reading in what is missing, without waiting; one window of read-ahead at most.
    WillNeed,
    /// Read in and map all pages, and say if that failed (5.14).
    PopulateRead,
    /// As `PopulateRead`, ready for writing: private pages are copied, shared ones made dirty (5.14).
    PopulateWrite,
    /// Reclaim these pages before others (5.4).
    Cold,
    /// Reclaim these pages now (5.4).
    PageOut,
    /// Transparent huge pages wanted.
    HugePages,
    /// Transparent huge pages not wanted.
    NoHugePages,
    /// Make huge pages of the range now (6.1), of the parts that are as long and as aligned as one.
    Collapse,
    /// Equal pages may be merged.
    Mergeable,
    /// Equal pages may not be merged.
    Unmergeable,
    /// Not in a core dump.
    NoDump,
    /// In a core dump.
    Dump,
}

impl Hint {
    const fn advice(self) -> Advice {
        match self {
            Self::Normal => Advice::NORMAL,
            Self::Random => Advice::RANDOM,
            Self::Sequential => Advice::SEQUENTIAL,
            Self::WillNeed => Advice::WILLNEED,
            Self::PopulateRead => Advice::POPULATE_READ,
            Self::PopulateWrite => Advice::POPULATE_WRITE,
            Self::Cold => Advice::COLD,
            Self::PageOut => Advice::PAGEOUT,
            Self::HugePages => Advice::HUGEPAGE,
            Self::NoHugePages => Advice::NOHUGEPAGE,
            Self::Collapse => Advice::COLLAPSE,
            Self::Mergeable => Advice::MERGEABLE,
            Self::Unmergeable => Advice::UNMERGEABLE,
            Self::NoDump => Advice::DONTDUMP,
            Self::Dump => Advice::DODUMP,
        }
    }
}

/// Advice that destroys bytes of the mapping, or of the object. [madvise(2)](https://man7.org/linux/man-pages/man2/madvise.2.html)
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Discard {
    /// Now. Private anonymous memory reads as zeros; a private file page reads from the file again; a shared
    /// mapping loses nothing, the object has the bytes.
    Now,
    /// As `Now`, locked pages too (5.18).
    NowLocked,
    /// When memory is short, unless written again before. Private anonymous memory only (4.5).
    WhenNeeded,
    /// Punches a hole in the object: everybody reads zeros. Shared writable mappings only.
    FromObject,
}

impl Discard {
    const fn advice(self) -> Advice {
        match self {
            Self::Now => Advice::DONTNEED,
            Self::NowLocked => Advice::DONTNEED_LOCKED,
            Self::WhenNeeded => Advice::FREE,
            Self::FromObject => Advice::REMOVE,
        }
    }
}

/// Gives a hint about pages of an area.
#[inline]
pub(crate) fn hint(area: &Area, pages: PageRange, hint: Hint) -> Result<()> {
    // SAFETY: a `Hint` destroys no byte and takes no access.
    unsafe { area.advise(Operation::Advise, pages, hint.advice()) }
}

/// Drops bytes of pages of an area, whose owner lends it alone.
pub(crate) fn discard(area: &mut Area, pages: PageRange, how: Discard) -> Result<()> {
    // SAFETY: the owner is borrowed alone, and hands out no reference to its bytes: nobody relies on them.
    unsafe { area.advise(Operation::Discard, pages, how.advice()) }
}

impl Pages<'_> {
    /// Gives the kernel a hint. The range is rounded outwards to pages.
    ///
    /// # Errors
    ///
    /// `EINVAL` where the kernel is not built with what the hint is about; with
    /// [`Hint::PopulateRead`] and [`Hint::PopulateWrite`] whatever kept a page from being there
    /// ([`populate`](Self::populate) explains it); with [`Hint::Collapse`]
    /// [`Cause::NoHugePage`], [`Cause::GroupLimit`],
    /// [`Cause::InUse`], [`Cause::NotCollapsible`]; with [`Hint::Cold`] and [`Hint::PageOut`] [`Cause::Locked`].
    #[inline]
    pub fn advise(&self, range: impl RangeBounds<usize>, about: Hint) -> Result<()> {
        let pages = self.covering(Operation::Advise, &range)?;
        hint(self.area, pages, about).map_err(|error| {
            let error = match (about, error.errno()) {
                (Hint::Collapse, _) => collapse::explained(error),
                (Hint::Cold | Hint::PageOut, Some(Errno::EINVAL))
                    if lock::any_locked(&self.area.addresses(pages)) =>
                {
                    error.because(Cause::Locked)
                }
                _ => error,
            };
            self.told(error)
        })
    }
}

impl Mapping {
    /// Gives the kernel a hint: see [`Pages::advise`].
    ///
    /// # Errors
    ///
    /// Those of [`Pages::advise`].
    #[inline]
    pub fn advise(&self, range: impl RangeBounds<usize>, about: Hint) -> Result<()> {
        self.pages().advise(range, about)
    }

    /// Drops bytes. The bounds are page boundaries, so that no neighbour is dropped with them.
    ///
    /// # Errors
    ///
    /// [`Cause::Range`]; `EINVAL` where this kind of memory cannot do it, or is locked.
    pub fn discard(&mut self, range: impl RangeBounds<usize>, how: Discard) -> Result<()> {
        let pages = self.exactly(Operation::Discard, &range)?;
        discard(&mut self.area, pages, how).map_err(|error| self.told(error))
    }

    /// Any advice, by the kernel's number. The bounds are page boundaries.
    ///
    /// # Errors
    ///
    /// What `madvise` answers.
    ///
    /// # Safety
    ///
    /// Who reaches the bytes through [`as_ptr`](Self::as_ptr) can live with what the advice does. `HWPOISON` and
    /// `SOFT_OFFLINE` take memory away from the whole machine.
    pub unsafe fn advise_unchecked(
        &self,
        range: impl RangeBounds<usize>,
        advice: Advice,
    ) -> Result<()> {
        let pages = self.exactly(Operation::Advise, &range)?;
        // SAFETY: the caller's promise.
        unsafe { self.area.advise(Operation::Advise, pages, advice) }
            .map_err(|error| self.told(error))
    }
}
