//! Files to map, in a folder that goes away with them.

use crate::pattern;
use rustix::fs::{CWD, Mode, mkfifoat};
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A temporary folder, removed with all that is in it when it is dropped.
#[derive(Debug)]
pub struct Folder {
    folder: TempDir,
}

impl Folder {
    /// Where temporary files are.
    ///
    /// # Panics
    ///
    /// Where it cannot be made; so do the methods here.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "it makes something outside the program")]
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a temporary folder") }
    }

    /// On the tmpfs of shared memory.
    #[must_use]
    pub fn in_shared_memory() -> Self {
        Self { folder: tempfile::tempdir_in("/dev/shm").expect("a folder in /dev/shm") }
    }

    /// In a folder that is there.
    #[must_use]
    pub fn within(folder: impl AsRef<Path>) -> Self {
        Self { folder: tempfile::tempdir_in(folder).expect("a temporary folder") }
    }

    /// The folder itself.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// A name in it, where nothing is yet.
    #[must_use]
    pub fn name(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    /// A file of so many bytes, byte `i` of which is [`pattern::byte_at`]`(i)`.
    #[must_use]
    pub fn patterned(&self, name: &str, len: usize) -> PathBuf {
        let path = self.name(name);
        fs::write(&path, pattern::bytes(0, len)).expect("a patterned file");
        path
    }

    /// A file of so many zeros that takes no room, however long it is.
    #[must_use]
    pub fn sparse(&self, name: &str, len: u64) -> PathBuf {
        let path = self.name(name);
        File::create_new(&path).and_then(|file| file.set_len(len)).expect("a sparse file");
        path
    }

    /// A patterned file that nobody may write to (root may, but for the descriptor it asks for).
    #[must_use]
    pub fn read_only(&self, name: &str, len: usize) -> PathBuf {
        let path = self.patterned(name, len);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o444)).expect("a read-only file");
        path
    }

    /// A FIFO.
    #[must_use]
    pub fn fifo(&self, name: &str) -> PathBuf {
        let path = self.name(name);
        mkfifoat(CWD, &path, Mode::RUSR | Mode::WUSR).expect("a FIFO");
        path
    }
}

/// Opens a file for reading and writing.
///
/// # Panics
///
/// Where it cannot be opened.
#[must_use]
pub fn open_read_write(path: impl AsRef<Path>) -> File {
    File::options().read(true).write(true).open(path).expect("a file to read and write")
}

/// Appends the pattern to a file, from its end up to a length.
///
/// # Panics
///
/// Where it cannot be written.
pub fn grow_with_pattern(path: impl AsRef<Path>, len: u64) {
    let file = File::options().append(true).open(path).expect("a file to append to");
    let at = file.metadata().expect("its length").len();
    let more = usize::try_from(len - at).expect("a small length");
    let mut file = BufWriter::new(file);
    file.write_all(&pattern::bytes(at, more)).expect("room for the pattern");
    file.flush().expect("room for the pattern");
}
