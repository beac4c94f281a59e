//! How `mman save`, `restore`, `diff` and `watch` behave: bad input is one line and exit code 2; Ctrl-C in the middle
//! leaves nothing half done and says what was done; what stands in a terminal is as it was meant; JSON is as the
//! schema says.
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
use common::pty::{in_terminal, without_colors};
use common::schema::Schema;
use common::snapshot::{bring, while_held};
use common::{Files, mman, one_line, refused, run, written};
use mman::FileObject;
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};
use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

fn saved(files: &Files, what: &Path, name: &str) -> std::path::PathBuf {
    let snapshot = files.path(name);
    std::fs::create_dir_all(snapshot.parent().unwrap()).unwrap();
    written(["save".as_ref(), what.as_os_str(), "-o".as_ref(), snapshot.as_os_str()]);
    snapshot
}

#[test]
fn bad_input_is_one_line_and_exit_code_2() {
    let files = Files::new();
    let data = files.pattern("data", 3 * page());
    let snapshot = saved(&files, &data, "snapshot");
    let good = std::fs::read(&snapshot).unwrap();
    let bad = |name: &str, bytes: &[u8]| {
        let path = files.path(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let mut newer = good.clone();
    newer[8] = 9;
    let mut long = good.clone();
    long[13..17].copy_from_slice(&u32::MAX.to_le_bytes());
    let mut flipped = good.clone();
    *flipped.last_mut().unwrap() ^= 1;
    let cases = [
        (bad("empty", b""), "not a snapshot"),
        (bad("text", b"#!/bin/sh\necho 1\n"), "not a snapshot"),
        (bad("short", &good[..good.len() - 1]), "cut off"),
        (bad("newer", &newer), "version 9"),
        (bad("long", &long), "longer than frames are"),
        (bad("flipped", &flipped), "checksum"),
        (bad("more", &[&good[..], b"x"].concat()), "something follows its end"),
        (files.path("missing"), "No such file or directory (ENOENT)"),
        (files.path(""), "Is a directory (EISDIR)"),
    ];
    for (path, expected) in &cases {
        for command in ["restore", "diff"] {
            let line = refused([OsStr::new(command), path.as_os_str()]);
            assert!(line.contains(expected), "{command}: {line}");
            assert!(line.contains(path.to_str().unwrap().trim_end_matches('/')), "{line}");
        }
        let line = refused([OsStr::new("diff"), snapshot.as_os_str(), path.as_os_str()]);
        assert!(line.contains(expected), "{line}");
    }
    let snapshot = snapshot.to_str().unwrap();
    let none = files.path("none/snapshot");
    for (words, expected) in [
        (&["restore", snapshot, "--rebase", "/a"][..], "expected OLD=NEW"),
        (&["restore", snapshot, "--rebase", "=/a"], "expected OLD=NEW"),
        (&["restore", snapshot, "/nowhere"], "nothing of it is in the snapshot"),
        (&["save", data.to_str().unwrap(), "-o", none.to_str().unwrap()], "ENOENT"),
        (&["save", data.to_str().unwrap(), "-o", "/dev/full"], "/dev/full"),
        (&["watch", "-n", "0"], "expected seconds"),
        (&["watch", "-n", "nan"], "expected seconds"),
        (&["watch", "-p", "4294967295"], "no process has this number"),
        (&["watch", "-p", "no such name"], "no process has this name"),
        (&["watch", "/nowhere", "--count", "1"], "ENOENT"),
    ] {
        let line = refused(words);
        assert!(line.contains(expected), "{words:?}: {line}");
    }
    // What is not there is told, and what is there is saved.
    let words =
        ["save".as_ref(), "/nowhere".as_ref(), data.as_os_str(), "-o".as_ref(), "-".as_ref()];
    let output = run(words);
    assert!(one_line(&output).contains("/nowhere") && output.stdout.starts_with(b"mmansnap"));
}

#[test]
fn a_failed_save_leaves_the_old_snapshot() {
    let files = Files::new();
    let data = files.pattern("tree/data", page());
    let snapshot = saved(&files, &data, "snapshots/one");
    let before = std::fs::read(&snapshot).unwrap();
    let words =
        ["save".as_ref(), "--hot".as_ref(), data.as_os_str(), "-o".as_ref(), snapshot.as_os_str()];
    if let Some(output) = common::nobody::run(&files, words) {
        assert_eq!(output.status.code(), Some(2));
        assert_eq!(std::fs::read(&snapshot).unwrap(), before);
    }
    assert_eq!(std::fs::read_dir(files.path("snapshots")).unwrap().count(), 1);
}

fn interrupt(child: &Child) {
    let pid = Pid::from_child(child);
    kill_process(pid, Signal::INT).unwrap();
}

/// Waits until something is so, for some seconds at most.
fn until(mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    while !is_so() && Instant::now() < end {
        thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn an_interrupted_restore_says_what_it_has_done() {
    let files = Files::new();
    let path = files.path("sparse");
    let size = 1_u64 << 30;
    File::create(&path).unwrap().set_len(size).unwrap();
    // Zeros of a hole take no room on the disk, and a while to be read in.
    std::io::copy(&mut File::open(&path).unwrap(), &mut std::io::sink()).unwrap();
    let snapshot = saved(&files, &path, "snapshot");
    let object = FileObject::open(&path).unwrap();
    for attempt in 0..10 {
        drop_all(&path);
        let child = mman(["restore".as_ref(), snapshot.as_os_str(), "-j".as_ref(), "1".as_ref()])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        until(|| object.cache(..).unwrap().cached > 100);
        interrupt(&child);
        let output = child.wait_with_output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        if output.status.code() == Some(0) {
            continue; // it was faster
        }
        assert_eq!(output.status.code(), Some(130), "{attempt}: {text}");
        assert!(text.starts_with("interrupted: restored ") && text.contains(" of "), "{text}");
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(output.stderr.is_empty());
        return;
    }
    panic!("it was never in the middle");
}

#[test]
fn an_interrupted_save_leaves_the_snapshot_as_it_was() {
    let files = Files::new();
    for at in 0..3000 {
        files.pattern(format!("tree/{}/{at}", at % 50), 1);
    }
    let snapshot = saved(&files, &files.path("tree/1"), "snapshots/one");
    let before = std::fs::read(&snapshot).unwrap();
    let tree = files.path("tree");
    for wait in (0..200).cycle().take(400) {
        let words = ["save".as_ref(), tree.as_os_str(), "-o".as_ref(), snapshot.as_os_str()];
        let child = mman(words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // It listens once it has begun the new file.
        until(|| std::fs::read_dir(files.path("snapshots")).unwrap().count() > 1);
        thread::sleep(Duration::from_micros(wait * 10));
        interrupt(&child);
        let output = child.wait_with_output().unwrap();
        assert_eq!(std::fs::read_dir(files.path("snapshots")).unwrap().count(), 1);
        if output.status.code() != Some(130) {
            std::fs::write(&snapshot, &before).unwrap();
            continue; // it was faster
        }
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains("nothing is saved") && said.lines().count() == 1, "{said}");
        assert_eq!(std::fs::read(&snapshot).unwrap(), before);
        return;
    }
    eprintln!("skipped: needs a machine that is slower at 3000 files than a signal comes");
}

#[test]
fn lines_of_json_are_as_the_schema_says() {
    let schema = Schema::published();
    let files = Files::new();
    let data = files.pattern("tree/data", 30 * page());
    files.pattern("tree/empty", 0);
    files.pattern(OsStr::new("tree/gone"), page());
    let tree = files.path("tree");
    let snapshot = files.path("snapshot");
    let (tree, snapshot) = (tree.to_str().unwrap(), snapshot.to_str().unwrap());
    let own = std::process::id().to_string();
    bring(&data, [1, 5]);
    schema.assert_describes_all(&written(["save", tree, "-o", snapshot, "--json"]));
    std::fs::remove_file(files.path("tree/gone")).unwrap();
    files.pattern("tree/new", page());
    for words in [
        &["restore", snapshot, "--json"][..],
        &["restore", snapshot, "--json", "-n"],
        &["restore", snapshot, "--json", "--strict"],
        &["diff", snapshot, "--json"],
        &["watch", tree, "--json", "--count", "2", "-n", "0.05"],
        &["watch", "-p", &own, "--json", "--count", "2", "-n", "0.05"],
    ] {
        schema.assert_describes_all(&run(words).stdout);
    }
    let words = ["diff", snapshot, "--json"];
    if let Some(output) = common::nobody::run(&files, words) {
        schema.assert_describes_all(&output.stdout);
    }
}

#[test]
fn a_comparison_in_a_terminal() {
    let files = Files::new();
    let (one, two) = (files.path("first"), files.path("second"));
    let name = format!("tree/{}/data", "a-long-name".repeat(12));
    let path = files.pattern(&name, 300 * page());
    let full = path.canonicalize().unwrap();
    while_held(&path, 0..200, || {
        written(["save".as_ref(), path.as_os_str(), "-o".as_ref(), one.as_os_str()]);
    });
    while_held(&path, 100..300, || {
        written(["save".as_ref(), path.as_os_str(), "-o".as_ref(), two.as_os_str()]);
    });
    for columns in [60, 80, 200] {
        let words = ["diff".as_ref(), one.as_os_str(), two.as_os_str()];
        let (text, status) = in_terminal(&mut mman(words), columns);
        assert_eq!(status.code(), Some(1));
        assert!(text.contains("\x1b["), "colours: {text}");
        let plain = without_colors(&text);
        let lines: Vec<&str> = plain.lines().collect();
        assert_eq!(lines[0], "   CAME     WENT      NOW    FILE");
        assert!(lines[1].starts_with("400 KiB  400 KiB  800 KiB    "), "{plain}");
        assert_eq!(lines[2], "came 400 KiB, went 400 KiB; 1 differs of 1 file");
        let shown = lines[1].rsplit(' ').next().unwrap();
        assert!(lines[1].chars().count() <= columns.into(), "{plain}");
        let fits = full.to_str().unwrap().len() + 29 <= columns.into();
        assert_eq!(shown == full.to_str().unwrap(), fits, "{plain}");
        assert!(shown.ends_with("/data"), "{plain}");
        let (text, _) = in_terminal(mman(words).env("NO_COLOR", "1"), columns);
        assert!(!text.contains('\x1b'), "{text}");
    }
    // Into a pipe everything is whole, and nothing coloured.
    let output = run(["diff".as_ref(), one.as_os_str(), two.as_os_str()]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains(full.to_str().unwrap()) && !text.contains('\x1b'), "{text}");
}

#[test]
fn a_restore_in_a_terminal_leaves_one_line() {
    let files = Files::new();
    let path = files.pattern("data", 300 * page());
    let snapshot = files.path("snapshot");
    while_held(&path, 0..200, || {
        let words = ["save".as_ref(), path.as_os_str(), "-o".as_ref(), snapshot.as_os_str()];
        let (text, _) = in_terminal(&mut mman(words), 80);
        let expected = format!("saved 800 KiB of 1.2 MiB in 1 file to {}", snapshot.display());
        assert!(text.starts_with(&expected), "{text}");
        for columns in [60, 80, 200] {
            let words = ["restore".as_ref(), snapshot.as_os_str()];
            let (text, status) = in_terminal(&mut mman(words), columns);
            assert!(status.success());
            let plain = without_colors(&text);
            let last = plain.rsplit('\r').next().unwrap().trim_start();
            assert_eq!(last, "restored 0 in 0.0 s; already there 800 KiB\n", "{plain:?}");
        }
    });
}

#[test]
fn watching_in_a_pipe_is_a_line_a_look() {
    let files = Files::new();
    let path = files.pattern("data", 100 * page());
    while_held(&path, 0..25, || {
        let words = [
            "watch".as_ref(),
            path.as_os_str(),
            "--count".as_ref(),
            "3".as_ref(),
            "-n".as_ref(),
            "0.05".as_ref(),
        ];
        let text = String::from_utf8(written(words)).unwrap();
        let lines: Vec<Vec<&str>> =
            text.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(
            lines[0],
            ["TIME", "CACHED", "%", "CAME/s", "WENT/s", "DIRTY", "RECLAIMED/s", "FILES"]
        );
        assert_eq!(lines.len(), 4, "{text}");
        for line in &lines[1..] {
            assert_eq!(line[1..], ["100", "KiB", "25%", "–", "–", "–", "–", "1"], "{text}");
        }
    });
}

#[test]
fn what_comes_and_goes_is_seen() {
    let files = Files::new();
    let path = files.pattern("data", 400 * page());
    drop_all(&path);
    let mut child = mman([
        "watch".as_ref(),
        path.as_os_str(),
        "--json".as_ref(),
        "-n".as_ref(),
        "0.1".as_ref(),
    ])
    .stdout(Stdio::piped())
    .spawn()
    .unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().unwrap()));
    let mut next =
        || -> serde_json::Value { serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap() };
    assert_eq!(next()["cached"], 0);
    let came = while_held(&path, 0..300, || {
        (0..50).map(|_| next()).find(|look| look["came"] != 0).unwrap()
    });
    // Two looks may share it: the first saw a part.
    assert!(came["came"].as_u64().unwrap() <= 300 * page());
    assert!(came["cached"].as_u64().unwrap() <= 300 * page());
    drop_all(&path);
    let went = (0..50).map(|_| next()).find(|look| look["went"] != 0).unwrap();
    assert!(went["cached"].as_u64().unwrap() < 300 * page());
    interrupt(&child);
    assert_eq!(child.wait().unwrap().code(), Some(130));
}

/// A terminal whose input is ours too.
struct Typed {
    ours: File,
    theirs: File,
}

impl Typed {
    fn new() -> Self {
        let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&ours).unwrap();
        unlockpt(&ours).unwrap();
        let name = ptsname(&ours, Vec::new()).unwrap().into_string().unwrap();
        let theirs = File::options().read(true).write(true).open(name).unwrap();
        let terminal = Self { ours: ours.into(), theirs };
        terminal.resize(80, 24);
        terminal
    }

    fn resize(&self, columns: u16, lines: u16) {
        let size = Winsize { ws_row: lines, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&self.theirs, size).unwrap();
    }

    fn spawn(&self, words: &[&OsStr]) -> Child {
        let end = || OwnedFd::from(self.theirs.try_clone().unwrap());
        let mut command = mman(words);
        command.env("TERM", "xterm").stdin(end()).stdout(end()).stderr(end());
        command.spawn().unwrap()
    }

    /// Reads until a text has come.
    fn read_to(&mut self, wanted: &str) -> String {
        let mut bytes = Vec::new();
        let mut piece = [0; 4096];
        while !String::from_utf8_lossy(&bytes).contains(wanted) {
            let count = self.ours.read(&mut piece).unwrap();
            bytes.extend_from_slice(&piece[..count]);
        }
        String::from_utf8(bytes).unwrap()
    }

    fn is_canonical(&self) -> bool {
        let modes = tcgetattr(&self.theirs).unwrap().local_modes;
        modes.contains(LocalModes::ICANON) && modes.contains(LocalModes::ECHO)
    }
}

#[test]
fn a_screen_is_left_as_it_was_found() {
    let files = Files::new();
    let path = files.pattern("data", 100 * page());
    // Ended by a key, and by a signal.
    for (by_key, code) in [(true, 0), (false, 130)] {
        let mut terminal = Typed::new();
        assert!(terminal.is_canonical());
        let mut child =
            terminal.spawn(&["watch".as_ref(), path.as_os_str(), "-n".as_ref(), "0.2".as_ref()]);
        let begun = terminal.read_to("reclaimed");
        assert!(begun.starts_with("\x1b[?1049h\x1b[?25l"), "{begun:?}");
        assert!(!terminal.is_canonical(), "keys come at once");
        terminal.resize(40, 5);
        // Drawn anew, in what room there is now.
        let drawn = terminal.read_to("\x1b[J");
        let drawn = if drawn.contains("dirty") { terminal.read_to("\x1b[J") } else { drawn };
        let page = drawn.rsplit("\x1b[H").next().unwrap();
        let shown = without_colors(page);
        assert!(shown.split("\r\n").count() <= 24, "{shown}");
        if by_key {
            terminal.ours.write_all(b"xq").unwrap();
        } else {
            interrupt(&child);
        }
        let end = terminal.read_to("\x1b[?1049l");
        assert!(end.ends_with("\x1b[?25h\x1b[?1049l"), "{end:?}");
        assert_eq!(child.wait().unwrap().code(), Some(code));
        assert!(terminal.is_canonical(), "as it was");
    }
}

#[test]
fn a_process_is_watched_until_it_ends() {
    let mut sleeper = std::process::Command::new("sleep").arg("1000").spawn().unwrap();
    let pid = sleeper.id().to_string();
    let child = mman(["watch", "-p", &pid, "-n", "0.05"]).stdout(Stdio::piped()).spawn().unwrap();
    thread::sleep(Duration::from_millis(300));
    sleeper.kill().unwrap();
    sleeper.wait().unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.lines().count() > 2 && text.contains("RSS"), "{text}");
    let last: Vec<&str> = text.lines().last().unwrap().split_whitespace().collect();
    assert_eq!(last.last(), Some(&"1"));
}
