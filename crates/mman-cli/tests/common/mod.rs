//! What the command's tests share: running it, and files with known bytes.
#![allow(dead_code, reason = "each test file uses its part")]
#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "test code"
)]

pub(crate) mod held;
pub(crate) mod nobody;
pub(crate) mod pty;
pub(crate) mod schema;
pub(crate) mod snapshot;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

/// The command, with nothing on standard input.
pub(crate) fn mman<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mman"));
    command.args(arguments).stdin(Stdio::null());
    command
}

/// Runs it to its end.
pub(crate) fn run<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Output {
    mman(arguments).output().expect("the command starts")
}

/// Runs it, expects it to succeed in silence, and gives what it wrote.
pub(crate) fn written<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Vec<u8> {
    let output = run(arguments);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && errors.is_empty(), "{:?}: {errors}", output.status);
    output.stdout
}

/// Runs it, expects exit code 2 and one line on standard error, and gives the line.
pub(crate) fn refused<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> String {
    one_line(&run(arguments))
}

/// Of something that failed: exit code 2, and the one line it said.
pub(crate) fn one_line(output: &Output) -> String {
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{:?}: {errors}", output.status);
    assert_eq!(errors.lines().count(), 1, "one line: {errors}");
    assert!(errors.starts_with("mman: ") && errors.ends_with('\n'), "{errors}");
    errors
}

/// The byte at an offset: no period of a power of two, so that a slip of a page shows.
pub(crate) fn byte_at(offset: u64) -> u8 {
    (offset.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8
}

/// A temporary directory with files of known bytes.
pub(crate) struct Files(TempDir);

impl Files {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary directory"))
    }

    pub(crate) fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.0.path().join(name)
    }

    /// A file of `len` bytes of the pattern.
    pub(crate) fn pattern(&self, name: impl AsRef<Path>, len: u64) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().expect("a directory")).expect("made");
        std::fs::write(&path, (0..len).map(byte_at).collect::<Vec<_>>()).expect("written");
        path
    }
}

/// `PATH@RANGE` as one argument.
pub(crate) fn at(path: &Path, range: &str) -> std::ffi::OsString {
    let mut word = path.as_os_str().to_owned();
    word.push("@");
    word.push(range);
    word
}
