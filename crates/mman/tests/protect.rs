//! Changing protection: what is allowed afterwards, what is not, and what `/proc/self/maps` shows.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    reason = "a test may stop at what it does not expect"
)]

use mman::{
    Anonymous, Cause, Errno, FileObject, MapOptions, Mapping, Operation, Protection, RangeError,
};
use mman_testkit::canary::Cage;
use mman_testkit::files::Folder;
use mman_testkit::{line_of, maps, page, pattern};

const RW: Protection = Protection::READ.union(Protection::WRITE);

fn accesses(mapping: &Mapping) -> Vec<String> {
    let start = mapping.page_size().round_down(mapping.as_ptr().addr());
    maps::accesses(start..start + mapping.mapped_len())
}

#[test]
fn what_is_forbidden_is_denied_and_what_is_allowed_works() {
    let mut memory = Anonymous::new(page()).map().unwrap();
    memory.write_at(0, b"kept").unwrap();
    let mut bytes = [0; 4];
    let cases = [
        (Protection::NONE, false, false, "---p"),
        (Protection::READ, true, false, "r--p"),
        (Protection::READ | Protection::EXEC, true, false, "r-xp"),
        (RW, true, true, "rw-p"),
    ];
    for (protection, reads, writes, access) in cases {
        memory.protect(.., protection).unwrap();
        assert_eq!(accesses(&memory), [access]);
        match memory.read_at(0, &mut bytes) {
            Ok(()) => assert!(reads && &bytes == b"kept"),
            Err(error) => assert_denied(&error, Operation::Read, reads),
        }
        match memory.write_at(0, b"kept") {
            Ok(()) => assert!(writes),
            Err(error) => assert_denied(&error, Operation::Write, writes),
        }
        if let Err(error) = memory.write_out(std::io::stderr(), 0..0) {
            panic!("no bytes are always written: {error}");
        }
    }
}

#[track_caller]
fn assert_denied(error: &mman::Error, operation: Operation, allowed: bool) {
    assert!(!allowed, "{error}");
    assert_eq!((error.operation(), error.cause()), (operation, Cause::Denied));
    assert_eq!((error.errno(), error.range()), (Some(Errno::EFAULT), Some((0, 4))));
    assert!(line_of(error).contains("bytes 0..4 of anonymous memory"), "{error}");
}

#[test]
fn a_copy_stops_at_the_page_that_is_forbidden() {
    let mut memory = Anonymous::new(4 * page()).map().unwrap();
    memory.protect(2 * page()..3 * page(), Protection::READ).unwrap();
    let error = memory.write_at(10, &pattern::bytes(10, 3 * page())).unwrap_err();
    assert_eq!(error.cause(), Cause::Denied);
    let mut bytes = vec![0; 4 * page()];
    memory.read_at(0, &mut bytes).unwrap();
    pattern::assert_is(&bytes[10..2 * page()], 10);
    assert!(bytes[2 * page()..].iter().all(|byte| *byte == 0));
    memory.protect(page()..2 * page(), Protection::NONE).unwrap();
    assert_eq!(memory.read_at(0, &mut bytes).unwrap_err().cause(), Cause::Denied);
    memory.read_at(2 * page(), &mut bytes[..2 * page()]).unwrap();
}

#[test]
fn parts_have_protections_of_their_own() {
    let mut memory = Anonymous::new(4 * page() + 100).map().unwrap();
    memory.protect(page()..2 * page(), Protection::READ).unwrap();
    memory.protect(4 * page().., Protection::NONE).unwrap(); // up to the end, which is a boundary
    assert_eq!(accesses(&memory), ["rw-p", "r--p", "rw-p", "---p"]);
    memory.protect(3 * page()..3 * page(), Protection::NONE).unwrap(); // nothing
    memory.protect(5..5, Protection::NONE).unwrap();
    assert_eq!(accesses(&memory), ["rw-p", "r--p", "rw-p", "---p"]);
    memory.protect(.., RW).unwrap();
    assert_eq!(accesses(&memory), ["rw-p"]);
}

#[test]
fn the_first_byte_is_a_boundary_also_inside_a_page() {
    let folder = Folder::new();
    let file = FileObject::open_read_write(folder.patterned("file", 4 * page())).unwrap();
    let options = MapOptions::shared().read_write().range(100..3 * page() as u64 + 5);
    let mut mapping = options.map(&file).unwrap();
    mapping.protect(..page() - 100, Protection::READ).unwrap();
    assert_eq!(accesses(&mapping), ["r--s", "rw-s"]);
    mapping.protect(2 * page() - 100.., Protection::READ).unwrap();
    assert_eq!(accesses(&mapping), ["r--s", "rw-s", "r--s"]);
    // A boundary of the mapping's pages, said in the caller's numbers.
    for (range, value) in [(0..page(), page()), (1..page() - 100, 1), (0..page() - 99, page() - 99)]
    {
        let error = mapping.protect(range, Protection::NONE).unwrap_err();
        let unaligned = RangeError::Unaligned { value: value as u64, page: page() };
        assert_eq!(error.cause(), Cause::Range(unaligned));
        assert!(line_of(&error).starts_with("protect "), "{error}");
    }
    assert_eq!(accesses(&mapping), ["r--s", "rw-s", "r--s"]);
}

#[test]
fn neighbours_keep_theirs() {
    let mut cage = Cage::of(3);
    let options = MapOptions::private().read_write().range(10..);
    let mut memory = cage.map(options, &Anonymous::new(3 * page() - 10)).unwrap();
    for range in [0..memory.len(), 0..page() - 10, page() - 10..memory.len()] {
        memory.protect(range, Protection::NONE).unwrap();
        cage.assert_untouched();
        memory.protect(.., RW).unwrap();
        cage.assert_untouched();
    }
}

/// `mprotect` with `PROT_GROWSDOWN` goes on down to the start of what the kernel counts as one mapping. A range of
/// one mapping changed the protection of the one below, which had another owner.
#[test]
fn a_protection_that_grows_down_changes_no_neighbour() {
    let mut cage = Cage::of(4);
    let options = MapOptions::private().read_write().grows_down();
    let memory = cage.map(options, &Anonymous::new(4 * page())).unwrap();
    let (low, mut high) = memory.split_at(2 * page()).unwrap();
    // Refusing it is right, and changing no more than the range is.
    let _refused_or_not = high.protect(.., Protection::READ | Protection::GROWSDOWN);
    assert_eq!(accesses(&low), ["rw-p"], "the half that was not asked about");
    low.write_at(0, b"still mine").unwrap();
    cage.assert_untouched();
}

#[test]
fn a_file_that_is_not_open_for_writing_stays_unwritable() {
    let folder = Folder::new();
    let file = FileObject::open(folder.patterned("file", 3 * page())).unwrap();
    let mut mapping = MapOptions::shared().range(5..).map(&file).unwrap();
    let error = mapping.protect(page() - 5..2 * page() - 5, RW).unwrap_err();
    assert_eq!((error.cause(), error.errno()), (Cause::Denied, Some(Errno::EACCES)));
    assert_eq!(error.range(), Some((page() as u64 - 5, page() as u64)));
    assert_eq!(accesses(&mapping), ["r--s"]);
    let mut private = MapOptions::private().map(&file).unwrap();
    private.protect(.., RW).unwrap();
    private.write_at(0, b"mine").unwrap();
    pattern::assert_is(&std::fs::read(folder.name("file")).unwrap(), 0);
}

#[test]
fn rights_that_do_not_exist_are_refused() {
    let mut memory = Anonymous::new(page()).map().unwrap();
    let error = memory.protect(.., Protection::from_bits(0x0080_0000)).unwrap_err();
    assert_eq!((error.cause(), error.errno()), (Cause::Kernel, Some(Errno::EINVAL)), "{error}");
    assert_eq!(accesses(&memory), ["rw-p"]);
}
