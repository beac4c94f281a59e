//! Residency: what is in memory, who is told the truth about it, and what the page cache says.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may stop at what it does not expect"
)]

use mman::kernel::Feature;
use mman::{
    Anonymous, CacheStatus, Cause, Discard, FileObject, HugePageSize, MapOptions, Operation,
    Reservation,
};
use mman_testkit::files::{Folder, open_read_write};
use mman_testkit::mount::{self, Mount};
use mman_testkit::{child, huge, limits, memory, page, require};
use std::io::Write;

/// Anonymous memory is in memory when it was touched, reading included, and gone when it was dropped.
#[test]
fn anonymous_pages_are_resident_when_touched() {
    let mut memory = Anonymous::new(10 * page()).map().unwrap();
    assert_eq!(memory.pages().resident(..).unwrap(), 0);
    memory.read_at(page(), &mut [0]).unwrap();
    memory.write_at(4 * page() - 1, b"xy").unwrap();
    let residency = memory.pages().residency(..).unwrap();
    assert_eq!((residency.pages(), residency.count()), (10, 3));
    let expected = [false, true, false, true, true, false, false, false, false, false];
    let found: Vec<bool> = (0..10).map(|index| residency.is_resident(index)).collect();
    assert_eq!(found, expected);
    assert_eq!(found, memory::resident(memory.as_ptr().addr(), 10).unwrap());
    let runs: Vec<_> = residency.runs().collect();
    assert_eq!(runs, [page()..2 * page(), 3 * page()..5 * page()]);
    assert!(!residency.is_resident(10) && !residency.is_resident(usize::MAX));
    memory.discard(3 * page()..4 * page(), Discard::Now).unwrap();
    assert_eq!(memory.pages().resident(..).unwrap(), 2 * page());
}

/// Runs and counts are in bytes of the owner, cut off at the range that was asked for.
#[test]
fn a_range_inside_pages_is_answered_in_its_own_bytes() {
    let options = MapOptions::private().read_write().range(1000..5 * page() as u64);
    let memory = options.map(&Anonymous::new(5 * page())).unwrap();
    memory.write_at(0, b"first page").unwrap();
    memory.write_at(page(), b"second page").unwrap();
    let second = page() - 1000; // the first byte of the second page
    let residency = memory.pages().residency(10..second + 7).unwrap();
    assert_eq!((residency.pages(), residency.count()), (2, 2));
    assert_eq!(residency.runs().collect::<Vec<_>>(), std::slice::from_ref(&(10..second + 7)));
    assert_eq!(memory.pages().resident(10..second + 7).unwrap(), second + 7 - 10);
    assert_eq!(memory.pages().resident(..).unwrap(), second + page());
    let none = memory.pages().residency(20..20).unwrap();
    assert_eq!((none.pages(), none.count(), none.runs().count()), (0, 0, 0));
    assert_eq!(memory.pages().residency(3 * page()..).unwrap().runs().count(), 0);
}

/// One TiB is counted without a buffer of one TiB's pages, and its few pages are found.
#[test]
fn a_terabyte_of_address_space_is_counted() {
    let mut space = Reservation::new(1 << 40).unwrap();
    for at in [0, 1 << 39, (1 << 40) - page()] {
        space.commit(at..at + page()).unwrap();
        space.write_at(at, b"x").unwrap();
    }
    assert_eq!(space.pages().resident(..1 << 36).unwrap(), page());
    let middle = (1 << 39) - (1 << 30)..(1 << 39) + (1 << 30);
    assert_eq!(space.pages().resident(middle).unwrap(), page());
    assert_eq!(space.pages().resident((1 << 40) - (1 << 30)..).unwrap(), page());
}

#[test]
fn a_file_is_resident_as_its_cache_is() {
    let folder = Folder::new();
    let file = FileObject::open_read_write(folder.patterned("file", 8 * page())).unwrap();
    let mapping = file.map().unwrap();
    let guard = mapping.pages().lock(..4 * page()).unwrap();
    assert!(mapping.pages().resident(..).unwrap() >= 4 * page());
    if require::feature(Feature::Cachestat) {
        let status = file.cache(..4 * page() as u64).unwrap();
        assert_eq!((status.cached, status.evicted), (4, 0));
    }
    drop(guard);
}

#[test]
fn cache_status_counts_what_was_changed() {
    if !require::feature(Feature::Cachestat) {
        return;
    }
    let folder = Folder::new();
    let path = folder.patterned("file", 16 * page());
    let mut plain = open_read_write(&path);
    plain.sync_all().unwrap();
    let file = FileObject::open(&path).unwrap();
    let mapping = file.map().unwrap();
    let _stay = mapping.pages().lock(..).unwrap();
    assert_eq!(file.cache(..).unwrap().dirty, 0);
    plain.write_all(&vec![7; 3 * page()]).unwrap();
    let status = file.cache(..).unwrap();
    assert_eq!(status.cached, 16);
    assert!(status.dirty + status.writeback <= 16, "{status:?}");
    // A page that is being written back, or was, is no longer dirty: the disk may be quick. But it is not quicker
    // than three tries.
    let mut seen = status.dirty + status.writeback > 0;
    for _ in 0..3 {
        plain.write_all(&vec![8; page()]).unwrap();
        let status = file.cache(..).unwrap();
        seen |= status.dirty + status.writeback > 0;
    }
    assert!(seen, "no change was ever seen");
    plain.sync_all().unwrap();
    let status = file.cache(..).unwrap();
    assert_eq!((status.dirty, status.writeback), (0, 0));
    assert_eq!(file.cache(5..6).unwrap().cached, 1, "a byte is its page");
    assert_eq!(
        file.cache(7..7).unwrap(),
        mman::CacheStatus::default(),
        "nothing, not all the rest"
    );
}

/// Who looks at many files asks once for each: the answer is that of the longer way, whatever the file's size.
#[test]
fn one_call_tells_of_any_open_file() {
    if !require::feature(Feature::Cachestat) {
        return;
    }
    let folder = Folder::new();
    let path = folder.patterned("file", 16 * page() - 1);
    let plain = std::fs::File::open(&path).unwrap();
    let object = FileObject::open(&path).unwrap();
    let mapping = object.map().unwrap();
    let _stay = mapping.pages().lock(..).unwrap();
    let size = 16 * page() as u64 - 1;
    let cached = |status: mman::CacheStatus| status.cached;
    let page = page() as u64;
    assert_eq!(CacheStatus::of(&plain, ..).map(cached).unwrap(), 16);
    assert_eq!(CacheStatus::of(&plain, page - 1..page + 1).map(cached).unwrap(), 2);
    assert_eq!(CacheStatus::of(&plain, 3 * page..1 << 62).map(cached).unwrap(), 13);
    for nothing in [7..7, size..size, 16 * page..u64::MAX, u64::MAX..u64::MAX] {
        assert_eq!(CacheStatus::of(&plain, nothing).unwrap(), CacheStatus::default());
    }
    #[expect(clippy::reversed_empty_ranges, reason = "what is tested")]
    let error = CacheStatus::of(&plain, 9..7).unwrap_err();
    assert!(matches!(error.cause(), Cause::Range(_)), "{error}");
    let (end, _writer) = std::io::pipe().unwrap();
    assert_eq!(CacheStatus::of(end, ..).unwrap(), CacheStatus::default(), "a pipe has no pages");
}

/// Files of huge pages are in no page cache that cachestat knows.
#[test]
fn files_of_huge_pages_have_no_cache_status() {
    child::run(|| {
        if !require::root() || !require::feature(Feature::Cachestat) {
            return;
        }
        mount::be_alone();
        let folder = Folder::new();
        let Ok(_mount) = Mount::new("hugetlbfs", folder.path(), c"") else {
            require::skip("hugetlbfs");
            return;
        };
        let file = FileObject::open_read_write(folder.sparse("file", 4 << 20)).unwrap();
        let error = file.cache(..).unwrap_err();
        assert_eq!(error.cause(), Cause::NotSupported, "{error}");
        assert!(file.residency_is_visible().unwrap());
    });
}

#[test]
fn cache_ranges_are_checked() {
    let folder = Folder::new();
    let file = FileObject::open(folder.patterned("file", 100)).unwrap();
    for wrong in [0..101, 101..102, u64::MAX - 1..u64::MAX] {
        let error = file.cache(wrong).unwrap_err();
        assert!(matches!(error.cause(), Cause::Range(_)), "{error}");
        assert_eq!((error.operation(), error.errno()), (Operation::Residency, None));
    }
}

/// Belief: mincore tells what is in memory. To who may not write to a file it says "all of it", since 5.2.
#[test]
fn nobody_is_told_lies_and_can_know_it() {
    child::run(|| {
        if !require::root() {
            return;
        }
        let folder = Folder::new();
        let path = folder.sparse("file", 64 << 20);
        let read_only = FileObject::open(&path).unwrap();
        let mapping = read_only.map().unwrap();
        let own = FileObject::open(folder.patterned("own", page())).unwrap();
        rustix::fs::fchown(own.file(), Some(rustix::fs::Uid::from_raw(65_534)), None).unwrap();
        assert!(read_only.residency_is_visible().unwrap());
        assert!(mapping.pages().resident(..).unwrap() < 64 << 20, "to root the truth");

        limits::become_nobody();
        let told = mapping.pages().resident(..).unwrap();
        let visible = read_only.residency_is_visible().unwrap();
        if told == 64 << 20 {
            assert!(!visible, "it is a lie, and said so");
        } else {
            assert!(visible, "before 5.2 everybody is told");
        }
        assert!(own.residency_is_visible().unwrap(), "the owner is told the truth");
        if require::feature(Feature::Cachestat) {
            match read_only.cache(..) {
                Err(error) => assert_eq!(error.cause(), Cause::Hidden, "{error}"),
                Ok(status) => assert!(status.cached < (64 << 20) / page() as u64, "before 6.14"),
            }
        }
    });
}

#[test]
fn huge_pages_are_counted_as_what_they_are() {
    let Some(pool) = huge::Pool::with(3) else { return };
    let size = huge::Pool::page_size();
    let huge = HugePageSize::new(mman::PageSize::new(size).unwrap());
    let options = MapOptions::private().read_write().huge_pages(huge);
    let memory = options.map(&Anonymous::new(3 * size)).unwrap();
    memory.write_at(size, b"x").unwrap();
    let residency = memory.pages().residency(..).unwrap();
    assert_eq!((residency.pages(), residency.count()), (3, 1));
    assert_eq!(residency.runs().collect::<Vec<_>>(), std::slice::from_ref(&(size..2 * size)));
    assert_eq!(memory.pages().resident(..).unwrap(), size);
    drop(memory);
    drop(pool);
}
