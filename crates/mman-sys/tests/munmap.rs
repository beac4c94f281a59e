//! What munmap takes away, and what it refuses.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may stop at what it does not expect"
)]

mod common;

use common::{Map, RW, dies_by, disk_file, in_child, last_words, line_of, page, refused, vm_lck};
use mman_sys::{Errno, MapFlags, Prot, Signal};

/// Unmaps exactly this range, which is the test's own or refused.
fn munmap(address: usize, len: usize) -> Result<(), Errno> {
    common::map::unmap(address, len)
}

/// A length of nothing is refused.
#[test]
fn length_0_is_einval() {
    assert_eq!(munmap(Map::private(1).start(), 0), Err(Errno::EINVAL));
}

/// The address must be the start of a page.
#[test]
fn an_unaligned_address_is_einval() {
    let map = Map::private(2);
    map.set(1, 1);
    assert_eq!(munmap(map.start() + 1, page()), Err(Errno::EINVAL));
    assert_eq!(map.get(1), 1);
}

/// A range that leaves the address space, or that comes round at its end, is refused.
#[test]
fn a_range_outside_the_address_space_is_einval() {
    let map = Map::private(1);
    assert_eq!(munmap(1 << 63, page()), Err(Errno::EINVAL));
    assert_eq!(munmap(map.start(), usize::MAX - page()), Err(Errno::EINVAL));
    assert_eq!(munmap(map.start(), usize::MAX), Err(Errno::EINVAL));
    assert_eq!(map.get(0), 0);
}

/// That nothing is mapped there is no error, neither in all of the range nor in a part.
#[test]
fn where_nothing_is_mapped_it_succeeds() {
    in_child(|| {
        let map = Map::private(3);
        assert_eq!(map.unmap(1..2), Ok(()));
        assert_eq!(map.unmap(1..2), Ok(()), "nothing at all");
        assert_eq!(map.unmap(0..3), Ok(()), "a hole in the middle");
        assert_eq!([0, 1, 2].map(|index| line_of(map.at(index))), [None, None, None]);
    });
}

/// The length need not be a multiple of the page: the last page goes as a whole.
#[test]
fn a_length_is_rounded_up_to_whole_pages() {
    in_child(|| {
        let map = Map::private(3);
        munmap(map.start(), page() + 1).unwrap();
        assert_eq!([line_of(map.at(0)), line_of(map.at(1))], [None, None]);
        assert!(line_of(map.at(2)).is_some());
    });
}

/// The locks of the pages go with them.
#[test]
fn locks_go_with_the_pages() {
    in_child(|| {
        let map = Map::private(4);
        map.lock(0..4).unwrap();
        assert_eq!(vm_lck(), 4);
        map.unmap(0..1).unwrap();
        assert_eq!(vm_lck(), 3);
        map.unmap(0..4).unwrap();
        assert_eq!(vm_lck(), 0);
    });
}

/// A touch afterwards ends the process.
#[test]
fn a_touch_afterwards_is_sigsegv() {
    dies_by(Signal::SIGSEGV, || {
        let map = Map::private(1);
        map.set(0, 1);
        map.unmap(0..1).unwrap();
        last_words();
        map.get(0);
    });
}

/// What was stored in a private mapping is gone with it.
#[test]
fn private_changes_are_thrown_away() {
    for file in disk_file(1).into_iter().chain([common::memfd(1)]) {
        let map = Map::of(&file, 1, RW, MapFlags::PRIVATE);
        map.set(0, 9);
        drop(map);
        assert_eq!(Map::of(&file, 1, RW, MapFlags::PRIVATE).get(0), 0);
    }
}

/// Cutting a hole makes two mappings of one: refused where the process has as many as it may.
#[test]
fn a_hole_that_needs_one_mapping_too_many_is_enomem() {
    in_child(|| {
        let most = common::proc::number("/proc/sys/vm/max_map_count");
        let whole = Map::reserved(3);
        let room = Map::anonymous(2 * most, Prot::NONE, MapFlags::SHARED);
        let split = (0..most).map(|n| room.protect(2 * n..2 * n + 1, Prot::READ));
        assert_eq!(split.filter_map(Result::err).next(), Some(Errno::ENOMEM));
        // The last step may have been one of two: use up what is left.
        let rest: Vec<_> = [Prot::READ, RW]
            .into_iter()
            .map(|p| Map::try_anonymous(1, p, MapFlags::SHARED))
            .collect();
        assert_eq!(refused(whole.unmap(1..2)), Errno::ENOMEM);
        drop(rest);
        assert!(line_of(whole.at(1)).is_some(), "all or nothing");
    });
}
