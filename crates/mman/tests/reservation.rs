//! Address space that is held: what is put there stays inside, and what fails changes nothing.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    reason = "a test may stop at what it does not expect"
)]

use mman::{
    Anonymous, Cause, Discard, Errno, FileObject, Hint, MapOptions, ObjectKind, Operation,
    PageSize, Protection, RangeError, Refused, Reservation,
};
use mman_testkit::files::{Folder, open_read_write};
use mman_testkit::{line_of, maps, memory, page, pattern, require};
use std::fs;
use std::ops::Range;

fn range_of(space: &Reservation) -> Range<usize> {
    space.address()..space.address() + space.len()
}

fn accesses(space: &Reservation) -> Vec<String> {
    maps::accesses(range_of(space))
}

/// A reservation of so many pages, committed and filled with the pattern.
fn patterned(pages: usize) -> Reservation {
    let mut space = Reservation::new(pages * page()).unwrap();
    space.commit(..).unwrap();
    space.write_at(0, &pattern::bytes(0, pages * page())).unwrap();
    space
}

#[track_caller]
fn assert_pattern(space: &Reservation, range: Range<usize>) {
    let mut bytes = vec![0; range.len()];
    space.read_at(range.start, &mut bytes).unwrap();
    pattern::assert_is(&bytes, range.start as u64);
}

#[test]
fn it_holds_addresses_and_no_memory() {
    for len in [1, page(), page() + 1, 1 << 30, 1 << 40] {
        let space = Reservation::new(len).unwrap();
        assert_eq!((space.len(), space.is_empty()), (len.next_multiple_of(page()), false));
        assert_eq!((space.address(), space.as_ptr().addr()), (space.address(), space.address()));
        assert_eq!(accesses(&space), ["---p"]);
        for at in [0, space.len() - 1] {
            assert_eq!(space.read_at(at, &mut [0]).unwrap_err().cause(), Cause::Denied);
            let error = space.write_at(at, &[0]).unwrap_err();
            assert_eq!((error.cause(), error.object()), (Cause::Denied, ObjectKind::Reservation));
            assert!(line_of(&error).contains("of address space"), "{error}");
        }
        space.release().unwrap();
    }
}

#[test]
fn committed_pages_are_zeros_and_keep_their_bytes() {
    let mut space = Reservation::new(8 * page()).unwrap();
    space.commit(2 * page()..4 * page()).unwrap();
    assert_eq!(accesses(&space), ["---p", "rw-p", "---p"]);
    let mut bytes = vec![1; 2 * page()];
    space.read_at(2 * page(), &mut bytes).unwrap();
    assert!(bytes.iter().all(|byte| *byte == 0));
    space.write_at(2 * page(), &pattern::bytes(0, 2 * page())).unwrap();
    space.commit(..).unwrap();
    space.commit(..).unwrap();
    space.read_at(2 * page(), &mut bytes).unwrap();
    pattern::assert_is(&bytes, 0);
    let resident = memory::resident(space.address(), 8).unwrap();
    assert_eq!(resident, [false, false, true, true, false, false, false, false]);
    space.decommit(3 * page()..5 * page()).unwrap();
    assert_eq!(accesses(&space), ["rw-p", "---p", "rw-p"]);
    space.commit(3 * page()..4 * page()).unwrap();
    space.read_at(2 * page(), &mut bytes).unwrap();
    pattern::assert_is(&bytes[..page()], 0);
    assert!(bytes[page()..].iter().all(|byte| *byte == 0), "decommitted memory is gone");
}

/// The documentation of `commit`: "Memory is counted, so that a lack of it is an error here." The held pages were
/// mapped without reserve, and the kernel does not count such memory when it becomes writable either.
#[test]
fn committing_more_than_there_is_fails_at_once() {
    let mode = fs::read_to_string("/proc/sys/vm/overcommit_memory").unwrap();
    if !require::holds(mode.trim() != "1", "vm.overcommit_memory 0 or 2") {
        return;
    }
    let much = 1_usize << 45;
    assert_eq!(Anonymous::new(much).map().unwrap_err().cause(), Cause::Overcommit);
    let mut space = Reservation::new(much).unwrap();
    let error = space.commit(..).expect_err("32 TiB were committed");
    assert_eq!((error.cause(), error.errno()), (Cause::Overcommit, Some(Errno::ENOMEM)));
    assert_eq!(accesses(&space), ["---p"]);
    space.commit(..page()).unwrap();
}

#[test]
fn bounds_are_page_boundaries_inside() {
    let mut space = patterned(4);
    let len = 4 * page();
    let unaligned = |value: usize| RangeError::Unaligned { value: value as u64, page: page() };
    let past = |end: usize| RangeError::EndsPastEnd { end: end as u64, len: len as u64 };
    let cases = [
        (1..page(), unaligned(1)),
        (0..page() + 1, unaligned(page() + 1)),
        (0..len + page(), past(len + page())),
        (0..len + 1, past(len + 1)),
        (0..usize::MAX, past(usize::MAX)),
    ];
    for (range, cause) in cases {
        let cause = Cause::Range(cause);
        let answers = [
            (Operation::Commit, space.commit(range.clone())),
            (Operation::Protect, space.protect(range.clone(), Protection::NONE)),
            (Operation::Decommit, space.decommit(range.clone())),
            (Operation::Discard, space.discard(range.clone(), Discard::Now)),
        ];
        for (operation, answer) in answers {
            let error = answer.unwrap_err();
            assert_eq!((error.operation(), error.cause()), (operation, cause), "{error}");
            assert_eq!(error.object(), ObjectKind::Reservation);
            assert!(!line_of(&error).is_empty());
        }
    }
    assert_eq!(accesses(&space), ["rw-p"]);
    assert_pattern(&space, 0..len);
    for range in [0..0, page()..page(), len..len] {
        space.commit(range.clone()).unwrap();
        space.decommit(range.clone()).unwrap();
        space.discard(range.clone(), Discard::Now).unwrap();
        space.protect(range, Protection::NONE).unwrap();
    }
    assert_pattern(&space, 0..len);
    assert!(space.read_at(len, &mut [0]).is_err() && space.write_at(usize::MAX, &[0]).is_err());
}

#[test]
fn protecting_and_discarding_do_what_they_do_to_mappings() {
    let mut space = patterned(4);
    space.protect(page()..2 * page(), Protection::READ).unwrap();
    space.protect(2 * page()..3 * page(), Protection::NONE).unwrap();
    assert_eq!(accesses(&space), ["rw-p", "r--p", "---p", "rw-p"]);
    assert_eq!(space.write_at(page(), b"x").unwrap_err().cause(), Cause::Denied);
    assert_eq!(space.read_at(2 * page(), &mut [0]).unwrap_err().cause(), Cause::Denied);
    space.commit(..).unwrap();
    assert_pattern(&space, 0..4 * page());
    space.discard(page()..2 * page(), Discard::Now).unwrap();
    assert_pattern(&space, 0..page());
    assert_pattern(&space, 2 * page()..4 * page());
    let mut bytes = vec![1; page()];
    space.read_at(page(), &mut bytes).unwrap();
    assert!(bytes.iter().all(|byte| *byte == 0));
    space.advise(1..2, Hint::NoDump).unwrap();
    assert!(maps::flags_at(space.address()).contains(&"dd".to_owned()));
    assert!(!maps::flags_at(space.address() + page()).contains(&"dd".to_owned()));
}

#[test]
fn placed_objects_are_where_the_answer_says() {
    let folder = Folder::new();
    let file = FileObject::open_read_write(folder.patterned("file", 10 * page() + 9)).unwrap();
    let mut space = patterned(16);
    let shared = MapOptions::shared().read_write();
    let cases = [
        (0, shared.range(..page() as u64)),
        (page(), shared.range(5..6)),
        (4 * page(), shared.range(page() as u64 + 100..4 * page() as u64 + 1)),
        (4 * page(), MapOptions::private().range(10 * page() as u64..)),
        (5 * page(), shared),
    ];
    for (at, options) in cases {
        let mapped = options.map(&file).unwrap();
        let mut expected = vec![0; mapped.len()];
        mapped.read_at(0, &mut expected).unwrap();
        let place = space.place(at, &options, &file).unwrap();
        let lead = usize::try_from(mapped.object_offset()).unwrap() % page();
        assert_eq!(place, at + lead..at + lead + mapped.len());
        let mut bytes = vec![0; place.len()];
        space.read_at(place.start, &mut bytes).unwrap();
        assert_eq!(bytes, expected);
        let entry = &maps::within(space.address() + at..space.address() + at + 1)[0];
        assert!(entry.has_object() && entry.name.ends_with("file"), "{entry:?}");
    }
    // What no object was put over is as it was.
    assert_pattern(&space, 2 * page()..4 * page());
    let store = 5 * page() + 3;
    space.write_at(store, b"stored").unwrap();
    assert_eq!(&fs::read(folder.name("file")).unwrap()[3..9], b"stored");
    // Committing makes what is placed writable, and keeps it; decommitting takes it out.
    space.protect(4 * page()..5 * page(), Protection::NONE).unwrap();
    space.commit(4 * page()..5 * page()).unwrap();
    let mut bytes = [0; 9];
    space.read_at(4 * page(), &mut bytes).unwrap();
    pattern::assert_is(&bytes, 10 * page() as u64);
    space.decommit(..).unwrap();
    assert_eq!(accesses(&space), ["---p"]);
    assert!(maps::within(range_of(&space)).iter().all(|entry| !entry.has_object()));
}

#[test]
fn what_does_not_fit_is_refused_and_nothing_outside_is_touched() {
    let folder = Folder::new();
    let file = FileObject::open(folder.patterned("file", 3 * page())).unwrap();
    let (below, rest) = patterned(12).split_at(4 * page()).unwrap();
    let (mut space, above) = rest.split_at(4 * page()).unwrap();
    let ats = [1, page() - 1, page() + 1, 2 * page(), 3 * page(), 4 * page(), 5 * page()];
    for at in ats.into_iter().chain([usize::MAX, usize::MAX - page() + 1, isize::MAX as usize + 1])
    {
        let error = space.place(at, &MapOptions::shared(), &file).unwrap_err();
        assert_eq!((error.operation(), error.errno()), (Operation::Place, None), "{error}");
        assert!(matches!(error.cause(), Cause::Range(_)), "{error}");
    }
    let error = space.place(0, &MapOptions::shared().range(..9), &Anonymous::new(3)).unwrap_err();
    assert!(matches!(error.cause(), Cause::Range(RangeError::EndsPastEnd { .. })), "{error}");
    for part in [&below, &space, &above] {
        assert_eq!(accesses(part), ["rw-p"]);
        assert!(maps::within(range_of(part)).iter().all(|entry| !entry.has_object()));
    }
    assert_pattern(&below, 0..4 * page());
    let mut bytes = vec![0; 4 * page()];
    space.read_at(0, &mut bytes).unwrap();
    pattern::assert_is(&bytes, 4 * page() as u64);
    assert_eq!(space.place(page(), &MapOptions::shared(), &file).unwrap(), page()..4 * page());
    above.read_at(0, &mut bytes).unwrap();
    pattern::assert_is(&bytes, 8 * page() as u64);
}

#[test]
fn a_placement_that_the_kernel_refuses_keeps_what_was_there() {
    let folder = Folder::new();
    let read_only = FileObject::open(folder.patterned("file", 3 * page())).unwrap();
    let null = FileObject::open_read_write("/dev/null").unwrap();
    let mut space = patterned(4);
    let writable = MapOptions::shared().read_write();
    let error = space.place(page(), &writable, &read_only).unwrap_err();
    assert_eq!((error.operation(), error.cause()), (Operation::Place, Cause::NotWritable));
    assert_eq!((error.errno(), error.object()), (Some(Errno::EACCES), ObjectKind::File));
    assert_pattern(&space, 0..4 * page());
    let one_page = writable.range(..page() as u64);
    let error = space.place(page(), &one_page, &null).unwrap_err();
    assert_eq!((error.operation(), error.cause()), (Operation::Place, Cause::NotMappable));
    assert_pattern(&space, 0..4 * page());
    let error = space.place(page(), &writable.dax_sync(), &read_only).unwrap_err();
    assert!(line_of(&error).starts_with("place bytes 0.."), "{error}");
    assert_pattern(&space, 0..4 * page());
    assert_eq!(accesses(&space), ["rw-p"]);
}

/// The documentation of `place`: "Address and place of the options do not count."
#[test]
fn the_address_of_the_options_does_not_count() {
    let mut space = patterned(2);
    let memory = Anonymous::new(page());
    let private = MapOptions::private().read_write();
    for options in [private.at(0x1234_5000), private.near(space.address()), private.at(0x1234_5001)]
    {
        assert_eq!(space.place(page(), &options, &memory).unwrap(), page()..2 * page());
        assert_eq!(accesses(&space), ["rw-p"]);
    }
    assert_pattern(&space, 0..page());
}

#[test]
fn an_empty_object_takes_no_room() {
    let folder = Folder::new();
    let file = FileObject::open(folder.patterned("file", 0)).unwrap();
    let mut space = patterned(2);
    assert_eq!(space.place(page(), &MapOptions::shared(), &file).unwrap(), page()..page());
    assert_eq!(space.place(2 * page(), &MapOptions::shared(), &file).unwrap().len(), 0);
    assert_pattern(&space, 0..2 * page());
}

#[test]
fn halves_are_used_and_released_alone() {
    let mut space = patterned(6);
    for at in [1, page() + 1, 6 * page() + 1, 7 * page(), usize::MAX, usize::MAX - page() + 1] {
        let Refused { error, given } = space.split_at(at).unwrap_err();
        assert_eq!(error.operation(), Operation::Split);
        assert!(matches!(error.cause(), Cause::Range(_)), "{error}");
        space = given;
    }
    let start = space.address();
    let (low, mut high) = space.split_at(2 * page()).unwrap();
    assert_eq!(
        (low.len(), high.len(), high.address()),
        (2 * page(), 4 * page(), start + low.len())
    );
    high.decommit(..).unwrap();
    assert_pattern(&low, 0..2 * page());
    assert!(low.read_at(2 * page(), &mut [0]).is_err(), "of the other half");
    high.commit(page()..2 * page()).unwrap();
    low.release().unwrap();
    assert_eq!(accesses(&high), ["---p", "rw-p", "---p"]);
    let (nothing, high) = high.split_at(0).unwrap();
    assert!(nothing.is_empty());
    let (high, nothing) = high.split_at(4 * page()).unwrap();
    assert_eq!((high.len(), nothing.len()), (4 * page(), 0));
    nothing.release().unwrap();
}

#[test]
fn alignment_is_kept_and_what_is_around_is_given_back() {
    for log2 in [0, 4, 12, 13, 16, 21, 30] {
        let alignment = PageSize::new(1 << log2).unwrap();
        for len in [1, page(), 3 * page() + 1, 5 << 20] {
            let space = Reservation::aligned(len, alignment).unwrap();
            assert!(alignment.divides(space.address()), "{alignment:?}");
            assert_eq!(space.len(), len.next_multiple_of(page()));
            assert_eq!(accesses(&space), ["---p"]);
        }
    }
    let huge = PageSize::new(1 << 63).unwrap();
    for (len, alignment) in [(page(), huge), (usize::MAX, PageSize::base()), (0, PageSize::base())]
    {
        let error = Reservation::aligned(len, alignment).unwrap_err();
        assert_eq!(error.operation(), Operation::Reserve, "{error}");
    }
    let nothing = Reservation::aligned(0, PageSize::new(1 << 21).unwrap()).unwrap_err();
    assert_eq!(nothing.cause(), Cause::Range(RangeError::Empty));
}

#[test]
fn what_is_placed_lives_on_without_its_file() {
    let folder = Folder::new();
    let mut space = Reservation::new(4 * page()).unwrap();
    let path = folder.patterned("file", 2 * page());
    let object = FileObject::new(open_read_write(&path)).unwrap();
    let place = space.place(page(), &MapOptions::shared(), &object).unwrap();
    drop(object);
    fs::remove_file(path).unwrap();
    let mut bytes = vec![0; 2 * page()];
    space.read_at(place.start, &mut bytes).unwrap();
    pattern::assert_is(&bytes, 0);
}
