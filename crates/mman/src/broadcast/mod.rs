//! A broadcast channel in shared memory: one writer, any number of readers in other processes.
//!
//! The layout is in `docs/broadcast-format.md` of the repository.

mod format;
pub(crate) mod lock;
#[cfg(test)]
mod loom_tests;
mod protocol;
mod receiver;
mod sender;

pub use receiver::{Received, Receiver};
pub use sender::Sender;

use crate::error::{Cause, Error, ObjectKind, Operation, Result};
use crate::object::{FixedSize, MemFd, MemoryObject};
use crate::page::RangeError;
use format::Shape;
use std::os::fd::AsFd;

/// A broadcast channel that is to be made: how many messages it keeps, and how long they may be.
///
/// The [`Sender`] never waits: the newest message takes the place of the oldest. A [`Receiver`] that is too slow for that
/// is told how many it missed. Receivers are any number, in any process that has the object, and they cannot harm the
/// sender or each other: they only read it, but for one word by which they say that somebody waits. A receiver that is
/// stopped, killed or hostile costs the sender a system call for each message, at most.
///
/// Who can open the object for writing can write anything into it. A receiver takes nothing there on trust: what is no
/// channel is [`Cause::Malformed`], and a message is never longer than the channel allows. It can still be a message that
/// the sender did not send. So give receivers the object read-only where they are not trusted, or a name that they may
/// only read ([`ShmOptions::mode`](crate::ShmOptions::mode)); they then look for news every millisecond
/// instead of being woken.
///
/// ```
/// use mman::{Broadcast, Received, Receiver};
/// use std::time::Duration;
///
/// // 64 messages of up to 1000 bytes, in a memfd, whose descriptor other processes can be given.
/// let (mut sender, object) = Broadcast::new(64, 1000).create()?;
/// let mut receiver = Receiver::open(&object)?;
/// let mut message = Vec::new();
/// assert_eq!(receiver.try_recv(&mut message)?, Received::Nothing);
///
/// sender.send(b"hello")?;
/// let received = receiver.recv(&mut message, Some(Duration::from_secs(1)))?;
/// assert_eq!(received, Received::Message { number: 0 });
/// assert_eq!(message, b"hello");
///
/// for _ in 0..100 {
///     sender.send(b"faster than it reads")?;
/// }
/// assert_eq!(receiver.try_recv(&mut message)?, Received::Missed { count: 37 });
///
/// drop(sender);
/// while receiver.recv(&mut message, None)? != Received::Closed {}
/// # Ok::<(), mman::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "nothing is made until `create` or `create_in` is called"]
pub struct Broadcast {
    slots: u32,
    longest: u32,
}

impl Broadcast {
    /// A channel that keeps so many messages (a power of two, 2 to 2^20), each of at most `longest` bytes (at most 2^30).
    /// A message can still be read while it is among the last `messages - 1`.
    pub const fn new(messages: u32, longest: u32) -> Self {
        Self { slots: messages, longest }
    }

    fn shape(self, kind: ObjectKind) -> Result<Shape> {
        // What cannot be is said as a range: from 2 to 2^20.
        let error = RangeError::EndsPastEnd { end: self.slots.into(), len: 1 << 20 };
        let refused = || Error::new(Operation::Create, kind, Cause::Range(error));
        Shape::new(self.slots, self.longest).ok_or_else(refused)
    }

    /// How long the object has to be, in bytes.
    ///
    /// # Errors
    ///
    /// [`Cause::Range`] for numbers that [`new`](Self::new) does not allow.
    pub fn object_len(self) -> Result<u64> {
        Ok(self.shape(ObjectKind::Other)?.len())
    }

    /// Makes the channel in a memfd of its own, which nobody can make shorter.
    ///
    /// # Errors
    ///
    /// Those of [`object_len`](Self::object_len), [`MemFd::new`] and [`create_in`](Self::create_in).
    pub fn create(self) -> Result<(Sender, MemFd<FixedSize>)> {
        let memory = MemFd::new(self.shape(ObjectKind::MemFd)?.len())?.fix_size()?;
        Ok((self.create_in(&memory)?, memory))
    }

    /// Makes the channel at the start of an object, over whatever stood there.
    ///
    /// # Errors
    ///
    /// [`Cause::HasWriter`] where a sender is alive in it; [`Cause::Range`] where it is too short; those of
    /// [`object_len`](Self::object_len) and [`SharedMut::map`](crate::SharedMut::map); [`Cause::SignalTaken`] where
    /// the view cannot be guarded.
    pub fn create_in(self, object: &(impl MemoryObject + AsFd)) -> Result<Sender> {
        Sender::create(self.shape(object.kind())?, object)
    }
}
