//! Snapshots: which pages of which files were in memory at a moment. `docs/snapshot-format.md` describes the bytes.

mod check;
mod frame;
mod index;
pub(crate) mod look;
mod number;
pub(crate) mod open;
pub(crate) mod place;
mod read;
mod write;

#[cfg(test)]
mod tests;

pub(crate) use index::Index;
pub(crate) use open::{SnapshotFile, Unusable};
pub(crate) use read::{Item, Malformed, Reader};
pub(crate) use write::Writer;

use std::path::PathBuf;

/// What begins every snapshot.
const MAGIC: &[u8; 8] = b"mmansnap";

/// The version of the format that is written and read here.
const VERSION: u32 = 1;

/// The longest path that a snapshot holds. The kernel takes 4096 bytes at once; a path that is longer can be walked to,
/// and not be opened again by its name.
pub(crate) const LONGEST_PATH: usize = 4096;

/// What a snapshot says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Header {
    /// When it was taken: nanoseconds since 1970.
    pub(crate) taken: u64,
    /// The size of the pages that its runs count.
    pub(crate) page: u64,
    /// Whether only pages that were used lately are in it.
    pub(crate) hot: bool,
}

/// A file as it was.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct FileHead {
    /// From the root.
    pub(crate) path: PathBuf,
    pub(crate) size: u64,
    pub(crate) modified: Modified,
    pub(crate) device: u64,
    pub(crate) inode: u64,
    /// Whether the kernel told which of its pages were in memory. If not, no runs follow.
    pub(crate) known: bool,
}

/// The time of a file's last change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Modified {
    pub(crate) seconds: i64,
    pub(crate) nanoseconds: u32,
}

/// What is in a snapshot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) files: u64,
    /// Of those, files of which is not known what was in memory.
    pub(crate) unknown: u64,
    /// Pages in memory.
    pub(crate) pages: u64,
}
