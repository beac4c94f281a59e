//! Children: a test that runs once more, alone in a process of its own.
//!
//! What is the business of a whole process happens there. The child is this very test program, asked for
//! the one test by name and for one thread; the environment tells the test that it is the child.

use crate::limits::{self, Resource};
use crate::require::skip;
use std::any::type_name;
use std::env;
use std::io::{Write, stdout};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus};

const WHO: &str = "MMAN_TESTKIT_CHILD";
const DONE: &str = "the child came to its end";

/// How a child ended.
#[derive(Debug)]
pub struct Ended {
    /// Its exit status.
    pub status: ExitStatus,
    /// What it printed on standard output.
    pub out: String,
    /// What it printed on standard error.
    pub err: String,
}

impl Ended {
    /// The signal that killed it.
    #[must_use]
    pub fn signal(&self) -> Option<i32> {
        self.status.signal()
    }

    /// Whether it ran the body to its end.
    #[must_use]
    pub fn came_to_its_end(&self) -> bool {
        self.status.success() && self.out.contains(DONE)
    }
}

/// Runs the body in a child of one thread; what it finds wrong fails this test.
///
/// # Panics
///
/// Where the child does not come to the end of the body.
pub fn run<F: FnOnce()>(body: F) {
    let Some(ended) = outcome(body) else { return };
    let Ended { status, out, err } = &ended;
    assert!(ended.came_to_its_end(), "the child: {status}\n{out}{err}");
}

/// Runs the body in a child of one thread, and answers how that ended; `None` in the child itself, where the
/// test is to return at once.
///
/// The body is a closure written in the test function itself: its type has the test's name. What the child says
/// it skips is said again.
///
/// # Panics
///
/// Where there is no child to be had.
pub fn outcome<F: FnOnce()>(body: F) -> Option<Ended> {
    let name = test_name::<F>();
    if env::var_os(WHO).is_some_and(|who| who == *name) {
        prepare();
        body();
        let mut out = stdout();
        writeln!(out, "{DONE}").and_then(|()| out.flush()).expect("standard output");
        return None;
    }
    let arguments = ["--exact", &name, "--nocapture", "--test-threads=1"];
    let program = env::current_exe().expect("this program");
    let output = Command::new(program).args(arguments).env(WHO, &name).output().expect("a child");
    let [out, err] =
        [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    for line in err.lines() {
        if let Some((_, what)) = line.split_once("skipped: needs ") {
            skip(what);
        }
    }
    Some(Ended { status: output.status, out, err })
}

/// No core file, and no waiting without end.
pub(crate) fn prepare() {
    // SAFETY: the C library's own declaration.
    unsafe extern "C" {
        safe fn alarm(seconds: std::ffi::c_uint) -> std::ffi::c_uint;
    }
    limits::set(Resource::Core, 0);
    let _none_before = alarm(300);
}

/// The name of the test whose body this closure is: its path without the crate and without itself.
pub(crate) fn test_name<T>() -> String {
    let path = type_name::<T>().trim_end_matches("::{{closure}}");
    path.split_once("::").expect("a closure in a test").1.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_runs_the_body_and_the_test_does_not() {
        let ran = std::cell::Cell::new(false);
        run(|| ran.set(true));
        assert_eq!(ran.get(), env::var_os(WHO).is_some());
    }

    #[test]
    fn the_end_of_a_child_is_told() {
        let Some(ended) = outcome(|| panic!("on purpose")) else { return };
        assert!(!ended.came_to_its_end() && ended.signal().is_none());
        assert!(ended.err.contains("on purpose") || ended.out.contains("on purpose"), "{ended:?}");
    }
}
