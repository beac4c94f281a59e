//! How long the kernel waits for the holder of a lease: shortened for a moment, put back also when the test fails.

use crate::require::skip;
use std::env::temp_dir;
use std::fs::{self, File};
use std::os::unix::fs::OpenOptionsExt;

const TIME: &str = "/proc/sys/fs/lease-break-time";

/// A short time for leases that somebody begins to break while this lives. Each keeps the time that it began with, so this
/// is to live for the one call that breaks the lease: other processes have leases too.
///
/// Only one test on the machine has it at a time: the lock file `mman-lease-time.lock` in the folder for temporary files
/// is locked as long as this lives.
#[derive(Debug)]
pub struct ShortLeases {
    before: String,
    _lock: File,
}

impl ShortLeases {
    /// One second; `None`, and said so, where the machine does not let us.
    ///
    /// # Panics
    ///
    /// Where the lock file cannot be made.
    #[must_use]
    pub fn begin() -> Option<Self> {
        let mut options = File::options();
        options.create(true).append(true).mode(0o666);
        let lock = options.open(temp_dir().join("mman-lease-time.lock"));
        let lock = lock.expect("the lock file of lease times");
        lock.lock().expect("the lock of lease times");
        let Ok(before) = fs::read_to_string(TIME) else {
            skip("leases in the kernel");
            return None;
        };
        let short = Self { before, _lock: lock };
        if fs::write(TIME, "1").is_err() {
            skip("root, to shorten lease-break-time");
            return None;
        }
        Some(short)
    }
}

impl Drop for ShortLeases {
    fn drop(&mut self) {
        drop(fs::write(TIME, &self.before));
    }
}
