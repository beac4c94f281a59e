//! Looking for bytes in views of changing memory.
#![expect(unsafe_code, reason = "searches mapped memory, by the functions made for that")]

use super::guarded::{Guarded, PIECE, in_pieces};
use crate::error::{Operation, Result};
use crate::shared_bytes;
use core::ops::{Range, RangeBounds};

/// What is copied at once to look for several bytes.
const WINDOW: usize = 64 * 1024;

impl Guarded {
    /// The first place of a byte.
    #[inline]
    pub(super) fn find(&self, bounds: &impl RangeBounds<usize>, byte: u8) -> Result<Option<usize>> {
        let range = self.bytes(Operation::Search, bounds)?;
        // SAFETY: G2, G3 of the view.
        let find = |start: *mut u8| unsafe { shared_bytes::find(start, range.len(), byte) };
        self.search(&range, find, || self.first_in_pieces(&range, |found| found == byte))
    }

    /// The first place of one of two bytes.
    pub(super) fn find_either(
        &self,
        bounds: &impl RangeBounds<usize>,
        a: u8,
        b: u8,
    ) -> Result<Option<usize>> {
        let range = self.bytes(Operation::Search, bounds)?;
        // SAFETY: G2, G3 of the view.
        let find = |start: *mut u8| unsafe { shared_bytes::find_either(start, range.len(), a, b) };
        self.search(&range, find, || self.first_in_pieces(&range, |found| found == a || found == b))
    }

    /// The last place of a byte.
    #[inline]
    pub(super) fn rfind(
        &self,
        bounds: &impl RangeBounds<usize>,
        byte: u8,
    ) -> Result<Option<usize>> {
        let range = self.bytes(Operation::Search, bounds)?;
        // SAFETY: G2, G3 of the view.
        let find = |start: *mut u8| unsafe { shared_bytes::rfind(start, range.len(), byte) };
        self.search(&range, find, || self.last_in_pieces(&range, byte))
    }

    /// The first place where these bytes stand one after the other.
    pub(super) fn find_sequence(
        &self,
        bounds: &impl RangeBounds<usize>,
        needle: &[u8],
    ) -> Result<Option<usize>> {
        let range = self.bytes(Operation::Search, bounds)?;
        // SAFETY: G2, G3 of the view; `needle` is ours.
        let find =
            |start: *mut u8| unsafe { shared_bytes::find_sequence(start, range.len(), needle) };
        self.search(&range, find, || self.find_in_copies(&range, needle))
    }

    /// Looks for a place in a range: by `find`, which counts from the range's start, or by system calls.
    #[inline]
    fn search(
        &self,
        range: &Range<usize>,
        find: impl FnOnce(*mut u8) -> Option<usize>,
        by_call: impl FnOnce() -> Result<Option<usize>>,
    ) -> Result<Option<usize>> {
        let find = |start| find(start).map(|at| range.start.saturating_add(at));
        self.reach(Operation::Search, range, find, by_call)
    }

    fn first_in_pieces(
        &self,
        range: &Range<usize>,
        wanted: impl Fn(u8) -> bool,
    ) -> Result<Option<usize>> {
        in_pieces(range, |piece| {
            let mut copy = [0; PIECE];
            let bytes = self.copied(&piece, &mut copy)?;
            let found = bytes.iter().position(|found| wanted(*found));
            Ok(found.map(|at| piece.start.saturating_add(at)))
        })
    }

    fn last_in_pieces(&self, range: &Range<usize>, byte: u8) -> Result<Option<usize>> {
        let mut end = range.end;
        while end > range.start {
            let start = range.start.max(end.saturating_sub(PIECE));
            let mut copy = [0; PIECE];
            let bytes = self.copied(&(start..end), &mut copy)?;
            if let Some(at) = bytes.iter().rposition(|found| *found == byte) {
                return Ok(Some(start.saturating_add(at)));
            }
            end = start;
        }
        Ok(None)
    }

    /// As above, in windows that are copied by system calls and overlap by all but one byte of the needle.
    fn find_in_copies(&self, range: &Range<usize>, needle: &[u8]) -> Result<Option<usize>> {
        let overlap = needle.len().saturating_sub(1);
        let window = overlap.saturating_mul(2).max(WINDOW).min(range.len());
        let mut copy = vec![0; window];
        let mut start = range.start;
        loop {
            let len = window.min(range.end.saturating_sub(start));
            let bytes = copy.get_mut(..len).unwrap_or_default();
            self.mapping().read_at(start, bytes)?;
            // SAFETY: a copy of ours.
            let found = unsafe { shared_bytes::find_sequence(bytes.as_ptr(), len, needle) };
            if let Some(at) = found {
                return Ok(Some(start.saturating_add(at)));
            }
            if start.saturating_add(len) >= range.end {
                return Ok(None);
            }
            start = start.saturating_add(len.saturating_sub(overlap));
        }
    }

    /// Whether these bytes stand at a place.
    pub(super) fn equals(&self, at: usize, bytes: &[u8]) -> Result<bool> {
        let range = self.place(Operation::Search, at, bytes.len())?;
        // SAFETY: G2, G3 of the view; `bytes` is ours, and as long as the range.
        let equals =
            |start: *mut u8| unsafe { shared_bytes::equals(start, bytes.as_ptr(), bytes.len()) };
        self.reach(Operation::Search, &range, equals, || {
            let different = in_pieces(&range, |piece| {
                let mut copy = [0; PIECE];
                let there = self.copied(&piece, &mut copy)?;
                let place = piece.start.saturating_sub(at)..piece.end.saturating_sub(at);
                Ok((bytes.get(place) != Some(there)).then_some(()))
            });
            different.map(|different| different.is_none())
        })
    }

    /// A piece, copied by a system call.
    fn copied<'copy>(
        &self,
        piece: &Range<usize>,
        copy: &'copy mut [u8; PIECE],
    ) -> Result<&'copy [u8]> {
        let bytes = copy.get_mut(..piece.len()).unwrap_or_default();
        self.mapping().read_at(piece.start, bytes)?;
        Ok(bytes)
    }
}
