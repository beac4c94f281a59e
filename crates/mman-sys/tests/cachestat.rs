//! What cachestat counts, and what it refuses.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may stop at what it does not expect"
)]

mod common;

use common::files::{cached, memfd_with, try_cachestat};
use common::{Map, RW, attempts_until, disk_file, memfd, page, refused, skip};
use mman_sys::{CachestatRange, Errno, MapFlags, MemfdFlags};

const ALL: CachestatRange = CachestatRange { off: 0, len: 0 };

/// A range or an answer that is no memory is refused.
#[test]
fn bad_pointers_are_efault() {
    let file = memfd(1);
    assert_eq!(refused(try_cachestat(&file, None, true, 0)), Errno::EFAULT);
    assert_eq!(refused(try_cachestat(&file, Some(ALL), false, 0)), Errno::EFAULT);
}

/// There are no flags.
#[test]
fn a_flag_is_einval() {
    assert_eq!(refused(try_cachestat(&memfd(1), Some(ALL), true, 1)), Errno::EINVAL);
}

/// A number that is no descriptor is refused.
#[test]
fn a_bad_descriptor_is_ebadf() {
    assert_eq!(refused(try_cachestat(&-1, Some(ALL), true, 0)), Errno::EBADF);
}

/// Huge pages are not counted.
#[test]
fn huge_pages_are_eopnotsupp() {
    if !std::path::Path::new("/sys/kernel/mm/hugepages").exists() {
        return skip("huge pages in the kernel");
    }
    let file = memfd_with(0, MemfdFlags::CLOEXEC | MemfdFlags::HUGETLB);
    assert_eq!(refused(try_cachestat(&file, Some(ALL), true, 0)), Errno::EOPNOTSUPP);
}

/// A pipe has no pages of a file, and that is the answer: all zeros, no error.
#[test]
fn a_pipe_has_nothing_cached() {
    let (reader, _writer) = std::io::pipe().unwrap();
    let stat = cached(&reader, 0, 1);
    let counts = [
        stat.nr_cache,
        stat.nr_dirty,
        stat.nr_writeback,
        stat.nr_evicted,
        stat.nr_recently_evicted,
    ];
    assert_eq!(counts, [0; 5]);
}

/// Pages in the cache are counted in the range that is asked about. They are locked, so that they stay.
#[test]
fn cached_pages_of_the_range_are_counted() {
    for file in disk_file(8).into_iter().chain([memfd(8)]) {
        let map = Map::of(&file, 8, RW, MapFlags::SHARED);
        map.fill(1);
        map.lock(0..8).unwrap();
        assert_eq!(cached(&file, 0, 8).nr_cache, 8);
        assert_eq!(cached(&file, 2, 3).nr_cache, 3);
    }
    assert_eq!(cached(&memfd(8), 0, 8).nr_cache, 0);
}

/// A length of nothing is to the end of the file.
#[test]
fn length_0_is_to_the_end() {
    let file = memfd(8);
    let map = Map::of(&file, 8, RW, MapFlags::SHARED);
    map.fill(1);
    map.lock(0..8).unwrap();
    let from = |first: usize| CachestatRange { off: (first * page()) as u64, len: 0 };
    let count = |first| try_cachestat(&file, Some(from(first)), true, 0).map(|stat| stat.nr_cache);
    assert_eq!([count(0), count(5), count(8)], [Ok(8), Ok(3), Ok(0)]);
}

/// A page stored to is dirty until it is written back.
#[test]
fn dirty_pages_are_counted_until_written_back() {
    let Some(file) = disk_file(4) else { return };
    let map = Map::of(&file, 4, RW, MapFlags::SHARED);
    map.lock(0..4).unwrap();
    let mut value = 0;
    // Somebody else's `sync` may be faster than the count: then once more.
    let counted = attempts_until(|| {
        value += 1;
        map.set(1, value);
        cached(&file, 0, 4).nr_dirty == 1
    });
    assert!(counted);
    file.sync_all().unwrap();
    let stat = cached(&file, 0, 4);
    assert_eq!((stat.nr_cache, stat.nr_dirty, stat.nr_writeback), (4, 0, 0));
}
