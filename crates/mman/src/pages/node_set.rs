//! Sets of nodes: processors with memory of their own.

use core::fmt;
use std::fs;

/// How many words a set has.
pub(crate) const WORDS: usize = NodeSet::LIMIT / 64;

/// A set of nodes of the machine, by their numbers from 0 to 1023. [numa(7)](https://man7.org/linux/man-pages/man7/numa.7.html)
///
/// ```
/// use mman::NodeSet;
///
/// let nodes = NodeSet::new().with(0).and_then(|nodes| nodes.with(3)).expect("below the limit");
/// assert!(nodes.contains(3) && !nodes.contains(1));
/// assert_eq!(nodes.iter().collect::<Vec<_>>(), [0, 3]);
/// assert!(nodes.with(NodeSet::LIMIT).is_none());
/// assert!(!NodeSet::online().is_empty());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct NodeSet {
    /// Bit `n % 64` of word `n / 64` for node `n`.
    words: [u64; WORDS],
}

impl NodeSet {
    /// The number after the largest that a node can have: what the kernel can be built for.
    pub const LIMIT: usize = 1024;

    /// No node.
    #[must_use]
    pub const fn new() -> Self {
        Self { words: [0; WORDS] }
    }

    /// The nodes of this machine. Where `/sys` does not tell, it is node 0 alone.
    #[must_use]
    pub fn online() -> Self {
        let text = fs::read_to_string("/sys/devices/system/node/online").unwrap_or_default();
        Self::parse(&text).unwrap_or_else(|| Self::new().with(0).unwrap_or_default())
    }

    /// This set and one node more; `None` for a number that no node can have.
    #[must_use]
    pub fn with(mut self, node: usize) -> Option<Self> {
        let word = self.words.get_mut(node >> 6)?;
        *word |= 1 << (node & 63);
        Some(self)
    }

    /// Whether a node is in the set.
    #[must_use]
    pub fn contains(&self, node: usize) -> bool {
        self.words.get(node >> 6).is_some_and(|word| word >> (node & 63) & 1 == 1)
    }

    /// How many nodes are in it.
    #[must_use]
    pub fn len(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.words.iter().all(|word| *word == 0)
    }

    /// The nodes, in order.
    pub fn iter(&self) -> impl Iterator<Item = usize> {
        (0..Self::LIMIT).filter(|node| self.contains(*node))
    }

    pub(crate) const fn words(&self) -> &[u64; WORDS] {
        &self.words
    }

    pub(crate) const fn from_words(words: [u64; WORDS]) -> Self {
        Self { words }
    }

    /// Whether there is a node in it, and the machine has all of them.
    pub(crate) fn can_be_used(&self) -> bool {
        let online = Self::online();
        !self.is_empty() && self.iter().all(|node| online.contains(node))
    }

    /// `0-3,8`: the kernel's way to write a set. `None` for an empty one too.
    fn parse(text: &str) -> Option<Self> {
        let mut set = Self::new();
        for part in text.trim().split(',') {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let (first, last): (usize, usize) = (first.parse().ok()?, last.parse().ok()?);
            if last >= Self::LIMIT {
                return None;
            }
            for node in first..=last {
                set = set.with(node)?;
            }
        }
        Some(set)
    }
}

impl fmt::Debug for NodeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NodeSet")?;
        f.debug_set().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_the_kernel_are_read() {
        let set = NodeSet::parse("0-2,5,63-64,1023\n").unwrap();
        assert_eq!(set.iter().collect::<Vec<_>>(), [0, 1, 2, 5, 63, 64, 1023]);
        assert_eq!(
            (set.len(), format!("{set:?}").as_str()),
            (7, "NodeSet{0, 1, 2, 5, 63, 64, 1023}")
        );
        for wrong in ["", "a", "1-", "1024", "0-5000000000"] {
            assert_eq!(NodeSet::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_machine_has_a_node() {
        assert!(NodeSet::online().can_be_used());
        assert!(!NodeSet::new().can_be_used());
        assert!(!NodeSet::online().with(1023).unwrap().can_be_used());
    }
}
