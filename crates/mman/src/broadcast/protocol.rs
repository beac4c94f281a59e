//! How one writer publishes in slots that are used again and again, and what a reader takes for whole.
//!
//! - B1: the stamp of a slot is `2n + 1` while message `n` is written into it and `2n + 2` once that is whole. A reader
//!   compares it before and after the copy: what it delivers was whole all the while.
//! - B2: the number of messages is stored after the stamp of the last one. Who sees the number finds a stamp at least as
//!   high: a lower one is no writer of this format.
//! - B3: the writer reads nothing that a reader can write but one word, which costs it a call at most: no reader can make
//!   it wait.
//! - B4: a reader says that it is about to wait, then looks for news once more; the writer publishes, then looks whether
//!   somebody waits. With a full fence between the two on both sides, one of them sees the other.

use core::sync::atomic::Ordering::{self, Acquire, Release, SeqCst};

/// Numbers from here on are no numbers of messages: stamps are twice as high.
pub(super) const END_OF_NUMBERS: u64 = 1 << 62;

/// The shared memory, as the protocol uses it. Loads acquire and stores release.
pub(super) trait Memory {
    type Error;
    fn head(&self) -> Result<u64, Self::Error>;
    fn stamp(&self, slot: u64) -> Result<u64, Self::Error>;
    /// Copies length and bytes of a slot out; `false` for a length that no message has. The order of the loads is any.
    fn read(&self, slot: u64, into: &mut Vec<u8>) -> Result<bool, Self::Error>;
    fn fence(order: Ordering);
}

/// What the writer has of it beside that.
pub(super) trait MemoryMut: Memory {
    fn set_head(&self, head: u64) -> Result<(), Self::Error>;
    fn set_stamp(&self, slot: u64, stamp: u64) -> Result<(), Self::Error>;
    fn write(&self, slot: u64, bytes: &[u8]) -> Result<(), Self::Error>;
    /// Changes the word that readers wait on.
    fn ring_bell(&self) -> Result<(), Self::Error>;
    /// Whether somebody has said that it waits, which is taken back.
    fn take_waiters(&self) -> Result<bool, Self::Error>;
}

/// What a reader finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// The message that was wanted.
    Message,
    /// Nothing yet.
    Nothing,
    /// So many were overwritten before they could be read.
    Missed(u64),
    /// The number of messages cannot be.
    BadHead,
    /// The slot cannot be of a message that is published.
    BadSlot,
}

/// Puts message `number` into its slot and makes it the last one. Answers whether somebody is to be woken.
pub(super) fn publish<M: MemoryMut>(
    memory: &M,
    slots: u64,
    number: u64,
    bytes: &[u8],
) -> Result<bool, M::Error> {
    let slot = number & slots.wrapping_sub(1);
    let twice = number.wrapping_mul(2);
    memory.set_stamp(slot, twice.wrapping_add(1))?;
    M::fence(Release); // who reads a byte of this message, and fences, finds that stamp or a later one
    memory.write(slot, bytes)?;
    memory.set_stamp(slot, twice.wrapping_add(2))?;
    memory.set_head(number.wrapping_add(1))?;
    announce(memory)
}

/// Tells readers that there is news; whether one of them is to be woken.
pub(super) fn announce<M: MemoryMut>(memory: &M) -> Result<bool, M::Error> {
    memory.ring_bell()?;
    M::fence(SeqCst); // B4
    memory.take_waiters()
}

/// Whether it is worth looking closer: one load, of the line that the message begins in.
#[inline]
pub(super) fn is_there<M: Memory>(memory: &M, slots: u64, wanted: u64) -> Result<bool, M::Error> {
    let stamp = memory.stamp(wanted & slots.wrapping_sub(1))?;
    Ok(stamp >= wanted.wrapping_mul(2).wrapping_add(2))
}

/// Takes message `wanted` out, if it is there. Where it is, its stamp says so, and nothing else is looked at.
pub(super) fn take<M: Memory>(
    memory: &M,
    slots: u64,
    wanted: u64,
    into: &mut Vec<u8>,
) -> Result<Taken, M::Error> {
    let slot = wanted & slots.wrapping_sub(1);
    let whole = wanted.wrapping_mul(2).wrapping_add(2);
    let mut before = memory.stamp(slot)?;
    if before < whole {
        match memory.head()? {
            head if is_bad(head, wanted) => return Ok(Taken::BadHead),
            head if head <= wanted => return Ok(Taken::Nothing),
            _ => before = memory.stamp(slot)?, // B2: it came meanwhile
        }
        if before < whole {
            return Ok(Taken::BadSlot);
        }
    }
    if before > whole {
        return missed(memory, slots, wanted);
    }
    let is_length = memory.read(slot, into)?;
    M::fence(Acquire); // the stamp is looked at again after the bytes
    match memory.stamp(slot)? {
        after if after != whole => missed(memory, slots, wanted),
        _ if is_length => Ok(Taken::Message),
        _ => Ok(Taken::BadSlot),
    }
}

/// How many are lost, from `wanted` on, whose slot was used again: up to the oldest that nothing is written over.
fn missed<M: Memory>(memory: &M, slots: u64, wanted: u64) -> Result<Taken, M::Error> {
    let head = memory.head()?;
    if is_bad(head, wanted) {
        return Ok(Taken::BadHead);
    }
    let oldest = oldest(head, slots);
    Ok(Taken::Missed(oldest.saturating_sub(wanted).max(1)))
}

/// A message can be taken a moment before the number of messages says so: that is one behind then.
const fn is_bad(head: u64, wanted: u64) -> bool {
    head >= END_OF_NUMBERS || head.wrapping_add(1) < wanted
}

/// The oldest message that is not being overwritten by the one that comes next.
pub(super) fn oldest(head: u64, slots: u64) -> u64 {
    head.saturating_sub(slots.saturating_sub(1))
}
