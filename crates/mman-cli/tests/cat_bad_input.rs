//! `mman cat` with bad input: each has one clear line and exit code 2, and nothing is lost.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "test code")]

mod common;

use common::{Files, at, refused, run};
use std::ffi::{OsStr, OsString};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::Command;

fn refuses(word: impl Into<OsString>, expected: &str) {
    let word = word.into();
    let output = run([OsStr::new("cat"), &word]);
    assert!(output.stdout.is_empty(), "{}: wrote something", word.display());
    let line = common::one_line(&output);
    assert!(line.contains(expected), "{}: {line}", word.display());
}

#[test]
fn ranges_that_the_object_does_not_have() {
    let files = Files::new();
    let path = files.pattern("data", 1000);
    refuses(at(&path, "1001-"), "offset 1001 is past the end: the size is 1000 bytes");
    refuses(at(&path, "0-1001"), "the range ends at 1001, past the end: the size is 1000 bytes");
    refuses(at(&path, "5+0"), "length 0");
    refuses(at(&path, "5-5"), "length 0");
    refuses(at(&path, "-0"), "length 0");
    refuses(at(&path, "1+18446744073709551615"), "the number is larger than any offset");
    refuses("/proc/version@100000-", "offset 100000 is past the end: the size is ");
    refuses("/dev/zero", "give the range an end");
}

#[test]
fn a_range_that_is_none_is_pointed_at() {
    let files = Files::new();
    let path = files.pattern("data", 1000);
    refuses(at(&path, "12x-"), "range '12x-', character 3, 'x': expected - or +");
    refuses(at(&path, "9-3"), "character 3, '3': the range ends before its start");
    refuses(at(&path, "12"), "at its end: expected - or +");
}

#[test]
fn objects_that_cannot_be_mapped() {
    let files = Files::new();
    refuses(files.path(""), "open a directory: objects of this kind cannot be mapped");
    refuses(files.path("missing"), "open: No such file or directory (ENOENT)");
    let fifo = files.path("fifo");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    // Nobody writes to it: opening it must not wait.
    refuses(fifo, "open a pipe: objects of this kind cannot be mapped");
    let socket = files.path("socket");
    let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    refuses(socket, "socket: open: No such device or address (ENXIO)");
}

/// Opening the reading end and closing it again kills whoever is writing, and loses what was written.
#[test]
fn a_writer_that_waits_at_a_fifo_is_left_alone() {
    use std::io::Read;
    let files = Files::new();
    let fifo = files.path("fifo");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let script = "echo kept > \"$1\"";
    let mut writer = Command::new("sh").args(["-c", script, "sh"]).arg(&fifo).spawn().unwrap();
    for _ in 0..20 {
        refuses(&fifo, "open a pipe: objects of this kind cannot be mapped");
    }
    let mut text = String::new();
    std::fs::File::open(&fifo).unwrap().read_to_string(&mut text).unwrap();
    assert!(writer.wait().unwrap().success());
    assert_eq!(text, "kept\n");
}

#[test]
fn a_name_with_a_line_break_is_told_on_one_line() {
    let files = Files::new();
    refuses(files.path("a\nb\x1b[31m"), r"a\nb\u{1b}[31m: open: No such file");
}

#[test]
fn offsets_that_no_file_has() {
    refuses("/proc/version@18446744073709551615-", "is past the end: the size is ");
    let files = Files::new();
    let empty = files.pattern("empty", 0);
    refuses(at(&empty, "9223372036854775000-"), "is past the end: the size is 0 bytes");
}

#[test]
fn processes_and_shared_memory_that_are_not_there() {
    refuses("pid:999999999@0+1", "no such process");
    refuses("pid:x@0+1", "expected pid: and a number");
    let own = std::process::id();
    refuses(format!("pid:{own}"), "say pid:");
    refuses(format!("pid:{own}@0+1"), "nothing can be read at 0x0");
    refuses("shm:a/b", "expected shm: and a name without slashes");
    refuses("shm:/mman-no-such-object", "No such file or directory (ENOENT)");
}

#[test]
fn a_file_of_somebody_else_is_not_readable() {
    let files = Files::new();
    let path = files.pattern("secret", 10);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o000)).unwrap();
    if std::fs::File::open(&path).is_ok() {
        // Root may read it: ask as nobody. The command is copied to where nobody can reach it.
        return as_nobody(&files, &path);
    }
    refuses(path, "open: Permission denied (EACCES)");
}

fn as_nobody(files: &Files, path: &std::path::Path) {
    const NOBODY: u32 = 65_534;
    let copy = files.path("mman");
    // By a process of its own: a descriptor of ours could live on in a child that another test is starting, and
    // a file that somebody writes cannot be executed.
    let copied = Command::new("cp").arg(env!("CARGO_BIN_EXE_mman")).arg(&copy).status().unwrap();
    assert!(copied.success());
    for open in [copy.as_path(), copy.parent().unwrap()] {
        std::fs::set_permissions(open, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let output = Command::new(&copy).arg("cat").arg(path).uid(NOBODY).gid(NOBODY).output().unwrap();
    assert!(common::one_line(&output).contains("open: Permission denied (EACCES)"));
}

#[test]
fn a_word_that_is_no_command_is_a_usage_error() {
    let output = run(["nonsense"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("nonsense"));
    let line = refused(["cat", "user@host"]);
    assert!(line.contains("user@host: open: No such file or directory"), "{line}");
}
