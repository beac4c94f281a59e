//! `mman touch`: what is said to be in memory is there, what is not is said with its reason, and nothing but what was
//! asked for is read.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "test code"
)]

mod common;

use common::held::{Held, drop_all, page};
use common::schema::Schema;
use common::{Files, mman, one_line, pty, refused, run};
use mman::FileObject;
use mman_testkit::fuse::BadPages;
use mman_testkit::{child, mount, require};
use serde_json::Value;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

fn touch(flags: &[&str], path: &Path) -> Output {
    run(["touch"].iter().chain(flags).map(OsStr::new).chain([path.as_os_str()]))
}

fn cached(path: &Path) -> u64 {
    FileObject::open(path).unwrap().cache(..).unwrap().cached * page()
}

/// The first line of JSON, which is the summary; every line is as the schema says.
fn summary(output: &Output) -> Value {
    Schema::published().assert_describes_all(&output.stdout);
    serde_json::from_slice(output.stdout.split(|byte| *byte == b'\n').next().unwrap()).unwrap()
}

fn text(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// The kernel reclaims pages whenever it likes: what is to be seen of them is looked for a few times.
fn soon(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..20 {
        if holds() {
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("never: {what}");
}

#[test]
fn all_of_small_and_large_files_comes_in() {
    let files = Files::new();
    fs::create_dir(files.path("d")).unwrap();
    let sizes = [1, 100, 4096, 100_000, (1 << 20) - 1, 1 << 20, 40 << 20];
    let paths: Vec<_> = sizes.iter().map(|len| files.pattern(format!("d/{len}"), *len)).collect();
    let all: u64 = sizes.iter().map(|len| len.next_multiple_of(page())).sum();
    soon("all is there", || {
        paths.iter().for_each(|path| drop_all(path));
        let output = touch(&["--json"], &files.path("d"));
        let there: u64 = paths.iter().map(|path| cached(path)).sum();
        let told = summary(&output);
        assert_eq!(told["bytes"], all);
        let sum = |name: &str| told[name].as_u64().unwrap();
        assert_eq!(sum("touched") + sum("already") + sum("missing"), all, "{told}");
        assert_eq!(output.status.code(), Some(if sum("missing") == 0 { 0 } else { 1 }));
        sum("touched") == all && there == all
    });
    let output = touch(&[], &files.path("d"));
    assert!(text(&output).starts_with("touched "), "{}", text(&output));
}

/// Pages that are there already are no work, and are counted as such.
#[test]
fn what_is_there_is_not_read_again() {
    let files = Files::new();
    let path = files.pattern("data", 64 * page());
    let _held = Held::new(&path, 0..64);
    let output = touch(&[], &path);
    let line = text(&output);
    assert!(line.starts_with("touched 0 B in ") && line.ends_with("already there 256 KiB\n"));
    let told = summary(&touch(&["--json"], &path));
    assert_eq!((&told["touched"], &told["already"]), (&0.into(), &(64 * page()).into()));
}

#[test]
fn a_dry_run_reads_nothing() {
    let files = Files::new();
    let path = files.pattern("data", 64 * page());
    let _held = Held::new(&path, [1, 2]);
    let output = touch(&["-n"], &path);
    assert_eq!(text(&output), "would touch 248 KiB; already there 8.0 KiB\n");
    assert!(output.status.success());
    assert_eq!(cached(&path), 2 * page());
    assert_eq!(
        text(&touch(&["-n", "--budget", "100K"], &path)).split(';').next(),
        Some("would touch 100 KiB")
    );
}

#[test]
fn a_range_is_rounded_outwards_and_that_is_said() {
    let files = Files::new();
    let path = files.pattern("data", 64 * page());
    let mut said = String::new();
    soon("just two pages are there", || {
        drop_all(&path);
        said = text(&touch(&["-r", "5000-9000"], &path));
        cached(&path) == 2 * page()
    });
    let mut lines = said.lines();
    assert_eq!(lines.next(), Some("5000-9000 rounded outwards to pages: 4096-12288"));
    assert!(lines.next().unwrap().starts_with("touched 8.0 KiB in "), "{said}");
    assert!(!text(&touch(&["-r", "4096+4K"], &path)).contains("rounded"));
    let line = refused(["touch", "-r", "300000-", path.to_str().unwrap()]);
    assert!(line.contains("offset 300000 is past the end: the size is 262144 bytes"), "{line}");
}

/// Not a page more than the budget, and what it did not reach is said.
#[test]
fn a_budget_is_kept() {
    let files = Files::new();
    fs::create_dir(files.path("d")).unwrap();
    for number in 0..8 {
        files.pattern(format!("d/{number}"), 100 * page());
    }
    let all = || (0..8).map(|number| files.path(format!("d/{number}")));
    soon("the budget was used", || {
        all().for_each(|path| drop_all(&path));
        let output = touch(&["--json", "--budget", "1000K"], &files.path("d"));
        let there: u64 = all().map(|path| cached(&path)).sum();
        assert!(there <= 1000 << 10, "{there}");
        assert_eq!(output.status.code(), Some(1));
        let said = text(&output);
        assert!(said.contains("the budget is used up"), "{said}");
        summary(&output)["touched"] == 1000 << 10
    });
}

#[test]
fn a_rate_takes_its_time() {
    let files = Files::new();
    let path = files.pattern("data", 1 << 20);
    drop_all(&path);
    let start = Instant::now();
    assert!(matches!(touch(&["--rate", "2M"], &path).status.code(), Some(0 | 1)));
    assert!(start.elapsed() > Duration::from_millis(450), "{:?}", start.elapsed());
    assert!(refused(["touch", "--rate", "0", "."]).contains("nothing would ever be read"));
}

#[test]
fn idle_and_no_wait_are_taken() {
    let files = Files::new();
    let path = files.pattern("data", 3 << 20);
    drop_all(&path);
    let said = text(&touch(&["--no-wait"], &path));
    assert_eq!(said, "asked for 3.0 MiB; already there 0 B\n");
    soon("it comes", || {
        let _more = touch(&["--no-wait"], &path);
        cached(&path) == 3 << 20
    });
    drop_all(&path);
    assert!(matches!(touch(&["--idle"], &path).status.code(), Some(0 | 1)));
}

/// A page that its storage does not give is a line and exit code 2, in a large file and in a small one. No signal.
#[test]
fn a_storage_error_is_told() {
    child::run(|| {
        if !require::root() {
            return;
        }
        mount::be_alone();
        let files = Files::new();
        for (name, len, bad) in [("small", 20 * 4096, 5), ("large", 4 << 20, 700)] {
            fs::create_dir(files.path(name)).unwrap();
            let Some(broken) = BadPages::mount(&files.path(name), len, &[bad]) else { return };
            let output = touch(&["--json"], broken.file());
            let line = one_line(&output);
            let expected = format!("byte {} cannot be read: Input/output error (EIO)", bad * 4096);
            assert!(line.contains(&expected), "{name}: {line}");
            let told = summary(&output);
            assert!(told["missing"].as_u64().unwrap() >= 4096, "{told}");
            assert!(text(&output).contains("the storage failed"));
        }
    });
}

/// A file that becomes shorter while it is read in: what it has is there, and nothing dies.
#[test]
fn a_file_truncated_meanwhile_is_no_signal() {
    let files = Files::new();
    for flags in [&["--rate", "8M"][..], &[]] {
        let path = files.pattern("data", 8 << 20);
        drop_all(&path);
        let mut command = mman(["touch", "--json"]);
        let child = command.args(flags).arg(&path).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = child.spawn().unwrap();
        std::thread::sleep(Duration::from_millis(if flags.is_empty() { 2 } else { 200 }));
        File::options().write(true).open(&path).unwrap().set_len(1 << 20).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(matches!(output.status.code(), Some(0 | 1)), "{output:?}");
        let told = summary(&output);
        assert!(told["bytes"] == 1 << 20 || flags.is_empty(), "{told}");
    }
}

/// Ctrl-C: it says what was done, and exits with 130.
#[test]
fn an_interrupt_ends_it_whole() {
    let files = Files::new();
    let path = files.pattern("data", 16 << 20);
    for flags in [&["--json"][..], &[]] {
        drop_all(&path);
        let mut command = mman(["touch", "--rate", "4M"]);
        let child = command.args(flags).arg(&path).stdout(Stdio::piped()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(500));
        let start = Instant::now();
        interrupt(&child);
        let output = child.wait_with_output().unwrap();
        assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
        assert_eq!(output.status.code(), Some(130));
        if flags.is_empty() {
            let said = text(&output);
            assert!(said.starts_with("interrupted: touched "), "{said}");
            assert!(said.contains("not read: interrupted"), "{said}");
        } else {
            let told = summary(&output);
            assert_eq!(told["interrupted"], true);
            assert!(told["touched"].as_u64().unwrap() < 16 << 20);
        }
    }
}

fn interrupt(child: &std::process::Child) {
    let pid = rustix::process::Pid::from_child(child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
}

/// vmtouch exits with 0 after failures.
#[test]
fn what_cannot_be_read_is_a_failure() {
    let files = Files::new();
    let line = refused([OsStr::new("touch"), files.path("missing").as_os_str()]);
    assert!(line.contains("No such file or directory (ENOENT)"), "{line}");
    fs::create_dir(files.path("d")).unwrap();
    files.pattern("d/open", 100);
    let closed = files.pattern("d/closed", 100);
    common::nobody::open_to_all(&closed, 0o000);
    let folder = files.path("d");
    let arguments = [OsStr::new("touch"), folder.as_os_str()];
    let Some(output) = common::nobody::run(&files, arguments) else { return };
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(errors.contains("Permission denied (EACCES)"), "{errors}");
    assert_eq!(output.status.code(), Some(2));
}

/// Of a file of somebody else's the kernel tells nothing: no number is made up.
#[test]
fn nobody_is_told_that_it_is_not_known() {
    let files = Files::new();
    let path = files.pattern("theirs", 10 * page());
    common::nobody::open_to_all(&path, 0o644);
    let Some(output) = common::nobody::run(&files, [OsStr::new("touch"), path.as_os_str()]) else {
        return;
    };
    let said = text(&output);
    assert!(said.starts_with("touched 0 B in "), "{said}");
    assert!(said.contains("unknown 40 KiB   not permitted (needs owner)"), "{said}");
    assert_eq!(output.status.code(), Some(2));
    common::nobody::give(&path);
    soon("known to its owner", || {
        let output = common::nobody::run(&files, [OsStr::new("touch"), path.as_os_str()]);
        output.unwrap().status.success()
    });
}

/// In a control group with too little room the missing part is said, with the group and its limit.
#[test]
fn the_limit_of_a_control_group_is_named() {
    const ROOT: &str = "/sys/fs/cgroup/memory";
    if !require::root() || !require::file("/sys/fs/cgroup/memory/memory.limit_in_bytes") {
        return;
    }
    let group = format!("{ROOT}/mman-test-touch-{}", std::process::id());
    if fs::create_dir(&group).is_err() {
        return require::skip("the right to make a control group");
    }
    let files = Files::new();
    let path = files.pattern("data", 64 << 20);
    drop_all(&path);
    fs::write(format!("{group}/memory.limit_in_bytes"), "16777216").unwrap();
    let procs = format!("{group}/cgroup.procs");
    // The shell goes into the group, and becomes the command.
    let script = format!("echo $$ > {procs} && exec \"$@\"");
    let mut command = Command::new("sh");
    command.args(["-c", &script, "sh", env!("CARGO_BIN_EXE_mman"), "touch"]).arg(&path);
    let output = command.arg0("sh").output().unwrap();
    drop_all(&path);
    let removed = (0..50).any(|_| {
        std::thread::sleep(Duration::from_millis(20));
        fs::remove_dir(&group).is_ok()
    });
    let said = text(&output);
    assert!(removed, "the group stays behind: {said}");
    assert!(said.contains("still missing ") && said.contains("mman-test-touch"), "{said}");
    assert!(said.contains("may have 16 MiB"), "{said}");
    assert_eq!(output.status.code(), Some(1));
}

/// A bar only where work takes a while, and nothing of it stays.
#[test]
fn in_a_terminal() {
    let files = Files::new();
    let path = files.pattern("data", 8 << 20);
    let _held = Held::new(&path, 0..2048);
    for columns in [60, 80, 200] {
        let (shown, status) = pty::in_terminal(mman(["touch"]).arg(&path), columns);
        let shown = pty::without_colors(&shown);
        let time = shown.split(" in ").nth(1).unwrap().split(';').next().unwrap();
        assert_eq!(shown, format!("touched 0 B in {time}; already there 8.0 MiB\n"));
        assert!(status.success());
    }
    drop_all(&path);
    let other = files.pattern("other", 4 << 20);
    drop_all(&other);
    let (shown, _status) = pty::in_terminal(mman(["touch", "--rate", "4M"]).arg(&other), 80);
    assert!(shown.contains("reading ") && shown.contains("/4.00 MiB"), "{shown}");
    assert!(shown.trim_end().lines().last().unwrap().contains("already there 0 B"), "{shown}");
}

#[test]
fn nothing_but_errors_is_printed_where_silence_is_asked_for() {
    let files = Files::new();
    let path = files.pattern("data", 100);
    let _held = Held::new(&path, [0]);
    let output = touch(&["-q"], &path);
    assert!(output.stdout.is_empty() && output.stderr.is_empty() && output.status.success());
}
