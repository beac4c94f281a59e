//! One file of a log, as a writer has it: places are claimed, filled and committed; the file grows.

use super::ahead::Ahead;
use super::file;
use super::format::{ALIGN, HEADER, Header, Stamp, State, Word, checksum, frame, place, size_of};
use super::lock;
use crate::error::{Cause, Error, ObjectKind, Operation, Result};
use crate::object::FileObject;
use crate::options::MapOptions;
use crate::pages::sync::Sync;
use crate::view::{SharedAtomic, SharedMut};
use core::sync::atomic::AtomicU64;
use core::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use rustix::fs::Advice;
use rustix::io::Errno;
use std::fs::File;

/// How much a file grows by.
const STEP: u64 = 1 << 20;
/// How much is made ready for writing at once, and how far the committed length may lag behind.
pub(crate) const WINDOW: u64 = 1 << 16;

/// How far before they are written to lines are fetched into the cache.
const AHEAD: usize = 640;

/// A file of a log, mapped as far as it may ever grow.
///
/// - L1: the words and the order of the format, with all others who have it open.
/// - L2: nothing at or behind `allocated` is touched: there the file may end.
#[derive(Debug)]
pub(crate) struct Segment {
    view: SharedMut,
    file: File,
    header: Header,
    slot: u16,
    ahead: Ahead,
    /// The *allocated* of the header that is on the device.
    told: AtomicU64,
}

/// What came of an append.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Appended {
    /// The record is at this byte.
    At(u64),
    /// The file has no room for it. Whether its end has been marked.
    Full { ended: bool },
}

/// A place that is ours.
struct Claim {
    at: u64,
    word: Word,
    end: u64,
}

/// Records of one writer that stand one behind the other in a file, finished all of them.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Run {
    file: u64,
    start: u64,
    end: u64,
}

impl Run {
    fn add(&mut self, file: u64, claim: &Claim) {
        if (file, claim.at) != (self.file, self.end) {
            (self.file, self.start) = (file, claim.at);
        }
        self.end = claim.end;
    }
}

pub(crate) fn error(operation: Operation, cause: Cause) -> Error {
    Error::new(operation, ObjectKind::File, cause)
}

impl Segment {
    /// Maps a file of a log and takes a slot of it. It is settled by the caller, who is alone in it.
    pub(crate) fn map(file: File) -> Result<Self> {
        let header = file::read_header(&file)?;
        // Pages of their own for small stores: in a large one each costs as much as all of it.
        let _only_advice = rustix::fs::fadvise(&file, 0, None, Advice::Random);
        let options = MapOptions::shared().range(0..header.capacity).past_end().sparse();
        let view = SharedMut::map(&options, &FileObject::new(&file)?)?;
        if !view.is_direct() {
            return Err(error(Operation::Open, Cause::SignalTaken));
        }
        let slot = lock::take_slot(&file)?;
        Ok(Self { view, file, header, slot, ahead: Ahead::new(), told: AtomicU64::new(0) })
    }

    pub(crate) const fn file(&self) -> &File {
        &self.file
    }

    pub(crate) const fn header(&self) -> &Header {
        &self.header
    }

    pub(crate) const fn view(&self) -> &SharedMut {
        &self.view
    }

    pub(crate) const fn ahead(&self) -> &Ahead {
        &self.ahead
    }

    pub(crate) const fn slot(&self) -> u16 {
        self.slot
    }

    /// Whether the writer in a slot may still be at work.
    pub(crate) fn is_alive(&self, slot: u16) -> bool {
        slot == self.slot || lock::is_taken(&self.file, slot)
    }

    pub(crate) fn header_word(&self, place: usize) -> Result<SharedAtomic<'_, u64>> {
        self.view.atomic_u64(place)
    }

    /// The word of a record. L2 is the caller's.
    pub(crate) fn word(&self, at: u64) -> Result<SharedAtomic<'_, u64>> {
        let damaged = |_| error(Operation::Append, Cause::LogDamaged { at });
        self.view.atomic_u64(usize::try_from(at).map_err(damaged)?)
    }

    /// Loads the word of a record, and tells if it is lost. L2 is the caller's.
    pub(crate) fn load(&self, at: u64) -> Result<Word> {
        let damaged = |_| error(Operation::Append, Cause::LogDamaged { at });
        Ok(Word(self.view.load::<u64>(usize::try_from(at).map_err(damaged)?)?))
    }

    /// How far the file may be touched.
    pub(crate) fn allocated(&self) -> Result<u64> {
        Ok(self.header_word(place::ALLOCATED)?.load(Acquire).min(self.header.capacity))
    }

    /// A word of the header that says where records begin.
    pub(crate) fn offset(&self, place: usize) -> Result<u64> {
        let at = self.header_word(place)?.load(Acquire);
        if at < HEADER || at > self.header.capacity || !at.is_multiple_of(ALIGN) {
            return Err(error(Operation::Append, Cause::LogDamaged { at: place as u64 }));
        }
        Ok(at)
    }

    /// Appends a record, whole or not at all.
    pub(crate) fn append(
        &self,
        level: u8,
        stamp: Stamp,
        content: &[u8],
        run: &mut Run,
    ) -> Result<Appended> {
        let claim = match self.claim(level, content.len())? {
            Ok(claim) => claim,
            Err(full) => return Ok(full),
        };
        let at = usize::try_from(claim.at).unwrap_or(usize::MAX); // within the view, whose length is an `usize`
        for line in [AHEAD, AHEAD.saturating_add(64)] {
            self.view.prefetch(at.saturating_add(line));
        }
        let sum = checksum(self.header.segment, claim.at, claim.word, stamp, content);
        let filled = self.view.write_both(at.saturating_add(8), &frame(stamp, sum), content);
        let state = if filled.is_ok() { State::Committed } else { State::Dead };
        self.word(claim.at)?.store(claim.word.with(state).0, Release);
        // The page of the word may have been lost too.
        if let Err(lost) = filled.and_then(|()| self.view.check(at, 8)) {
            return Err(lost.on(claim.at, claim.end.saturating_sub(claim.at)));
        }
        run.add(self.header.segment, &claim);
        self.after(&claim, run)?;
        Ok(Appended::At(claim.at))
    }

    /// Finds the first free place and makes it ours by one step, which says how long it is.
    fn claim(&self, level: u8, len: usize) -> Result<Result<Claim, Appended>> {
        let capacity = self.header.capacity;
        let len = u32::try_from(len).unwrap_or(u32::MAX);
        let size = size_of(u64::from(len)).unwrap_or(u64::MAX);
        let word = Word::claim(level, self.slot, len);
        let mut at = self.offset(place::TAIL)?;
        let mut allocated = self.allocated()?;
        loop {
            if at >= capacity {
                return Ok(Err(Appended::Full { ended: false }));
            }
            let end = at.saturating_add(size);
            if end > allocated && end <= capacity {
                self.grow(end)?;
                allocated = self.allocated()?;
                continue;
            }
            let there = if end > capacity {
                // Full, unless what is here is not the end of what is claimed.
                if at >= allocated {
                    return Ok(Err(Appended::Full { ended: false }));
                }
                self.load(at)?
            } else {
                match self.word(at)?.compare_exchange(0, word.0, AcqRel, Acquire) {
                    Ok(_) => {
                        self.raise_tail(end)?;
                        return Ok(Ok(Claim { at, word, end }));
                    }
                    Err(there) => Word(there),
                }
            };
            match there.read(at, allocated) {
                Some((State::Empty, _)) => return Ok(Err(Appended::Full { ended: false })),
                Some((State::End, _)) => return Ok(Err(Appended::Full { ended: true })),
                // The tail may be one of long ago, of a writer that was stopped before it could say it.
                Some((_, next)) => at = next.max(self.offset(place::COMMITTED)?),
                // Another has made the file longer and claimed a place since it was looked at.
                None if self.allocated()? > allocated => allocated = self.allocated()?,
                None => return Err(error(Operation::Append, Cause::LogDamaged { at })),
            }
        }
    }

    /// Says that there is no free place before `end`. Of two who say it at once the smaller may stay: it is a hint.
    fn raise_tail(&self, end: u64) -> Result<()> {
        let tail = self.header_word(place::TAIL)?;
        if tail.load(Relaxed) < end {
            tail.store(end, Release);
        }
        Ok(())
    }

    /// What a writer does for all, once in a window.
    #[inline]
    fn after(&self, claim: &Claim, run: &Run) -> Result<()> {
        let window = |at: u64| at.checked_div(WINDOW);
        if window(claim.at) == window(claim.end) {
            return Ok(());
        }
        self.make_ready(claim.end)?;
        self.pass(run)?;
        self.advance()
    }

    /// Moves the committed length over a run, without a look at its records.
    fn pass(&self, run: &Run) -> Result<()> {
        if self.offset(place::COMMITTED)? >= run.start {
            self.header_word(place::COMMITTED)?.fetch_max(run.end, AcqRel);
        }
        Ok(())
    }

    /// Moves the committed length over what has been finished.
    pub(crate) fn advance(&self) -> Result<()> {
        let allocated = self.allocated()?;
        let start = self.offset(place::COMMITTED)?;
        let mut at = start;
        while at.saturating_add(8) <= allocated {
            let word = self.load(at)?;
            match word.read(at, allocated) {
                Some((State::Committed | State::Dead, next)) => at = next,
                Some((State::Claimed, next)) => {
                    let tail = self.offset(place::TAIL)?;
                    let far = tail.saturating_sub(at) >= WINDOW;
                    if !far || self.is_alive(word.slot()) {
                        break;
                    }
                    self.bury(at, word)?;
                    at = next;
                }
                _ => break,
            }
        }
        if at > start {
            self.header_word(place::COMMITTED)?.fetch_max(at, AcqRel);
        }
        Ok(())
    }

    /// Marks what a dead writer left, unless it was finished after all.
    pub(crate) fn bury(&self, at: u64, word: Word) -> Result<()> {
        let dead = word.with(State::Dead).0;
        let _finished = self.word(at)?.compare_exchange(word.0, dead, AcqRel, Acquire);
        Ok(())
    }

    /// Makes the file at least so long, with blocks. On a full disk nothing changes.
    pub(crate) fn grow(&self, end: u64) -> Result<()> {
        let capacity = self.header.capacity;
        loop {
            let old = self.allocated()?;
            if end <= old {
                return Ok(());
            }
            let step = old.saturating_add(STEP).max(end).min(capacity);
            let least = end.next_multiple_of(4096).min(capacity);
            let (start, wanted) = (old, [step, least]);
            let grown = wanted.into_iter().find_map(|to| {
                let len = to.saturating_sub(start);
                match file::allocate(&self.file, start, len) {
                    Ok(()) => Some(Ok(to)),
                    Err(Errno::INTR) => Some(Ok(start)),
                    Err(Errno::NOSPC | Errno::DQUOT | Errno::FBIG) if to > least => None,
                    Err(errno) => Some(Err(errno)),
                }
            });
            match grown {
                Some(Ok(to)) => {
                    self.header_word(place::ALLOCATED)?.fetch_max(to, AcqRel);
                }
                Some(Err(errno)) => return Err(file::no_room(errno, old, end)),
                None => return Err(file::no_room(Errno::NOSPC, old, end)),
            }
        }
    }

    /// Marks the end behind the last claim: nothing more comes into this file. Where not a word fits, it is full.
    pub(crate) fn end(&self) -> Result<()> {
        let mut at = self.offset(place::TAIL)?;
        while at < self.header.capacity {
            self.grow(at.saturating_add(8))?;
            let allocated = self.allocated()?;
            match self.word(at)?.compare_exchange(0, Word::END.0, AcqRel, Acquire) {
                Ok(_) => return Ok(()),
                Err(there) => match Word(there).read(at, allocated) {
                    Some((State::End, _)) => return Ok(()),
                    Some((_, next)) if next > at => at = next,
                    _ if self.allocated()? > allocated => {}
                    _ => return Err(error(Operation::Append, Cause::LogDamaged { at })),
                },
            }
        }
        Ok(())
    }

    /// The first free place: whose append has returned has its record before it.
    fn end_of_claims(&self, from: u64) -> Result<u64> {
        let allocated = self.allocated()?;
        let mut at = from.max(self.offset(place::TAIL)?);
        while at.saturating_add(8) <= allocated {
            match self.load(at)?.read(at, allocated) {
                Some((_, next)) if next > at => at = next,
                _ => break,
            }
        }
        Ok(at)
    }

    /// Puts all records on the device whose append has returned.
    pub(crate) fn sync(&self, whole: bool) -> Result<()> {
        self.advance()?;
        let (durable, committed) = (self.offset(place::DURABLE)?, self.offset(place::COMMITTED)?);
        let allocated = self.allocated()?;
        if whole {
            self.file.sync_all().map_err(|error| file::io_error(Operation::Sync, &error))?;
        } else {
            let bound = |at: u64| usize::try_from(at).unwrap_or(usize::MAX);
            let end = self.end_of_claims(committed.max(durable))?;
            self.view.sync(bound(durable)..bound(end), Sync::Data)?;
            if self.told.load(Relaxed) < allocated {
                // Whoever reads the file after a power loss goes by the header.
                self.view.sync(..bound(HEADER), Sync::Data)?;
            }
            self.divide(end);
        }
        self.told.fetch_max(allocated, Relaxed);
        self.header_word(place::DURABLE)?.fetch_max(committed, AcqRel);
        Ok(())
    }
}
