//! What mseal makes impossible, and what it refuses.
//!
//! Sealed memory stays until the process ends: each test has a process of its own.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may stop at what it does not expect"
)]

mod common;

use common::map::{pkey_protect, remap, seal};
use common::{Map, RW, line_of, page, refused, skip};
use mman_sys::{Advice, Errno, MapFlags, Prot, RemapFlags};

/// Runs the body in a child with a sealed page of private memory that holds 7, between two ordinary ones.
fn with_sealed<F: FnOnce(&Map)>(body: F) {
    // The child is asked for by the name of the test, which is the place of the closure given here.
    common::child::in_child_as::<F>(|| {
        let map = Map::private(3);
        map.fill(7);
        match map.seal(1..2) {
            Err(Errno::ENOSYS) => return skip("Linux 6.10, for mseal"),
            answer => assert_eq!(answer, Ok(())),
        }
        body(&map);
        assert_eq!([map.get(0), map.get(1)], [7, 7], "the page is as it was");
    });
}

/// There are no flags.
#[test]
fn a_flag_is_einval() {
    with_sealed(|map| assert_eq!(seal(map.at(1), page(), 1), Err(Errno::EINVAL)));
}

/// The address must be the start of a page, and the range may not come round.
#[test]
fn an_unaligned_address_or_a_wrap_is_einval() {
    with_sealed(|map| {
        assert_eq!(seal(map.at(1) + 1, page(), 0), Err(Errno::EINVAL));
        assert_eq!(seal(map.at(1), usize::MAX - page(), 0), Err(Errno::EINVAL));
    });
}

/// Where nothing is mapped nothing can be sealed; with a gap in the range nothing of it is.
#[test]
fn an_unmapped_range_or_a_gap_is_enomem_and_seals_nothing() {
    with_sealed(|_| {
        let map = Map::private(3);
        map.unmap(1..2).unwrap();
        assert_eq!(map.seal(1..2), Err(Errno::ENOMEM));
        assert_eq!(map.seal(0..3), Err(Errno::ENOMEM));
        assert_eq!(map.unmap(0..3), Ok(()), "not sealed");
    });
}

/// A length of nothing succeeds and seals nothing.
#[test]
fn length_0_succeeds() {
    with_sealed(|map| {
        assert_eq!(seal(map.at(0), 0, 0), Ok(()));
        assert_eq!(map.protect(0..1, RW), Ok(()));
    });
}

/// Sealing what is sealed succeeds.
#[test]
fn sealing_again_succeeds() {
    with_sealed(|map| assert_eq!(map.seal(0..2), Ok(())));
}

/// Sealed memory cannot be unmapped, nor can a range that only touches it: it is all or nothing.
#[test]
fn munmap_is_eperm_and_unmaps_nothing() {
    with_sealed(|map| {
        assert_eq!(map.unmap(1..2), Err(Errno::EPERM));
        assert_eq!(map.unmap(0..3), Err(Errno::EPERM));
        assert!((0..3).all(|index| line_of(map.at(index)).is_some()));
    });
}

/// It cannot be moved, grown or shrunk.
#[test]
fn mremap_is_eperm() {
    with_sealed(|map| {
        let room = Map::reserved(1);
        let fixed = RemapFlags::MAYMOVE | RemapFlags::FIXED;
        let moved = remap(map.at(1), page(), page(), fixed, room.start());
        assert_eq!(refused(moved), Errno::EPERM);
        let grown = remap(map.at(1), page(), 2 * page(), RemapFlags::MAYMOVE, 0);
        assert_eq!(refused(grown), Errno::EPERM);
        let whole = Map::private(2);
        whole.seal(0..2).unwrap();
        let shrunk = remap(whole.start(), 2 * page(), page(), RemapFlags::empty(), 0);
        assert_eq!(refused(shrunk), Errno::EPERM);
    });
}

/// Nothing can be moved over it.
#[test]
fn mremap_onto_it_is_eperm() {
    with_sealed(|map| {
        let other = Map::private(1);
        let fixed = RemapFlags::MAYMOVE | RemapFlags::FIXED;
        assert_eq!(refused(remap(other.start(), page(), page(), fixed, map.at(1))), Errno::EPERM);
    });
}

/// Its protection cannot be changed, not even to what it is.
#[test]
fn mprotect_is_eperm_even_to_the_same() {
    with_sealed(|map| {
        assert_eq!(map.protect(1..2, Prot::READ), Err(Errno::EPERM));
        assert_eq!(map.protect(1..2, RW), Err(Errno::EPERM));
    });
}

/// Nor by the call that gives a key.
#[test]
fn pkey_mprotect_is_eperm() {
    with_sealed(|map| {
        assert_eq!(pkey_protect(map.at(1), page(), Prot::READ, -1), Err(Errno::EPERM));
    });
}

/// Nothing can be mapped over it.
#[test]
fn a_fixed_map_over_it_is_eperm() {
    with_sealed(|map| assert_eq!(map.replace(1, MapFlags::empty()), Err(Errno::EPERM)));
}

/// What it holds cannot be thrown away where it cannot be written either.
#[test]
fn dropping_read_only_memory_is_eperm() {
    with_sealed(|_| {
        let map = Map::private(1);
        map.set(0, 7);
        map.protect(0..1, Prot::READ).unwrap();
        map.seal(0..1).unwrap();
        // The kernel's documentation names all of these; the first is the one that this page measured.
        let advices = [
            Advice::DONTNEED,
            Advice::FREE,
            Advice::DONTNEED_LOCKED,
            Advice::DONTFORK,
            Advice::WIPEONFORK,
        ];
        for advice in advices {
            assert_eq!(map.advise(0..1, advice), Err(Errno::EPERM), "{advice:?}");
        }
        assert_eq!(map.get(0), 7);
    });
}

/// Where it can be written, it can be thrown away: whoever may store zeros may do it faster.
#[test]
fn dropping_writable_memory_is_allowed() {
    with_sealed(|map| {
        assert_eq!(map.advise(1..2, Advice::DONTNEED), Ok(()));
        assert_eq!(map.get(1), 0);
        map.set(1, 7);
    });
}

/// It can still be locked and unlocked.
#[test]
fn mlock_still_works() {
    with_sealed(|map| {
        assert_eq!(map.lock(1..2), Ok(()));
        assert_eq!(common::vm_lck(), 1);
        assert_eq!(map.unlock(1..2), Ok(()));
    });
}

/// A change of protection may stop half way, in front of what is sealed; the rest is changed.
#[test]
fn mprotect_stops_in_front_of_it() {
    with_sealed(|map| {
        assert_eq!(map.protect(0..3, Prot::READ), Err(Errno::EPERM));
        let access = [0, 1, 2].map(|index| line_of(map.at(index)).unwrap().access);
        assert_eq!(access, ["r--p", "rw-p", "rw-p"]);
    });
}
