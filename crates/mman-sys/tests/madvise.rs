//! What each advice does, and what madvise refuses.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may stop at what it does not expect"
)]

mod common;

use common::map::advise;
use common::proc::{kernel, lines};
use common::scan::pages_with;
use common::{
    Map, RW, dies_by, disk_file, fork_then, in_child, last_words, memfd, page, shm_file, skip,
};
use mman_sys::{Advice, Errno, MapFlags, PageCategories, Prot, Signal};
use std::os::unix::fs::FileExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;

/// A length of nothing succeeds, with an address that is aligned and an advice that exists.
#[test]
fn length_0_succeeds_anywhere() {
    assert_eq!(advise(0, 0, Advice::DONTNEED), Ok(()));
    assert_eq!(advise(1, 0, Advice::DONTNEED), Err(Errno::EINVAL));
    assert_eq!(advise(0, 0, Advice::from_raw(4711)), Err(Errno::EINVAL));
}

/// An address inside a page, a range that comes round, and an advice that does not exist are refused.
#[test]
fn bad_arguments_are_einval() {
    let map = Map::private(1);
    assert_eq!(advise(map.start() + 1, 1, Advice::NORMAL), Err(Errno::EINVAL));
    assert_eq!(advise(map.start(), usize::MAX, Advice::NORMAL), Err(Errno::EINVAL));
    assert_eq!(map.advise(0..1, Advice::from_raw(4711)), Err(Errno::EINVAL));
}

/// A hole is an error told at the end: the mapped parts are advised, those behind it too.
#[test]
fn a_hole_is_enomem_and_the_rest_is_done() {
    in_child(|| {
        let map = Map::private(3);
        map.fill(7);
        map.unmap(1..2).unwrap();
        assert_eq!(map.advise(0..3, Advice::DONTNEED), Err(Errno::ENOMEM));
        assert_eq!([map.get(0), map.get(2)], [0, 0]);
    });
}

/// Pages no longer needed are dropped at once: private memory without a file reads as zeros.
#[test]
fn dontneed_zeroes_private_memory() {
    let map = Map::private(3);
    map.fill(7);
    map.advise(1..2, Advice::DONTNEED).unwrap();
    assert_eq!([map.get(0), map.get(1), map.get(2)], [7, 0, 7]);
}

/// In a mapping of a file the file's bytes are there again: a private change is lost, a shared one is not.
#[test]
fn dontneed_brings_the_file_back() {
    let file = memfd(1);
    let (shared, private) =
        (Map::of(&file, 1, RW, MapFlags::SHARED), Map::of(&file, 1, RW, MapFlags::PRIVATE));
    shared.set(0, 5);
    private.set(0, 9);
    shared.advise(0..1, Advice::DONTNEED).unwrap();
    private.advise(0..1, Advice::DONTNEED).unwrap();
    assert_eq!((shared.get(0), private.get(0)), (5, 5));
}

/// Locked memory is not dropped; one advice is for just that.
#[test]
fn dropping_locked_memory_is_einval() {
    for advice in [Advice::DONTNEED, Advice::FREE] {
        let map = Map::private(1);
        map.set(0, 7);
        map.lock(0..1).unwrap();
        assert_eq!(map.advise(0..1, advice), Err(Errno::EINVAL), "{advice:?}");
        assert_eq!(map.get(0), 7);
    }
    let map = Map::of(&memfd(1), 1, RW, MapFlags::SHARED);
    map.lock(0..1).unwrap();
    assert_eq!(map.advise(0..1, Advice::REMOVE), Err(Errno::EINVAL));
}

/// That one drops locked memory too (5.18).
#[test]
fn dontneed_locked_zeroes_locked_memory() {
    let map = Map::private(1);
    map.set(0, 7);
    map.lock(0..1).unwrap();
    assert_eq!(map.advise(0..1, Advice::DONTNEED_LOCKED), Ok(()));
    assert_eq!(map.get(0), 0);
}

/// Freeing when memory is short, and wiping in a child, are for private memory without a file.
#[test]
fn free_and_wipeonfork_on_shared_memory_or_a_file_are_einval() {
    for advice in [Advice::FREE, Advice::WIPEONFORK] {
        let file = memfd(1);
        let maps = [
            Map::shared(1),
            Map::of(&file, 1, RW, MapFlags::SHARED),
            Map::of(&file, 1, RW, MapFlags::PRIVATE),
        ];
        assert_eq!(maps.map(|map| map.advise(0..1, advice)), [Err(Errno::EINVAL); 3], "{advice:?}");
        assert_eq!(Map::private(1).advise(0..1, advice), Ok(()));
    }
}

/// Freeing is a promise that a later store takes back: what is stored then stays.
#[test]
fn a_store_after_free_stays() {
    let map = Map::private(1);
    map.set(0, 7);
    map.advise(0..1, Advice::FREE).unwrap();
    map.set(0, 8);
    assert_eq!(map.get(0), 8);
}

/// A hole is punched in the object of a shared mapping: every mapping reads zeros, the file is as long.
#[test]
fn remove_punches_a_hole_in_the_object() {
    for file in disk_file(2).into_iter().chain([shm_file(2)]) {
        let map = Map::of(&file, 2, RW, MapFlags::SHARED);
        map.fill(7);
        match map.advise(0..1, Advice::REMOVE) {
            Err(Errno::EOPNOTSUPP) => {
                skip("a file system that punches holes");
                continue;
            }
            answer => assert_eq!(answer, Ok(())),
        }
        let mut byte = [9];
        file.read_exact_at(&mut byte, 0).unwrap();
        assert_eq!((byte[0], map.get(0), map.get(1)), (0, 0, 7));
        assert_eq!(file.metadata().unwrap().len(), 2 * page() as u64);
    }
}

/// Private memory without a file has no object to punch, and without write access nobody may.
#[test]
fn remove_on_private_memory_is_einval_and_without_write_access_eacces() {
    assert_eq!(Map::private(1).advise(0..1, Advice::REMOVE), Err(Errno::EINVAL));
    let private = Map::of(&memfd(1), 1, RW, MapFlags::PRIVATE);
    assert_eq!(private.advise(0..1, Advice::REMOVE), Err(Errno::EACCES));
    let named = tempfile::NamedTempFile::new_in("/dev/shm").unwrap();
    named.as_file().set_len(page() as u64).unwrap();
    let file = std::fs::File::open(named.path()).unwrap();
    let map = Map::of(&file, 1, Prot::READ, MapFlags::SHARED);
    assert_eq!(map.advise(0..1, Advice::REMOVE), Err(Errno::EACCES));
}

/// Populating brings pages in, and says so if it cannot: behind the end of a file there are none.
#[test]
fn populating_behind_the_end_is_efault() {
    for advice in [Advice::POPULATE_READ, Advice::POPULATE_WRITE] {
        let map = Map::of(&memfd(1), 2, RW, MapFlags::SHARED);
        assert_eq!(map.advise(0..2, advice), Err(Errno::EFAULT), "{advice:?}");
        assert_eq!(map.advise(0..1, advice), Ok(()), "{advice:?}");
    }
}

/// What cannot be written cannot be brought in for writing, nor what cannot be read for reading.
#[test]
fn populating_without_access_is_einval() {
    let map = Map::anonymous(1, Prot::READ, MapFlags::PRIVATE);
    assert_eq!(map.advise(0..1, Advice::POPULATE_WRITE), Err(Errno::EINVAL));
    assert_eq!(map.advise(0..1, Advice::POPULATE_READ), Ok(()));
    assert_eq!(Map::reserved(1).advise(0..1, Advice::POPULATE_READ), Err(Errno::EINVAL));
}

/// A populated page is in memory.
#[test]
fn populated_pages_are_in_memory() {
    let map = Map::shared(4);
    map.advise(0..2, Advice::POPULATE_WRITE).unwrap();
    map.advise(2..3, Advice::POPULATE_READ).unwrap();
    assert_eq!(map.resident(0..4), Ok(vec![true, true, true, false]));
}

/// A forked child finds zeros where the parent asked for that, until it takes it back.
#[test]
fn wipeonfork_gives_a_child_zeros() {
    in_child(|| {
        let map = Map::private(2);
        map.fill(7);
        map.advise(0..1, Advice::WIPEONFORK).unwrap();
        let seen = |index| fork_then(|| map.get(index)).wait().code();
        assert_eq!([seen(0), seen(1)], [Some(0), Some(7)]);
        map.advise(0..1, Advice::KEEPONFORK).unwrap();
        assert_eq!(seen(0), Some(7));
        assert_eq!(map.get(0), 7);
    });
}

/// A forked child does not have the range at all where the parent asked for that.
#[test]
fn dontfork_gives_a_child_no_mapping() {
    in_child(|| {
        let map = Map::private(2);
        map.fill(7);
        map.advise(0..1, Advice::DONTFORK).unwrap();
        let child = fork_then(|| u8::from(map.resident(0..1) == Err(Errno::ENOMEM)));
        assert_eq!(child.wait().code(), Some(1));
        let child = fork_then(|| map.get(0));
        let signal = child.wait().signal().map(i32::cast_unsigned);
        assert_eq!(signal, Some(Signal::SIGSEGV.raw()));
        assert_eq!(fork_then(|| map.get(1)).wait().code(), Some(7));
        map.advise(0..1, Advice::DOFORK).unwrap();
        assert_eq!(fork_then(|| map.get(0)).wait().code(), Some(7));
    });
}

/// Memory with a guard in its middle page; `None`, and said so, before Linux 6.13.
fn guarded() -> Option<Map> {
    let map = Map::private(3);
    map.fill(7);
    if kernel() < (6, 13) {
        skip("Linux 6.13, for guard regions");
        return None;
    }
    map.advise(1..2, Advice::GUARD_INSTALL).unwrap();
    Some(map)
}

/// A touch of a guarded page ends the process; its neighbours are as they were.
#[test]
fn a_touch_of_a_guard_is_sigsegv() {
    dies_by(Signal::SIGSEGV, || {
        let Some(map) = guarded() else { return };
        assert_eq!([map.get(0), map.get(2)], [7, 7]);
        last_words();
        map.get(1);
    });
}

/// Dropping the pages leaves the guard.
#[test]
fn a_guard_survives_dontneed() {
    dies_by(Signal::SIGSEGV, || {
        let Some(map) = guarded() else { return };
        map.advise(0..3, Advice::DONTNEED).unwrap();
        assert_eq!([map.get(0), map.get(2)], [0, 0]);
        last_words();
        map.get(1);
    });
}

/// Freeing them does too.
#[test]
fn a_guard_survives_free() {
    dies_by(Signal::SIGSEGV, || {
        let Some(map) = guarded() else { return };
        map.advise(0..3, Advice::FREE).unwrap();
        last_words();
        map.get(1);
    });
}

/// Taking the guard away gives a page again, of zeros: what was there is lost.
#[test]
fn removing_a_guard_gives_a_zero_page() {
    let Some(map) = guarded() else { return };
    map.advise(0..3, Advice::GUARD_REMOVE).unwrap();
    assert_eq!([map.get(0), map.get(1), map.get(2)], [7, 0, 7]);
}

/// Locked memory, huge pages and the kernel's own special pages take no guard.
#[test]
fn a_guard_on_locked_huge_or_special_memory_is_einval() {
    if guarded().is_none() {
        return;
    }
    let map = Map::private(1);
    map.lock(0..1).unwrap();
    assert_eq!(map.advise(0..1, Advice::GUARD_INSTALL), Err(Errno::EINVAL), "locked");
    let special = lines().into_iter().find(|line| line.name == "[vvar]");
    match special {
        Some(line) => {
            let answer = advise(line.start, page(), Advice::GUARD_INSTALL);
            assert_eq!(answer, Err(Errno::EINVAL), "special");
        }
        None => skip("a vvar mapping"),
    }
    let Some(_pool) = common::huge::Pool::of(1) else { return };
    let size = common::huge::Pool::page_size();
    let huge = Map::anonymous(size / page(), RW, MapFlags::PRIVATE | MapFlags::HUGETLB);
    assert_eq!(advise(huge.start(), size, Advice::GUARD_INSTALL), Err(Errno::EINVAL), "huge");
}

/// Since 6.15 a mapping of a file takes guards too, even a shared one that cannot be written: the page
/// of the file is behind it, untouched.
#[test]
fn a_guard_on_a_shared_read_only_map_of_a_file_hides_its_page() {
    dies_by(Signal::SIGSEGV, || {
        if kernel() < (6, 15) {
            return skip("Linux 6.15, for guard regions in files");
        }
        let file = memfd(1);
        file.write_all_at(b"g", 0).unwrap();
        let map = Map::of(&file, 1, Prot::READ, MapFlags::SHARED);
        map.advise(0..1, Advice::GUARD_INSTALL).unwrap();
        map.advise(0..1, Advice::GUARD_REMOVE).unwrap();
        assert_eq!(map.get(0), b'g', "there again");
        map.advise(0..1, Advice::GUARD_INSTALL).unwrap();
        last_words();
        map.get(0);
    });
}

/// A range that can hold a huge page gets one at once.
#[test]
fn collapse_makes_a_huge_page() {
    if !Path::new("/sys/kernel/mm/transparent_hugepage").exists() {
        return skip("transparent huge pages in the kernel");
    }
    let size = common::huge::Pool::page_size();
    let map = Map::private(2 * size / page());
    map.advise(0..2 * size / page(), Advice::NOHUGEPAGE).unwrap();
    map.fill(7);
    map.advise(0..2 * size / page(), Advice::HUGEPAGE).unwrap();
    let start = map.start().next_multiple_of(size);
    let huge = || pages_with(start..start + size, PageCategories::HUGE);
    assert_eq!(huge(), []);
    match advise(start, size, Advice::COLLAPSE) {
        Err(Errno::ENOMEM | Errno::EAGAIN) => return skip("memory in one piece for a huge page"),
        answer => assert_eq!(answer, Ok(())),
    }
    let whole = 0..size / page();
    assert_eq!(huge(), [whole]);
    assert_eq!(common::peek(start), 7);
}
