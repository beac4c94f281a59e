//! Which files are meant: each flag of the selection names exactly the files that its help says, no more and no fewer,
//! and an interrupted search says what it has counted.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "test code"
)]

mod common;

use common::held::{Held, page};
use common::{Files, mman, one_line};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

/// A tree of small files; one of them hidden, one in a hidden directory.
const TREE: [&str; 8] =
    ["a.db", "b.wal", "sub/.hid/c.db", "sub/.x", "sub/d.db", "sub/e.log", "sub/low/f.db", "z"];

fn tree() -> Files {
    let files = Files::new();
    for (at, name) in (1..).zip(TREE) {
        files.pattern(name, at * 1000);
    }
    files
}

/// `mman WORDS` in the directory.
fn command(files: &Files, words: &[&str]) -> Command {
    let mut command = mman(words);
    command.current_dir(files.path(""));
    command
}

/// Lines of JSON: of the files, and the last one.
fn lines(output: &Output) -> (Vec<Value>, Value) {
    common::schema::Schema::published().assert_describes_all(&output.stdout);
    let text = std::str::from_utf8(&output.stdout).unwrap();
    let mut lines: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let total = lines.pop().expect("a line");
    assert_eq!(total["type"], "stat_total");
    (lines, total)
}

fn paths_of(output: &Output) -> Vec<String> {
    let (found, total) = lines(output);
    assert_eq!(total["files"], found.len());
    found.iter().map(|file| file["path"].as_str().unwrap().to_owned()).collect()
}

/// The paths that `mman stat --json WORDS` prints, in its order.
fn paths(files: &Files, words: &[&str]) -> Vec<String> {
    let output = command(files, &[&["stat", "--json"], words].concat()).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && errors.is_empty(), "{words:?}: {errors}");
    paths_of(&output)
}

fn refused(files: &Files, words: &[&str]) -> String {
    one_line(&command(files, &[&["stat"], words].concat()).output().unwrap())
}

/// `mman stat --json WORDS` with a list on standard input.
fn fed(files: &Files, words: &[&str], list: &[u8]) -> Output {
    let mut command = command(files, &[&["stat", "--json"], words].concat());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(list).unwrap();
    child.wait_with_output().unwrap()
}

#[test]
fn all_files_are_meant_where_nothing_else_is_said() {
    let files = tree();
    assert_eq!(paths(&files, &[]), TREE, "hidden ones too");
    assert_eq!(paths(&files, &["."]), TREE.map(|name| format!("./{name}")));
    assert_eq!(paths(&files, &["sub/low", "z"]), ["sub/low/f.db", "z"]);
    assert_eq!(paths(&files, &["z", "./z", "z"]), ["z"], "a file named twice is one");
}

#[test]
fn globs_choose_names_or_paths() {
    let files = tree();
    let all_db = ["a.db", "sub/.hid/c.db", "sub/d.db", "sub/low/f.db"];
    assert_eq!(paths(&files, &["-g", "*.db"]), all_db);
    assert_eq!(paths(&files, &["-g", "sub/*.db"]), ["sub/d.db"], "* stays in a directory");
    assert_eq!(paths(&files, &["-g", "sub/**/*.db"]), all_db[1..]);
    assert_eq!(paths(&files, &["--glob", "*.wal", "-g", "z"]), ["b.wal", "z"], "either");
    assert_eq!(paths(&files, &["-g", "{a,d}.*"]), ["a.db", "sub/d.db"]);
    assert_eq!(paths(&files, &["-g", "low/*", "sub"]), ["sub/low/f.db"], "from PATH on");
    assert!(paths(&files, &["-g", "sub"]).is_empty(), "a directory's name chooses no files");
    assert!(refused(&files, &["-g", "[a"]).contains("glob '[a'"));
}

#[test]
fn exclusions_win_and_prune() {
    let files = tree();
    assert_eq!(paths(&files, &["-E", "sub"]), ["a.db", "b.wal", "z"]);
    let without_hidden = ["a.db", "b.wal", "sub/d.db", "sub/e.log", "sub/low/f.db", "z"];
    assert_eq!(paths(&files, &["-E", ".*"]), without_hidden);
    assert_eq!(paths(&files, &["-E", "sub/low"]).len(), TREE.len() - 1);
    assert_eq!(paths(&files, &["-g", "*.db", "--exclude", "d.*"]).len(), 3);
    assert_eq!(paths(&files, &["-E", "z/"]).len(), TREE.len(), "z is no directory");
    assert_eq!(paths(&files, &["-E", "low/"]).len(), TREE.len() - 1);
}

#[test]
fn ignore_files_count_when_asked() {
    let files = tree();
    std::fs::write(files.path(".gitignore"), "*.db\n!d.db\n/sub/low/\n").unwrap();
    std::fs::write(files.path("sub/.ignore"), "e.*\n").unwrap();
    assert_eq!(paths(&files, &["-E", ".*ignore"]), TREE, "only when asked");
    let kept = ["b.wal", "sub/.x", "sub/d.db", "z"];
    assert_eq!(paths(&files, &["--ignore", "-E", ".*ignore"]), kept);
    // Above the directory that was given only up to a repository.
    let below = ["--ignore", "-E", ".*ignore", "sub"];
    let kept = ["sub/.hid/c.db", "sub/.x", "sub/d.db", "sub/low/f.db"];
    assert_eq!(paths(&files, &below), kept);
    std::fs::create_dir(files.path(".git")).unwrap();
    assert_eq!(paths(&files, &below), ["sub/.x", "sub/d.db"]);
}

#[test]
fn paths_come_from_a_list() {
    let files = tree();
    std::fs::write(files.path("list"), "a.db\n\nsub/low\nz").unwrap();
    let listed = ["a.db", "sub/low/f.db", "z"];
    assert_eq!(paths(&files, &["--files-from", "list"]), listed);
    assert_eq!(paths(&files, &["--files-from", "list", "b.wal"]).len(), 4, "besides arguments");
    assert_eq!(paths_of(&fed(&files, &["--files-from", "-"], b"a.db\nsub/low\nz\n")), listed);
    assert_eq!(paths_of(&fed(&files, &["--files-from", "-", "-g", "a*"], b"a.db\nz\n")), ["a.db"]);

    files.pattern("two\nlines", 1);
    assert_eq!(paths_of(&fed(&files, &["--files-from", "-", "-0"], b"two\nlines\0z\0")).len(), 2);
    let nothing = fed(&files, &["--files-from", "-"], b"");
    assert_eq!(lines(&nothing).1["files"], 0, "an empty list is not the current directory");

    let missing = fed(&files, &["--files-from", "-"], b"a.db\ngone\n");
    assert!(one_line(&missing).contains("gone: No such file or directory (ENOENT)"));
    assert_eq!(paths_of(&missing), ["a.db"], "the others are looked at");
    let unreadable = refused(&files, &["--files-from", "none"]);
    assert!(unreadable.contains("--files-from none") && unreadable.contains("ENOENT"));
    let code = command(&files, &["stat", "-0"]).output().unwrap().status.code();
    assert_eq!(code, Some(2), "-0 alone says nothing");
}

#[test]
fn sizes_are_limits() {
    let files = tree();
    assert_eq!(paths(&files, &["-S", "+7000"]), ["sub/low/f.db", "z"]);
    assert_eq!(paths(&files, &["-S", "-2000"]), ["a.db", "b.wal"]);
    assert_eq!(paths(&files, &["--size", "3000"]), ["sub/.hid/c.db"]);
    assert_eq!(paths(&files, &["-S", "+2K", "-S", "-4K"]), ["sub/.hid/c.db", "sub/.x"], "both");
    let malformed = command(&files, &["stat", "-S", "much"]).output().unwrap();
    assert_eq!(malformed.status.code(), Some(2));
}

#[test]
fn depth_is_counted_from_each_path() {
    let files = tree();
    let depth = |words: &[&str]| paths(&files, words);
    assert_eq!(depth(&["-d", "0"]), ["a.db", "b.wal", "z"]);
    assert_eq!(depth(&["--max-depth", "1"]).len(), 6);
    assert_eq!(depth(&["-d", "2"]), TREE);
    assert_eq!(depth(&["-d", "0", ".", "sub"]).len(), 6, "a directory may be named besides");
}

#[test]
fn links_are_followed_when_asked() {
    let files = tree();
    let elsewhere = Files::new();
    elsewhere.pattern("far/g.db", 1);
    symlink(elsewhere.path("far"), files.path("sub/way")).unwrap();
    symlink("../z", files.path("sub/y")).unwrap();
    symlink(".", files.path("loop")).unwrap();
    symlink("nowhere", files.path("broken")).unwrap();
    assert_eq!(paths(&files, &[]), TREE);
    let followed = paths(&files, &["-L"]);
    assert_eq!(followed.len(), TREE.len() + 1, "{followed:?}");
    assert_eq!(followed.iter().filter(|path| path.ends_with("sub/way/g.db")).count(), 1);
    // A path that was named is followed in any case.
    assert_eq!(paths(&files, &["sub/y", "sub/way"]), ["sub/way/g.db", "sub/y"]);
    assert!(refused(&files, &["broken"]).contains("ENOENT"));
}

#[test]
fn threads_change_nothing() {
    let files = tree();
    for directory in 0..50 {
        for file in 0..20 {
            files.pattern(format!("many/{directory}/{file}"), 1);
        }
    }
    let one = paths(&files, &["-j", "1"]);
    assert_eq!(one.len(), 1000 + TREE.len());
    for threads in ["2", "3", "64"] {
        assert_eq!(paths(&files, &["-j", threads]), one, "{threads}");
    }
    let none = command(&files, &["stat", "-j", "0"]).output().unwrap();
    assert_eq!(none.status.code(), Some(2));
}

/// Three files, of which so many pages are cached: 1 of 40, 9 of 10, 5 of 5; and the locks that keep them there.
fn held() -> (Files, Vec<Held>) {
    let files = Files::new();
    let known = [("a/big.x", 40, 1), ("a/some.y", 10, 9), ("c.x", 5, 5)];
    let hold = |(name, pages, cached): (&str, u64, u64)| {
        Held::new(&files.pattern(name, pages * page()), 0..cached)
    };
    let held = known.into_iter().map(hold).collect();
    (files, held)
}

#[test]
fn lines_have_the_order_that_was_asked_for() {
    let (files, _held) = held();
    let orders = [
        ("path", ["a/big.x", "a/some.y", "c.x"]),
        ("cached", ["a/some.y", "c.x", "a/big.x"]),
        ("size", ["a/big.x", "a/some.y", "c.x"]),
        ("share", ["c.x", "a/some.y", "a/big.x"]),
        ("dirty", ["a/big.x", "a/some.y", "c.x"]), // all clean: by path
    ];
    for (order, expected) in orders {
        assert_eq!(paths(&files, &["--sort", order]), expected, "{order}");
    }
    let mut unordered = paths(&files, &["--sort", "none"]);
    unordered.sort();
    assert_eq!(unordered, ["a/big.x", "a/some.y", "c.x"]);
}

#[test]
fn the_first_lines_stand_for_all_in_the_sum() {
    let (files, _held) = held();
    let top = |words: &[&str]| {
        let output = command(&files, &[&["stat", "--json"], words].concat()).output().unwrap();
        let (found, total) = lines(&output);
        assert_eq!((&total["files"], &total["cached_pages"]), (&3.into(), &15.into()));
        found.iter().map(|line| line["path"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(top(&["--top", "2"]), ["a/some.y", "c.x"]);
    assert_eq!(top(&["--top", "1", "--sort", "size"]), ["a/big.x"]);
    assert!(top(&["--top", "0"]).is_empty());
    assert_eq!(top(&["--top", "9"]).len(), 3);
    assert_eq!(top(&["--top", "1", "--by", "dir"]), ["a"]);
}

#[test]
fn groups_add_up() {
    let (files, _held) = held();
    let groups = |by, key: &str| {
        let words = ["stat", "--json", "--by", by];
        let (found, total) = lines(&command(&files, &words).output().unwrap());
        assert_eq!(total["cached_pages"], 15);
        let number = |line: &Value, name: &str| line[name].as_u64().unwrap();
        let of = |line: &Value| {
            let name = line[key].as_str().unwrap().to_owned();
            (name, number(line, "files"), number(line, "cached_pages"), number(line, "pages"))
        };
        found.iter().map(of).collect::<Vec<_>>()
    };
    assert_eq!(groups("dir", "path"), [(".".into(), 1, 5, 5), ("a".into(), 2, 10, 50)]);
    assert_eq!(groups("ext", "extension"), [("x".into(), 2, 6, 45), ("y".into(), 1, 9, 10)]);
}

#[test]
fn quiet_leaves_the_exit_code() {
    let (files, _held) = held();
    for (share, code) in [("27%", 0), ("28%", 1)] {
        let output = command(&files, &["stat", "-q", "--min", share]).output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{share}: 15 of 55 pages");
        assert!(output.stdout.is_empty() && output.stderr.is_empty());
    }
    let missing = command(&files, &["stat", "-q", "gone"]).output().unwrap();
    assert!(one_line(&missing).contains("gone"), "errors are told");
}

/// What a search finds may be too short for a range; a file that was named may not.
#[test]
fn a_range_past_the_end_of_a_named_file_is_an_error() {
    let files = tree();
    for range in ["1M-2M", "900-1001", "2000-"] {
        let told = refused(&files, &["-r", range, "a.db"]);
        assert!(told.contains("a.db") && told.contains("1000 bytes"), "{range}: {told}");
    }
    assert_eq!(paths(&files, &["-r", "900-1000", "a.db"]), ["a.db"]);
    assert_eq!(paths(&files, &["-r", "1M-2M", "."]).len(), TREE.len());
    assert_eq!(paths(&files, &["-r", "1M-2M"]), TREE);
}

/// A tree whose lines are more than fit between the search and a reader who does not read.
const MANY: usize = 10_000;

fn many() -> Files {
    let files = Files::new();
    for directory in 0..10 {
        let path = files.path(format!("directory-{directory}"));
        std::fs::create_dir(&path).unwrap();
        for file in 0..MANY / 10 {
            std::fs::write(path.join(format!("{file}")), [1]).unwrap();
        }
    }
    files
}

fn interrupt(child: &std::process::Child) {
    kill_process(Pid::from_child(child), Signal::INT).unwrap();
}

/// Of an interrupted search: 130, and sums of what was counted, which are those of its lines.
fn assert_interrupted(output: &Output) {
    assert_eq!(output.status.code(), Some(130), "{}", String::from_utf8_lossy(&output.stderr));
    let (found, total) = lines(output);
    let cached = found.iter().map(|line| line["cached_pages"].as_u64().unwrap()).sum::<u64>();
    assert_eq!(total["interrupted"], true);
    assert_eq!((&total["files"], &total["cached_pages"]), (&found.len().into(), &cached.into()));
    assert!(found.len() < MANY, "{} were counted", found.len());
}

/// The output is a pipe that nobody reads, so that the search is surely not over. The signal comes twice, as timeout(1)
/// sends it.
#[test]
fn an_interrupted_search_says_what_was_counted() {
    let files = many();
    let mut command = command(&files, &["stat", "--json", "--sort", "none"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut reader = BufReader::with_capacity(64, child.stdout.take().unwrap());
    let mut stdout = Vec::new();
    reader.read_until(b'\n', &mut stdout).unwrap();
    interrupt(&child);
    std::thread::sleep(Duration::from_millis(20));
    interrupt(&child);
    std::thread::sleep(Duration::from_millis(100));
    reader.read_to_end(&mut stdout).unwrap();
    let mut stderr = Vec::new();
    child.stderr.take().unwrap().read_to_end(&mut stderr).unwrap();
    assert_interrupted(&Output { status: child.wait().unwrap(), stdout, stderr });
}

/// Lines that are ordered come at the end: those of the files that were found are printed all the same.
#[test]
fn an_interrupted_search_prints_its_lines_in_order() {
    let files = many();
    for try_ in 0..200_u64 {
        let mut command = command(&files, &["stat", "--json"]);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(5 + try_ % 20));
        interrupt(&child);
        let output = child.wait_with_output().unwrap();
        if output.status.code() != Some(130) || output.stdout.is_empty() {
            continue; // before it listens, or after the search
        }
        assert_interrupted(&output);
        let (found, _) = lines(&output);
        let paths: Vec<&Path> =
            found.iter().map(|line| Path::new(line["path"].as_str().unwrap())).collect();
        assert!(paths.is_sorted());
        return;
    }
    panic!("the search was never interrupted");
}
