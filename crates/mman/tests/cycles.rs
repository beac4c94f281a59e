//! Seventy thousand cycles of map and drop from many threads leak nothing.
//!
//! More cycles than a process may have mappings: whoever leaks one of each cycle comes to the limit, and so did a
//! crate of the field in its second hour.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    reason = "a test may stop at what it does not expect"
)]

use mman::{Anonymous, FileObject, Growth, MapOptions, Protection, Reservation};
use mman_testkit::files::Folder;
use mman_testkit::{child, descriptors, limits, maps, page, pattern};
use std::panic::catch_unwind;
use std::path::Path;
use std::sync::Barrier;

const THREADS: usize = 8;
const CYCLES: usize = 70_000;

/// Maps one of everything, uses it, and drops it.
fn cycle(path: &Path, number: usize) {
    let mut bytes = [0; 16];
    match number % 7 {
        0 => {
            let memory = Anonymous::new(3 * page()).map().unwrap();
            memory.write_at(100, b"x").unwrap();
        }
        1 => {
            let mapping = FileObject::open(path).unwrap().map().unwrap();
            mapping.read_at(number % 1000, &mut bytes).unwrap();
            pattern::assert_is(&bytes, number as u64 % 1000);
        }
        2 => {
            let file = FileObject::open_read_write(path).unwrap();
            let mapping = MapOptions::private().read_write().range(5000..).map(&file).unwrap();
            mapping.write_at(0, b"mine").unwrap();
            mapping.unmap().unwrap();
        }
        3 => {
            let memory = Anonymous::new(4 * page()).map().unwrap();
            let (low, high) = memory.unmap_range(page()..2 * page()).unwrap();
            drop(low);
            let (_, mut rest) = high.split_at(page()).unwrap();
            rest.resize(3 * page(), Growth::MayMove).unwrap();
        }
        4 => {
            let mut space = Reservation::new(64 * page()).unwrap();
            space.commit(page()..3 * page()).unwrap();
            let file = FileObject::open(path).unwrap();
            let place = space.place(4 * page(), &MapOptions::shared(), &file).unwrap();
            space.read_at(place.start, &mut bytes).unwrap();
            pattern::assert_is(&bytes, 0);
            space.protect(2 * page()..3 * page(), Protection::READ).unwrap();
            let moved = Anonymous::new(page()).map().unwrap();
            moved.move_into(&mut space, 40 * page()).unwrap();
        }
        5 => {
            let shared = MapOptions::shared().read_write().map(&Anonymous::new(page())).unwrap();
            let alias = shared.alias().unwrap();
            alias.write_at(0, b"seen").unwrap();
        }
        _ => {
            // Errors, too.
            FileObject::open(path.join("missing")).unwrap_err();
            let file = FileObject::open(path).unwrap();
            MapOptions::shared().read_write().map(&file).unwrap_err();
            let memory = Anonymous::new(2 * page()).map().unwrap();
            let memory = memory.split_at(1).unwrap_err().given;
            memory.unmap_range(1..page()).unwrap_err();
        }
    }
}

/// What a process has: mappings, descriptors, bytes of address space.
fn belongings() -> (usize, Vec<i32>, u64) {
    (maps::count(), descriptors::all(), limits::address_space_used())
}

#[test]
fn mappings_and_descriptors_are_as_many_as_before() {
    child::run(|| {
        let folder = Folder::new();
        let path = folder.patterned("file", 10_000);
        // Threads bring stacks and heaps of their own: they live until all is counted.
        let barrier = Barrier::new(THREADS + 1);
        let (before, after) = std::thread::scope(|scope| {
            for thread in 0..THREADS {
                let (barrier, path) = (&barrier, &path);
                scope.spawn(move || {
                    // Who fails goes on to the barriers all the same: the others wait there.
                    let warm = catch_unwind(|| (0..70).for_each(|number| cycle(path, number)));
                    barrier.wait();
                    barrier.wait();
                    let numbers = (thread..CYCLES).step_by(THREADS);
                    let all = catch_unwind(|| numbers.for_each(|number| cycle(path, number)));
                    barrier.wait();
                    barrier.wait();
                    warm.and(all).unwrap();
                });
            }
            barrier.wait();
            let before = belongings();
            barrier.wait();
            barrier.wait();
            let after = belongings();
            barrier.wait();
            (before, after)
        });
        assert_eq!(after, before);
        assert_eq!(mman::leaked(), 0);
    });
}

#[test]
fn the_same_in_one_thread_to_the_last_mapping() {
    child::run(|| {
        let folder = Folder::new();
        let path = folder.patterned("file", 10_000);
        (0..70).for_each(|number| cycle(&path, number));
        let before = (maps::all(), descriptors::all());
        (0..7000).for_each(|number| cycle(&path, number));
        assert_eq!((maps::all(), descriptors::all()), before);
    });
}
