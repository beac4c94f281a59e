//! What mprotect changes, and what it refuses.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may stop at what it does not expect"
)]

mod common;

use common::files::seal;
use common::map::protect;
use common::{Map, RW, dies_by, in_child, last_words, line_of, memfd, page, sealable, vm_lck};
use mman_sys::{Errno, MapFlags, Prot, Seals, Signal};
use std::fs::File;

/// The protection of a page as `/proc/self/maps` shows it.
fn access(map: &Map, index: usize) -> String {
    line_of(map.at(index)).unwrap().access
}

/// A shared mapping of a descriptor that cannot write cannot be made writable.
#[test]
fn write_access_to_a_shared_map_of_a_read_only_descriptor_is_eacces() {
    let named = tempfile::NamedTempFile::new().unwrap();
    named.as_file().set_len(page() as u64).unwrap();
    let file = File::open(named.path()).unwrap();
    let shared = Map::of(&file, 1, Prot::READ, MapFlags::SHARED);
    assert_eq!(shared.protect(0..1, RW), Err(Errno::EACCES));
    let private = Map::of(&file, 1, Prot::READ, MapFlags::PRIVATE);
    assert_eq!(private.protect(0..1, RW), Ok(()));
}

/// Nor one of a memfd that is sealed against writing.
#[test]
fn write_access_to_a_shared_map_of_a_sealed_memfd_is_eacces() {
    for seals in [Seals::WRITE, Seals::FUTURE_WRITE] {
        let file = sealable(1);
        seal(&file, seals).unwrap();
        let map = Map::of(&file, 1, Prot::READ, MapFlags::SHARED);
        assert_eq!(map.protect(0..1, RW), Err(Errno::EACCES), "{seals:?}");
    }
}

/// The address must be the start of a page.
#[test]
fn an_unaligned_address_is_einval() {
    let map = Map::private(1);
    assert_eq!(protect(map.start() + 1, page() - 1, Prot::READ), Err(Errno::EINVAL));
}

/// A protection bit that the kernel does not know is refused (mmap ignores it).
#[test]
fn an_unknown_protection_bit_is_einval() {
    let map = Map::private(1);
    assert_eq!(map.protect(0..1, Prot::READ | Prot::from_bits(0x800)), Err(Errno::EINVAL));
    map.set(0, 1);
}

/// Down and up are not asked for at the same time.
#[test]
fn growing_down_and_up_together_is_einval() {
    let map = Map::anonymous(1, RW, MapFlags::PRIVATE | MapFlags::GROWSDOWN);
    let both = Prot::READ | Prot::GROWSDOWN | Prot::GROWSUP;
    assert_eq!(map.protect(0..1, both), Err(Errno::EINVAL));
}

/// Down to its start is for mappings that grow down.
#[test]
fn growing_down_on_an_ordinary_map_is_einval() {
    let map = Map::private(1);
    assert_eq!(map.protect(0..1, Prot::READ | Prot::GROWSDOWN), Err(Errno::EINVAL));
    let stack = Map::anonymous(2, RW, MapFlags::PRIVATE | MapFlags::GROWSDOWN);
    assert_eq!(stack.protect(1..2, Prot::READ | Prot::GROWSDOWN), Ok(()));
    assert_eq!([access(&stack, 0), access(&stack, 1)], ["r--p", "r--p"], "down to the start");
}

/// A length of nothing succeeds, even where nothing is mapped.
#[test]
fn length_0_succeeds_anywhere() {
    in_child(|| {
        let map = Map::private(1);
        assert_eq!(protect(map.start(), 0, Prot::NONE), Ok(()));
        assert_eq!(access(&map, 0), "rw-p");
        map.unmap(0..1).unwrap();
        assert_eq!(protect(map.start(), 0, Prot::NONE), Ok(()));
        assert_eq!(protect(0, 0, Prot::NONE), Ok(()));
    });
}

/// A range without a mapping is refused, and so is one that comes round at the end.
#[test]
fn a_range_that_is_not_mapped_is_enomem() {
    in_child(|| {
        let map = Map::private(1);
        assert_eq!(protect(map.start(), usize::MAX - page(), RW), Err(Errno::ENOMEM));
        map.unmap(0..1).unwrap();
        assert_eq!(map.protect(0..1, RW), Err(Errno::ENOMEM));
    });
}

/// At a hole it stops: the pages before it are changed already, those behind it are not.
#[test]
fn a_hole_stops_it_half_way() {
    in_child(|| {
        let map = Map::private(3);
        map.unmap(1..2).unwrap();
        assert_eq!(map.protect(0..3, Prot::READ), Err(Errno::ENOMEM));
        assert_eq!([access(&map, 0), access(&map, 2)], ["r--p", "rw-p"]);
    });
}

/// The length counts in whole pages.
#[test]
fn a_length_is_rounded_up_to_whole_pages() {
    let map = Map::private(3);
    protect(map.start(), page() + 1, Prot::READ).unwrap();
    assert_eq!([0, 1, 2].map(|index| access(&map, index)), ["r--p", "r--p", "rw-p"]);
}

/// Locks stay when access goes.
#[test]
fn locks_survive() {
    in_child(|| {
        let map = Map::private(4);
        map.lock(0..4).unwrap();
        map.protect(0..2, Prot::NONE).unwrap();
        assert_eq!(vm_lck(), 4);
    });
}

/// A store where only reading is left ends the process.
#[test]
fn a_store_without_write_access_is_sigsegv() {
    dies_by(Signal::SIGSEGV, || {
        let map = Map::of(&memfd(1), 1, RW, MapFlags::SHARED);
        map.set(0, 1);
        map.protect(0..1, Prot::READ).unwrap();
        assert_eq!(map.get(0), 1);
        last_words();
        map.set(0, 2);
    });
}
