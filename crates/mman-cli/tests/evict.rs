//! `mman evict`: what is said to be gone is gone, and of what is left it is said why. The older tools say that they
//! evicted what they did not.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "test code"
)]

mod common;

use common::held::{Held, drop_all, page};
use common::pty;
use common::schema::Schema;
use common::{Files, mman, refused, run};
use mman::{FileObject, Mapping, Populate};
use mman_testkit::companion;
use serde_json::Value;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;

fn evict(flags: &[&str], path: &Path) -> Output {
    run(["evict"].iter().chain(flags).map(OsStr::new).chain([path.as_os_str()]))
}

fn cached(path: &Path) -> u64 {
    FileObject::open(path).unwrap().cache(..).unwrap().cached * page()
}

fn text(output: &Output) -> String {
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn lines(output: &Output) -> Vec<Value> {
    Schema::published().assert_describes_all(&output.stdout);
    let lines = output.stdout.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| serde_json::from_slice(line).unwrap()).collect()
}

/// A file that is clean and in the cache, until somebody reclaims it.
fn warm(path: &Path) {
    File::open(path).unwrap().sync_all().unwrap();
    fs::read(path).unwrap();
}

/// All pages of a file mapped by this process, and in memory.
fn mapped(path: &Path) -> Mapping {
    let mapping = FileObject::open(path).unwrap().map().unwrap();
    mapping.pages().populate(.., Populate::ForReading).unwrap();
    mapping
}

/// `name[number]` of this process, as the command shows it.
fn label() -> String {
    format!("[{}]", std::process::id())
}

#[test]
fn what_nobody_needs_goes() {
    let files = Files::new();
    fs::create_dir(files.path("d")).unwrap();
    let paths: Vec<_> =
        [1, 5000, 1 << 20].map(|len| files.pattern(format!("d/{len}"), len)).to_vec();
    paths.iter().for_each(|path| warm(path));
    let output = evict(&["--json"], &files.path("d"));
    let told = lines(&output);
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!((&told[0]["left"], &told[0]["files"]), (&0.into(), &3.into()));
    assert_eq!(told[0]["evicted"], told[0]["cached_before"]);
    assert!(output.status.success());
    assert_eq!(paths.iter().map(|path| cached(path)).sum::<u64>(), 0);
}

/// Belief of the older tools: fadvise evicts. It drops nothing that is mapped.
#[test]
fn what_a_process_maps_stays_and_its_name_is_said() {
    let files = Files::new();
    let path = files.pattern("data", 1 << 20);
    warm(&path);
    let _held = Held::new(&path, 0..1); // holds the file in a second way: its lock is told too
    drop(_held);
    let mapping = mapped(&path);
    let output = evict(&[], &path);
    let said = text(&output);
    assert!(said.contains("   locked by ") || said.contains("   mapped by "), "{said}");
    assert!(said.contains(&label()), "{said}");
    assert_eq!(output.status.code(), Some(1));
    drop(mapping);
}

#[test]
fn force_mapped_pages_it_out_of_who_maps_it() {
    if !mman_testkit::require::root() {
        return;
    }
    let files = Files::new();
    let path = files.pattern("data", 1 << 20);
    warm(&path);
    let mapping = mapped(&path);
    let output = evict(&[], &path);
    let said = text(&output);
    assert!(said.ends_with("   --force-mapped\n") && said.contains("mapped by "), "{said}");
    let mut gone = false;
    for _ in 0..20 {
        let output = evict(&["--force-mapped"], &path);
        let said = text(&output);
        let there = cached(&path);
        assert_eq!(output.status.success(), said.lines().count() == 1, "{said}");
        if output.status.success() {
            gone = there == 0;
            break;
        }
    }
    assert!(gone);
    // Whoever maps it reads it in again.
    let mut bytes = [0; 100];
    mapping.read_at(5000, &mut bytes).unwrap();
    assert_eq!(bytes.to_vec(), (5000..5100).map(common::byte_at).collect::<Vec<_>>());
}

/// The kernel passes over pages that two processes map: it is said, and nothing is claimed.
#[test]
fn what_two_processes_map_cannot_be_forced() {
    let started = companion::start(|| {
        let files = Files::new();
        let path = files.pattern("data", 1 << 20);
        warm(&path);
        let mapping = mapped(&path);
        let said = path.display().to_string();
        ((mapping, files), said)
    });
    let Some(companion) = started else { return };
    if !mman_testkit::require::root() {
        return;
    }
    let path = Path::new(&companion.said);
    let mapping = mapped(path);
    let output = evict(&["--force-mapped"], path);
    let said = text(&output);
    if output.status.success() {
        return assert_eq!(cached(path), 0, "a kernel that can");
    }
    assert_eq!(output.status.code(), Some(1));
    assert!(said.contains("the kernel pages out only what one process maps"), "{said}");
    assert!(said.contains(&label()) && said.contains(&format!("[{}]", companion.pid())), "{said}");
    drop(mapping);
}

#[test]
fn what_is_locked_stays_whatever_is_forced() {
    let files = Files::new();
    let path = files.pattern("data", 64 * page());
    let held = Held::new(&path, 3..5);
    for flags in [&[][..], &["--force-mapped", "--sync"]] {
        let output = evict(flags, &path);
        let said = text(&output);
        assert!(said.starts_with("evicted 0 B of 8.0 KiB\n"), "{said}");
        assert!(said.contains("  still cached 8.0 KiB   locked by "), "{said}");
        assert!(said.contains(&label()) && said.lines().count() == 2, "{said}");
        assert_eq!(output.status.code(), Some(1));
    }
    let told = lines(&evict(&["--json"], &path));
    assert_eq!((&told[1]["why"], &told[1]["bytes"]), (&"locked".into(), &8192.into()));
    assert!(told[1]["processes"][0].as_str().unwrap().ends_with(&label()));
    assert_eq!(cached(&path), 2 * page());
    drop(held);
}

#[test]
fn what_is_dirty_stays_until_it_is_written_back() {
    let files = Files::new();
    let path = files.pattern("data", 256 * page());
    let mut seen = false;
    for _ in 0..50 {
        warm(&path);
        File::options().write(true).open(&path).unwrap().write_all(&vec![1; 100 * 4096]).unwrap();
        let output = evict(&[], &path);
        let said = text(&output);
        if output.status.code() == Some(1) {
            let why = said.contains("   dirty") || said.contains("   being written back");
            assert!(why && said.contains("   --sync\n"), "{said}");
            seen = true;
            break;
        }
    }
    assert!(seen, "it was always written back at once");
    File::options().write(true).open(&path).unwrap().write_all(&vec![2; 100 * 4096]).unwrap();
    let output = evict(&["--sync"], &path);
    assert!(output.status.success(), "{}", text(&output));
    assert_eq!(cached(&path), 0);
    assert!(fs::read(&path).unwrap()[..409_600].iter().all(|byte| *byte == 2), "nothing is lost");
}

/// Files in memory have no other place: the kernel answers success, and drops nothing.
#[test]
fn files_in_memory_are_told_as_such() {
    let path = format!("/dev/shm/mman-test-evict-{}", std::process::id());
    fs::write(&path, vec![7; 5000]).unwrap();
    let output = evict(&[], Path::new(&path));
    fs::remove_file(&path).unwrap();
    let expected = "evicted 0 B of 8.0 KiB\n  still cached 8.0 KiB   in memory only (tmpfs): cannot be dropped\n";
    assert_eq!(text(&output), expected);
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn a_range_is_rounded_inwards_and_a_tail_is_kept() {
    let files = Files::new();
    let path = files.pattern("data", 64 * page());
    let _held = Held::new(&path, [0, 2, 63]);
    let said = text(&evict(&["-r", "1-8191", "-n"], &path));
    assert_eq!(said, "1-8191 rounded inwards to pages: no page\nwould evict up to 0 B\n");
    let said = text(&evict(&["-r", "1-12288"], &path));
    assert!(said.starts_with("1-12288 rounded inwards to pages: 4096-12288\n"), "{said}");
    assert!(said.contains("evicted 0 B of 4.0 KiB\n"), "{said}");
    let said = text(&evict(&["--keep-tail", "100"], &path));
    assert!(said.contains("evicted 0 B of 8.0 KiB\n"), "{said}");
    let line = refused(["evict", "-r", "0-262145", path.to_str().unwrap()]);
    assert!(line.contains("past the end: the size is 262144 bytes"), "{line}");
    let output = run(["evict", "--keep-tail", "1", "-r", "0-1", "."]);
    assert_eq!(output.status.code(), Some(2), "one or the other");
}

#[test]
fn a_dry_run_drops_nothing() {
    let files = Files::new();
    let path = files.pattern("data", 64 * page());
    let _held = Held::new(&path, 0..64);
    let output = evict(&["-n"], &path);
    let said = text(&output);
    assert!(
        said.starts_with("would evict up to 256 KiB\n  would stay 256 KiB   locked by "),
        "{said}"
    );
    assert!(output.status.success());
    assert_eq!(cached(&path), 64 * page());
}

/// Of a file of somebody else's the kernel tells nothing: nothing is claimed.
#[test]
fn nobody_claims_what_nobody_knows() {
    let files = Files::new();
    let path = files.pattern("theirs", 10 * page());
    common::nobody::open_to_all(&path, 0o644);
    let arguments = [OsStr::new("evict"), path.as_os_str()];
    let Some(output) = common::nobody::run(&files, arguments) else { return };
    let said = text(&output);
    assert_eq!(said, "evicted 0 B of 0 B\n  unknown 1 file   not permitted (needs owner)\n");
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn bad_input_is_a_line() {
    let files = Files::new();
    let path = files.path("missing");
    assert!(refused([OsStr::new("evict"), path.as_os_str()]).contains("(ENOENT)"));
    assert!(refused(["evict", "/dev/null"]).contains("/dev/null: "));
}

/// Ctrl-C in the middle: it says what was done, and exits with 130.
#[test]
fn an_interrupt_ends_it_whole() {
    let files = Files::new();
    fs::create_dir(files.path("d")).unwrap();
    for number in 0..5000 {
        fs::write(files.path(format!("d/{number}")), b"x").unwrap();
    }
    let mut delay = Duration::from_millis(4);
    for _ in 0..200 {
        let child = mman(["evict", "--json", "--sync"])
            .arg(files.path("d"))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        std::thread::sleep(delay);
        let pid = rustix::process::Pid::from_child(&child);
        let _gone_or_not = rustix::process::kill_process(pid, rustix::process::Signal::INT);
        let output = child.wait_with_output().unwrap();
        if output.status.code() == Some(130) && !output.stdout.is_empty() {
            let told = lines(&output);
            assert_eq!(told[0]["interrupted"], true);
            assert!(told[0]["files"].as_u64().unwrap() <= 5000);
            return;
        }
        // Too early: the handler was not there yet. Too late: it was done.
        let early = output.status.code().is_none();
        delay = if early { delay * 5 / 4 } else { delay * 4 / 5 };
    }
    panic!("never met it in the middle");
}

/// As the mock-up has it, in a terminal of each width.
#[test]
fn in_a_terminal() {
    let files = Files::new();
    let path = files.pattern("data", 64 * page());
    let _held = Held::new(&path, 3..5);
    for columns in [60, 80, 200] {
        let (shown, status) = pty::in_terminal(mman(["evict"]).arg(&path), columns);
        let shown = pty::without_colors(&shown).replace('\r', "");
        let name = shown.split("locked by ").nth(1).unwrap().trim().to_owned();
        assert!(name.ends_with(&label()), "{shown}");
        let expected =
            format!("evicted 0 B of 8.0 KiB\n  still cached 8.0 KiB   locked by {name}\n");
        assert_eq!(shown, expected);
        assert_eq!(status.code(), Some(1));
    }
    drop_all(&path);
}

/// Without a PATH all of the current directory was dropped, read in or locked.
#[test]
fn what_changes_something_asks_for_a_path() {
    for command in ["evict", "touch", "lock"] {
        let line = refused([command]);
        assert!(line.contains("no PATH is given"), "{line}");
    }
}
