//! What msync writes back, and what it refuses.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may stop at what it does not expect"
)]

mod common;

use common::{Map, RW, attempts_until, dirty_pages, disk_file, in_child, memfd, page, ptr};
use mman_sys::{Errno, MapFlags, SyncFlags, msync};
use std::fs::File;

/// A mapping of a file on disk, every page of it written to and not written back yet.
fn dirty_map(file: &File, pages: usize) -> Map {
    let map = Map::of(file, pages, RW, MapFlags::SHARED);
    let mut value = 0;
    // Somebody else's `sync` may clean them before they are counted: then once more.
    let all_dirty = attempts_until(|| {
        value += 1;
        map.fill(value);
        dirty_pages(file, 0, pages) == pages as u64
    });
    assert!(all_dirty, "stored pages are dirty");
    map
}

/// Invalidating is refused where a page is locked.
#[test]
fn invalidate_on_a_locked_page_is_ebusy() {
    for map in [Map::of(&memfd(2), 2, RW, MapFlags::SHARED), Map::private(2)] {
        assert_eq!(map.sync(0..2, SyncFlags::INVALIDATE), Ok(()));
        map.lock(1..2).unwrap();
        assert_eq!(map.sync(0..1, SyncFlags::INVALIDATE), Ok(()));
        assert_eq!(map.sync(0..2, SyncFlags::INVALIDATE), Err(Errno::EBUSY));
        assert_eq!(map.sync(0..2, SyncFlags::SYNC), Ok(()), "only with that flag");
        map.unlock(1..2).unwrap();
        assert_eq!(map.sync(0..2, SyncFlags::INVALIDATE), Ok(()));
    }
}

/// A flag that does not exist is refused, and so are waiting and not waiting together.
#[test]
fn bad_flags_are_einval() {
    let map = Map::of(&memfd(1), 1, RW, MapFlags::SHARED);
    assert_eq!(map.sync(0..1, SyncFlags::from_bits(8)), Err(Errno::EINVAL));
    assert_eq!(map.sync(0..1, SyncFlags::SYNC | SyncFlags::ASYNC), Err(Errno::EINVAL));
}

/// The address must be the start of a page.
#[test]
fn an_unaligned_address_is_einval() {
    let map = Map::of(&memfd(1), 1, RW, MapFlags::SHARED);
    assert_eq!(msync(ptr(map.start() + 1), 1, SyncFlags::SYNC), Err(Errno::EINVAL));
}

/// POSIX wants one of the two ways; Linux is content with neither.
#[test]
fn no_flag_at_all_is_accepted() {
    let map = Map::of(&memfd(1), 1, RW, MapFlags::SHARED);
    assert_eq!(map.sync(0..1, SyncFlags::empty()), Ok(()));
}

/// A length of nothing succeeds, even where nothing is mapped.
#[test]
fn length_0_succeeds_anywhere() {
    assert_eq!(msync(ptr(0), 0, SyncFlags::SYNC), Ok(()));
    assert_eq!(msync(ptr(1 << 63), 0, SyncFlags::SYNC), Ok(()));
}

/// A length so large that it rounds to nothing succeeds as nothing does.
#[test]
fn a_length_that_rounds_to_0_succeeds() {
    assert_eq!(msync(ptr(0), usize::MAX, SyncFlags::SYNC), Ok(()));
    assert_eq!(msync(ptr(0), usize::MAX - page() + 2, SyncFlags::SYNC), Ok(()));
    assert_eq!(msync(ptr(0), usize::MAX - page() + 1, SyncFlags::SYNC), Err(Errno::ENOMEM));
}

/// A range without a mapping is refused.
#[test]
fn a_range_that_is_not_mapped_is_enomem() {
    in_child(|| {
        let map = Map::shared(1);
        map.unmap(0..1).unwrap();
        for flags in [SyncFlags::SYNC, SyncFlags::ASYNC, SyncFlags::INVALIDATE] {
            assert_eq!(map.sync(0..1, flags), Err(Errno::ENOMEM), "{flags:?}");
        }
    });
}

/// At a hole it goes on: what is mapped is written back, and the error comes at the end.
#[test]
fn a_hole_does_not_keep_the_rest_from_being_written_back() {
    in_child(|| {
        let Some(file) = disk_file(4) else { return };
        let map = dirty_map(&file, 4);
        map.unmap(1..2).unwrap();
        assert_eq!(map.sync(0..3, SyncFlags::SYNC), Err(Errno::ENOMEM));
        assert_eq!(dirty_pages(&file, 0, 1), 0, "before the hole");
        assert_eq!(dirty_pages(&file, 2, 1), 0, "behind the hole");
    });
}

/// Waiting writes back the pages of the range and no others.
#[test]
fn sync_writes_back_the_range() {
    let Some(file) = disk_file(64) else { return };
    let map = dirty_map(&file, 64);
    let only_the_range = attempts_until(|| {
        map.fill(1);
        map.sync(0..32, SyncFlags::SYNC).unwrap();
        assert_eq!(dirty_pages(&file, 0, 32), 0);
        dirty_pages(&file, 32, 32) == 32
    });
    assert!(only_the_range);
}

/// Not waiting starts nothing: the pages are as dirty as before.
#[test]
fn async_starts_nothing() {
    let Some(file) = disk_file(4) else { return };
    let map = dirty_map(&file, 4);
    let still_dirty = attempts_until(|| {
        map.fill(1);
        map.sync(0..4, SyncFlags::ASYNC).unwrap();
        dirty_pages(&file, 0, 4) == 4
    });
    assert!(still_dirty);
}

/// A private mapping has nothing to write back: the file's own dirty page stays dirty.
#[test]
fn a_private_map_writes_nothing_back() {
    let Some(file) = disk_file(1) else { return };
    let shared = dirty_map(&file, 1);
    let private = Map::of(&file, 1, RW, MapFlags::PRIVATE);
    let still_dirty = attempts_until(|| {
        shared.set(0, 1);
        private.set(0, 2);
        private.sync(0..1, SyncFlags::SYNC).unwrap();
        dirty_pages(&file, 0, 1) == 1
    });
    assert!(still_dirty);
    assert_eq!(shared.get(0), 1);
}

/// Memory without a file succeeds with nothing done.
#[test]
fn memory_without_a_file_succeeds() {
    for map in [Map::private(1), Map::shared(1)] {
        map.set(0, 1);
        assert_eq!(map.sync(0..1, SyncFlags::SYNC), Ok(()));
        assert_eq!(map.get(0), 1);
    }
}
