//! `mman lock`: what it says is locked is locked, everything is checked before anything is locked, and nothing that
//! happens to a locked file kills it.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "test code"
)]

mod common;

use common::held::{drop_all, page};
use common::schema::Schema;
use common::{Files, mman, nobody, one_line, pty, refused, run};
use mman::FileObject;
use rustix::process::{Pid, Signal, kill_process};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// A command that holds its locks.
struct Locker {
    child: Child,
    lines: std::io::Lines<BufReader<ChildStdout>>,
}

impl Locker {
    fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    fn of(flags: &[&str], path: &Path) -> Self {
        let mut command = mman(["lock"]);
        command.args(flags).arg(path);
        Self::start(command)
    }

    fn line(&mut self) -> String {
        self.lines.next().unwrap().unwrap()
    }

    /// Bytes that the kernel counts as locked.
    fn locked(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let kib = status.lines().find_map(|line| line.strip_prefix("VmLck:")).unwrap();
        kib.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
    }

    fn wait_for(&self, locked: u64) {
        let start = Instant::now();
        while self.locked() != locked {
            assert!(start.elapsed() < Duration::from_secs(20), "{} locked", self.locked());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Ctrl-C; what it says last.
    fn end(mut self) -> (String, ExitStatus) {
        self.signal(Signal::INT);
        let rest: Vec<String> = self.lines.by_ref().map(Result::unwrap).collect();
        (rest.join("\n"), self.child.wait().unwrap())
    }

    fn ends_well(self, size: &str) {
        let (said, status) = self.end();
        assert_eq!(said, format!("let go of {size}"));
        assert_eq!(status.code(), Some(0));
    }
}

impl Drop for Locker {
    fn drop(&mut self) {
        let _ended_or_not = self.child.kill();
        let _status = self.child.wait();
    }
}

fn cached(path: &Path) -> u64 {
    FileObject::open(path).unwrap().cache(..).unwrap().cached * page()
}

#[test]
fn what_it_says_is_locked_is_locked() {
    let files = Files::new();
    fs::create_dir(files.path("d")).unwrap();
    for (name, len) in [("one", 1), ("two", 5000), ("three", 1 << 20), ("empty", 0)] {
        drop_all(&files.pattern(format!("d/{name}"), len));
    }
    let mut locker = Locker::of(&[], &files.path("d"));
    assert_eq!(locker.line(), "locked 1.0 MiB of 3 files; Ctrl-C lets go");
    assert_eq!(locker.locked(), (1 << 20) + 12_288);
    assert_eq!(cached(&files.path("d/three")), 1 << 20);
    // Nothing drops it.
    let output = run([OsStr::new("evict"), files.path("d/three").as_os_str()]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains(&format!("locked by mman[{}]", locker.child.id())), "{said}");
    locker.ends_well("1.0 MiB");
}

#[test]
fn on_fault_brings_nothing_in() {
    let files = Files::new();
    let path = files.pattern("data", 1 << 20);
    drop_all(&path);
    let mut locker = Locker::of(&["--on-fault"], &path);
    assert_eq!(locker.line(), "locked 1.0 MiB of 1 file as they come; Ctrl-C lets go");
    assert_eq!(locker.locked(), 1 << 20);
    assert_eq!(cached(&path), 0);
    locker.ends_well("1.0 MiB");
}

/// vmtouch fails after it has locked half. The way out is in the line.
#[test]
fn a_limit_too_low_is_said_before_anything_is_locked() {
    let files = Files::new();
    let path = files.pattern("data", 64 << 20);
    nobody::give(&path);
    drop_all(&path);
    let Some(output) = nobody::run(&files, [OsStr::new("lock"), path.as_os_str()]) else { return };
    let line = one_line(&output);
    assert!(line.contains("64 MiB is over the limit of locked memory, "), "{line}");
    for way in ["ulimit -l", "LimitMEMLOCK=infinity", "setcap cap_ipc_lock"] {
        assert!(line.contains(way), "{line}");
    }
    assert!(output.stdout.is_empty());
    assert_eq!(cached(&path), 0, "nothing was read in");
    // Below the limit anybody may.
    let part = ["lock", "-r", "0-4M"].map(OsStr::new).into_iter().chain([path.as_os_str()]);
    let mut locker = Locker::start(nobody::mman(&files, part).unwrap());
    assert_eq!(locker.line(), "locked 4.0 MiB of 1 file; Ctrl-C lets go");
    locker.ends_well("4.0 MiB");
}

#[test]
fn more_than_the_memory_is_refused() {
    let files = Files::new();
    let path = files.path("sparse");
    File::create(&path).unwrap().set_len(1 << 40).unwrap();
    let line = refused([OsStr::new("lock"), path.as_os_str()]);
    let limit_or_memory = line.contains("is more than the memory that is available")
        || line.contains("is over the limit of locked memory");
    assert!(line.contains("1.0 TiB ") && limit_or_memory, "{line}");
}

#[test]
fn a_dry_run_locks_nothing() {
    let files = Files::new();
    let path = files.pattern("data", 1 << 20);
    drop_all(&path);
    let output = run([OsStr::new("lock"), OsStr::new("-n"), path.as_os_str()]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(said, "would lock 1.0 MiB of 1 file; 1.0 MiB to be read in\n");
    assert_eq!(cached(&path), 0);
}

/// The pages are locked and mapped; past the new end a touch would be SIGBUS.
#[test]
fn a_locked_file_that_is_truncated_kills_nobody() {
    let files = Files::new();
    for flags in [&[][..], &["--follow-changes"]] {
        let path = files.pattern("data", 1 << 20);
        let mut locker = Locker::of(flags, &path);
        let _locked = locker.line();
        File::options().write(true).open(&path).unwrap().set_len(5000).unwrap();
        if flags.is_empty() {
            std::thread::sleep(Duration::from_millis(100));
            locker.ends_well("1.0 MiB");
        } else {
            assert_eq!(locker.line(), "locked 8.0 KiB of 1 file");
            assert_eq!(locker.locked(), 8192);
            locker.ends_well("8.0 KiB");
        }
    }
}

#[test]
fn changes_are_followed() {
    let files = Files::new();
    fs::create_dir(files.path("d")).unwrap();
    let first = files.pattern("d/first", 4096);
    let mut locker = Locker::of(&["--follow-changes"], &files.path("d"));
    assert_eq!(locker.line(), "locked 4.0 KiB of 1 file; Ctrl-C lets go");
    File::options().append(true).open(&first).unwrap().write_all(&[1; 8192]).unwrap();
    locker.wait_for(12_288);
    files.pattern("d/second", 100);
    locker.wait_for(16_384);
    // Replaced by another of the same name.
    fs::rename(files.pattern("new", 20_000), &first).unwrap();
    locker.wait_for(20_480 + 4096);
    fs::remove_file(files.path("d/second")).unwrap();
    locker.wait_for(20_480);
    let (said, status) = locker.end();
    assert!(said.ends_with("let go of 20 KiB"), "{said}");
    assert!(said.contains("locked 20 KiB of 1 file\n"), "{said}");
    assert!(status.success());
}

#[test]
fn systemd_is_told_when_it_is_ready_and_when_it_stops() {
    let files = Files::new();
    let path = files.pattern("data", 1 << 20);
    let name = format!("mman-test-{}", std::process::id());
    let abstract_name = SocketAddr::from_abstract_name(&name).unwrap();
    let in_folder = files.path("socket");
    let sockets = [
        (UnixDatagram::bind_addr(&abstract_name).unwrap(), format!("@{name}").into()),
        (UnixDatagram::bind(&in_folder).unwrap(), in_folder.into_os_string()),
    ];
    for (socket, address) in sockets {
        socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let receive = || {
            let mut bytes = [0; 500];
            let len = socket.recv(&mut bytes).unwrap();
            String::from_utf8(bytes[..len].to_vec()).unwrap()
        };
        let mut command = mman(["lock"]);
        command.arg(&path).env("NOTIFY_SOCKET", address);
        let locker = Locker::start(command);
        assert_eq!(receive(), "READY=1\nSTATUS=locked 1.0 MiB of 1 file\n");
        assert_eq!(locker.locked(), 1 << 20, "all is locked when it says so");
        locker.signal(Signal::TERM);
        assert_eq!(receive(), "STOPPING=1\n");
    }
}

#[test]
fn the_pidfile_is_there_as_long_as_all_is_locked() {
    let files = Files::new();
    let path = files.pattern("data", 5000);
    let pidfile = files.path("pid");
    let flags = ["--pidfile", pidfile.to_str().unwrap()];
    fs::write(&pidfile, "999999999\n").unwrap(); // of one that is long gone
    let mut locker = Locker::of(&flags, &path);
    let _locked = locker.line();
    assert_eq!(fs::read_to_string(&pidfile).unwrap(), format!("{}\n", locker.child.id()));
    let line = refused(["lock", flags[0], flags[1], path.to_str().unwrap()]);
    assert!(line.contains(&format!("is that of process {}, which runs", locker.child.id())));
    locker.ends_well("8.0 KiB");
    assert!(!pidfile.exists());
    let missing = files.path("missing/pid");
    let line = refused(["lock", "--pidfile", missing.to_str().unwrap(), path.to_str().unwrap()]);
    assert!(line.contains("its directory is not there"), "{line}");
}

#[test]
fn it_ends_with_another_process() {
    let files = Files::new();
    let path = files.pattern("data", 5000);
    let mut other = Command::new("sleep").arg("1000").spawn().unwrap();
    let mut locker = Locker::of(&["--until", &other.id().to_string()], &path);
    let _locked = locker.line();
    other.kill().unwrap();
    assert_eq!(locker.line(), "let go of 8.0 KiB");
    other.wait().unwrap();
    assert!(locker.child.wait().unwrap().success());
    let line = refused(["lock", "--until", "999999999", path.to_str().unwrap()]);
    assert!(line.contains("--until 999999999: no process has this number"), "{line}");
}

#[test]
fn the_unit_runs_this_very_command_line() {
    let files = Files::new();
    let odd = files.pattern("with 50% $ä", 10);
    let output = mman(["lock", "--systemd-unit", "-r", "-1M", "--follow-changes", "-E", "*.tmp"])
        .arg(&odd)
        .arg("plain")
        .current_dir(files.path(""))
        .output()
        .unwrap();
    let unit = String::from_utf8(output.stdout).unwrap();
    let folder = files.path("").display().to_string();
    let folder = folder.trim_end_matches('/');
    let program = env!("CARGO_BIN_EXE_mman");
    let expected = format!(
        "ExecStart={program} lock --follow-changes \"--exclude=*.tmp\" --range=-1048576 \
         \"{folder}/with 50%% $$\\xc3\\xa4\" {folder}/plain\n"
    );
    assert!(unit.contains(&expected), "{expected}{unit}");
    for line in ["Type=notify", "LimitMEMLOCK=infinity", "[Install]", "WantedBy=multi-user.target"]
    {
        assert!(unit.lines().any(|one| one == line), "{line}: {unit}");
    }
    assert!(refused(["lock", "--systemd-unit", "--until", "1", "."]).contains("leave it out"));
    let line = refused(["lock", "--systemd-unit", "--files-from", "-"]);
    assert!(line.contains("a unit has no standard input"), "{line}");
}

/// Ctrl-C while it is still locking: nothing stays behind, and it says so.
#[test]
fn an_interrupt_while_locking_leaves_nothing_locked() {
    let files = Files::new();
    fs::create_dir(files.path("d")).unwrap();
    for number in 0..3000 {
        fs::write(files.path(format!("d/{number}")), b"x").unwrap();
    }
    let mut delay = Duration::from_millis(5);
    for _ in 0..200 {
        let mut command = mman(["lock", "--json"]);
        let mut locker = Locker::start({
            command.arg(files.path("d"));
            command
        });
        std::thread::sleep(delay);
        locker.signal(Signal::INT);
        let status = locker.child.wait().unwrap();
        let said: Vec<String> = locker.lines.by_ref().map(Result::unwrap).collect();
        if status.code() == Some(130) && !said.is_empty() {
            said.iter().for_each(|line| Schema::published().assert_describes(line));
            assert!(said[0].contains("\"state\":\"interrupted\""), "{said:?}");
            return;
        }
        delay = if status.code().is_none() { delay * 5 / 4 } else { delay * 4 / 5 };
    }
    panic!("never met it in the middle");
}

#[test]
fn bad_input_is_a_line() {
    let files = Files::new();
    let missing = files.path("missing");
    assert!(refused([OsStr::new("lock"), missing.as_os_str()]).contains("(ENOENT)"));
    let path = files.pattern("data", 100);
    let line = refused(["lock", "-r", "200-", path.to_str().unwrap()]);
    assert!(line.contains("offset 200 is past the end: the size is 100 bytes"), "{line}");
    let mut command = mman(["lock"]);
    command.arg(&path).env("NOTIFY_SOCKET", "@").stderr(Stdio::piped());
    let mut locker = Locker::start(command);
    assert!(locker.line().starts_with("locked 4.0 KiB"));
    let mut line = String::new();
    BufReader::new(locker.child.stderr.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.starts_with("mman: NOTIFY_SOCKET=@: "), "{line}");
    assert_eq!(locker.end().1.code(), Some(2), "nobody was told");
}

/// As the mock-up has it, in a terminal of each width.
#[test]
fn in_a_terminal() {
    let files = Files::new();
    let path = files.pattern("data", 1 << 20);
    for columns in [60, 80, 200] {
        let (mut child, output) = pty::Terminal::new(columns).spawn(mman(["lock"]).arg(&path));
        let status = format!("/proc/{}/status", child.id());
        let locked = || fs::read_to_string(&status).unwrap().contains("VmLck:\t    1024 kB");
        while !locked() {
            std::thread::sleep(Duration::from_millis(10));
        }
        std::thread::sleep(Duration::from_millis(100));
        kill_process(Pid::from_child(&child), Signal::INT).unwrap();
        let shown = pty::without_colors(&output.read());
        assert_eq!(shown, "locked 1.0 MiB of 1 file; Ctrl-C lets go\nlet go of 1.0 MiB\n");
        assert!(child.wait().unwrap().success());
    }
}
