//! The true length of a mapping: whole pages, of the size that they really have.
//!
//! Unmapping huge pages takes a length that is a whole number of them. Crates of the field gave the length that was
//! asked for: the kernel refused, and the pages never went back to the pool.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    reason = "a test may stop at what it does not expect"
)]

use mman::{
    Anonymous, Cause, Errno, FileObject, Growth, HugePageSize, MapOptions, Mapping, PageSize,
    Protection, RangeError, Reservation,
};
use mman_testkit::files::Folder;
use mman_testkit::huge::Pool;
use mman_testkit::mount::{self, Mount};
use mman_testkit::{child, line_of, maps, page, pattern, require, unchecked};
use std::fs::File;

const MIB: usize = 1 << 20;

/// Huge pages of 2 MiB, so many of them.
fn pool(pages: usize) -> Option<Pool> {
    let there =
        HugePageSize::available().contains(&HugePageSize::MIB_2) && Pool::page_size() == 2 * MIB;
    if require::holds(there, "huge pages of 2 MiB, the usual ones") {
        Pool::with(pages)
    } else {
        None
    }
}

fn huge() -> MapOptions {
    MapOptions::private().read_write().huge_pages(HugePageSize::MIB_2)
}

/// The state of the pool: all pages, free ones, promised ones.
fn counts() -> (usize, usize, usize) {
    (Pool::total(), Pool::free(), Pool::promised())
}

#[test]
fn the_true_length_is_whole_pages() {
    for len in [1, page() - 1, page(), page() + 1, MIB, MIB + 1] {
        let memory = Anonymous::new(len).map().unwrap();
        assert_eq!((memory.len(), memory.mapped_len()), (len, len.next_multiple_of(page())));
        let start = memory.as_ptr().addr();
        let entries = maps::within(start..start + memory.mapped_len());
        assert_eq!(entries.last().unwrap().range.end, start + memory.mapped_len());
    }
}

#[test]
fn three_mebibytes_are_two_huge_pages_and_both_go_back() {
    let Some(_pool) = pool(4) else { return };
    let before = counts();
    let memory = huge().map(&Anonymous::new(3 * MIB)).unwrap();
    assert_eq!((memory.len(), memory.mapped_len()), (3 * MIB, 4 * MIB));
    assert_eq!(memory.page_size(), HugePageSize::MIB_2.page_size());
    assert!(memory.as_ptr().addr().is_multiple_of(2 * MIB));
    assert_eq!(counts(), (before.0, before.1, before.2 + 2), "promised, not touched");
    memory.write_at(0, &pattern::bytes(0, 3 * MIB)).unwrap();
    let mut bytes = vec![0; 3 * MIB];
    memory.read_at(0, &mut bytes).unwrap();
    pattern::assert_is(&bytes, 0);
    assert!(memory.write_at(3 * MIB, b"x").is_err(), "the rest is no byte of the mapping");
    assert_eq!(counts(), (before.0, before.1 - 2, before.2));
    let leaked = mman::leaked();
    drop(memory);
    assert_eq!((counts(), mman::leaked()), (before, leaked));
    let memory = huge().populate().map(&Anonymous::new(1)).unwrap();
    assert_eq!(counts().1, before.1 - 1);
    memory.unmap().unwrap();
    assert_eq!(counts(), before);
}

#[test]
fn huge_pages_are_cut_at_their_own_boundaries_only() {
    let Some(_pool) = pool(4) else { return };
    let before = counts();
    let memory = huge().map(&Anonymous::new(8 * MIB)).unwrap();
    memory.write_at(0, &pattern::bytes(0, 8 * MIB)).unwrap();
    let unaligned =
        |value: usize| Cause::Range(RangeError::Unaligned { value: value as u64, page: 2 * MIB });
    let refused = memory.split_at(page()).unwrap_err();
    assert_eq!(refused.error.cause(), unaligned(page()));
    assert!(line_of(&refused.error).contains("2097152 bytes"), "{}", refused.error);
    let refused = refused.given.unmap_range(MIB..3 * MIB).unwrap_err();
    assert_eq!(refused.error.cause(), unaligned(MIB));
    let mut memory = refused.given;
    let error = memory.protect(..3 * MIB, Protection::READ).unwrap_err();
    assert_eq!(error.cause(), unaligned(3 * MIB));
    let error = memory.discard(page()..2 * MIB, mman::Discard::Now).unwrap_err();
    assert_eq!(error.cause(), unaligned(page()));
    memory.protect(2 * MIB..4 * MIB, Protection::READ).unwrap();
    let (low, high) = memory.split_at(4 * MIB).unwrap();
    assert_eq!((low.mapped_len(), high.mapped_len()), (4 * MIB, 4 * MIB));
    drop(low);
    assert_eq!(counts().1, before.1 - 2);
    let mut bytes = vec![0; 4 * MIB];
    high.read_at(0, &mut bytes).unwrap();
    pattern::assert_is(&bytes, 4 * MIB as u64);
    let (rest, nothing) = high.unmap_range(2 * MIB..).unwrap();
    assert_eq!((rest.len(), nothing.len(), counts().1), (2 * MIB, 0, before.1 - 1));
    drop(rest);
    assert_eq!(counts(), before);
}

#[test]
fn huge_pages_keep_their_length_when_resized() {
    let Some(_pool) = pool(4) else { return };
    let before = counts();
    let mut memory = huge().map(&Anonymous::new(3 * MIB)).unwrap();
    memory.write_at(0, b"kept").unwrap();
    memory.resize(4 * MIB, Growth::InPlace).unwrap(); // room in the last page
    assert_eq!((memory.len(), memory.mapped_len()), (4 * MIB, 4 * MIB));
    memory.write_at(4 * MIB - 1, b"x").unwrap();
    // The kernel does not let huge pages grow; whatever it says, nothing is lost.
    if let Err(error) = memory.resize(5 * MIB, Growth::MayMove) {
        assert_eq!(error.errno(), Some(Errno::EINVAL), "{error}");
        assert_eq!((memory.len(), memory.mapped_len()), (4 * MIB, 4 * MIB));
    }
    memory.resize(1, Growth::MayMove).unwrap();
    assert_eq!((memory.len(), memory.mapped_len()), (1, 2 * MIB));
    let mut bytes = [0];
    memory.read_at(0, &mut bytes).unwrap();
    assert_eq!(&bytes, b"k");
    drop(memory);
    assert_eq!(counts(), before);
}

#[test]
fn huge_pages_in_a_reservation() {
    let Some(_pool) = pool(2) else { return };
    let before = counts();
    let size = HugePageSize::MIB_2.page_size();
    let mut space = Reservation::aligned(8 * MIB, size).unwrap();
    assert!(size.divides(space.address()));
    let error = space.place(page(), &huge(), &Anonymous::new(MIB)).unwrap_err();
    let unaligned = RangeError::Unaligned { value: page() as u64, page: 2 * MIB };
    assert_eq!(error.cause(), Cause::Range(unaligned));
    let placed = space.place(2 * MIB, &huge(), &Anonymous::new(3 * MIB)).unwrap();
    assert_eq!(placed, 2 * MIB..5 * MIB);
    space.write_at(2 * MIB, &pattern::bytes(0, 3 * MIB)).unwrap();
    assert_eq!(counts().1, before.1 - 2);
    // A part of a huge page cannot be taken out; nothing is lost by asking.
    let error = space.decommit(3 * MIB..4 * MIB).unwrap_err();
    assert_eq!(error.errno(), Some(Errno::EINVAL), "{error}");
    let mut bytes = vec![0; 3 * MIB];
    space.read_at(2 * MIB, &mut bytes).unwrap();
    pattern::assert_is(&bytes, 0);
    space.decommit(4 * MIB..6 * MIB).unwrap();
    assert_eq!(counts().1, before.1 - 1);
    // Moved in, too.
    let moved = huge().map(&Anonymous::new(2 * MIB)).unwrap();
    moved.write_at(0, b"moved").unwrap();
    let refused = moved.move_into(&mut space, MIB).unwrap_err();
    assert!(matches!(refused.error.cause(), Cause::Range(RangeError::Unaligned { .. })));
    assert_eq!(refused.given.move_into(&mut space, 4 * MIB).unwrap(), 4 * MIB..6 * MIB);
    let mut bytes = [0; 5];
    space.read_at(4 * MIB, &mut bytes).unwrap();
    assert_eq!(&bytes, b"moved");
    let leaked = mman::leaked();
    drop(space);
    assert_eq!((counts(), mman::leaked()), (before, leaked));
}

/// The pool is asked after the kernel has emptied the place: where it has too few pages, the old content was gone.
#[test]
fn huge_pages_that_are_not_there_replace_nothing_in_a_reservation() {
    let Some(_alone_with_it) = pool(0) else { return };
    let size = HugePageSize::MIB_2.page_size();
    let mut space = Reservation::aligned(8 * MIB, size).unwrap();
    space.commit(..).unwrap();
    space.write_at(0, &pattern::bytes(0, 8 * MIB)).unwrap();
    let many = Anonymous::new(2 * MIB);
    let mut taken = Vec::new();
    while let Ok(mapping) = huge().map(&many) {
        taken.push(mapping); // what was in the pool before
    }
    let error = space.place(2 * MIB, &huge(), &many).unwrap_err();
    assert_eq!(error.cause(), Cause::HugePagePool { page: 2 * MIB });
    let addresses = space.address()..space.address() + space.len();
    assert_eq!(maps::accesses(addresses), ["rw-p"], "no hole is left");
    let mut bytes = vec![0; 8 * MIB];
    space.read_at(0, &mut bytes).unwrap();
    pattern::assert_is(&bytes, 0);
}

#[test]
fn files_of_huge_pages_are_mapped_in_huge_pages() {
    child::run(|| {
        if !require::root() {
            return;
        }
        let Some(_pool) = pool(4) else { return };
        let before = counts();
        mount::be_alone();
        let folder = Folder::new();
        let mounted = Mount::new("hugetlbfs", folder.path(), c"pagesize=2M").unwrap();
        let path = folder.name("file");
        File::create_new(&path).unwrap().set_len(8 * MIB as u64).unwrap();
        let object = FileObject::open_read_write(&path).unwrap();
        let part = MapOptions::shared().read_write().range(3 * MIB as u64 + 5..5 * MIB as u64);
        let mapping = part.map(&object).unwrap();
        assert_eq!((mapping.len(), mapping.mapped_len()), (2 * MIB - 5, 4 * MIB));
        assert_eq!(mapping.page_size(), HugePageSize::MIB_2.page_size());
        assert_eq!(mapping.as_ptr().addr() % (2 * MIB), MIB + 5);
        mapping.write_at(0, &pattern::bytes(0, 2 * MIB - 5)).unwrap();
        let whole = object.map().unwrap();
        let mut bytes = vec![0; 2 * MIB - 5];
        whole.read_at(3 * MIB + 5, &mut bytes).unwrap();
        pattern::assert_is(&bytes, 0);
        let refused = whole.split_at(MIB).unwrap_err();
        let unaligned = RangeError::Unaligned { value: MIB as u64, page: 2 * MIB };
        assert_eq!(refused.error.cause(), Cause::Range(unaligned));
        let (low, high) = refused.given.split_at(4 * MIB).unwrap();
        assert_eq!((low.len(), high.len()), (4 * MIB, 4 * MIB));
        drop((low, high, mapping));
        std::fs::remove_file(&path).unwrap();
        drop((object, mounted));
        assert_eq!((counts(), mman::leaked()), (before, 0));
    });
}

/// A page size of 1 byte is the number 0 in the flags, which the kernel takes for its usual huge pages. It mapped
/// one; the mapping took itself for a few pages of one byte, and could not be unmapped.
#[test]
fn a_huge_page_size_that_no_machine_has_is_refused() {
    child::run(|| {
        let Some(_pool) = pool(2) else { return };
        let before = counts();
        let available = HugePageSize::available();
        for size in (0..usize::BITS).map(|log2| PageSize::new(1 << log2).unwrap()) {
            let huge = HugePageSize::new(size);
            if available.contains(&huge) {
                continue;
            }
            let options = MapOptions::private().read_write().huge_pages(huge);
            match options.map(&Anonymous::new(5000)) {
                Ok(mapping) => {
                    // The pool is to be as it was also when this test fails.
                    let (start, len) = (mapping.as_ptr().addr(), mapping.mapped_len());
                    unchecked::disown(mapping);
                    unchecked::unmap(start..start + 2 * MIB);
                    panic!("pages of {} bytes: {len} bytes are mapped", size.bytes());
                }
                Err(error) => {
                    let expected = [Cause::HugePageSize { page: size.bytes() }, Cause::TooLong];
                    assert!(expected.contains(&error.cause()), "{error}");
                }
            }
        }
        assert_eq!((counts(), mman::leaked()), (before, 0));
    });
}

#[test]
fn the_sizes_that_are_available_can_be_asked_for() {
    let Some(_pool) = pool(1) else { return };
    let sizes = HugePageSize::available();
    assert!(sizes.is_sorted() && sizes.contains(&HugePageSize::MIB_2), "{sizes:?}");
    for size in sizes {
        let options = MapOptions::private().huge_pages(size).no_reserve();
        match options.map(&Anonymous::new(1)) {
            Ok(mapping) => assert_eq!(mapping.mapped_len(), size.page_size().bytes()),
            Err(error) => {
                assert_eq!(error.cause(), Cause::HugePagePool { page: size.page_size().bytes() });
            }
        }
    }
}

#[test]
fn a_mapping_can_go_to_another_thread() {
    fn goes<T: Send + Sync>(_: &T) {}
    let memory: Mapping = Anonymous::new(1).map().unwrap();
    goes(&memory);
    goes(&Reservation::new(1).unwrap());
    std::thread::spawn(move || memory.write_at(0, b"x").unwrap()).join().unwrap();
}
