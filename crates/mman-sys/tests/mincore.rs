//! What mincore tells, and what it refuses.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may stop at what it does not expect"
)]

mod common;

use common::map::in_core;
use common::{Map, RW, in_child, memfd, page};
use mman_sys::{Errno, MapFlags};

/// The address must be the start of a page.
#[test]
fn an_unaligned_address_is_einval() {
    let map = Map::private(1);
    assert_eq!(in_core(map.start() + 1, 1, Some(&mut [0; 2])), Err(Errno::EINVAL));
}

/// A range with a hole, and one longer than the address space, are refused.
#[test]
fn a_hole_or_too_long_a_range_is_enomem() {
    in_child(|| {
        let map = Map::private(3);
        map.unmap(1..2).unwrap();
        assert_eq!(map.resident(0..3), Err(Errno::ENOMEM));
        assert_eq!(map.resident(1..2), Err(Errno::ENOMEM));
        assert_eq!(in_core(map.start(), usize::MAX, Some(&mut [])), Err(Errno::ENOMEM));
    });
}

/// Where the answer cannot be written it is refused.
#[test]
fn an_answer_without_room_is_efault() {
    let map = Map::private(1);
    assert_eq!(in_core(map.start(), page(), None), Err(Errno::EFAULT));
}

/// A length of nothing succeeds, and nothing is written.
#[test]
fn length_0_succeeds() {
    let map = Map::private(1);
    let mut answer = [0xaa];
    assert_eq!(in_core(map.start(), 0, Some(&mut answer)), Ok(()));
    assert_eq!(answer, [0xaa]);
}

/// Memory nobody touched is not there; one that was only read is.
#[test]
fn an_untouched_page_is_not_there_and_a_read_one_is() {
    let map = Map::private(2);
    map.advise(0..2, mman_sys::Advice::NOHUGEPAGE).ok();
    assert_eq!(map.resident(0..2), Ok(vec![false, false]));
    map.get(0);
    assert_eq!(map.resident(0..2), Ok(vec![true, false]));
}

/// Only the lowest bit of a byte means something, and the kernel writes the others as zeros.
#[test]
fn each_byte_is_0_or_1() {
    let map = Map::private(2);
    map.advise(0..2, mman_sys::Advice::NOHUGEPAGE).ok();
    map.set(1, 1);
    let mut answer = [0xff, 0xff];
    in_core(map.start(), 2 * page(), Some(&mut answer)).unwrap();
    assert_eq!(answer, [0, 1]);
}

/// The length counts in whole pages: one byte of the next page is a byte of the answer.
#[test]
fn a_length_is_rounded_up_to_whole_pages() {
    let map = Map::shared(3);
    map.fill(1);
    let mut answer = [0xaa; 3];
    in_core(map.start(), page() + 1, Some(&mut answer)).unwrap();
    assert_eq!(answer, [1, 1, 0xaa]);
}

/// A page of an object is there for every mapping of it, also for one that never touched it.
#[test]
fn a_page_of_an_object_is_there_for_all() {
    let file = memfd(2);
    let (first, second) =
        (Map::of(&file, 2, RW, MapFlags::SHARED), Map::of(&file, 2, RW, MapFlags::SHARED));
    first.set(1, 1);
    assert_eq!(second.resident(0..2), Ok(vec![false, true]));
}
