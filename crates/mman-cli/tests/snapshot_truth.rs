//! `mman save`, `restore` and `diff` against ground truth: of known files exactly known pages are in the cache. The
//! snapshot holds those, a restore brings back those and no others, and a comparison finds what came and what went.
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

use common::held::{drop_all, page};
use common::snapshot::{bring, cached, eventually, files, pages_of, while_held};
use common::{Files, nobody, run, written};
use mman_testkit::require;
use serde_json::Value;
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, symlink};
use std::path::Path;
use std::process::Output;

fn save(what: &Path, to: &Path) -> Value {
    let words =
        ["save".as_ref(), what.as_os_str(), "--json".as_ref(), "-o".as_ref(), to.as_os_str()];
    let line = String::from_utf8(written(words)).unwrap();
    serde_json::from_str(&line).unwrap()
}

/// `mman restore --json`: the lines of files, and the last one.
fn restore(code: i32, words: &[&OsStr]) -> (Vec<Value>, Value) {
    let output = run(["restore".as_ref(), "--json".as_ref()].iter().chain(words));
    // The kernel may have reclaimed something before it was counted: then that is said, by the code too.
    let reclaimed = code == 0 && output.status.code() == Some(1);
    let (lines, all) = parsed(if reclaimed { 1 } else { code }, &output);
    assert!(!reclaimed || all["gone_again"] != 0 || all["missing"] != 0, "{all}");
    (lines, all)
}

fn parsed(code: i32, output: &Output) -> (Vec<Value>, Value) {
    assert_eq!(output.status.code(), Some(code), "{output:?}");
    let text = str::from_utf8(&output.stdout).unwrap();
    let mut lines: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let last = lines.pop().unwrap();
    (lines, last)
}

fn diff(code: i32, words: &[&OsStr]) -> (Vec<Value>, Value) {
    let output = run(["diff".as_ref(), "--json".as_ref()].iter().chain(words));
    parsed(code, &output)
}

fn set(pages: impl IntoIterator<Item = u64>) -> BTreeSet<u64> {
    pages.into_iter().collect()
}

/// Sets of pages that a file of 300 pages and a bit may have in the cache.
fn cases() -> Vec<BTreeSet<u64>> {
    vec![
        set([]),
        set([0]),
        set([300]),
        set(0..301),
        set((0..301).step_by(2)),
        set([1, 2, 3, 7, 100, 101, 299, 300]),
        set((0..301).filter(|at| at * 7919 % 13 < 5)),
    ]
}

#[test]
fn a_snapshot_holds_just_the_pages_that_are_cached() {
    let files = Files::new();
    let path = files.pattern("data", 300 * page() + 17);
    let snapshot = files.path("snapshot");
    for pages in cases() {
        while_held(&path, pages.iter().copied(), || {
            let line = save(&path, &snapshot);
            assert_eq!(pages_of(&snapshot, &path), pages);
            assert_eq!(line["saved"], pages.len() as u64 * page());
            assert_eq!((&line["files"], &line["unknown"]), (&1.into(), &0.into()));
        });
    }
}

#[test]
fn holes_and_offsets_past_4_gib_are_pages_like_others() {
    let files = Files::new();
    let path = files.path("sparse");
    let file = File::create(&path).unwrap();
    file.set_len((5 << 30) + 1).unwrap();
    file.write_all_at(b"data", 4 << 30).unwrap();
    let past = (4 << 30) / page();
    let pages = set([0, 5, past, past + 1, (5 << 30) / page()]);
    let snapshot = files.path("snapshot");
    while_held(&path, pages.iter().copied(), || {
        save(&path, &snapshot);
        assert_eq!(pages_of(&snapshot, &path), pages);
    });
    eventually("just the pages come back", || {
        drop_all(&path);
        let (_, all) = restore(0, &[snapshot.as_os_str()]);
        let now = cached(&path);
        assert!(now.is_subset(&pages), "{now:?}");
        all["restored"] == 5 * page() && now == pages
    });
}

#[test]
fn a_restore_brings_back_just_what_was_there() {
    let files = Files::new();
    let path = files.pattern("data", 300 * page() + 17);
    let snapshot = files.path("snapshot");
    for pages in cases() {
        while_held(&path, pages.iter().copied(), || save(&path, &snapshot));
        let bytes = pages.len() as u64 * page();
        eventually("just the pages come back", || {
            drop_all(&path);
            assert!(cached(&path).is_empty());
            let (_, dry) = restore(0, &[snapshot.as_os_str(), "-n".as_ref()]);
            assert_eq!((&dry["missing"], &dry["restored"]), (&bytes.into(), &0.into()));
            assert!(cached(&path).is_empty(), "a dry run reads nothing");
            let (lines, all) = restore(0, &[snapshot.as_os_str()]);
            assert_eq!((&all["already"], &lines[0]["restored"]), (&0.into(), &all["restored"]));
            let now = cached(&path);
            assert!(now.is_subset(&pages), "nothing else comes: {now:?}");
            all["restored"] == bytes && now == pages
        });
    }
}

#[test]
fn what_is_there_already_is_not_read_again() {
    let files = Files::new();
    let path = files.pattern("data", 100 * page());
    let snapshot = files.path("snapshot");
    while_held(&path, 0..50, || save(&path, &snapshot));
    eventually("the rest is read", || {
        while_held(&path, 10..30, || {
            let (_, all) = restore(0, &[snapshot.as_os_str()]);
            assert_eq!(all["already"], 20 * page());
            all["restored"] == 30 * page()
        })
    });
}

#[test]
fn a_budget_is_never_exceeded() {
    let files = Files::new();
    let path = files.pattern("data", 600 * page());
    let snapshot = files.path("snapshot");
    while_held(&path, (0..600).step_by(2), || save(&path, &snapshot));
    for budget in [0, 1, page(), 7 * page() + 5, 299 * page(), 300 * page(), u64::MAX >> 1] {
        let whole = (budget / page()).min(300);
        eventually("so much comes", || {
            drop_all(&path);
            let word = budget.to_string();
            let budgeted = [snapshot.as_os_str(), "--budget".as_ref(), word.as_ref()];
            let (_, all) = restore(0, &budgeted);
            let now = cached(&path).len() as u64;
            assert!(now <= whole, "{now} of {whole}");
            all["restored"] == whole * page() && all["left_out"] == (300 - whole) * page()
        });
    }
}

#[test]
fn files_that_changed_are_skipped_and_counted_and_strictly_nothing_is_done() {
    let files = Files::new();
    let names = ["same", "written", "grown", "truncated", "replaced", "gone", "directory"];
    let paths = names.map(|name| files.pattern(Path::new("tree").join(name), 0));
    drop(paths);
    let tree = files.path("tree");
    let path = |name: &str| tree.join(name);
    for name in names {
        std::fs::write(path(name), vec![7; 10 * page() as usize]).unwrap();
        File::open(path(name)).unwrap().sync_all().unwrap();
    }
    let snapshot = files.path("snapshot");
    // All in memory, since just written; whatever was reclaimed meanwhile counts for nothing here.
    save(&tree, &snapshot);
    std::fs::write(path("written"), vec![8; 10 * page() as usize]).unwrap();
    File::options().write(true).open(path("grown")).unwrap().set_len(11 * page()).unwrap();
    File::options().write(true).open(path("truncated")).unwrap().set_len(page()).unwrap();
    std::fs::rename(path("written"), path("replaced")).unwrap();
    std::fs::write(path("written"), b"new").unwrap();
    std::fs::remove_file(path("gone")).unwrap();
    std::fs::remove_file(path("directory")).unwrap();
    std::fs::create_dir(path("directory")).unwrap();
    let output = run(["restore".as_ref(), "--strict".as_ref(), snapshot.as_os_str()]);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(said.lines().count(), 6, "{said}");
    assert!(said.contains("gone: gone\n") && said.contains("grown: changed since\n"), "{said}");
    assert!(String::from_utf8(output.stdout).unwrap().contains("nothing is restored"));
    let (lines, all) = restore(0, &[snapshot.as_os_str()]);
    assert_eq!((&all["changed"], &all["gone"]), (&5.into(), &1.into()));
    let state = |name: &str| {
        let path = path(name).canonicalize().unwrap_or_else(|_| path(name));
        let line = lines.iter().find(|line| Path::new(line["path"].as_str().unwrap()) == path);
        line.unwrap_or_else(|| panic!("{name}: {lines:?}"))["state"].clone()
    };
    let states = names.map(|name| state(name).as_str().unwrap().to_owned());
    let expected = ["done", "changed", "changed", "changed", "changed", "gone", "changed"];
    assert_eq!(states, expected);
}

#[test]
fn names_that_are_no_text_moved_files_and_parts_of_a_tree() {
    let files = Files::new();
    let names: [&[u8]; 3] = [b"caf\xe9", b"line\nbreak", b"plain"];
    for (at, name) in names.iter().enumerate() {
        files.pattern(Path::new("old").join(OsStr::from_bytes(name)), (at as u64 + 1) * page());
    }
    let (old, new) = (files.path("old").canonicalize().unwrap(), files.path("new"));
    let snapshot = files.path("snapshot");
    eventually("all is saved", || {
        for name in names {
            std::fs::read(old.join(OsStr::from_bytes(name))).unwrap();
        }
        save(&old, &snapshot)["saved"] == 6 * page()
    });
    std::fs::rename(&old, &new).unwrap();
    let (_, all) = restore(0, &[snapshot.as_os_str()]);
    assert_eq!((&all["gone"], &all["asked"]), (&3.into(), &0.into()));
    let mut rebase = old.clone().into_os_string();
    rebase.push("=");
    rebase.push(&new);
    let (lines, all) = restore(0, &[snapshot.as_os_str(), "--rebase".as_ref(), &rebase]);
    assert_eq!((&all["gone"], &all["asked"]), (&0.into(), &(6 * page()).into()));
    assert_eq!(lines.iter().filter(|line| line["path_b64"].is_string()).count(), 1);
    let one = new.join("plain");
    let words = [snapshot.as_os_str(), one.as_os_str(), "--rebase".as_ref(), &rebase];
    let (_, all) = restore(0, &words);
    assert_eq!((&all["files"], &all["asked"]), (&1.into(), &(3 * page()).into()));
}

#[test]
fn an_empty_snapshot_restores_nothing() {
    let files = Files::new();
    let (tree, snapshot) = (files.path("tree"), files.path("snapshot"));
    std::fs::create_dir(&tree).unwrap();
    save(&tree, &snapshot);
    assert!(common::snapshot::files(&snapshot).is_empty());
    let text = String::from_utf8(written(["restore".as_ref(), snapshot.as_os_str()])).unwrap();
    assert_eq!(text, "restored 0 in 0.0 s; already there 0\n");
    let text = String::from_utf8(written(["diff".as_ref(), snapshot.as_os_str()])).unwrap();
    assert_eq!(text, "came 0, went 0; 0 differ of 0 files\n");
}

#[test]
fn a_snapshot_in_the_tree_is_not_in_itself() {
    let files = Files::new();
    files.pattern("tree/data", page());
    let (tree, snapshot) = (files.path("tree"), files.path("tree/snapshot"));
    symlink("data", tree.join("link")).unwrap();
    for _ in 0..3 {
        let line = save(&tree, &snapshot);
        assert_eq!(line["files"], 1, "neither the old one nor the new one, and no link");
    }
    let (_, all) = diff(0, &[snapshot.as_os_str()]);
    assert_eq!((&all["new"], &all["same"]), (&0.into(), &1.into()));
}

#[test]
fn a_pipe_is_as_good_as_a_file() {
    let files = Files::new();
    let path = files.pattern("data", 20 * page());
    let snapshot = files.path("snapshot");
    while_held(&path, 3..9, || {
        let bytes = written(["save".as_ref(), path.as_os_str(), "-o".as_ref(), "-".as_ref()]);
        std::fs::write(&snapshot, &bytes).unwrap();
        assert_eq!(pages_of(&snapshot, &path), set(3..9));
        let mut cat = std::process::Command::new("cat")
            .arg(&snapshot)
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let mut command = common::mman(["restore", "-", "--json"]);
        let output = command.stdin(cat.stdout.take().unwrap()).output().unwrap();
        assert!(cat.wait().unwrap().success());
        assert_eq!(parsed(0, &output).1["already"], 6 * page());
    });
}

#[test]
fn what_came_and_what_went_is_exact() {
    let files = Files::new();
    let path = files.pattern("tree/data", 300 * page());
    let other = files.pattern("tree/other", 4 * page());
    let (tree, first, second) = (files.path("tree"), files.path("first"), files.path("second"));
    let before = set((0..300).filter(|at| at % 3 == 0));
    let after = set((0..300).filter(|at| at % 5 < 2));
    let (came, went) = (
        after.difference(&before).count() as u64 * page(),
        before.difference(&after).count() as u64 * page(),
    );
    while_held(&other, 0..4, || {
        while_held(&path, before.iter().copied(), || {
            save(&tree, &first);
            let text = String::from_utf8(written(["diff".as_ref(), first.as_os_str()])).unwrap();
            assert_eq!(text, "came 0, went 0; 0 differ of 2 files\n");
        });
        while_held(&path, after.iter().copied(), || {
            save(&tree, &second);
            for words in [&[first.as_os_str()][..], &[first.as_os_str(), second.as_os_str()]] {
                let (lines, all) = diff(1, words);
                assert_eq!(lines.len(), 1);
                assert_eq!((&lines[0]["came"], &lines[0]["went"]), (&came.into(), &went.into()));
                assert_eq!((&all["came"], &all["went"]), (&came.into(), &went.into()));
                assert_eq!((&lines[0]["state"], &all["same"]), (&"same".into(), &1.into()));
            }
        });
        let (_, all) = diff(1, &[second.as_os_str(), first.as_os_str()]);
        assert_eq!((&all["came"], &all["went"]), (&went.into(), &came.into()));
        std::fs::rename(&path, tree.join("moved")).unwrap();
        let (lines, all) = diff(1, &[first.as_os_str()]);
        let states: BTreeSet<&str> =
            lines.iter().map(|line| line["state"].as_str().unwrap()).collect();
        assert_eq!(states, ["gone", "new"].into());
        assert_eq!((&all["gone"], &all["new"]), (&1.into(), &1.into()));
    });
}

#[test]
fn nobody_is_told_nothing_and_says_so() {
    let files = Files::new();
    let path = files.pattern("data", 20 * page());
    let snapshot = files.path("snapshot");
    // mincore would say that all of it is in memory.
    drop_all(&path);
    std::fs::create_dir(files.path("own")).unwrap();
    nobody::open_to_all(&files.path("own"), 0o777);
    let theirs = files.path("own/snapshot");
    let words = ["save".as_ref(), path.as_os_str(), "-o".as_ref(), theirs.as_os_str()];
    let Some(output) = nobody::run(&files, words) else { return };
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("saved 0 B of") && text.contains("1 unknown: not permitted"), "{text}");
    let (known, runs) = common::snapshot::files(&theirs).pop_first().unwrap().1;
    assert!(!known && runs.is_empty());

    // What root saved is read in, and not called restored, since nobody can tell.
    while_held(&path, 0..5, || save(&path, &snapshot));
    drop_all(&path);
    let words = ["restore".as_ref(), snapshot.as_os_str(), "--json".as_ref()];
    let output = nobody::run(&files, words).unwrap();
    let (_, all) = parsed(2, &output);
    assert_eq!((&all["uncounted"], &all["restored"]), (&(5 * page()).into(), &0.into()));
    let output = nobody::run(&files, ["restore".as_ref(), snapshot.as_os_str()]).unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("not counted: not permitted (needs owner)"), "{text}");
    // What nobody may not read is told by name, and an error.
    nobody::open_to_all(&path, 0o600);
    let output = nobody::run(&files, ["restore".as_ref(), snapshot.as_os_str()]).unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stderr).unwrap().contains("data: open: Permission denied"));
    let output = nobody::run(&files, ["diff".as_ref(), snapshot.as_os_str()]).unwrap();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
}

#[test]
fn hot_is_what_is_in_use() {
    let files = Files::new();
    let path = files.pattern("data", 64 * page());
    let snapshot = files.path("snapshot");
    let words =
        ["save".as_ref(), "--hot".as_ref(), path.as_os_str(), "-o".as_ref(), snapshot.as_os_str()];
    if let Some(output) = nobody::run(&files, words) {
        assert_eq!(output.status.code(), Some(2));
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.starts_with("mman: --hot") && said.lines().count() == 1, "{said}");
    }
    if !require::root() || File::open("/proc/kpageflags").is_err() {
        return;
    }
    eventually("pages that are read again and again are hot, and the others are not", || {
        bring(&path, []);
        let file = File::open(&path).unwrap();
        // Read in and never touched; and three times, which makes a page one in use.
        rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::WillNeed).unwrap();
        rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::Random).unwrap();
        for _ in 0..3 {
            for at in [3, 4, 40] {
                file.read_at(&mut [0; 8], at * page()).unwrap();
            }
        }
        written(words);
        let hot = pages_of(&snapshot, &path);
        // That the look itself does not make pages hot is seen by looking twice.
        written(words);
        hot == set([3, 4, 40]) && pages_of(&snapshot, &path) == hot
    });
}

#[test]
fn a_snapshot_lists_every_file_once() {
    let all = Files::new();
    for at in 0..300_u64 {
        all.pattern(format!("tree/{}/{at}", at % 7), at * 37);
    }
    std::fs::hard_link(all.path("tree/1/1"), all.path("tree/1/again")).unwrap();
    let (tree, snapshot) = (all.path("tree"), all.path("snapshot"));
    let line = save(&tree, &snapshot);
    assert_eq!(line["files"], 300);
    assert_eq!(files(&snapshot).len(), 300);
}
