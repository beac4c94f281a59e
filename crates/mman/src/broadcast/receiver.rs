//! A reader of a broadcast channel.

use super::format::{self, Shape};
use super::lock;
use super::protocol::{self, Memory, Taken};
use crate::error::{Error, Operation, Result};
use crate::object::MemoryObject;
use crate::options::MapOptions;
use crate::view::{Shared, SharedMut, Wait};
use core::sync::atomic::{Ordering, fence};
use core::time::Duration;
use mman_sys::Errno;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Instant;

/// How long a receiver sleeps before it looks whether the sender is alive.
const LOOK: Duration = Duration::from_millis(50);
/// How long it sleeps where nobody can be told that it does.
const NAP: Duration = Duration::from_millis(1);
/// How often it is woken for nothing before it looks nevertheless.
const OTHER_SLEEPS: u32 = 64;
/// How often a receiver that spins looks at the clock.
const SPINS: u32 = 256;

/// What a receiver was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received {
    /// The next message: its bytes are in the buffer.
    Message {
        /// Its number, counted from the first of the channel.
        number: u64,
    },
    /// So many messages were overwritten before this receiver came to them. The next one comes with the next call.
    Missed {
        /// How many.
        count: u64,
    },
    /// There is none yet, or the time is over.
    Nothing,
    /// The sender has closed the channel, and all that it sent was received.
    Closed,
    /// The sender's process has ended without closing it, and all that it sent was received. Another may
    /// [`resume`](super::Sender::resume): then messages come again.
    SenderDied,
}

/// One who receives from a [`Broadcast`](super::Broadcast) channel: each message once, in their order.
///
/// Nothing in the object is believed: see there. A message that is being overwritten is never given out.
#[derive(Debug)]
pub struct Receiver {
    memory: View,
    /// The page with the word that says that somebody waits, where it may be written.
    waiters: Option<SharedMut>,
    object: OwnedFd,
    next: u64,
}

/// The whole object, for reading.
#[derive(Debug)]
struct View {
    memory: Shared,
    shape: Shape,
}

/// What an object says of itself, which is checked.
pub(super) fn shape_of(object: &impl MemoryObject) -> Result<Shape> {
    let head = MapOptions::shared().range(0..format::SLOTS_START as u64);
    Shape::read(&Shared::map(&head, object)?)
}

impl Receiver {
    /// Begins with the message that is sent next.
    ///
    /// # Errors
    ///
    /// [`Cause::Malformed`](crate::Cause::Malformed) where it is no channel; [`Cause::Range`](crate::Cause::Range) where
    /// it is shorter than it says; those of [`Shared::map`]; [`Cause::SignalTaken`](crate::Cause::SignalTaken) where the
    /// view cannot be guarded.
    pub fn open(object: &(impl MemoryObject + AsFd)) -> Result<Self> {
        let shape = shape_of(object)?;
        let memory = Shared::map(&MapOptions::shared().range(0..shape.len()), object)?;
        let memory = View { memory, shape };
        let next = memory.head()?;
        if next >= protocol::END_OF_NUMBERS {
            return Err(format::malformed(object.kind(), format::HEAD_AT));
        }
        let page = format::WAITERS_AT as u64..format::SLOTS_START as u64;
        let waiters = SharedMut::map(&MapOptions::shared().range(page).sparse(), object);
        let object = object.as_fd().try_clone_to_owned().map_err(|error| {
            let errno = Errno::from_raw(error.raw_os_error().unwrap_or_default());
            Error::kernel(Operation::Open, memory.memory.kind(), errno)
        })?;
        Ok(Self { memory, waiters: waiters.ok(), object, next })
    }

    /// Goes back (or on) to the oldest message that is still there.
    ///
    /// # Errors
    ///
    /// [`Cause::Malformed`](crate::Cause::Malformed), [`Cause::Truncated`](crate::Cause::Truncated).
    pub fn rewind(&mut self) -> Result<()> {
        let head = self.memory.head()?;
        if head >= protocol::END_OF_NUMBERS {
            return Err(self.malformed(format::HEAD_AT));
        }
        self.next = protocol::oldest(head, self.memory.shape.slots.into());
        Ok(())
    }

    /// The number of the message that comes next.
    #[must_use]
    pub const fn next_number(&self) -> u64 {
        self.next
    }

    /// Whether the sender wakes this receiver. Where the object may not be written it is not told who waits, and
    /// [`recv`](Self::recv) looks for news every millisecond.
    #[must_use]
    pub const fn is_woken(&self) -> bool {
        self.waiters.is_some()
    }

    /// Whether a sender has the channel: its process lives, and it has not closed it.
    ///
    /// # Errors
    ///
    /// What `fcntl` answers.
    pub fn has_sender(&self) -> Result<bool> {
        lock::is_held(&self.object, self.memory.memory.kind(), lock::WRITER)
    }

    /// The next message, if it is there: it replaces what is in the buffer. A sender that died is not noticed here, see
    /// [`has_sender`](Self::has_sender).
    ///
    /// # Errors
    ///
    /// [`Cause::Malformed`](crate::Cause::Malformed) where somebody wrote into the object what no sender writes;
    /// [`Cause::Truncated`](crate::Cause::Truncated) where it was made shorter.
    pub fn try_recv(&mut self, message: &mut Vec<u8>) -> Result<Received> {
        match self.take(message)? {
            Received::Nothing if self.is_closed()? => {
                // It was closed after the last message, which may have come just before.
                Ok(match self.take(message)? {
                    Received::Nothing => Received::Closed,
                    news => news,
                })
            }
            found => Ok(found),
        }
    }

    /// Waits for the next message, asleep until the sender wakes it: for ever without a timeout. A sender that dies is
    /// noticed within 50 milliseconds, or when the time is over.
    ///
    /// # Errors
    ///
    /// Those of [`try_recv`](Self::try_recv).
    pub fn recv(&mut self, message: &mut Vec<u8>, timeout: Option<Duration>) -> Result<Received> {
        let mut end = None;
        let mut sleeps = 0_u32;
        loop {
            let bell = self.memory.memory.load::<u32>(format::BELL_AT)?;
            let mut found = self.try_recv(message)?;
            if found == Received::Nothing && self.say_that_it_waits()? {
                found = self.try_recv(message)?; // B4
            }
            if found != Received::Nothing {
                return Ok(found);
            }
            let left = match timeout {
                None => LOOK,
                Some(timeout) => {
                    let now = Instant::now();
                    let end = *end.get_or_insert_with(|| now.checked_add(timeout));
                    end.map_or(LOOK, |end| end.saturating_duration_since(now))
                }
            };
            if left.is_zero() {
                return self.at_the_end(message);
            }
            let longest = if self.is_woken() { LOOK } else { NAP };
            let memory = &self.memory.memory;
            let slept = memory.wait_once(format::BELL_AT, bell, Some(left.min(longest)))?;
            sleeps = sleeps.wrapping_add(1);
            if slept == Some(Wait::TimedOut) || sleeps.is_multiple_of(OTHER_SLEEPS) {
                let found = self.at_the_end(message)?;
                if found != Received::Nothing {
                    return Ok(found);
                }
            }
        }
    }

    /// As [`recv`](Self::recv), but awake: it looks again and again, which takes a whole processor and hears of a message
    /// some ten times sooner.
    ///
    /// # Errors
    ///
    /// Those of [`try_recv`](Self::try_recv).
    pub fn spin(&mut self, message: &mut Vec<u8>, timeout: Option<Duration>) -> Result<Received> {
        let mut clock: Option<(Option<Instant>, Instant)> = None;
        loop {
            for _ in 0..SPINS {
                if protocol::is_there(&self.memory, self.memory.shape.slots.into(), self.next)? {
                    break;
                }
                core::hint::spin_loop();
            }
            let found = self.take(message)?;
            if found != Received::Nothing {
                return Ok(found);
            }
            let now = Instant::now();
            let begin = || (timeout.and_then(|timeout| now.checked_add(timeout)), now);
            let (end, looked) = clock.get_or_insert_with(begin);
            let is_over = end.is_some_and(|end| end <= now);
            if is_over || now.saturating_duration_since(*looked) >= LOOK {
                *looked = now;
                let found = self.at_the_end(message)?;
                if is_over || found != Received::Nothing {
                    return Ok(found);
                }
            } else if self.is_closed()? {
                return self.try_recv(message);
            }
        }
    }

    /// Nothing came for a while: is there a sender at all?
    fn at_the_end(&mut self, message: &mut Vec<u8>) -> Result<Received> {
        let has_sender = self.has_sender()?;
        // What it sent before it ended is there now.
        Ok(match self.try_recv(message)? {
            Received::Nothing if !has_sender => Received::SenderDied,
            found => found,
        })
    }

    fn is_closed(&self) -> Result<bool> {
        Ok(self.memory.memory.load::<u32>(format::CLOSED_AT)? != 0)
    }

    /// B4: `false` where nobody can be told.
    fn say_that_it_waits(&self) -> Result<bool> {
        let Some(page) = &self.waiters else { return Ok(false) };
        page.atomic_u32(0)?.store(1, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        Ok(true)
    }

    fn take(&mut self, message: &mut Vec<u8>) -> Result<Received> {
        let slots = self.memory.shape.slots.into();
        let number = self.next;
        let taken = protocol::take(&self.memory, slots, number, message)?;
        if taken != Taken::Message {
            message.clear();
        }
        match taken {
            Taken::Message => {
                self.next = number.saturating_add(1);
                Ok(Received::Message { number })
            }
            Taken::Nothing => Ok(Received::Nothing),
            Taken::Missed(count) => {
                self.next = number.saturating_add(count);
                Ok(Received::Missed { count })
            }
            Taken::BadHead => Err(self.malformed(format::HEAD_AT)),
            Taken::BadSlot => Err(self.malformed(self.memory.shape.slot(number))),
        }
    }

    fn malformed(&self, at: usize) -> Error {
        format::malformed(self.memory.memory.kind(), at)
    }
}

/// Copies the bytes of a slot out. The length is whatever stands there: it is checked, and never believed before the
/// stamp was looked at again.
pub(super) fn read(memory: &Shared, shape: Shape, slot: u64, into: &mut Vec<u8>) -> Result<bool> {
    let at = shape.slot(slot);
    let len = memory.load::<u32>(at.wrapping_add(format::LENGTH_IN_SLOT))?;
    let Ok(bytes) = usize::try_from(len) else { return Ok(false) };
    if len > shape.longest {
        return Ok(false);
    }
    if bytes > into.len() {
        let more = bytes.saturating_sub(into.len());
        let no_memory = |_| Error::kernel(Operation::Receive, memory.kind(), Errno::ENOMEM);
        into.try_reserve(more).map_err(no_memory)?;
    }
    into.resize(bytes, 0);
    memory.read_at(at.wrapping_add(format::BYTES_IN_SLOT), into)?;
    Ok(true)
}

impl Memory for View {
    type Error = Error;

    fn head(&self) -> Result<u64> {
        self.memory.load(format::HEAD_AT)
    }

    fn stamp(&self, slot: u64) -> Result<u64> {
        self.memory.load(self.shape.slot(slot))
    }

    fn read(&self, slot: u64, into: &mut Vec<u8>) -> Result<bool> {
        read(&self.memory, self.shape, slot, into)
    }

    fn fence(order: Ordering) {
        fence(order);
    }
}
