//! What the older tools do wrong, and `mman stat` does not: each of their defects has a test.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "test code"
)]

mod common;

use common::held::{Held, page};
use common::{Files, mman, nobody, one_line, run};
use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, symlink};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stat(path: &Path) -> Output {
    run([OsStr::new("stat"), path.as_ref()])
}

/// vmtouch and fincore as `nobody`: 100 % of a file of which nothing is cached.
#[test]
fn without_rights_nothing_is_said_to_be_cached() {
    let files = Files::new();
    let path = files.pattern("file", 50 * page());
    nobody::open_to_all(&path, 0o644);
    let _held = Held::new(&path, []);
    let Some(mut command) = nobody::mman(&files, ["stat"]) else { return };
    let output = command.arg(&path).output().unwrap();
    let table = text(&output);
    assert!(!table.contains("100%"), "{table}");
    if output.status.code() == Some(0) {
        assert!(table.contains("  0%"), "before Linux 6.14 the truth is told: {table}");
    } else {
        let line = one_line(&output);
        assert!(line.contains("1 file is unknown: not permitted (needs owner)"), "{line}");
        let row = table.lines().nth(1).unwrap();
        assert_eq!(row.split_whitespace().filter(|word| *word == "?").count(), 3, "{row}");
    }
}

/// hcache and vmtouch map files, and die when one becomes shorter.
#[test]
fn a_file_that_is_truncated_meanwhile_kills_nobody() {
    let files = Files::new();
    let path = files.pattern("file", 4 << 20);
    std::thread::scope(|scope| {
        let busy = Arc::new(());
        let watched = Arc::downgrade(&busy);
        let file = File::options().write(true).open(&path).unwrap();
        scope.spawn(move || {
            while watched.strong_count() > 0 {
                for len in [0, 4 << 20, page() / 2, 1 << 20] {
                    file.set_len(len).unwrap();
                }
            }
        });
        for words in [&["-m"][..], &["--folios"], &["--json"], &["-r1M-"]] {
            if words == ["--folios"] && !rustix::process::geteuid().is_root() {
                continue;
            }
            for _ in 0..40 {
                let output = mman(["stat"]).args(words).arg(&path).output().unwrap();
                let signal = output.status.signal();
                if words == ["-r1M-"] && output.status.code() == Some(2) {
                    assert!(one_line(&output).contains("is past the end"), "it is shorter now");
                    continue;
                }
                assert_eq!((output.status.code(), signal), (Some(0), None), "{words:?}");
            }
        }
        drop(busy);
    });
}

/// vmtouch warns and exits with 0.
#[test]
fn what_failed_is_in_the_exit_code() {
    let files = Files::new();
    let path = files.pattern("file", page());
    let missing = files.path("missing");
    let output = mman(["stat"]).args([&missing, &path]).output().unwrap();
    let line = one_line(&output);
    assert!(line.contains("missing: No such file or directory (ENOENT)"), "{line}");
    assert!(text(&output).contains("1 file, 1 problem"), "{}", text(&output));
    assert!(one_line(&stat(Path::new("/dev/null"))).contains("a character device"));
    let line = common::refused(["stat", "-g", "["]);
    assert!(line.contains("glob '['"), "{line}");
    let line = common::refused(["stat", "--files-from", "/no/such/list"]);
    assert!(line.contains("/no/such/list: No such file or directory"), "{line}");
}

/// pcstat prints names into JSON as they are.
#[test]
fn json_is_json_whatever_files_are_called() {
    let files = Files::new();
    let names: [&[u8]; 7] =
        [b"\"", b"\\", b"a\nb", b"\x01\x7f", b"\xff\xfe", "é\u{2028}".as_bytes(), b"{}"];
    for name in names {
        files.pattern(OsStr::from_bytes(name), 1);
    }
    let words =
        [OsStr::new("stat"), OsStr::new("--json"), files.path("").as_os_str()].map(OsStr::to_owned);
    let output = run(words);
    assert!(output.status.success());
    let lines: Vec<serde_json::Value> =
        text(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), names.len() + 1);
    for group in ["dir", "ext"] {
        let output = mman(["stat", "--json", "--by", group]).arg(files.path("")).output().unwrap();
        common::schema::Schema::published().assert_describes_all(&output.stdout);
        assert!(text(&output).lines().all(|line| {
            serde_json::from_str::<serde_json::Value>(line).unwrap()["version"] == 1
        }));
    }
}

/// vmtouch takes two links to one directory, or a deep tree, for a loop.
#[test]
fn what_is_no_loop_is_not_called_one() {
    let files = Files::new();
    let mut deep = files.path("deep");
    for _ in 0..200 {
        deep.push("d");
    }
    std::fs::create_dir_all(&deep).unwrap();
    files.pattern(deep.join("file"), 1);
    for name in ["one", "two"] {
        symlink("deep", files.path(name)).unwrap();
    }
    let output = mman(["stat", "-L", "--json"]).arg(files.path("")).output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty());
    assert_eq!(text(&output).lines().count(), 2, "one file, and the total");
}

/// fincore and vmtouch round 99.98 % up.
#[test]
fn all_but_one_page_is_not_100_percent() {
    let files = Files::new();
    let path = files.pattern("file", 2000 * page());
    let held = Held::new(&path, (0..2000).filter(|number| *number != 777));
    let output = stat(&path);
    assert_eq!(text(&output).matches("99.9%").count(), 2, "{}", text(&output));
    let code = |min: &str| {
        let output = mman(["stat", "-q", "--min", min]).arg(&path).output().unwrap();
        assert!(output.stdout.is_empty() && output.stderr.is_empty());
        output.status.code()
    };
    assert_eq!((code("100%"), code("99.9%")), (Some(1), Some(0)));
    drop(held);
    let _held = Held::new(&path, 0..2000);
    assert_eq!(text(&stat(&path)).matches("100%").count(), 2);
    assert_eq!(code("100%"), Some(0));
}

/// vmtouch opens whatever it finds: a FIFO's writer then writes to nobody and is killed.
#[test]
fn pipes_and_sockets_are_not_opened() {
    let files = Files::new();
    let fifo = files.path("fifo");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let _listener = std::os::unix::net::UnixListener::bind(files.path("socket")).unwrap();
    let script = "echo kept > \"$1\"";
    let mut writer = Command::new("sh").args(["-c", script, "sh"]).arg(&fifo).spawn().unwrap();
    for _ in 0..20 {
        let output = stat(&files.path(""));
        assert!(output.status.success() && text(&output).contains("0 files, "));
        assert!(one_line(&stat(&fifo)).contains("a FIFO: has no pages in the page cache"));
    }
    assert_eq!(std::fs::read_to_string(&fifo).unwrap(), "kept\n");
    assert!(writer.wait().unwrap().success());
}

/// Looking is not reading: times of access stay, and nothing is read in.
#[test]
fn looking_changes_nothing() {
    let files = Files::new();
    let path = files.pattern("file", 100 * page());
    let _held = Held::new(&path, [50]);
    let before = std::fs::metadata(&path).unwrap();
    for words in [&["-m"][..], &["--json"], &["--sort", "none"]] {
        let output = mman(["stat"]).args(words).arg(&path).output().unwrap();
        assert!(output.status.success());
    }
    let after = std::fs::metadata(&path).unwrap();
    assert_eq!((before.atime(), before.atime_nsec()), (after.atime(), after.atime_nsec()));
    assert!(text(&stat(&path)).contains("  1%"), "{}", text(&stat(&path)));
}

/// A reader that goes away ends the search, in silence.
#[test]
fn a_reader_that_goes_away_is_no_error() {
    let files = Files::new();
    for number in 0..3000 {
        files.pattern(format!("a-name-that-takes-some-room-in-a-line-{number}"), 0);
    }
    for sort in ["none", "path"] {
        let script = "set -o pipefail; \"$1\" stat --sort \"$3\" \"$2\" | head -n 2 | wc -l";
        let mut shell = Command::new("bash");
        shell
            .args(["-c", script, "bash", env!("CARGO_BIN_EXE_mman")])
            .arg(files.path(""))
            .arg(sort);
        let output = shell.output().unwrap();
        assert_eq!(text(&output).trim(), "2");
        assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    }
}
