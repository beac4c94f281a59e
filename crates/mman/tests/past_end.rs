//! Files that become shorter under their mapping: an error that names the byte, never a signal.
//!
//! A touch of a page past the end of the file is SIGBUS, which kills the process. So died programs that mapped a
//! log while it was rotated, or a database while it was compacted.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may stop at what it does not expect"
)]

use mman::{
    Cause, Errno, Error, FileObject, Growth, Hint, MapOptions, Mapping, Operation, Reservation,
};
use mman_testkit::files::{Folder, grow_with_pattern, open_read_write};
use mman_testkit::{line_of, page, pattern};
use std::fs::{self, File};
use std::io::Read;

/// The byte that an error says is not there.
#[track_caller]
fn truncated_at(error: &Error) -> u64 {
    let Cause::Truncated { at } = error.cause() else { panic!("{error}") };
    assert_eq!(error.errno(), Some(Errno::EFAULT));
    assert!(line_of(error).contains(&format!("at byte {at}:")), "{error}");
    at
}

/// A mapping of the file from `lead` on, and the file.
fn mapped(folder: &Folder, len: usize, lead: u64) -> (Mapping, File) {
    let file = open_read_write(folder.patterned("file", len));
    let object = FileObject::new(&file).unwrap();
    let mapping = MapOptions::shared().read_write().range(lead..).map(&object).unwrap();
    (mapping, file)
}

/// How many bytes of a file that ends at `end` can be reached: its last page is zeros to the page's end.
fn reachable(end: u64) -> u64 {
    end.next_multiple_of(page() as u64)
}

#[test]
fn reading_names_the_first_byte_that_is_not_there() {
    for folder in [Folder::new(), Folder::in_shared_memory()] {
        for lead in [0_u64, 1, 100, page() as u64 + 7] {
            let (mapping, file) = mapped(&folder, 4 * page(), lead);
            let pages = page() as u64;
            for end in [3 * pages, 2 * pages + 1, 2 * pages, pages + 100, 1, 0] {
                file.set_len(end).unwrap();
                let there = reachable(end).saturating_sub(lead);
                let mut bytes = vec![0xEE; mapping.len()];
                let error = mapping.read_at(0, &mut bytes).unwrap_err();
                assert_eq!(truncated_at(&error), there, "end {end}, lead {lead}");
                assert_eq!(error.operation(), Operation::Read);
                assert_eq!(error.range(), Some((0, mapping.len() as u64)));
                // What comes before is there: the file, then zeros to the end of its last page.
                let file_bytes = end.saturating_sub(lead) as usize;
                mapping.read_at(0, &mut bytes[..there as usize]).unwrap();
                pattern::assert_is(&bytes[..file_bytes], lead);
                assert!(bytes[file_bytes..there as usize].iter().all(|byte| *byte == 0));
                // A range wholly past the end begins with the byte.
                let last = mapping.len() - 1;
                let error = mapping.read_at(last, &mut [0]).unwrap_err();
                assert_eq!(truncated_at(&error), last as u64);
            }
            drop(mapping);
            fs::remove_file(folder.name("file")).unwrap();
        }
    }
}

#[test]
fn writing_names_it_and_writes_what_comes_before() {
    let folder = Folder::new();
    let (mapping, file) = mapped(&folder, 4 * page(), 10);
    file.set_len(page() as u64 + 1).unwrap();
    let start = page() - 20;
    let error = mapping.write_at(start, &vec![0xAB; 2 * page()]).unwrap_err();
    assert_eq!(truncated_at(&error), 2 * page() as u64 - 10);
    assert_eq!((error.operation(), error.range().unwrap().0), (Operation::Write, start as u64));
    let now = fs::read(folder.name("file")).unwrap();
    assert_eq!(now.len(), page() + 1);
    pattern::assert_is(&now[..page() - 10], 0);
    assert!(now[page() - 10..].iter().all(|byte| *byte == 0xAB));
    let error = mapping.write_at(3 * page(), b"x").unwrap_err();
    assert_eq!(truncated_at(&error), 3 * page() as u64);
}

#[test]
fn writing_out_names_it_and_has_written_all_before_it() {
    let folder = Folder::new();
    let len = 40 * page();
    for (lead, end) in [(0, 33 * page() + 5), (77, 20 * page()), (77, 1), (0, 0)] {
        let (mapping, file) = mapped(&folder, len, lead);
        file.set_len(end as u64).unwrap();
        let there = reachable(end as u64).saturating_sub(lead);
        let copy = open_read_write(folder.patterned("copy", 0));
        let error = mapping.write_out(&copy, ..).unwrap_err();
        assert_eq!(truncated_at(&error), there, "to a file");
        let copied = fs::read(folder.name("copy")).unwrap();
        assert_eq!(copied.len() as u64, there);
        pattern::assert_is(&copied[..end.saturating_sub(lead as usize)], lead);
        let (mut reader, writer) = std::io::pipe().unwrap();
        let error = std::thread::scope(|scope| {
            let writing = scope.spawn(|| {
                let writer = writer; // closed when this ends
                mapping.write_out(writer, ..).unwrap_err()
            });
            let mut bytes = Vec::new();
            reader.read_to_end(&mut bytes).unwrap();
            assert_eq!(bytes, copied, "to a pipe");
            writing.join().unwrap()
        });
        assert_eq!(truncated_at(&error), there, "to a pipe");
        assert_eq!(error.range(), Some((0, mapping.len() as u64)));
    }
}

#[test]
fn what_grows_back_is_there_again() {
    for folder in [Folder::new(), Folder::in_shared_memory()] {
        let len = 4 * page();
        let (mapping, file) = mapped(&folder, len, 0);
        file.set_len(10).unwrap();
        assert!(mapping.read_at(page(), &mut [0]).is_err());
        grow_with_pattern(folder.name("file"), len as u64);
        let mut bytes = vec![0; len];
        mapping.read_at(0, &mut bytes).unwrap();
        pattern::assert_is(&bytes, 0);
        mapping.write_at(len - 1, b"x").unwrap();
        assert_eq!(fs::read(folder.name("file")).unwrap()[len - 1], b'x');
    }
}

#[test]
fn a_private_copy_is_lost_with_the_file_below_it() {
    let folder = Folder::new();
    let path = folder.patterned("file", 2 * page());
    let file = FileObject::open(&path).unwrap();
    let mapping = MapOptions::private().read_write().map(&file).unwrap();
    mapping.write_at(page(), b"mine").unwrap();
    open_read_write(&path).set_len(page() as u64).unwrap();
    let error = mapping.read_at(page(), &mut [0; 4]).unwrap_err();
    assert_eq!(truncated_at(&error), page() as u64);
}

#[test]
fn a_range_past_the_end_waits_for_the_file_to_grow() {
    let folder = Folder::new();
    let path = folder.patterned("file", 10);
    let file = FileObject::open_read_write(&path).unwrap();
    let pages = page() as u64;
    let options = MapOptions::shared().read_write().past_end();
    let mapping = options.range(pages + 5..4 * pages).map(&file).unwrap();
    assert_eq!(mapping.len() as u64, 3 * pages - 5);
    assert_eq!(truncated_at(&mapping.read_at(0, &mut [0]).unwrap_err()), 0);
    assert_eq!(truncated_at(&mapping.write_at(9, &[0]).unwrap_err()), 9);
    grow_with_pattern(&path, 2 * pages);
    let mut bytes = vec![0; page() - 5];
    mapping.read_at(0, &mut bytes).unwrap();
    pattern::assert_is(&bytes, pages + 5);
    assert_eq!(truncated_at(&mapping.read_at(0, &mut vec![0; page()]).unwrap_err()), pages - 5);
    // Without an end it is the file, as long as it is now.
    assert_eq!(options.map(&file).unwrap().len() as u64, 2 * pages);
    let error = options.range(3 * pages..).map(&file).unwrap_err();
    assert!(line_of(&error).contains("the size is 8192 bytes"), "{error}");
}

#[test]
fn growing_the_mapping_past_the_end() {
    let folder = Folder::new();
    let (mut mapping, _file) = mapped(&folder, page(), 100);
    mapping.resize(3 * page(), Growth::MayMove).unwrap();
    assert_eq!(mapping.len(), 3 * page());
    let error = mapping.read_at(0, &mut vec![0; 3 * page()]).unwrap_err();
    assert_eq!(truncated_at(&error), page() as u64 - 100);
    grow_with_pattern(folder.name("file"), 4 * page() as u64);
    let mut bytes = vec![0; 3 * page()];
    mapping.read_at(0, &mut bytes).unwrap();
    pattern::assert_is(&bytes, 100);
}

#[test]
fn a_placed_object_that_becomes_shorter() {
    let folder = Folder::new();
    let file = open_read_write(folder.patterned("file", 3 * page()));
    let object = FileObject::new(&file).unwrap();
    let mut space = Reservation::new(8 * page()).unwrap();
    let placed = space.place(2 * page(), &MapOptions::shared(), &object).unwrap();
    file.set_len(page() as u64).unwrap();
    let error = space.read_at(placed.start, &mut vec![0; placed.len()]).unwrap_err();
    assert_eq!(truncated_at(&error), 3 * page() as u64);
    let error = space.read_at(0, &mut [0]).unwrap_err();
    assert_eq!(error.cause(), Cause::Denied);
}

/// Populating answers for every page, unlike `MAP_POPULATE`. Its error counted the byte from the start of the range
/// that was asked for, and not from the start of the mapping as every other error does.
#[test]
fn populating_names_the_byte_counted_from_the_mapping() {
    let folder = Folder::new();
    for lead in [0_u64, 100] {
        let (mapping, file) = mapped(&folder, 8 * page(), lead);
        mapping.advise(.., Hint::PopulateRead).unwrap();
        file.set_len(5 * page() as u64).unwrap();
        let there = 5 * page() as u64 - lead;
        for start in [0, 1, page(), 5 * page(), 6 * page() + 5] {
            let error = mapping.advise(start.., Hint::PopulateRead).unwrap_err();
            let first_page = (start as u64 + lead) / page() as u64 * page() as u64;
            let expected = there.max(first_page.saturating_sub(lead));
            assert_eq!(truncated_at(&error), expected, "from {start}, lead {lead}: {error}");
        }
    }
}

#[test]
fn syncing_and_unmapping_what_is_gone_is_no_error() {
    let folder = Folder::new();
    let (mapping, file) = mapped(&folder, 4 * page(), 0);
    mapping.write_at(3 * page(), b"lost").unwrap();
    file.set_len(0).unwrap();
    for how in [mman::Sync::Async, mman::Sync::Data, mman::Sync::Invalidate] {
        mapping.sync(.., how).unwrap();
    }
    mapping.unmap().unwrap();
    assert_eq!(fs::metadata(folder.name("file")).unwrap().len(), 0);
}
