//! Locks: the kernel's do not stack and a failing call leaves some behind; guards stack, and undo what they did.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may stop at what it does not expect"
)]

use mman::{
    Anonymous, Cause, FileObject, Growth, MapOptions, Mapping, Operation, Protection, Reservation,
};
use mman_testkit::files::Folder;
use mman_testkit::limits::locked_memory;
use mman_testkit::{child, fork, line_of, maps, memory, page, smaps};

fn memory_of(pages: usize) -> Mapping {
    Anonymous::new(pages * page()).map().unwrap()
}

/// Bytes of the process that are locked.
fn locked() -> usize {
    smaps::of_process("VmLck:")
}

/// For every page of a mapping, whether it is locked.
fn locked_pages(mapping: &Mapping) -> Vec<bool> {
    let start = mapping.as_ptr().addr();
    let start = start - start % page();
    maps::pages_with_flag(start..start + mapping.mapped_len(), "lo")
}

/// The promise: two guards over a page, one dropped, and it is still locked. The kernel's own calls unlock it, as the
/// first half of the test shows.
#[test]
fn guards_stack_where_the_kernels_locks_do_not() {
    child::run(|| {
        let memory = memory_of(4);
        let address = memory.as_ptr().addr();
        let before = locked();
        memory::lock(address, 4 * page()).unwrap();
        memory::lock(address, 4 * page()).unwrap();
        assert_eq!(locked() - before, 4 * page());
        memory::unlock(address, 4 * page()).unwrap();
        assert_eq!(locked(), before, "one munlock undid two mlocks");

        let whole = memory.pages().lock(..).unwrap();
        let middle = memory.pages().lock(page()..3 * page()).unwrap();
        assert_eq!(locked() - before, 4 * page(), "no page is counted twice");
        drop(whole);
        assert_eq!(locked_pages(&memory), [false, true, true, false]);
        let last = memory.pages().lock(2 * page()..).unwrap();
        drop(middle);
        assert_eq!(locked_pages(&memory), [false, false, true, true]);
        drop(last);
        assert_eq!(locked(), before);
    });
}

/// A guard reads the pages in; a guard on fault does not.
#[test]
fn locking_brings_pages_in_and_on_fault_waits() {
    let memory = memory_of(8);
    let guard = memory.pages().lock(..4 * page()).unwrap();
    assert_eq!((guard.len(), guard.is_empty()), (4 * page(), false));
    assert_eq!(memory.pages().resident(..).unwrap(), 4 * page());
    let later = memory.pages().lock_on_fault(4 * page()..).unwrap();
    assert_eq!(memory.pages().resident(..).unwrap(), 4 * page());
    memory.write_at(5 * page(), b"x").unwrap();
    let upper = memory.as_ptr().addr() + 4 * page()..memory.as_ptr().addr() + 8 * page();
    assert_eq!(smaps::bytes(upper, "Locked:"), page());
    assert_eq!(locked_pages(&memory), [true; 8]);
    drop((guard, later));
    assert_eq!(locked_pages(&memory), [false; 8]);
}

#[test]
fn keeping_leaves_pages_locked_until_they_are_unlocked() {
    let memory = memory_of(3);
    memory.pages().lock(..).unwrap().keep();
    assert_eq!(locked_pages(&memory), [true; 3]);
    // A guard over what is kept takes nothing away.
    drop(memory.pages().lock(page()..2 * page()).unwrap());
    assert_eq!(locked_pages(&memory), [true; 3]);
    // Kept while another guard holds it: it stays when that one goes too.
    memory.pages().unlock(..).unwrap();
    let one = memory.pages().lock(..).unwrap();
    let other = memory.pages().lock(..page()).unwrap();
    other.keep();
    drop(one);
    assert_eq!(locked_pages(&memory), [true, false, false]);
    memory.pages().unlock(..).unwrap();
    assert_eq!(locked_pages(&memory), [false; 3]);
    memory.pages().unlock(..).expect("what is not locked is no error");
}

#[test]
fn unlocking_does_not_unlock_what_a_guard_holds() {
    let memory =
        MapOptions::private().read_write().locked().map(&Anonymous::new(4 * page())).unwrap();
    assert_eq!(locked_pages(&memory), [true; 4]);
    let guard = memory.pages().lock(page()..2 * page()).unwrap();
    memory.pages().unlock(..).unwrap();
    assert_eq!(locked_pages(&memory), [false, true, false, false]);
    drop(guard);
    assert_eq!(locked_pages(&memory), [false; 4], "unlocked by will, so with the last guard");
}

/// What `MAP_LOCKED` or somebody else locked is not the guard's to unlock.
#[test]
fn a_guard_leaves_locked_what_it_found_locked() {
    let memory = memory_of(4);
    let address = memory.as_ptr().addr();
    memory::lock(address + page(), page()).unwrap();
    drop(memory.pages().lock(..).unwrap());
    assert_eq!(locked_pages(&memory), [false, true, false, false]);
    memory::unlock(address, 4 * page()).unwrap();
}

/// The kernel leaves pages locked when `mlock` fails; we undo just what we did.
#[test]
fn a_lock_that_fails_undoes_itself_over_pages_without_access() {
    child::run(|| {
        let mut memory = memory_of(6);
        memory.protect(4 * page()..5 * page(), Protection::NONE).unwrap();
        let address = memory.as_ptr().addr();
        let before = locked();
        memory::lock(address, 6 * page()).unwrap_err();
        assert_eq!(locked() - before, 6 * page(), "the kernel keeps what it did");
        memory::unlock(address, 6 * page()).unwrap();

        let guard = memory.pages().lock(page()..2 * page()).unwrap();
        memory.pages().lock(2 * page()..3 * page()).unwrap().keep();
        let error = memory.pages().lock(..).unwrap_err();
        assert_eq!((error.operation(), error.cause()), (Operation::Lock, Cause::Denied));
        assert_eq!(error.range(), Some((0, 6 * page() as u64)));
        assert!(line_of(&error).contains("protection"), "{error}");
        assert_eq!(locked_pages(&memory), [false, true, true, false, false, false]);
        drop(guard);
        assert_eq!(locked() - before, page());
    });
}

#[test]
fn a_lock_past_the_end_of_a_file_says_where_and_undoes_itself() {
    let folder = Folder::new();
    let path = folder.patterned("file", 5 * page());
    let file = FileObject::open_read_write(&path).unwrap();
    let mapping = MapOptions::shared().range(100..).map(&file).unwrap();
    file.file().set_len(3 * page() as u64).unwrap();
    let error = mapping.pages().lock(..).unwrap_err();
    assert_eq!(error.cause(), Cause::Truncated { at: 3 * page() as u64 - 100 });
    assert_eq!(locked_pages(&mapping), [false; 5]);
    let guard = mapping.pages().lock(..2 * page()).unwrap();
    assert_eq!(locked_pages(&mapping), [true, true, true, false, false]);
    drop(guard);
}

/// A hole can only be made behind the owner's back: the cause says so, and the pages before it are unlocked again.
#[test]
fn a_hole_is_told_and_nothing_stays_locked() {
    child::run(|| {
        let memory = memory_of(4);
        let address = memory.as_ptr().addr();
        let before = locked();
        mman_testkit::unchecked::unmap(address + 2 * page()..address + 3 * page());
        let error = memory.pages().lock(..).unwrap_err();
        assert_eq!(error.cause(), Cause::NotMapped);
        assert_eq!(locked(), before);
        assert_eq!(memory.pages().unlock(..).unwrap_err().cause(), Cause::NotMapped);
    });
}

#[test]
fn held_address_space_is_denied() {
    let mut space = Reservation::new(4 * page()).unwrap();
    assert_eq!(space.pages().lock(..).unwrap_err().cause(), Cause::Denied);
    space.commit(..page()).unwrap();
    drop(space.pages().lock(..page()).unwrap());
}

#[test]
fn a_limit_of_nothing_is_a_missing_right() {
    child::run(|| {
        let memory = memory_of(1);
        locked_memory(0);
        let error = memory.pages().lock(..).unwrap_err();
        assert_eq!(error.cause(), Cause::LockRight);
        assert!(line_of(&error).starts_with("lock bytes 0..4096 of anonymous memory: "), "{error}");
        memory.pages().unlock(..).expect("unlocking needs no right");
        assert_eq!(memory.pages().lock_on_fault(..).unwrap_err().cause(), Cause::LockRight);
    });
}

#[test]
fn the_limit_counts_pages_once_and_is_named() {
    child::run(|| {
        let memory = memory_of(16);
        locked_memory(8 * page() as u64 + 77);
        let limit = Cause::LockLimit { limit: 8 * page() as u64 + 77 };
        assert_eq!(memory.pages().lock(..9 * page()).unwrap_err().cause(), limit);
        assert_eq!(locked(), 0);
        let guard = memory.pages().lock(..8 * page()).unwrap();
        let again = memory.pages().lock(..8 * page()).unwrap();
        assert_eq!(memory.pages().lock(..9 * page()).unwrap_err().cause(), limit);
        assert_eq!(memory.pages().lock_on_fault(8 * page()..).unwrap_err().cause(), limit);
        assert_eq!(locked(), 8 * page(), "what guards hold is still locked");
        drop((guard, again));
        assert_eq!(locked(), 0);
    });
}

/// A child has no locks; what it drops takes none from its parent.
#[test]
fn locks_are_not_inherited() {
    child::run(|| {
        let memory = memory_of(2);
        let guard = memory.pages().lock(..).unwrap();
        let before = locked();
        let mut slot = Some(guard);
        let status = fork::and_wait(|| {
            assert_eq!(locked(), 0);
            drop(slot.take());
            let again = memory.pages().lock(..).unwrap();
            assert_eq!(locked(), 2 * page());
            drop(again);
            assert_eq!(locked(), 0);
            9
        });
        assert_eq!(status.code(), Some(9));
        assert_eq!(locked(), before);
        assert_eq!(locked_pages(&memory), [true; 2]);
        drop(slot);
    });
}

/// A worker that was forked while another thread was locking hung at its own first lock.
#[test]
fn a_child_locks_while_a_thread_of_its_parent_does() {
    child::run(|| {
        let memory = memory_of(4096);
        let stop = std::sync::atomic::AtomicBool::new(false);
        let mut ended: Vec<std::process::ExitStatus> = Vec::new();
        std::thread::scope(|scope| {
            let busy = || {
                while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                    drop(memory.pages().lock(..).unwrap());
                }
            };
            scope.spawn(busy);
            while ended.len() < 50 && ended.iter().all(std::process::ExitStatus::success) {
                // Not the first two pages: what the thread holds is the parent's business.
                let status = fork::and_wait(|| {
                    fork::end_after(20); // it must not wait for ever
                    let guard = memory.pages().lock(..2 * page()).unwrap();
                    assert_eq!(locked(), 2 * page());
                    drop(guard);
                    assert_eq!(locked(), 0);
                    0
                });
                ended.push(status);
            }
            stop.store(true, std::sync::atomic::Ordering::Relaxed);
        });
        assert!(ended.iter().all(std::process::ExitStatus::success), "{:?}", ended.last());
    });
}

#[test]
fn many_threads_lock_and_unlock_the_same_pages() {
    let memory = memory_of(16);
    std::thread::scope(|scope| {
        for seed in 0..4_usize {
            let memory = &memory;
            scope.spawn(move || {
                for round in 0..200_usize {
                    let first = (round * 7 + seed * 3) % 15;
                    let guard = memory.pages().lock(first * page()..(first + 2) * page()).unwrap();
                    // Four threads: the other three may end a guard here, and must not take ours away.
                    assert!(is_locked(memory, first), "page {first} is locked");
                    drop(guard);
                }
            });
        }
    });
    assert_eq!(locked_pages(&memory), [false; 16]);
}

/// Whether a page is locked, by the library's own words.
fn is_locked(memory: &Mapping, index: usize) -> bool {
    let range = index * page()..(index + 1) * page();
    let answer = memory.sync(range, mman::Sync::Invalidate);
    answer.is_err_and(|error| error.cause() == Cause::Locked)
}

#[test]
fn nothing_is_locked_for_nothing() {
    let memory = memory_of(1);
    let guard = memory.pages().lock(5..5).unwrap();
    assert!(guard.is_empty());
    guard.keep();
    let empty = Anonymous::new(0).map().unwrap();
    assert!(empty.pages().lock(..).unwrap().is_empty());
}

/// Locks stay through protection and moves; what a mapping grows by is counted, and refused over the limit.
#[test]
fn kept_locks_go_with_the_mapping_and_its_growth_is_counted() {
    child::run(|| {
        let mut memory = memory_of(4);
        locked_memory(8 * page() as u64);
        memory.pages().lock(..).unwrap().keep();
        memory.protect(page().., Protection::READ).unwrap();
        assert_eq!(locked_pages(&memory), [true; 4]);
        memory.protect(.., Protection::READ | Protection::WRITE).unwrap();
        memory.resize(8 * page(), Growth::MayMove).unwrap();
        assert_eq!((locked_pages(&memory), locked()), (vec![true; 8], 8 * page()));
        let error = memory.resize(9 * page(), Growth::MayMove).unwrap_err();
        assert_eq!(error.cause(), Cause::LockLimit { limit: 8 * page() as u64 });
        let (low, high) = memory.split_at(4 * page()).map_err(|refused| refused.error).unwrap();
        drop(high);
        assert_eq!(locked(), 4 * page(), "what is unmapped is not locked");
        low.pages().unlock(..).unwrap();
        assert_eq!(locked(), 0);
    });
}
