//! The example `slice`: prints a part of a file, of any offset and length.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test may stop at what it does not expect"
)]

use mman_testkit::files::Folder;
use mman_testkit::{pattern, require};
use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::OnceLock;

/// The built example; `None`, and said so, where this test was not started by cargo.
fn example() -> Option<PathBuf> {
    static BUILT: OnceLock<Option<PathBuf>> = OnceLock::new();
    BUILT.get_or_init(build).clone()
}

fn build() -> Option<PathBuf> {
    let Some(cargo) = std::env::var_os("CARGO") else {
        require::skip("cargo, which builds the example");
        return None;
    };
    let arguments = ["build", "-q", "-p", "mman", "--example", "slice", "--message-format", "json"];
    let mut command = Command::new(cargo);
    let built = command.args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let messages = String::from_utf8(built.stdout).unwrap();
    let executable = messages.lines().find_map(|line| {
        let (_, rest) = line.split_once("\"executable\":\"")?;
        rest.split_once('"').map(|(path, _)| PathBuf::from(path))
    });
    Some(executable.expect("the path of the example"))
}

fn slice(arguments: &[&OsStr]) -> Option<Output> {
    Some(Command::new(example()?).args(arguments).output().unwrap())
}

#[test]
fn it_prints_the_bytes() {
    let folder = Folder::new();
    let path = folder.patterned("file", 10_000);
    let cases = [
        ("0", None, 0..10_000_usize),
        ("0", Some("1"), 0..1),
        ("1", Some("4096"), 1..4097),
        ("4095", Some("2"), 4095..4097),
        ("4096", None, 4096..10_000),
        ("5000", Some("0"), 5000..5000),
        ("9999", Some("1"), 9999..10_000),
        ("9000", Some("5000"), 9000..10_000),
        ("1", Some("18446744073709551615"), 1..10_000),
    ];
    for (offset, length, range) in cases {
        let mut arguments = vec![path.as_os_str(), OsStr::new(offset)];
        arguments.extend(length.map(OsStr::new));
        let Some(output) = slice(&arguments) else { return };
        let error = String::from_utf8_lossy(&output.stderr);
        if range.is_empty() {
            // Nothing was asked for: refused with a line, or printed as nothing.
            assert!(output.stdout.is_empty());
            continue;
        }
        assert!(output.status.success() && error.is_empty(), "{offset} {length:?}: {error}");
        assert_eq!(output.stdout.len(), range.len());
        pattern::assert_is(&output.stdout, range.start as u64);
    }
}

#[test]
fn what_is_wrong_is_one_line() {
    let folder = Folder::new();
    let path = folder.patterned("file", 100);
    let missing = folder.name("missing");
    let fifo = folder.fifo("fifo");
    let [zero, hundred, letters] = ["0", "100", "abc"].map(OsStr::new);
    let cases = [
        (vec![path.as_os_str(), hundred], "100 is past the end: it has 100 bytes"),
        (vec![path.as_os_str(), letters], "abc is no offset"),
        (vec![path.as_os_str(), zero, letters], "abc is no length"),
        (vec![path.as_os_str()], "usage"),
        (vec![missing.as_os_str(), zero], "No such file"),
        (vec![folder.path().as_os_str(), zero], "a directory"),
        (vec![fifo.as_os_str(), zero], "a pipe"),
        (vec![OsStr::new("/dev/null"), zero], "does not tell its size"),
    ];
    for (arguments, words) in cases {
        let Some(output) = slice(&arguments) else { return };
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{error}");
        assert!(error.starts_with("slice: ") && error.contains(words), "{error}");
        assert_eq!(error.lines().count(), 1, "{error}");
    }
}
