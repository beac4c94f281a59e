//! The command as an ordinary user.

use super::Files;
use std::ffi::OsStr;
use std::fs::{Permissions, set_permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

const NOBODY: u32 = 65_534;

/// The command, as `nobody` runs it. It is copied to where nobody can reach it. `None`, and said, where this is not
/// root.
pub(crate) fn mman<A: AsRef<OsStr>>(
    files: &Files,
    arguments: impl IntoIterator<Item = A>,
) -> Option<Command> {
    if !mman_testkit::require::root() {
        return None;
    }
    open_to_all(&files.path(""), 0o755);
    let copy = files.path(".mman");
    if !copy.exists() {
        // By a process of its own: a descriptor of ours could live on in a child that another test is starting, and
        // a file that somebody writes cannot be executed.
        let copied = Command::new("cp").arg(env!("CARGO_BIN_EXE_mman")).arg(&copy).status();
        assert!(copied.unwrap().success());
        open_to_all(&copy, 0o755);
    }
    let mut command = Command::new(copy);
    command.args(arguments).stdin(Stdio::null()).uid(NOBODY).gid(NOBODY);
    Some(command)
}

/// Runs it to its end.
pub(crate) fn run<A: AsRef<OsStr>>(
    files: &Files,
    arguments: impl IntoIterator<Item = A>,
) -> Option<Output> {
    mman(files, arguments).map(|mut command| command.output().unwrap())
}

/// Gives a file to `nobody`.
pub(crate) fn give(path: &Path) {
    std::os::unix::fs::chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
}

pub(crate) fn open_to_all(path: &Path, mode: u32) {
    set_permissions(path, Permissions::from_mode(mode)).unwrap();
}
