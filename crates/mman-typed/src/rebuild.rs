//! Making the derived part of a table anew from its entries: what healing is.
//!
//! All words are written, also those that a node above speaks for. Who dies meanwhile leaves the lock in its own name, and
//! the next one begins again.

use crate::bits::BITS;
use crate::entries::range_of;
use crate::layout::{BLOCKS, head, owner_word, slot};
use crate::memory::Memory;
use crate::number::{size, word};
use crate::space::{Table, words};
use crate::turn::Counts;
use core::ops::Range;

impl<M: Memory> Table<M> {
    /// Makes the derived part anew from the entries. Entries that cannot be are dropped, and counted.
    ///
    /// The counts of the units that several have must have memory: `counts` is asked for it. `false` where there is none: then
    /// it is not made, and has to be made before anything else is done.
    pub(crate) fn rebuild(&self, counts: Counts<'_>) -> bool {
        self.clear();
        let mut used = 0_usize;
        for block in 0..BLOCKS {
            let owner = self.owner(block);
            let is_held = owner.is_some_and(|owner| self.state(owner) != slot::FREE);
            if !is_held {
                self.memory.store(owner_word(block), 0);
                continue;
            }
            for (index, entry) in self.entries_of(block) {
                let range = range_of(entry);
                if !self.is_possible(entry) || !self.has_room(&range) {
                    self.drop_entry(index);
                    continue;
                }
                let is_had = words(&range).any(|(at, bits)| self.used_bits(at) & bits != 0);
                if is_had && !counts(&range) {
                    return false;
                }
                used = used.saturating_add(self.add_bits(&range));
            }
        }
        self.memory.store(head::FREE, word(self.layout.units.saturating_sub(used)));
        self.renew();
        let times = self.memory.load(head::REBUILT);
        self.memory.store(head::REBUILT, times.wrapping_add(1));
        true
    }

    fn used_bits(&self, at: usize) -> u64 {
        self.memory.load(self.used_word(at))
    }

    /// Counts an entry more for each unit of a range, without the tree; answers how many were free.
    fn add_bits(&self, range: &Range<usize>) -> usize {
        let mut newly = 0_u32;
        for (at, bits) in words(range) {
            let used = self.used_bits(at);
            if used & bits != 0 {
                self.share(at, used & bits);
            }
            if used & bits != bits {
                newly = newly.wrapping_add((bits & !used).count_ones());
                self.memory.store(self.used_word(at), used | bits);
            }
        }
        size(newly.into())
    }

    /// Makes the map that of a pool without entries. The units that fill the last chunk are used for ever.
    pub(crate) fn clear(&self) {
        for at in self.layout.used..self.layout.prepared {
            self.memory.store(at, 0);
        }
        let end = self.layout.units.next_multiple_of(BITS);
        for (at, bits) in words(&(self.layout.units..end)) {
            self.memory.store(self.used_word(at), bits);
        }
        self.memory.store(head::FREE, word(self.layout.units));
    }
}
