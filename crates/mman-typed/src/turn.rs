//! A turn at a table: its lock taken for one change and let go after it, with what has to be healed.

use crate::layout::{head, slot, slot_word};
use crate::lock::{self, Lock, Taken, Verdict};
use crate::memory::Memory;
use crate::space::Table;
use core::ops::Range;

/// Gives the counts of a range memory; `false` where there is none.
pub(crate) type Counts<'a> = &'a mut dyn FnMut(&Range<usize>) -> bool;

/// How a turn began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Begun {
    Ours,
    /// Waiting was given up.
    GivenUp,
    /// The derived part is to be made anew, and there is no memory for it now: whoever comes next tries again.
    NoMemory,
}

impl<M: Memory> Table<M> {
    fn lock(&self) -> Lock<&M> {
        Lock { memory: &self.memory, at: head::LOCK }
    }

    /// What a thread that acts for a slot is called in the lock.
    pub(crate) fn name(&self, slot: usize, thread: u32) -> u64 {
        lock::name(slot, self.memory.load(slot_word(slot, slot::CLAIMS)), thread)
    }

    /// Takes the lock for a [name](Self::name). Where it was that of somebody dead, in the middle of a change, the derived part
    /// is made anew: `counts` gives the counts of a range memory, if there is some.
    pub(crate) fn begin(
        &self,
        me: u64,
        wait: &mut dyn FnMut(u64) -> Verdict,
        counts: Counts<'_>,
    ) -> Begun {
        match self.lock().acquire(me, wait) {
            Ok(Taken::Free) => Begun::Ours,
            Ok(Taken::FromTheDead) if self.rebuild(counts) => Begun::Ours,
            Ok(Taken::FromTheDead) => {
                let _or_somebody_took_it = self.lock().leave_broken(me);
                Begun::NoMemory
            }
            Err(_) => Begun::GivenUp,
        }
    }

    /// Lets the lock go; whether somebody is to be woken. Where damage was found the derived part is made anew, so that the
    /// next turn finds none. `Err` where the lock was taken away.
    pub(crate) fn end(&self, me: u64, is_damaged: bool, counts: Counts<'_>) -> Result<bool, u64> {
        if is_damaged && !self.rebuild(counts) {
            return self.lock().leave_broken(me);
        }
        self.lock().release(me)
    }
}
