//! `mman log`: what was appended comes out, a line each, while it is written too; damage is named by its offset.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "test code"
)]

mod common;

use common::{Files, mman, refused, run, written};
use mman::log::{AppendLog, Level, LogOptions};
use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::Stdio;

fn arguments<'a>(words: &'a [&'a str], path: &'a Path) -> Vec<&'a OsStr> {
    words.iter().map(OsStr::new).chain([path.as_os_str()]).collect()
}

#[test]
fn records_are_lines() {
    let files = Files::new();
    let path = files.path("log");
    let log = AppendLog::open(&path).unwrap();
    log.append(b"plain").unwrap();
    log.append_at(Level::Warn, b"two\nlines\x1b and \xff").unwrap();
    assert_eq!(
        written(arguments(&["log", "cat", "--raw"], &path)),
        b"plain\ntwo\nlines\x1b and \xff\n"
    );
    let text = String::from_utf8(written(arguments(&["log", "cat"], &path))).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let process = std::process::id();
    assert_eq!(lines.len(), 2);
    assert!(lines[0].ends_with(&format!("Z -     {process} plain")), "{text}");
    assert!(
        lines[1].ends_with(&format!("Z WARN  {process} two\\nlines\\u{{1b}} and \\xff")),
        "{text}"
    );
    assert!(lines[0].starts_with("20"), "{text}");
    assert_eq!(
        written(arguments(&["log", "tail", "-n1", "--raw"], &path)),
        b"two\nlines\x1b and \xff\n"
    );
}

#[test]
fn a_tail_follows_across_rotation() {
    let files = Files::new();
    let path = files.path("log");
    let log = LogOptions::new().capacity(8192).rotate(100).open(&path).unwrap();
    log.append(b"0").unwrap();
    let mut tail = mman(arguments(&["log", "tail", "-f", "--raw"], &path))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(tail.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "0");
    for number in 1..1000 {
        log.append(number.to_string().as_bytes()).unwrap();
    }
    for number in 1..1000 {
        assert_eq!(lines.next().unwrap().unwrap(), number.to_string());
    }
    tail.kill().unwrap();
    tail.wait().unwrap();
    let all = written(arguments(&["log", "cat", "--raw", "--all"], &path));
    assert_eq!(all.split(|byte| *byte == b'\n').count(), 1001);
    let rotated = files.path("log.1");
    let first = written(arguments(&["log", "cat", "--raw"], &rotated));
    assert!(first.starts_with(b"0\n1\n") && first.len() < all.len());
}

#[test]
fn damage_is_named_by_its_offset() {
    let files = Files::new();
    let path = files.path("log");
    let log = AppendLog::open(&path).unwrap();
    let at = [1, 2, 3].map(|number| log.append(&[b'a' + number; 50]).unwrap().offset);
    let text = String::from_utf8(written(arguments(&["log", "verify"], &path))).unwrap();
    assert!(
        text.ends_with(
            "file 1, open: 3 records of 150 bytes, 0 places of dead writers, 0 damaged\n"
        )
    );
    let file = std::fs::File::options().write(true).open(&path).unwrap();
    file.write_all_at(b"X", at[1] + 30).unwrap();
    let output = run(arguments(&["log", "verify"], &path));
    assert_eq!(output.status.code(), Some(2));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains(&format!("damaged at byte {}\n", at[1])), "{text}");
    let output = run(arguments(&["log", "cat", "--raw"], &path));
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(output.stdout.split(|byte| *byte == b'\n').count(), 3, "the two others");
}

/// A power loss took the last pages of a file that was rotated: nothing in it is damaged, and yet records are missing.
#[test]
fn a_rotated_file_without_its_end_is_told() {
    let files = Files::new();
    let path = files.path("log");
    let log = LogOptions::new().capacity(8192).rotate(9).open(&path).unwrap();
    let mut last = 0;
    while !files.path("log.1").exists() {
        let position = log.append(&[b'a'; 50]).unwrap();
        if position.segment == 1 {
            last = position.offset;
        }
    }
    let rotated = files.path("log.1");
    let whole = String::from_utf8(written(arguments(&["log", "verify"], &rotated))).unwrap();
    assert!(whole.contains("file 1, ended"), "{whole}");
    let file = std::fs::File::options().write(true).open(&rotated).unwrap();
    file.write_all_at(&[0; 8], last + 80).unwrap(); // 24 + 50, rounded up to 8: the mark of the end
    let output = run(arguments(&["log", "verify"], &rotated));
    assert_eq!(output.status.code(), Some(2));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains(" 0 damaged\n"), "{text}");
    assert!(text.contains(&format!("what stood behind byte {} is lost", last + 80)), "{text}");
}

#[test]
fn what_is_no_log_is_refused() {
    let files = Files::new();
    let path = files.pattern("noise", 10_000);
    for command in ["cat", "verify", "tail"] {
        assert!(refused(arguments(&["log", command], &path)).contains("not a log"), "{command}");
        let missing = files.path("missing");
        assert!(refused(arguments(&["log", command], &missing)).contains("ENOENT"), "{command}");
    }
}
