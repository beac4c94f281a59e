//! Atomics in shared memory: of two processes and many threads, and of a file that is truncated while they are used.
//!
//! Shared counters in the wild are made by casting a mapped slice: two threads in safe code are a data race, a counter at an
//! odd offset is undefined behaviour, and a truncated file ends every process that counts in it.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may stop at what it does not expect"
)]

use mman::signal::{self, Owner};
use mman::{Anonymous, Cause, FileObject, MapOptions, RangeError, Shared, SharedMut};
use mman_testkit::files::{Folder, open_read_write};
use mman_testkit::{child, fork, line_of, page};
use std::borrow::Borrow;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use std::thread;

const TIMES: u64 = 100_000;

fn anonymous() -> SharedMut {
    SharedMut::map(&MapOptions::shared(), &Anonymous::new(page())).unwrap()
}

fn count(view: &SharedMut) {
    let (small, large) = (view.atomic_u32(4).unwrap(), view.atomic_u64(16).unwrap());
    for _ in 0..TIMES {
        small.fetch_add(1, Relaxed);
        large.fetch_add(3, AcqRel);
    }
}

/// Counts here and in a child at the same time. The child begins when it is told to, by a word.
fn count_with_a_child<V: Borrow<SharedMut>>(ours: &SharedMut, theirs: impl FnOnce() -> V) {
    // The forked process only maps and counts, and takes no lock that the other thread could have held.
    let ended = thread::scope(|scope| {
        let counting = scope.spawn(|| {
            let go = ours.atomic_u32(0).unwrap();
            while go.load(Acquire) == 0 {
                thread::yield_now();
            }
            count(ours);
        });
        let ended = fork::and_wait(|| {
            let view = theirs();
            let view = view.borrow();
            view.atomic_u32(0).unwrap().store(1, Release);
            count(view);
            0
        });
        counting.join().unwrap();
        ended
    });
    assert!(ended.success(), "{ended}");
    assert_eq!(ours.load::<u32>(4).unwrap(), (2 * TIMES) as u32);
    assert_eq!(ours.atomic_u64(16).unwrap().load(Acquire), 6 * TIMES);
}

#[test]
fn processes_count_exactly_in_inherited_memory() {
    child::run(|| {
        let view = anonymous();
        count_with_a_child(&view, || &view);
    });
}

#[test]
fn processes_count_exactly_in_a_file() {
    child::run(|| {
        for folder in [Folder::new(), Folder::in_shared_memory()] {
            let path = folder.sparse("file", page() as u64);
            let view = SharedMut::open(&path).unwrap();
            count_with_a_child(&view, || SharedMut::open(&path).unwrap());
            let bytes = std::fs::read(&path).unwrap();
            assert_eq!(bytes[16..24], (6 * TIMES).to_ne_bytes());
        }
    });
}

/// What was stored before the flag is read after it.
#[test]
fn a_flag_publishes_what_was_written_before() {
    let view = anonymous();
    thread::scope(|scope| {
        scope.spawn(|| {
            for round in 1..=20_000_u64 {
                view.write_at(128, &[round as u8; 64]).unwrap();
                view.store(64, round).unwrap();
                while view.load::<u64>(72).unwrap() != round {
                    std::hint::spin_loop();
                    thread::yield_now();
                }
            }
        });
        for round in 1..=20_000_u64 {
            while view.load::<u64>(64).unwrap() != round {
                std::hint::spin_loop();
                thread::yield_now();
            }
            assert!(view.equals(128, &[round as u8; 64]).unwrap(), "round {round}");
            view.store(72, round).unwrap();
        }
    });
}

/// A word is never seen in two halves.
#[test]
fn words_are_whole() {
    let view = anonymous();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            for round in 0..200_000_u64 {
                view.store(8, if round % 2 == 0 { 0 } else { u64::MAX }).unwrap();
                view.store(20, if round % 2 == 0 { 0 } else { u32::MAX }).unwrap();
            }
            done.store(true, Relaxed);
        });
        while !done.load(Relaxed) {
            let word = view.load::<u64>(8).unwrap();
            assert!(word == 0 || word == u64::MAX, "{word:#x}");
            let word = view.load::<i32>(20).unwrap();
            assert!(word == 0 || word == -1, "{word:#x}");
        }
    });
}

#[test]
fn a_word_at_no_multiple_of_its_size_is_an_error() {
    let folder = Folder::new();
    let object = FileObject::open_read_write(folder.patterned("file", page())).unwrap();
    // What counts is the address and not the offset in the view.
    let odd = SharedMut::map(&MapOptions::shared().range(3..), &object).unwrap();
    let cause = |at| odd.atomic_u64(at).map(drop).unwrap_err().cause();
    assert_eq!(cause(0), Cause::Range(RangeError::UnalignedWord { value: 0, size: 8 }));
    assert_eq!(odd.atomic_u64(5).unwrap().load(Relaxed), odd.load::<u64>(5).unwrap());
    for at in [0, 2, 3, 4, 6, 7, 8] {
        assert!(odd.atomic_u64(at).is_err() && odd.load::<u64>(at).is_err());
        assert!(odd.store(at, 0_i64).is_err() && odd.load::<usize>(at).is_err());
    }
    for at in [0, 2, 3, 4] {
        assert!(odd.atomic_u32(at).is_err() && odd.load::<i32>(at).is_err());
    }
    assert!(odd.load::<u16>(0).is_err() && odd.load::<u8>(0).is_ok() && odd.load::<u16>(1).is_ok());
    for at in [odd.len() - 7, odd.len(), usize::MAX, usize::MAX - 7, isize::MAX as usize] {
        assert!(odd.atomic_u64(at).is_err());
        let error = odd.atomic_u32(at).err();
        assert!(error.is_none_or(|error| matches!(error.cause(), Cause::Range(_))));
    }
    let line = line_of(&odd.atomic_u32(0).unwrap_err());
    assert!(line.contains("no multiple of 4"), "{line}");
}

/// The counter becomes this view's own, and the view tells so.
fn hammered(path: &Path) {
    let view = SharedMut::open(path).unwrap();
    let file = open_read_write(path);
    let (first, last) = (view.atomic_u64(8).unwrap(), view.atomic_u64(7 * page()).unwrap());
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let counting = scope.spawn(|| {
            let mut times = 0;
            while !stop.load(Relaxed) {
                first.fetch_add(1, Relaxed);
                last.fetch_add(1, Relaxed);
                times += 1;
            }
            times
        });
        for _ in 0..200 {
            file.set_len(8 * page() as u64).unwrap();
            thread::yield_now();
            file.set_len(page() as u64).unwrap();
        }
        while view.error().is_none() {
            thread::yield_now();
        }
        stop.store(true, Relaxed);
        let times: u64 = counting.join().unwrap();
        assert_eq!(first.load(Relaxed), times, "what was not lost is the file's");
    });
    let bytes = std::fs::read(path).unwrap();
    assert_eq!(bytes[8..16], first.load(Relaxed).to_ne_bytes());
    let error = view.error().unwrap();
    assert!(matches!(error.cause(), Cause::Truncated { .. } | Cause::Storage { .. }), "{error}");
    assert!(view.load::<u64>(7 * page()).is_err());
    assert!(view.into_mapping().is_err(), "a mapping would show this view's own zeros");
}

#[test]
fn a_counter_in_a_file_that_is_truncated() {
    for folder in [Folder::new(), Folder::in_shared_memory()] {
        hammered(&folder.sparse("file", 8 * page() as u64));
    }
}

#[test]
fn a_view_for_reading_loads_what_others_count() {
    let folder = Folder::new();
    let path = folder.sparse("file", page() as u64);
    let (writing, reading) = (SharedMut::open(&path).unwrap(), Shared::open(&path).unwrap());
    writing.atomic_u64(64).unwrap().store(u64::MAX - 1, Release);
    assert_eq!(reading.load::<u64>(64).unwrap(), u64::MAX - 1);
    assert_eq!(reading.load::<i64>(64).unwrap(), -2);
}

#[test]
fn without_the_signal_there_are_no_words() {
    child::run(|| {
        signal::set_owner(Owner::Host).unwrap();
        let view = anonymous();
        assert!(!view.is_direct());
        assert_eq!(view.atomic_u32(0).unwrap_err().cause(), Cause::SignalTaken);
        assert_eq!(view.atomic_u64(0).unwrap_err().cause(), Cause::SignalTaken);
        assert_eq!(view.load::<u8>(0).unwrap_err().cause(), Cause::SignalTaken);
        assert_eq!(view.store(0, 1_u8).unwrap_err().cause(), Cause::SignalTaken);
        view.write_at(0, &[1]).unwrap();
        assert!(matches!(view.load::<u32>(2).unwrap_err().cause(), Cause::Range(_)));
        signal::set_owner(Owner::Library).unwrap(); // no view relies on the other
        assert!(anonymous().is_direct());
        assert!(signal::set_owner(Owner::Host).is_err());
    });
}
