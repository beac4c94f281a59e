//! Sealed mappings: nobody takes them away or changes them, this crate included, until the process ends.

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
use mman::{Anonymous, Cause, MapOptions, Protection, Refused, Sealed};
use mman_testkit::{child, line_of, maps, page, pattern, require, unchecked};

fn sealed(pages: usize, protection: Protection) -> Sealed {
    let mut memory = Anonymous::new(pages * page()).map().unwrap();
    memory.write_at(0, &pattern::bytes(0, pages * page())).unwrap();
    memory.protect(.., protection).unwrap();
    memory.seal().map_err(|refused| refused.error).unwrap()
}

#[test]
fn dropping_unmaps_nothing_and_counts_nothing_as_leaked() {
    child::run(|| {
        if !require::feature(Feature::Seal) {
            return;
        }
        let start = {
            let sealed = sealed(3, Protection::READ);
            assert_eq!((sealed.len(), sealed.is_empty()), (3 * page(), false));
            let start = sealed.as_ptr().addr();
            assert!(maps::flags_at(start).contains(&"sl".to_owned()));
            start
        };
        assert_eq!(maps::accesses(start..start + 3 * page()), ["r--p"]);
        assert_eq!(mman::leaked(), 0);
        pattern::assert_is(&mman_testkit::memory::read(start, 3 * page()).unwrap(), 0);
    });
}

/// Whoever tries, by whatever call, is refused; what is harmless goes on.
#[test]
fn what_changes_is_refused_and_what_is_harmless_works() {
    child::run(|| {
        if !require::feature(Feature::Seal) {
            return;
        }
        let sealed = sealed(2, Protection::READ | Protection::WRITE);
        let start = sealed.as_ptr().addr();
        // A mapping over it, by who owns nothing there.
        let over = unchecked::replacing(MapOptions::private(), start);
        let error = over.map(&Anonymous::new(page())).unwrap_err();
        assert_eq!(error.cause(), Cause::Sealed, "{error}");
        sealed.write_at(5, b"still ours").unwrap();
        let mut bytes = [0; 10];
        sealed.read_at(5, &mut bytes).unwrap();
        assert_eq!(&bytes, b"still ours");
        drop(sealed.pages().lock(..).unwrap());
        sealed.pages().advise(.., mman::Hint::Cold).unwrap();
        assert_eq!(sealed.pages().resident(..).unwrap(), 2 * page());
        let error = sealed.read_at(2 * page(), &mut [0]).unwrap_err();
        assert!(matches!(error.cause(), Cause::Range(_)));
    });
}

/// The part of a mapping that is sealed is all of it, and its other half is not.
#[test]
fn halves_of_a_mapping_are_sealed_one_by_one() {
    child::run(|| {
        if !require::feature(Feature::Seal) {
            return;
        }
        let memory = Anonymous::new(4 * page()).map().unwrap();
        let (low, mut high) = memory.split_at(2 * page()).map_err(|refused| refused.error).unwrap();
        let low = low.seal().map_err(|refused| refused.error).unwrap();
        high.protect(.., Protection::READ).unwrap();
        let range = low.as_ptr().addr()..low.as_ptr().addr() + 4 * page();
        assert_eq!(maps::pages_with_flag(range, "sl"), [true, true, false, false]);
        high.unmap().map_err(|refused| refused.error).unwrap();
    });
}

#[test]
fn what_cannot_be_sealed_comes_back() {
    child::run(|| {
        if !require::feature(Feature::Seal) {
            return;
        }
        let memory = Anonymous::new(3 * page()).map().unwrap();
        memory.write_at(0, b"here").unwrap();
        let start = memory.as_ptr().addr();
        unchecked::unmap(start + page()..start + 2 * page());
        let Refused { error, given } = memory.seal().unwrap_err();
        assert_eq!(error.cause(), Cause::NotMapped);
        assert!(line_of(&error).starts_with("seal bytes 0..12288 of anonymous memory"), "{error}");
        let mut bytes = [0; 4];
        given.read_at(0, &mut bytes).unwrap();
        assert_eq!(&bytes, b"here");
        assert!(!maps::flags_at(start).contains(&"sl".to_owned()), "sealing is all or nothing");
    });
}

#[test]
fn an_empty_mapping_is_sealed_without_a_call() {
    let sealed = Anonymous::new(0).map().unwrap().seal().map_err(|refused| refused.error).unwrap();
    assert!(sealed.is_empty());
}
