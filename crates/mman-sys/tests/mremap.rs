//! What mremap does to size and place, and what it refuses.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may stop at what it does not expect"
)]

mod common;

use common::map::remap;
use common::proc::kernel;
use common::rights::limit;
use common::{Map, RW, in_child, line_of, memfd, page, refused, skip};
use linux_raw_sys::general::RLIMIT_AS;
use mman_sys::{Errno, MapFlags, Prot, RemapFlags};

const MAYMOVE: RemapFlags = RemapFlags::MAYMOVE;
const MOVE_TO: RemapFlags = RemapFlags::MAYMOVE.union(RemapFlags::FIXED);
const KEEP_OLD: RemapFlags = RemapFlags::MAYMOVE.union(RemapFlags::DONTUNMAP);

/// Asks for another size of a map; the answer must be an error.
fn resize(map: &Map, len: usize, flags: RemapFlags) -> Errno {
    refused(remap(map.start(), map.len(), len, flags, 0))
}

/// Where nothing is mapped there is nothing to move.
#[test]
fn an_old_range_that_is_not_mapped_is_efault() {
    in_child(|| {
        let map = Map::private(1);
        map.unmap(0..1).unwrap();
        assert_eq!(resize(&map, 2 * page(), MAYMOVE), Errno::EFAULT);
    });
}

/// Only one mapping at a time can grow.
#[test]
fn growth_across_two_mappings_is_efault() {
    let map = Map::private(2);
    map.protect(1..2, Prot::READ).unwrap();
    assert_eq!(resize(&map, 3 * page(), MAYMOVE), Errno::EFAULT);
}

/// The old address must be the start of a page.
#[test]
fn an_unaligned_old_address_is_einval() {
    let map = Map::private(2);
    let answer = remap(map.start() + 1, page(), page(), MAYMOVE, 0);
    assert_eq!(refused(answer), Errno::EINVAL);
}

/// So must the new one.
#[test]
fn an_unaligned_new_address_is_einval() {
    let (map, room) = (Map::private(1), Map::reserved(2));
    let answer = remap(map.start(), page(), page(), MOVE_TO, room.start() + 1);
    assert_eq!(refused(answer), Errno::EINVAL);
}

/// A mapping cannot become nothing.
#[test]
fn a_new_size_of_0_is_einval() {
    assert_eq!(resize(&Map::private(1), 0, MAYMOVE), Errno::EINVAL);
}

/// A flag that does not exist is refused.
#[test]
fn an_unknown_flag_is_einval() {
    let flags = MAYMOVE | RemapFlags::from_bits(8);
    assert_eq!(resize(&Map::private(1), page(), flags), Errno::EINVAL);
}

/// Who names the place allows the move too.
#[test]
fn fixed_or_dontunmap_without_maymove_is_einval() {
    let (map, room) = (Map::private(1), Map::reserved(1));
    for flag in [RemapFlags::FIXED, RemapFlags::DONTUNMAP] {
        let answer = remap(map.start(), page(), page(), flag, room.start());
        assert_eq!(refused(answer), Errno::EINVAL, "{flag:?}");
    }
}

/// The new range may not overlap the old one.
#[test]
fn an_overlap_is_einval() {
    let map = Map::private(3);
    let answer = remap(map.at(0), 2 * page(), 2 * page(), MOVE_TO, map.at(1));
    assert_eq!(refused(answer), Errno::EINVAL);
    let answer = remap(map.at(1), 2 * page(), 2 * page(), MOVE_TO, map.at(0));
    assert_eq!(refused(answer), Errno::EINVAL);
}

/// A range that stays mapped moves as it is: both sizes are the same.
#[test]
fn dontunmap_with_another_size_is_einval() {
    let map = Map::private(2);
    assert_eq!(resize(&map, page(), KEEP_OLD), Errno::EINVAL);
    assert_eq!(resize(&map, 3 * page(), KEEP_OLD), Errno::EINVAL);
}

/// A second mapping of the same pages is for shared mappings only.
#[test]
fn an_old_size_of_0_on_a_private_map_is_einval() {
    let map = Map::private(1);
    assert_eq!(refused(remap(map.start(), 0, page(), MAYMOVE, 0)), Errno::EINVAL);
}

/// Who may not move can only grow where there is room.
#[test]
fn growth_in_place_without_room_is_enomem() {
    let around = Map::private(3);
    around.protect(1..3, Prot::READ).unwrap();
    let answer = remap(around.start(), page(), 2 * page(), RemapFlags::empty(), 0);
    assert_eq!(refused(answer), Errno::ENOMEM);
}

/// A second mapping of the same pages is elsewhere, so it must be allowed to be.
#[test]
fn an_old_size_of_0_without_maymove_is_enomem() {
    let map = Map::shared(1);
    assert_eq!(refused(remap(map.start(), 0, page(), RemapFlags::empty(), 0)), Errno::ENOMEM);
}

/// The address space of a process can be limited, for growth too.
#[test]
fn growth_over_the_limit_is_enomem() {
    in_child(|| {
        limit(RLIMIT_AS, 1 << 30);
        assert_eq!(resize(&Map::reserved(1), 2 << 30, MAYMOVE), Errno::ENOMEM);
    });
}

/// Growing keeps the bytes, and the new pages are zeros.
#[test]
fn growth_keeps_the_bytes() {
    in_child(|| {
        let mut map = Map::private(2);
        map.fill(7);
        map.remap(64 * page(), MAYMOVE, 0).unwrap();
        assert_eq!([map.get(0), map.get(1), map.get(2), map.get(63)], [7, 7, 0, 0]);
    });
}

/// Shrinking unmaps what is behind the new end.
#[test]
fn shrinking_unmaps_the_tail() {
    in_child(|| {
        let mut map = Map::private(3);
        map.fill(7);
        map.remap(page(), RemapFlags::empty(), 0).unwrap();
        assert_eq!((map.get(0), line_of(map.at(1)), line_of(map.at(2))), (7, None, None));
    });
}

/// The tail may be several mappings.
#[test]
fn shrinking_takes_several_mappings() {
    in_child(|| {
        let mut map = Map::private(4);
        map.protect(1..2, Prot::READ).unwrap();
        map.protect(3..4, Prot::READ).unwrap();
        map.remap(page(), RemapFlags::empty(), 0).unwrap();
        assert_eq!([1, 2, 3].map(|index| line_of(map.at(index))), [None, None, None]);
    });
}

/// A move to a named place unmaps what is there, and the old place is free.
#[test]
fn a_fixed_move_replaces_what_is_there() {
    in_child(|| {
        let (mut map, room) = (Map::private(1), Map::private(3));
        map.set(0, 7);
        room.fill(1);
        let old = map.start();
        map.remap(page(), MOVE_TO, room.at(1)).unwrap();
        assert_eq!([room.get(0), room.get(1), room.get(2)], [1, 7, 1]);
        assert_eq!((map.start(), line_of(old)), (room.at(1), None));
        map.disown();
    });
}

/// Since 6.17 a move to a named place, with the size as it is, takes several mappings along.
#[test]
fn a_fixed_move_of_the_same_size_takes_several_mappings() {
    in_child(|| {
        if kernel() < (6, 17) {
            return skip("Linux 6.17, to move several mappings");
        }
        let (mut map, room) = (Map::private(3), Map::reserved(3));
        map.fill(7);
        map.protect(1..2, Prot::READ).unwrap();
        map.remap(3 * page(), MOVE_TO, room.start()).unwrap();
        assert_eq!([room.get(0), room.get(1), room.get(2)], [7, 7, 7]);
        let access = [0, 1, 2].map(|index| line_of(room.at(index)).unwrap().access);
        assert_eq!(access, ["rw-p", "r--p", "rw-p"]);
        map.disown();
    });
}

/// An old size of nothing makes a second mapping of the same shared pages.
#[test]
fn an_old_size_of_0_makes_an_alias_of_shared_pages() {
    for map in [Map::shared(2), Map::of(&memfd(2), 2, RW, MapFlags::SHARED)] {
        let alias = Map::adopt(remap(map.start(), 0, 2 * page(), MAYMOVE, 0).unwrap(), 2 * page());
        assert_ne!(alias.start(), map.start());
        map.set(1, 4);
        assert_eq!(alias.get(1), 4);
        alias.set(0, 5);
        assert_eq!(map.get(0), 5);
    }
}

/// The old range can stay mapped without its pages: it reads as zeros.
#[test]
fn dontunmap_leaves_the_old_range_mapped_and_empty() {
    let old = Map::private(2);
    old.fill(7);
    let new = Map::adopt(remap(old.start(), old.len(), old.len(), KEEP_OLD, 0).unwrap(), old.len());
    assert_ne!(new.start(), old.start());
    assert_eq!([new.get(0), new.get(1), old.get(0), old.get(1)], [7, 7, 0, 0]);
    old.set(0, 1);
    assert_eq!(new.get(0), 7);
}

/// That works on shared mappings too, where both ranges then show the same pages.
#[test]
fn dontunmap_on_a_shared_map_shows_the_pages_twice() {
    let old = Map::shared(1);
    old.set(0, 7);
    let new = Map::adopt(remap(old.start(), page(), page(), KEEP_OLD, 0).unwrap(), page());
    assert_eq!((new.get(0), old.get(0)), (7, 7));
    old.set(0, 8);
    assert_eq!(new.get(0), 8);
}
