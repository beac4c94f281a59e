//! Growing, shrinking, moving and doubling mappings.
//!
//! A map that was resized while a slice of it lived left the slice where nothing was, or somebody else's memory. Here a
//! resize borrows the mapping alone, and a view gives its mapping up first: that neither compiles under what is lent is
//! tested where they are documented (`Mapping::resize`, `SharedMut`, `Memory`, `Frozen`).

#![allow(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::unwrap_used,
    reason = "a test may stop at what it does not expect"
)]

use mman::kernel::Feature;
use mman::{
    Anonymous, Cause, Errno, FileObject, Growth, MapOptions, Mapping, Operation, Protection,
    RangeError, Refused, Reservation,
};
use mman_testkit::canary::Cage;
use mman_testkit::files::Folder;
use mman_testkit::{child, line_of, maps, page, pattern, require, unchecked};

fn patterned(len: usize) -> Mapping {
    let memory = Anonymous::new(len).map().unwrap();
    memory.write_at(0, &pattern::bytes(0, len)).unwrap();
    memory
}

#[track_caller]
fn assert_pattern(mapping: &Mapping, offset: usize, len: usize) {
    let mut bytes = vec![0; len];
    mapping.read_at(0, &mut bytes).unwrap();
    pattern::assert_is(&bytes, offset as u64);
}

#[track_caller]
fn assert_zeros(mapping: &Mapping, from: usize) {
    let mut bytes = vec![1; mapping.len() - from];
    mapping.read_at(from, &mut bytes).unwrap();
    assert!(bytes.iter().all(|byte| *byte == 0));
}

#[test]
fn growing_keeps_the_bytes_and_adds_zeros() {
    let mut memory = patterned(page());
    for len in [page() + 1, 2 * page(), 5 * page() + 3, 1 << 20] {
        memory.resize(len, Growth::MayMove).unwrap();
        assert_eq!((memory.len(), memory.mapped_len()), (len, len.next_multiple_of(page())));
        assert_pattern(&memory, 0, page());
        assert_zeros(&memory, page());
        memory.write_at(len - 1, &[0]).unwrap();
        assert!(memory.write_at(len, &[0]).is_err());
    }
}

#[test]
fn shrinking_unmaps_the_tail_and_touches_no_neighbour() {
    let mut cage = Cage::of(6);
    let options = MapOptions::private().read_write().range(50..);
    let mut memory = cage.map(options, &Anonymous::new(6 * page())).unwrap();
    memory.write_at(0, &pattern::bytes(0, memory.len())).unwrap();
    let start = memory.as_ptr();
    for len in [5 * page(), 4 * page() + 1, 4 * page() - 50, page(), 1] {
        memory.resize(len, Growth::InPlace).unwrap();
        assert_eq!((memory.len(), memory.as_ptr()), (len, start));
        assert_eq!(memory.mapped_len(), (len + 50).next_multiple_of(page()));
        assert_pattern(&memory, 0, len);
        cage.assert_untouched();
    }
    // Back in the last page: the byte that was cut off is still there, as in any page.
    memory.resize(2, Growth::InPlace).unwrap();
    assert_pattern(&memory, 0, 2);
}

#[test]
fn in_place_there_must_be_room() {
    let mut cage = Cage::of(2);
    let options = MapOptions::private().read_write();
    let mut memory = cage.map(options, &Anonymous::new(2 * page() - 5)).unwrap();
    memory.write_at(0, b"kept").unwrap();
    memory.resize(2 * page(), Growth::InPlace).unwrap(); // in the last page
    let error = memory.resize(2 * page() + 1, Growth::InPlace).unwrap_err();
    assert_eq!((error.operation(), error.cause()), (Operation::Remap, Cause::NoRoom));
    assert_eq!((error.errno(), memory.len()), (Some(Errno::ENOMEM), 2 * page()));
    assert!(line_of(&error).contains("let it move"), "{error}");
    let before = memory.as_ptr();
    memory.resize(100 * page(), Growth::MayMove).unwrap();
    assert_ne!(memory.as_ptr(), before);
    let mut bytes = [0; 4];
    memory.read_at(0, &mut bytes).unwrap();
    assert_eq!(&bytes, b"kept");
    cage.assert_untouched();
}

#[test]
fn lengths_that_cannot_be() {
    let mut memory = patterned(100);
    for growth in [Growth::InPlace, Growth::MayMove] {
        let error = memory.resize(0, growth).unwrap_err();
        assert_eq!(error.cause(), Cause::Range(RangeError::Empty));
        for len in [usize::MAX, usize::MAX - page(), isize::MAX as usize + 1] {
            let error = memory.resize(len, growth).unwrap_err();
            assert_eq!((error.cause(), error.errno()), (Cause::TooLong, None), "{len:#x}");
        }
        assert_eq!((memory.len(), memory.mapped_len()), (100, page()));
        assert_pattern(&memory, 0, 100);
    }
    let mut nothing = Anonymous::new(0).map().unwrap();
    let error = nothing.resize(10, Growth::MayMove).unwrap_err();
    assert_eq!(error.cause(), Cause::Range(RangeError::Empty));
}

/// `mremap` answers EINVAL for a length above the address space, and "invalid argument" was all that the error said.
#[test]
fn a_length_that_no_address_space_has_says_so() {
    let mut memory = patterned(100);
    for len in [1 << 48, 1 << 60] {
        let error = memory.resize(len, Growth::MayMove).unwrap_err();
        let expected = [Cause::TooLong, Cause::NoRoom, Cause::NoAddressSpace];
        assert!(expected.contains(&error.cause()), "{error}");
        assert_eq!((memory.len(), memory.mapped_len()), (100, page()));
        assert_pattern(&memory, 0, 100);
    }
}

#[test]
fn a_file_mapping_grows_along_the_file() {
    let folder = Folder::new();
    let file = FileObject::open_read_write(folder.patterned("file", 10 * page())).unwrap();
    let options = MapOptions::shared().read_write();
    let mut mapping = options.range(page() as u64 + 9..page() as u64 + 20).map(&file).unwrap();
    assert_eq!(mapping.len(), 11);
    mapping.resize(3 * page(), Growth::MayMove).unwrap();
    assert_pattern(&mapping, page() + 9, 3 * page());
    mapping.write_at(3 * page() - 1, b"x").unwrap();
    let now = std::fs::read(folder.name("file")).unwrap();
    assert_eq!(now[page() + 9 + 3 * page() - 1], b'x');
    assert_eq!(mapping.object_offset(), page() as u64 + 9);
}

/// `mremap` takes one mapping of the kernel's. After a change of protection in the middle there are three, and its
/// EFAULT says no more than "bad address".
#[test]
fn parts_that_differ_are_named_as_the_cause() {
    let mut memory = patterned(4 * page());
    memory.protect(page()..2 * page(), Protection::READ).unwrap();
    let error = memory.resize(8 * page(), Growth::MayMove).unwrap_err();
    assert_eq!((error.cause(), error.errno()), (Cause::SeveralMappings, Some(Errno::EFAULT)));
    assert!(line_of(&error).contains("several mappings"), "{error}");
    assert_eq!(memory.len(), 4 * page());
    assert_pattern(&memory, 0, 4 * page());
    // Shrinking may cut several.
    memory.resize(page(), Growth::InPlace).unwrap();
    memory.resize(8 * page(), Growth::MayMove).unwrap();
    assert_pattern(&memory, 0, page());
}

#[test]
fn moving_into_a_reservation() {
    let mut space = Reservation::new(16 * page()).unwrap();
    space.commit(..).unwrap();
    let all = pattern::bytes(1000, 16 * page());
    space.write_at(0, &all).unwrap();
    let folder = Folder::new();
    let file = FileObject::open_read_write(folder.patterned("file", 3 * page())).unwrap();
    let mapping = MapOptions::shared().read_write().range(77..).map(&file).unwrap();
    let old = mapping.as_ptr().addr();
    let place = mapping.move_into(&mut space, 4 * page()).unwrap();
    assert_eq!(place, 4 * page() + 77..7 * page());
    let mut bytes = vec![0; place.len()];
    space.read_at(place.start, &mut bytes).unwrap();
    pattern::assert_is(&bytes, 77);
    // What was before and behind it is as it was; where it was is nothing of ours.
    let mut bytes = vec![0; 9 * page()];
    space.read_at(0, &mut bytes[..4 * page()]).unwrap();
    pattern::assert_is(&bytes[..4 * page()], 1000);
    space.read_at(7 * page(), &mut bytes).unwrap();
    pattern::assert_is(&bytes, 1000 + 7 * page() as u64);
    let inode = maps::within(space.address() + 4 * page()..space.address() + 5 * page())[0].inode;
    assert!(maps::within(old..old + 1).iter().all(|entry| entry.inode != inode));
    // It belongs to the reservation: decommitted with it, and stores reach the file.
    space.write_at(place.start, b"stored").unwrap();
    assert_eq!(&std::fs::read(folder.name("file")).unwrap()[77..83], b"stored");
    space.decommit(4 * page()..7 * page()).unwrap();
    assert!(space.read_at(place.start, &mut [0]).is_err());
}

#[test]
fn a_move_that_does_not_fit_gives_the_mapping_back() {
    let mut space = Reservation::new(4 * page()).unwrap();
    space.commit(..).unwrap();
    space.write_at(0, &pattern::bytes(0, 4 * page())).unwrap();
    let mut memory = patterned(2 * page());
    for at in
        [1, page() - 1, 3 * page(), 4 * page(), 5 * page(), usize::MAX, usize::MAX - page() + 1]
    {
        let Refused { error, given } = memory.move_into(&mut space, at).unwrap_err();
        assert!(matches!(error.cause(), Cause::Range(_)), "{error}");
        assert_eq!(error.operation(), Operation::Remap);
        memory = given;
        assert_pattern(&memory, 0, 2 * page());
    }
    let mut bytes = vec![0; 4 * page()];
    space.read_at(0, &mut bytes).unwrap();
    pattern::assert_is(&bytes, 0);
    assert_eq!(memory.move_into(&mut space, 2 * page()).unwrap(), 2 * page()..4 * page());
    let nothing = Anonymous::new(0).map().unwrap();
    assert_eq!(nothing.move_into(&mut space, page()).unwrap(), page()..page());
}

#[test]
fn a_mapping_of_several_parts_moves_whole_or_not_at_all() {
    let mut space = Reservation::new(8 * page()).unwrap();
    let mut memory = patterned(4 * page());
    memory.protect(page()..2 * page(), Protection::READ).unwrap();
    match memory.move_into(&mut space, 2 * page()) {
        Ok(place) => {
            assert_eq!(place, 2 * page()..6 * page());
            let mut bytes = vec![0; 4 * page()];
            space.read_at(place.start, &mut bytes).unwrap();
            pattern::assert_is(&bytes, 0);
        }
        Err(Refused { error, given }) => {
            assert_eq!(error.cause(), Cause::SeveralMappings, "{error}");
            assert_pattern(&given, 0, 4 * page());
        }
    }
    // Either way the reservation holds all its pages.
    let accesses = maps::accesses(space.address()..space.address() + space.len());
    assert!(!accesses.contains(&"hole".to_owned()), "{accesses:?}");
}

#[test]
fn pages_are_taken_and_zeros_stay() {
    if !require::feature(Feature::RemapKeepOld) {
        return;
    }
    let mut memory = patterned(3 * page() - 7);
    let old = memory.as_ptr();
    let taken = memory.take_pages().unwrap();
    assert_eq!((taken.len(), taken.mapped_len()), (memory.len(), 3 * page()));
    assert_eq!((memory.as_ptr(), taken.kind()), (old, memory.kind()));
    assert_ne!(taken.as_ptr(), old);
    assert_pattern(&taken, 0, taken.len());
    assert_zeros(&memory, 0);
    memory.write_at(0, b"two owners").unwrap();
    assert_pattern(&taken, 0, taken.len());
    drop(memory);
    assert_pattern(&taken, 0, taken.len());
    // Of a file, the old mapping reads the file again.
    let folder = Folder::new();
    let file = FileObject::open(folder.patterned("file", 2 * page())).unwrap();
    let mut private = MapOptions::private().read_write().range(5..).map(&file).unwrap();
    private.write_at(0, b"mine").unwrap();
    let taken = private.take_pages().unwrap();
    let mut bytes = [0; 4];
    taken.read_at(0, &mut bytes).unwrap();
    assert_eq!((&bytes, taken.object_offset()), (b"mine", 5));
    assert_pattern(&private, 5, 2 * page() - 5);
}

#[test]
fn pages_of_a_shared_mapping_are_taken_too() {
    if !require::feature(Feature::RemapKeepOld) {
        return;
    }
    let folder = Folder::new();
    let file = FileObject::open_read_write(folder.patterned("file", 2 * page())).unwrap();
    let mut mapping = MapOptions::shared().read_write().range(9..).map(&file).unwrap();
    let taken = mapping.take_pages().unwrap();
    for mapping in [&mapping, &taken] {
        assert!(mapping.is_shared());
        assert_pattern(mapping, 9, 2 * page() - 9); // the file has the bytes
    }
    taken.write_at(0, b"seen").unwrap();
    let mut bytes = [0; 4];
    mapping.read_at(0, &mut bytes).unwrap();
    assert_eq!(&bytes, b"seen");
}

/// Shared anonymous memory is an object of its own, which has the bytes still: only private memory reads as zeros.
#[test]
fn shared_anonymous_memory_keeps_its_bytes_when_pages_are_taken() {
    if !require::feature(Feature::RemapKeepOld) {
        return;
    }
    let shared = MapOptions::shared().read_write();
    let mut memory = shared.map(&Anonymous::new(2 * page())).unwrap();
    memory.write_at(0, &pattern::bytes(0, 2 * page())).unwrap();
    let taken = memory.take_pages().unwrap();
    assert_pattern(&taken, 0, 2 * page());
    assert_pattern(&memory, 0, 2 * page());
}

#[test]
fn an_alias_is_the_same_pages_once_more() {
    let folder = Folder::new();
    let file = FileObject::open_read_write(folder.patterned("file", 3 * page())).unwrap();
    let shared = MapOptions::shared().read_write();
    let objects = [
        shared.range(100..).map(&file).unwrap(),
        shared.map(&Anonymous::new(3 * page() - 100)).unwrap(),
    ];
    for mapping in objects {
        let alias = mapping.alias().unwrap();
        assert_ne!(alias.as_ptr(), mapping.as_ptr());
        assert_eq!((alias.len(), alias.is_shared()), (mapping.len(), true));
        alias.write_at(5000, b"seen").unwrap();
        let mut bytes = [0; 4];
        mapping.read_at(5000, &mut bytes).unwrap();
        assert_eq!(&bytes, b"seen");
        drop(mapping);
        alias.read_at(5000, &mut bytes).unwrap();
        assert_eq!(&bytes, b"seen");
    }
    let private = patterned(page());
    let error = private.alias().unwrap_err();
    assert_eq!((error.operation(), error.errno()), (Operation::Remap, Some(Errno::EINVAL)));
    assert_pattern(&private, 0, page());
}

#[test]
fn moving_to_an_address_replaces_what_is_there() {
    let mut cage = Cage::of(3);
    let victim = cage.map(MapOptions::private(), &Anonymous::new(3 * page())).unwrap();
    let target = victim.as_ptr().addr();
    let mut memory = patterned(2 * page());
    for address in [target + 1, usize::MAX] {
        let error = unchecked::move_to(&mut memory, address).unwrap_err();
        assert!(matches!(error.cause(), Cause::Range(RangeError::Unaligned { .. })), "{error}");
    }
    assert_pattern(&memory, 0, 2 * page());
    let (below, above) = victim.split_at(2 * page()).unwrap();
    unchecked::move_to(&mut memory, target).unwrap();
    unchecked::disown(below); // its pages are the other's now
    assert_eq!(memory.as_ptr().addr(), target);
    assert_pattern(&memory, 0, 2 * page());
    assert_eq!(maps::accesses(target..target + 3 * page()), ["rw-p", "r--p"]);
    drop((memory, above));
    cage.assert_untouched();
}

#[test]
fn a_sealed_mapping_is_not_resized_and_not_unmapped() {
    child::run(|| {
        if !require::feature(Feature::Seal) {
            return;
        }
        let mut memory = patterned(2 * page());
        unchecked::seal(&memory).unwrap();
        let error = memory.resize(3 * page(), Growth::MayMove).unwrap_err();
        assert_eq!((error.cause(), error.errno()), (Cause::Sealed, Some(Errno::EPERM)));
        assert!(line_of(&error).contains("sealed"), "{error}");
        let error = memory.protect(.., Protection::READ).unwrap_err();
        assert_eq!(error.cause(), Cause::Sealed);
        let Refused { error, given } = memory.unmap().unwrap_err();
        assert_eq!((error.operation(), error.cause()), (Operation::Unmap, Cause::Sealed));
        assert_pattern(&given, 0, 2 * page());
        let range = given.as_ptr().addr()..given.as_ptr().addr() + 2 * page();
        assert_eq!(mman::leaked(), 0);
        drop(given);
        assert_eq!(mman::leaked(), 2 * page());
        assert_eq!(maps::accesses(range), ["rw-p"]);
    });
}
