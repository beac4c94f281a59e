//! A turn at a table: its lock taken for one change and let go after it, with what has to be healed.

use crate::layout::{head, slot, slot_word};
use crate::lock::{self, Lock, Taken, Verdict};
use crate::memory::Memory;
use crate::space::Table;
use core::ops::Range;

impl<M: Memory> Table<M> {
    fn lock(&self) -> Lock<&M> {
        Lock { memory: &self.memory, at: head::LOCK }
    }

    /// What who has a slot is called in the lock.
    pub(crate) fn name(&self, slot: usize) -> u64 {
        lock::name(slot, self.memory.load(slot_word(slot, slot::CLAIMS)))
    }

    /// Takes the lock for a slot. Where it was that of somebody dead, in the middle of a change, the derived part is made
    /// anew: `counts` gives the counts of a range memory. `false` where waiting was given up.
    pub(crate) fn begin(
        &self,
        slot: usize,
        wait: &mut dyn FnMut(u64) -> Verdict,
        counts: &mut dyn FnMut(&Range<usize>),
    ) -> bool {
        match self.lock().acquire(self.name(slot), wait) {
            Ok(Taken::Free) => true,
            Ok(Taken::FromTheDead) => {
                self.rebuild(counts);
                true
            }
            Err(_) => false,
        }
    }

    /// Lets the lock go; whether somebody is to be woken. Where damage was found the derived part is made anew, so that the
    /// next turn finds none. `Err` where the lock was taken away.
    pub(crate) fn end(
        &self,
        slot: usize,
        is_damaged: bool,
        counts: &mut dyn FnMut(&Range<usize>),
    ) -> Result<bool, u64> {
        if is_damaged {
            self.rebuild(counts);
        }
        self.lock().release(self.name(slot))
    }
}
