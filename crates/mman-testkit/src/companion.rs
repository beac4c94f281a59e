//! Companions: a process of the test's own that prepares something, says where it is, and waits.
//!
//! It is this very test program, asked for the one test by name, as a [`child`](crate::child) is; but the test
//! goes on beside it, and ends it.

use crate::child::{prepare, test_name};
use std::env;
use std::io::{BufRead, BufReader, Read, Write, stdin, stdout};
use std::process::{Child, Command, Stdio};

const WHO: &str = "MMAN_TESTKIT_COMPANION";
const READY: &str = "the companion is ready: ";

/// A process that waits; it is killed when this is dropped.
#[derive(Debug)]
pub struct Companion {
    process: Child,
    /// What it prepared, in its own words.
    pub said: String,
}

impl Companion {
    /// Its number.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// A number that it said, by its place.
    ///
    /// # Panics
    ///
    /// Where it said none there.
    #[must_use]
    pub fn number(&self, place: usize) -> usize {
        let word = self.said.split_ascii_whitespace().nth(place).expect("a word");
        word.parse().expect("a number")
    }

    /// Sends it `SIGKILL`, and does not wait.
    ///
    /// # Panics
    ///
    /// Where there is none any more.
    pub fn kill(&mut self) {
        self.process.kill().expect("a process to kill");
    }

    /// Waits until it has ended: from then on its number may be another's.
    ///
    /// # Panics
    ///
    /// Where there is none any more.
    pub fn wait(&mut self) {
        let _status = self.process.wait().expect("a process to wait for");
    }
}

impl Drop for Companion {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// Starts a companion that runs the body, keeps what that answers, and says its words. `None` in the companion
/// itself, once it is no longer wanted: the test is to return at once.
///
/// The body is a closure written in the test function itself.
///
/// # Panics
///
/// Where there is no process to be had, or it says nothing.
pub fn start<T, F: FnOnce() -> (T, String)>(body: F) -> Option<Companion> {
    let name = test_name::<F>();
    if env::var_os(WHO).is_some_and(|who| who == *name) {
        prepare();
        let (kept, said) = body();
        let mut out = stdout();
        writeln!(out, "\n{READY}{said}").and_then(|()| out.flush()).expect("standard output");
        let _end = stdin().read(&mut [0]);
        drop(kept);
        return None;
    }
    let arguments = ["--exact", &name, "--nocapture", "--test-threads=1"];
    let program = env::current_exe().expect("this program");
    let mut command = Command::new(program);
    command.args(arguments).env(WHO, &name).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut process = command.spawn().expect("a companion");
    let out = BufReader::new(process.stdout.take().expect("its output"));
    let said = out.lines().map_while(Result::ok).find_map(|line| {
        let (_, said) = line.split_once(READY)?;
        Some(said.to_owned())
    });
    // From here on the process is ended whatever happens.
    let mut companion = Companion { process, said: String::new() };
    companion.said = said.expect("words of the companion");
    Some(companion)
}
