//! Populating: pages are there afterwards, or the error says which page is not and why. No byte changes.

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
use mman::{
    Anonymous, Cause, FileObject, HugePageSize, MapOptions, Operation, PageSize, Populate,
    Protection, Reservation,
};
use mman_testkit::files::{Folder, open_read_write};
use mman_testkit::mount::{self, Mount};
use mman_testkit::{child, huge, line_of, page, pattern, require};
use std::fs;
use std::io::Write;

fn supported() -> bool {
    require::feature(Feature::Populate)
}

#[test]
fn every_page_is_there_afterwards_and_no_byte_is_changed() {
    if !supported() {
        return;
    }
    let folder = Folder::new();
    let path = folder.patterned("file", 20 * page() + 5);
    let file = FileObject::open_read_write(&path).unwrap();
    for options in [MapOptions::shared(), MapOptions::private()] {
        let mapping = options.read_write().range(77..).map(&file).unwrap();
        for how in [Populate::ForReading, Populate::ForWriting] {
            mapping.pages().populate(.., how).unwrap();
            let mut bytes = vec![0; mapping.len()];
            mapping.read_at(0, &mut bytes).unwrap();
            pattern::assert_is(&bytes, 77);
        }
        assert_eq!(mapping.pages().resident(..).unwrap(), mapping.len());
    }
    pattern::assert_is(&fs::read(&path).unwrap(), 0);
    let memory = Anonymous::new(10 * page()).map().unwrap();
    memory.pages().populate(page()..2 * page(), Populate::ForWriting).unwrap();
    assert_eq!(memory.pages().resident(..).unwrap(), page());
    memory.pages().populate(3..3, Populate::ForReading).unwrap();
}

/// Populating private pages for writing copies them: the file may change then, and they do not.
#[test]
fn private_pages_become_copies() {
    if !supported() {
        return;
    }
    let folder = Folder::new();
    let path = folder.patterned("file", 2 * page());
    let file = FileObject::open_read_write(&path).unwrap();
    let mapping = MapOptions::private().read_write().map(&file).unwrap();
    mapping.pages().populate(..page(), Populate::ForWriting).unwrap();
    open_read_write(&path).write_all(&vec![0xEE; 2 * page()]).unwrap();
    let mut bytes = vec![0; 2 * page()];
    mapping.read_at(0, &mut bytes).unwrap();
    pattern::assert_is(&bytes[..page()], 0);
    assert!(bytes[page()..].iter().all(|byte| *byte == 0xEE));
}

#[test]
fn past_the_end_is_told_with_the_first_byte() {
    if !supported() {
        return;
    }
    let folder = Folder::new();
    let file = FileObject::open_read_write(folder.patterned("file", 30 * page())).unwrap();
    let mapping = MapOptions::shared().read_write().range(100..).map(&file).unwrap();
    file.file().set_len(17 * page() as u64 - 9).unwrap();
    for how in [Populate::ForReading, Populate::ForWriting] {
        let error = mapping.pages().populate(.., how).unwrap_err();
        assert_eq!(error.operation(), Operation::Populate);
        assert_eq!(error.cause(), Cause::Truncated { at: 17 * page() as u64 - 100 }, "{error}");
        let last = 17 * page() - 100;
        mapping.pages().populate(..last, how).expect("up to there it is there");
        let error = mapping.pages().populate(last..last + 1, how).unwrap_err();
        assert_eq!(error.cause(), Cause::Truncated { at: last as u64 });
    }
    file.file().set_len(10).unwrap();
    let grows = MapOptions::shared().range(..10 * page() as u64).past_end().populate_checked();
    let error = grows.map(&file).unwrap_err();
    assert_eq!(error.cause(), Cause::Truncated { at: page() as u64 });
    assert!(line_of(&error).starts_with("populate bytes 0..40960 of a regular file: "), "{error}");
}

#[test]
fn what_the_protection_forbids_is_denied() {
    if !supported() {
        return;
    }
    let mut memory = Anonymous::new(4 * page()).map().unwrap();
    memory.protect(2 * page()..3 * page(), Protection::READ).unwrap();
    memory.pages().populate(.., Populate::ForReading).unwrap();
    let error = memory.pages().populate(.., Populate::ForWriting).unwrap_err();
    assert_eq!(error.cause(), Cause::Denied, "{error}");
    memory.protect(2 * page()..3 * page(), Protection::NONE).unwrap();
    let error = memory.pages().populate(.., Populate::ForReading).unwrap_err();
    assert_eq!(error.cause(), Cause::Denied, "{error}");
    let space = Reservation::new(page()).unwrap();
    let error = space.pages().populate(.., Populate::ForReading).unwrap_err();
    assert_eq!(error.cause(), Cause::Denied, "{error}");
    let nothing = MapOptions::private().protection(Protection::NONE).populate_checked();
    assert_eq!(nothing.map(&Anonymous::new(page())).unwrap_err().cause(), Cause::Denied);
}

#[test]
fn a_hole_is_not_mapped() {
    child::run(|| {
        if !supported() {
            return;
        }
        let memory = Anonymous::new(3 * page()).map().unwrap();
        let start = memory.as_ptr().addr();
        mman_testkit::unchecked::unmap(start + page()..start + 2 * page());
        let error = memory.pages().populate(.., Populate::ForReading).unwrap_err();
        assert_eq!(error.cause(), Cause::NotMapped);
    });
}

/// A sparse file on a full file system: reading its zeros works, writing is a SIGBUS to who touches it, and an error
/// to who asks first.
#[test]
fn no_room_to_write_is_told_before_it_is_a_signal() {
    child::run(|| {
        if !supported() || !require::root() {
            return;
        }
        mount::be_alone();
        let folder = Folder::new();
        let Ok(_mount) = Mount::new("tmpfs", folder.path(), c"size=64k") else {
            require::skip("a tmpfs of our own");
            return;
        };
        let file = FileObject::open_read_write(folder.sparse("file", 1 << 20)).unwrap();
        let mapping = MapOptions::shared().read_write().sparse().map(&file).unwrap();
        mapping.pages().populate(..4 * page(), Populate::ForWriting).unwrap();
        let error = mapping.pages().populate(.., Populate::ForWriting).unwrap_err();
        let told = error.cause();
        assert!(matches!(told, Cause::NoSpace | Cause::Truncated { .. }), "{error}");
        drop(mapping);
        let options = MapOptions::private().read_write().populate_checked();
        let Err(error) = options.map(&file) else { return };
        assert!(matches!(error.cause(), Cause::NoSpace | Cause::Truncated { .. }), "{error}");
    });
}

#[test]
fn a_pool_without_pages_is_named() {
    if !supported() {
        return;
    }
    let Some(pool) = huge::Pool::with(1) else { return };
    let size = huge::Pool::page_size();
    let huge = HugePageSize::new(PageSize::new(size).unwrap());
    let free = huge::Pool::free() - huge::Pool::promised();
    let options = MapOptions::private().read_write().huge_pages(huge).no_reserve();
    let memory = options.map(&Anonymous::new((free + 2) * size)).unwrap();
    let error = memory.pages().populate(.., Populate::ForWriting).unwrap_err();
    assert_eq!(error.cause(), Cause::HugePagePool { page: size }, "{error}");
    let checked = options.populate_checked().map(&Anonymous::new((free + 2) * size));
    assert_eq!(checked.unwrap_err().cause(), Cause::HugePagePool { page: size });
    drop(memory);
    assert_eq!(huge::Pool::free() - huge::Pool::promised(), free, "the pool is whole again");
    drop(pool);
}

/// `populate` brings pages as far as it can and says nothing; `populate_checked` brings them all or fails.
#[test]
fn a_new_mapping_is_whole_or_none() {
    if !supported() {
        return;
    }
    let folder = Folder::new();
    let file = FileObject::open_read_write(folder.patterned("file", 9 * page())).unwrap();
    for options in [MapOptions::shared(), MapOptions::private()] {
        for options in [options, options.read_write()] {
            let mapping = options.populate_checked().map(&file).unwrap();
            assert_eq!(mapping.pages().resident(..).unwrap(), 9 * page());
        }
    }
    let memory = MapOptions::private().read_write().populate_checked().populate();
    let memory = memory.map(&Anonymous::new(5 * page())).unwrap();
    assert_eq!(memory.pages().resident(..).unwrap(), 5 * page());
    assert!(MapOptions::private().populate_checked().map(&Anonymous::new(0)).unwrap().is_empty());
}
