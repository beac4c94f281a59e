//! Locking all of a process: now, later, on fault; limits; and guards that outlive an `unlock_all`.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may stop at what it does not expect"
)]

use mman::process::{LockAll, lock_all, lock_all_on_fault, unlock_all};
use mman::{Anonymous, Cause, Mapping, ObjectKind, Operation};
use mman_testkit::limits::locked_memory;
use mman_testkit::{child, fork, line_of, maps, page, smaps};

fn locked() -> usize {
    smaps::of_process("VmLck:")
}

fn memory_of(pages: usize) -> Mapping {
    Anonymous::new(pages * page()).map().unwrap()
}

fn locked_pages(mapping: &Mapping) -> Vec<bool> {
    let start = mapping.as_ptr().addr();
    maps::pages_with_flag(start..start + mapping.mapped_len(), "lo")
}

#[test]
fn current_is_what_is_mapped_and_future_what_will_be() {
    child::run(|| {
        let before = memory_of(3);
        lock_all(LockAll::Current).unwrap();
        assert_eq!(locked_pages(&before), [true; 3]);
        assert_eq!(before.pages().resident(..).unwrap(), 3 * page());
        assert_eq!(locked_pages(&memory_of(300)), [false; 300]);
        unlock_all().unwrap();
        assert_eq!(locked(), 0);

        lock_all(LockAll::Future).unwrap();
        assert_eq!(locked_pages(&before), [false; 3]);
        let after = memory_of(300);
        assert_eq!(locked_pages(&after), [true; 300]);
        assert_eq!(after.pages().resident(..).unwrap(), 300 * page());
        lock_all(LockAll::Current).expect("without Future, which is taken back");
        assert_eq!(locked_pages(&memory_of(300)), [false; 300]);
        lock_all(LockAll::Both).unwrap();
        assert_eq!(
            (locked_pages(&memory_of(2)), locked_pages(&before)),
            (vec![true; 2], vec![true; 3])
        );
        unlock_all().unwrap();
        unlock_all().expect("twice is no error");
        assert_eq!(locked(), 0);
    });
}

#[test]
fn on_fault_waits_for_a_touch() {
    child::run(|| {
        lock_all_on_fault(LockAll::Future).unwrap();
        let memory = memory_of(300);
        assert_eq!(memory.pages().resident(..).unwrap(), 0);
        memory.write_at(0, b"x").unwrap();
        let start = memory.as_ptr().addr();
        assert_eq!(smaps::bytes(start..start + 300 * page(), "Locked:"), page());
        unlock_all().unwrap();
        assert_eq!(locked(), 0);
    });
}

#[test]
fn a_child_has_no_locks_and_no_future() {
    child::run(|| {
        lock_all(LockAll::Both).unwrap();
        let status = fork::and_wait(|| {
            assert_eq!(locked(), 0);
            assert_eq!(locked_pages(&memory_of(2)), [false; 2]);
            5
        });
        assert_eq!(status.code(), Some(5));
        assert!(locked() > 0);
        unlock_all().unwrap();
    });
}

#[test]
fn limits_are_named() {
    child::run(|| {
        locked_memory(16 * page() as u64);
        let error = lock_all(LockAll::Current).unwrap_err();
        assert_eq!((error.operation(), error.object()), (Operation::Lock, ObjectKind::Process));
        assert_eq!(error.cause(), Cause::LockLimit { limit: 16 * page() as u64 });
        assert!(line_of(&error).starts_with("lock a process: "), "{error}");
        assert_eq!(locked(), 0);
        lock_all(LockAll::Future).expect("what is to come is not counted yet");
        let error = Anonymous::new(64 * page()).map().unwrap_err();
        assert_eq!(error.cause(), Cause::LockLimit { limit: 16 * page() as u64 }, "{error}");
        unlock_all().unwrap();
        drop(memory_of(64));
    });
    // The child's child would be another: a limit of 0 is in a test of its own.
}

#[test]
fn a_limit_of_nothing_is_a_missing_right() {
    child::run(|| {
        locked_memory(0);
        for what in [LockAll::Current, LockAll::Future, LockAll::Both] {
            assert_eq!(lock_all(what).unwrap_err().cause(), Cause::LockRight);
            assert_eq!(lock_all_on_fault(what).unwrap_err().cause(), Cause::LockRight);
        }
        unlock_all().expect("unlocking needs no right");
    });
}

/// Guards and the whole: neither takes away what the other said.
#[test]
fn guards_and_the_whole_leave_each_other_alone() {
    child::run(|| {
        let memory = memory_of(4);
        let early = memory.pages().lock(..2 * page()).unwrap();
        lock_all(LockAll::Current).unwrap();
        drop(early);
        assert_eq!(
            locked_pages(&memory),
            [true; 4],
            "the whole is locked, with or without the guard"
        );
        let late = memory.pages().lock(page()..3 * page()).unwrap();
        let on_fault = memory.pages().lock_on_fault(3 * page()..).unwrap();
        unlock_all().unwrap();
        assert_eq!(locked(), 3 * page());
        assert_eq!(locked_pages(&memory), [false, true, true, true]);
        drop(late);
        assert_eq!(locked_pages(&memory), [false, false, false, true]);
        drop(on_fault);
        assert_eq!(locked(), 0);
    });
}
