//! A queue of bytes in shared memory: one writer, one reader, in two processes.
//!
//! The layout, in the byte order of the machine. Page 0 is the writer's but for one word, page 1 the reader's but for one.
//!
//! | at | what |
//! |---|---|
//! | 0 | `mmanring`; 8: version 1 (u32); 16: capacity (u64), a power of two |
//! | 64 | how many bytes were ever written (u64); 72: bell of news (u32); 76: closed (u32) |
//! | 128 | the reader waits for news (u32) |
//! | 4096 | how many bytes were ever read (u64); 4104: bell of room (u32); 4108: closed (u32); 4112: a reader came (u32) |
//! | 4160 | the writer waits for room (u32) |
//! | 8192 | the bytes: number `n` stands at `n % capacity` |
//!
//! - Q1: each position is stored by one side only, after its bytes were copied (release), and loaded by the other before
//!   it copies (acquire). A side goes by its own number of what it did itself, and checks the other's: the difference
//!   is at most the capacity, or it is no queue.
//! - Q2: who waits says so, and looks once more; who changed something looks afterwards whether somebody waits. With a full
//!   fence between the two on both sides, one of them sees the other. A bell is rung by one side only.

use crate::broadcast::lock::{self, SideLock};
use crate::error::{Cause, Error, ObjectKind, Operation, Result};
use crate::object::{FixedSize, MemFd, MemoryObject};
use crate::options::MapOptions;
use crate::page::RangeError;
use crate::view::{SharedMut, Wait};
use core::sync::atomic::{Ordering, fence};
use core::time::Duration;
use mman_sys::Errno;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Instant;

const MAGIC: u64 = u64::from_ne_bytes(*b"mmanring");
const VERSION: u32 = 1;
const VERSION_AT: usize = 8;
const CAPACITY_AT: usize = 16;
const BYTES_AT: usize = 8192;
const MOST: u64 = 1 << 40;
/// How long one sleeps before it looks whether the other is alive.
const LOOK: Duration = Duration::from_millis(50);
/// How often it is woken for nothing before it looks nevertheless.
const OTHER_SLEEPS: u32 = 64;

/// The words of one side, and the byte that it locks.
#[derive(Clone, Copy, Debug)]
struct Words {
    position: usize,
    bell: usize,
    closed: usize,
    /// That the other side waits for this one.
    waited_for: usize,
    lock: i64,
}

const WRITER: Words =
    Words { position: 64, bell: 72, closed: 76, waited_for: 128, lock: lock::WRITER };
const READER: Words = Words { position: 4096, bell: 4104, closed: 4108, waited_for: 4160, lock: 1 };
const READER_CAME: usize = 4112;

/// What a [`RingWriter`] or a [`RingReader`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moved {
    /// So many bytes, at least one.
    Bytes(usize),
    /// None: the time is over.
    Nothing,
    /// None, and the other side is closed: it was dropped.
    Closed,
    /// None, and the process of the other side has ended without closing it. Another may take its place.
    PeerDied,
}

/// A queue of bytes that is to be made in memory which two processes share: one writes, one reads, and each waits for the
/// other asleep. Nothing of it is lent as a slice: the bytes are copied in and out, by two copies where they run over the
/// end of the buffer.
///
/// Who can open the object for writing can write anything into it. Neither side takes anything there on trust:
/// what is no queue is [`Cause::Malformed`], and no byte outside of the object is reached. The bytes themselves are
/// whatever the other side wrote.
///
/// ```
/// use mman::{Moved, RingReader, SharedRing};
///
/// // In a memfd, whose descriptor another process can be given.
/// let (mut writer, object) = SharedRing::new(4096).create()?;
/// let mut reader = RingReader::open(&object)?;
/// assert_eq!(writer.write(b"hello", None)?, Moved::Bytes(5));
///
/// let mut bytes = [0; 100];
/// assert_eq!(reader.read(&mut bytes, None)?, Moved::Bytes(5));
/// assert_eq!(&bytes[..5], b"hello");
/// drop(writer);
/// assert_eq!(reader.read(&mut bytes, None)?, Moved::Closed);
/// # Ok::<(), mman::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "nothing is made until `create` or `create_in` is called"]
pub struct SharedRing {
    capacity: u64,
}

impl SharedRing {
    /// A queue of at least so many bytes: the capacity is a power of two, 4096 to 2^40.
    pub const fn new(capacity: u64) -> Self {
        Self { capacity }
    }

    fn rounded(self) -> Option<u64> {
        (1..=MOST).contains(&self.capacity).then(|| self.capacity.next_power_of_two().max(4096))
    }

    /// How long the object has to be, in bytes.
    ///
    /// # Errors
    ///
    /// [`Cause::Range`] for a capacity of 0, or above 2^40.
    pub fn object_len(self) -> Result<u64> {
        let error = RangeError::EndsPastEnd { end: self.capacity, len: MOST };
        let refused = || Error::new(Operation::Create, ObjectKind::Other, Cause::Range(error));
        Ok(self.rounded().ok_or_else(refused)?.saturating_add(BYTES_AT as u64))
    }

    /// Makes the queue in a memfd of its own, which nobody can make shorter.
    ///
    /// # Errors
    ///
    /// Those of [`object_len`](Self::object_len), [`MemFd::new`] and [`create_in`](Self::create_in).
    pub fn create(self) -> Result<(RingWriter, MemFd<FixedSize>)> {
        let memory = MemFd::new(self.object_len()?)?.fix_size()?;
        Ok((self.create_in(&memory)?, memory))
    }

    /// Makes the queue at the start of an object, over whatever stood there.
    ///
    /// # Errors
    ///
    /// [`Cause::HasWriter`] where a writer is alive in it; [`Cause::Range`] where it is too short; those of
    /// [`object_len`](Self::object_len) and [`SharedMut::map`]; [`Cause::SignalTaken`] where the view cannot be guarded.
    pub fn create_in(self, object: &(impl MemoryObject + AsFd)) -> Result<RingWriter> {
        let len = self.object_len()?;
        let memory = SharedMut::map(&MapOptions::shared().range(0..len), object)?;
        let lock = SideLock::take(object.as_fd(), object.kind(), WRITER.lock)?;
        memory.store(0, 0_u64)?; // no queue, until it is whole
        memory.fill(VERSION_AT..BYTES_AT, 0)?;
        memory.store(VERSION_AT, VERSION)?;
        memory.store(CAPACITY_AT, len.saturating_sub(BYTES_AT as u64))?;
        memory.store(0, MAGIC)?;
        let side = Side::of(memory, object, lock, WRITER, READER)?;
        if side.has_peer()? {
            side.memory.store(READER_CAME, 1_u32)?; // one of the queue before, whose word is gone
        }
        Ok(RingWriter { side })
    }
}

/// One side of a queue.
#[derive(Debug)]
struct Side {
    memory: SharedMut,
    object: OwnedFd,
    capacity: u64,
    ours: Words,
    theirs: Words,
    /// How many bytes this side has moved: what stands in the object is for the other.
    position: u64,
    _lock: SideLock,
}

impl Side {
    fn open(object: &(impl MemoryObject + AsFd), ours: Words, theirs: Words) -> Result<Self> {
        let malformed = |at: usize| malformed(object.kind(), at);
        let head = SharedMut::map(&MapOptions::shared().range(0..BYTES_AT as u64), object)?;
        if head.load::<u64>(0)? != MAGIC {
            return Err(malformed(0));
        }
        if head.load::<u32>(VERSION_AT)? != VERSION {
            return Err(malformed(VERSION_AT));
        }
        let capacity = head.load::<u64>(CAPACITY_AT)?;
        if SharedRing::new(capacity).rounded() != Some(capacity) {
            return Err(malformed(CAPACITY_AT));
        }
        drop(head);
        let all = MapOptions::shared().range(0..capacity.saturating_add(BYTES_AT as u64));
        let memory = SharedMut::map(&all, object)?;
        let lock = SideLock::take(object.as_fd(), object.kind(), ours.lock)?;
        memory.store(ours.closed, 0_u32)?;
        Self::of(memory, object, lock, ours, theirs)
    }

    fn of(
        memory: SharedMut,
        object: &(impl MemoryObject + AsFd),
        lock: SideLock,
        ours: Words,
        theirs: Words,
    ) -> Result<Self> {
        let fd = object.as_fd().try_clone_to_owned().map_err(|error| {
            let errno = Errno::from_raw(error.raw_os_error().unwrap_or_default());
            Error::kernel(Operation::Open, object.kind(), errno)
        })?;
        let capacity = (memory.len() as u64).saturating_sub(BYTES_AT as u64);
        let position = memory.load(ours.position)?;
        let side = Self { memory, object: fd, capacity, ours, theirs, position, _lock: lock };
        side.filled()?;
        Ok(side)
    }

    /// Q1: how many bytes are in the queue.
    fn filled(&self) -> Result<u64> {
        let other = self.memory.load::<u64>(self.theirs.position)?;
        let filled = match self.ours.lock == WRITER.lock {
            true => self.position.wrapping_sub(other),
            false => other.wrapping_sub(self.position),
        };
        let kind = self.memory.kind();
        (filled <= self.capacity)
            .then_some(filled)
            .ok_or_else(|| malformed(kind, self.theirs.position))
    }

    /// Copies so many bytes at most, in two parts where they run over the end. Answers how many.
    fn copy(
        &self,
        most: u64,
        wanted: usize,
        mut part: impl FnMut(usize, core::ops::Range<usize>) -> Result<()>,
    ) -> Result<usize> {
        let count = usize::try_from(most).unwrap_or(usize::MAX).min(wanted);
        let start = self.position & self.capacity.wrapping_sub(1);
        let first = usize::try_from(self.capacity.saturating_sub(start)).unwrap_or(usize::MAX);
        let first = first.min(count);
        let start = usize::try_from(start).unwrap_or(usize::MAX);
        part(BYTES_AT.saturating_add(start), 0..first)?;
        if first < count {
            part(BYTES_AT, first..count)?;
        }
        Ok(count)
    }

    /// Tells the other side that so many bytes were moved.
    fn moved(&mut self, count: usize) -> Result<()> {
        self.position = self.position.wrapping_add(count as u64);
        self.memory.store(self.ours.position, self.position)?;
        self.ring()
    }

    fn ring(&self) -> Result<()> {
        let bell = self.memory.atomic_u32(self.ours.bell)?;
        bell.store(bell.load(Ordering::Relaxed).wrapping_add(1), Ordering::Release);
        fence(Ordering::SeqCst); // Q2
        let waits = self.memory.atomic_u32(self.ours.waited_for)?;
        if waits.load(Ordering::Relaxed) != 0 {
            waits.store(0, Ordering::Relaxed);
            self.memory.wake_u32(self.ours.bell, u32::MAX)?;
        }
        Ok(())
    }

    fn close(&self) {
        let close = || {
            self.memory.store(self.ours.closed, 1_u32)?;
            self.ring()
        };
        let _untold: Result<()> = close(); // where the object is gone, nobody is there to be told
    }

    fn is_closed(&self) -> Result<bool> {
        Ok(self.memory.load::<u32>(self.theirs.closed)? != 0)
    }

    fn has_peer(&self) -> Result<bool> {
        lock::is_held(&self.object, self.memory.kind(), self.theirs.lock)
    }

    /// Moves bytes, or waits until some can be moved.
    fn wait(
        &mut self,
        timeout: Option<Duration>,
        mut try_once: impl FnMut(&mut Self) -> Result<usize>,
    ) -> Result<Moved> {
        let end = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let (mut sleeps, mut looks) = (0_u32, timeout.is_some_and(|timeout| timeout.is_zero()));
        loop {
            let bell = self.memory.load::<u32>(self.theirs.bell)?;
            let count = try_once(self)?;
            if count > 0 {
                return Ok(Moved::Bytes(count));
            }
            let ended = match self.is_closed()? {
                true => Some(Moved::Closed),
                false if looks && self.is_peer_dead()? => Some(Moved::PeerDied),
                false => None,
            };
            let waits = self.memory.atomic_u32(self.theirs.waited_for)?;
            waits.store(1, Ordering::Relaxed);
            fence(Ordering::SeqCst); // Q2
            let count = try_once(self)?; // also what it did just before it ended
            match ended {
                _ if count > 0 => return Ok(Moved::Bytes(count)),
                Some(ended) => return Ok(ended),
                None => {}
            }
            let left = match end {
                Some(end) => end.saturating_duration_since(Instant::now()),
                None => LOOK,
            };
            if left.is_zero() {
                return Ok(Moved::Nothing);
            }
            let slept = self.memory.wait_once(self.theirs.bell, bell, Some(left.min(LOOK)))?;
            sleeps = sleeps.wrapping_add(1);
            looks = slept == Some(Wait::TimedOut) || sleeps.is_multiple_of(OTHER_SLEEPS);
        }
    }

    /// A reader that has not come yet is not dead.
    fn is_peer_dead(&self) -> Result<bool> {
        let is_writer = self.ours.lock == WRITER.lock;
        let came = !is_writer || self.memory.load::<u32>(READER_CAME)? != 0;
        Ok(came && !self.has_peer()?)
    }
}

fn malformed(kind: ObjectKind, at: usize) -> Error {
    Error::new(Operation::Receive, kind, Cause::Malformed { at: at as u64 })
}

/// The one who writes to a [`SharedRing`]. Dropped, it closes its side; if its process ends without that, the reader
/// notices, by a lock that the kernel drops.
///
/// A child that is forked must neither use it nor drop it.
#[derive(Debug)]
pub struct RingWriter {
    side: Side,
}

impl RingWriter {
    /// Goes on where a writer that was closed or has died ended: after the last byte that a reader may have.
    ///
    /// # Errors
    ///
    /// [`Cause::HasWriter`]; [`Cause::Malformed`] where it is no queue; [`Cause::Range`] where the object is shorter than
    /// it says; those of [`SharedMut::map`].
    pub fn open(object: &(impl MemoryObject + AsFd)) -> Result<Self> {
        Ok(Self { side: Side::open(object, WRITER, READER)? })
    }

    /// Writes as many of the bytes as there is room for, as soon as there is room for one. For ever without a timeout; a
    /// timeout of zero does not wait. A reader that dies is noticed within 50 milliseconds, or when the time is over.
    ///
    /// No bytes are [`Moved::Nothing`].
    ///
    /// # Errors
    ///
    /// [`Cause::Malformed`] where somebody wrote into the object what no reader writes; [`Cause::Truncated`] where it was
    /// made shorter.
    pub fn write(&mut self, bytes: &[u8], timeout: Option<Duration>) -> Result<Moved> {
        if bytes.is_empty() {
            return Ok(Moved::Nothing);
        }
        if self.side.is_closed()? {
            return Ok(Moved::Closed); // nobody would read it
        }
        self.side.wait(timeout, |side| {
            let room = side.capacity.saturating_sub(side.filled()?);
            let put = |at, range| side.memory.write_at(at, bytes.get(range).unwrap_or_default());
            match side.copy(room, bytes.len(), put)? {
                0 => Ok(0),
                count => side.moved(count).map(|()| count),
            }
        })
    }

    /// How many bytes it can hold.
    #[must_use]
    pub const fn capacity(&self) -> u64 {
        self.side.capacity
    }

    /// Whether a reader's process lives and has not closed it.
    ///
    /// # Errors
    ///
    /// What `fcntl` answers.
    pub fn has_reader(&self) -> Result<bool> {
        self.side.has_peer()
    }
}

impl Drop for RingWriter {
    fn drop(&mut self) {
        self.side.close();
    }
}

/// The one who reads from a [`SharedRing`]. Dropped, it closes its side; if its process ends without that, the writer
/// notices. The next reader goes on after the last byte that this one said it had.
///
/// A child that is forked must neither use it nor drop it.
#[derive(Debug)]
pub struct RingReader {
    side: Side,
}

impl RingReader {
    /// Reads what was written and not yet read.
    ///
    /// # Errors
    ///
    /// [`Cause::HasReader`] where another is alive; else those of [`RingWriter::open`].
    pub fn open(object: &(impl MemoryObject + AsFd)) -> Result<Self> {
        let side = Side::open(object, READER, WRITER).map_err(|error| match error.cause() {
            Cause::HasWriter => error.because(Cause::HasReader),
            _ => error,
        })?;
        side.memory.store(READER_CAME, 1_u32)?;
        Ok(Self { side })
    }

    /// Reads as many bytes as there are and fit, as soon as there is one. For ever without a timeout; a timeout of zero does
    /// not wait. A writer that dies is noticed within 50 milliseconds, or when the time is over.
    ///
    /// No room is [`Moved::Nothing`].
    ///
    /// # Errors
    ///
    /// Those of [`RingWriter::write`].
    pub fn read(&mut self, into: &mut [u8], timeout: Option<Duration>) -> Result<Moved> {
        if into.is_empty() {
            return Ok(Moved::Nothing);
        }
        self.side.wait(timeout, |side| {
            let filled = side.filled()?;
            let wanted = into.len();
            let take = |at, range| side.memory.read_at(at, into.get_mut(range).unwrap_or_default());
            match side.copy(filled, wanted, take)? {
                0 => Ok(0),
                count => side.moved(count).map(|()| count),
            }
        })
    }

    /// How many bytes it can hold.
    #[must_use]
    pub const fn capacity(&self) -> u64 {
        self.side.capacity
    }

    /// Whether a writer's process lives and has not closed it.
    ///
    /// # Errors
    ///
    /// What `fcntl` answers.
    pub fn has_writer(&self) -> Result<bool> {
        self.side.has_peer()
    }
}

impl Drop for RingReader {
    fn drop(&mut self) {
        self.side.close();
    }
}
