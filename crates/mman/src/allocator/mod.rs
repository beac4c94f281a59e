//! The page allocator: pages out of a reservation, also inside a signal handler.
#![expect(unsafe_code, reason = "keeps its bits in an area, and empties pages that come back")]

mod bitmap;
mod run;

pub use run::PageRun;

use crate::area::{Area, Place, Request, range_error};
use crate::error::{Cause, Error, ObjectKind, Operation, Result};
use crate::explain::{self, Asked};
use crate::object::Backing;
use crate::page::{PageRange, PageSize, RangeError};
use crate::reserve::Reservation;
use bitmap::{Alignment, BITS, Bitmap};
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU64, Ordering};
use mman_sys::{Advice, MapFlags, Prot};

/// What happens to the memory of pages that are freed. Either way they read as zeros when they are next given out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OnFree {
    /// It goes back to the kernel: a call when pages are freed, and a fault at the next first touch.
    #[default]
    GiveBack,
    /// It stays, and zeros are written to it when it is freed (to pages that were never touched too): no call and
    /// no fault, but the memory is the process's until the allocator is dropped.
    Keep,
}

/// Gives out whole pages of a [`Reservation`], and takes any part of them back.
///
/// The memory is promised by the kernel when the allocator is made, and comes when it is touched. Pages are zeros when
/// they are given out, and go back to the kernel when they are freed (or stay: [`OnFree`]).
///
/// # In signal handlers
///
/// [`allocate`](Self::allocate), [`allocate_raw`](Self::allocate_raw), [`free_raw`](Self::free_raw) and dropping a
/// [`PageRun`] may be called inside a signal handler, also one that interrupts them in the same thread: they take no
/// lock, allocate nothing, use no thread-local and no `errno`, and do nothing but atomic steps on a bitmap and
/// `madvise`. They never wait for another thread: where one is stopped in the middle, only the pages that it was
/// about to take or to free are out of reach.
///
/// The handler reaches the allocator through a static:
///
/// ```
/// use mman::PageAllocator;
/// use std::sync::OnceLock;
///
/// static PAGES: OnceLock<PageAllocator> = OnceLock::new(); // `get` is one atomic load
///
/// let pages = PAGES.get_or_init(|| PageAllocator::new(1 << 20).expect("1 MiB"));
/// let mut run = pages.allocate(10_000)?; // rounded up to pages
/// run[..5].copy_from_slice(b"hello");
/// let page = run.len() / 3;
/// let (first, last) = run.free_range(page..2 * page)?; // the middle goes back
/// assert_eq!((&first[..5], last.len()), (&b"hello"[..], page));
/// # Ok::<(), mman::Error>(())
/// ```
///
/// # Forks
///
/// A child has its own copy, bits and pages both, of which nothing is shared. What another thread was about to take or
/// to free at the moment of the fork stays taken in the child: those pages are lost to it, and never given out twice.
#[derive(Debug)]
pub struct PageAllocator {
    /// L1: all of it is private anonymous memory, readable and writable, and nothing else is done to it while the
    /// allocator lives. A page whose bit is 0 reads as zeros and is nobody's; one whose bit is 1 belongs to whoever
    /// set it.
    space: Reservation,
    /// L2: mapped like `space`, long enough for `words` words, and reached through [`Self::bitmap`] only.
    bits: Area,
    words: usize,
    hint: AtomicU64,
    freed: AtomicU64,
    on_free: OnFree,
}

impl PageAllocator {
    /// An allocator for so many bytes, rounded up to pages, in address space of its own.
    ///
    /// # Errors
    ///
    /// [`Cause::Range`] for length 0; those of [`Reservation::new`] and [`Reservation::commit`].
    pub fn new(len: usize) -> Result<Self> {
        Self::over(Reservation::new(len)?)
    }

    /// An allocator for the pages of a reservation. What was placed or written there is dropped.
    ///
    /// # Errors
    ///
    /// [`Cause::Range`] for an empty one; those of [`Reservation::decommit`] and [`Reservation::commit`]. The
    /// reservation is dropped.
    pub fn from_reservation(mut space: Reservation) -> Result<Self> {
        if space.is_empty() {
            return Err(refused(Cause::Range(RangeError::Empty)));
        }
        space.decommit(..)?;
        Self::over(space)
    }

    /// The same allocator, which does this to the memory of pages that are freed.
    #[must_use]
    pub fn on_free(self, on_free: OnFree) -> Self {
        Self { on_free, ..self }
    }

    /// L1: nothing but held pages is in the reservation.
    fn over(mut space: Reservation) -> Result<Self> {
        let pages = space.area.whole().pages();
        let words = pages.div_ceil(BITS);
        let bits = map_words(words)?;
        space.commit(..)?;
        let (hint, freed) = (AtomicU64::new(0), AtomicU64::new(0));
        let allocator = Self { space, bits, words, hint, freed, on_free: OnFree::default() };
        // Pages that are no pages are never given out.
        if let Some(last) = allocator.bitmap().words.last() {
            let used = pages % BITS;
            let past = if used == 0 { 0 } else { !bitmap::ones(used) };
            last.store(past, Ordering::Release);
        }
        Ok(allocator)
    }

    fn bitmap(&self) -> Bitmap<'_, AtomicU64> {
        let start = self.bits.pointer(0).cast::<AtomicU64>();
        // SAFETY: L2: that many words are mapped as long as `self` lives, aligned to a page, zeros at first, and only
        // ever touched as atomics.
        let words = unsafe { core::slice::from_raw_parts(start, self.words) };
        Bitmap { words, hint: &self.hint, freed: &self.freed }
    }

    /// Gives out pages for so many bytes, rounded up: zeros, one after the other. First fit, from where the last
    /// search ended or a page was freed. May be called in a signal handler.
    ///
    /// # Errors
    ///
    /// [`Cause::Range`] for length 0. [`Cause::Exhausted`] where no run of free pages is so long: pages that
    /// somebody is about to take, or to free, at this moment count as taken. The search starts again where pages are
    /// freed behind it, eight times at most.
    pub fn allocate(&self, len: usize) -> Result<PageRun<'_>> {
        self.allocate_aligned(len, self.space.area.page_size())
    }

    /// As [`allocate`](Self::allocate), at an address that is a multiple of a page size.
    ///
    /// # Errors
    ///
    /// Those of [`allocate`](Self::allocate).
    pub fn allocate_aligned(&self, len: usize, alignment: PageSize) -> Result<PageRun<'_>> {
        // RUN1: the bits of these pages were just set by this call.
        self.take(len, alignment).map(|pages| PageRun::new(self, pages))
    }

    /// Gives out pages as an address, for allocators that keep addresses: zeros, nobody else's until they are
    /// freed, there as long as the allocator is. May be called in a signal handler.
    ///
    /// # Errors
    ///
    /// Those of [`allocate`](Self::allocate).
    pub fn allocate_raw(&self, len: usize) -> Result<NonNull<u8>> {
        let pages = self.take(len, self.space.area.page_size())?;
        let pointer = NonNull::new(self.space.area.pointer(pages.start()));
        pointer.ok_or_else(|| refused(Cause::Exhausted))
    }

    /// Frees pages, any part of what [`allocate_raw`](Self::allocate_raw) gave out, over the bounds of what were
    /// several allocations too. The length is rounded up to pages. May be called in a signal handler.
    ///
    /// # Errors
    ///
    /// [`Cause::Range`] where the address is no page boundary, or the pages are not this allocator's; nothing is
    /// freed.
    ///
    /// # Safety
    ///
    /// Every page was given out by `allocate_raw` of this allocator and not freed since, and nobody uses it any more.
    pub unsafe fn free_raw(&self, start: NonNull<u8>, len: usize) -> Result<()> {
        let area = &self.space.area;
        let outside = |error| range_error(Operation::Allocate, ObjectKind::Reservation, error);
        let (address, base) = (start.as_ptr().addr(), area.address());
        let at = address.checked_sub(base).ok_or_else(|| {
            outside(RangeError::StartsPastEnd { start: address as u64, len: area.len() as u64 })
        })?;
        let len = area.page_size().round_up(len).ok_or_else(|| outside(RangeError::Overflow))?;
        let end = at.checked_add(len).ok_or_else(|| outside(RangeError::Overflow))?;
        let pages = area.exactly(at..end).map_err(outside)?;
        // SAFETY: the caller's promise.
        unsafe { self.give_back(pages) };
        Ok(())
    }

    /// How many pages are free. Others may take and free pages while they are counted: a number for people.
    #[must_use]
    pub fn free_pages(&self) -> usize {
        self.bitmap().free_pages()
    }

    /// The length in bytes of the longest run of free pages. May be untrue before it is answered, as
    /// [`free_pages`](Self::free_pages) may.
    #[must_use]
    pub fn largest(&self) -> usize {
        self.bitmap().largest().saturating_mul(self.page_size().bytes())
    }

    /// The length in bytes of all pages, taken and free.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.space.area.len()
    }

    /// Whether it has no page at all: never.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.space.area.is_empty()
    }

    /// The size of its pages.
    #[must_use]
    pub const fn page_size(&self) -> PageSize {
        self.space.area.page_size()
    }

    /// Takes pages; the answer is theirs, counted from the start of the area.
    fn take(&self, len: usize, alignment: PageSize) -> Result<PageRange> {
        let page = self.page_size();
        if len == 0 {
            return Err(refused(Cause::Range(RangeError::Empty)));
        }
        let exhausted = refused(Cause::Exhausted);
        let count = page.round_up(len).ok_or(exhausted)? >> page.log2();
        let alignment = Alignment {
            base: self.space.address() >> page.log2(),
            pages: (alignment.bytes() >> page.log2()).max(1),
        };
        let first = self.bitmap().allocate(count, alignment).ok_or(exhausted)?;
        let start = first.saturating_mul(page.bytes());
        let end = start.saturating_add(count.saturating_mul(page.bytes()));
        Ok(PageRange::within(start..end, page))
    }

    /// Makes pages zeros and then free: in this order, for they are another's from then on.
    ///
    /// # Safety
    ///
    /// The pages are the caller's (L1), who has no reference to them and will not touch them again.
    unsafe fn give_back(&self, pages: PageRange) {
        if pages.is_empty() {
            return;
        }
        let area = &self.space.area;
        let emptied = match self.on_free {
            // SAFETY: nobody relies on the bytes any more, by the caller's promise.
            OnFree::GiveBack => unsafe { area.advise_unexplained(pages, Advice::DONTNEED) }.is_ok(),
            OnFree::Keep => false,
        };
        if !emptied {
            // To be kept; or locked, as all memory of a process after mlockall: then it is to stay.
            let start = area.pointer(pages.start());
            // SAFETY: writable memory of the area (L1), which the caller alone has.
            unsafe { start.write_bytes(0, pages.len()) };
        }
        let log2 = area.page_size().log2();
        self.bitmap().free(pages.start() >> log2..pages.end() >> log2);
    }
}

fn refused(cause: Cause) -> Error {
    Error::new(Operation::Allocate, ObjectKind::Reservation, cause)
}

/// Memory for the bits of pages.
fn map_words(words: usize) -> Result<Area> {
    let page = PageSize::base();
    let kind = ObjectKind::Anonymous;
    let too_long = Error::new(Operation::Map, kind, Cause::TooLong);
    let bytes = words.checked_mul(size_of::<AtomicU64>()).ok_or(too_long)?;
    let len = page.round_up(bytes).ok_or(too_long)?;
    let (prot, flags) = (Prot::READ | Prot::WRITE, MapFlags::PRIVATE | MapFlags::ANONYMOUS);
    let request = Request { kind, len, page, prot, flags, fd: -1, offset: 0 };
    // SAFETY: nothing is replaced, and there is no descriptor.
    unsafe { Area::map(request, Place::Anywhere) }.map_err(|why| {
        let asked = Asked { prot, flags, len, page: page.bytes(), fixed: None };
        explain::map(Operation::Map, kind, why.errno, asked, &Backing::Nothing)
    })
}
