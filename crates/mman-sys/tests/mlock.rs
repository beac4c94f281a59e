//! What mlock, mlock2 and munlock do, and what they refuse.
//!
//! Each test counts the locked memory of a process, and so has one of its own.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may stop at what it does not expect"
)]

mod common;

use common::child::report_and_wait;
use common::map::remap;
use common::rights::{limit_locked, may_lock_without_limit};
use common::{Map, RW, fork_then, in_child, memfd, page, ptr, refused, skip, vm_lck};
use mman_sys::{Errno, LockFlags, MapFlags, Prot, RemapFlags, mlock, munlock};

/// The limit is on all that is locked: what goes over it is refused, and nothing is locked.
#[test]
fn over_the_limit_is_enomem() {
    in_child(|| {
        limit_locked(2 * page());
        let map = Map::private(3);
        assert_eq!(map.lock(0..3), Err(Errno::ENOMEM));
        assert_eq!(vm_lck(), 0);
        assert_eq!(map.lock(0..2), Ok(()));
        assert_eq!(map.lock(2..3), Err(Errno::ENOMEM));
        assert_eq!(vm_lck(), 2);
    });
}

/// Where the limit is nothing, locking is forbidden.
#[test]
fn without_any_right_to_lock_is_eperm() {
    in_child(|| {
        limit_locked(0);
        assert_eq!(Map::private(1).lock(0..1), Err(Errno::EPERM));
        assert_eq!(Map::private(1).lock2(0..1, LockFlags::ONFAULT), Err(Errno::EPERM));
    });
}

/// Even if there is nothing to lock.
#[test]
fn without_any_right_to_lock_length_0_is_eperm_too() {
    in_child(|| {
        assert_eq!(Map::private(1).lock(0..0), Ok(()));
        limit_locked(0);
        assert_eq!(Map::private(1).lock(0..0), Err(Errno::EPERM));
    });
}

/// The address need not be the start of a page: all of the first page is locked, and of the last.
#[test]
fn an_unaligned_address_is_rounded_down() {
    in_child(|| {
        let map = Map::private(4);
        assert_eq!(mlock(ptr(map.at(1) + 5), page()), Ok(()));
        assert_eq!(vm_lck(), 2, "two pages are touched by it");
        assert_eq!(munlock(ptr(map.at(1) + 5), 1), Ok(()));
        assert_eq!(vm_lck(), 1);
    });
}

/// A range that comes round at the end of the address space is refused. (Who has a limit is told first
/// that it is over that.)
#[test]
fn a_range_that_wraps_is_einval() {
    in_child(|| {
        if !may_lock_without_limit() {
            return;
        }
        let map = Map::private(1);
        assert_eq!(mlock(ptr(map.start()), usize::MAX - 2 * page()), Err(Errno::EINVAL));
        assert_eq!(munlock(ptr(map.start()), usize::MAX - 2 * page()), Err(Errno::EINVAL));
    });
}

/// A flag that does not exist is refused.
#[test]
fn an_unknown_flag_is_einval() {
    in_child(|| {
        let map = Map::private(1);
        assert_eq!(map.lock2(0..1, LockFlags::from_bits(2)), Err(Errno::EINVAL));
        assert_eq!(map.lock2(0..1, LockFlags::empty()), Ok(()));
    });
}

/// At a hole it stops with an error, and what came before the hole stays locked.
#[test]
fn a_hole_is_enomem_and_the_pages_before_it_stay_locked() {
    in_child(|| {
        let map = Map::private(3);
        map.unmap(1..2).unwrap();
        assert_eq!(map.lock(0..3), Err(Errno::ENOMEM));
        assert_eq!(vm_lck(), 1);
    });
}

/// A page without access cannot be brought in, which is an error, but all of the range counts as locked.
#[test]
fn a_page_without_access_is_enomem_and_all_of_the_range_stays_marked() {
    in_child(|| {
        let map = Map::private(3);
        map.protect(1..2, Prot::NONE).unwrap();
        assert_eq!(map.lock(0..3), Err(Errno::ENOMEM));
        assert_eq!(vm_lck(), 3);
    });
}

/// A page behind the end of its file cannot be brought in either.
#[test]
fn a_page_behind_the_end_of_the_file_is_enomem() {
    in_child(|| {
        let map = Map::of(&memfd(1), 2, RW, MapFlags::SHARED);
        assert_eq!(map.lock(0..2), Err(Errno::ENOMEM));
        assert_eq!(map.lock(0..1), Ok(()));
    });
}

/// One unlock undoes any number of locks.
#[test]
fn locks_do_not_stack() {
    in_child(|| {
        let map = Map::private(4);
        map.lock(0..4).unwrap();
        map.lock(0..4).unwrap();
        assert_eq!(vm_lck(), 4);
        map.unlock(0..4).unwrap();
        assert_eq!(vm_lck(), 0);
    });
}

/// Locking what is locked is not charged to the limit again.
#[test]
fn locking_again_is_not_charged_twice() {
    in_child(|| {
        limit_locked(4 * page());
        let map = Map::private(5);
        assert_eq!(map.lock(0..3), Ok(()));
        assert_eq!(map.lock(0..4), Ok(()), "one page more, not four");
        assert_eq!(map.lock(0..4), Ok(()));
        assert_eq!(vm_lck(), 4);
        assert_eq!(map.lock(0..5), Err(Errno::ENOMEM));
    });
}

/// A forked child has the memory and not the locks.
#[test]
fn a_forked_child_has_no_locks() {
    in_child(|| {
        let (map, flag) = (Map::private(4), Map::shared(1));
        map.lock(0..4).unwrap();
        let child = fork_then(|| {
            report_and_wait(&flag);
            0
        });
        child.wait_for_report(&flag);
        assert_eq!((vm_lck(), child.vm_lck()), (4, 0));
        assert_eq!(child.release().code(), Some(0));
    });
}

/// A mapping that grows grows its lock, and the limit holds for that.
#[test]
fn growing_a_locked_map_is_charged() {
    in_child(|| {
        limit_locked(6 * page());
        let mut map = Map::private(4);
        map.lock(0..4).unwrap();
        map.remap(6 * page(), RemapFlags::MAYMOVE, 0).unwrap();
        assert_eq!(vm_lck(), 6);
        let answer = remap(map.start(), map.len(), 7 * page(), RemapFlags::MAYMOVE, 0);
        assert_eq!(refused(answer), Errno::EAGAIN);
        assert_eq!(vm_lck(), 6);
    });
}

/// A mapping that moves takes its lock along.
#[test]
fn a_moved_map_stays_locked() {
    in_child(|| {
        let (mut map, room) = (Map::private(4), Map::reserved(4));
        map.lock(0..4).unwrap();
        let to = room.start();
        room.disown();
        map.remap(4 * page(), RemapFlags::MAYMOVE | RemapFlags::FIXED, to).unwrap();
        assert_eq!((map.start(), vm_lck()), (to, 4));
    });
}

/// Unlocking what was never locked succeeds.
#[test]
fn unlocking_what_is_not_locked_succeeds() {
    assert_eq!(Map::private(2).unlock(0..2), Ok(()));
}

/// Unlocking what is not mapped does not.
#[test]
fn unlocking_what_is_not_mapped_is_enomem() {
    in_child(|| {
        let map = Map::private(3);
        map.lock(0..3).unwrap();
        map.unmap(1..2).unwrap();
        assert_eq!(map.unlock(1..2), Err(Errno::ENOMEM));
        assert_eq!(map.unlock(0..3), Err(Errno::ENOMEM));
    });
}

/// Unlocking needs no right.
#[test]
fn unlocking_needs_no_privilege() {
    in_child(|| {
        let map = Map::private(4);
        map.lock(0..4).unwrap();
        limit_locked(0);
        assert_eq!(map.unlock(0..4), Ok(()));
        assert_eq!(vm_lck(), 0);
    });
}

/// Locking brings every page in.
#[test]
fn locked_pages_are_in_memory() {
    in_child(|| {
        let map = Map::shared(4);
        assert_eq!(map.resident(0..4), Ok(vec![false; 4]));
        map.lock(0..4).unwrap();
        assert_eq!(map.resident(0..4), Ok(vec![true; 4]));
    });
}

/// Locking on fault brings nothing in, and what is touched later is in memory.
#[test]
fn onfault_waits_for_the_touch() {
    in_child(|| {
        let map = Map::shared(4);
        if map.lock2(0..4, LockFlags::ONFAULT) == Err(Errno::ENOSYS) {
            return skip("Linux 4.4, for mlock2");
        }
        assert_eq!(vm_lck(), 4, "all of it is charged");
        assert_eq!(map.resident(0..4), Ok(vec![false; 4]));
        map.set(1, 1);
        assert_eq!(map.resident(0..4), Ok(vec![false, true, false, false]));
    });
}
