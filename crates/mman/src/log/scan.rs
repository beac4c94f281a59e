//! One file of a log, as a reader has it: mapped for reading, nothing believed.

use super::file;
use super::format::{
    ALIGN, FRAME, HEADER, Header, Stamp, State, Word, checksum, place, read_frame,
};
use super::lock;
use super::segment::error;
use crate::error::{Cause, Operation, Result};
use crate::object::FileObject;
use crate::options::MapOptions;
use crate::view::Shared;
use std::fs::File;
use std::path::Path;

/// What stands at a place of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// Nothing yet.
    Nothing,
    /// A record that a living writer has not finished.
    Unfinished,
    /// What a dead writer left, up to here.
    Dead { next: u64 },
    /// A record, up to here.
    Record { word: Word, next: u64 },
    /// Nothing will follow in this file.
    End,
}

/// A file of a log.
#[derive(Debug)]
pub(crate) struct Scan {
    view: Shared,
    file: File,
    header: Header,
    /// How far the file may be touched, as far as that is known.
    known: u64,
}

impl Scan {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let object = FileObject::open(path)?;
        let header = file::read_header(object.file())?;
        let options = MapOptions::shared().range(0..header.capacity).past_end();
        let view = Shared::map(&options, &object)?;
        if !view.is_direct() {
            return Err(error(Operation::Open, Cause::SignalTaken));
        }
        Ok(Self { view, file: object.into_file(), header, known: HEADER })
    }

    pub(crate) const fn header(&self) -> &Header {
        &self.header
    }

    pub(crate) const fn file(&self) -> &File {
        &self.file
    }

    pub(crate) fn header_word(&self, place: usize) -> Result<u64> {
        self.view.load(place)
    }

    /// Asks anew how far the file goes; whether that is further than before.
    pub(crate) fn refresh(&mut self) -> Result<bool> {
        let size = self.file.metadata().map(|about| about.len());
        let size = size.map_err(|error| file::io_error(Operation::Read, &error))?;
        let allocated = self.view.load::<u64>(place::ALLOCATED)?;
        let now = allocated.min(size).min(self.header.capacity);
        let now = now.checked_div(ALIGN).unwrap_or(0).saturating_mul(ALIGN);
        let further = now > self.known;
        self.known = self.known.max(now);
        Ok(further)
    }

    fn load(&self, at: u64) -> Result<Word> {
        // Below `known`, which is within the view.
        Ok(Word(self.view.load::<u64>(usize::try_from(at).unwrap_or(usize::MAX))?))
    }

    /// What stands at `at`, where a record begins.
    pub(crate) fn look(&mut self, at: u64) -> Result<Found> {
        if at >= self.header.capacity {
            return Ok(Found::End);
        }
        if at.saturating_add(8) > self.known && !(self.refresh()? && at < self.known) {
            return Ok(Found::Nothing);
        }
        loop {
            let word = self.load(at)?;
            match word.read(at, self.known) {
                Some((State::Empty, _)) => return self.nothing(at),
                Some((State::End, _)) => return Ok(Found::End),
                Some((State::Dead, next)) => return Ok(Found::Dead { next }),
                Some((State::Committed, next)) => return Ok(Found::Record { word, next }),
                Some((State::Claimed, _)) if lock::is_taken(&self.file, word.slot()) => {
                    return Ok(Found::Unfinished);
                }
                Some((State::Claimed, next)) => {
                    // The writer is gone; it may have finished before it went.
                    if self.load(at)? == word {
                        return Ok(Found::Dead { next });
                    }
                }
                None => {
                    if !self.refresh()? {
                        return Err(error(Operation::Read, Cause::LogDamaged { at }));
                    }
                }
            }
        }
    }

    /// Where there is no record: the end, or a hole, which the header knows of.
    fn nothing(&self, at: u64) -> Result<Found> {
        let committed = self.header_word(place::COMMITTED)?;
        // The word once more: what is before the committed length was finished before that was moved.
        if committed > at && self.load(at)?.0 == 0 {
            return Err(error(Operation::Read, Cause::LogDamaged { at }));
        }
        Ok(Found::Nothing)
    }

    /// Copies the content of a record that [`look`](Self::look) found, and checks it.
    pub(crate) fn read(&self, at: u64, word: Word, content: &mut Vec<u8>) -> Result<Stamp> {
        let bound = |at: u64| usize::try_from(at).unwrap_or(usize::MAX);
        let mut frame = [0; 16];
        self.view.read_at(bound(at.saturating_add(8)), &mut frame)?;
        let (stamp, sum) = read_frame(&frame);
        let len = bound(u64::from(word.len()));
        content.clear();
        let no_memory = |_| error(Operation::Read, Cause::LogDamaged { at });
        content.try_reserve(len).map_err(no_memory)?;
        content.resize(len, 0);
        self.view.read_at(bound(at.saturating_add(FRAME)), content)?;
        if checksum(self.header.segment, at, word, stamp, content) != sum {
            return Err(error(Operation::Read, Cause::LogDamaged { at }));
        }
        Ok(stamp)
    }
}
