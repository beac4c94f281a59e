//! Starting other programs: as they are, or with their lines read on the way through.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::thread;

use crate::failure::{Done, Failure};
use crate::libtest::Filter;
use crate::log::Log;

/// The cargo that started this program, at the root of the workspace.
pub(crate) fn cargo(root: &Path) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root);
    command
}

/// Removes what `cargo run` set for this program and another compiler must not see.
pub(crate) fn without_our_toolchain(command: &mut Command) -> &mut Command {
    for name in
        ["LD_LIBRARY_PATH", "RUSTC", "RUSTC_WRAPPER", "RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS"]
    {
        command.env_remove(name);
    }
    command
}

/// Runs a program with its output untouched.
pub(crate) fn plain(name: &str, command: &mut Command) -> Done {
    let status =
        command.stdin(Stdio::null()).status().map_err(|error| cannot_start(name, &error))?;
    verdict(name, status)
}

/// Runs tests: their log is thinned out, and lines that say `skipped:` are collected.
pub(crate) fn tests(name: &str, command: &mut Command, log: &Log) -> Done {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| cannot_start(name, &error))?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    thread::scope(|scope| {
        if let Some(stdout) = stdout {
            scope.spawn(|| pass_through(stdout, log));
        }
        if let Some(stderr) = stderr {
            scope.spawn(|| pass_through(stderr, log));
        }
    });
    verdict(name, child.wait().map_err(|error| cannot_start(name, &error))?)
}

fn pass_through(stream: impl Read, log: &Log) {
    let mut reader = BufReader::new(stream);
    let mut filter = Filter::default();
    let mut bytes = Vec::new();
    // A stream that cannot be read any more has ended; the exit status tells the rest.
    while reader.read_until(b'\n', &mut bytes).is_ok_and(|count| count > 0) {
        let line = String::from_utf8_lossy(&bytes);
        filter.take(line.trim_end_matches('\n'), log);
        bytes.clear();
    }
}

fn verdict(name: &str, status: ExitStatus) -> Done {
    if status.success() { Ok(()) } else { Err(Failure::new(format!("{name} failed ({status})"))) }
}

fn cannot_start(name: &str, error: &std::io::Error) -> Failure {
    Failure::new(format!("{name} cannot be started: {error}"))
}
