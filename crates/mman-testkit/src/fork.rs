//! Forks: a second process with the same memory. Only in a child of one thread.

use std::ffi::c_int;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

// SAFETY: the C library's own declarations, in these types.
unsafe extern "C" {
    fn fork() -> c_int;
    fn waitpid(pid: c_int, status: *mut c_int, options: c_int) -> c_int;
    safe fn _exit(status: c_int) -> !;
}

/// Forks. The new process does what the body says and ends with the number it answers; this one waits.
///
/// # Panics
///
/// Where there is no process to be had.
pub fn and_wait(body: impl FnOnce() -> u8) -> ExitStatus {
    // SAFETY: the process has one thread (a habit of the tests), so no lock, the allocator's say, is held by
    // another; the new process does what the body says, and ends without running anything else of the old.
    let process = unsafe { fork() };
    if process == 0 {
        // A panic of the body must not come back into the test, which is the old process's.
        let answer = std::panic::catch_unwind(std::panic::AssertUnwindSafe(body));
        _exit(answer.map_or(255, c_int::from));
    }
    assert!(process > 0, "fork");
    let mut status = 0;
    // SAFETY: the call writes one number.
    let waited = unsafe { waitpid(process, &raw mut status, 0) };
    assert_eq!(waited, process, "waitpid");
    ExitStatus::from_raw(status)
}
