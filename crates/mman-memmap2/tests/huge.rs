//! Huge pages go back to their pool. memmap2 unmaps as many bytes as were asked for, which the kernel refuses unless they
//! are whole huge pages: the map leaks, with its pages.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    reason = "a test may stop at what it does not expect"
)]

mod own;

use mman_memmap2::{Advice, MmapMut, MmapOptions};
use mman_testkit::huge::Pool;
use mman_testkit::{child, maps, page};
use std::io::ErrorKind;

fn huge(len: usize) -> MmapMut {
    MmapOptions::new().huge(None).len(len).map_anon().unwrap()
}

#[test]
fn the_pool_is_as_it_was_when_maps_of_any_length_are_gone() {
    child::run(|| {
        let Some(_pool) = Pool::with(4) else { return };
        let size = Pool::page_size();
        let (free, promised) = (Pool::free(), Pool::promised());
        for len in [1, page(), size - 1, size, size + 1, 2 * size - page()] {
            let mut map = huge(len);
            let pages = len.div_ceil(size);
            assert_eq!(free - Pool::free(), pages, "there before they are touched");
            map.fill(1);
            assert_eq!((map.len(), free - Pool::free()), (len, pages));
            let start = map.as_ptr().addr();
            let map = map.make_read_only().unwrap();
            map.advise_range(Advice::Random, 0, 1).unwrap();
            assert!(map.iter().all(|byte| *byte == 1));
            drop(map);
            assert_eq!((Pool::free(), Pool::promised()), (free, promised), "{len} bytes");
            assert!(maps::is_free(start..start + pages * size));
        }
    });
}

/// The kernel lets huge pages of the pool be given back by `mremap`, and none be added.
#[test]
fn shrinking_gives_whole_huge_pages_back() {
    child::run(|| {
        let Some(_pool) = Pool::with(2) else { return };
        let size = Pool::page_size();
        let free = Pool::free();
        let mut map = huge(size + 1);
        map.fill(7);
        own::remap(&mut map, 2 * size, false).unwrap();
        assert_eq!((map[size], map[2 * size - 1], free - Pool::free()), (7, 0, 2));
        assert_eq!(own::remap(&mut map, 2 * size + 1, true).unwrap_err().raw_os_error(), Some(22));
        assert_eq!((map.len(), map[size]), (2 * size, 7));
        own::remap(&mut map, 5, false).unwrap();
        assert_eq!((free - Pool::free(), &map[..]), (1, &[7; 5][..]));
        drop(map);
        assert_eq!(Pool::free(), free);
    });
}

/// Without a promise a touch is SIGBUS when the pool is empty. The call answers instead.
#[test]
fn an_empty_pool_is_an_error_and_no_signal() {
    child::run(|| {
        let Some(_pool) = Pool::with(2) else { return };
        let size = Pool::page_size();
        let spare = Pool::free() - Pool::promised();
        let how = |pages: usize| {
            MmapOptions::new().huge(None).no_reserve_swap().len(pages * size).map_anon()
        };
        let mut all = how(spare).unwrap();
        assert_eq!(Pool::free() - Pool::promised(), 0, "promised");
        assert_eq!(how(1).unwrap_err().raw_os_error(), Some(12), "ENOMEM");
        all[spare * size - 1] = 1;
    });
}

#[test]
fn sizes_that_are_none_are_refused() {
    let map = |bits| MmapOptions::new().huge(Some(bits)).len(1).map_anon();
    for bits in [64, 64 + 21, 255] {
        assert_eq!(map(bits).unwrap_err().kind(), ErrorKind::InvalidInput, "{bits}");
    }
    for bits in [1, 12, 13, 63] {
        map(bits).unwrap_err();
    }
}

#[test]
fn the_usual_size_by_number_is_the_usual_size() {
    let Some(_pool) = Pool::with(1) else { return };
    let size = Pool::page_size();
    let bits = u8::try_from(size.ilog2()).unwrap();
    for how in [None, Some(0), Some(bits)] {
        let map = MmapOptions::new().huge(how).len(1).map_anon().unwrap();
        let start = map.as_ptr().addr();
        assert_eq!(maps::within(start..start + size)[0].range.len(), size, "{how:?}");
    }
}
