//! Writing back, hints, and dropping bytes: what each does, and what it must not do.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    reason = "a test may stop at what it does not expect"
)]

use mman::{
    Advice, Anonymous, Cause, Discard, Errno, FileObject, Hint, MapOptions, Mapping, Operation,
    RangeError, Reservation, Sync,
};
use mman_testkit::canary::Cage;
use mman_testkit::files::{Folder, open_read_write};
use mman_testkit::{line_of, maps, memory, page, pattern, require, unchecked};
use std::fs;
use std::os::unix::fs::{FileExt, MetadataExt};

const HINTS: [Hint; 15] = [
    Hint::Normal,
    Hint::Random,
    Hint::Sequential,
    Hint::WillNeed,
    Hint::PopulateRead,
    Hint::PopulateWrite,
    Hint::Cold,
    Hint::PageOut,
    Hint::HugePages,
    Hint::NoHugePages,
    Hint::Collapse,
    Hint::Mergeable,
    Hint::Unmergeable,
    Hint::NoDump,
    Hint::Dump,
];

#[track_caller]
fn assert_pattern(mapping: &Mapping, offset: usize) {
    let mut bytes = vec![0; mapping.len()];
    mapping.read_at(0, &mut bytes).unwrap();
    pattern::assert_is(&bytes, offset as u64);
}

#[track_caller]
fn assert_zeros(bytes: &[u8]) {
    assert!(bytes.iter().all(|byte| *byte == 0));
}

fn shared(folder: &Folder, len: usize, start: u64) -> Mapping {
    let file = FileObject::open_read_write(folder.patterned("file", len)).unwrap();
    MapOptions::shared().read_write().range(start..).map(&file).unwrap()
}

fn private(len: usize) -> Mapping {
    let memory = Anonymous::new(len).map().unwrap();
    memory.write_at(0, &pattern::bytes(0, len)).unwrap();
    memory
}

#[test]
fn every_hint_is_taken_or_named_as_missing_and_changes_no_byte() {
    let folder = Folder::new();
    for mapping in [shared(&folder, 4 * page(), 10), private(4 * page() - 10)] {
        let offset = usize::try_from(mapping.object_offset()).unwrap();
        for hint in HINTS {
            for range in [0..mapping.len(), 1..2, page() + 5..2 * page() + 5, 7..7] {
                if let Err(error) = mapping.advise(range.clone(), hint) {
                    assert_eq!(error.operation(), Operation::Advise, "{error}");
                    let missing = [Errno::EINVAL, Errno::EAGAIN, Errno::EBUSY];
                    assert!(missing.contains(&error.errno().unwrap()), "{hint:?}: {error}");
                    // A collapse of less than a huge page is refused as a rule.
                    if hint != Hint::Collapse {
                        require::skip(&format!("a kernel that takes {hint:?} ({error})"));
                    }
                }
                assert_pattern(&mapping, offset);
            }
        }
    }
}

#[test]
fn hints_reach_the_pages_that_hold_the_bytes_and_no_other() {
    let memory = private(4 * page());
    let start = memory.as_ptr().addr();
    let flags = |at: usize| maps::flags_at(start + at * page());
    let has = |at: usize, flag: &str| flags(at).contains(&flag.to_owned());
    memory.advise(page() + 1..2 * page() + 1, Hint::NoDump).unwrap();
    assert_eq!([0, 1, 2, 3].map(|at| has(at, "dd")), [false, true, true, false]);
    memory.advise(.., Hint::Dump).unwrap();
    memory.advise(3 * page() + 9.., Hint::Random).unwrap();
    assert_eq!([0, 1, 2, 3].map(|at| has(at, "rr")), [false, false, false, true]);
    memory.advise(..=0, Hint::Sequential).unwrap();
    assert_eq!([0, 1, 2, 3].map(|at| has(at, "sr")), [true, false, false, false]);
    memory.advise(.., Hint::Normal).unwrap();
    assert!((0..4).all(|at| !has(at, "rr") && !has(at, "sr") && !has(at, "dd")));
}

#[test]
fn populating_brings_pages_in_and_says_what_it_cannot() {
    let memory = Anonymous::new(8 * page()).map().unwrap();
    let resident = || memory::resident(memory.as_ptr().addr(), 8).unwrap();
    assert_eq!(resident(), [false; 8]);
    memory.advise(page() + 1..2 * page() + 1, Hint::PopulateWrite).unwrap();
    assert_eq!(resident(), [false, true, true, false, false, false, false, false]);
    memory.advise(.., Hint::PopulateRead).unwrap();
    assert_eq!(resident(), [true; 8]);
    let folder = Folder::new();
    let file = FileObject::open(folder.patterned("file", page())).unwrap();
    let mapping = file.map().unwrap();
    let error = mapping.advise(.., Hint::PopulateWrite).unwrap_err();
    assert_eq!((error.operation(), error.errno()), (Operation::Advise, Some(Errno::EINVAL)));
}

#[test]
fn discarding_anonymous_memory_leaves_zeros() {
    let mut cage = Cage::of(5);
    let options = MapOptions::private().read_write();
    let mut memory = cage.map(options, &Anonymous::new(4 * page() + 10)).unwrap();
    memory.write_at(0, &pattern::bytes(0, 4 * page() + 10)).unwrap();
    memory.discard(page()..2 * page(), Discard::Now).unwrap();
    memory.discard(4 * page().., Discard::Now).unwrap();
    let mut bytes = vec![1; memory.len()];
    memory.read_at(0, &mut bytes).unwrap();
    pattern::assert_is(&bytes[..page()], 0);
    assert_zeros(&bytes[page()..2 * page()]);
    pattern::assert_is(&bytes[2 * page()..4 * page()], 2 * page() as u64);
    assert_zeros(&bytes[4 * page()..]);
    cage.assert_untouched();
}

#[test]
fn discarding_a_private_file_page_reads_the_file_again() {
    let folder = Folder::new();
    let path = folder.patterned("file", 3 * page());
    let file = FileObject::open(&path).unwrap();
    let mut mapping = MapOptions::private().read_write().range(10..).map(&file).unwrap();
    mapping.write_at(0, &vec![0; mapping.len()]).unwrap();
    open_read_write(&path).write_at(b"new", 2 * page() as u64).unwrap();
    mapping.discard(page() - 10..2 * page() - 10, Discard::Now).unwrap();
    let mut bytes = vec![1; mapping.len()];
    mapping.read_at(0, &mut bytes).unwrap();
    assert_zeros(&bytes[..page() - 10]);
    pattern::assert_is(&bytes[page() - 10..2 * page() - 10], page() as u64);
    assert_zeros(&bytes[2 * page() - 10..]);
    mapping.discard(.., Discard::Now).unwrap();
    mapping.read_at(0, &mut bytes).unwrap();
    assert_eq!(&bytes[2 * page() - 10..][..3], b"new");
    pattern::assert_is(&bytes[..2 * page() - 10], 10);
}

#[test]
fn discarding_a_shared_mapping_loses_nothing() {
    let folder = Folder::new();
    let mut mapping = shared(&folder, 3 * page(), 0);
    mapping.write_at(page(), b"stored").unwrap();
    mapping.discard(.., Discard::Now).unwrap();
    let mut bytes = [0; 6];
    mapping.read_at(page(), &mut bytes).unwrap();
    assert_eq!(&bytes, b"stored");
}

#[test]
fn discarding_from_the_object_punches_a_hole_that_everybody_reads() {
    for folder in [Folder::new(), Folder::in_shared_memory()] {
        let mut mapping = shared(&folder, 4 * page(), 0);
        mapping.sync(.., Sync::Data).unwrap();
        mapping.discard(page()..3 * page(), Discard::FromObject).unwrap();
        let now = fs::read(folder.name("file")).unwrap();
        assert_eq!(now.len(), 4 * page());
        pattern::assert_is(&now[..page()], 0);
        assert_zeros(&now[page()..3 * page()]);
        pattern::assert_is(&now[3 * page()..], 3 * page() as u64);
        let blocks = fs::metadata(folder.name("file")).unwrap().blocks() * 512;
        assert_eq!(blocks, 2 * page() as u64, "the blocks are free");
    }
}

#[test]
fn what_cannot_be_discarded_says_so_and_stays() {
    let folder = Folder::new();
    let file = FileObject::open_read_write(folder.patterned("file", 3 * page())).unwrap();
    let mut read_only = FileObject::open(folder.name("file")).unwrap().map().unwrap();
    let error = read_only.discard(.., Discard::FromObject).unwrap_err();
    assert_eq!((error.cause(), error.errno()), (Cause::Denied, Some(Errno::EACCES)));
    let mut copy = MapOptions::private().read_write().map(&file).unwrap();
    let error = copy.discard(.., Discard::FromObject).unwrap_err();
    assert_eq!((error.cause(), error.errno()), (Cause::Denied, Some(Errno::EACCES)));
    let error = copy.discard(.., Discard::WhenNeeded).unwrap_err();
    assert_eq!(error.errno(), Some(Errno::EINVAL));
    let mut anonymous = private(3 * page());
    let error = anonymous.discard(.., Discard::FromObject).unwrap_err();
    assert_eq!((error.operation(), error.errno()), (Operation::Discard, Some(Errno::EINVAL)));
    for range in [1..page(), 0..page() + 1, 5..6] {
        let error = anonymous.discard(range, Discard::Now).unwrap_err();
        let Cause::Range(RangeError::Unaligned { .. }) = error.cause() else { panic!("{error}") };
        assert!(line_of(&error).starts_with("discard "), "{error}");
    }
    for mapping in [read_only, copy, anonymous] {
        assert_pattern(&mapping, 0);
    }
}

#[test]
fn what_is_given_up_is_there_or_zeros_and_a_write_keeps_it() {
    let mut memory = private(4 * page());
    memory.discard(.., Discard::WhenNeeded).unwrap();
    let mut bytes = vec![1; 4 * page()];
    memory.read_at(0, &mut bytes).unwrap();
    for (at, chunk) in bytes.chunks(page()).enumerate() {
        let there = pattern::first_wrong(chunk, (at * page()) as u64).is_none();
        assert!(there || chunk.iter().all(|byte| *byte == 0), "page {at} is half there");
    }
    memory.write_at(0, &pattern::bytes(0, 4 * page())).unwrap();
    assert_pattern(&memory, 0);
}

#[test]
fn locked_pages_are_discarded_only_where_that_is_said() {
    let options = MapOptions::private().read_write().locked();
    let mut memory = options.map(&Anonymous::new(2 * page())).unwrap();
    memory.write_at(0, &pattern::bytes(0, 2 * page())).unwrap();
    let error = memory.discard(.., Discard::Now).unwrap_err();
    assert_eq!(error.errno(), Some(Errno::EINVAL));
    assert_pattern(&memory, 0);
    memory.discard(page().., Discard::NowLocked).unwrap();
    let mut bytes = vec![1; 2 * page()];
    memory.read_at(0, &mut bytes).unwrap();
    pattern::assert_is(&bytes[..page()], 0);
    assert_zeros(&bytes[page()..]);
}

#[test]
fn invalidating_tells_of_a_locked_page() {
    let folder = Folder::new();
    let mapping = shared(&folder, 4 * page(), 100);
    mapping.sync(.., Sync::Invalidate).unwrap();
    let locked = mapping.as_ptr().addr() - 100 + 2 * page();
    memory::lock(locked, page()).unwrap();
    let error = mapping.sync(.., Sync::Invalidate).unwrap_err();
    assert_eq!((error.cause(), error.errno()), (Cause::Locked, Some(Errno::EBUSY)));
    assert_eq!((error.operation(), error.object()), (Operation::Sync, mapping.kind()));
    assert!(line_of(&error).contains("a page of the range is locked"), "{error}");
    mapping.sync(..2 * page() - 100, Sync::Invalidate).unwrap();
    mapping.sync(3 * page() - 100.., Sync::Invalidate).unwrap();
    mapping.sync(2 * page() - 101..2 * page() - 99, Sync::Invalidate).unwrap_err();
    mapping.sync(.., Sync::Data).unwrap();
    memory::unlock(locked, page()).unwrap();
    mapping.sync(.., Sync::Invalidate).unwrap();
}

#[test]
fn syncing_writes_back_what_was_stored() {
    let folder = Folder::new();
    let mapping = shared(&folder, 4 * page(), 7);
    for how in [Sync::Async, Sync::Data] {
        for range in [0..mapping.len(), 0..0, 1..2, page()..3 * page() + 5] {
            mapping.write_at(range.start, b"!").unwrap();
            mapping.sync(range, how).unwrap();
        }
    }
    let now = fs::read(folder.name("file")).unwrap();
    assert_eq!([now[7], now[8], now[page() + 7]], [b'!'; 3]);
    // Where there is nothing to write back, nothing is done.
    private(page()).sync(.., Sync::Data).unwrap();
}

#[test]
fn advice_by_number_wants_page_boundaries() {
    let memory = private(3 * page());
    let error = unchecked::advise(&memory, 1.., Advice::DONTNEED).unwrap_err();
    assert!(matches!(error.cause(), Cause::Range(RangeError::Unaligned { .. })), "{error}");
    assert_pattern(&memory, 0);
    let error = unchecked::advise(&memory, .., Advice::from_raw(7777)).unwrap_err();
    assert_eq!(error.errno(), Some(Errno::EINVAL));
    unchecked::advise(&memory, page()..2 * page(), Advice::DONTNEED).unwrap();
    let mut bytes = vec![1; 3 * page()];
    memory.read_at(0, &mut bytes).unwrap();
    pattern::assert_is(&bytes[..page()], 0);
    assert_zeros(&bytes[page()..2 * page()]);
    pattern::assert_is(&bytes[2 * page()..], 2 * page() as u64);
}

/// The empty range `5..5` of a reservation was rounded outwards to a page, and the advice given about that.
#[test]
fn an_empty_range_of_a_reservation_is_advice_about_nothing() {
    let mut space = Reservation::new(2 * page()).unwrap();
    space.commit(..).unwrap();
    space.advise(5..5, Hint::PopulateWrite).unwrap();
    let resident = memory::resident(space.address(), 2).unwrap();
    assert_eq!(resident, [false, false]);
    space.advise(page() + 5..page() + 6, Hint::PopulateWrite).unwrap();
    assert_eq!(memory::resident(space.address(), 2).unwrap(), [false, true]);
}
