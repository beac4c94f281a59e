//! The pool of huge pages: filled for a test, put back as it was also when the test fails.

use crate::require::skip;
use std::env::temp_dir;
use std::fs::{self, File};
use std::os::unix::fs::OpenOptionsExt;

const POOL: &str = "/proc/sys/vm/nr_hugepages";

/// The pool as a test wants it.
///
/// Only one test on the machine has it at a time: the lock file `mman-huge-pages.lock` in the folder for
/// temporary files is locked as long as this lives.
#[derive(Debug)]
pub struct Pool {
    before: usize,
    _lock: File,
}

impl Pool {
    /// So many free huge pages more than there are; `None`, and said so, where the machine does not give them.
    ///
    /// # Panics
    ///
    /// Where the lock file cannot be made.
    #[must_use]
    pub fn with(pages: usize) -> Option<Self> {
        let path = temp_dir().join("mman-huge-pages.lock");
        let mut options = File::options();
        options.create(true).append(true).mode(0o666);
        let lock = options.open(path).expect("the lock file of huge pages");
        lock.lock().expect("the lock of huge pages");
        let Ok(before) = fs::read_to_string(POOL) else {
            skip("huge pages in the kernel");
            return None;
        };
        let before = before.trim().parse().expect("a number of huge pages");
        let pool = Self { before, _lock: lock };
        if fs::write(POOL, (before + pages).to_string()).is_err() {
            skip("root, to fill the pool of huge pages");
            return None;
        }
        if Self::total() < before + pages {
            skip("memory in one piece for huge pages");
            return None;
        }
        Some(pool)
    }

    /// The size of its pages in bytes.
    #[must_use]
    pub fn page_size() -> usize {
        meminfo("Hugepagesize:") * 1024
    }

    /// How many pages are in it.
    #[must_use]
    pub fn total() -> usize {
        meminfo("HugePages_Total:")
    }

    /// How many of them nobody has.
    #[must_use]
    pub fn free() -> usize {
        meminfo("HugePages_Free:")
    }

    /// How many of the free ones are promised to mappings that have not touched them.
    #[must_use]
    pub fn promised() -> usize {
        meminfo("HugePages_Rsvd:")
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        drop(fs::write(POOL, self.before.to_string()));
    }
}

fn meminfo(name: &str) -> usize {
    let text = fs::read_to_string("/proc/meminfo").expect("/proc/meminfo");
    let value = text.lines().find_map(|line| line.strip_prefix(name)).expect(name);
    value.trim().trim_end_matches(" kB").parse().expect("a number")
}
