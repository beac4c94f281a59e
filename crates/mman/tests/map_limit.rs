//! At the limit of mappings: the error names it, what was asked for is given back, and a drop empties and counts.
//!
//! `munmap` of a middle needs one mapping more than there was, so it can fail; whoever ignores that in `drop` loses
//! memory silently, and `mmap` then says "cannot allocate memory" on a machine that has plenty.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test may stop at what it does not expect"
)]

use mman::{
    Anonymous, Cause, Discard, Errno, Error, FileObject, Growth, MapOptions, Mapping, Operation,
    Protection, Reservation,
};
use mman_testkit::files::Folder;
use mman_testkit::{child, limits, line_of, maps, memory, page, pattern};

/// As many mappings as this process may have, in a reservation and in single pages.
struct Full {
    space: Reservation,
    singles: Vec<Mapping>,
}

impl Full {
    /// Protects every other page of a reservation until the kernel refuses, and maps what still can be mapped.
    fn new() -> Self {
        let limit = limits::max_map_count();
        let mut space = Reservation::new((usize::try_from(limit).unwrap() + 10) * page()).unwrap();
        let mut singles = Vec::with_capacity(16);
        let mut refused = None;
        for at in (1..space.len() / page()).step_by(2) {
            let page_of = at * page()..(at + 1) * page();
            if let Err(error) = space.protect(page_of, Protection::READ) {
                refused = Some(error);
                break;
            }
        }
        assert_limit(&refused.expect("the limit of mappings"), Operation::Protect);
        // Shared memory never becomes one mapping with its neighbour.
        let shared = MapOptions::shared().read_write();
        while let Ok(single) = shared.map(&Anonymous::new(1)) {
            singles.push(single);
            assert!(singles.len() < 10, "the limit was not reached");
        }
        Self { space, singles }
    }
}

#[track_caller]
fn assert_limit(error: &Error, operation: Operation) {
    let limit = limits::max_map_count();
    assert_eq!(
        (error.cause(), error.errno()),
        (Cause::MapCountLimit { limit }, Some(Errno::ENOMEM))
    );
    assert_eq!(error.operation(), operation);
    let line = line_of(error);
    assert!(line.contains(&limit.to_string()) && line.contains("vm.max_map_count"), "{line}");
}

fn patterned(pages: usize) -> Mapping {
    let memory = MapOptions::shared().read_write().map(&Anonymous::new(pages * page())).unwrap();
    memory.write_at(0, &pattern::bytes(0, pages * page())).unwrap();
    memory
}

fn private(pages: usize) -> Mapping {
    let memory = Anonymous::new(pages * page()).map().unwrap();
    memory.write_at(0, &pattern::bytes(0, pages * page())).unwrap();
    memory
}

#[track_caller]
fn assert_pattern(mapping: &Mapping, offset: usize) {
    let mut bytes = vec![0; mapping.len()];
    mapping.read_at(0, &mut bytes).unwrap();
    pattern::assert_is(&bytes, offset as u64);
}

#[test]
fn every_operation_names_the_limit_and_loses_nothing() {
    child::run(|| {
        let folder = Folder::new();
        let file = FileObject::open(folder.patterned("file", 3 * page())).unwrap();
        let mut mapping = patterned(5);
        let mut space = Reservation::new(8 * page()).unwrap();
        space.place(page(), &MapOptions::shared(), &file).unwrap();
        let full = Full::new();
        assert_limit(&Anonymous::new(1).map().unwrap_err(), Operation::Map);
        assert_limit(&file.map().unwrap_err(), Operation::Map);
        assert_limit(&Reservation::new(1).unwrap_err(), Operation::Reserve);
        let error = mapping.protect(page()..2 * page(), Protection::READ).unwrap_err();
        assert_limit(&error, Operation::Protect);
        let error = mapping.take_pages().map(drop).unwrap_err();
        assert_limit(&error, Operation::Remap);
        let refused = mapping.unmap_range(page()..2 * page()).unwrap_err();
        assert_limit(&refused.error, Operation::Unmap);
        mapping = refused.given;
        assert_eq!((mapping.len(), mapping.mapped_len()), (5 * page(), 5 * page()));
        assert_pattern(&mapping, 0);
        mapping.write_at(page(), &pattern::bytes(page() as u64, page())).unwrap();
        let one_page = MapOptions::shared().range(..page() as u64);
        let error = space.place(2 * page(), &one_page, &file).unwrap_err();
        assert_limit(&error, Operation::Place);
        assert_limit(&space.decommit(2 * page()..3 * page()).unwrap_err(), Operation::Decommit);
        assert_limit(&space.commit(6 * page()..7 * page()).unwrap_err(), Operation::Commit);
        let mut bytes = vec![0; 3 * page()];
        space.read_at(page(), &mut bytes).unwrap();
        pattern::assert_is(&bytes, 0);
        // What needs no more mappings works.
        mapping.protect(.., Protection::READ).unwrap();
        mapping.protect(.., Protection::READ | Protection::WRITE).unwrap();
        mapping.resize(4 * page(), Growth::InPlace).unwrap();
        drop(full);
        assert_eq!(mman::leaked(), 0);
        // And all works again where there is room.
        mapping.unmap_range(page()..2 * page()).unwrap();
        space.decommit(2 * page()..3 * page()).unwrap();
        Anonymous::new(1).map().unwrap();
    });
}

#[test]
fn a_middle_that_cannot_be_unmapped_comes_back_and_a_drop_empties_it() {
    child::run(|| {
        for whole in [private(3), patterned(3)] {
            let shared = whole.is_shared();
            let (low, rest) = whole.split_at(page()).unwrap();
            let (middle, high) = rest.split_at(page()).unwrap();
            let full = Full::new();
            let refused = middle.unmap().unwrap_err();
            assert_limit(&refused.error, Operation::Unmap);
            let middle = refused.given;
            assert_pattern(&middle, page());
            let (address, leaked) = (middle.as_ptr().addr(), mman::leaked());
            drop(middle);
            assert_eq!(mman::leaked(), leaked + page());
            // The addresses are kept, so that nobody is given them who does not know; what was there is gone, where it
            // was nobody else's.
            assert_eq!(maps::accesses(address..address + page()).len(), 1);
            let bytes = memory::read(address, page()).unwrap();
            if shared {
                pattern::assert_is(&bytes, page() as u64);
            } else {
                assert!(bytes.iter().all(|byte| *byte == 0), "the content is not emptied");
                assert!(
                    memory::resident(low.as_ptr().addr(), 3).unwrap()[0],
                    "a neighbour was emptied"
                );
            }
            assert_pattern(&low, 0);
            assert_pattern(&high, 2 * page());
            drop(full);
            drop((low, high));
            assert_eq!(mman::leaked(), leaked + page());
        }
    });
}

#[test]
fn a_reservation_at_the_limit() {
    child::run(|| {
        let mut space = Reservation::new(6 * page()).unwrap();
        space.commit(..).unwrap();
        space.write_at(0, &pattern::bytes(0, 6 * page())).unwrap();
        let (low, rest) = space.split_at(2 * page()).unwrap();
        let (middle, high) = rest.split_at(2 * page()).unwrap();
        let full = Full::new();
        let refused = middle.release().unwrap_err();
        assert_limit(&refused.error, Operation::Unmap);
        let mut middle = refused.given;
        let mut bytes = vec![0; 2 * page()];
        middle.read_at(0, &mut bytes).unwrap();
        pattern::assert_is(&bytes, 2 * page() as u64);
        assert_limit(&middle.decommit(..).unwrap_err(), Operation::Decommit);
        middle.read_at(0, &mut bytes).unwrap();
        pattern::assert_is(&bytes, 2 * page() as u64);
        middle.discard(.., Discard::Now).unwrap();
        drop(middle);
        assert_eq!(mman::leaked(), 2 * page());
        drop(full);
        low.release().unwrap();
        high.release().unwrap();
    });
}

#[test]
fn aligning_at_the_limit_leaks_nothing_silently() {
    child::run(|| {
        let full = Full::new();
        let alignment = mman::PageSize::new(1 << 21).unwrap();
        let error = Reservation::aligned(1 << 21, alignment).unwrap_err();
        assert_limit(&error, Operation::Reserve);
        let Full { space, mut singles } = full;
        let before = maps::count();
        // With room for one mapping it may work, or be refused; what cannot be cut off is counted.
        drop(singles.pop());
        drop(Reservation::aligned(1 << 21, alignment));
        drop(singles);
        let after = maps::count();
        assert!(after <= before || mman::leaked() > 0, "{before} mappings, and now {after}");
        space.release().unwrap();
    });
}

/// Since 6.17 one move may take several of the kernel's mappings, one after the other; where it failed half way, those that
/// were moved already would be gone from the old place, and the mapping that comes back stand over a hole that anybody
/// may be given.
#[test]
fn a_move_of_several_parts_that_is_refused_loses_nothing() {
    child::run(|| {
        let shared = MapOptions::shared().read_write();
        let mut spare: Vec<Mapping> =
            (0..16).map(|_| shared.map(&Anonymous::new(1)).unwrap()).collect();
        let mut space = Reservation::new(12 * page()).unwrap();
        // The ends of the mapping are one with its neighbours for the kernel, so that moving cuts there, too.
        let (_low, rest) = private(8).split_at(2 * page()).unwrap();
        let (mut mapping, _high) = rest.split_at(4 * page()).unwrap();
        mapping.protect(page()..2 * page(), Protection::READ).unwrap();
        let executable = Protection::READ | Protection::EXEC;
        mapping.protect(2 * page()..3 * page(), executable).unwrap();
        let held = space.address()..space.address() + space.len();
        let _full = Full::new();
        while spare.pop().is_some() {
            let pages = mapping.as_ptr().addr()..mapping.as_ptr().addr() + 4 * page();
            match mapping.move_into(&mut space, 4 * page()) {
                Ok(place) => {
                    let mut bytes = vec![0; 4 * page()];
                    space.read_at(place.start, &mut bytes).unwrap();
                    pattern::assert_is(&bytes, 2 * page() as u64);
                    return;
                }
                Err(refused) => {
                    mapping = refused.given;
                    let (left, error) = (spare.len(), refused.error);
                    let accesses = maps::accesses(pages);
                    assert_eq!(accesses, ["rw-p", "r--p", "r-xp", "rw-p"], "{left} left: {error}");
                    assert_pattern(&mapping, 2 * page());
                    assert_eq!(maps::accesses(held.clone()), ["---p"], "{left} left: {error}");
                }
            }
        }
        panic!("with room for sixteen more it should work");
    });
}

/// `mremap` wants room for four mappings more, other calls for one or two. Between the two the error said that there was
/// no room in the address space.
#[test]
fn moving_names_the_limit_too_although_it_is_refused_earlier() {
    child::run(|| {
        let shared = MapOptions::shared().read_write();
        let mut spare: Vec<Mapping> =
            (0..12).map(|_| shared.map(&Anonymous::new(1)).unwrap()).collect();
        let mut space = Reservation::new(12 * page()).unwrap();
        let mut mapping = private(4);
        let _full = Full::new();
        while spare.pop().is_some() {
            match mapping.move_into(&mut space, 4 * page()) {
                Ok(_) => return,
                Err(refused) => {
                    mapping = refused.given;
                    assert_limit(&refused.error, Operation::Remap);
                }
            }
        }
        panic!("with room for twelve more it should work");
    });
}
