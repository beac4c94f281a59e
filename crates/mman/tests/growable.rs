//! A mapped log that grows: remapped elsewhere, its readers' pointers dangle; grown by `ftruncate` alone, a full disk is
//! SIGBUS in the middle of a record; and a length that is seen before the bytes are there is SIGBUS too.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::unwrap_used,
    reason = "a test may stop at what it does not expect"
)]

use mman::{Cause, GrowableFile, Sync};
use mman_testkit::files::{Folder, open_read_write};
use mman_testkit::mount::{self, Mount};
use mman_testkit::{child, page, pattern, require};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use std::thread;

const CAPACITY: usize = 1 << 30;

#[test]
fn it_grows_where_it_is_and_has_its_blocks() {
    for folder in [Folder::new(), Folder::in_shared_memory()] {
        let path = folder.patterned("file", 100);
        let file = GrowableFile::open(&path, CAPACITY).unwrap();
        assert_eq!((file.len(), file.capacity()), (100, CAPACITY));
        assert!(matches!(file.write_at(98, b"over").unwrap_err().cause(), Cause::Range(_)));
        assert!(matches!(file.load::<u64>(96).unwrap_err().cause(), Cause::Range(_)));
        let address = file.as_ptr();
        let count = {
            file.grow_to(page()).unwrap();
            file.atomic_u64(104).unwrap()
        };
        for len in [page() + 1, 10 * page(), 5 << 20] {
            file.grow_to(len).unwrap();
            count.fetch_add(1, AcqRel);
            file.write_at(len - 4, b"last").unwrap();
            assert_eq!((file.len(), file.as_ptr()), (len, address));
            let found = fs::metadata(&path).unwrap();
            assert_eq!(found.len(), len as u64);
            assert!(
                found.blocks() * 512 >= len as u64,
                "blocks for {len} bytes: {}",
                found.blocks()
            );
        }
        file.sync(.., Sync::Full).unwrap();
        file.grow_to(10).unwrap();
        assert_eq!((file.len(), count.load(Acquire)), (5 << 20, 3), "it never shrinks");
        let mut head = [0; 100];
        file.read_at(0, &mut head).unwrap();
        pattern::assert_is(&head, 0);
        assert!(matches!(file.grow_to(CAPACITY + 1).unwrap_err().cause(), Cause::Range(_)));
        assert!(matches!(file.sync(..CAPACITY, Sync::Data).unwrap_err().cause(), Cause::Range(_)));
        assert_eq!(file.error(), None, "nobody touched what is not there");
    }
}

#[test]
fn a_file_that_is_longer_than_the_capacity_is_refused() {
    let folder = Folder::new();
    let path = folder.patterned("file", 3 * page());
    assert!(matches!(GrowableFile::open(&path, page()).unwrap_err().cause(), Cause::Range(_)));
    assert!(matches!(GrowableFile::open(&path, 0).unwrap_err().cause(), Cause::Range(_)));
    assert_eq!(GrowableFile::open(&path, 3 * page()).unwrap().len(), 3 * page());
}

/// Threads read and write while another grows; a second owner of the file follows.
#[test]
fn growth_under_readers_and_writers() {
    let folder = Folder::new();
    let path = folder.patterned("file", 0);
    let file = GrowableFile::open(&path, CAPACITY).unwrap();
    let other = GrowableFile::open(&path, CAPACITY).unwrap();
    assert!(file.is_empty());
    file.grow_to(page()).unwrap();
    let committed = file.atomic_u64(0).unwrap();
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while !stop.load(Relaxed) {
                    let pages = committed.load(Acquire) as usize;
                    other.refresh().unwrap();
                    for at in 1..=pages {
                        assert_eq!(file.load::<u64>(at * page()).unwrap(), at as u64);
                        assert_eq!(other.load::<u64>(at * page()).unwrap(), at as u64);
                    }
                }
            });
        }
        for at in 1..400 {
            file.grow_to((at + 1) * page()).unwrap();
            file.store(at * page(), at as u64).unwrap();
            committed.store(at as u64, Release);
        }
        stop.store(true, Relaxed);
    });
    assert_eq!((other.error(), file.error()), (None, None));
}

#[test]
fn a_full_disk_is_an_error_of_growing_and_of_no_store() {
    child::run(|| {
        if !require::root() {
            return;
        }
        mount::be_alone();
        let folder = Folder::new();
        let _tmpfs = Mount::new("tmpfs", folder.path(), c"size=512k").unwrap();
        let file = GrowableFile::open(folder.sparse("file", 0), CAPACITY).unwrap();
        let (mut len, step) = (0, 16 * page());
        let error = loop {
            match file.grow_to(len + step) {
                Ok(()) => len += step,
                Err(error) => break error,
            }
        };
        assert_eq!(error.cause(), Cause::NoSpace);
        assert!(len > 256 << 10 && file.len() == len);
        file.write_at(0, &pattern::bytes(0, len)).unwrap();
        assert_eq!(file.error(), None);
        fs::remove_file(folder.name("file")).unwrap();
    });
}

#[test]
fn who_makes_it_shorter_makes_an_error() {
    let folder = Folder::new();
    let path = folder.patterned("file", 4 * page());
    let file = GrowableFile::open(&path, CAPACITY).unwrap();
    open_read_write(&path).set_len(page() as u64).unwrap();
    let at = 2 * page() as u64;
    assert_eq!(file.load::<u64>(2 * page()).unwrap_err().cause(), Cause::Truncated { at });
    assert!(file.error().is_some());
}
