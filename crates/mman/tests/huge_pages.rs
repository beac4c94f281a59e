//! Transparent huge pages: asked for, made at once, refused with the reason. Counted by AnonHugePages.

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
use mman::{Anonymous, Cause, Hint, MapOptions, Mapping, PageSize, Reservation};
use mman_testkit::files::Folder;
use mman_testkit::{child, huge, page, pattern, require, smaps};

/// Address space whose first byte is a huge page's, committed.
fn aligned(len: usize) -> Reservation {
    let mut space =
        Reservation::aligned(len, PageSize::new(huge::Pool::page_size()).unwrap()).unwrap();
    space.commit(..).unwrap();
    space
}

fn huge_bytes(space: &Reservation) -> usize {
    smaps::bytes(space.address()..space.address() + space.len(), "AnonHugePages:")
}

/// Memory in small pages becomes huge ones, no byte changes, and the count goes from nothing to all.
#[test]
fn collapsing_makes_huge_pages_of_small_ones() {
    if !require::feature(Feature::Collapse) {
        return;
    }
    let size = huge::Pool::page_size();
    let space = aligned(2 * size);
    space.advise(.., Hint::NoHugePages).unwrap();
    let bytes = pattern::bytes(0, 2 * size);
    space.write_at(0, &bytes).unwrap();
    assert_eq!(huge_bytes(&space), 0);
    space.advise(.., Hint::HugePages).unwrap();
    let mut answer = space.advise(.., Hint::Collapse);
    for _ in 0..100 {
        match answer {
            // Pages are in use at the moment, as the kernel says: by its own batches, for example.
            Err(error) if error.cause() == Cause::InUse => {
                answer = space.advise(.., Hint::Collapse)
            }
            _ => break,
        }
    }
    if answer.is_err_and(|error| error.cause() == Cause::NoHugePage) {
        require::skip("free memory in one piece");
        return;
    }
    answer.unwrap();
    assert_eq!(huge_bytes(&space), 2 * size);
    let mut found = vec![0; 2 * size];
    space.read_at(0, &mut found).unwrap();
    assert!(found == bytes, "a byte changed");
}

/// Huge pages that are wanted come with the first touch; where they are not wanted they do not.
#[test]
fn the_first_touch_brings_huge_pages_where_they_are_wanted() {
    if !require::feature(Feature::HugePages) {
        return;
    }
    let size = huge::Pool::page_size();
    let space = aligned(2 * size);
    space.advise(..size, Hint::HugePages).unwrap();
    space.advise(size.., Hint::NoHugePages).unwrap();
    space.write_at(0, b"x").unwrap();
    space.write_at(size, b"x").unwrap();
    let settings = std::fs::read_to_string("/sys/kernel/mm/transparent_hugepage/enabled").unwrap();
    let found = huge_bytes(&space);
    if settings.contains("[never]") {
        assert_eq!(found, 0);
    } else {
        assert!(found == size || found == 0, "one at most, and only where wanted: {found}");
        assert_eq!(space.pages().resident(size..).unwrap(), page());
    }
}

/// EINVAL of a collapse says that this memory cannot be huge, and not "invalid argument".
#[test]
fn what_cannot_be_huge_says_so() {
    if !require::feature(Feature::Collapse) {
        return;
    }
    let size = huge::Pool::page_size();
    let space = aligned(size);
    space.write_at(0, b"x").unwrap();
    space.advise(.., Hint::NoHugePages).unwrap();
    assert_eq!(space.advise(.., Hint::Collapse).unwrap_err().cause(), Cause::NotCollapsible);
    let folder = Folder::new();
    let file = mman::FileObject::open_read_write(folder.sparse("file", 4 << 20)).unwrap();
    let mapping: Mapping = MapOptions::shared().read_write().map(&file).unwrap();
    if let Err(error) = mapping.advise(.., Hint::Collapse) {
        assert!(matches!(error.cause(), Cause::NotCollapsible | Cause::InUse), "{error}");
    }
    // A mapping in which no huge page fits, and one that holds nothing yet.
    let small = Anonymous::new(page()).map().unwrap();
    assert_eq!(small.advise(.., Hint::Collapse).unwrap_err().cause(), Cause::NotCollapsible);
    let untouched = aligned(size);
    assert_eq!(untouched.advise(.., Hint::Collapse).unwrap_err().cause(), Cause::NotCollapsible);
}

#[test]
fn a_hole_in_a_collapse_is_a_hole() {
    child::run(|| {
        if !require::feature(Feature::Collapse) {
            return;
        }
        let size = huge::Pool::page_size();
        let space = aligned(2 * size);
        space.write_at(size, &pattern::bytes(0, size)).unwrap();
        mman_testkit::unchecked::unmap(space.address()..space.address() + size);
        assert_eq!(space.advise(.., Hint::Collapse).unwrap_err().cause(), Cause::NotMapped);
    });
}
