//! What all views of changing memory are made of: a mapping, and a way to touch it that ends in an error.
#![expect(unsafe_code, reason = "touches mapped memory, by the functions made for that")]

use crate::area::range_error;
use crate::error::{Cause, Error, Operation, Refused, Result};
use crate::mapping::Mapping;
use crate::object::MemoryObject;
use crate::options::MapOptions;
use crate::page::{PageRange, RangeError};
use crate::pages::Pages;
use crate::shared_bytes;
use crate::signal::{self, Registered};
use crate::view::watch::Watch;
use core::ops::{Range, RangeBounds};
use mman_sys::{MapFlags, Prot};

/// A mapping whose bytes others may change or take away at any moment.
///
/// - G1: `reach` is about the addresses of `mapping`, and is dropped before it (the order of the fields).
/// - G2: all of the mapping may be read, and written where `prot` says so: it was mapped for this view, nobody
///   has changed its protection since, and it goes back to its owner's methods by [`Guarded::into_mapping`] only.
/// - G3: no reference into the mapping exists, but to atomics.
#[derive(Debug)]
pub(crate) struct Guarded {
    reach: Reach,
    mapping: Mapping,
    prot: Prot,
}

/// How the bytes are reached.
#[derive(Debug)]
enum Reach {
    /// By instructions: a page that is gone is noted by the handler.
    Directly(Registered<Watch>),
    /// By system calls, since SIGBUS is somebody else's.
    ByCall,
}

impl Guarded {
    /// Maps for a view, with exactly this protection beside what else was asked.
    pub(crate) fn map(
        options: &MapOptions,
        object: &impl MemoryObject,
        prot: Prot,
    ) -> Result<Self> {
        let refuse = |cause| Error::new(Operation::Map, object.kind(), cause);
        if options.asked_flags().contains(MapFlags::GROWSDOWN) {
            return Err(refuse(Cause::NoSuchView)); // it would grow past what the view watches
        }
        let mapping = options.protection(prot).map(object)?;
        let reach = if mapping.is_empty() || !signal::arm() {
            Reach::ByCall
        } else {
            let start = mapping.area.address();
            let end = start.saturating_add(mapping.area.len());
            let pages = PageRange::within(start..end, mapping.page_size());
            let watch = Watch::new(pages, prot, mapping.kind());
            let registered = Registered::within(start..end, watch, !options.leaves_out_children());
            registered.map_or(Reach::ByCall, Reach::Directly)
        };
        Ok(Self { reach, mapping, prot })
    }

    #[inline]
    pub(crate) const fn len(&self) -> usize {
        self.mapping.len()
    }

    #[inline]
    pub(crate) const fn mapping(&self) -> &Mapping {
        &self.mapping
    }

    /// The pages, lent: nothing of what [`Pages`] offers takes access away (G2).
    pub(crate) const fn pages(&self) -> Pages<'_> {
        self.mapping.pages()
    }

    pub(crate) const fn is_direct(&self) -> bool {
        matches!(self.reach, Reach::Directly(_))
    }

    /// The mapping, unless bytes were lost: it would show zeros in their place and tell nobody.
    pub(crate) fn into_mapping(self) -> Result<Mapping, Refused<Self>> {
        match self.lost(Operation::Map, &(0..self.len())) {
            Some(error) => Err(Refused { error, given: self }),
            None => Ok(self.mapping), // `reach` is dropped here, before anybody can unmap
        }
    }

    /// Where `len` bytes from `at` on are.
    #[inline]
    pub(crate) fn place(
        &self,
        operation: Operation,
        at: usize,
        len: usize,
    ) -> Result<Range<usize>> {
        match at.checked_add(len) {
            Some(end) if end <= self.len() => Ok(at..end),
            _ => Err(self.outside(operation, at, len)),
        }
    }

    #[cold]
    fn outside(&self, operation: Operation, at: usize, len: usize) -> Error {
        let error = match at.checked_add(len) {
            _ if at > self.len() => {
                RangeError::StartsPastEnd { start: at as u64, len: self.len() as u64 }
            }
            Some(end) => RangeError::EndsPastEnd { end: end as u64, len: self.len() as u64 },
            None => RangeError::Overflow,
        };
        range_error(operation, self.mapping.kind(), error)
    }

    /// Bytes of the view, checked.
    pub(crate) fn bytes(
        &self,
        operation: Operation,
        bounds: &impl RangeBounds<usize>,
    ) -> Result<Range<usize>> {
        self.pages().bytes(operation, bounds)
    }

    /// The address of byte `at`.
    #[inline]
    pub(crate) const fn pointer(&self, at: usize) -> *const u8 {
        self.mapping.as_ptr().wrapping_add(at)
    }

    /// Touches bytes by instructions, or lets `by_call` do it where that cannot be. Bytes that were lost are an error.
    ///
    /// One function, so that nothing of the size of an error is moved where there is none.
    #[inline]
    pub(crate) fn reach<T>(
        &self,
        operation: Operation,
        range: &Range<usize>,
        touch: impl FnOnce(*mut u8) -> T,
        by_call: impl FnOnce() -> Result<T>,
    ) -> Result<T> {
        let Reach::Directly(watch) = &self.reach else { return by_call() };
        let answer = touch(self.pointer(range.start).cast_mut());
        if watch.is_whole() {
            return Ok(answer);
        }
        match self.lost(operation, range) {
            Some(error) => Err(error),
            None => Ok(answer),
        }
    }

    /// The error of bytes that were lost. Where there are no bytes, none were.
    #[cold]
    pub(crate) fn lost(&self, operation: Operation, range: &Range<usize>) -> Option<Error> {
        let Reach::Directly(watch) = &self.reach else { return None };
        if range.is_empty() {
            return None;
        }
        let origin = self.mapping.as_ptr().addr();
        let at = |byte: usize| origin.saturating_add(byte);
        let cause = watch.cause_in(&(at(range.start)..at(range.end)), origin)?;
        let len = range.end.saturating_sub(range.start);
        let error = Error::new(operation, self.mapping.kind(), cause);
        Some(error.on(range.start as u64, len as u64))
    }

    /// Notes all bytes as lost because of a lease: see [`Watch::give_up`].
    pub(crate) fn give_up(&self, why: Cause) {
        if let Reach::Directly(watch) = &self.reach {
            watch.give_up(why);
        }
    }

    /// Notes the page at an offset of the area as one that cannot be read.
    pub(crate) fn note_bad(&self, at: usize) {
        if let Reach::Directly(watch) = &self.reach {
            watch.give_up_page(self.mapping.area.address().saturating_add(at));
        }
    }

    #[inline]
    pub(crate) fn read(&self, at: usize, bytes: &mut [u8]) -> Result<()> {
        let range = self.place(Operation::Read, at, bytes.len())?;
        let (to, len) = (bytes.as_mut_ptr(), bytes.len());
        // SAFETY: G2, G3; `to` and `len` are `bytes`, which is ours, and as long as the range.
        let copy = |from: *mut u8| unsafe { shared_bytes::copy_out(from, to, len) };
        self.reach(Operation::Read, &range, copy, || self.mapping.read_at(at, bytes))
    }

    /// G2: `prot` allows writing, which the views that call this have.
    #[inline]
    pub(crate) fn write(&self, at: usize, bytes: &[u8]) -> Result<()> {
        let range = self.place(Operation::Write, at, bytes.len())?;
        debug_assert!(self.prot.contains(Prot::WRITE), "a view for writing");
        if bytes.len() > CHUNK {
            return self.in_chunks(&range, |chunk| {
                let part = chunk.start.saturating_sub(at)..chunk.end.saturating_sub(at);
                self.write(chunk.start, bytes.get(part).unwrap_or_default())
            });
        }
        // SAFETY: G2, G3; `bytes` is ours, and as long as the range.
        let copy = |to: *mut u8| unsafe {
            shared_bytes::copy_in(bytes.as_ptr(), to, bytes.len());
        };
        self.reach(Operation::Write, &range, copy, || self.mapping.write_at(at, bytes))
    }

    /// As [`write`](Self::write), two pieces one behind the other.
    #[inline]
    pub(crate) fn write_both(&self, at: usize, first: &[u8], second: &[u8]) -> Result<()> {
        let behind = at.saturating_add(first.len());
        let len = first.len().saturating_add(second.len());
        if len > CHUNK || !self.is_direct() {
            self.write(at, first)?;
            return self.write(behind, second);
        }
        let range = self.place(Operation::Write, at, len)?;
        debug_assert!(self.prot.contains(Prot::WRITE), "a view for writing");
        let copy = |to: *mut u8| {
            // SAFETY: G2, G3; `first` is ours, and as long as the begin of the range.
            unsafe { shared_bytes::copy_in(first.as_ptr(), to, first.len()) };
            let to = to.wrapping_add(first.len());
            // SAFETY: G2, G3; `second` is ours, and as long as the rest of the range.
            unsafe { shared_bytes::copy_in(second.as_ptr(), to, second.len()) };
        };
        self.reach(Operation::Write, &range, copy, || Ok(()))
    }

    /// The error of bytes of a range that were lost.
    #[inline]
    pub(crate) fn check(&self, at: usize, len: usize) -> Result<()> {
        let range = self.place(Operation::Read, at, len)?;
        self.reach(Operation::Read, &range, |_| (), || Ok(()))
    }

    /// As [`write`](Self::write), the same byte everywhere.
    pub(crate) fn fill(&self, bounds: &impl RangeBounds<usize>, byte: u8) -> Result<()> {
        let range = self.bytes(Operation::Write, bounds)?;
        debug_assert!(self.prot.contains(Prot::WRITE), "a view for writing");
        if range.len() > CHUNK {
            return self.in_chunks(&range, |chunk| self.fill(&chunk, byte));
        }
        // SAFETY: G2, G3.
        let fill = |to: *mut u8| unsafe { shared_bytes::fill(to, byte, range.len()) };
        self.reach(Operation::Write, &range, fill, || {
            let bytes = [byte; PIECE];
            let write = |piece: Range<usize>| {
                let bytes = bytes.get(..piece.len()).unwrap_or_default();
                self.mapping.write_at(piece.start, bytes).map(|()| None::<()>)
            };
            in_pieces(&range, write).map(drop)
        })
    }

    /// Writes so much in chunks, until bytes are lost: the zeros that take their place become memory of ours where
    /// they are written to.
    #[cold]
    fn in_chunks(
        &self,
        range: &Range<usize>,
        mut write: impl FnMut(Range<usize>) -> Result<()>,
    ) -> Result<()> {
        let mut start = range.start;
        while start < range.end {
            let end = range.end.min(start.saturating_add(CHUNK));
            let len = range.end.saturating_sub(range.start) as u64;
            let whole = |error: Error| error.on(range.start as u64, len);
            write(start..end).map_err(whole)?;
            start = end;
        }
        Ok(())
    }
}

/// What is written at once before it is asked whether it was lost.
const CHUNK: usize = 1 << 20;

/// What is copied at once where bytes have to be copied to be looked at.
pub(crate) const PIECE: usize = 4096;

/// Goes through a range in pieces, until one has an answer.
pub(crate) fn in_pieces<T>(
    range: &Range<usize>,
    mut look: impl FnMut(Range<usize>) -> Result<Option<T>>,
) -> Result<Option<T>> {
    let mut start = range.start;
    while start < range.end {
        let end = range.end.min(start.saturating_add(PIECE));
        if let Some(found) = look(start..end)? {
            return Ok(Some(found));
        }
        start = end;
    }
    Ok(None)
}
