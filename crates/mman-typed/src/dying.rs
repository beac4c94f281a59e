//! For tests: this process is killed before one of the stores that it makes in shared tables.

use core::sync::atomic::AtomicU64;
use core::sync::atomic::Ordering::Relaxed;
use mman_sys::{Signal, getpid, gettid, tgkill};

/// How many stores are left; 0 for no end.
static LEFT: AtomicU64 = AtomicU64::new(0);

/// From now on so many stores less one are made.
pub(crate) fn at_store(number: u64) {
    LEFT.store(number, Relaxed);
}

pub(crate) fn before_store() {
    if LEFT.load(Relaxed) > 0 && LEFT.fetch_sub(1, Relaxed) == 1 {
        let _dead = tgkill(getpid(), gettid(), Signal::SIGKILL);
    }
}
