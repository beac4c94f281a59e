//! A format that only its own library can read is a prison: a log that lies on a dead machine is read with what is
//! there. Here a C program that knows `docs/log-format.md` and nothing else writes to a log beside the library, and each
//! reads what the other wrote.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    reason = "a test may stop at what it does not expect"
)]

use mman::log::{AppendLog, LogReader, verify};
use mman_testkit::files::Folder;
use mman_testkit::require;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn compiled(folder: &Folder) -> Option<PathBuf> {
    if !require::program("cc") {
        return None;
    }
    let program = folder.name("log-in-c");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/c/log.c");
    let flags = ["-std=c11", "-O2", "-Wall", "-Wextra", "-Werror", "-o"];
    let made = Command::new("cc").args(flags).arg(&program).arg(source).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    Some(program)
}

fn run(program: &Path, command: &str, log: &Path, text: Option<&str>) -> Output {
    Command::new(program).arg(command).arg(log).args(text).output().unwrap()
}

#[test]
fn each_reads_what_the_other_wrote() {
    let folder = Folder::new();
    let Some(program) = compiled(&folder) else { return };
    let path = folder.name("log");
    let log = AppendLog::open(&path).unwrap();
    let mut expected = Vec::new();
    for number in 0..60 {
        let text = format!("{number} {}", "x".repeat(number * 37));
        if number % 3 == 0 {
            let output = run(&program, "append", &path, Some(&text));
            assert!(output.status.success(), "{output:?}");
        } else {
            log.append(text.as_bytes()).unwrap();
        }
        expected.push(text);
    }
    let output = run(&program, "cat", &path, None);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(String::from_utf8(output.stdout).unwrap(), expected.join("\n") + "\n");
    let mut reader = LogReader::open(&path).unwrap();
    for text in &expected {
        assert_eq!(reader.next_entry().unwrap().unwrap().bytes, text.as_bytes());
    }
    let found = verify(&path).unwrap();
    assert_eq!((found.records, found.damaged), (60, 0));
    std::fs::write(folder.name("noise"), [1; 5000]).unwrap();
    assert_eq!(run(&program, "cat", &folder.name("noise"), None).status.code(), Some(2));
}
