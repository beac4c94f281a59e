//! Who has a file: what the search finds.

use super::about::About;
use rustix::fs::Stat;
use std::fs::Metadata;
use std::ops::Range;
use std::os::unix::fs::MetadataExt;

/// A file, whatever its names are: what `stat` tells of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct FileId {
    pub(crate) device: u64,
    pub(crate) inode: u64,
}

impl FileId {
    pub(crate) fn of(metadata: &Metadata) -> Self {
        Self { device: metadata.dev(), inode: metadata.ino() }
    }

    pub(super) const fn of_stat(stat: &Stat) -> Self {
        Self { device: stat.st_dev, inode: stat.st_ino }
    }
}

/// Who has files.
#[derive(Debug, Default)]
pub(crate) struct Holders {
    /// In the order of their numbers.
    pub(crate) processes: Vec<Holder>,
    pub(crate) unseen: Unseen,
}

/// A process that has some of the files.
#[derive(Debug)]
pub(crate) struct Holder {
    pub(crate) about: About,
    /// Each file that it has.
    pub(crate) held: Vec<Held>,
}

/// What a process has of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) file: FileId,
    /// Its mappings.
    pub(crate) parts: Vec<Part>,
    /// Bytes of address space.
    pub(crate) mapped: u64,
    /// Bytes of these that are in memory and pages of the file; private copies are not. `None` where the kernel
    /// does not tell.
    pub(crate) resident: Option<u64>,
    /// Bytes of these that are locked.
    pub(crate) locked: Option<u64>,
    /// How many descriptors it has of it.
    pub(crate) open: u32,
}

impl Held {
    pub(super) const fn nothing_of(file: FileId) -> Self {
        let (resident, locked) = (Some(0), Some(0));
        Self { file, parts: Vec::new(), mapped: 0, resident, locked, open: 0 }
    }

    /// Adds a mapping, and how many bytes of it are in memory and locked.
    pub(super) fn add(&mut self, part: Part, resident: Option<u64>, locked: Option<u64>) {
        let sum = |one: Option<u64>, other: Option<u64>| Some(one?.saturating_add(other?));
        self.resident = sum(self.resident, resident);
        self.locked = sum(self.locked, locked);
        self.mapped = self.mapped.saturating_add(part.addresses.len() as u64);
        self.parts.push(part);
    }
}

/// A mapping of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    /// In the process.
    pub(crate) addresses: Range<usize>,
    /// Of its first byte in the file.
    pub(crate) offset: u64,
}

/// What was not seen: somebody there may have the files too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Unseen {
    /// So many processes may not be looked at.
    pub(crate) forbidden: usize,
    /// `/proc` hides the processes of others (`hidepid`).
    pub(crate) hidden: bool,
    /// So many processes map a file of which it cannot be told whether it is one of these.
    pub(crate) unsure: usize,
}

impl Unseen {
    /// Whether all was seen.
    pub(crate) const fn is_nothing(self) -> bool {
        self.forbidden == 0 && !self.hidden && self.unsure == 0
    }

    /// A line for each thing that was not seen.
    pub(crate) fn lines(self) -> Vec<String> {
        let processes = |count: usize| match count {
            1 => "1 process".to_owned(),
            _ => format!("{count} processes"),
        };
        let mut lines = Vec::new();
        if self.forbidden > 0 {
            lines.push(format!(
                "{} could not be looked at ({})",
                processes(self.forbidden),
                needs()
            ));
        }
        if self.hidden {
            lines.push("processes of other users are hidden (hidepid of /proc)".to_owned());
        }
        if self.unsure > 0 {
            let may = "may map it: a file without a path there cannot be compared";
            lines.push(format!("{} {may} ({})", processes(self.unsure), needs()));
        }
        lines
    }
}

/// What it takes to look at all processes. Root may lack it too: in a container, or before one that has more rights.
pub(crate) fn needs() -> &'static str {
    if rustix::process::geteuid().is_root() {
        "needs rights that root lacks here"
    } else {
        "needs root"
    }
}

impl Holders {
    /// Who has this file.
    pub(crate) fn of(&self, file: FileId) -> impl Iterator<Item = (&About, &Held)> {
        self.processes.iter().filter_map(move |process| {
            let held = process.held.iter().find(|held| held.file == file)?;
            Some((&process.about, held))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_seen_is_said() {
        assert!(Unseen::default().is_nothing() && Unseen::default().lines().is_empty());
        let unseen = Unseen { forbidden: 12, hidden: true, unsure: 1 };
        let lines = unseen.lines();
        assert!(lines[0].starts_with("12 processes could not be looked at (needs "));
        assert_eq!(lines.len(), 3);
        assert!(lines[2].starts_with("1 process may"));
    }
}
