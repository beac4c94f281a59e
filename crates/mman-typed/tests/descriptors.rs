//! Numbers of descriptors that become another file's: the program's own files keep their bytes, nobody is taken for dead, and
//! no unit is free that could not be emptied. A file that has a typed one's flag by chance makes nothing.
#![allow(
    unsafe_code,
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    reason = "test code: it may panic, forks, and maps memory of its own"
)]

mod common;

use common::{Setup, UNIT, allocate, fill, free, open, try_unmap, unmap};
use mman_sys::{Errno, Signal};
use mman_testkit::{child, fork};
use mman_typed::{Cause, TypedFlags};
use std::fs::{self, File};
use std::io::Write;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::time::Duration;

const ALLOCATE: TypedFlags = TypedFlags::ALLOCATE;

/// The numbers of the library's own descriptors of a file.
fn of_the_library(name: &str) -> Vec<i32> {
    let all = fs::read_dir("/proc/self/fd").unwrap().map(Result::unwrap);
    let ours = all.filter(|each| fs::read_link(each.path()).is_ok_and(|to| to.ends_with(name)));
    let numbers = ours.map(|each| each.file_name().to_str().unwrap().parse().unwrap());
    numbers.filter(|fd| *fd >= 800).collect()
}

/// What a program does that closes all descriptors and opens its own.
fn put(own: &File, number: i32) {
    common::close(number);
    // SAFETY: the test's own file.
    let now = unsafe { mman_sys::dup_from(own.as_raw_fd(), number) };
    assert_eq!(now, Ok(number));
}

/// A thread waits in `munmap` for the lock of the table, and its library's descriptors become a file of the program's.
#[test]
fn a_file_that_gets_the_number_keeps_its_bytes() {
    child::run(|| {
        let setup = Setup::pool(9000);
        let fd = open("/a", ALLOCATE).unwrap();
        let mine = allocate(fd, 64).addr();
        fill(std::ptr::with_exposed_provenance_mut(mine), 64, 3);
        let own = setup.directory.path().join("own");
        fs::write(&own, vec![7; 9000 * UNIT]).unwrap();
        let own = File::options().read(true).write(true).open(own).unwrap();
        let busy = fork::start(|| {
            unmap(std::ptr::with_exposed_provenance_mut(mine), 64);
            loop {
                let at = allocate(fd, 8000);
                fill(at, 8000, 1);
                unmap(at, 8000);
            }
        });
        // Stopped while it has the lock: its slot is the second one.
        let table = File::open(setup.table()).unwrap();
        let mut word = [0; 8];
        let is_stopped = (0..3000).any(|_| {
            std::thread::sleep(Duration::from_millis(3));
            busy.signal(19); // SIGSTOP
            std::thread::sleep(Duration::from_millis(1));
            table.read_exact_at(&mut word, 64).unwrap();
            let has_lock = u64::from_ne_bytes(word) & 0xffff == 2;
            if !has_lock {
                busy.signal(18); // SIGCONT
            }
            has_lock
        });
        assert!(is_stopped);
        let stores = of_the_library("p.pool");
        assert!(!stores.is_empty());
        let waiting = std::thread::spawn(move || {
            try_unmap(std::ptr::with_exposed_provenance_mut(mine), 64 * UNIT)
        });
        std::thread::sleep(Duration::from_millis(200));
        for number in stores {
            put(&own, number);
        }
        busy.signal(18); // SIGCONT
        waiting.join().unwrap().unwrap();
        busy.kill();
        let mut bytes = vec![0; 9000 * UNIT];
        own.read_exact_at(&mut bytes, 0).unwrap();
        assert!(bytes.iter().all(|byte| *byte == 7), "its own file has a hole");
        // What is free is empty: the rest waits until the object is opened again.
        let again = open("/a", ALLOCATE).unwrap();
        assert_eq!(free(again).0, 9000);
        let all = allocate(again, 9000);
        assert!((0..9000).all(|unit| common::byte(all, unit) == 0));
    });
}

/// The table's descriptor becomes another file's, of which nobody has locked anything: nobody is dead for that.
#[test]
fn nobody_is_dead_by_another_file() {
    child::run(|| {
        let setup = Setup::pool(100);
        let fd = open("/a", ALLOCATE).unwrap();
        let (mut ready, mut done) = std::io::pipe().unwrap();
        let other = fork::start(|| {
            let _mine = allocate(fd, 60);
            done.write_all(b"x").unwrap();
            std::thread::sleep(Duration::from_secs(100));
        });
        std::io::Read::read_exact(&mut ready, &mut [0]).unwrap();
        assert_eq!(free(fd).0, 40);
        let own = File::create(setup.directory.path().join("own")).unwrap();
        for number in of_the_library("p.table") {
            put(&own, number);
        }
        assert_eq!(free(fd).0, 40);
        other.kill();
        assert_eq!(free(fd).0, 100);
    });
}

/// A file that is no typed memory, with the flag of one: `ENODEV`, and no directory is made for the answer.
#[test]
fn a_flag_by_chance_makes_nothing() {
    child::run(|| {
        let setup = Setup::pool(10);
        let missing = setup.directory.path().join("missing");
        let lines =
            format!("directory {}\ndefaults no\npool p kind=shm size=1M\n", missing.display());
        fs::write(setup.file(), lines).unwrap();
        let own = File::create(setup.directory.path().join("own")).unwrap();
        for at in [0, 1] {
            std::io::Seek::seek(&mut &own, std::io::SeekFrom::Start(at)).unwrap();
            // SAFETY: the test's own descriptor, which sends no signals.
            unsafe { mman_sys::set_signal(own.as_raw_fd(), Signal::from_raw(51)) }.unwrap();
            let refused = mman_typed::info(own.as_raw_fd()).unwrap_err();
            assert_eq!((refused.errno, refused.cause), (Errno::ENODEV, Cause::NotTyped));
            assert!(!missing.exists());
        }
    });
}
