//! What mlockall and munlockall do, and what they refuse. Each test has a process of its own.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may stop at what it does not expect"
)]

mod common;

use common::child::report_and_wait;
use common::rights::{limit_locked, may_lock_without_limit};
use common::{Map, RW, fork_then, in_child, page, vm_lck};
use mman_sys::{Errno, LockAllFlags, MapFlags, mlockall, munlockall};

/// No flag, and one that does not exist, are refused.
#[test]
fn no_flag_or_an_unknown_one_is_einval() {
    in_child(|| {
        assert_eq!(mlockall(LockAllFlags::empty()), Err(Errno::EINVAL));
        assert_eq!(
            mlockall(LockAllFlags::CURRENT | LockAllFlags::from_bits(8)),
            Err(Errno::EINVAL)
        );
    });
}

/// To lock on fault says how, not what: alone it is refused.
#[test]
fn onfault_alone_is_einval() {
    in_child(|| {
        if !may_lock_without_limit() {
            return;
        }
        assert_eq!(mlockall(LockAllFlags::ONFAULT), Err(Errno::EINVAL));
        assert_eq!(mlockall(LockAllFlags::CURRENT | LockAllFlags::ONFAULT), Ok(()));
    });
}

/// All that is mapped now is more than the limit.
#[test]
fn current_over_the_limit_is_enomem() {
    in_child(|| {
        limit_locked(4 * page());
        assert_eq!(mlockall(LockAllFlags::CURRENT), Err(Errno::ENOMEM));
        assert_eq!(vm_lck(), 0);
    });
}

/// Where the limit is nothing, locking is forbidden.
#[test]
fn without_any_right_to_lock_is_eperm() {
    in_child(|| {
        limit_locked(0);
        assert_eq!(mlockall(LockAllFlags::CURRENT), Err(Errno::EPERM));
        assert_eq!(mlockall(LockAllFlags::FUTURE), Err(Errno::EPERM));
        assert_eq!(munlockall(), Ok(()));
    });
}

/// To lock what will be mapped is accepted however much there is already; what is mapped then and goes
/// over the limit is refused, as something to try again later.
#[test]
fn future_over_the_limit_is_accepted_and_a_later_map_is_eagain() {
    in_child(|| {
        limit_locked(4 * page());
        let accepted = mlockall(LockAllFlags::FUTURE);
        let fits = Map::try_anonymous(4, RW, MapFlags::PRIVATE).map(Map::disown);
        let too_much = Map::try_anonymous(1, RW, MapFlags::PRIVATE).map(Map::disown);
        let cleared = munlockall();
        assert_eq!((accepted, cleared), (Ok(()), Ok(())));
        assert_eq!((fits, too_much), (Ok(()), Err(Errno::EAGAIN)));
    });
}

/// A later call that does not ask for what will be mapped takes that back.
#[test]
fn a_later_call_without_future_clears_it() {
    in_child(|| {
        if !may_lock_without_limit() {
            return;
        }
        mlockall(LockAllFlags::FUTURE).unwrap();
        let locked = Map::private(4);
        let before = vm_lck();
        assert!(before >= 4);
        mlockall(LockAllFlags::CURRENT).unwrap();
        let all = vm_lck();
        let later = Map::private(4);
        assert!(all > before);
        assert_eq!(vm_lck(), all, "the new map is not locked");
        drop((locked, later));
    });
}

/// A forked child does not lock what it maps.
#[test]
fn a_forked_child_does_not_inherit_future() {
    in_child(|| {
        let flag = Map::shared(1);
        mlockall(LockAllFlags::FUTURE).unwrap();
        let child = fork_then(|| {
            Map::private(4).disown();
            report_and_wait(&flag);
            0
        });
        child.wait_for_report(&flag);
        let of_child = child.vm_lck();
        let before = vm_lck();
        let map = Map::private(4);
        assert_eq!((of_child, vm_lck() - before), (0, 4));
        drop(map);
        assert_eq!(child.release().code(), Some(0));
    });
}

/// Unlocking all takes every lock away and stops the locking of what is mapped later.
#[test]
fn munlockall_undoes_everything() {
    in_child(|| {
        if !may_lock_without_limit() {
            return;
        }
        let map = Map::private(4);
        map.lock(0..4).unwrap();
        mlockall(LockAllFlags::CURRENT | LockAllFlags::FUTURE).unwrap();
        assert!(vm_lck() > 4);
        assert_eq!(munlockall(), Ok(()));
        let later = Map::private(4);
        assert_eq!(vm_lck(), 0);
        drop(later);
        assert_eq!(munlockall(), Ok(()), "nothing left, and no error");
    });
}
