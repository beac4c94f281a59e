//! Eight beliefs about memory mapping that are wrong, though often written down, and what is so instead.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may stop at what it does not expect"
)]

mod common;

use common::map::{remap_pages, unmap};
use common::proc::number;
use common::rights::drop_raw_io;
use common::{
    Map, RW, attempts_until, dies_by, dirty_pages, disk_file, in_child, last_words, line_of, memfd,
    page, refused, vm_lck,
};
use mman_sys::{Advice, Errno, MapFlags, Prot, Signal, SyncFlags};
use std::os::unix::fs::FileExt;

/// Belief: "remap_file_pages was removed from Linux."
///
/// It was marked deprecated in 3.16, and in 4.0 the mechanism behind it was taken out; but the call stayed,
/// emulated by ordinary mappings. Whoever calls it gets what it always gave: other pages of the file in
/// the same addresses. It only costs one mapping for each piece.
#[test]
fn remap_file_pages_still_works() {
    let map = Map::of(&memfd(2), 2, RW, MapFlags::SHARED);
    map.set(0, b'0');
    map.set(1, b'1');
    assert_eq!(remap_pages(map.at(0), page(), Prot::NONE, 1, MapFlags::empty()), Ok(()));
    assert_eq!(remap_pages(map.at(1), page(), Prot::NONE, 0, MapFlags::empty()), Ok(()));
    assert_eq!([map.get(0), map.get(1)], *b"10", "the pages changed places");
}

/// Belief: "A store to a shared mapping reaches the file, or other processes, at msync or at munmap."
///
/// The mapping shows the page cache itself, and `read` and every other mapping show the same page: a
/// store is visible to all of them at once. What is deferred is only the way to the device, and that is
/// what `msync` waits for. `munmap` does not even start it: the page is as dirty as before.
#[test]
fn a_shared_store_is_visible_at_once_and_munmap_writes_nothing_back() {
    for file in disk_file(1).into_iter().chain([memfd(1)]) {
        let (map, other) =
            (Map::of(&file, 1, RW, MapFlags::SHARED), Map::of(&file, 1, RW, MapFlags::SHARED));
        map.set(0, 7);
        let mut byte = [0];
        file.read_exact_at(&mut byte, 0).unwrap();
        assert_eq!((byte[0], other.get(0)), (7, 7));
    }
    let Some(file) = disk_file(1) else { return };
    let mut value = 0;
    let dirty_after_munmap = attempts_until(|| {
        value += 1;
        let map = Map::of(&file, 1, RW, MapFlags::SHARED);
        map.set(0, value);
        map.unmap(0..1).unwrap();
        map.disown();
        dirty_pages(&file, 0, 1) == 1
    });
    assert!(dirty_after_munmap);
}

/// Belief: "MS_INVALIDATE makes a mapping see what was written to the file."
///
/// On Linux there is nothing to refresh: a shared page is the file's page, and sees every write without
/// it; a private copy is a copy, and the flag does not throw it away. All that the flag does is to look
/// for locked pages, and to answer EBUSY if there is one.
#[test]
fn invalidating_refreshes_nothing_and_only_minds_locks() {
    let file = memfd(1);
    let shared = Map::of(&file, 1, RW, MapFlags::SHARED);
    let private = Map::of(&file, 1, RW, MapFlags::PRIVATE);
    private.set(0, 1);
    file.write_all_at(&[2], 0).unwrap();
    assert_eq!(shared.get(0), 2, "without the flag");
    assert_eq!(private.sync(0..1, SyncFlags::INVALIDATE), Ok(()));
    assert_eq!(private.get(0), 1, "the copy is still there");
    shared.lock(0..1).unwrap();
    assert_eq!(shared.sync(0..1, SyncFlags::INVALIDATE), Err(Errno::EBUSY));
}

/// Belief: "MAP_FIXED fails if something is mapped at the address."
///
/// It replaces what is there, silently, whoever mapped it. The flag that fails is another and newer one,
/// MAP_FIXED_NOREPLACE, and its error is EEXIST.
#[test]
fn fixed_replaces_and_fixed_noreplace_fails() {
    let map = Map::private(1);
    map.set(0, 7);
    let flags = MapFlags::PRIVATE | MapFlags::ANONYMOUS | MapFlags::FIXED_NOREPLACE;
    assert_eq!(refused(Map::call(map.start(), page(), RW, flags, -1, 0)), Errno::EEXIST);
    assert_eq!(map.get(0), 7);
    map.replace(0, MapFlags::empty()).unwrap();
    assert_eq!(map.get(0), 0, "gone without a word");
}

/// Belief: "MAP_POPULATE with MAP_NONBLOCK brings in what is in the cache already, without waiting."
///
/// That was so until 2.6.22. Since then the second flag takes away the effect of the first, so that
/// the two together do nothing at all, not even where nothing would have to be waited for.
#[test]
fn populate_with_nonblock_does_nothing() {
    let flags = MapFlags::SHARED | MapFlags::POPULATE;
    assert_eq!(Map::anonymous(2, RW, flags).resident(0..2), Ok(vec![true; 2]));
    let neither = Map::anonymous(2, RW, flags | MapFlags::NONBLOCK);
    assert_eq!(neither.resident(0..2), Ok(vec![false; 2]));
    // Of a file whose page is in the cache nothing is mapped either: the page table has no entry.
    let file = memfd(1);
    file.write_all_at(b"c", 0).unwrap();
    let present = mman_sys::PageCategories::PRESENT;
    let entries = |flags| {
        let map = Map::of(&file, 1, Prot::READ, flags);
        common::scan::pages_with(map.start()..map.end(), present).len()
    };
    assert_eq!((entries(flags), entries(flags | MapFlags::NONBLOCK)), (1, 0));
}

/// Belief: "A hint may be any address, and munmap needs address and length in whole pages."
///
/// A hint below the lowest address that a program may map (`vm.mmap_min_addr`) is not followed, and
/// without privilege a fixed mapping there is refused. And of munmap's two numbers only the address
/// must be that of a page; the length is rounded up.
#[test]
fn a_hint_has_a_lowest_address_and_munmap_only_an_aligned_one() {
    in_child(|| {
        drop_raw_io();
        let lowest = number("/proc/sys/vm/mmap_min_addr");
        let flags = MapFlags::PRIVATE | MapFlags::ANONYMOUS;
        let map = Map::call(1, page(), RW, flags, -1, 0).unwrap();
        assert!(map.start() >= lowest && map.start() != 0);
        if lowest > 0 {
            let fixed = Map::call(0, page(), RW, flags | MapFlags::FIXED, -1, 0);
            assert_eq!(refused(fixed), Errno::EPERM);
        }
        assert_eq!(unmap(map.start() + 1, page() - 1), Err(Errno::EINVAL));
        assert_eq!(unmap(map.start(), 1), Ok(()));
        assert_eq!(line_of(map.start()), None, "all of the page is gone");
    });
}

/// Belief: "MAP_PRIVATE is a snapshot of the file."
///
/// A page is copied when it is stored to, not when it is mapped: until then it is the file's page and
/// follows what others write. And a mapping is not longer than its file: when that is cut, the page is
/// gone, also one that was copied long before, and a touch is SIGBUS.
#[test]
fn private_is_no_snapshot() {
    let file = memfd(1);
    let map = Map::of(&file, 1, RW, MapFlags::PRIVATE);
    assert_eq!(map.get(0), 0);
    file.write_all_at(&[7], 0).unwrap();
    assert_eq!(map.get(0), 7, "written after it was mapped, and read");
    dies_by(Signal::SIGBUS, || {
        let file = memfd(1);
        let map = Map::of(&file, 1, RW, MapFlags::PRIVATE);
        map.set(0, 1);
        file.set_len(0).unwrap();
        last_words();
        map.get(0);
    });
}

/// Belief: "Two locks need two unlocks, and a failed mlock has locked nothing."
///
/// A page is locked or it is not: one unlock undoes any number of locks, also those of another part of
/// the program. And a lock that fails, here because of a hole, keeps what it had locked until then.
#[test]
fn locks_do_not_stack_and_a_failed_lock_leaves_pages_locked() {
    in_child(|| {
        let map = Map::private(4);
        map.lock(0..4).unwrap();
        map.lock(0..4).unwrap();
        map.unlock(0..4).unwrap();
        assert_eq!(vm_lck(), 0);
        map.unmap(1..2).unwrap();
        assert_eq!(map.lock(0..4), Err(Errno::ENOMEM));
        assert_eq!(vm_lck(), 1);
        assert_eq!(map.advise(0..1, Advice::DONTNEED), Err(Errno::EINVAL), "locked indeed");
    });
}
