//! `mman maps` as its user sees it: columns, orders, limits, and terminals of any width.
#![allow(
    clippy::redundant_closure,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "test code"
)]

mod common;
#[path = "common/processes.rs"]
mod processes;

use common::{mman, one_line, pty, refused, run};
use mman::{FileObject, Hint, Mapping};
use mman_testkit::{companion, memory};
use processes::{objects, of_type};
use std::path::Path;
use tempfile::TempDir;

/// A file of 1 MiB that only this process maps, locked, so that what is told of it is always the same.
fn locked() -> ((Mapping, TempDir), String) {
    let folder = tempfile::Builder::new().prefix("golden-").tempdir().unwrap();
    let path = folder.path().join("a-file-with-a-name-that-is-longer-than-most-names-are.data");
    std::fs::write(&path, vec![1; 1 << 20]).unwrap();
    let file = FileObject::open(&path).unwrap();
    file.file().sync_all().unwrap();
    let mapping = file.map().unwrap();
    memory::lock(mapping.as_ptr().addr(), 1 << 20).unwrap();
    mapping.advise(.., Hint::PopulateRead).unwrap();
    ((mapping, folder), path.display().to_string())
}

fn text(arguments: &[&str]) -> String {
    String::from_utf8(common::written(arguments)).unwrap()
}

/// The line of the file, in its words.
fn row(text: &str) -> Vec<&str> {
    let line = text.lines().find(|line| line.ends_with(".data")).expect(text);
    line.split_whitespace().collect()
}

#[test]
fn the_columns_that_fit_are_shown_in_a_terminal() {
    let Some(other) = companion::start(|| locked()) else { return };
    let pid = other.pid().to_string();
    for (columns, head, start) in [
        (
            200,
            "SIZE RSS PSS PRIVATE SHARED DIRTY SWAP LOCKED HUGE PERMS NAME",
            "1.0 MiB 1.0 MiB 1.0 MiB 1.0 MiB – – – 1.0 MiB – r--s",
        ),
        (80, "RSS PSS DIRTY LOCKED NAME", "1.0 MiB 1.0 MiB – 1.0 MiB"),
        (60, "RSS PSS DIRTY NAME", "1.0 MiB 1.0 MiB –"),
    ] {
        let (shown, status) = pty::in_terminal(&mut mman(["maps", &pid]), columns);
        assert!(status.success() && shown.contains("\x1b[1m"), "{shown}");
        let shown = pty::without_colors(&shown);
        let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
        for line in shown.lines() {
            assert!(line.chars().count() <= usize::from(columns), "{columns}: {line}");
        }
        let heads = words(shown.lines().next().unwrap());
        let row = words(shown.lines().find(|line| line.ends_with(".data")).expect(&shown));
        if columns == 200 {
            assert_eq!((heads.as_str(), row.as_str()), (head, &*format!("{start} {}", other.said)));
            assert!(!shown.contains("not shown"));
            continue;
        }
        // What else this process has decides on some columns: those that tell least are not among those shown.
        assert!(heads.starts_with("RSS") || heads.starts_with("SIZE RSS"), "{head}: {heads}");
        assert!(heads.ends_with("NAME") && !heads.contains("SHARED"), "{heads}");
        assert!(row.contains('…') && !row.contains(&other.said), "{row}");
        assert!(shown.lines().last().unwrap().starts_with("not shown (-c): "), "{start}: {shown}");
    }
}

#[test]
fn in_a_pipe_all_columns_stand_and_nothing_is_cut() {
    let Some(other) = companion::start(|| locked()) else { return };
    let pid = other.pid().to_string();
    let shown = text(&["maps", &pid]);
    assert!(!shown.contains('\x1b') && !shown.contains('…'));
    let row = row(&shown);
    assert_eq!(*row.last().unwrap(), other.said);
    assert_eq!(row[..8], ["1.0", "MiB"].repeat(4));
    let last = shown.lines().last().unwrap();
    assert!(last.contains(" mappings, maps-") && last.ends_with(&format!("[{pid}]")), "{last}");
    // NO_COLOR in a terminal is no colour.
    let mut command = mman(["maps", &pid]);
    let (shown, _) = pty::in_terminal(command.env("NO_COLOR", "1"), 80);
    assert!(!shown.contains('\x1b'), "{shown}");
}

#[test]
fn columns_stand_in_the_order_in_which_they_are_asked_for() {
    let Some(other) = companion::start(|| locked()) else { return };
    let pid = other.pid().to_string();
    let shown = text(&["maps", &pid, "-B", "-c", "perms,rss,offset,kind,LOCKED,name"]);
    let heads: Vec<_> = shown.lines().next().unwrap().split_whitespace().collect();
    assert_eq!(heads, ["PERMS", "RSS", "OFFSET", "KIND", "LOCKED", "NAME"]);
    assert_eq!(row(&shown), ["r--s", "1048576", "0", "file", "1048576", &other.said]);
    let numbers = text(&["maps", &pid, "-B", "-c", "rss", "--sort", "rss"]);
    let mut numbers: Vec<u64> =
        numbers.lines().filter_map(|line| line.trim().parse().ok()).collect();
    let total = numbers.pop().unwrap();
    assert!(numbers.is_sorted_by(|one, other| one >= other) && numbers.len() > 10);
    assert_eq!(total, numbers.iter().sum::<u64>());
    let names = text(&["maps", &pid, "-c", "address", "--sort", "address"]);
    let starts =
        names.lines().filter_map(|line| u64::from_str_radix(line.split('-').next()?, 16).ok());
    let starts: Vec<u64> = starts.collect();
    assert!(starts.is_sorted() && starts.len() > 10);
}

#[test]
fn every_column_is_explained_and_can_be_asked_for() {
    let help = text(&["maps", "--columns", "help"]);
    let names: Vec<_> = help.lines().map(|line| line.split_whitespace().next().unwrap()).collect();
    assert!(names.len() > 25 && help.lines().all(|line| line.split_whitespace().count() > 2));
    let pid = std::process::id().to_string();
    for name in names {
        let shown = text(&["maps", &pid, "-c", name, "--sort", name]);
        assert_eq!(shown.lines().next().unwrap().trim(), name.to_uppercase());
        assert!(shown.lines().count() > 10, "{shown}");
    }
}

#[test]
fn small_lines_are_left_out_and_counted() {
    let Some(other) = companion::start(|| locked()) else { return };
    let pid = other.pid().to_string();
    let output = run(["maps", &pid, "--json", "--min", "1M"]);
    let all = objects(&output);
    let rows = of_type(&all, "mapping");
    assert!(rows.iter().all(|row| row["rss"].as_u64() >= Some(1 << 20)) && !rows.is_empty());
    let total = of_type(&all, "mappings_total")[0]["mappings"].as_u64().unwrap();
    assert!(total > rows.len() as u64);
    let shown = text(&["maps", &pid, "--min", "1M"]);
    let last = shown.lines().last().unwrap();
    assert!(last.contains(&format!("{} of {total} mappings", rows.len())), "{last}");
}

#[test]
fn kinds_and_files_are_lines_of_their_own() {
    let Some(other) = companion::start(|| locked()) else { return };
    let pid = other.pid().to_string();
    let kinds = text(&["maps", &pid, "--by", "kind"]);
    for kind in ["file", "anonymous", "stack", "kernel"] {
        assert!(kinds.lines().any(|line| line.ends_with(&format!("  {kind}"))), "{kind}: {kinds}");
    }
    let files = text(&["maps", &pid, "--by", "file"]);
    assert_eq!(row(&files).first(), Some(&"1"));
    let program = std::env::current_exe().unwrap();
    let program = |line: &&str| Path::new(line.split_whitespace().last().unwrap()) == program;
    assert_eq!(files.lines().filter(program).count(), 1, "{files}");
}

#[test]
fn bad_input_is_one_line() {
    let pid = std::process::id().to_string();
    for (arguments, expected) in [
        (&["maps", "-c", "rss"][..], "which process"),
        (&["maps", &pid, "-c", "rss,sizze"], "no column is called 'sizze'"),
        (&["maps", &pid, "--sort", "x"], "no column is called 'x'"),
        (&["maps", &pid, "--sort", ""], "no column is called ''"),
    ] {
        let line = refused(arguments);
        assert!(line.contains(expected), "{line}");
    }
    for arguments in [&["maps"][..], &["maps", &pid, "--by", "x"], &["maps", &pid, "--min", "-1"]] {
        assert_eq!(run(arguments).status.code(), Some(2), "{arguments:?}");
    }
}

#[test]
fn silence_is_kept_and_a_reader_may_leave() {
    let pid = std::process::id().to_string();
    assert!(text(&["maps", "-q", &pid]).is_empty());
    assert!(one_line(&run(["maps", "-q", "4294967295"])).contains("no process"));
    let mut child =
        mman(["maps", &pid, "--json"]).stdout(std::process::Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    assert!(child.wait().unwrap().success());
}
