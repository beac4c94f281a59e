//! Where what stands in the table, in words of 64 bits: all of it follows from the number of units.
//!
//! ```text
//!   head | slots | owners of blocks | used | shared | tree   ||  blocks of entries  ||  counts
//!   \_______ given memory when the table is made _________/    each when it is taken   when shared
//! ```

use crate::bits;
use crate::number::up;

/// The first word of every table: "mmantyp1".
pub(crate) const MAGIC: u64 = 0x3170_7974_6e61_6d6d;
/// The format that is described here.
pub(crate) const VERSION: u64 = 3;

/// Words of the head.
pub(crate) mod head {
    pub(crate) const MAGIC: usize = 0;
    pub(crate) const VERSION: usize = 1;
    pub(crate) const UNIT: usize = 2;
    pub(crate) const UNITS: usize = 3;
    /// Device and inode of the store.
    pub(crate) const DEVICE: usize = 4;
    pub(crate) const INODE: usize = 5;
    /// The lock, alone in its line.
    pub(crate) const LOCK: usize = 8;
    /// How many units are free. Derived.
    pub(crate) const FREE: usize = 16;
    /// How often the derived part was made anew.
    pub(crate) const REBUILT: usize = 17;
    /// How many entries were found impossible, and dropped.
    pub(crate) const DROPPED: usize = 18;
    pub(crate) const WORDS: usize = 64;
}

/// Words of a slot.
pub(crate) mod slot {
    /// One of the states below.
    pub(crate) const STATE: usize = 0;
    pub(crate) const PROCESS: usize = 1;
    /// When the process started, in ticks since boot.
    pub(crate) const STARTED: usize = 2;
    /// The namespace that the number of the process is of.
    pub(crate) const NAMESPACE: usize = 3;
    /// How often it was claimed.
    pub(crate) const CLAIMS: usize = 4;
    pub(crate) const WORDS: usize = 8;

    pub(crate) const FREE: u64 = 0;
    pub(crate) const LIVE: u64 = 1;
    pub(crate) const DEAD: u64 = 2;
}

/// How many address spaces can hold memory of a pool at a time.
pub(crate) const SLOTS: usize = 1024;
/// How many blocks of entries there are for all of them: two million entries.
pub(crate) const BLOCKS: usize = 4096;
/// Entries in a block: a page of them.
pub(crate) const BLOCK: usize = 512;
/// A pool has at most so many units.
pub(crate) const MOST_UNITS: usize = 1 << 31;
/// Levels of the tree at most.
pub(crate) const LEVELS: usize = 9;
/// Children of a node of the tree.
pub(crate) const FAN: usize = 8;
/// Words of a node.
pub(crate) const NODE: usize = 2;

/// Where one level of the tree stands.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Level {
    /// Its first word.
    pub(crate) at: usize,
    /// How many nodes it has.
    pub(crate) nodes: usize,
    /// How many units a node stands for.
    pub(crate) span: usize,
}

/// The places of a table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Layout {
    pub(crate) units: usize,
    pub(crate) used: usize,
    pub(crate) shared: usize,
    levels: [Level; LEVELS],
    depth: usize,
    /// The end of what has memory from the start.
    pub(crate) prepared: usize,
    pub(crate) blocks: usize,
    pub(crate) counts: usize,
    /// How many words there are.
    pub(crate) end: usize,
}

impl Layout {
    /// That of a pool of so many units; `None` for none, or too many.
    pub(crate) fn of(units: usize) -> Option<Self> {
        if units == 0 || units > MOST_UNITS {
            return None;
        }
        // Whole chunks, so that a chunk is read without a look at the end.
        let words = up(units, bits::BITS).checked_mul(bits::WORDS)?;
        let used = owner_word(BLOCKS);
        let shared = used.checked_add(words)?;
        let mut at = shared.checked_add(words)?;
        let mut levels = [Level::default(); LEVELS];
        let (mut nodes, mut span, mut depth) = (up(units, bits::BITS), bits::BITS, 0_usize);
        for level in &mut levels {
            *level = Level { at, nodes, span };
            depth = depth.checked_add(1)?;
            at = at.checked_add(nodes.checked_mul(NODE)?)?;
            if nodes == 1 {
                break;
            }
            nodes = up(nodes, FAN);
            span = span.checked_mul(FAN)?;
        }
        let prepared = at.checked_next_multiple_of(BLOCK)?;
        let counts = prepared.checked_add(BLOCKS.checked_mul(BLOCK)?)?;
        // Four counts of 16 bits in a word.
        let end = counts.checked_add(up(units, 4))?.checked_next_multiple_of(BLOCK)?;
        Some(Self { units, used, shared, levels, depth, prepared, blocks: prepared, counts, end })
    }

    /// The levels, leaves first.
    pub(crate) fn levels(&self) -> &[Level] {
        self.levels.get(..self.depth).unwrap_or(&[])
    }

    /// The word of an entry, if there is such an entry.
    pub(crate) fn entry(&self, index: usize) -> Option<usize> {
        let at = self.blocks.checked_add(index)?;
        (at < self.counts).then_some(at)
    }
}

/// A word of a slot.
pub(crate) const fn slot_word(slot: usize, field: usize) -> usize {
    head::WORDS.wrapping_add(slot.wrapping_mul(slot::WORDS)).wrapping_add(field)
}

/// The word that says whose a block is: a slot and one, or 0.
pub(crate) const fn owner_word(block: usize) -> usize {
    slot_word(SLOTS, 0).wrapping_add(block)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_follow_each_other_in_whole_pages() {
        for units in [1, 511, 512, 513, 4096, 3_145_728, MOST_UNITS] {
            let layout = Layout::of(units).unwrap();
            assert_eq!(owner_word(BLOCKS), layout.used);
            let root = layout.levels().last().unwrap();
            assert_eq!(root.nodes, 1, "{units}");
            assert!(root.span >= units && root.at + NODE <= layout.prepared);
            assert_eq!(layout.prepared % BLOCK, 0);
            assert!(layout.counts + units.div_ceil(4) <= layout.end);
            assert_eq!(layout.entry(BLOCKS * BLOCK), None);
        }
        assert!(Layout::of(0).is_none() && Layout::of(MOST_UNITS + 1).is_none());
    }
}
