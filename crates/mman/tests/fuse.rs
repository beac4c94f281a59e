//! A file system that refuses shared mappings, as network and user-space file systems do: the error says so, and what
//! it proposes works.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    reason = "a test may stop at what it does not expect"
)]

use mman::{Anonymous, Cause, Errno, FileObject, MapOptions, MemoryObject, Operation, Reservation};
use mman_testkit::files::Folder;
use mman_testkit::fuse::DirectIo;
use mman_testkit::{child, line_of, maps, mount, page, pattern, require, unchecked};
use std::sync::atomic::{AtomicBool, Ordering};

const LEN: usize = 3 * 4096 + 100;

/// Runs the body with a file of such a file system.
fn with_file(body: impl FnOnce(&FileObject)) {
    if !require::root() {
        return;
    }
    mount::be_alone();
    let folder = Folder::new();
    let Some(mounted) = DirectIo::mount(folder.path(), LEN) else { return };
    body(&FileObject::open(mounted.file()).unwrap());
}

#[test]
fn a_shared_mapping_is_refused_and_named() {
    child::run(|| {
        with_file(|file| {
            assert_eq!(file.size().unwrap(), Some(LEN as u64));
            let error = file.map().unwrap_err();
            assert_eq!((error.cause(), error.errno()), (Cause::SharedRefused, Some(Errno::ENODEV)));
            assert_eq!(error.operation(), Operation::Map);
            let line = line_of(&error);
            assert!(line.starts_with("map bytes 0..12388 of a regular file: "), "{line}");
            assert!(line.contains("refuses shared mappings") && line.contains("private"), "{line}");
        });
    });
}

#[test]
fn a_private_mapping_works() {
    child::run(|| {
        with_file(|file| {
            let mapping = MapOptions::private().read_write().range(50..).map(file).unwrap();
            let mut bytes = vec![0; LEN - 50];
            mapping.read_at(0, &mut bytes).unwrap();
            pattern::assert_is(&bytes, 50);
            mapping.write_at(0, b"mine").unwrap();
            mapping.read_at(0, &mut bytes[..4]).unwrap();
            assert_eq!(&bytes[..4], b"mine");
        });
    });
}

/// The kernel empties the place before it asks the file system, and where that refuses, the old content is gone and
/// the place is free.
#[test]
fn a_placement_that_is_refused_keeps_what_was_there() {
    child::run(|| {
        with_file(|file| {
            let mut space = Reservation::new(8 * page()).unwrap();
            space.commit(..).unwrap();
            space.write_at(0, &pattern::bytes(0, 8 * page())).unwrap();
            let error = space.place(page(), &MapOptions::shared(), file).unwrap_err();
            assert_eq!(
                (error.cause(), error.operation()),
                (Cause::SharedRefused, Operation::Place)
            );
            let addresses = space.address()..space.address() + space.len();
            assert_eq!(maps::accesses(addresses), ["rw-p"], "no hole is left");
            let mut bytes = vec![0; 8 * page()];
            space.read_at(0, &mut bytes).unwrap();
            pattern::assert_is(&bytes, 0);
            let place = space.place(page(), &MapOptions::private(), file).unwrap();
            space.read_at(place.start, &mut bytes[..LEN]).unwrap();
            pattern::assert_is(&bytes[..LEN], 0);
        });
    });
}

/// Where a placement fails late, the place is free for a moment, and somebody else may be given it. The reservation took
/// it for its own still, and unmapped the other's memory when it was dropped.
#[test]
fn nobody_is_given_addresses_of_a_reservation_while_a_placement_fails() {
    const PAGE: usize = 4;
    child::run(|| {
        with_file(|file| {
            let mut space = Reservation::new(16 * page()).unwrap();
            let held = space.address()..space.address() + space.len();
            let done = AtomicBool::new(false);
            std::thread::scope(|scope| {
                let wanted = held.start + PAGE * page();
                let (done, held) = (&done, &held);
                let other = scope.spawn(move || {
                    while !done.load(Ordering::Relaxed) {
                        let given = MapOptions::private().near(wanted).map(&Anonymous::new(page()));
                        let given = given.unwrap();
                        let address = given.as_ptr().addr();
                        if held.contains(&address) {
                            unchecked::disown(given); // two owners: it cannot be told who unmaps what
                            return Some(address);
                        }
                    }
                    None
                });
                for _ in 0..20_000 {
                    space.place(PAGE * page(), &MapOptions::shared(), file).unwrap_err();
                    if other.is_finished() {
                        break;
                    }
                }
                done.store(true, Ordering::Relaxed);
                let given = other.join().unwrap();
                assert_eq!(given, None, "memory of another owner inside {held:x?}");
            });
        });
    });
}
