//! Recovery: what dead writers left, and what a power loss left.
//!
//! It is done by who opens the file, alone (see [`super::lock::Alone`]). After a death only what is behind the
//! committed length is looked at; after a power loss, what is behind the length that was synced.

use super::file;
use super::format::{ALIGN, HEADER, State, place};
use super::segment::{Segment, error};
use crate::error::{Cause, Operation, Result};
use core::sync::atomic::Ordering::{AcqRel, Release};

/// What is read at once to find what is not zero.
const PIECE: usize = 1 << 16;

impl Segment {
    /// Settles what others left. The caller is alone.
    pub(crate) fn recover(&self) -> Result<()> {
        let boot = file::boot()?;
        let mut written = [0; 16];
        self.view().read_at(place::BOOT, &mut written)?;
        let size = self.file().metadata().map(|about| about.len());
        let size = size.map_err(|error| file::io_error(Operation::Open, &error))?;
        if written != boot {
            self.after_power_loss(size)?;
            self.view().write_at(place::BOOT, &boot)?;
        } else if size < self.allocated()? {
            return Err(error(Operation::Open, Cause::Truncated { at: size }));
        }
        self.after_death()
    }

    /// Marks claims whose writers are gone. The slot is ours since a moment ago: what is claimed by it is not ours.
    fn after_death(&self) -> Result<()> {
        let tail = self.offset(place::TAIL)?;
        let mut at = self.offset(place::COMMITTED)?;
        let mut first_live = None;
        let mut allocated = self.allocated()?;
        while at.saturating_add(8) <= allocated {
            let word = self.load(at)?;
            match word.read(at, allocated) {
                Some((State::Empty | State::End, _)) => break,
                Some((State::Claimed, next)) => {
                    if word.slot() != self.slot() && self.is_alive(word.slot()) {
                        first_live.get_or_insert(at);
                    } else {
                        self.bury(at, word)?;
                    }
                    at = next;
                }
                Some((_, next)) => at = next,
                None if self.allocated()? > allocated => allocated = self.allocated()?,
                None => return Err(error(Operation::Open, Cause::LogDamaged { at })),
            }
        }
        // Whoever moved the tail had claimed all before it.
        if at < tail {
            return Err(error(Operation::Open, Cause::LogDamaged { at }));
        }
        self.header_word(place::COMMITTED)?.fetch_max(first_live.unwrap_or(at), AcqRel);
        self.header_word(place::TAIL)?.fetch_max(at, AcqRel);
        Ok(())
    }

    /// Pages reach the device in any order: what is behind the first that is missing is cut off. The header's too may be
    /// older than the records: how far the file goes is what the file system says.
    fn after_power_loss(&self, size: u64) -> Result<()> {
        let allocated = size.min(self.header().capacity) & !(ALIGN - 1);
        let mut at = self.offset(place::DURABLE)?;
        if allocated < HEADER || at > allocated {
            return Err(error(Operation::Open, Cause::Truncated { at: size }));
        }
        while at.saturating_add(8) <= allocated {
            let word = self.load(at)?;
            match word.read(at, allocated) {
                Some((State::Claimed, next)) => {
                    self.bury(at, word)?;
                    at = next;
                }
                Some((State::Committed | State::Dead, next)) => at = next,
                Some((State::Empty | State::End, _)) | None => break,
            }
        }
        let is_end =
            at.saturating_add(8) <= allocated && self.load(at)? == super::format::Word::END;
        let behind = if is_end { at.saturating_add(8) } else { at };
        self.clear(behind, allocated)?;
        for (place, value) in
            [(place::ALLOCATED, allocated), (place::TAIL, at), (place::COMMITTED, at)]
        {
            self.header_word(place)?.store(value, Release);
        }
        Ok(())
    }

    /// Makes all bytes zeros that are not.
    fn clear(&self, start: u64, end: u64) -> Result<()> {
        let bound = |at: u64| usize::try_from(at).unwrap_or(usize::MAX);
        let (mut at, end) = (bound(start), bound(end));
        let mut piece = vec![0; PIECE];
        while at < end {
            let next = at.saturating_add(PIECE).min(end);
            let bytes = piece.get_mut(..next.saturating_sub(at)).unwrap_or_default();
            self.view().read_at(at, bytes)?;
            if bytes.iter().any(|byte| *byte != 0) {
                self.view().fill(at..next, 0)?;
            }
            at = next;
        }
        Ok(())
    }
}
