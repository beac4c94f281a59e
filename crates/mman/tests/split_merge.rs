//! Cutting mappings in two, joining them again, and unmapping parts: no byte moves, and every error gives all back.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    reason = "a test may stop at what it does not expect"
)]

use mman::{
    Anonymous, Cause, FileObject, Growth, MapOptions, Mapping, Operation, Protection, RangeError,
    Refused,
};
use mman_testkit::canary::Cage;
use mman_testkit::files::Folder;
use mman_testkit::{line_of, maps, page, pattern, unchecked};
use std::ops::Range;

/// Asserts that a mapping holds the pattern from an offset on.
#[track_caller]
fn assert_pattern(mapping: &Mapping, offset: usize) {
    let mut bytes = vec![0; mapping.len()];
    mapping.read_at(0, &mut bytes).unwrap();
    pattern::assert_is(&bytes, offset as u64);
}

/// Anonymous memory that holds the pattern.
fn patterned(len: usize) -> Mapping {
    let memory = Anonymous::new(len).map().unwrap();
    memory.write_at(0, &pattern::bytes(0, len)).unwrap();
    memory
}

/// The addresses of all pages of a mapping.
fn pages_of(mapping: &Mapping) -> Range<usize> {
    let start = mapping.page_size().round_down(mapping.as_ptr().addr());
    start..start + mapping.mapped_len()
}

fn unaligned(value: usize) -> Cause {
    Cause::Range(RangeError::Unaligned { value: value as u64, page: page() })
}

#[test]
fn the_bytes_stay_where_they_are() {
    let len = 4 * page() + 10;
    for at in [page(), 2 * page(), 4 * page()] {
        let memory = patterned(len);
        let start = memory.as_ptr();
        let (low, high) = memory.split_at(at).unwrap();
        assert_eq!((low.len(), high.len()), (at, len - at));
        assert_eq!((low.mapped_len(), high.mapped_len()), (at, 5 * page() - at));
        assert_eq!((low.as_ptr(), high.as_ptr()), (start, start.wrapping_add(at)));
        assert_eq!((low.object_offset(), high.object_offset()), (0, at as u64));
        assert_pattern(&low, 0);
        assert_pattern(&high, at);
        // Each half ends where it ends.
        assert!(low.read_at(at, &mut [0]).is_err());
        let whole = low.merge(high).unwrap();
        assert_eq!((whole.len(), whole.mapped_len(), whole.as_ptr()), (len, 5 * page(), start));
        assert_pattern(&whole, 0);
    }
}

#[test]
fn each_half_is_unmapped_alone() {
    let mut cage = Cage::of(4);
    let memory = Anonymous::new(4 * page());
    let whole = cage.map(MapOptions::private().read_write(), &memory).unwrap();
    let range = pages_of(&whole);
    let (low, high) = whole.split_at(page()).unwrap();
    drop(low);
    assert_eq!(maps::accesses(range.start + page()..range.end), ["rw-p"]);
    high.unmap().unwrap();
    cage.assert_untouched();
}

#[test]
fn with_a_start_inside_a_page() {
    let folder = Folder::new();
    let file = FileObject::open_read_write(folder.patterned("file", 5 * page())).unwrap();
    let lead = 100;
    let options = MapOptions::shared().read_write().range(page() as u64 + lead as u64..);
    let mapping = options.map(&file).unwrap();
    let refused = mapping.split_at(page()).unwrap_err();
    assert_eq!(refused.error.cause(), unaligned(page()));
    let (low, high) = refused.given.split_at(page() - lead).unwrap();
    assert_eq!((low.len(), high.len()), (page() - lead, 3 * page()));
    assert_eq!((low.mapped_len(), high.mapped_len()), (page(), 3 * page()));
    assert_eq!(high.object_offset(), 2 * page() as u64);
    assert_pattern(&low, page() + lead);
    assert_pattern(&high, 2 * page());
    let entries = maps::within(pages_of(&high));
    assert_eq!((entries.len(), entries[0].offset), (1, 2 * page() as u64));
    let whole = low.merge(high).unwrap();
    assert_eq!((whole.len(), whole.object_offset()), (4 * page() - lead, (page() + lead) as u64));
    assert_pattern(&whole, page() + lead);
}

#[test]
fn a_cut_at_an_end_leaves_an_empty_half() {
    let memory = patterned(2 * page() + 5);
    let len = memory.len();
    let (nothing, memory) = memory.split_at(0).unwrap();
    assert_eq!((nothing.len(), nothing.mapped_len(), memory.len()), (0, 0, len));
    let memory = nothing.merge(memory).unwrap();
    let (memory, nothing) = memory.split_at(len).unwrap();
    assert_eq!((nothing.len(), memory.len()), (0, len));
    let memory = memory.merge(nothing).unwrap();
    assert_pattern(&memory, 0);
}

#[test]
fn a_cut_that_is_refused_gives_the_mapping_back() {
    let mut memory = patterned(2 * page() + 5);
    for at in [1, page() - 1, page() + 1, 2 * page() + 4] {
        let Refused { error, given } = memory.split_at(at).unwrap_err();
        assert_eq!((error.operation(), error.cause()), (Operation::Split, unaligned(at)));
        assert!(line_of(&error).contains(&format!("{at:#x}")), "{error}");
        memory = given;
    }
    for at in [2 * page() + 6, 3 * page(), usize::MAX, usize::MAX - page() + 1] {
        let Refused { error, given } = memory.split_at(at).unwrap_err();
        let outside = RangeError::EndsPastEnd { end: at as u64, len: 2 * page() as u64 + 5 };
        assert_eq!(error.cause(), Cause::Range(outside));
        memory = given;
    }
    assert_pattern(&memory, 0);
    assert_eq!(memory.len(), 2 * page() + 5);
}

#[test]
fn only_neighbours_of_one_object_are_merged() {
    let folder = Folder::new();
    let first = FileObject::open_read_write(folder.patterned("first", 4 * page())).unwrap();
    let second = FileObject::open_read_write(folder.patterned("second", 4 * page())).unwrap();
    let pages = |from: u64, to: u64| MapOptions::shared().range(from * 4096..to * 4096);
    let others: [(&str, MapOptions, &FileObject); 4] = [
        ("another file", pages(2, 4), &second),
        ("another place of the file", pages(1, 3), &first),
        ("another way of sharing", MapOptions::private().range(8192..16_384), &first),
        ("a start inside a page", MapOptions::shared().range(8193..16_384), &first),
    ];
    for (what, options, object) in others {
        let mut cage = Cage::of(4);
        let whole = cage.map(pages(0, 4), &first).unwrap();
        let (low, high) = whole.split_at(2 * page()).unwrap();
        let place = high.as_ptr().addr();
        let other = unchecked::replacing(options, place).map(object).unwrap();
        unchecked::disown(high); // its pages are the other's now
        let Refused { error, given: (low, other) } = low.merge(other).unwrap_err();
        assert_eq!((error.operation(), error.cause()), (Operation::Merge, Cause::NotAdjacent));
        assert!(line_of(&error).contains("neighbours"), "{what}: {error}");
        assert_eq!((low.len(), other.len() / page()), (2 * page(), other.len() / page()));
        assert_pattern(&low, 0);
        drop((low, other));
        cage.assert_untouched();
    }
    // What goes on in the file and in memory is one mapping, though it was made as two.
    let mut cage = Cage::of(4);
    let (low, high) = cage.map(pages(0, 4), &first).unwrap().split_at(2 * page()).unwrap();
    let place = high.as_ptr().addr();
    let other = unchecked::replacing(pages(2, 4), place).map(&first).unwrap();
    unchecked::disown(high);
    assert_pattern(&low.merge(other).unwrap(), 0);
    cage.assert_untouched();
}

#[test]
fn halves_in_the_wrong_order_or_apart_are_not_merged() {
    let (low, high) = patterned(4 * page()).split_at(2 * page()).unwrap();
    let Refused { given: (high, low), .. } = high.merge(low).unwrap_err();
    let (low, middle) = low.split_at(page()).unwrap();
    let Refused { given: (low, high), .. } = low.merge(high).unwrap_err();
    assert_pattern(&low, 0);
    assert_pattern(&high, 2 * page());
    let whole = low.merge(middle).unwrap().merge(high).unwrap();
    assert_pattern(&whole, 0);
    // A first part that ends inside a page is followed by nothing.
    let mut short = patterned(2 * page());
    short.resize(page() + 1, Growth::InPlace).unwrap();
    let Refused { given: (short, _), .. } = short.merge(patterned(page())).unwrap_err();
    assert_eq!(short.len(), page() + 1);
}

/// Shared anonymous memory is an object, but it has no number by which the library knows it. A half of one such object
/// was merged with the half of another that stood behind it.
#[test]
fn halves_of_two_anonymous_objects_are_not_merged() {
    let shared = MapOptions::shared().read_write();
    let mut cage = Cage::of(4);
    let one = cage.map(shared, &Anonymous::new(4 * page())).unwrap();
    let two = shared.map(&Anonymous::new(4 * page())).unwrap();
    let (low, high) = one.split_at(2 * page()).unwrap();
    let (_low_of_two, mut high_of_two) = two.split_at(2 * page()).unwrap();
    unchecked::move_to(&mut high_of_two, high.as_ptr().addr()).unwrap();
    unchecked::disown(high); // its pages are the other's now
    let inodes: Vec<u64> = maps::within(cage.room()).iter().map(|entry| entry.inode).collect();
    assert_eq!(inodes.len(), 2, "two objects");
    let Refused { error, .. } = low.merge(high_of_two).expect_err("two objects were merged");
    assert_eq!(error.cause(), Cause::NotAdjacent);
}

#[test]
fn what_differs_in_protection_merges_and_stays_different() {
    let (mut low, high) = patterned(4 * page()).split_at(2 * page()).unwrap();
    low.protect(.., Protection::READ).unwrap();
    let whole = low.merge(high).unwrap();
    assert_eq!(maps::accesses(pages_of(&whole)), ["r--p", "rw-p"]);
    assert!(whole.write_at(0, b"x").is_err());
    whole.write_at(2 * page(), b"x").unwrap();
}

#[test]
fn parts_are_unmapped_from_the_middle_and_the_ends() {
    let len = 5 * page() + 7;
    let cases = [
        (0..page(), 0..0, page()..len),
        (page()..3 * page(), 0..page(), 3 * page()..len),
        (4 * page()..len, 0..4 * page(), 0..0),
        (5 * page()..len, 0..5 * page(), 0..0),
        (0..len, 0..0, 0..0),
        (page()..page(), 0..len, 0..0),
        (5..5, 0..len, 0..0),
    ];
    for (cut, low_bytes, high_bytes) in cases {
        let mut cage = Cage::of(6);
        let options = MapOptions::private().read_write();
        let whole = cage.map(options, &Anonymous::new(len)).unwrap();
        whole.write_at(0, &pattern::bytes(0, len)).unwrap();
        let start = whole.as_ptr().addr();
        let (low, high) = whole.unmap_range(cut.clone()).unwrap();
        assert_eq!((low.len(), high.len()), (low_bytes.len(), high_bytes.len()), "{cut:?}");
        assert_pattern(&low, 0);
        assert_pattern(&high, high_bytes.start);
        if !high.is_empty() {
            assert_eq!(high.as_ptr().addr(), start + high_bytes.start);
        }
        cage.assert_untouched();
        drop((low, high));
        cage.assert_untouched();
    }
}

#[test]
fn the_middle_is_really_unmapped() {
    let mut cage = Cage::of(3);
    let options = MapOptions::shared().read_write();
    let memory = Anonymous::new(3 * page());
    let whole = cage.map(options, &memory).unwrap();
    let inode = maps::within(pages_of(&whole))[0].inode;
    let middle = whole.as_ptr().addr() + page()..whole.as_ptr().addr() + 2 * page();
    let halves = whole.unmap_range(page()..2 * page()).unwrap();
    // Somebody else may be given the place at once, but what was there is gone.
    assert!(maps::within(middle).iter().all(|entry| entry.inode != inode));
    drop(halves);
    cage.assert_untouched();
}

/// The error of the second cut was told in bytes of what the first cut had left, and as the error of a cut. The
/// caller asked to unmap, and gave another number.
#[test]
fn a_range_that_is_refused_is_told_in_the_callers_numbers() {
    let mut memory = patterned(4 * page());
    let cases = [
        (5..page(), unaligned(5)),
        (page()..page() + 5, unaligned(page() + 5)),
        (0..4 * page() + 1, end_past(4 * page() + 1)),
        (page()..usize::MAX, end_past(usize::MAX)),
    ];
    for (range, cause) in cases {
        let Refused { error, given } = memory.unmap_range(range.clone()).unwrap_err();
        memory = given;
        assert_eq!(memory.len(), 4 * page());
        assert_pattern(&memory, 0);
        assert_eq!((error.operation(), error.cause()), (Operation::Unmap, cause), "{range:?}");
    }
}

fn end_past(end: usize) -> Cause {
    Cause::Range(RangeError::EndsPastEnd { end: end as u64, len: 4 * page() as u64 })
}
