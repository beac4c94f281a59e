//! The owner of pages of the address space: the one place where a range becomes a call on memory.
//!
//! Mappings and reservations are made of one [`Area`]. Everything the kernel is asked to do to their memory
//! goes through the methods here, each of which takes a [`PageRange`] and checks that it lies in the area.
//!
//! Typed memory is allocated and given back by what is mapped, so calls that map it, take it away or move it go through
//! the book of `mman-typed` (`area/calls.rs`).
#![expect(unsafe_code, reason = "makes the memory calls, on memory that the area owns")]

mod calls;
mod moves;

use crate::error::{Cause, Error, ObjectKind, Operation, Refused, Result};
use crate::explain::{self, Touched};
use crate::object::typed;
use crate::page::{PageRange, PageSize, RangeError};
use core::ffi::c_void;
use core::ops::Range;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicUsize, Ordering};
use mman_sys as sys;
use mman_sys::{Advice, Errno, MapFlags, Prot, RawFd, RemapFlags, SyncFlags};
use mman_typed::Failure;

/// Bytes of address space that could not be unmapped and are kept: see [`crate::leaked`].
static LEAKED: AtomicUsize = AtomicUsize::new(0);

/// See [`crate::leaked`].
pub(crate) fn leaked() -> usize {
    LEAKED.load(Ordering::Relaxed)
}

/// Pages of the address space that have one owner.
///
/// - A1: every page of `pages` was mapped for this area by a call of this file, nobody else unmaps or replaces
///   it, and no Rust reference into it was made by this crate.
/// - A2: `start` is the address `pages.start()`, with the provenance of the mapping. An empty area maps nothing
///   and makes no calls.
/// - A3: where a page of it is typed memory, `holds_typed` says so: it was mapped as such, or moved in.
#[derive(Debug)]
pub(crate) struct Area {
    start: NonNull<c_void>,
    pages: PageRange,
    kind: ObjectKind,
    holds_typed: bool,
}

// SAFETY: an area is numbers; the memory it owns belongs to the process, not to a thread (A1), and no method
// forms a reference into it.
unsafe impl Send for Area {}
// SAFETY: as above; what two threads do through `&Area` at once the kernel puts in an order.
unsafe impl Sync for Area {}

/// What is to be mapped: the arguments of mmap without the address.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request {
    pub(crate) kind: ObjectKind,
    /// Length in bytes: whole pages, not 0.
    pub(crate) len: usize,
    pub(crate) page: PageSize,
    pub(crate) prot: Prot,
    /// Never with `FIXED`: where it goes is said by [`Place`].
    pub(crate) flags: MapFlags,
    /// Owned by somebody who outlives the call; -1 for none.
    pub(crate) fd: RawFd,
    pub(crate) offset: u64,
}

/// Where a new mapping goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Where the kernel likes.
    Anywhere,
    /// Near this address if it is free.
    Hint(usize),
    /// At this address, which must be free.
    Exactly(usize),
    /// At this address, whatever is there: whoever says this answers for what is lost.
    Replacing(usize),
}

impl Area {
    /// An area without a page.
    pub(crate) const fn empty(kind: ObjectKind, page: PageSize) -> Self {
        let pages = PageRange::within(0..0, page);
        Self { start: NonNull::dangling(), pages, kind, holds_typed: false }
    }

    /// Maps.
    ///
    /// # Safety
    ///
    /// With [`Place::Replacing`], the caller owns what is at the address. `request.fd` is -1, or open while
    /// this runs.
    pub(crate) unsafe fn map(request: Request, place: Place) -> Result<Self, Failure> {
        let (address, flags) = match place {
            Place::Anywhere => (0, MapFlags::empty()),
            Place::Hint(address) => (address, MapFlags::empty()),
            Place::Exactly(address) => (address, MapFlags::FIXED_NOREPLACE),
            Place::Replacing(address) => (address, MapFlags::FIXED),
        };
        let request = Request { flags: request.flags | flags, ..request };
        let is_typed = request.kind == ObjectKind::TypedMemory;
        let replaces_typed =
            matches!(place, Place::Replacing(_)) && mman_typed::may_be_in(address, request.len);
        // SAFETY: the caller's promise.
        let start = unsafe { calls::map(&request, address, is_typed || replaces_typed) }?;
        let area = Self::of(start, &request)?;
        match place {
            // Kernels before 4.17 take FIXED_NOREPLACE for a hint: what they gave is given back.
            Place::Exactly(wanted) if wanted != area.address() => Err(calls::kernel(Errno::EEXIST)),
            _ => Ok(area),
        }
    }

    /// The area of what the kernel just mapped.
    fn of(start: *mut c_void, request: &Request) -> Result<Self, Failure> {
        let Request { kind, len, page, .. } = *request;
        let holds_typed = kind == ObjectKind::TypedMemory;
        let end = start.addr().checked_add(len);
        let pages = end.and_then(|end| PageRange::new(start.addr(), end, page).ok());
        let (Some(pages), Some(start)) = (pages, NonNull::new(start)) else {
            // Address 0, or pages of another size than was asked for: nothing that an area can be.
            // SAFETY: just mapped, and nobody knows of it.
            let _gone = unsafe { calls::unmap(start, len, holds_typed) };
            return Err(calls::kernel(Errno::EINVAL));
        };
        // A1 holds: the kernel just gave us these pages.
        Ok(Self { start, pages, kind, holds_typed })
    }

    /// Maps over an address without asking the book of typed memory, which takes a lock: for signal handlers. Typed memory
    /// that was there stays in the book for these addresses, so nobody else is given it, until their owner unmaps them.
    ///
    /// # Safety
    ///
    /// The caller owns what is at the address, and the pages stay their area's. There is no descriptor in the request.
    pub(crate) unsafe fn map_over(request: Request, address: usize) -> Result<(), Errno> {
        let request = Request { flags: request.flags | MapFlags::FIXED, ..request };
        // SAFETY: the caller's promise.
        unsafe { calls::map_plainly(&request, address) }.map(drop)
    }

    pub(crate) const fn kind(&self) -> ObjectKind {
        self.kind
    }

    pub(crate) const fn page_size(&self) -> PageSize {
        self.pages.page_size()
    }

    pub(crate) const fn len(&self) -> usize {
        self.pages.len()
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.pages.is_empty()
    }

    pub(crate) const fn address(&self) -> usize {
        self.pages.start()
    }

    /// The address of byte `at`, which may be one past the last.
    #[inline]
    pub(crate) const fn pointer(&self, at: usize) -> *mut u8 {
        debug_assert!(at <= self.len(), "an offset in the area");
        self.start.cast::<u8>().as_ptr().wrapping_add(at)
    }

    /// The whole area as offsets from its start.
    #[inline]
    pub(crate) const fn whole(&self) -> PageRange {
        PageRange::within(0..self.len(), self.page_size())
    }

    /// Pages at offsets in the area; bounds must be page boundaries.
    #[inline]
    pub(crate) fn exactly(&self, bytes: Range<usize>) -> Result<PageRange, RangeError> {
        let pages = PageRange::new(bytes.start, bytes.end, self.page_size())?;
        self.checked(pages)
    }

    /// Pages at offsets in the area that hold every one of the bytes.
    #[inline]
    pub(crate) fn covering(&self, bytes: Range<usize>) -> Result<PageRange, RangeError> {
        self.checked(PageRange::covering(bytes, self.page_size())?)
    }

    #[inline]
    fn checked(&self, pages: PageRange) -> Result<PageRange, RangeError> {
        if self.whole().contains(pages) {
            Ok(pages)
        } else {
            Err(RangeError::EndsPastEnd { end: pages.end() as u64, len: self.len() as u64 })
        }
    }

    pub(crate) fn error(&self, operation: Operation, pages: PageRange, errno: Errno) -> Error {
        self.error_for(operation, pages, pages.len(), errno)
    }

    /// The error of a call that would have made the pages so long.
    fn error_for(&self, operation: Operation, pages: PageRange, len: usize, errno: Errno) -> Error {
        let addresses = self.addresses(pages);
        let touched = Touched { addresses, at: pages.start(), len };
        explain::range(operation, self.kind, errno, &touched)
            .on(pages.start() as u64, pages.len() as u64)
    }

    /// The error of a call that the kernel or the book of typed memory refused.
    fn refused(&self, operation: Operation, pages: PageRange, len: usize, why: Failure) -> Error {
        match typed::cause(why, self.page_size()) {
            None => self.error_for(operation, pages, len, why.errno),
            Some(cause) => Error::kernel(operation, self.kind, why.errno)
                .because(cause)
                .on(pages.start() as u64, pages.len() as u64),
        }
    }

    /// Start and length of pages for a call; `None` where there is nothing to call for.
    #[inline]
    fn arguments(&self, pages: PageRange) -> Option<(*mut c_void, usize)> {
        debug_assert!(self.whole().contains(pages), "pages of the area");
        (!pages.is_empty()).then(|| (self.pointer(pages.start()).cast(), pages.len()))
    }

    #[inline]
    pub(crate) fn protect(
        &mut self,
        operation: Operation,
        pages: PageRange,
        prot: Prot,
    ) -> Result<()> {
        let Some((start, len)) = self.arguments(pages) else { return Ok(()) };
        if prot.without(Prot::GROWSDOWN | Prot::GROWSUP) != prot {
            // They would go on to the end of what the kernel counts as one mapping, which may be another's.
            return Err(Error::new(operation, self.kind, Cause::UnknownFlag));
        }
        // SAFETY: pages of ours (A1), into which nobody has a reference.
        unsafe { sys::mprotect(start, len, prot) }
            .map_err(|errno| self.error(operation, pages, errno))
    }

    /// As [`Area::protect`], and gives the pages a protection key.
    pub(crate) fn protect_by_key(&mut self, pages: PageRange, prot: Prot, key: i32) -> Result<()> {
        let Some((start, len)) = self.arguments(pages) else { return Ok(()) };
        if prot.without(Prot::GROWSDOWN | Prot::GROWSUP) != prot {
            return Err(Error::new(Operation::Key, self.kind, Cause::UnknownFlag));
        }
        // SAFETY: pages of ours (A1), into which nobody has a reference.
        unsafe { sys::pkey_mprotect(start, len, prot, key) }
            .map_err(|errno| self.error(Operation::Key, pages, errno))
    }

    /// Makes a call about pages that changes no byte and takes no access: one that `mman_sys` holds to be safe for
    /// memory. The error has yet to be explained.
    #[inline]
    pub(crate) fn ask(
        &self,
        pages: PageRange,
        call: impl FnOnce(*mut c_void, usize) -> Result<(), Errno>,
    ) -> Result<(), Errno> {
        match self.arguments(pages) {
            Some((start, len)) => call(start, len),
            None => Ok(()),
        }
    }

    /// The addresses of pages.
    pub(crate) const fn addresses(&self, pages: PageRange) -> Range<usize> {
        let start = self.address().saturating_add(pages.start());
        start..start.saturating_add(pages.len())
    }

    /// Seals all pages: whoever has them afterwards cannot unmap, move or protect them.
    pub(crate) fn seal(&mut self) -> Result<()> {
        let Some((start, len)) = self.arguments(self.whole()) else { return Ok(()) };
        // SAFETY: pages of ours (A1); no byte changes, and no access.
        unsafe { sys::mseal(start, len, 0) }
            .map_err(|errno| self.error(Operation::Seal, self.whole(), errno))
    }

    pub(crate) fn sync(&self, pages: PageRange, flags: SyncFlags) -> Result<()> {
        let Some((start, len)) = self.arguments(pages) else { return Ok(()) };
        sys::msync(start, len, flags).map_err(|errno| self.error(Operation::Sync, pages, errno))
    }

    /// Advice that destroys no bytes and takes no access: the caller's choice of `operation` says that it knows.
    ///
    /// # Safety
    ///
    /// For advice that destroys bytes or takes access, nobody relies on them: see [`sys::madvise`].
    #[inline]
    pub(crate) unsafe fn advise(
        &self,
        operation: Operation,
        pages: PageRange,
        advice: Advice,
    ) -> Result<()> {
        // SAFETY: the caller's promise.
        unsafe { self.advise_unexplained(pages, advice) }
            .map_err(|errno| self.error(operation, pages, errno))
    }

    /// As [`Area::advise`], for a signal handler: nobody looks for the cause of an error.
    ///
    /// # Safety
    ///
    /// That of [`Area::advise`].
    #[inline]
    pub(crate) unsafe fn advise_unexplained(
        &self,
        pages: PageRange,
        advice: Advice,
    ) -> Result<(), Errno> {
        let Some((start, len)) = self.arguments(pages) else { return Ok(()) };
        // SAFETY: pages of ours (A1); for the rest see the caller's promise.
        unsafe { sys::madvise(start, len, advice) }
    }

    /// Makes pages of the area hold nothing again; they stay the area's.
    ///
    /// The kernel checks all that it can refuse before it takes away what was there: it is asked for no file, no
    /// huge page and no promise of memory. What else is to come here goes by [`Area::move_over`].
    pub(crate) fn empty_pages(&mut self, pages: PageRange, held: Request) -> Result<()> {
        let Some((start, len)) = self.arguments(pages) else { return Ok(()) };
        debug_assert!(held.fd < 0 && held.prot == Prot::NONE && held.len == len, "holds nothing");
        let place = Place::Replacing(start.addr());
        let emptied = if self.holds_typed {
            // SAFETY: what is replaced is ours (A1), and there is no descriptor.
            unsafe { Self::map(held, place) }.map(|part| {
                part.into_pages(); // they stay this area's
            })
        } else {
            // SAFETY: as above; no page of it is typed memory (A3).
            unsafe { Self::map_over(held, start.addr()) }.map_err(calls::kernel)
        };
        emptied.map_err(|why| self.refused(Operation::Decommit, pages, len, why))
    }

    /// Gives the area up without unmapping: its pages have another owner from here on.
    pub(crate) fn into_pages(self) -> PageRange {
        let pages = self.pages;
        #[expect(clippy::mem_forget, reason = "dropping would unmap what another area owns now")]
        core::mem::forget(self);
        pages
    }

    /// Gives the area up for good: it stays mapped until the process ends. Answers the address of its first byte.
    pub(crate) fn leak(self) -> *mut u8 {
        let start = self.pointer(0);
        self.into_pages();
        start
    }

    /// Two areas out of one. `at` is a page boundary in the area.
    pub(crate) fn split_at(self, at: usize) -> Result<(Self, Self), (RangeError, Self)> {
        let Some(middle) = self.address().checked_add(at) else {
            return Err((RangeError::Overflow, self));
        };
        let (low, high) = match self.pages.split_at(middle) {
            Ok(halves) => halves,
            Err(RangeError::Unaligned { page, .. }) => {
                return Err((RangeError::Unaligned { value: at as u64, page }, self));
            }
            Err(_outside) => {
                let error = RangeError::EndsPastEnd { end: at as u64, len: self.len() as u64 };
                return Err((error, self));
            }
        };
        let (start, kind, holds_typed) = (self.start, self.kind, self.holds_typed);
        let second = NonNull::new(self.pointer(at).cast()).unwrap_or(NonNull::dangling());
        self.into_pages();
        // A1: the two halves are disjoint and together what the whole was.
        let low = Self { start, pages: low, kind, holds_typed };
        Ok((low, Self { start: second, pages: high, kind, holds_typed }))
    }

    /// One area out of two neighbours, `self` before `next`; given back as they are where they are none.
    pub(crate) fn join(self, next: Self) -> Result<Self, (Self, Self)> {
        let adjacent = self.pages.end() == next.pages.start()
            && self.page_size() == next.page_size()
            && self.kind == next.kind;
        let joined = PageRange::new(self.pages.start(), next.pages.end(), self.page_size());
        match joined {
            Ok(pages) if adjacent => {
                let (start, kind) = (self.start, self.kind);
                let holds_typed = self.holds_typed || next.holds_typed;
                self.into_pages();
                next.into_pages();
                Ok(Self { start, pages, kind, holds_typed }) // A1: both were ours
            }
            _ => Err((self, next)),
        }
    }

    /// Resizes or moves. `new_address` counts with `FIXED` and `DONTUNMAP`.
    ///
    /// # Safety
    ///
    /// With `FIXED`, the caller owns what is at the new address. Without `DONTUNMAP`, the answer is this area's
    /// new place; with it, and with old length 0, it is a mapping without an owner.
    pub(crate) unsafe fn remap(
        &self,
        old_len: usize,
        new_len: usize,
        flags: RemapFlags,
        new_address: usize,
    ) -> Result<NonNull<c_void>> {
        let replaces_typed =
            flags.contains(RemapFlags::FIXED) && mman_typed::may_be_in(new_address, new_len);
        let (old, target) = (self.start.as_ptr(), core::ptr::without_provenance_mut(new_address));
        let by_book = self.holds_typed || replaces_typed;
        // SAFETY: the old range is ours (A1), and the new one the caller's.
        let moved = unsafe { calls::remap(old, old_len, new_len, flags, target, by_book) };
        let failed = |why| self.refused(Operation::Remap, self.whole(), new_len, why);
        let start = moved.map_err(failed)?;
        NonNull::new(start).ok_or_else(|| failed(calls::kernel(Errno::EFAULT)))
    }

    /// Changes the length, in place or wherever there is room.
    pub(crate) fn resize(&mut self, len: usize, flags: RemapFlags) -> Result<()> {
        debug_assert!(!flags.contains(RemapFlags::FIXED), "resizing chooses no address");
        // SAFETY: no FIXED, no DONTUNMAP: the answer is where this area is now.
        let start = unsafe { self.remap(self.len(), len, flags, 0) }?;
        self.settle(start, len);
        Ok(())
    }

    /// Moves the pages to an address, replacing what is there.
    ///
    /// # Safety
    ///
    /// The caller owns what is at the address, and gives it to this area.
    pub(crate) unsafe fn move_to(&mut self, address: usize) -> Result<()> {
        let flags = RemapFlags::MAYMOVE | RemapFlags::FIXED;
        // SAFETY: the caller's promise.
        let start = unsafe { self.remap(self.len(), self.len(), flags, address) }?;
        self.settle(start, self.len());
        Ok(())
    }

    /// A new area for a mapping that the kernel made beside this one.
    ///
    /// # Safety
    ///
    /// The kernel just mapped `len` bytes there, like this area, and they have no owner.
    pub(crate) unsafe fn beside(&self, start: NonNull<c_void>, len: usize) -> Self {
        let mut area = Self::empty(self.kind, self.page_size());
        area.holds_typed = self.holds_typed;
        area.settle(start, len);
        area
    }

    fn settle(&mut self, start: NonNull<c_void>, len: usize) {
        let address = start.as_ptr().addr();
        self.start = start;
        // Rounding changes nothing: the kernel answers page boundaries, and `len` is whole pages.
        self.pages = PageRange::within(address..address.saturating_add(len), self.page_size());
    }

    /// Moves this area's pages over pages of another, whose they become.
    ///
    /// This is how everything comes to a chosen place. `MAP_FIXED` would empty the place before it asks the file
    /// system, the huge page pool or the accountant, any of which may refuse: the place would be nobody's then, and
    /// another thread could be given it (seen, within milliseconds). `mremap` checks arguments and limits first,
    /// and moves what is mapped already.
    pub(crate) fn move_over(
        self,
        target: &mut Self,
        pages: PageRange,
    ) -> Result<(), Refused<Self>> {
        target.holds_typed |= self.holds_typed; // A3
        self.move_into(target, pages)
    }

    /// Moves this area's pages over all of another, whose they become, while others read there: the kernel lets no
    /// fault in before the new pages are in place. They hold the same bytes, and can be read.
    pub(crate) fn move_under_readers(self, target: &Self) -> Result<(), Refused<Self>> {
        debug_assert!(!self.holds_typed, "a copy is anonymous memory"); // A3 of the target
        self.move_into(target, target.whole())
    }

    /// See [`Area::move_over`].
    fn move_into(mut self, target: &Self, pages: PageRange) -> Result<(), Refused<Self>> {
        debug_assert_eq!(pages.len(), self.len(), "as many pages as there are");
        if let Err(error) = self.prepare_to_move() {
            return Err(Refused { error, given: self });
        }
        let Some((start, len)) = target.arguments(pages) else { return Ok(()) };
        // SAFETY: what is replaced is the target's (A1), and remains its own.
        match unsafe { self.move_to(start.addr()) } {
            Ok(()) => {
                self.into_pages();
                Ok(())
            }
            Err(error) => {
                target.hold_again(start.addr(), len);
                Err(Refused { error, given: self })
            }
        }
    }

    /// Takes away what makes `mremap` fail after it has emptied the place that it moves to.
    fn prepare_to_move(&self) -> Result<()> {
        // Pages that may be merged are unshared while they are moved, which a signal interrupts.
        if let Some((start, len)) = self.arguments(self.whole()) {
            // SAFETY: pages of ours (A1), of which no byte is changed. EINVAL: the kernel merges nothing.
            while let Err(Errno::EINTR) = unsafe { sys::madvise(start, len, Advice::UNMERGEABLE) } {
            }
        }
        // Kernels before 6.17 find out late that the range is several mappings.
        let addresses = self.pages.start()..self.pages.end();
        if explain::mappings_in(&addresses).is_some_and(|count| count <= 1) {
            return Ok(());
        }
        match moves::several_mappings() {
            Ok(true) => Ok(()),
            Ok(false) => Err(self.error(Operation::Remap, self.whole(), Errno::EFAULT)),
            Err(errno) => Err(self.error(Operation::Remap, self.whole(), errno)),
        }
    }

    /// Takes a place back that a failed move may have left empty. Where it did not, there is no room and nothing
    /// happens.
    fn hold_again(&self, address: usize, len: usize) {
        let request = Request {
            kind: self.kind,
            len,
            page: self.page_size(),
            prot: Prot::NONE,
            flags: MapFlags::PRIVATE | MapFlags::ANONYMOUS,
            fd: -1,
            offset: 0,
        };
        // SAFETY: nothing is replaced, and there is no descriptor.
        if let Ok(part) = unsafe { Self::map(request, Place::Exactly(address)) } {
            part.into_pages();
        }
    }

    /// Unmaps now, and tells whether that worked.
    pub(crate) fn unmap(self) -> Result<(), Refused<Self>> {
        let Some((start, len)) = self.arguments(self.whole()) else { return Ok(()) };
        // SAFETY: all of it is ours (A1), and `self` is not used after.
        match unsafe { calls::unmap(start, len, self.holds_typed) } {
            Ok(()) => {
                self.into_pages();
                Ok(())
            }
            Err(why) => {
                let error = self.refused(Operation::Unmap, self.whole(), len, why);
                Err(Refused { error, given: self })
            }
        }
    }

    /// Drops what the pages hold, before address space is given up for lost: private memory is freed, an
    /// object keeps its bytes. Errors leave more behind, and nobody could be told.
    fn empty_out(&self) {
        let Some((start, len)) = self.arguments(self.whole()) else { return };
        let _locked_or_not = sys::munlock(start, len);
        // SAFETY: all of it is ours (A1), and its owner is gone.
        let _emptied_or_not = unsafe { sys::madvise(start, len, Advice::DONTNEED) };
    }
}

impl Drop for Area {
    fn drop(&mut self) {
        let Some((start, len)) = self.arguments(self.whole()) else { return };
        // SAFETY: all of it is ours (A1), and its owner is gone.
        if unsafe { calls::unmap(start, len, self.holds_typed) }.is_err() {
            self.empty_out();
            LEAKED.fetch_add(len, Ordering::Relaxed);
        }
    }
}

/// A range that is none, as an error of an operation.
pub(crate) fn range_error(operation: Operation, kind: ObjectKind, error: RangeError) -> Error {
    Error::new(operation, kind, Cause::Range(error))
}
