//! A repair is a memory call, and memory calls are refused: at the limit of mappings, of address space, of locked memory,
//! of data. A handler that then went on would fault for ever, one that gave up would kill a server on the day that it is
//! full. Whatever can still be done is done: all of the view is given up before the process is.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test may stop at what it does not expect"
)]

use mman::process::{LockAll, lock_all_on_fault};
use mman::{
    Anonymous, Cause, FileObject, MapOptions, Mapping, Private, Protection, Reservation, Shared,
};
use mman::{SharedMut, signal};
use mman_testkit::files::{Folder, open_read_write};
use mman_testkit::limits::{self, Resource};
use mman_testkit::{child, page, pattern};

/// As many mappings as this process may have.
struct Full {
    _space: Reservation,
    _singles: Vec<Mapping>,
}

impl Full {
    fn new() -> Self {
        let limit = usize::try_from(limits::max_map_count()).unwrap();
        let mut space = Reservation::new((limit + 10) * page()).unwrap();
        let mut singles = Vec::with_capacity(16);
        for at in (1..space.len() / page()).step_by(2) {
            if space.protect(at * page()..(at + 1) * page(), Protection::READ).is_err() {
                break;
            }
        }
        while let Ok(single) = MapOptions::shared().map(&Anonymous::new(1)) {
            singles.push(single);
            assert!(singles.len() < 10, "the limit was not reached");
        }
        Self { _space: space, _singles: singles }
    }
}

fn truncated(at: usize) -> Cause {
    Cause::Truncated { at: at as u64 }
}

fn cause(view: &Shared, at: usize) -> Cause {
    view.read_at(at, &mut [0; 3]).unwrap_err().cause()
}

#[test]
fn at_the_limit_of_mappings_the_whole_view_is_lost_and_nothing_else() {
    child::run(|| {
        let folder = Folder::new();
        let paths = ["one", "two", "three"].map(|name| folder.patterned(name, 8 * page()));
        let one = Shared::open(&paths[0]).unwrap();
        let two = SharedMut::open(&paths[1]).unwrap();
        let three = Private::open(&paths[2]).unwrap();
        assert!(one.is_direct() && two.is_direct() && three.is_direct());
        let full = Full::new();
        for path in &paths {
            open_read_write(path).set_len(2 * page() as u64).unwrap();
        }
        assert_eq!(cause(&one, 5 * page()), truncated(5 * page()));
        assert_eq!(cause(&one, 0), truncated(0), "nothing can be cut in two");
        let mut bytes = vec![0; page()];
        two.read_at(page(), &mut bytes).unwrap();
        pattern::assert_is(&bytes, page() as u64);
        assert!(two.write_at(3 * page(), b"gone").is_err());
        assert!(three.fill(4 * page().., 1).is_err() && three.detach().is_err());
        drop(full);
        pattern::assert_is(&std::fs::read(&paths[1]).unwrap(), 0);
        assert_eq!(cause(&one, 0), truncated(0), "it stays lost");
        let again = Shared::open(&paths[0]).unwrap();
        again.read_at(page(), &mut bytes).unwrap();
        pattern::assert_is(&bytes, page() as u64);
        drop((one, two, three));
        assert_eq!(mman::leaked(), 0);
    });
}

/// Views of all kinds whose file becomes two pages long under a limit; what was there still is, the rest is an error.
#[track_caller]
fn repaired_under<T>(limit: impl FnOnce() -> T) {
    let folder = Folder::new();
    let paths = ["one", "two", "three"].map(|name| folder.patterned(name, 64 * page()));
    let one = Shared::open(&paths[0]).unwrap();
    let two = SharedMut::open(&paths[1]).unwrap();
    let three = Private::open(&paths[2]).unwrap();
    assert!(one.is_direct() && two.is_direct() && three.is_direct());
    for path in &paths {
        open_read_write(path).set_len(2 * page() as u64).unwrap();
    }
    let _kept = limit();
    let views: [&Shared; 3] = [&one, &two, &three];
    for view in views {
        for at in [50, 10, 2, 63] {
            assert_eq!(cause(view, at * page()), truncated(at * page()));
        }
        assert!(view.load::<u64>(page()).is_ok());
    }
    assert!(two.write_at(2 * page(), b"gone").is_err());
    assert!(three.write_at(2 * page() - 1, b"gone").is_err());
    assert!(signal::arm());
}

#[test]
fn at_the_limit_of_address_space() {
    child::run(|| {
        repaired_under(|| limits::set(Resource::As, limits::address_space_used()));
    });
}

#[test]
fn at_the_limit_of_data() {
    child::run(|| {
        repaired_under(|| limits::set(Resource::Data, limits::data_used()));
    });
}

/// A program that locks all that it maps from now on, and may lock little more: a page at a time is replaced.
#[test]
fn at_the_limit_of_locked_memory() {
    child::run(|| {
        repaired_under(|| {
            limits::locked_memory(160 * page() as u64);
            mman_testkit::memory::lock_future();
        });
    });
}

/// As above, and not a page more may be locked: zeros that were mapped before take the place.
#[test]
fn past_the_limit_of_locked_memory() {
    child::run(|| {
        repaired_under(|| {
            limits::locked_memory(1024 * page() as u64);
            lock_all_on_fault(LockAll::Future).unwrap();
            let mut held = Vec::new();
            let error = loop {
                match Anonymous::new(page()).map() {
                    Ok(mapping) => held.push(mapping),
                    Err(error) => break error,
                }
            };
            assert!(matches!(error.cause(), Cause::LockLimit { .. }), "{error}");
            held
        });
    });
}

/// Views of ranges that follow each other are one mapping for the kernel: one in the middle needs two cuts.
#[test]
fn in_the_middle_of_a_mapping_at_the_limit_of_mappings() {
    child::run(|| {
        let folder = Folder::new();
        let path = folder.patterned("file", 6 * page());
        let file = FileObject::open(&path).unwrap();
        let part = |place: u64| place * page() as u64..(place + 1) * page() as u64;
        let views: Vec<_> = (0..6)
            .rev()
            .map(|place| Shared::map(&MapOptions::shared().range(part(place)), &file).unwrap())
            .collect();
        let _full = Full::new();
        open_read_write(&path).set_len(0).unwrap();
        for place in [3, 1, 5, 0, 2, 4] {
            assert_eq!(cause(&views[place], 0), truncated(0), "view {place}");
        }
    });
}
