//! The writer of a broadcast channel.

use super::format::{self, Shape};
use super::lock::{self, SideLock};
use super::protocol::{self, Memory, MemoryMut};
use crate::error::Result;
use crate::object::MemoryObject;
use crate::options::MapOptions;
use crate::view::{SharedAtomic, SharedMut};
use core::sync::atomic::{Ordering, fence};
use std::os::fd::AsFd;

/// The one who sends in a [`Broadcast`](super::Broadcast) channel.
///
/// When it is dropped the channel is closed. If its process ends without that, by whatever signal, receivers notice too:
/// the sender holds a lock on the object by an open file description of its own (`F_OFD_SETLK`), which the kernel drops.
/// A child that it forks has that description as well, and keeps the lock until it ends or calls `exec`; it must neither
/// use the sender nor drop it.
#[derive(Debug)]
pub struct Sender {
    memory: Slots,
    next: u64,
    _lock: SideLock,
}

/// The whole object, for writing.
#[derive(Debug)]
struct Slots {
    memory: SharedMut,
    shape: Shape,
}

impl Sender {
    pub(super) fn create(shape: Shape, object: &(impl MemoryObject + AsFd)) -> Result<Self> {
        let memory = map(shape, object)?;
        let lock = SideLock::take(object.as_fd(), object.kind(), lock::WRITER)?;
        memory.store(format::MAGIC_AT, 0_u64)?; // no channel, until it is whole
        memory.fill(format::VERSION_AT..format::SLOTS_START, 0)?;
        for slot in 0..u64::from(shape.slots) {
            memory.store(shape.slot(slot), 0_u64)?;
        }
        memory.store(format::VERSION_AT, format::VERSION)?;
        memory.store(format::SLOTS_AT, shape.slots)?;
        memory.store(format::LONGEST_AT, shape.longest)?;
        memory.store(format::STRIDE_AT, shape.stride)?;
        memory.store(format::MAGIC_AT, format::MAGIC)?;
        Ok(Self { memory: Slots { memory, shape }, next: 0, _lock: lock })
    }

    /// Goes on as the sender of a channel whose sender has closed it or died: with the number after the last message.
    ///
    /// # Errors
    ///
    /// [`Cause::HasWriter`](crate::Cause::HasWriter); [`Cause::Malformed`](crate::Cause::Malformed) where it is no
    /// channel; those of [`SharedMut::map`].
    pub fn resume(object: &(impl MemoryObject + AsFd)) -> Result<Self> {
        let shape = super::receiver::shape_of(object)?;
        let memory = map(shape, object)?;
        let lock = SideLock::take(object.as_fd(), object.kind(), lock::WRITER)?;
        let next = memory.load::<u64>(format::HEAD_AT)?;
        if next >= protocol::END_OF_NUMBERS {
            return Err(format::malformed(object.kind(), format::HEAD_AT));
        }
        memory.store(format::CLOSED_AT, 0_u32)?;
        let mut sender = Self { memory: Slots { memory, shape }, next, _lock: lock };
        let slots = u64::from(shape.slots);
        if protocol::is_there(&sender.memory, slots, next)? {
            // The one before us ended between the stamp and the number: readers may have that message.
            sender.next = next.saturating_add(1);
            sender.memory.set_head(sender.next)?;
        }
        Ok(sender)
    }

    /// Sends a message, and answers its number, counted from 0. It never waits. Who waits is woken.
    ///
    /// # Errors
    ///
    /// [`Cause::Range`](crate::Cause::Range) for a message that is too long;
    /// [`Cause::Truncated`](crate::Cause::Truncated) where somebody made the object shorter.
    pub fn send(&mut self, message: &[u8]) -> Result<u64> {
        let Slots { memory, shape } = &self.memory;
        if message.len() as u64 > u64::from(shape.longest) {
            return Err(format::too_long(memory.kind(), message.len(), shape.longest));
        }
        let number = self.next;
        let somebody_waits = protocol::publish(&self.memory, shape.slots.into(), number, message)?;
        self.next = number.saturating_add(1);
        if somebody_waits {
            self.memory.wake()?;
        }
        Ok(number)
    }

    /// The longest message in bytes.
    #[must_use]
    pub const fn longest(&self) -> u32 {
        self.memory.shape.longest
    }
}

impl Drop for Sender {
    /// Closes the channel. Where the object is gone, so are its readers' hopes: an error has nobody to be told to.
    fn drop(&mut self) {
        let close = || {
            self.memory.memory.store(format::CLOSED_AT, 1_u32)?;
            protocol::announce(&self.memory)?;
            self.memory.wake()
        };
        let _untold = close();
    }
}

fn map(shape: Shape, object: &impl MemoryObject) -> Result<SharedMut> {
    SharedMut::map(&MapOptions::shared().range(0..shape.len()), object)
}

impl Slots {
    fn wake(&self) -> Result<()> {
        self.memory.wake_u32(format::BELL_AT, u32::MAX).map(drop)
    }

    fn atomic(&self, at: usize) -> Result<SharedAtomic<'_, u32>> {
        self.memory.atomic_u32(at)
    }
}

impl Memory for Slots {
    type Error = crate::Error;

    fn head(&self) -> Result<u64> {
        self.memory.load(format::HEAD_AT)
    }

    fn stamp(&self, slot: u64) -> Result<u64> {
        self.memory.load(self.shape.slot(slot))
    }

    fn read(&self, slot: u64, into: &mut Vec<u8>) -> Result<bool> {
        super::receiver::read(&self.memory, self.shape, slot, into)
    }

    fn fence(order: Ordering) {
        fence(order);
    }
}

impl MemoryMut for Slots {
    fn set_head(&self, head: u64) -> Result<()> {
        self.memory.store(format::HEAD_AT, head)
    }

    fn set_stamp(&self, slot: u64, stamp: u64) -> Result<()> {
        self.memory.store(self.shape.slot(slot), stamp)
    }

    fn write(&self, slot: u64, bytes: &[u8]) -> Result<()> {
        let at = self.shape.slot(slot);
        let len = u32::try_from(bytes.len())
            .map_err(|_| format::too_long(self.memory.kind(), bytes.len(), self.shape.longest))?;
        self.memory.store(at.wrapping_add(format::LENGTH_IN_SLOT), len)?;
        self.memory.write_at(at.wrapping_add(format::BYTES_IN_SLOT), bytes)
    }

    /// No reader writes it: if one does, another may sleep until it looks by itself.
    fn ring_bell(&self) -> Result<()> {
        let bell = self.atomic(format::BELL_AT)?;
        bell.store(bell.load(Ordering::Relaxed).wrapping_add(1), Ordering::Release);
        Ok(())
    }

    fn take_waiters(&self) -> Result<bool> {
        let waiters = self.atomic(format::WAITERS_AT)?;
        let somebody = waiters.load(Ordering::Relaxed) != 0;
        if somebody {
            waiters.store(0, Ordering::Relaxed);
        }
        Ok(somebody)
    }
}
