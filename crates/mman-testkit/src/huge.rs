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
        let lock = lock();
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

/// The pool of huge pages of one size, whichever the machine has: not the usual one alone.
///
/// It has the lock of [`Pool`], so that a test has one of the two.
#[derive(Debug)]
pub struct SizedPool {
    bytes: usize,
    before: usize,
    _lock: File,
}

/// All pages of a pool, the free ones, and those promised of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    /// All.
    pub total: usize,
    /// Nobody's.
    pub free: usize,
    /// Free ones that are promised.
    pub promised: usize,
}

impl SizedPool {
    /// So many free pages of so many bytes more than there are; `None`, and said so, where the machine does not give
    /// them.
    ///
    /// # Panics
    ///
    /// Where the lock file cannot be made.
    #[must_use]
    pub fn with(bytes: usize, pages: usize) -> Option<Self> {
        let lock = lock();
        let before = number(bytes, "nr_hugepages")?;
        let pool = Self { bytes, before, _lock: lock };
        if fs::write(file_of(bytes, "nr_hugepages"), (before + pages).to_string()).is_err() {
            skip("root, to fill the pool of huge pages");
            return None;
        }
        if pool.counts().total < before + pages {
            skip(&format!("memory in one piece for {pages} huge pages of {bytes} bytes"));
            return None;
        }
        Some(pool)
    }

    /// How many pages there are.
    ///
    /// # Panics
    ///
    /// Where `/sys` cannot be read.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let read = |name| number(self.bytes, name).expect("a number of huge pages");
        let (total, free) = (read("nr_hugepages"), read("free_hugepages"));
        Counts { total, free, promised: read("resv_hugepages") }
    }
}

impl Drop for SizedPool {
    fn drop(&mut self) {
        drop(fs::write(file_of(self.bytes, "nr_hugepages"), self.before.to_string()));
    }
}

fn file_of(bytes: usize, name: &str) -> String {
    format!("/sys/kernel/mm/hugepages/hugepages-{}kB/{name}", bytes / 1024)
}

fn number(bytes: usize, name: &str) -> Option<usize> {
    fs::read_to_string(file_of(bytes, name)).ok()?.trim().parse().ok()
}

fn lock() -> File {
    let path = temp_dir().join("mman-huge-pages.lock");
    let mut options = File::options();
    options.create(true).append(true).mode(0o666);
    let lock = options.open(path).expect("the lock file of huge pages");
    lock.lock().expect("the lock of huge pages");
    lock
}

fn meminfo(name: &str) -> usize {
    let text = fs::read_to_string("/proc/meminfo").expect("/proc/meminfo");
    let value = text.lines().find_map(|line| line.strip_prefix(name)).expect(name);
    value.trim().trim_end_matches(" kB").parse().expect("a number")
}
