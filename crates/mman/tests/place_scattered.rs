//! Several ranges of one object, in any order, one after another: the job of `remap_file_pages`, which fixed maps do.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may stop at what it does not expect"
)]

use mman::{Anonymous, Cause, FileObject, MapOptions, OnFork, Operation, Protection, Reservation};
use mman_testkit::files::Folder;
use mman_testkit::{child, maps, page, pattern, require};
use std::ops::Range;

fn pages(range: Range<u64>) -> Range<u64> {
    range.start * page() as u64..range.end * page() as u64
}

/// A reservation full of a pattern of its own, so that what is not placed is seen to be untouched.
fn space(pages: usize) -> Reservation {
    let mut space = Reservation::new(pages * page()).unwrap();
    space.commit(..).unwrap();
    space.write_at(0, &pattern::bytes(1 << 40, pages * page())).unwrap();
    space
}

fn assert_held(space: &Reservation, range: Range<usize>) {
    let mut bytes = vec![0; range.len()];
    space.read_at(range.start, &mut bytes).unwrap();
    pattern::assert_is(&bytes, (1 << 40) + range.start as u64);
}

fn assert_file(space: &Reservation, at: usize, from: u64, len: usize) {
    let mut bytes = vec![0; len];
    space.read_at(at, &mut bytes).unwrap();
    pattern::assert_is(&bytes, from);
}

#[test]
fn ranges_come_in_the_order_given_and_more_than_once() {
    let folder = Folder::new();
    let file = FileObject::open_read_write(folder.patterned("file", 10 * page())).unwrap();
    let mut space = space(12);
    let ranges = [pages(7..9), pages(0..1), pages(1..2), pages(7..8)];
    let options = MapOptions::shared().read_write();
    let bytes = space.place_scattered(3 * page(), &options, &file, &ranges).unwrap();
    assert_eq!(bytes, 3 * page()..8 * page());
    for (index, page_of_file) in [7, 8, 0, 1, 7].into_iter().enumerate() {
        assert_file(&space, (3 + index) * page(), (page_of_file * page()) as u64, page());
    }
    assert_held(&space, 0..3 * page());
    assert_held(&space, 8 * page()..12 * page());
    // Two views of one page: a store through one is seen through the other, and in the file.
    space.write_at(3 * page(), b"through the first").unwrap();
    let mut seen = [0; 17];
    space.read_at(7 * page(), &mut seen).unwrap();
    assert_eq!(&seen, b"through the first");
    // What goes on where the one before it ended is one mapping for the kernel.
    let start = space.address() + 5 * page();
    assert_eq!(maps::within(start..start + 2 * page()).len(), 1);
}

#[test]
fn the_last_range_may_end_with_the_object() {
    let folder = Folder::new();
    let len = 3 * page() + 100;
    let file = FileObject::open(folder.patterned("file", len)).unwrap();
    let mut space = space(6);
    let ranges = [pages(2..3), 3 * page() as u64..len as u64];
    let bytes = space.place_scattered(0, &MapOptions::shared(), &file, &ranges).unwrap();
    assert_eq!(bytes, 0..page() + 100);
    assert_file(&space, 0, 2 * page() as u64, page() + 100);
    assert_held(&space, 2 * page()..6 * page());
    assert_eq!(
        space.place_scattered(page(), &MapOptions::shared(), &file, &[]).unwrap(),
        page()..page()
    );
}

/// What is refused changes nothing, also when it is the last range that is wrong.
#[test]
fn a_refusal_changes_nothing() {
    let folder = Folder::new();
    let file = FileObject::open(folder.patterned("file", 4 * page() + 1)).unwrap();
    let mut space = space(6);
    let options = MapOptions::shared();
    let middle_unaligned = 4 * page() as u64..4 * page() as u64 + 1;
    #[expect(clippy::reversed_empty_ranges, reason = "what is tested")]
    let wrong = [
        vec![pages(0..1), 1..page() as u64],
        vec![pages(0..1), 0..0],
        vec![pages(0..1), pages(4..6)],
        vec![pages(0..1), u64::MAX - 5..u64::MAX],
        vec![pages(0..1), 5..3],
        vec![middle_unaligned, pages(0..1)],
        vec![pages(0..4), pages(0..3)],
    ];
    for ranges in wrong {
        let error = space.place_scattered(0, &options, &file, &ranges).unwrap_err();
        assert!(matches!(error.cause(), Cause::Range(_)), "{ranges:?}: {error}");
        assert_held(&space, 0..6 * page());
    }
    for at in [1, 6 * page(), 6 * page() + 1, usize::MAX - 4095, usize::MAX] {
        let error = space.place_scattered(at, &options, &file, &[pages(0..1)]).unwrap_err();
        assert!(matches!(error.cause(), Cause::Range(_)), "{at}: {error}");
        assert_held(&space, 0..6 * page());
    }
    // The kernel's refusal of the second one: a file that is not open for writing.
    let error = space.place_scattered(0, &options.read_write(), &file, &[pages(0..1), pages(1..2)]);
    let error = error.unwrap_err();
    assert_eq!((error.operation(), error.cause()), (Operation::Place, Cause::NotWritable));
    assert_held(&space, 0..6 * page());
}

#[test]
fn private_ranges_and_steps_of_the_options_work_too() {
    child::run(|| {
        let folder = Folder::new();
        let file = FileObject::open(folder.patterned("file", 4 * page())).unwrap();
        let mut space = space(4);
        let options = MapOptions::private().read_write().populate_checked().on_fork(OnFork::Leave);
        space.place_scattered(0, &options, &file, &[pages(3..4), pages(0..1)]).unwrap();
        space.write_at(0, b"ours").unwrap();
        assert_file(&space, page(), 0, page());
        assert!(maps::flags_at(space.address()).contains(&"dc".to_owned()));
        space.protect(..page(), Protection::READ).unwrap();
        let memory = Anonymous::new(2 * page());
        space.place_scattered(0, &options, &memory, &[pages(0..1), pages(0..1)]).unwrap();
        let mut bytes = vec![1; 2 * page()];
        space.read_at(0, &mut bytes).unwrap();
        assert!(bytes.iter().all(|byte| *byte == 0));
    });
}

/// At the limit of mappings the first range is refused or nothing is, and what was there is there.
#[test]
fn the_limit_of_mappings_is_named_and_nothing_is_lost() {
    child::run(|| {
        let folder = Folder::new();
        let file = FileObject::open(folder.patterned("file", 2 * page())).unwrap();
        let limit = mman_testkit::limits::max_map_count();
        if !require::holds(limit <= 70_000, "a map limit that can be reached") {
            return;
        }
        let mut space = space(64);
        let mut many = Reservation::new((limit as usize + 10) * page()).unwrap();
        let mut at = 0;
        while maps::count() + 20 < limit as usize || at == 0 {
            let step = (limit as usize - maps::count() - 10) / 2;
            for _ in 0..step {
                many.commit(at..at + page()).unwrap();
                at += 2 * page();
            }
        }
        // Alternating pages never merge: each is a mapping.
        let ranges: Vec<_> = (0..40).map(|index| pages(index % 2..index % 2 + 1)).rev().collect();
        let error = space.place_scattered(0, &MapOptions::shared(), &file, &ranges).unwrap_err();
        assert_eq!(error.cause(), Cause::MapCountLimit { limit }, "{error}");
        assert_held(&space, 0..64 * page());
    });
}
