//! Forks: a second process with the same memory. Only in a child of one thread.

use std::ffi::{c_int, c_uint};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

// SAFETY: the C library's own declarations, in these types.
unsafe extern "C" {
    fn fork() -> c_int;
    fn waitpid(pid: c_int, status: *mut c_int, options: c_int) -> c_int;
    fn kill(pid: c_int, signal: c_int) -> c_int;
    safe fn alarm(seconds: c_uint) -> c_uint;
    safe fn _exit(status: c_int) -> !;
}

/// The signals that a test sends here (signal(7)).
const SIGKILL: c_int = 9;

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

/// Has this process killed by `SIGALRM` in so many seconds: for a child that might hang.
pub fn end_after(seconds: u32) {
    alarm(seconds);
}

/// A new process that runs beside this one, until it is killed.
#[derive(Debug)]
pub struct Forked {
    process: c_int,
    is_over: bool,
}

/// Forks. The new process does what the body says, and ends; this one goes on.
///
/// # Panics
///
/// Where there is no process to be had.
#[must_use]
pub fn start(body: impl FnOnce()) -> Forked {
    // SAFETY: as in `and_wait`.
    let process = unsafe { fork() };
    if process == 0 {
        let ran = std::panic::catch_unwind(std::panic::AssertUnwindSafe(body));
        _exit(if ran.is_ok() { 0 } else { 255 });
    }
    assert!(process > 0, "fork");
    Forked { process, is_over: false }
}

impl Forked {
    /// Sends it `SIGKILL`, and waits until it is gone.
    pub fn kill(mut self) -> ExitStatus {
        self.signal(SIGKILL);
        self.end()
    }

    /// Its number.
    #[must_use]
    pub fn id(&self) -> i32 {
        self.process
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: c_int) {
        // SAFETY: the process is ours and has not been waited for, so the number is its own.
        let _gone_already = unsafe { kill(self.process, signal) };
    }

    /// Waits until it has ended.
    pub fn wait(mut self) -> ExitStatus {
        self.end()
    }

    fn end(&mut self) -> ExitStatus {
        self.is_over = true;
        let mut status = 0;
        // SAFETY: the call writes one number.
        let waited = unsafe { waitpid(self.process, &raw mut status, 0) };
        assert_eq!(waited, self.process, "waitpid");
        ExitStatus::from_raw(status)
    }
}

impl Drop for Forked {
    fn drop(&mut self) {
        if !self.is_over {
            self.signal(SIGKILL);
            let _status = self.end();
        }
    }
}
