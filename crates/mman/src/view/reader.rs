//! A view as a file that is read.

use super::shared::Shared;
use crate::error::{Cause, Result};
use core::fmt;
use std::io::{self, BufRead, Read, Seek, SeekFrom};

/// Bytes that [`BufRead`] holds at once.
const BUFFER: usize = 32 * 1024;

/// Reads a view from its start: [`Shared::reader`].
///
/// As a [`Read`] it copies straight into the caller's buffer. As a [`BufRead`] it has a buffer of its own, since
/// nobody can be lent bytes that others may change.
///
/// At a byte that is lost it stops: what comes before is read, then each read is an error, of the kind `UnexpectedEof`
/// where the object became shorter. A [`seek`](Seek::seek) leads on elsewhere. `read_to_end` reads all or nothing.
///
/// It does not outlive the view:
///
/// ```compile_fail,E0597
/// let reader = {
///     let view = mman::Shared::open("Cargo.toml")?;
///     view.reader()
/// };
/// let lines = std::io::BufRead::lines(reader);
/// # Ok::<(), mman::Error>(())
/// ```
pub struct Reader<'view> {
    view: &'view Shared,
    /// Where in the view the next byte is that the caller has not had.
    at: usize,
    /// None until it is asked for.
    buffer: Vec<u8>,
    /// R1: `start..end` is in `buffer`, and holds what stands in the view from `at` on.
    start: usize,
    end: usize,
}

impl<'view> Reader<'view> {
    pub(super) const fn new(view: &'view Shared) -> Self {
        Self { view, at: 0, buffer: Vec::new(), start: 0, end: 0 }
    }

    fn left(&self) -> usize {
        self.view.len().saturating_sub(self.at)
    }

    fn held(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    fn advance(&mut self, by: usize) {
        self.at = self.at.saturating_add(by);
        self.start = self.start.saturating_add(by).min(self.end);
    }

    /// Copies the next bytes of the view, up to the first one that is lost, if not that is the next.
    fn copy(view: &Shared, at: usize, into: &mut [u8]) -> Result<usize> {
        let error = match view.read_at(at, into) {
            Ok(()) => return Ok(into.len()),
            Err(error) => error,
        };
        let there = match error.cause() {
            Cause::Truncated { at: lost } | Cause::Storage { at: lost } => {
                usize::try_from(lost).map_or(0, |lost| lost.saturating_sub(at))
            }
            _ => 0,
        };
        match into.get_mut(..there) {
            Some(into) if there > 0 => view.read_at(at, into).map(|()| there),
            _ => Err(error),
        }
    }
}

impl Read for Reader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let len = buffer.len().min(self.left());
        let Some(into) = buffer.get_mut(..len).filter(|into| !into.is_empty()) else {
            return Ok(0); // past the end too, where a seek may lead
        };
        let copied = Self::copy(self.view, self.at, into)?;
        self.advance(copied);
        Ok(copied)
    }

    fn read_to_end(&mut self, bytes: &mut Vec<u8>) -> io::Result<usize> {
        let (before, len) = (bytes.len(), self.left());
        bytes.try_reserve(len)?;
        bytes.resize(before.saturating_add(len), 0);
        let into = bytes.get_mut(before..).filter(|into| !into.is_empty());
        let taken = into.map_or(Ok(()), |into| self.view.read_at(self.at, into));
        match taken {
            Ok(()) => self.advance(len),
            Err(_) => bytes.truncate(before), // all or nothing
        }
        Ok(taken.map(|()| len)?)
    }
}

impl BufRead for Reader<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.held().is_empty() {
            let len = self.left().min(BUFFER);
            self.buffer.resize(len, 0);
            (self.start, self.end) = (0, 0); // R1, should the view refuse
            if len > 0 {
                self.end = Self::copy(self.view, self.at, &mut self.buffer)?;
            }
        }
        Ok(self.held())
    }

    fn consume(&mut self, amount: usize) {
        let amount = amount.min(self.held().len());
        self.advance(amount);
    }
}

impl Seek for Reader<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let place = sought(to, self.at, self.view.len())?;
        match place.checked_sub(self.at) {
            Some(ahead) if ahead <= self.held().len() => self.advance(ahead),
            _ => (self.at, self.start, self.end) = (place, 0, 0),
        }
        Ok(place as u64)
    }
}

impl fmt::Debug for Reader<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").field("at", &self.at).finish_non_exhaustive()
    }
}

/// Where a seek leads: anywhere from the start on, past the end too, as in a file.
pub(super) fn sought(to: SeekFrom, at: usize, len: usize) -> io::Result<usize> {
    let place = match to {
        SeekFrom::Start(place) => usize::try_from(place).ok(),
        SeekFrom::Current(by) => isize::try_from(by).ok().and_then(|by| at.checked_add_signed(by)),
        SeekFrom::End(by) => isize::try_from(by).ok().and_then(|by| len.checked_add_signed(by)),
    };
    place.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "seek to before the start"))
}
