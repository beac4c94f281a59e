//! `mman who`: who maps a file, locks it or holds it open, and an honest word where not everybody could be asked.
//!
//! `fuser` and `lsof` are silent about processes they may not look at, and tell nothing of memory.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "test code"
)]

mod common;
#[path = "common/processes.rs"]
mod processes;

use common::{mman, pty, refused, run};
use mman::{FileObject, Hint, MapOptions};
use mman_testkit::{companion, memory, page};
use processes::{AsNobody, objects, of_type};
use serde_json::Value;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Output;

fn who(path: impl AsRef<Path>, more: &[&str]) -> (Vec<Value>, Output) {
    let path = path.as_ref().to_str().unwrap();
    let output = run(["who", "--json", path].iter().chain(more));
    (objects(&output), output)
}

/// Of nobody that was found: false where all was seen, unknown where it was not.
fn assert_nobody(path: impl AsRef<Path>, more: &[&str]) {
    let (all, output) = who(path, more);
    assert!(of_type(&all, "holder").is_empty(), "{all:?}");
    let seen = of_type(&all, "holders_seen")[0];
    let complete = seen["complete"] == true;
    assert_eq!(output.status.code(), Some(if complete { 1 } else { 2 }), "{seen}");
    assert_eq!(output.stderr.is_empty(), complete, "{output:?}");
}

#[test]
fn what_is_mapped_locked_and_open_is_exact() {
    let other = companion::start(|| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, vec![7; 16 * page()]).unwrap();
        std::fs::hard_link(&path, folder.path().join("other name")).unwrap();
        let files = [FileObject::open(&path).unwrap(), FileObject::open(&path).unwrap()];
        let shared = files[0].map().unwrap();
        memory::lock(shared.as_ptr().addr(), 5 * page()).unwrap();
        let copies = MapOptions::private().read_write();
        let copies = copies.range(4 * page() as u64..8 * page() as u64).map(&files[1]).unwrap();
        copies.write_at(0, &vec![1; 4 * page()]).unwrap();
        memory::lock(copies.as_ptr().addr(), 4 * page()).unwrap();
        let said = format!("{} {}", folder.path().display(), shared.as_ptr().addr());
        ((folder, files, shared, copies), said)
    });
    let Some(other) = other else { return };
    let folder = Path::new(other.said.split(' ').next().unwrap());
    for name in ["file", "other name"] {
        let (all, output) = who(folder.join(name), &[]);
        assert!(output.status.success());
        let holders = of_type(&all, "holder");
        assert_eq!(holders.len(), 1, "{all:?}");
        let holder = holders[0];
        let bytes = |pages: usize| Value::from(pages * page());
        assert_eq!((&holder["pid"], &holder["open"]), (&other.pid().into(), &2.into()));
        assert_eq!(holder["mapped"], bytes(20));
        assert_eq!(holder["locked"], bytes(5), "the copies are not the file's: {holder}");
        // The locked pages at least; the kernel may have mapped their neighbours too.
        assert!((5..=16).any(|pages| holder["resident"] == bytes(pages)), "{holder}");
        let offsets: Vec<_> =
            holder["mappings"].as_array().unwrap().iter().map(|one| &one["offset"]).collect();
        assert!(offsets.contains(&&bytes(0)) && offsets.contains(&&bytes(4)), "{holder}");
        let path = holder["path"].as_str().unwrap();
        assert!(path.ends_with(name));
        assert!(holder["cgroup"].as_str().unwrap().starts_with('/'), "{holder}");
    }
    let (all, output) = who(folder.join("file"), &["--locked"]);
    assert!(output.status.success() && of_type(&all, "holder").len() == 1);
}

#[test]
fn a_descriptor_alone_holds_it_open_and_locks_nothing() {
    let other = companion::start(|| {
        let file = tempfile::NamedTempFile::new().unwrap();
        let said = file.path().display().to_string();
        (file, said)
    });
    let Some(other) = other else { return };
    let (all, output) = who(&other.said, &[]);
    assert!(output.status.success());
    let holder = of_type(&all, "holder")[0];
    assert_eq!((&holder["open"], &holder["mapped"]), (&1.into(), &0.into()), "{holder}");
    assert_nobody(&other.said, &["--locked"]);
}

#[test]
fn a_file_is_its_contents_and_not_its_name() {
    let other = companion::start(|| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, b"old").unwrap();
        let mapping = FileObject::open(&path).unwrap().map().unwrap();
        std::fs::write(folder.path().join("new"), b"new").unwrap();
        std::fs::rename(folder.path().join("new"), &path).unwrap();
        let said = format!("{} {}", mapping.as_ptr().addr(), path.display());
        ((folder, mapping), said)
    });
    let Some(other) = other else { return };
    let path = other.said.split(' ').nth(1).unwrap();
    // What has the name now is another file, which nobody has.
    assert_nobody(path, &[]);
    // The old one has no name any more. Root may go through the process.
    let start = other.number(0);
    let link = format!("/proc/{}/map_files/{start:x}-{:x}", other.pid(), start + page());
    if mman_testkit::require::holds(std::fs::metadata(&link).is_ok(), "root") {
        let (all, _) = who(&link, &[]);
        assert_eq!(of_type(&all, "holder")[0]["pid"], other.pid());
    }
}

#[test]
fn shared_memory_has_holders_too() {
    let other = companion::start(|| {
        let file = tempfile::NamedTempFile::new_in("/dev/shm").unwrap();
        file.as_file().set_len(2 * page() as u64).unwrap();
        let object = FileObject::open_read_write(file.path()).unwrap();
        let mapping = MapOptions::shared().read_write().map(&object).unwrap();
        mapping.advise(.., Hint::PopulateWrite).unwrap();
        let said = file.path().display().to_string();
        ((file, mapping), said)
    });
    let Some(other) = other else { return };
    let (all, _) = who(&other.said, &[]);
    let holder = of_type(&all, "holder")[0];
    assert_eq!(
        (&holder["resident"], &holder["mapped"]),
        (&(2 * page()).into(), &(2 * page()).into())
    );
}

#[test]
fn several_files_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let held = folder.path().join("held");
    let free = folder.path().join("free");
    std::fs::write(&held, b"x").unwrap();
    std::fs::write(&free, b"x").unwrap();
    let _file = std::fs::File::open(&held).unwrap();
    let output = run([Path::new("who"), &held, &free]);
    assert_ne!(output.status.code(), Some(0), "nobody has one of them");
    let text = String::from_utf8(output.stdout).unwrap();
    let mut lines = text.lines();
    assert!(lines.next().unwrap().ends_with("  FILE"), "{text}");
    let row = lines.next().unwrap();
    assert!(row.contains(&std::process::id().to_string()) && row.ends_with("/held"), "{text}");
}

#[test]
fn what_is_no_file_is_one_line() {
    assert!(refused(["who", "/no/such/file"]).contains("(ENOENT)"));
    assert!(refused(["who", "/tmp"]).contains("a directory"));
    assert_eq!(run(["who"]).status.code(), Some(2));
}

#[test]
fn a_table_fits_its_terminal() {
    let program = std::env::current_exe().unwrap();
    for columns in [60, 80, 200] {
        let mut command = mman([Path::new("who"), &program]);
        let (text, status) = pty::in_terminal(&mut command, columns);
        assert!(status.success(), "{text}");
        let text = pty::without_colors(&text);
        let heads: Vec<_> = text.lines().next().unwrap().split_whitespace().collect();
        assert!(heads.starts_with(&["PID", "COMMAND"]) && heads.contains(&"RESIDENT"), "{text}");
        if columns == 200 {
            let all = ["PID", "COMMAND", "USER", "MAPPED", "RESIDENT", "LOCKED", "OPEN", "CGROUP"];
            assert_eq!(heads, all);
        }
        let table = text.lines().filter(|line| !line.starts_with("? "));
        for line in table {
            assert!(line.chars().count() <= usize::from(columns), "{columns}: {line}");
        }
    }
}

/// Nobody may look at the processes of root: that is said, and "nobody has it" is not.
#[test]
fn as_nobody_it_is_said_that_others_could_not_be_looked_at() {
    let Some(nobody) = AsNobody::new() else { return };
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).unwrap();
    let path = folder.path().join("file");
    std::fs::write(&path, b"x").unwrap();
    let _open = std::fs::File::open(&path).unwrap();
    let output = nobody.run([Path::new("who"), &path]);
    let line = common::one_line(&output);
    assert!(line.contains("nobody seen maps it or has it open, but "), "{line}");
    assert!(
        line.contains("could not be looked at (needs root)") && output.stdout.is_empty(),
        "{line}"
    );
    let quiet = nobody.run([Path::new("who"), Path::new("--json"), &path]);
    let all = objects(&quiet);
    let seen = of_type(&all, "holders_seen")[0];
    assert!(seen["complete"] == false && seen["forbidden"].as_u64() > Some(0), "{seen}");
}
