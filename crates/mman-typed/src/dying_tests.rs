//! A process is killed before each single store that it makes in the shared table, in the middle of everything; the next
//! one finds the pool whole.

#![allow(
    unsafe_code,
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    reason = "test code: it may panic, and maps memory of its own"
)]

use crate::{TypedFlags, dying, info, map, open, repairs, unmap};
use mman_sys::{MapFlags, OpenFlags, Prot, RawFd};
use mman_testkit::{child, fork};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::ptr::null_mut;
use std::string::ToString;
use std::{format, fs};

const UNIT: usize = 4096;
const UNITS: usize = 600;

fn configure(directory: &Path) {
    let tables = directory.display();
    let lines = format!(
        "directory {tables}\ndefaults no\npool p kind=shm size={}\nport /p pool=p\n",
        UNITS * UNIT
    );
    let conf = directory.join("conf");
    fs::write(&conf, lines).unwrap();
    crate::config::use_configuration(conf.to_str().unwrap().as_bytes()).unwrap();
}

fn opened(flags: TypedFlags) -> RawFd {
    open(b"/p", OpenFlags::RDWR, flags).unwrap()
}

fn mapped(fd: RawFd, units: usize, first: usize) -> *mut u8 {
    let (prot, at) = (Prot::READ | Prot::WRITE, (first * UNIT) as u64);
    // SAFETY: the kernel chooses the place.
    unsafe { map(null_mut(), units * UNIT, prot, MapFlags::SHARED, fd, at) }.unwrap().cast()
}

fn unmapped(at: *mut u8, units: usize) {
    // SAFETY: mapped by this test.
    unsafe { unmap(at.cast(), units * UNIT) }.unwrap();
}

/// Everything that changes a table: runs and pieces, reserved ranges over each other and over what the parent has, cuts in
/// front, in the middle and at the end, and all of it given back.
fn everything() {
    let (any, fixed) = (opened(TypedFlags::ALLOCATE), opened(TypedFlags::NONE));
    let run = opened(TypedFlags::ALLOCATE_CONTIG);
    let (a, b, c) = (mapped(any, 10, 0), mapped(run, 70, 0), mapped(any, 10, 0));
    unmapped(a, 10);
    unmapped(c, 5);
    let reserved = mapped(fixed, 200, 50); // over what the parent has, and b
    let again = mapped(fixed, 150, 100);
    unmapped(reserved.wrapping_add(20 * UNIT), 30);
    let (free, _) = free();
    let pieces = mapped(any, free, 0);
    unmapped(b, 70);
    unmapped(reserved, 200);
    unmapped(pieces, free);
    unmapped(again, 150);
    unmapped(c.wrapping_add(5 * UNIT), 5);
}

fn free() -> (usize, usize) {
    let told = info(opened(TypedFlags::ALLOCATE)).unwrap();
    let units = |bytes: u64| usize::try_from(bytes).unwrap() / UNIT;
    (units(told.free), units(told.longest))
}

#[test]
fn a_death_before_any_store_leaves_the_pool_whole() {
    child::run(|| {
        let directory = tempfile::tempdir_in("/dev/shm").unwrap();
        configure(directory.path());
        let fd = opened(TypedFlags::NONE);
        let ours = mapped(fd, 100, 100);
        // SAFETY: mapped above.
        let bytes = unsafe { std::slice::from_raw_parts_mut(ours, 100 * UNIT) };
        bytes.fill(0xa5);
        let mut number = 1;
        loop {
            let status = fork::and_wait(|| {
                dying::at_store(number);
                everything();
                0
            });
            assert!(status.code() == Some(0) || status.signal() == Some(9), "{status} {number}");
            assert_eq!(free().0, UNITS - 100, "after a death before store {number}");
            assert!(bytes.iter().all(|byte| *byte == 0xa5), "{number}");
            let repaired = repairs(fd).unwrap();
            assert_eq!(repaired.dropped, 0, "{number}");
            if status.success() {
                assert!(repaired.rebuilt > 100, "{repaired:?}: hardly one died in a change");
                break;
            }
            number += 1;
        }
        assert!(number > 500, "only {number} stores");
        unmapped(ours, 100);
        assert_eq!(free(), (UNITS, UNITS));
        std::eprintln!("{} stores, {:?}", number - 1, repairs(fd).unwrap());
    });
}

/// The same where a child that nobody told of outlives the dead: the lock is taken over nevertheless, and what the child may
/// have mapped is kept until it ends.
#[test]
fn a_death_with_an_orphan_is_no_hang() {
    child::run(|| {
        let directory = tempfile::tempdir_in("/dev/shm").unwrap();
        configure(directory.path());
        let fd = opened(TypedFlags::NONE);
        let ours = mapped(fd, 100, 100);
        let mut number = 1;
        loop {
            let (mut until, end) = std::io::pipe().unwrap();
            let status = fork::and_wait(|| {
                let own = mapped(opened(TypedFlags::ALLOCATE), 7, 0);
                let orphan = fork::start(|| {
                    let _wakes = close(std::os::fd::AsRawFd::as_raw_fd(&end));
                    let _at_the_end = std::io::Read::read(&mut until, &mut [0]);
                    // SAFETY: mapped above, before the fork.
                    assert_eq!(unsafe { own.read_volatile() }, 0);
                });
                dying::at_store(number);
                everything();
                dying::at_store(0);
                drop(orphan);
                0
            });
            assert!(status.code() == Some(0) || status.signal() == Some(9), "{status} {number}");
            let begun = std::time::Instant::now();
            let now = mapped(fd, 1, 0);
            assert!(begun.elapsed().as_secs() < 4, "{number}");
            unmapped(now, 1);
            drop(end);
            while free().0 != UNITS - 100 {
                assert!(begun.elapsed().as_secs() < 60, "{number}: {:?}", free());
            }
            if status.success() {
                break;
            }
            number += 7;
        }
        assert!(number > 100, "only {number} stores");
        unmapped(ours, 100);
    });
}

fn close(fd: RawFd) -> Result<(), mman_sys::Errno> {
    // SAFETY: the copy of a descriptor that the child was forked with, and does not use.
    unsafe { mman_sys::close(fd) }
}

#[test]
fn a_death_while_a_table_is_made_leaves_nothing() {
    child::run(|| {
        let directory = tempfile::tempdir_in("/dev/shm").unwrap();
        let mut number = 1;
        loop {
            let own = directory.path().join(number.to_string());
            fs::create_dir(&own).unwrap();
            configure(&own);
            let status = fork::and_wait(|| {
                dying::at_store(number);
                opened(TypedFlags::NONE);
                0
            });
            let after = fork::and_wait(|| {
                assert_eq!(free(), (UNITS, UNITS));
                0
            });
            assert!(after.success(), "{number}");
            fs::remove_dir_all(&own).unwrap();
            if status.success() {
                break;
            }
            number += 61; // thousands of zeros in a row
        }
        assert!(number > 5000, "only {number} stores");
    });
}
