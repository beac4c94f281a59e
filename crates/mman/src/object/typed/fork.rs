//! Children that `fork` makes are told of to the pools, so that what they have is theirs at once.
#![expect(unsafe_code, reason = "registers functions with the C library, which forks")]

use core::ffi::c_int;
use std::sync::Once;

/// A function that the C library calls.
type Hook = extern "C" fn();

// SAFETY: the C library's own declaration; it keeps the functions and calls them at each fork.
unsafe extern "C" {
    safe fn pthread_atfork(prepare: Hook, parent: Hook, child: Hook) -> c_int;
}

extern "C" fn prepare() {
    mman_typed::before_fork();
}

extern "C" fn parent() {
    mman_typed::after_fork_in_parent();
}

extern "C" fn child() {
    mman_typed::after_fork_in_child();
}

/// Has it done from now on. Where there is no memory for that, a child finds out by itself, at its first call.
pub(super) fn tell() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let _told_or_found_out_later = pthread_atfork(prepare, parent, child);
    });
}
