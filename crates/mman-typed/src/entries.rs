//! Slots, their blocks, and the entries in them: the true part of the table, from which the rest follows.
//!
//! ```text
//!            claim (has the lock of its byte)          found dead (nobody has the lock of its byte)
//!   FREE ------------------------------------> LIVE ----------------------------------------> DEAD
//!     ^                                          |                                              |
//!     |              leave (empty)               |       drained, block by block                |
//!     +------------------------------------------+----------------------------------------------+
//! ```
//!
//! - E1: an entry is one word, `first unit << 32 | units`, or 0: written by one store, so it is there or not.
//! - E2: an entry counts iff its block has an owner whose slot is not FREE.
//! - E3: only the slot's own process writes its entries, and who drains it when it is DEAD.
//! - E4: a unit that loses its last entry is emptied before that entry goes: what is free holds no bytes of anybody.

use crate::damage::Damage;
use crate::layout::{BLOCK, BLOCKS, SLOTS, head, owner_word, slot, slot_word};
use crate::memory::Memory;
use crate::number::{size, word};
use crate::space::{Refused, Table};
use core::ops::Range;

/// An entry of a range.
pub(crate) fn entry_of(range: &Range<usize>) -> u64 {
    (word(range.start) << 32) | word(range.len())
}

/// The range of an entry; empty where it is none.
pub(crate) fn range_of(entry: u64) -> Range<usize> {
    let start = size(entry >> 32);
    start..start.saturating_add(size(entry & 0xffff_ffff))
}

/// Who has a slot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Who {
    pub(crate) process: i32,
    pub(crate) started: u64,
    pub(crate) namespace: u64,
}

impl<M: Memory> Table<M> {
    pub(crate) fn state(&self, slot: usize) -> u64 {
        self.memory.load(slot_word(slot, slot::STATE))
    }

    pub(crate) fn set_state(&self, slot: usize, state: u64) {
        self.memory.store(slot_word(slot, slot::STATE), state);
    }

    pub(crate) fn who(&self, slot: usize) -> Who {
        let load = |field| self.memory.load(slot_word(slot, field));
        let process = i32::try_from(load(slot::PROCESS)).unwrap_or(0);
        Who { process, started: load(slot::STARTED), namespace: load(slot::NAMESPACE) }
    }

    /// Makes a free slot live. Who calls has the lock of the slot's byte, which makes it the only one.
    pub(crate) fn claim(&self, slot: usize, who: Who) {
        let store = |field, value| self.memory.store(slot_word(slot, field), value);
        store(slot::PROCESS, u64::try_from(who.process).unwrap_or(0));
        store(slot::STARTED, who.started);
        store(slot::NAMESPACE, who.namespace);
        let claims = self.memory.load(slot_word(slot, slot::CLAIMS));
        store(slot::CLAIMS, claims.wrapping_add(1) & 0xffff_ffff);
        self.set_state(slot, slot::LIVE);
    }

    pub(crate) fn entry(&self, index: usize) -> u64 {
        self.layout.entry(index).map_or(0, |at| self.memory.load(at))
    }

    pub(crate) fn set_entry(&self, index: usize, entry: u64) {
        if let Some(at) = self.layout.entry(index) {
            self.memory.store(at, entry);
        }
    }

    /// Whether an entry could be one of this pool.
    pub(crate) fn is_possible(&self, entry: u64) -> bool {
        let range = range_of(entry);
        !range.is_empty() && range.end <= self.layout.units
    }

    pub(crate) fn owner(&self, block: usize) -> Option<usize> {
        let slot = size(self.memory.load(owner_word(block))).checked_sub(1)?;
        (slot < SLOTS).then_some(slot)
    }

    /// Takes a free range. Its entry comes first: who dies in between leaves one that is not marked, and the next one makes
    /// the map anew.
    pub(crate) fn take(&self, index: usize, range: &Range<usize>) -> Result<(), Damage> {
        self.set_entry(index, entry_of(range));
        self.mark(range).inspect_err(|_| self.set_entry(index, 0))
    }

    /// Enters an entry of units that others may have.
    pub(crate) fn enter(&self, index: usize, entry: u64) -> Result<(), Refused> {
        let range = range_of(entry);
        if !self.can_add(&range)? {
            return Err(Refused::TooOften);
        }
        self.set_entry(index, entry);
        self.add(&range).inspect_err(|_| self.set_entry(index, 0))
    }

    /// A block that is nobody's; it is to be given memory before it is taken.
    pub(crate) fn free_block(&self) -> Option<usize> {
        (0..BLOCKS).find(|block| self.memory.load(owner_word(*block)) == 0)
    }

    /// Takes a block: its entries are emptied first.
    pub(crate) fn take_block(&self, block: usize, slot: usize) {
        let first = block.wrapping_mul(BLOCK);
        for index in first..first.wrapping_add(BLOCK) {
            self.set_entry(index, 0);
        }
        self.memory.store(owner_word(block), word(slot).wrapping_add(1));
    }

    /// The blocks of a slot.
    pub(crate) fn blocks(&self, slot: usize) -> impl Iterator<Item = usize> {
        (0..BLOCKS).filter(move |block| self.owner(*block) == Some(slot))
    }

    /// The entries of a slot that are there: index and entry.
    pub(crate) fn entries(&self, slot: usize) -> impl Iterator<Item = (usize, u64)> {
        self.blocks(slot).flat_map(|block| self.entries_of(block))
    }

    pub(crate) fn entries_of(&self, block: usize) -> impl Iterator<Item = (usize, u64)> {
        let first = block.wrapping_mul(BLOCK);
        let all = first..first.wrapping_add(BLOCK);
        all.map(|index| (index, self.entry(index))).filter(|(_, entry)| *entry != 0)
    }

    /// Releases the first part of an entry, at most so many units; `true` when nothing is left of it.
    pub(crate) fn release_some(
        &self,
        index: usize,
        most: usize,
        freed: &mut dyn FnMut(Range<usize>),
    ) -> Result<bool, Damage> {
        let entry = self.entry(index);
        if entry == 0 {
            return Ok(true);
        }
        if !self.is_possible(entry) {
            self.drop_entry(index);
            return Ok(true);
        }
        let range = range_of(entry);
        let cut = range.start.saturating_add(most.max(1)).min(range.end);
        self.remove(&(range.start..cut), freed)?;
        let rest = cut..range.end;
        self.set_entry(index, if rest.is_empty() { 0 } else { entry_of(&rest) });
        Ok(rest.is_empty())
    }

    pub(crate) fn drop_entry(&self, index: usize) {
        self.set_entry(index, 0);
        let dropped = self.memory.load(head::DROPPED);
        self.memory.store(head::DROPPED, dropped.wrapping_add(1));
    }

    /// One step of giving back what a dead slot has; `true` when nothing is left, and the slot is free again.
    pub(crate) fn drain_some(
        &self,
        slot: usize,
        most: usize,
        freed: &mut dyn FnMut(Range<usize>),
    ) -> Result<bool, Damage> {
        self.set_state(slot, slot::DEAD);
        let mut left = most;
        for block in self.blocks(slot) {
            for (index, entry) in self.entries_of(block) {
                if left == 0 {
                    return Ok(false);
                }
                let some = left;
                left = left.saturating_sub(range_of(entry).len().max(1));
                if !self.release_some(index, some, freed)? {
                    return Ok(false);
                }
            }
            self.memory.store(owner_word(block), 0);
        }
        self.set_state(slot, slot::FREE);
        Ok(true)
    }
}
