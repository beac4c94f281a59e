//! Telling the host C library what is to be done around a fork, where it can be told.
#![expect(unsafe_code, reason = "naked functions that call what may not be there")]

#[cfg(target_arch = "aarch64")]
#[path = "atfork_aarch64.rs"]
mod atfork;
#[cfg(target_arch = "x86_64")]
#[path = "atfork_x86_64.rs"]
mod atfork;

use core::sync::atomic::AtomicBool;
use core::sync::atomic::Ordering::Relaxed;
use mman_typed::{after_fork_in_child, after_fork_in_parent, before_fork};

extern "C" fn before() {
    before_fork();
}

extern "C" fn in_parent() {
    after_fork_in_parent();
}

extern "C" fn in_child() {
    after_fork_in_child();
}

/// Registers the hooks of typed memory, once. Without them a child finds out at its first call, and what its parent unmaps
/// before that waits for it: so it is in a static program with musl that does not ask for `pthread_atfork` itself.
pub(crate) fn register() {
    static IS_DONE: AtomicBool = AtomicBool::new(false);
    if !IS_DONE.swap(true, Relaxed) {
        // SAFETY: the hooks stay as long as this library does, and wait for nothing that a fork could hold.
        let _or_without = unsafe { atfork::register(before, in_parent, in_child) };
    }
}
