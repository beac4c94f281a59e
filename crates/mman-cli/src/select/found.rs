//! A file that was found, and what was counted on the way.

use rustix::fs::Stat;
use std::fs::File;
use std::path::Path;

/// A file, open for reading.
#[derive(Debug)]
pub(crate) struct Found<'walk> {
    /// As it was given, and from there on.
    pub(crate) path: &'walk Path,
    /// The part of it below the directory that was given; the whole path where the file itself was.
    pub(crate) below: &'walk Path,
    /// Open for reading only. Reading does not change its time of access where that can be had (`O_NOATIME`).
    pub(crate) file: File,
    /// In bytes; of a block device too.
    pub(crate) size: u64,
    pub(crate) device: u64,
    pub(crate) inode: u64,
    /// When its bytes were last changed, in nanoseconds since 1970.
    pub(crate) modified: i128,
}

impl<'walk> Found<'walk> {
    #[allow(
        clippy::useless_conversion,
        reason = "the width of these fields differs between machines"
    )]
    pub(super) fn new(
        (path, below): (&'walk Path, &'walk Path),
        file: File,
        stat: &Stat,
        size: u64,
    ) -> Self {
        let seconds = i128::from(stat.st_mtime).saturating_mul(1_000_000_000);
        Self {
            path,
            below,
            file,
            size,
            device: stat.st_dev.into(),
            inode: stat.st_ino.into(),
            modified: seconds.saturating_add(stat.st_mtime_nsec.into()),
        }
    }
}

/// What a search met.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Files that were given to a visitor.
    pub(crate) files: u64,
    /// Directories that were searched.
    pub(crate) directories: u64,
    /// What was gone when its turn came.
    pub(crate) vanished: u64,
    /// Further names of files, and further ways to directories, that had been met already.
    pub(crate) again: u64,
    /// What has no pages of its own: FIFOs, sockets, devices, symbolic links, files of /proc and the like.
    pub(crate) other: u64,
    /// What a visitor was told as a problem.
    pub(crate) problems: u64,
    /// Whether the search was interrupted.
    pub(crate) interrupted: bool,
}

impl Counts {
    pub(super) fn add(&mut self, more: &Self) {
        self.files = self.files.saturating_add(more.files);
        self.directories = self.directories.saturating_add(more.directories);
        self.vanished = self.vanished.saturating_add(more.vanished);
        self.again = self.again.saturating_add(more.again);
        self.other = self.other.saturating_add(more.other);
        self.problems = self.problems.saturating_add(more.problems);
        self.interrupted |= more.interrupted;
    }
}
