//! What is left of remap_file_pages: deprecated since 3.16, emulated since 4.0, still there.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may stop at what it does not expect"
)]

mod common;

use common::map::remap_pages;
use common::{Map, RW, in_child, line_of, memfd, page};
use mman_sys::{Errno, MapFlags, Prot};

/// A shared mapping of a memfd whose pages hold their numbers.
fn numbered(pages: u8) -> Map {
    let map = Map::of(&memfd(pages.into()), pages.into(), RW, MapFlags::SHARED);
    for index in 0..pages {
        map.set(index.into(), index);
    }
    map
}

/// Another page of the file in a page of the mapping.
#[test]
fn it_still_shows_another_page_of_the_file() {
    let map = numbered(3);
    let answer = remap_pages(map.at(0), page(), Prot::NONE, 2, MapFlags::empty());
    assert_eq!(answer, Ok(()));
    assert_eq!([map.get(0), map.get(1), map.get(2)], [2, 1, 2]);
    map.set(0, 9);
    assert_eq!(map.get(2), 9, "the same page");
}

/// It is emulated by mapping anew: what was one mapping is several.
#[test]
fn it_splits_the_mapping() {
    let map = numbered(3);
    remap_pages(map.at(1), page(), Prot::NONE, 0, MapFlags::empty()).unwrap();
    let offsets = [0, 1, 2].map(|index| line_of(map.at(index)).unwrap().offset);
    assert_eq!(offsets, [0, 0, 2 * page() as u64]);
}

/// Only shared mappings of files have pages to choose from.
#[test]
fn a_private_or_unmapped_range_is_einval() {
    in_child(|| {
        let private = Map::of(&memfd(2), 2, RW, MapFlags::PRIVATE);
        for map in [&private, &Map::private(2)] {
            let answer = remap_pages(map.at(0), page(), Prot::NONE, 1, MapFlags::empty());
            assert_eq!(answer, Err(Errno::EINVAL));
        }
        private.unmap(0..1).unwrap();
        let answer = remap_pages(private.at(0), page(), Prot::NONE, 1, MapFlags::empty());
        assert_eq!(answer, Err(Errno::EINVAL));
    });
}

/// The protection is that of the mapping: none may be given.
#[test]
fn a_protection_is_einval() {
    let map = numbered(2);
    let answer = remap_pages(map.at(0), page(), Prot::READ, 1, MapFlags::empty());
    assert_eq!((answer, map.get(0)), (Err(Errno::EINVAL), 0));
}

/// Nothing is not a range, and less than a page is nothing.
#[test]
fn a_size_of_0_is_einval() {
    let map = numbered(2);
    for len in [0, page() - 1] {
        let answer = remap_pages(map.at(0), len, Prot::NONE, 1, MapFlags::empty());
        assert_eq!(answer, Err(Errno::EINVAL), "{len}");
    }
}

/// The range lies within mappings of the one file.
#[test]
fn a_range_past_the_mapping_is_einval() {
    in_child(|| {
        let map = numbered(3);
        map.unmap(2..3).unwrap();
        let answer = remap_pages(map.at(1), 2 * page(), Prot::NONE, 0, MapFlags::empty());
        assert_eq!((answer, map.get(1)), (Err(Errno::EINVAL), 1));
    });
}

/// Address and size are rounded down to pages, not refused.
#[test]
fn address_and_size_are_rounded_down() {
    let map = numbered(4);
    let len = 2 * page() - 1;
    let answer = remap_pages(map.at(0) + 1, len, Prot::NONE, 2, MapFlags::empty());
    assert_eq!(answer, Ok(()));
    assert_eq!([map.get(0), map.get(1)], [2, 1], "one page");
}

/// Flags are not looked at, but for the one that does not wait.
#[test]
fn flags_are_ignored() {
    let map = numbered(2);
    for flags in [MapFlags::NONBLOCK, MapFlags::from_bits(0x200), MapFlags::ANONYMOUS] {
        assert_eq!(remap_pages(map.at(0), page(), Prot::NONE, 1, flags), Ok(()), "{flags:?}");
        assert_eq!(map.get(0), 1);
    }
}
