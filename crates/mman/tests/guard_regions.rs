//! Guard regions: a touch is SIGSEGV, a copy is an error that says what is there, and no mapping is added.

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
use mman::{Anonymous, Cause, Discard, FileObject, MapOptions, Operation, Populate, Reservation};
use mman_testkit::files::Folder;
use mman_testkit::unchecked::touch;
use mman_testkit::{child, fork, line_of, maps, page, pattern, require};
use std::os::unix::process::ExitStatusExt;

const SIGSEGV: i32 = 11;

fn supported() -> bool {
    require::feature(Feature::GuardRegions)
}

fn filled(pages: usize) -> mman::Mapping {
    let memory = Anonymous::new(pages * page()).map().unwrap();
    memory.write_at(0, &pattern::bytes(0, pages * page())).unwrap();
    memory
}

/// The promise: a touch is a signal, and the methods answer instead, with the true reason. The permissions in
/// `/proc/self/maps` still say that the page can be read.
#[test]
fn a_touch_is_a_signal_and_a_copy_an_error() {
    if !supported() {
        return;
    }
    child::run(|| {
        let mut memory = filled(3);
        memory.install_guard(page()..2 * page()).unwrap();
        let start = memory.as_ptr().expose_provenance();
        assert_eq!(maps::accesses(start..start + 3 * page()), ["rw-p"], "no mapping was added");
        let touched = fork::and_wait(|| touch(start + page() + 17));
        assert_eq!(touched.signal(), Some(SIGSEGV));
        let beside = fork::and_wait(|| touch(start + page() - 1));
        assert_eq!(beside.code(), Some(i32::from(pattern::byte_at(page() as u64 - 1))));

        let error = memory.read_at(page() - 1, &mut [0; 2]).unwrap_err();
        assert_eq!((error.operation(), error.cause()), (Operation::Read, Cause::Denied));
        assert_eq!(memory.write_at(page(), b"x").unwrap_err().cause(), Cause::Denied);
        let error = memory.write_out(std::io::stderr(), page()..page() + 1).unwrap_err();
        assert_eq!(error.cause(), Cause::Denied);
        for how in [Populate::ForReading, Populate::ForWriting] {
            let error = memory.pages().populate(.., how).unwrap_err();
            assert_eq!(error.cause(), Cause::Denied, "{error}");
        }
        assert_eq!(memory.pages().lock(..).unwrap_err().cause(), Cause::Denied);
    });
}

#[test]
fn guards_survive_a_discard_and_leave_zeros() {
    if !supported() {
        return;
    }
    let mut memory = filled(4);
    memory.install_guard(page()..3 * page()).unwrap();
    memory.install_guard(2 * page()..3 * page()).expect("twice is once");
    memory.discard(.., Discard::Now).unwrap();
    assert_eq!(memory.read_at(page(), &mut [0]).unwrap_err().cause(), Cause::Denied);
    memory.discard(.., Discard::WhenNeeded).unwrap();
    assert_eq!(memory.read_at(page(), &mut [0]).unwrap_err().cause(), Cause::Denied);
    memory.write_at(0, b"kept").unwrap();
    memory.remove_guard(..2 * page()).unwrap();
    let mut bytes = vec![1; 2 * page()];
    memory.read_at(0, &mut bytes).unwrap();
    assert!(&bytes[..4] == b"kept" && bytes[4..].iter().all(|byte| *byte == 0));
    assert_eq!(memory.read_at(2 * page(), &mut [0]).unwrap_err().cause(), Cause::Denied);
    memory.remove_guard(..).unwrap();
    memory.read_at(0, &mut vec![0; 4 * page()]).unwrap();
}

/// A guard over a file hides its pages (6.15) and changes no byte of it; a page past the end is still called that.
#[test]
fn a_guard_over_a_file_is_told_from_a_truncated_page() {
    if !supported() {
        return;
    }
    let folder = Folder::new();
    let path = folder.patterned("file", 6 * page());
    let file = FileObject::open_read_write(&path).unwrap();
    let mut mapping = MapOptions::shared().map(&file).unwrap();
    if let Err(error) = mapping.install_guard(page()..2 * page()) {
        assert_eq!(error.cause(), Cause::NotSupported);
        require::skip("guards of files (6.15)");
        return;
    }
    file.file().set_len(4 * page() as u64).unwrap();
    let cause = |at: usize| mapping.read_at(at, &mut [0]).unwrap_err().cause();
    assert_eq!(cause(page() + 3), Cause::Denied);
    assert_eq!(cause(5 * page() + 3), Cause::Truncated { at: 5 * page() as u64 + 3 });
    let before = pattern::bytes(0, 4 * page());
    assert!(std::fs::read(&path).unwrap() == before, "a byte of the file changed");
    mapping.remove_guard(..).unwrap();
    let mut bytes = vec![0; 4 * page()];
    mapping.read_at(0, &mut bytes).unwrap();
    pattern::assert_is(&bytes, 0);
}

#[test]
fn what_cannot_have_guards_says_why() {
    if !supported() {
        return;
    }
    let mut memory = filled(3);
    memory.pages().lock(page()..2 * page()).unwrap().keep();
    let error = memory.install_guard(..).unwrap_err();
    assert_eq!(error.cause(), Cause::Locked, "{error}");
    assert!(line_of(&error).starts_with("guard bytes "), "{error}");
    memory.pages().unlock(..).unwrap();
    memory.install_guard(..).unwrap();
    let Some(pool) = mman_testkit::huge::Pool::with(1) else { return };
    let size = mman::PageSize::new(mman_testkit::huge::Pool::page_size()).unwrap();
    let options = MapOptions::private().read_write().huge_pages(mman::HugePageSize::new(size));
    let mut huge = options.map(&Anonymous::new(size.bytes())).unwrap();
    assert_eq!(huge.install_guard(..).unwrap_err().cause(), Cause::NotSupported);
    drop(huge);
    drop(pool);
}

/// In a reservation a guard is a page that is held and not committed: it needs no feature of the kernel.
#[test]
fn a_reservation_has_guards_without_a_feature() {
    child::run(|| {
        let mut space = Reservation::new(8 * page()).unwrap();
        space.commit(..).unwrap();
        space.write_at(0, &pattern::bytes(0, 8 * page())).unwrap();
        space.install_guard(3 * page()..4 * page()).unwrap();
        assert_eq!(space.read_at(3 * page(), &mut [0]).unwrap_err().cause(), Cause::Denied);
        let start = space.as_ptr().expose_provenance();
        assert_eq!(fork::and_wait(|| touch(start + 3 * page())).signal(), Some(SIGSEGV));
        space.remove_guard(3 * page()..5 * page()).unwrap();
        let mut bytes = vec![1; 2 * page()];
        space.read_at(3 * page(), &mut bytes).unwrap();
        assert!(bytes[..page()].iter().all(|byte| *byte == 0), "what was a guard is zeros");
        pattern::assert_is(&bytes[page()..], 4 * page() as u64);
    });
}
