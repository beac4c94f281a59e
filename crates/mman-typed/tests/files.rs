//! The files of a configuration that cannot be read: a drop-in of that kind took all ports from everybody, and the blame
//! went to another file; a pipe was waited for, for ever; and a name that is no path meant the built-in pools, silently.
#![allow(
    unsafe_code,
    clippy::unwrap_used,
    reason = "test code: it may panic, and calls the C library"
)]

mod common;

use common::open;
use mman_sys::Errno;
use mman_testkit::{child, fork, require};
use mman_typed::config::{Wrong, use_configuration};
use mman_typed::{Cause, TypedFlags, each_port};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

const READING: Cause = Cause::Kernel("reading the configuration");

// SAFETY: the C library's own declarations, in these types.
unsafe extern "C" {
    safe fn setuid(user: u32) -> i32;
}

/// A directory with these lines in `a.conf`, and a pool in `z.conf`.
fn drop_ins(lines: &str) -> TempDir {
    let directory = tempfile::tempdir_in("/dev/shm").unwrap();
    let path = directory.path();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    let tables = path.display();
    fs::write(path.join("a.conf"), format!("directory {tables}\ndefaults no\n{lines}\n")).unwrap();
    fs::write(path.join("z.conf"), "pool z kind=shm size=4K\nport /z pool=z\n").unwrap();
    fs::write(path.join("not-one"), "port /not pool=z\n").unwrap();
    directory
}

fn choose(path: &Path) {
    use_configuration(path.to_str().unwrap().as_bytes()).unwrap();
}

fn pipe(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

/// All that is told: ports, and what is wrong.
fn told() -> Vec<(PathBuf, usize, Result<String, Wrong>)> {
    let mut told = Vec::new();
    each_port(&mut |line| {
        let file = PathBuf::from(String::from_utf8_lossy(line.file).into_owned());
        let said = line.said.map(|(port, _)| String::from_utf8_lossy(port).into_owned());
        told.push((file, line.line, said));
    })
    .unwrap();
    told
}

/// A file of a directory that cannot be read is told by its own name, and the others count.
#[test]
fn a_drop_in_that_cannot_be_read_stops_nobody() {
    child::run(|| {
        fork::end_after(60);
        let directory = drop_ins("pool p kind=shm size=64K\nport /a pool=p");
        let path = directory.path();
        fs::create_dir(path.join("b.conf")).unwrap();
        pipe(&path.join("c.conf"));
        std::os::unix::fs::symlink("/not/there", path.join("d.conf")).unwrap();
        fs::write(path.join("e.conf"), "pool e kind=shm size=4K\nport /e pool=e\n").unwrap();
        fs::set_permissions(path.join("e.conf"), fs::Permissions::from_mode(0o000)).unwrap();
        choose(path);
        // Root may read all; as somebody else it is seen what cannot be read.
        let is_root = require::root();
        if is_root {
            assert!(open("/e", TypedFlags::ALLOCATE).is_ok());
        }
        let status = fork::and_wait(|| {
            assert!(!is_root || setuid(65534) == 0);
            see(path);
            0
        });
        assert!(status.success());
    });
}

/// What somebody sees of it who may not read all.
fn see(path: &Path) {
    let expected = [
        ("a.conf", 4, Ok("/a".to_owned())),
        ("b.conf", 0, Err(Wrong::File)),
        ("c.conf", 0, Err(Wrong::File)),
        ("d.conf", 0, Err(Wrong::File)),
        ("e.conf", 0, Err(Wrong::File)),
        ("z.conf", 2, Ok("/z".to_owned())),
    ];
    assert_eq!(told(), expected.map(|(name, line, said)| (path.join(name), line, said)));
    assert_eq!(open("/e", TypedFlags::ALLOCATE).unwrap_err().errno, Errno::ENOENT);
    assert_ne!(open("/z", TypedFlags::ALLOCATE).map_err(|no| no.errno), Err(Errno::ENOENT));
    assert_eq!(open("/not", TypedFlags::ALLOCATE).unwrap_err().errno, Errno::ENOENT);
}

/// The ports of files that are behind one that cannot be read can be opened.
#[test]
fn ports_behind_it_can_be_opened() {
    child::run(|| {
        let directory = drop_ins("pool p kind=shm size=64K\nport /a pool=p");
        fs::create_dir(directory.path().join("b.conf")).unwrap();
        choose(directory.path());
        assert!(open("/a", TypedFlags::ALLOCATE).is_ok());
        assert!(open("/z", TypedFlags::ALLOCATE).is_ok());
    });
}

/// A file that is named as the one, and is a pipe, or is not there, is an error at once.
#[test]
fn a_configuration_that_is_no_file_is_an_error() {
    child::run(|| {
        fork::end_after(60);
        let directory = tempfile::tempdir_in("/dev/shm").unwrap();
        let (one, none) = (directory.path().join("pipe"), directory.path().join("none"));
        pipe(&one);
        for (path, errno) in [
            (one.as_path(), Errno::EINVAL),
            (Path::new("/dev/zero"), Errno::EINVAL),
            (none.as_path(), Errno::ENOENT),
        ] {
            choose(path);
            let refused = open("/shm", TypedFlags::ALLOCATE).unwrap_err();
            assert_eq!((refused.errno, refused.cause), (errno, READING), "{}", path.display());
        }
    });
}

/// What the environment names is a path from the root on, or it is said; an empty name is none.
#[test]
fn the_environment_names_an_absolute_path() {
    for (name, is_none) in
        [("relative/conf", false), ("./conf", false), ("~/conf", false), ("", true)]
    {
        let told = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "what_the_environment_named", "--nocapture"])
            .envs([
                ("MMAN_TYPED_CONFIG", name),
                ("MMAN_TYPED_EXPECTED", if is_none { "" } else { "no" }),
            ])
            .status();
        assert!(told.unwrap().success(), "{name}");
    }
}

/// The part of the test above that is another program.
#[test]
fn what_the_environment_named() {
    let Ok(expected) = std::env::var("MMAN_TYPED_EXPECTED") else { return };
    let told = each_port(&mut |_| ());
    if expected.is_empty() {
        return told.unwrap();
    }
    let refused = open("/shm", TypedFlags::NONE).unwrap_err();
    assert_eq!((refused.errno, refused.cause), (Errno::EINVAL, READING));
    assert_eq!(told.unwrap_err(), refused);
}
