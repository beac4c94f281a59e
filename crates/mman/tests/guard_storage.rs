//! One bad sector must cost one page. A reader that took every SIGBUS for a truncation gave up all that followed the
//! bad page; one that asked only the last page gave it up where the last page was bad as well. And a full disk met by a
//! store, a pool of huge pages that is empty, a huge page that was truncated away: each was the end of the process.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may stop at what it does not expect"
)]

use mman::{
    Anonymous, Cause, FileObject, HugePageSize, MapOptions, PageSize, Private, Shared, SharedMut,
};
use mman_testkit::files::{Folder, open_read_write};
use mman_testkit::fuse::BadPages;
use mman_testkit::huge::Pool;
use mman_testkit::loop_device::LoopDevice;
use mman_testkit::mount::{self, Mount};
use mman_testkit::{child, page, pattern, require};
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;

const PAGES: usize = 64;

/// Runs the body with a file some of whose pages cannot be read.
fn with_bad(pages: &[usize], body: impl FnOnce(&FileObject)) {
    if !require::root() {
        return;
    }
    mount::be_alone();
    let folder = Folder::new();
    let Some(mounted) = BadPages::mount(folder.path(), PAGES * page(), pages) else { return };
    body(&FileObject::open(mounted.file()).unwrap());
}

#[track_caller]
fn assert_there(view: &Shared, pages: impl IntoIterator<Item = usize>) {
    let mut bytes = vec![0; page()];
    for at in pages {
        view.read_at(at * page(), &mut bytes).unwrap_or_else(|error| panic!("page {at}: {error}"));
        pattern::assert_is(&bytes, (at * page()) as u64);
    }
}

fn storage(at: usize) -> Cause {
    Cause::Storage { at: at as u64 }
}

fn cause(view: &Shared, at: usize, len: usize) -> Cause {
    view.read_at(at, &mut vec![0; len]).unwrap_err().cause()
}

#[test]
fn a_page_that_cannot_be_read_costs_that_page() {
    child::run(|| {
        with_bad(&[5], |file| {
            let (shared, private) = (Shared::new(file).unwrap(), Private::new(file).unwrap());
            let views: [&Shared; 2] = [&shared, &private];
            for view in views {
                assert!(view.is_direct());
                assert_eq!(cause(view, 5 * page() + 77, 9), storage(5 * page() + 77));
                assert_eq!(cause(view, 4 * page(), 3 * page()), storage(5 * page()));
                assert_eq!(view.load::<u64>(5 * page()).unwrap_err().cause(), storage(5 * page()));
                assert_there(view, (0..5).chain(6..PAGES));
                assert!(view.find_byte(.., 1).is_err() && view.find_byte(6 * page().., 1).is_ok());
                assert_eq!(view.error().unwrap().cause(), storage(5 * page()));
            }
        });
    });
}

/// Whether the last page is bad or truncated nobody can tell who has no descriptor; but it is one page.
#[test]
fn a_bad_last_page_makes_no_other_page_lost() {
    child::run(|| {
        with_bad(&[7, PAGES - 1], |file| {
            let view = Shared::new(file).unwrap();
            assert_eq!(cause(&view, 7 * page(), 1), storage(7 * page()));
            assert_there(&view, (0..7).chain(8..PAGES - 1));
            let last = (PAGES - 1) * page();
            let cause = cause(&view, last + 9, 1);
            let at = (last + 9) as u64;
            assert!(
                matches!(cause, Cause::Storage { at: found } | Cause::Truncated { at: found }
                if found == at),
                "{cause:?}"
            );
            assert_there(&view, (0..7).chain(8..PAGES - 1));
            let view = Shared::new(file).unwrap();
            assert!(view.read_at(last, &mut [0]).is_err(), "the last page first");
            assert_there(&view, [PAGES - 2, 0]);
            assert_eq!(cause_of(&view, 7 * page()), storage(7 * page()));
            assert_there(&view, (0..7).chain(8..PAGES - 1));
        });
    });
}

fn cause_of(view: &Shared, at: usize) -> Cause {
    cause(view, at, 1)
}

#[test]
fn pages_between_bad_pages_are_there() {
    let bad: Vec<usize> = (0..16).map(|place| 3 * place + 1).collect();
    child::run(|| {
        with_bad(&bad, |file| {
            let view = Shared::new(file).unwrap();
            for at in bad.iter().rev() {
                assert_eq!(cause_of(&view, at * page() + 3), storage(at * page() + 3));
            }
            assert_there(&view, (0..PAGES).filter(|at| !bad.contains(at)));
            for at in &bad {
                assert_eq!(cause_of(&view, at * page()), storage(at * page()), "it stays bad");
            }
        });
    });
}

/// More of them than are known one by one: what lies between the others may be given up, but no bad byte is given out.
#[test]
fn no_byte_of_many_bad_pages_is_given_out() {
    let bad: Vec<usize> = (0..30).map(|place| 2 * place + 1).collect();
    child::run(|| {
        with_bad(&bad, |file| {
            let view = Shared::new(file).unwrap();
            for _ in 0..2 {
                for at in 0..PAGES {
                    let mut bytes = vec![0; page()];
                    match view.read_at(at * page(), &mut bytes) {
                        Ok(()) => {
                            assert!(!bad.contains(&at), "page {at}");
                            pattern::assert_is(&bytes, (at * page()) as u64);
                        }
                        Err(error) => assert_eq!(error.cause(), storage(at * page())),
                    }
                }
            }
            assert_there(&view, (0..32).step_by(2).chain(60..PAGES));
        });
    });
}

/// Stores numbers to page after page, until the storage is full: how many it took, and the error.
fn fill_up(view: &SharedMut) -> (usize, mman::Error) {
    for at in 0.. {
        if let Err(error) = view.store(at * page(), at as u64 + 1) {
            return (at, error);
        }
    }
    unreachable!("the view ends")
}

#[track_caller]
fn assert_stored(view: &SharedMut, path: &std::path::Path, stored: usize) {
    let mut file = File::open(path).unwrap();
    for at in 0..stored {
        assert_eq!(view.load::<u64>(at * page()).unwrap(), at as u64 + 1, "page {at}");
        let mut bytes = [0; 8];
        file.seek(SeekFrom::Start((at * page()) as u64)).unwrap();
        file.read_exact(&mut bytes).unwrap();
        assert_eq!(u64::from_ne_bytes(bytes), at as u64 + 1, "page {at} of the file");
    }
}

#[test]
fn a_store_that_finds_the_disk_full_is_an_error() {
    child::run(|| {
        if !require::root() {
            return;
        }
        mount::be_alone();
        for with_last_page in [true, false] {
            let folder = Folder::new();
            let _tmpfs = Mount::new("tmpfs", folder.path(), c"size=256k").unwrap();
            let path = folder.sparse("sparse", (200 * page()) as u64);
            if with_last_page {
                let mut file = open_read_write(&path);
                file.seek(SeekFrom::End(-8)).unwrap();
                file.write_all(b"the last").unwrap();
            }
            let view = sparse(&path);
            let (stored, error) = fill_up(&view);
            assert!((20..100).contains(&stored), "{stored} pages in a quarter of a MiB");
            let at = (stored * page()) as u64;
            if with_last_page {
                assert_eq!(error.cause(), Cause::Storage { at });
                assert!(view.equals(200 * page() - 8, b"the last").unwrap());
            } else {
                // Not a page behind it can be read, since a tmpfs wants room for that: as if they were not there.
                assert_eq!(error.cause(), Cause::Truncated { at });
            }
            assert_stored(&view, &path, stored);
            assert!(view.load::<u64>(stored * page()).is_err(), "it stays an error");
            drop(view);
            let view = Shared::open(&path).unwrap();
            assert_eq!(view.load::<u64>(0).unwrap(), 1);
        }
    });
}

/// Here holes can be read although the disk is full: one page is lost by each store, whatever follows it.
#[test]
fn a_full_disk_of_blocks_loses_nothing_that_can_be_read() {
    child::run(|| {
        if !require::root() || !require::program("mkfs.ext4") {
            return;
        }
        mount::be_alone();
        let folder = Folder::in_shared_memory();
        let image = folder.sparse("image", 2 << 20);
        let mut command = std::process::Command::new("mkfs.ext4");
        let made = command.args(["-q", "-O", "^has_journal", "-m", "0"]).arg(&image).status();
        assert!(made.unwrap().success());
        let Some(device) = LoopDevice::of(&image) else { return };
        let place = Folder::new();
        let _mounted = Mount::of_device("ext4", device.path(), place.path()).unwrap();
        let path = place.sparse("sparse", (1000 * page()) as u64);
        let view = sparse(&path);
        let (stored, error) = fill_up(&view);
        assert!((100..600).contains(&stored), "{stored} pages in two MiB");
        assert_eq!(error.cause(), Cause::Storage { at: (stored * page()) as u64 });
        assert_stored(&view, &path, stored);
        assert_eq!(view.load::<u64>((stored + 1) * page()).unwrap(), 0, "a hole");
        assert_eq!(view.load::<u64>(999 * page()).unwrap(), 0, "the last one");
        let error = view.store(999 * page(), 7_u64).unwrap_err();
        assert_eq!(error.cause(), Cause::Storage { at: (999 * page()) as u64 });
        assert_eq!(view.load::<u64>(998 * page()).unwrap(), 0);
    });
}

#[test]
fn a_huge_page_that_was_truncated_is_an_error_and_goes_back_to_the_pool() {
    child::run(|| {
        if !require::root() {
            return;
        }
        let Some(_pool) = Pool::with(4) else { return };
        mount::be_alone();
        let huge = Pool::page_size();
        let free = Pool::free();
        let folder = Folder::new();
        let _mounted = Mount::new("hugetlbfs", folder.path(), c"").unwrap();
        let path = folder.sparse("huge", 4 * huge as u64);
        let view = SharedMut::open(&path).unwrap();
        assert_eq!((view.pages().page_size().bytes(), view.is_direct()), (huge, true));
        for at in 0..4 {
            view.fill(at * huge..(at + 1) * huge, at as u8 + 1).unwrap();
        }
        assert_eq!(Pool::free(), free - 4);
        open_read_write(&path).set_len(2 * huge as u64).unwrap();
        let at = 3 * huge + 4097;
        assert_eq!(cause_of(&view, at), Cause::Truncated { at: at as u64 });
        let cause = view.write_at(2 * huge - 1, b"over").unwrap_err().cause();
        assert_eq!(cause, Cause::Truncated { at: 2 * huge as u64 });
        let mut byte = [0];
        view.read_at(2 * huge - 2, &mut byte).unwrap();
        assert_eq!(byte, [2]);
        drop(view);
        fs::remove_file(&path).unwrap();
        assert_eq!(Pool::free(), free);
    });
}

/// Huge pages that nobody promised may not be there. Nothing became shorter.
#[test]
fn a_pool_that_is_empty_is_an_error() {
    child::run(|| {
        let Some(_pool) = Pool::with(0) else { return };
        if !require::holds(Pool::free() == 0, "a pool of huge pages without a free one") {
            return;
        }
        let size = HugePageSize::new(PageSize::new(Pool::page_size()).unwrap());
        let huge = Pool::page_size();
        let options = MapOptions::shared().huge_pages(size).no_reserve();
        let view = SharedMut::map(&options, &Anonymous::new(4 * huge)).unwrap();
        assert!(view.is_direct());
        for at in [2 * huge + 5, 3 * huge, 0] {
            assert_eq!(cause_of(&view, at), storage(at));
        }
        let error = view.store(huge, 1_u8).unwrap_err();
        assert_eq!(error.cause(), storage(huge));
        let options = MapOptions::private().huge_pages(size).no_reserve();
        let view = Private::map(&options, &Anonymous::new(2 * huge)).unwrap();
        assert_eq!(view.write_at(huge, b"here").unwrap_err().cause(), storage(huge));
    });
}

/// A view for which no blocks were reserved.
fn sparse(path: &Path) -> SharedMut {
    let file = FileObject::open_read_write(path).unwrap();
    SharedMut::map(&MapOptions::shared().sparse(), &file).unwrap()
}
