//! Tables and stores that are made: always both, never over the head of who lives with older ones, and never of what
//! somebody left under their names. An emptied table was made anew beside a process that had all of the pool, one store
//! served two tables, and the pool of root could be the file of anybody who knew its name in a hugetlbfs.
#![allow(
    unsafe_code,
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    reason = "test code: it may panic, forks, and maps memory of its own"
)]

mod common;

use common::{Setup, UNIT, allocate, byte, fill, free, open, unmap};
use mman_sys::Errno;
use mman_testkit::limits::{self, Resource};
use mman_testkit::{child, fork, require};
use mman_typed::config::{Line, each};
use mman_typed::{Cause, Damage, Failure, Look, TypedFlags};
use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt, chown, symlink};

const ALLOCATE: TypedFlags = TypedFlags::ALLOCATE;

fn damage_of(failure: Failure) -> Damage {
    assert_eq!(failure.errno, Errno::EIO, "{failure}");
    match failure.cause {
        Cause::Damaged(damage) => damage,
        other => unreachable!("{other:?}"),
    }
}

/// What is seen from outside of the first pool.
fn look(setup: &Setup) -> Result<Option<Look>, Failure> {
    let mut seen = Ok(None);
    each(&mut |line| {
        if let Ok(Line::Pool(pool)) = line.said {
            let directory = setup.directory.path().as_os_str().as_encoded_bytes();
            seen = Look::at(&pool, Some(directory));
        }
    })
    .unwrap();
    seen
}

/// A process that has all units of a pool of 100, with sevens in them; then it waits for a word, and does something.
struct Holder {
    process: fork::Forked,
    go: std::io::PipeWriter,
}

impl Holder {
    fn new(then: impl FnOnce(i32, *mut u8)) -> Self {
        let (mut ready, is_ready) = std::io::pipe().unwrap();
        let (mut going, go) = std::io::pipe().unwrap();
        let process = fork::start(|| {
            fork::end_after(60);
            let fd = open("/a", ALLOCATE).unwrap();
            let at = allocate(fd, 100);
            fill(at, 100, 7);
            (&is_ready).write_all(b"x").unwrap();
            going.read_exact(&mut [0]).unwrap();
            then(fd, at);
        });
        ready.read_exact(&mut [0]).unwrap();
        Self { process, go }
    }

    /// Has it go on; whether it did what it had to.
    fn go_on(mut self) -> bool {
        self.go.write_all(b"x").unwrap();
        self.process.wait().success()
    }
}

/// A table that was wiped while somebody lives with it is not made anew: the same units would be given away twice.
#[test]
fn a_table_that_was_wiped_is_not_made_anew_over_the_living() {
    child::run(|| {
        let setup = Setup::pool(100);
        let holder = Holder::new(|_, _| ());
        let table = File::options().write(true).open(setup.table()).unwrap();
        table.write_all_at(&[0; 8], 0).unwrap();
        assert_eq!(damage_of(open("/a", ALLOCATE).unwrap_err()), Damage::Head);
        assert_eq!(damage_of(look(&setup).unwrap_err()), Damage::Head);
        table.set_len(0).unwrap();
        assert_eq!(damage_of(open("/a", ALLOCATE).unwrap_err()), Damage::Head);
        assert_eq!(damage_of(look(&setup).unwrap_err()), Damage::Head);
        holder.process.kill();
        assert!(look(&setup).unwrap().is_none());
        let fd = open("/a", ALLOCATE).unwrap();
        assert_eq!(free(fd), (100, 100));
        let at = allocate(fd, 100);
        assert!((0..100).all(|unit| byte(at, unit) == 0), "bytes of a former life");
        unmap(at, 100);
    });
}

/// Who has a pool whose table was removed goes on with it; the next one to open it has another pool.
#[test]
fn a_table_that_was_removed_leaves_its_store_to_its_users() {
    child::run(|| {
        let setup = Setup::pool(100);
        let holder = Holder::new(|fd, at| {
            assert!((0..100).all(|unit| byte(at, unit) == 7), "somebody else wrote to it");
            unmap(at, 60);
            assert_eq!(free(fd), (60, 60));
            let again = allocate(fd, 60);
            assert!((0..60).all(|unit| byte(again, unit) == 0));
            unmap(again, 60);
            // By its name it is the new one.
            let new = open("/a", ALLOCATE).unwrap();
            assert_eq!((free(new), free(fd)), ((0, 0), (60, 60)));
        });
        fs::remove_file(setup.table()).unwrap();
        let fd = open("/a", ALLOCATE).unwrap();
        assert_eq!(free(fd), (100, 100));
        let at = allocate(fd, 100);
        assert!((0..100).all(|unit| byte(at, unit) == 0), "what another has was read");
        fill(at, 100, 1);
        assert!(holder.go_on());
        assert!((0..100).all(|unit| byte(at, unit) == 1), "given back by another");
        unmap(at, 100);
    });
}

/// What has the name of a store before there is a table is not what the pool is made of.
#[test]
fn a_store_is_never_the_file_of_somebody_else() {
    child::run(|| {
        let setup = Setup::new("pool p kind=shm size=400K mode=0640\nport /a pool=p");
        let path = setup.directory.path().join("p.pool");
        fs::write(&path, [9; 100 * UNIT]).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
        if require::root() {
            chown(&path, Some(65534), Some(65534)).unwrap();
        }
        let theirs = File::open(&path).unwrap();
        let at = allocate(open("/a", ALLOCATE).unwrap(), 100);
        assert!((0..100).all(|unit| byte(at, unit) == 0), "what somebody left");
        fill(at, 100, 1);
        let mut first = [0];
        theirs.read_exact_at(&mut first, 0).unwrap();
        assert_eq!(first, [9], "it is read by who left it");
        let (ours, old) = (fs::metadata(&path).unwrap(), theirs.metadata().unwrap());
        assert_ne!(ours.ino(), old.ino());
        assert_eq!((ours.mode() & 0o777, ours.uid()), (0o640, mman_sys::geteuid()));
        unmap(at, 100);
    });
    child::run(|| {
        let setup = Setup::pool(100);
        let (path, victim) = (setup.directory.path().join("p.pool"), setup.file());
        let before = fs::read(&victim).unwrap();
        symlink(&victim, &path).unwrap();
        unmap(allocate(open("/a", ALLOCATE).unwrap(), 100), 100);
        assert_eq!(fs::read(&victim).unwrap(), before);
        assert!(fs::symlink_metadata(&path).unwrap().is_file());
    });
}

/// A store that is gone, or is another, is no reason to make one: its table tells of what is there no more.
#[test]
fn a_store_that_was_exchanged_is_said() {
    child::run(|| {
        let setup = Setup::pool(100);
        let made = fork::and_wait(|| u8::from(open("/a", ALLOCATE).is_err()));
        assert!(made.success());
        let path = setup.directory.path().join("p.pool");
        let kept = setup.directory.path().join("kept");
        fs::rename(&path, &kept).unwrap();
        let refused = || {
            assert_eq!(damage_of(open("/a", ALLOCATE).unwrap_err()), Damage::Store);
            assert_eq!(damage_of(look(&setup).unwrap_err()), Damage::Store);
            assert!(!fs::exists(&path).unwrap() || !fs::symlink_metadata(&path).unwrap().is_file());
        };
        refused();
        symlink(&kept, &path).unwrap();
        refused();
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        refused();
        fs::remove_dir(&path).unwrap();
        let pipe = std::process::Command::new("mkfifo").arg(&path).status();
        assert!(pipe.unwrap().success());
        fork::end_after(60);
        refused();
        fs::remove_file(&path).unwrap();
        fs::write(&path, [0; 100 * UNIT]).unwrap();
        assert_eq!(damage_of(open("/a", ALLOCATE).unwrap_err()), Damage::Store);
        assert_eq!(damage_of(look(&setup).unwrap_err()), Damage::Store);
        fs::rename(&kept, &path).unwrap();
        unmap(allocate(open("/a", ALLOCATE).unwrap(), 100), 100);
    });
}

/// A process that may not make files as long as a pool is told so, and gets no signal; the next one makes it.
#[test]
fn a_limit_of_file_sizes_is_an_error() {
    child::run(|| {
        let _setup = Setup::pool(1000);
        let limited = fork::and_wait(|| {
            limits::set(Resource::Fsize, 100 * 4096);
            let failure = open("/a", ALLOCATE).unwrap_err();
            assert_eq!(failure.errno, Errno::EFBIG, "{failure}");
            0
        });
        assert!(limited.success(), "{limited}");
        assert_eq!(free(open("/a", ALLOCATE).unwrap()), (1000, 1000));
    });
}
