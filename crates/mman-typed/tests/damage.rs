//! Tables that somebody damaged on purpose: found, said, never a hang, a signal or a loop; the rest goes on.
#![allow(
    unsafe_code,
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "test code: it may panic, forks, and maps memory of its own"
)]

mod common;

use common::{Setup, UNIT, allocate, fill, free, open, try_map, try_unmap, unmap};
use mman_sys::Errno;
use mman_testkit::{child, fork};
use mman_typed::{Cause, Damage, TypedFlags, repairs};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use std::fs::File;
use std::os::unix::fs::FileExt;

const ALLOCATE: TypedFlags = TypedFlags::ALLOCATE;

fn table(setup: &Setup) -> File {
    File::options().read(true).write(true).open(setup.table()).unwrap()
}

fn damage_of(failure: mman_typed::Failure) -> Damage {
    assert_eq!(failure.errno, Errno::EIO, "{failure}");
    match failure.cause {
        Cause::Damaged(damage) => damage,
        other => unreachable!("{other:?}"),
    }
}

/// A head that is none, another format, other sizes, another store: said when the pool is opened, and other pools open.
#[test]
fn a_table_that_is_none_is_refused() {
    child::run(|| {
        let setup = Setup::new(
            "pool p kind=shm size=64K\nport /a pool=p\npool q kind=shm size=64K\nport /q pool=q",
        );
        for (word, value, expected) in [
            (0, u64::MAX, Damage::Head),
            (1, 1, Damage::Format),
            (2, 8192, Damage::Head),
            (2, 0, Damage::Head),
            (3, 0, Damage::Head),
            (3, u64::MAX, Damage::Head),
            (3, 1 << 30, Damage::Truncated),
            (4, 1, Damage::Store),
            (5, 1, Damage::Store),
        ] {
            let status = fork::and_wait(|| {
                open("/a", ALLOCATE).unwrap();
                let file = table(&setup);
                let mut before = [0_u8; 8];
                file.read_exact_at(&mut before, word * 8).unwrap();
                file.write_all_at(&value.to_ne_bytes(), word * 8).unwrap();
                let seen = fork::and_wait(|| {
                    // A process that has it attached goes on, by what it knows; a new one looks.
                    let answer = std::process::Command::new(std::env::current_exe().unwrap())
                        .args(["--exact", "opens_in_another_program", "--nocapture"])
                        .env("MMAN_TYPED_CONFIG", setup.file())
                        .env("MMAN_TYPED_DAMAGE", format!("{expected:?}"))
                        .status();
                    u8::from(!answer.unwrap().success())
                });
                file.write_all_at(&before, word * 8).unwrap();
                assert!(seen.success(), "word {word} = {value}: {expected:?}");
                0
            });
            assert!(status.success());
        }
        table(&setup).set_len(100).unwrap();
        assert_eq!(damage_of(open("/a", ALLOCATE).unwrap_err()), Damage::Truncated);
        table(&setup).set_len(10).unwrap();
        assert_eq!(damage_of(open("/a", ALLOCATE).unwrap_err()), Damage::Truncated);
        let fd = open("/q", ALLOCATE).unwrap();
        unmap(allocate(fd, 3), 3);
    });
}

/// The part of the test above that is another program.
#[test]
fn opens_in_another_program() {
    let Ok(expected) = std::env::var("MMAN_TYPED_DAMAGE") else { return };
    let damage = damage_of(open("/a", ALLOCATE).unwrap_err());
    assert_eq!(format!("{damage:?}"), expected);
    unmap(allocate(open("/q", ALLOCATE).unwrap(), 3), 3);
}

/// A table, or a store, that is cut short under a process is EIO at its next call, and no signal.
#[test]
fn a_table_that_is_cut_short_is_said() {
    child::run(|| {
        let setup = Setup::pool(100);
        let fd = open("/a", ALLOCATE).unwrap();
        let file = table(&setup);
        let len = file.metadata().unwrap().len();
        let mut bytes = vec![0; usize::try_from(len).unwrap()];
        for short in [0, 4096, len - 4096] {
            let at = allocate(fd, 10);
            file.read_exact_at(&mut bytes, 0).unwrap();
            file.set_len(short).unwrap();
            assert_eq!(damage_of(try_map(fd, 1, 0).unwrap_err()), Damage::Truncated);
            assert_eq!(damage_of(try_unmap(at, 10 * UNIT).unwrap_err()), Damage::Truncated);
            file.set_len(len).unwrap();
            file.write_all_at(&bytes, 0).unwrap();
            assert_eq!(free(fd), (100, 100), "what could not be given back has waited");
        }
    });
}

/// A lock that names nobody, or a slot that nobody has, is taken over; one that is taken away from us is said.
#[test]
fn a_lock_of_nobody_is_taken_over() {
    child::run(|| {
        let setup = Setup::pool(100);
        let fd = open("/a", ALLOCATE).unwrap();
        let at = allocate(fd, 10);
        let file = table(&setup);
        for owner in [5_u64, 1024, 1025, 0xffff, 1 << 31, u64::MAX, 1 << 40] {
            file.write_all_at(&owner.to_ne_bytes(), 8 * 8).unwrap();
            unmap(allocate(fd, 90), 90);
            assert_eq!(free(fd), (90, 90), "{owner:#x}");
        }
        assert!(repairs(fd).unwrap().rebuilt >= 7);
        unmap(at, 10);
        assert_eq!(free(fd), (100, 100));
    });
}

/// The derived part, damaged: said once, made anew, and right again.
#[test]
fn the_derived_part_is_made_anew() {
    child::run(|| {
        let setup = Setup::pool(100);
        let fd = open("/a", ALLOCATE).unwrap();
        let at = allocate(fd, 10);
        fill(at, 10, 7);
        let file = table(&setup);
        // The map of used units: behind the head, 1024 slots of 8 words, 4096 owners.
        let used = (64 + 1024 * 8 + 4096) * 8;
        file.write_all_at(&[0; 16], used).unwrap();
        let damage = damage_of(try_unmap(at, 10 * UNIT).unwrap_err());
        assert_eq!(damage, Damage::Units);
        // The memory is unmapped, and the units are given back by the next call.
        assert_eq!(free(fd), (100, 100));
        let other = fork::and_wait(|| {
            let rest = allocate(fd, 50);
            unmap(rest, 50);
            0
        });
        assert!(other.success());
    });
}

/// What moved or shrank has done so, whatever is wrong with the table: an error would hide where the memory is now, and its
/// owner would later unmap what is another's. The answer was EIO here, with the tail unmapped.
#[test]
fn a_mapping_that_shrank_is_told_as_such() {
    child::run(|| {
        let setup = Setup::pool(100);
        let fd = open("/a", ALLOCATE).unwrap();
        let at = allocate(fd, 10);
        let file = table(&setup);
        let used = (64 + 1024 * 8 + 4096) * 8;
        file.write_all_at(&[0; 16], used).unwrap();
        let flags = mman_sys::RemapFlags::empty();
        // SAFETY: mapped above, and nobody has a reference into it.
        let there = unsafe {
            mman_typed::remap(at.cast(), 10 * UNIT, 4 * UNIT, flags, std::ptr::null_mut())
        };
        assert_eq!(there.unwrap(), at.cast());
        assert_eq!(free(fd), (96, 96), "what could not be given back has waited");
        unmap(at, 4);
        assert_eq!(free(fd), (100, 100));
    });
}

/// An entry of ours that was changed by somebody is written again.
#[test]
fn an_entry_that_was_changed_is_written_again() {
    child::run(|| {
        let setup = Setup::pool(100);
        let fd = open("/a", ALLOCATE).unwrap();
        let (at, other) = (allocate(fd, 10), allocate(fd, 20));
        let file = table(&setup);
        let mut bytes = vec![0; usize::try_from(file.metadata().unwrap().len()).unwrap()];
        file.read_exact_at(&mut bytes, 0).unwrap();
        let entry = 10_u64.to_ne_bytes(); // units 0 to 10
        let words = bytes.as_chunks::<8>().0;
        let first = 64 + 1024 * 8 + 4096;
        let place = (first..words.len()).rev().find(|place| words[*place] == entry).unwrap();
        for wrong in [0, 11, u64::MAX, 1 << 32 | 10] {
            file.write_all_at(&u64::to_ne_bytes(wrong), place as u64 * 8).unwrap();
            let refused = try_unmap(at.wrapping_add(9 * UNIT), UNIT).unwrap_err();
            assert_eq!(damage_of(refused), Damage::Entry, "{wrong:#x}");
            assert_eq!(free(fd).0, 70);
        }
        unmap(at, 10);
        unmap(other, 20);
        assert_eq!(free(fd), (100, 100));
    });
}

/// Any words anywhere: no signal, no hang, no panic; and after all of it new processes can use the pool, or are told why not.
#[test]
fn any_bytes_are_survived() {
    // Ten chunks: the tree has three levels.
    let (used, units) = (64 + 1024 * 8 + 4096_u64, 5000);
    let derived = used..used + 80 + 80 + 2 * (10 + 2 + 1);
    let places: u64 = 64 + 1024 * 8 + 4096 + 512 + 512;
    let word = prop_oneof![
        any::<u64>(),
        0..2000_u64,
        Just(u64::MAX),
        Just(0_u64),
        (0..64_u32).prop_map(|bit| 1_u64 << bit),
        (0..200_u64, 0..200_u64).prop_map(|(a, b)| a << 32 | b),
    ];
    let place =
        prop_oneof![6..64_u64, 64..256_u64, 8256..8264_u64, derived, 0..places, 12800..13400_u64];
    let damages = proptest::collection::vec((place, word), 1..40);
    child::run(|| {
        let config = Config { cases: 150, failure_persistence: None, ..Config::default() };
        let mut runner = TestRunner::new(config);
        runner
            .run(&damages, |damages| {
                let setup = Setup::pool(units);
                let status = fork::and_wait(|| {
                    fork::end_after(60);
                    let fd = open("/a", ALLOCATE).unwrap();
                    let fixed = open("/b", TypedFlags::NONE).unwrap();
                    let file = table(&setup);
                    for (place, value) in damages {
                        file.write_all_at(&value.to_ne_bytes(), place * 8).unwrap();
                        let one = try_map(fd, 7, 0);
                        let two = try_map(fixed, 20, 3);
                        let _told = mman_typed::info(fd);
                        let _told = mman_typed::each_holder(fd, &mut |_| ());
                        for (at, units) in [(one, 7), (two, 20)] {
                            if let Ok(at) = at {
                                fill(at, units, 1);
                                let _said = try_unmap(at.wrapping_add(3 * UNIT), UNIT);
                                let _said = try_unmap(at, units * UNIT);
                            }
                        }
                    }
                    0
                });
                prop_assert!(status.success(), "{}", status);
                Ok(())
            })
            .unwrap();
    });
}

/// A store that was cut short is EIO for whoever would map it, and for who asks: what is behind its end would be a signal.
#[test]
fn a_store_that_is_cut_short_is_said() {
    child::run(|| {
        let setup = Setup::pool(100);
        let fd = open("/a", ALLOCATE).unwrap();
        let store =
            File::options().write(true).open(setup.directory.path().join("p.pool")).unwrap();
        for units in [0, 99] {
            store.set_len(units * 4096).unwrap();
            assert_eq!(damage_of(try_map(fd, 10, 0).unwrap_err()), Damage::Truncated);
            assert_eq!(damage_of(mman_typed::info(fd).unwrap_err()), Damage::Truncated);
        }
        store.set_len(100 * 4096).unwrap();
        assert_eq!(free(fd), (100, 100));
    });
}
