//! The pool of huge pages: filled for a test, put back as it was also when the test fails.

use super::rights::is_root;
use super::skip;
use std::env::temp_dir;
use std::fs::{self, File, OpenOptions};

const POOL: &str = "/proc/sys/vm/nr_hugepages";

/// The pool as a test wants it. Only one test on the machine has it at a time: the lock file
/// `mman-huge-pages.lock` in the folder for temporary files is locked as long as this lives.
#[derive(Debug)]
pub(crate) struct Pool {
    before: String,
    _lock: File,
}

impl Pool {
    /// So many free huge pages; `None`, and said so, where the machine does not give them.
    pub(crate) fn of(pages: usize) -> Option<Self> {
        // Nobody else may make the lock file, which root could not open then.
        if !is_root() {
            skip("root, to fill the pool of huge pages");
            return None;
        }
        let path = temp_dir().join("mman-huge-pages.lock");
        let lock = OpenOptions::new().create(true).append(true).open(path).unwrap();
        lock.lock().unwrap();
        let Ok(before) = fs::read_to_string(POOL) else {
            skip("huge pages in the kernel");
            return None;
        };
        let pool = Self { before, _lock: lock };
        if fs::write(POOL, pages.to_string()).is_err() {
            skip("a pool of huge pages that can be changed");
            return None;
        }
        if super::proc::number(POOL) != pages {
            skip("memory in one piece for huge pages");
            return None;
        }
        Some(pool)
    }

    /// The size of a huge page in bytes.
    pub(crate) fn page_size() -> usize {
        let text = fs::read_to_string("/proc/meminfo").unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix("Hugepagesize:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        drop(fs::write(POOL, self.before.trim()));
    }
}
