//! The counts of address spaces: System V objects, which are those of a namespace, and of which a machine has so many. Their
//! numbers meant other objects in another namespace, so that what a child still had was given away; and a process that was
//! killed before it had said that its object goes with it left that for ever, until there were none for anybody.
#![allow(
    unsafe_code,
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    reason = "test code: it may panic, forks, and maps memory of its own"
)]

mod common;

use common::{Setup, allocate, byte, fill, free, is_full, open, try_map, unmap};
use mman_sys::{Errno, IPC_CREAT, IPC_PRIVATE, shm_remove, shm_stat, shmget};
use mman_testkit::{child, fork, require};
use mman_typed::TypedFlags;
use std::fs;
use std::io::{Read, Write};

const ALLOCATE: TypedFlags = TypedFlags::ALLOCATE;

// SAFETY: the C library's own declaration, in these types.
unsafe extern "C" {
    safe fn unshare(flags: i32) -> i32;
}

/// A namespace of System V objects of its own (`linux/sched.h`: `CLONE_NEWIPC`), with none in it.
fn elsewhere() -> bool {
    require::holds(unshare(0x0800_0000) == 0, "the right to a namespace of System V objects")
}

/// In another namespace the number of a count is another object's: it is not believed.
#[test]
fn a_count_is_not_that_of_another_namespace() {
    child::run(|| {
        if !elsewhere() {
            return;
        }
        let _setup = Setup::new(
            "pool p kind=shm size=400K\nport /a pool=p\npool q kind=shm size=400K\nport /q pool=q",
        );
        let fd = open("/a", ALLOCATE).unwrap();
        let at = allocate(fd, 1);
        fill(at, 1, 7);
        let (mut going, mut go) = std::io::pipe().unwrap();
        // It makes no call of typed memory: nobody is told of it.
        let one = fork::start(|| {
            fork::end_after(60);
            going.read_exact(&mut [0]).unwrap();
            assert_eq!(byte(at, 0), 7, "it was given to somebody else");
        });
        assert!(elsewhere());
        let other = open("/q", ALLOCATE).unwrap();
        unmap(at, 1);
        assert_eq!(free(fd), (99, 99), "the child has one");
        let rest = allocate(fd, 99);
        fill(rest, 99, 1);
        assert!(is_full(try_map(fd, 1, 0).unwrap_err()));
        go.write_all(b"x").unwrap();
        assert!(one.wait().success());
        // The pool that was opened here is counted here.
        unmap(allocate(other, 100), 100);
        assert_eq!(free(other), (100, 100));
    });
}

/// An object of such a mode and length, of a process that has ended.
fn left(len: usize, mode: i32) -> i32 {
    let (mut told, tell) = std::io::pipe().unwrap();
    let made = fork::and_wait(|| {
        let id = shmget(IPC_PRIVATE, len, IPC_CREAT | mode).unwrap();
        (&tell).write_all(&id.to_ne_bytes()).unwrap();
        0
    });
    assert!(made.success());
    let mut id = [0; 4];
    told.read_exact(&mut id).unwrap();
    i32::from_ne_bytes(id)
}

/// Where there is no object more, those that the killed have left go; what may be somebody's stays.
#[test]
fn what_the_killed_have_left_is_swept() {
    child::run(|| {
        if !elsewhere() {
            return;
        }
        // A setting of this namespace.
        if !require::holds(fs::write("/proc/sys/kernel/shmmni", "5").is_ok(), "a limit to set") {
            return;
        }
        let _setup = Setup::pool(100);
        let (large, plain) = (left(4096, 0o700), left(5, 0o600));
        let living = shmget(IPC_PRIVATE, 5, IPC_CREAT | 0o700).unwrap();
        let gone = [left(5, 0o700), left(4095, 0o700)];
        assert_eq!(shmget(IPC_PRIVATE, 1, IPC_CREAT | 0o600), Err(Errno::ENOSPC));
        let fd = open("/a", ALLOCATE).unwrap();
        unmap(allocate(fd, 100), 100);
        assert_eq!(free(fd), (100, 100), "without a count it waits for the end of the process");
        for id in [large, plain, living] {
            assert!(shm_stat(id).is_ok(), "{id}");
            shm_remove(id).unwrap();
        }
        for id in gone {
            assert!(shm_stat(id).is_err(), "{id}");
        }
    });
}
