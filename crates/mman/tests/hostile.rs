//! What a reviewer reached from safe code: each was memory of somebody else, or a signal, and is an error now.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may stop at what it does not expect"
)]

use mman::{
    Anonymous, Cause, FileObject, Growth, Hint, HugePageSize, MapOptions, MemoryObject, PageSize,
    RangeError, Reservation,
};
use mman_testkit::files::Folder;
use mman_testkit::huge::Pool;
use mman_testkit::mount::{self, Mount};
use mman_testkit::{child, maps, page, pattern, require};
use std::cell::Cell;
use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd};

const MIB: usize = 1 << 20;

/// A hugetlbfs in a private mount namespace, with a file of two huge pages. `body` gets the file.
fn with_huge_file(body: impl FnOnce(File)) {
    if !require::root() {
        return;
    }
    let Some(_pool) = Pool::with(4) else { return };
    mount::be_alone();
    let folder = Folder::new();
    let mounted = Mount::new("hugetlbfs", folder.path(), c"pagesize=2M").unwrap();
    let path = folder.name("file");
    let file = File::options().read(true).write(true).create_new(true).open(&path).unwrap();
    file.set_len(4 * MIB as u64).unwrap();
    body(file);
    std::fs::remove_file(&path).unwrap();
    drop(mounted);
}

/// The kernel ignores which huge page size is asked of a file that has its own, and rounds up to that. The mapping
/// believed the size that was asked for, and owned 8 KiB of the 2 MiB that were mapped.
#[test]
fn the_pages_of_a_huge_file_are_its_own() {
    child::run(|| {
        with_huge_file(|file| {
            let object = FileObject::new(&file).unwrap();
            let small = HugePageSize::new(PageSize::new(2 * page()).unwrap());
            let options = MapOptions::shared().read_write().range(..2 * page() as u64);
            let error = options.huge_pages(small).map(&object).unwrap_err();
            assert_eq!(error.cause(), Cause::HugePageSize { page: 2 * page() });
            let mapping = options.huge_pages(HugePageSize::MIB_2).map(&object).unwrap();
            assert_eq!((mapping.len(), mapping.mapped_len()), (2 * page(), 2 * MIB));
            mapping.unmap().unwrap();
        });
    });
}

/// Lends one descriptor or the other, in turn. Nothing forbids a safe type to.
struct Alternating<'a> {
    files: [&'a File; 2],
    next: Cell<usize>,
}

impl AsFd for Alternating<'_> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        let next = self.next.get();
        self.next.set(next + 1);
        self.files[next % 2].as_fd()
    }
}

/// The page size was asked of one descriptor and the mapping made of the next: 4096 bytes were owned, 2 MiB mapped.
#[test]
fn what_is_true_of_one_descriptor_is_not_believed_of_the_next() {
    child::run(|| {
        with_huge_file(|huge| {
            let folder = Folder::new();
            let plain = File::open(folder.patterned("plain", page())).unwrap();
            let both = Alternating { files: [&plain, &huge], next: Cell::new(0) };
            let object = FileObject::new(both).unwrap();
            for _ in 0..6 {
                let before = maps::count();
                let mapping = MapOptions::shared().range(..page() as u64).map(&object).unwrap();
                let (start, len) = (mapping.as_ptr().addr(), mapping.mapped_len());
                let entries = maps::within(start..start + len);
                assert_eq!(entries.last().unwrap().range.end, start + len);
                mapping.unmap().unwrap();
                assert_eq!(maps::count(), before);
                let _size = object.size().unwrap(); // the next turn begins with the other file
            }
        });
    });
}

/// Pages that may be merged are unshared while `mremap` moves them. A signal interrupts that, after the kernel has
/// emptied the place that they move to: it was nobody's, and the reservation took it for its own.
#[test]
fn pages_that_may_be_merged_are_not_when_they_are_moved() {
    let mut space = Reservation::new(16 * page()).unwrap();
    let memory = Anonymous::new(4 * page()).map().unwrap();
    memory.write_at(0, &pattern::bytes(0, 4 * page())).unwrap();
    if memory.advise(.., Hint::Mergeable).is_err() {
        require::skip("same-page merging");
        return;
    }
    let place = memory.move_into(&mut space, 4 * page()).unwrap();
    let addresses = space.address() + place.start..space.address() + place.end;
    assert_eq!(maps::pages_with_flag(addresses, "mg"), [false; 4]);
    let mut bytes = vec![0; 4 * page()];
    space.read_at(place.start, &mut bytes).unwrap();
    pattern::assert_is(&bytes, 0);
}

/// Something mapped where the stack has yet to grow makes its next growth a SIGSEGV.
#[test]
fn the_room_of_the_stack_is_not_given_away() {
    let stack = maps::all().into_iter().find(|entry| entry.name == "[stack]").unwrap().range;
    for below in [page(), 16 * page(), MIB] {
        let address = stack.start - below;
        for options in [MapOptions::private().at(address), MapOptions::private().near(address)] {
            let error = options.read_write().map(&Anonymous::new(page())).unwrap_err();
            assert_eq!(error.cause(), Cause::StackRoom, "{below} below");
        }
    }
}

/// Shared anonymous memory is an object of the length that it was mapped with. It grew all the same, and what it had
/// grown by could not be touched.
#[test]
fn shared_anonymous_memory_does_not_grow() {
    let options = MapOptions::shared().read_write();
    let mut memory = options.map(&Anonymous::new(page())).unwrap();
    let error = memory.resize(2 * page(), Growth::MayMove).unwrap_err();
    let past = RangeError::EndsPastEnd { end: 2 * page() as u64, len: page() as u64 };
    assert_eq!(error.cause(), Cause::Range(past));
    assert_eq!(memory.len(), page());
    memory.write_at(page() - 1, b"x").unwrap();
    memory.resize(100, Growth::InPlace).unwrap();
    memory.resize(page(), Growth::InPlace).unwrap(); // back to what it has
}

/// A mapping below the stack that grew upwards took the room that the stack needs: a deep recursion was SIGSEGV.
#[test]
fn growing_into_the_room_of_the_stack_is_refused() {
    let maps = mman_testkit::maps::all();
    let here = maps.iter().find(|entry| entry.name == "[stack]").map(|entry| entry.range.end);
    let Some(end) = here else { return };
    // Below the room, with nothing between.
    let start = (end - (129 << 20) - (1 << 20)) & !4095;
    let Ok(mut mapping) = MapOptions::private().at(start).map(&Anonymous::new(4096)) else {
        return;
    };
    for growth in [Growth::InPlace, Growth::MayMove] {
        let error = mapping.resize(8 << 20, growth).unwrap_err();
        assert_eq!(error.cause(), Cause::StackRoom, "{error}");
    }
    mapping.resize(8192, Growth::InPlace).unwrap();
}
