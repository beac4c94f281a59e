//! Where everything stands in the object: the numbers of `docs/broadcast-format.md`.

use crate::error::{Cause, Error, ObjectKind, Operation, Result};
use crate::page::RangeError;
use crate::view::Shared;

/// `mmanbcst`, as the bytes stand.
pub(super) const MAGIC: u64 = u64::from_ne_bytes(*b"mmanbcst");
pub(super) const VERSION: u32 = 1;

pub(super) const MAGIC_AT: usize = 0;
pub(super) const VERSION_AT: usize = 8;
pub(super) const SLOTS_AT: usize = 12;
pub(super) const LONGEST_AT: usize = 16;
pub(super) const STRIDE_AT: usize = 20;
pub(super) const HEAD_AT: usize = 64;
pub(super) const BELL_AT: usize = 72;
pub(super) const CLOSED_AT: usize = 76;
/// On a page of its own: the one word that readers write.
pub(super) const WAITERS_AT: usize = 4096;
pub(super) const SLOTS_START: usize = 8192;

/// In a slot: the stamp, the length, the bytes.
pub(super) const LENGTH_IN_SLOT: usize = 8;
pub(super) const BYTES_IN_SLOT: usize = 16;

const LINE: usize = 64;
const MOST_SLOTS: u32 = 1 << 20;
const LONGEST: u32 = 1 << 30;

/// How many slots, and of which size. The numbers are possible ones: made by [`Shape::new`] only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) slots: u32,
    pub(super) longest: u32,
    pub(super) stride: u32,
}

impl Shape {
    /// `None` where that cannot be.
    pub(super) fn new(slots: u32, longest: u32) -> Option<Self> {
        if !(2..=MOST_SLOTS).contains(&slots) || !slots.is_power_of_two() || longest > LONGEST {
            return None;
        }
        let stride =
            longest.checked_add(16)?.checked_next_multiple_of(u32::try_from(LINE).ok()?)?;
        Some(Self { slots, longest, stride })
    }

    /// The length of the whole in bytes: at most 2^51.
    pub(super) fn len(self) -> u64 {
        let slots = u64::from(self.slots).saturating_mul(self.stride.into());
        slots.saturating_add(SLOTS_START as u64)
    }

    /// Where a slot begins. It is in the object, whatever the number.
    pub(super) fn slot(self, number: u64) -> usize {
        let slot = number & u64::from(self.slots.wrapping_sub(1));
        let at = slot.wrapping_mul(self.stride.into()).wrapping_add(SLOTS_START as u64);
        usize::try_from(at).unwrap_or(usize::MAX) // 64 bits: never; and no view is that long
    }

    /// What an object says of itself.
    pub(super) fn read(memory: &Shared) -> Result<Self> {
        if memory.load::<u64>(MAGIC_AT)? != MAGIC {
            return Err(malformed(memory.kind(), MAGIC_AT));
        }
        if memory.load::<u32>(VERSION_AT)? != VERSION {
            return Err(malformed(memory.kind(), VERSION_AT));
        }
        let slots = memory.load(SLOTS_AT)?;
        let longest = memory.load(LONGEST_AT)?;
        let shape = Self::new(slots, longest);
        let shape = shape.ok_or_else(|| malformed(memory.kind(), SLOTS_AT))?;
        if memory.load::<u32>(STRIDE_AT)? != shape.stride {
            return Err(malformed(memory.kind(), STRIDE_AT));
        }
        Ok(shape)
    }
}

pub(super) fn malformed(kind: ObjectKind, at: usize) -> Error {
    Error::new(Operation::Receive, kind, Cause::Malformed { at: at as u64 })
}

pub(super) fn too_long(kind: ObjectKind, len: usize, longest: u32) -> Error {
    let error = RangeError::EndsPastEnd { end: len as u64, len: longest.into() };
    Error::new(Operation::Send, kind, Cause::Range(error))
}
