//! Children: a test that runs once more, alone in a process of its own, and forks of that.
//!
//! What is the business of a whole process (limits, `mlockall`, counting locked memory, a hole in the
//! address space, a signal that ends it) happens there. The child is this very test program, asked for
//! the one test by name; the environment tells the test that it is the child. Besides the thread of the
//! test it has the one that started that, which waits for it and does nothing else.

use super::proc::{page, vm_lck_of};
use super::rights::prepare_to_die;
use super::{Map, skip};
use mman_sys::{MaskHow, SigSet, Signal, Timespec, sigprocmask, sigtimedwait, tgkill};
use std::any::type_name;
use std::env;
use std::ffi::c_int;
use std::io::{Write, stdout};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus, Output};

const WHO: &str = "MMAN_SYS_TEST_CHILD";
const DONE: &str = "the child came to its end";
const LAST_WORDS: &str = "the child is where it expects to die";

/// Runs the body in a child; what it finds wrong fails this test.
pub(crate) fn in_child<F: FnOnce()>(body: F) {
    in_child_as::<F>(body);
}

/// The same, where the body is not written in the test itself: `T` is the closure that is.
pub(crate) fn in_child_as<T>(body: impl FnOnce()) {
    let Some(output) = run::<T>(body) else { return };
    let (out, err) = texts(&output);
    let done = output.status.success() && out.contains(DONE);
    assert!(done, "the child: {}\n{out}{err}", output.status);
}

/// Runs the body in a child, and asserts that it dies of the signal, not before it has
/// said its [`last_words`].
pub(crate) fn dies_by<F: FnOnce()>(signal: Signal, body: F) {
    let Some(output) = run::<F>(body) else { return };
    let (out, err) = texts(&output);
    if output.status.success() && err.contains("skipped: needs ") {
        return;
    }
    assert!(out.contains(LAST_WORDS), "the child ended too early: {}\n{out}{err}", output.status);
    let number = output.status.signal().map(i32::cast_unsigned);
    assert_eq!(number, Some(signal.raw()), "the child: {}\n{out}{err}", output.status);
}

/// Says in a child that the next touch is the one expected to end it.
pub(crate) fn last_words() {
    say(LAST_WORDS);
}

fn say(words: &str) {
    let mut out = stdout();
    writeln!(out, "{words}").unwrap();
    out.flush().unwrap();
}

fn texts(output: &Output) -> (String, String) {
    let [out, err] = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
    (out.into_owned(), err.into_owned())
}

/// Runs the body if this is the child, and answers `None`; else runs the child.
fn run<T>(body: impl FnOnce()) -> Option<Output> {
    let name = test_name::<T>();
    if env::var_os(WHO).is_some_and(|who| who == name.as_str()) {
        prepare_to_die();
        page();
        body();
        say(DONE);
        return None;
    }
    let arguments = ["--exact", &name, "--nocapture", "--test-threads=1"];
    let program = env::current_exe().unwrap();
    let output = Command::new(program).args(arguments).env(WHO, &name).output().unwrap();
    let (_, err) = texts(&output);
    for line in err.lines() {
        if let Some(what) = line.split_once("skipped: needs ").map(|(_, what)| what) {
            skip(what);
        }
    }
    Some(output)
}

/// The name of the test whose body this closure is: its path without the crate and without itself.
fn test_name<T>() -> String {
    let path = type_name::<T>().trim_end_matches("::{{closure}}");
    path.split_once("::").expect("a closure in a test").1.to_owned()
}

// SAFETY: the C library's own declarations, in these types.
unsafe extern "C" {
    fn fork() -> c_int;
    fn waitpid(pid: c_int, status: *mut c_int, options: c_int) -> c_int;
    safe fn _exit(status: c_int) -> !;
}

/// A process forked off a child.
#[derive(Debug)]
pub(crate) struct Fork {
    pid: c_int,
}

/// Forks. The new process does what the body says, and ends with what that answers.
///
/// Called in a child; the body makes calls of `mman-sys` and touches memory.
pub(crate) fn fork_then(body: impl FnOnce() -> u8) -> Fork {
    // The signal that releases the new process stays pending until it waits for it.
    let set = SigSet::of(Signal::SIGUSR1);
    sigprocmask(MaskHow::BLOCK, Some(&set), None).unwrap();
    // SAFETY: no other thread of the process holds a lock that the new one needs (the thread that started
    // the test waits for it); the new process does what the body says, and ends.
    let pid = unsafe { fork() };
    if pid == 0 {
        _exit(body().into());
    }
    assert!(pid > 0, "fork");
    Fork { pid }
}

/// Tells the parent through a byte that both share, and holds the forked process until it is released.
pub(crate) fn report_and_wait(flag: &Map) {
    flag.set(0, 1);
    let minute = Timespec { tv_sec: 60, tv_nsec: 0 };
    sigtimedwait(&SigSet::of(Signal::SIGUSR1), Some(&minute)).ok();
}

impl Fork {
    /// Waits until the forked process has reported.
    pub(crate) fn wait_for_report(&self, flag: &Map) {
        while flag.get(0) == 0 {
            std::thread::yield_now();
        }
    }

    /// Its locked memory in pages.
    pub(crate) fn vm_lck(&self) -> usize {
        vm_lck_of(&self.pid.to_string())
    }

    /// Lets it go on, and waits for its end.
    pub(crate) fn release(self) -> ExitStatus {
        tgkill(self.pid, self.pid, Signal::SIGUSR1).unwrap();
        self.wait()
    }

    /// Waits for its end.
    pub(crate) fn wait(mut self) -> ExitStatus {
        let status = wait_for(self.pid);
        self.pid = 0;
        status
    }
}

impl Drop for Fork {
    fn drop(&mut self) {
        if self.pid != 0 {
            tgkill(self.pid, self.pid, Signal::SIGKILL).ok();
            wait_for(self.pid);
        }
    }
}

fn wait_for(pid: c_int) -> ExitStatus {
    let mut status = 0;
    // SAFETY: the call writes one number.
    let answer = unsafe { waitpid(pid, &raw mut status, 0) };
    assert_eq!(answer, pid, "waitpid");
    ExitStatus::from_raw(status)
}
