//! What a line is about: a mapping, or several of a file or a kind.

use super::kind::Kind;
use super::numbers::Numbers;
use mman::inspect::{Entry, Placement};
use std::ops::Range;

/// Mappings that are told of together.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) numbers: Numbers,
    pub(crate) kind: Kind,
    /// What it is called: a path, or the kernel's words; empty where it has no name.
    pub(crate) name: Box<[u8]>,
    /// Whether the file has lost this path.
    pub(crate) deleted: bool,
    /// How many mappings they are.
    pub(crate) mappings: u64,
    /// Of how many processes.
    pub(crate) processes: u64,
    /// The process, of the list of those looked at; of several the last.
    pub(crate) process: usize,
    /// What only one mapping has.
    pub(crate) place: Option<Place>,
    pub(crate) nodes: Nodes,
}

/// Where a mapping is, and of what.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) addresses: Range<usize>,
    /// As the kernel prints it: `rw-p`.
    pub(crate) permissions: [u8; 4],
    pub(crate) offset: u64,
    pub(crate) device: (u32, u32),
    pub(crate) inode: u64,
    /// The kernel's flags; empty where nobody asked.
    pub(crate) flags: Box<str>,
    /// The policy of its nodes; empty where nobody asked.
    pub(crate) policy: Box<str>,
}

impl Place {
    pub(crate) fn of(entry: &Entry) -> Self {
        let right = |right, letter| if entry.protection().contains(right) { letter } else { b'-' };
        let permissions = [
            right(mman::Protection::READ, b'r'),
            right(mman::Protection::WRITE, b'w'),
            right(mman::Protection::EXEC, b'x'),
            if entry.is_shared() { b's' } else { b'p' },
        ];
        Self {
            addresses: entry.addresses(),
            permissions,
            offset: entry.offset(),
            device: entry.device(),
            inode: entry.inode(),
            flags: Box::default(),
            policy: Box::default(),
        }
    }
}

/// Bytes on each node, in the order of the nodes; `None` where it is not known or nobody asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Nodes(pub(crate) Option<Vec<(u32, u64)>>);

impl Nodes {
    pub(crate) fn of(placement: &Placement) -> Self {
        Self(Some(placement.nodes().to_vec()))
    }

    pub(crate) fn get(&self, node: u32) -> Option<u64> {
        let nodes = self.0.as_ref()?;
        Some(nodes.iter().find(|(number, _)| *number == node).map_or(0, |(_, bytes)| *bytes))
    }

    fn add(&mut self, other: &Self) {
        let (Some(nodes), Some(others)) = (&mut self.0, &other.0) else {
            self.0 = None;
            return;
        };
        for (number, bytes) in others {
            match nodes.binary_search_by_key(number, |(number, _)| *number) {
                Ok(at) => {
                    if let Some((_, sum)) = nodes.get_mut(at) {
                        *sum = sum.saturating_add(*bytes);
                    }
                }
                Err(at) => nodes.insert(at, (*number, *bytes)),
            }
        }
    }
}

impl Row {
    /// The sum of no mappings.
    pub(crate) fn nothing(kind: Kind, name: Box<[u8]>) -> Self {
        Self {
            numbers: Numbers::NOTHING,
            kind,
            name,
            deleted: false,
            mappings: 0,
            processes: 0,
            process: usize::MAX,
            place: None,
            nodes: Nodes(Some(Vec::new())),
        }
    }

    /// Adds another. Those of one process come one after the other.
    pub(crate) fn add(&mut self, other: &Self) {
        self.numbers.add(&other.numbers);
        self.nodes.add(&other.nodes);
        self.deleted |= other.deleted;
        self.mappings = self.mappings.saturating_add(other.mappings);
        if self.process != other.process {
            self.process = other.process;
            self.processes = self.processes.saturating_add(1);
        }
    }
}
