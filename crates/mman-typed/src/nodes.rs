//! What this process maps of a pool: a node for each range, in a tree by address. Private memory, under the process's lock.
#![expect(unsafe_code, reason = "keeps its nodes in a mapping of its own")]

use crate::layout::{BLOCK, BLOCKS};
use crate::number::size;
use core::ops::Range;
use core::ptr::{NonNull, null_mut};
use mman_sys::{Errno, MapFlags, Prot, mmap, mprotect};

/// No node.
pub(crate) const NIL: u32 = u32::MAX;
/// Nodes at most: one for each entry.
const MOST: usize = BLOCKS.wrapping_mul(BLOCK);

/// A range of the pool that is mapped here. Nodes are numbered as the entries of the process are.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct Node {
    pub(crate) address: usize,
    /// First unit, and how many: as an entry has them.
    pub(crate) entry: u64,
    left: u32,
    /// The next of a list, where the node is not in the tree.
    pub(crate) right: u32,
    pub(crate) fd: i32,
    /// Which opening the descriptor came from.
    pub(crate) mark: u16,
    /// Whether the table has an entry for it: not for what is mapped without allocating.
    pub(crate) counts: bool,
    pub(crate) in_use: bool,
}

const UNUSED: Node = Node {
    address: 0,
    entry: 0,
    left: NIL,
    right: NIL,
    fd: -1,
    mark: 0,
    counts: false,
    in_use: false,
};

/// Where a node hangs.
#[derive(Clone, Copy)]
enum Link {
    Root,
    Left(u32),
    Right(u32),
}

/// The nodes of a pool.
#[derive(Debug)]
pub(crate) struct Nodes {
    /// N1: room for `MOST` nodes is mapped there, private, for ever; `ready` of them are writable and were written.
    at: NonNull<Node>,
    ready: usize,
    root: u32,
    free: u32,
    unit: usize,
}

impl Nodes {
    pub(crate) fn new(unit: usize) -> Result<Self, Errno> {
        let flags = MapFlags::PRIVATE | MapFlags::ANONYMOUS | MapFlags::NORESERVE;
        let len = MOST.wrapping_mul(size_of::<Node>());
        // SAFETY: the kernel chooses the place: nothing is taken away.
        let at = unsafe { mmap(null_mut(), len, Prot::NONE, flags, -1, 0) }?;
        let at = NonNull::new(at.cast()).ok_or(Errno::ENOMEM)?;
        Ok(Self { at, ready: 0, root: NIL, free: NIL, unit })
    }

    /// How many nodes there are, used or not.
    pub(crate) fn ready(&self) -> usize {
        self.ready
    }

    fn place(&self, node: u32) -> Option<NonNull<Node>> {
        let index = node as usize;
        if index >= self.ready {
            return None;
        }
        // SAFETY: N1: within the room.
        Some(unsafe { self.at.add(index) })
    }

    pub(crate) fn get(&self, node: u32) -> Node {
        // SAFETY: N1: the place was written, and nobody else writes: the caller has the lock.
        self.place(node).map_or(UNUSED, |place| unsafe { place.read() })
    }

    pub(crate) fn set(&mut self, node: u32, value: Node) {
        if let Some(place) = self.place(node) {
            // SAFETY: N1, and `&mut self`.
            unsafe { place.write(value) }
        }
    }

    pub(crate) fn change(&mut self, node: u32, with: impl FnOnce(&mut Node)) {
        let mut value = self.get(node);
        with(&mut value);
        self.set(node, value);
    }

    /// Makes room for the nodes of one block more.
    pub(crate) fn grow(&mut self) -> Result<(), Errno> {
        let end = self.ready.saturating_add(BLOCK);
        if end > MOST {
            return Err(Errno::ENOMEM);
        }
        // SAFETY: N1: within the room, or right behind its last node.
        let at = unsafe { self.at.add(self.ready) };
        let len = BLOCK.wrapping_mul(size_of::<Node>());
        // SAFETY: N1: memory of ours that nobody has yet.
        unsafe { mprotect(at.as_ptr().cast(), len, Prot::READ | Prot::WRITE) }?;
        let new = self.ready..end;
        self.ready = end;
        for node in new.rev() {
            let node = u32::try_from(node).unwrap_or(NIL);
            self.set(node, UNUSED);
            self.give(node);
        }
        Ok(())
    }

    /// A node that is not used.
    pub(crate) fn take(&mut self) -> Option<u32> {
        let node = self.free;
        if node == NIL {
            return None;
        }
        self.free = self.get(node).right;
        self.set(node, Node { in_use: true, ..UNUSED });
        Some(node)
    }

    /// Gives a node back.
    pub(crate) fn give(&mut self, node: u32) {
        self.set(node, Node { right: self.free, ..UNUSED });
        self.free = node;
    }

    pub(crate) fn addresses(&self, node: u32) -> Range<usize> {
        let Node { address, entry, .. } = self.get(node);
        let len = size(entry & 0xffff_ffff).saturating_mul(self.unit);
        address..address.saturating_add(len)
    }

    fn follow(&self, link: Link) -> u32 {
        match link {
            Link::Root => self.root,
            Link::Left(node) => self.get(node).left,
            Link::Right(node) => self.get(node).right,
        }
    }

    fn hang(&mut self, link: Link, child: u32) {
        match link {
            Link::Root => self.root = child,
            Link::Left(node) => self.change(node, |node| node.left = child),
            Link::Right(node) => self.change(node, |node| node.right = child),
        }
    }

    /// Puts a node into the tree. Its address is set, and nothing else is there.
    pub(crate) fn insert(&mut self, new: u32) {
        let key = self.get(new).address;
        let mut link = Link::Root;
        let below = loop {
            let node = self.follow(link);
            if node == NIL || weight(node) < weight(new) {
                break node;
            }
            link = if key < self.get(node).address { Link::Left(node) } else { Link::Right(node) };
        };
        let (left, right) = self.split(below, key);
        self.change(new, |node| (node.left, node.right) = (left, right));
        self.hang(link, new);
    }

    /// A subtree, cut in those before a key and those from it on.
    fn split(&mut self, mut node: u32, key: usize) -> (u32, u32) {
        let (mut left, mut right) = (NIL, NIL);
        let (mut last_left, mut last_right) = (NIL, NIL);
        while node != NIL {
            if self.get(node).address < key {
                if last_left == NIL {
                    left = node;
                } else {
                    self.hang(Link::Right(last_left), node);
                }
                last_left = node;
                node = self.get(node).right;
            } else {
                if last_right == NIL {
                    right = node;
                } else {
                    self.hang(Link::Left(last_right), node);
                }
                last_right = node;
                node = self.get(node).left;
            }
        }
        if last_left != NIL {
            self.hang(Link::Right(last_left), NIL);
        }
        if last_right != NIL {
            self.hang(Link::Left(last_right), NIL);
        }
        (left, right)
    }

    /// Takes a node out of the tree.
    pub(crate) fn remove(&mut self, gone: u32) {
        let Node { address: key, left: mut a, right: mut b, .. } = self.get(gone);
        let mut link = Link::Root;
        loop {
            let node = self.follow(link);
            if node == gone {
                break;
            }
            if node == NIL {
                return;
            }
            link = if key < self.get(node).address { Link::Left(node) } else { Link::Right(node) };
        }
        while a != NIL && b != NIL {
            if weight(a) >= weight(b) {
                self.hang(link, a);
                link = Link::Right(a);
                a = self.get(a).right;
            } else {
                self.hang(link, b);
                link = Link::Left(b);
                b = self.get(b).left;
            }
        }
        self.hang(link, if a == NIL { b } else { a });
    }

    /// The first node that has an address from here on.
    pub(crate) fn first_from(&self, address: usize) -> Option<u32> {
        let (mut node, mut found) = (self.root, None);
        while node != NIL {
            if self.addresses(node).end > address {
                found = Some(node);
                node = self.get(node).left;
            } else {
                node = self.get(node).right;
            }
        }
        found
    }

    /// The first node that has an address in a range.
    pub(crate) fn first_in(&self, range: &Range<usize>) -> Option<u32> {
        self.first_from(range.start).filter(|node| self.get(*node).address < range.end)
    }

    /// Forgets the tree and the free nodes, and makes both anew from the nodes that are in use: `keep` says whether one is
    /// to be in the tree.
    pub(crate) fn make_anew(&mut self, keep: impl Fn(&Node) -> bool) {
        (self.root, self.free) = (NIL, NIL);
        for node in (0..self.ready).rev() {
            let node = u32::try_from(node).unwrap_or(NIL);
            if self.get(node).in_use && keep(&self.get(node)) {
                self.insert(node);
            } else {
                self.give(node);
            }
        }
    }
}

/// Heavier nodes are nearer to the root: numbers that look random keep the tree low.
const fn weight(node: u32) -> u32 {
    let mixed = node.wrapping_add(1).wrapping_mul(0x9e37_79b1);
    let mixed = (mixed ^ (mixed >> 15)).wrapping_mul(0x85eb_ca6b);
    mixed ^ (mixed >> 13)
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::arithmetic_side_effects,
        clippy::indexing_slicing,
        clippy::unwrap_used,
        reason = "test code: it may panic"
    )]

    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;
    use std::collections::btree_map::Entry;

    proptest! {
        #[test]
        fn it_is_an_ordered_map(steps in proptest::collection::vec((0..200_usize, any::<bool>()), 1..300)) {
            let mut nodes = Nodes::new(16).unwrap();
            nodes.grow().unwrap();
            let mut model = BTreeMap::new();
            for (key, is_in) in steps {
                let address = key * 64 + 64;
                if !is_in {
                    if let Some(node) = model.remove(&address) {
                        nodes.remove(node);
                        nodes.give(node);
                    }
                } else if let Entry::Vacant(place) = model.entry(address) {
                    let node = nodes.take().unwrap();
                    // Two units of 16: half of the addresses are nobody's.
                    let value = nodes.get(node);
                    nodes.set(node, Node { address, entry: 2, ..value });
                    nodes.insert(node);
                    place.insert(node);
                }
                for wanted in [address - 1, address, address + 31, address + 32] {
                    let expected = model.range(wanted.saturating_sub(31)..).next().map(|(_, node)| *node);
                    prop_assert_eq!(nodes.first_from(wanted), expected);
                }
            }
            nodes.make_anew(|_| true);
            for (address, node) in &model {
                prop_assert_eq!(nodes.first_in(&(*address..address + 1)), Some(*node));
                prop_assert_eq!(nodes.first_in(&(address + 32..address + 64)), None);
            }
            let free = core::iter::from_fn(|| nodes.take()).count();
            prop_assert_eq!(free, BLOCK - model.len());
        }
    }
}
