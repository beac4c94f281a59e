//! The lines of a text that is read in pieces: each whole, in one buffer, none copied out of it.

use super::line::{Line, parse};
use crate::error::{Cause, Error, ObjectKind, Operation, Result};
use crate::process::{self, Process};
use mman_sys::Errno;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;

/// Where the text comes from.
pub(super) enum Source<'text> {
    /// A file of `/proc`.
    Process {
        /// What is read.
        file: File,
        /// `/proc/PID/maps`, to ask for the names that the text cannot tell, where it is another file.
        maps: Option<File>,
    },
    /// A text that somebody kept.
    Text(Box<dyn Read + Send + 'text>),
}

impl Source<'_> {
    /// The file of a process's mappings.
    pub(super) fn maps(process: &Process) -> Result<Self> {
        Ok(Self::Process { file: process.file("maps")?, maps: None })
    }

    /// Another file with the same headers.
    pub(super) fn beside_maps(process: &Process, name: &str) -> Result<Self> {
        Ok(Self::Process { file: process.file(name)?, maps: process.file("maps").ok() })
    }
}

/// The kernel gives a page at a time; a line has a path of at most 4,096 bytes, each of them four where it is
/// a newline.
const BUFFER: usize = 32 << 10;

/// A text, line by line.
pub(super) struct Lines<'text> {
    source: Source<'text>,
    buffer: Vec<u8>,
    /// The current line is `buffer[start..newline]`, where `newline` is not `start - 1`.
    start: usize,
    newline: Option<usize>,
    filled: usize,
    /// Lines passed.
    passed: u64,
    ended: bool,
}

impl<'text> Lines<'text> {
    pub(super) fn new(source: Source<'text>) -> Self {
        let buffer = vec![0; BUFFER];
        Self { source, buffer, start: 0, newline: None, filled: 0, passed: 0, ended: false }
    }

    /// Whether there is a current line: the same until it is passed.
    #[inline]
    pub(super) fn ready(&mut self) -> Result<bool> {
        if self.newline.is_some() {
            return Ok(true);
        }
        if self.ended {
            return Ok(false);
        }
        let mut searched = self.start;
        loop {
            let unseen = self.buffer.get(searched..self.filled).unwrap_or_default();
            if let Some(at) = newline_in(unseen) {
                self.newline = Some(searched.saturating_add(at));
                return Ok(true);
            }
            let kept = self.filled.saturating_sub(self.start);
            if !self.refill()? {
                return Ok(false);
            }
            searched = kept;
        }
    }

    /// The current line, without its newline.
    #[inline]
    pub(super) fn current(&self) -> &[u8] {
        let Some(newline) = self.newline else { return &[] };
        self.buffer.get(self.start..newline).unwrap_or_default()
    }

    /// What is in the buffer of the next so many bytes, where no line was found yet.
    #[inline]
    pub(super) fn ahead<const BYTES: usize>(&self) -> Option<&[u8; BYTES]> {
        if self.newline.is_some() {
            return None;
        }
        self.buffer.get(self.start..self.filled)?.first_chunk::<BYTES>()
    }

    /// Goes on by a line of so many bytes, its newline with it, that was seen ahead.
    #[inline]
    pub(super) const fn pass_ahead(&mut self, bytes: usize) {
        self.start = self.start.saturating_add(bytes);
        self.passed = self.passed.saturating_add(1);
    }

    /// Goes on to the next.
    #[inline]
    pub(super) fn pass(&mut self) {
        if let Some(newline) = self.newline.take() {
            self.start = newline.saturating_add(1);
            self.passed = self.passed.saturating_add(1);
        }
    }

    /// Nothing comes after this.
    pub(super) const fn end(&mut self) {
        self.ended = true;
        self.newline = None;
        self.start = self.filled;
    }

    /// The current line is none that a kernel prints.
    pub(super) fn not_understood(&self) -> Error {
        let cause = Cause::NotUnderstood { line: self.passed.saturating_add(1) };
        Error::new(Operation::Inspect, ObjectKind::Process, cause)
    }

    /// The current line as a mapping, with the bytes of its name, where the text alone cannot tell them.
    #[inline]
    pub(super) fn mapping(&self) -> Result<(Line<'_>, Option<Vec<u8>>)> {
        let line = parse(self.current()).ok_or_else(|| self.not_understood())?;
        let name = if super::name::is_ambiguous(line.name) { self.asked_name(&line) } else { None };
        Ok((line, name))
    }

    /// The kernel prints a newline and a backslash before 012 alike. It tells by ioctl which it was.
    #[cold]
    fn asked_name(&self, line: &Line<'_>) -> Option<Vec<u8>> {
        let Source::Process { file, maps } = &self.source else { return None };
        let maps = maps.as_ref().unwrap_or(file);
        let entry = super::query::ask(maps, line.addresses.start).ok()??;
        let name = entry.name_in_bytes();
        super::name::is_printed_as(name, line.name).then(|| name.to_vec())
    }

    /// Whether the process still has the memory that the text told of: none is told any more of one that has
    /// ended, or runs another program.
    pub(super) fn assert_still_there(&self) -> Result<()> {
        let Source::Process { file, .. } = &self.source else { return Ok(()) };
        match file.read_at(&mut [0], 0) {
            Ok(1..) => Ok(()),
            Ok(0) => Err(process::error(Operation::Inspect, Errno::ESRCH)),
            Err(error) => Err(process::io_error(Operation::Inspect, &error)),
        }
    }

    /// Moves the unfinished line to the front and reads on; false at the end of the text.
    fn refill(&mut self) -> Result<bool> {
        self.buffer.copy_within(self.start..self.filled, 0);
        self.filled = self.filled.saturating_sub(self.start);
        self.start = 0;
        let (source, room) = match self.buffer.get_mut(self.filled..) {
            Some(room) if !room.is_empty() => (&mut self.source, room),
            _ => return Err(self.not_understood()),
        };
        let read = loop {
            let answer = match source {
                Source::Process { file, .. } => file.read(room),
                Source::Text(text) => text.read(room),
            };
            match answer {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(process::io_error(Operation::Inspect, &error)),
                // A reader that says it read more than there was room for has not.
                Ok(read) => break read.min(room.len()),
            }
        };
        self.filled = self.filled.saturating_add(read);
        if read == 0 {
            self.ended = true;
            return if self.filled == 0 { Ok(false) } else { Err(self.not_understood()) };
        }
        Ok(true)
    }
}

/// The first newline, found eight bytes at a time.
#[inline]
fn newline_in(text: &[u8]) -> Option<usize> {
    const ONES: u64 = u64::MAX / 0xff;
    const TOPS: u64 = ONES << 7;
    let (chunks, rest) = text.as_chunks::<8>();
    for (index, chunk) in chunks.iter().enumerate() {
        // A zero byte, where there was a newline, borrows from its top bit; the lowest such bit is never false.
        let word = u64::from_le_bytes(*chunk) ^ ONES.wrapping_mul(b'\n' as u64);
        let found = word.wrapping_sub(ONES) & !word & TOPS;
        if found != 0 {
            let in_chunk = usize::try_from(found.trailing_zeros() >> 3).ok()?;
            return Some(index.saturating_mul(8).saturating_add(in_chunk));
        }
    }
    let in_rest = rest.iter().position(|byte| *byte == b'\n')?;
    Some(chunks.len().saturating_mul(8).saturating_add(in_rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newline_is_found_wherever_it_is() {
        for before in 0..40 {
            for filler in [b'a', 0, 0x0b, 0x8a, 0xff] {
                let mut text = vec![filler; before];
                assert_eq!(newline_in(&text), None);
                text.extend(b"\n\nxyz\n");
                assert_eq!(newline_in(&text), Some(before), "{filler:#x}");
            }
        }
    }
}
