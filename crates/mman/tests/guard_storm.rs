//! Many threads fault at once, in the same pages and in others, while views come and go at the same addresses. A guard
//! that notes after it repairs gives out zeros as bytes; one that repairs a range which was unmapped meanwhile puts zeros
//! over somebody else's memory; one that leaves a mapping behind for each fault reaches the limit of mappings.
//!
//! That `Registered` waits for handlers before its range is unmapped is not to be seen here: a handler that repairs a
//! range runs in a thread which borrows the view, so nobody can drop it, and one that looks at another range leaves
//! after two loads. The wait matters for who touches a range by a pointer; the tests of `signal/state.rs` try its orders.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    reason = "a test may stop at what it does not expect"
)]

use mman::{Cause, FileObject, MapOptions, Memory, Private, Shared, SharedMut};
use mman_testkit::canary::Cage;
use mman_testkit::files::{Folder, open_read_write};
use mman_testkit::{child, descriptors, maps, object, page, pattern};
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

const THREADS: usize = 8;

/// Numbers without an order, of each thread its own.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % end
    }
}

/// Reads a few bytes of a view whose file is `cut` bytes long now: the right ones, or the right error.
#[track_caller]
fn read_one(view: &Shared, at: usize, cut: usize) {
    let len = 24.min(view.len() - at);
    let mut bytes = vec![0; len];
    match view.read_at(at, &mut bytes) {
        Ok(()) => {
            assert!(at + len <= cut, "bytes {at}.. were given out, of {cut}");
            pattern::assert_is(&bytes, at as u64);
        }
        Err(error) => {
            assert!(at + len > cut, "{error}");
            assert_eq!(error.cause(), Cause::Truncated { at: at.max(cut) as u64 });
        }
    }
}

#[test]
fn eight_threads_fault_in_a_thousand_truncated_mappings() {
    const VIEWS: usize = 1000;
    const PAGES: usize = 6;
    child::run(|| {
        let files: Vec<_> = (0..VIEWS).map(|_| object::memfd(PAGES * page())).collect();
        let views: Vec<Shared> = files
            .iter()
            .map(|file| Shared::new(&FileObject::new(file.try_clone().unwrap()).unwrap()).unwrap())
            .collect();
        let before = maps::count();
        let cut = |view: usize| view % PAGES * page();
        for (place, file) in files.iter().enumerate() {
            file.set_len(cut(place) as u64).unwrap();
        }
        let start = Barrier::new(THREADS);
        thread::scope(|scope| {
            for thread in 0..THREADS {
                let (views, start) = (&views, &start);
                scope.spawn(move || {
                    let mut random = Random(thread as u64);
                    start.wait();
                    for (place, view) in views.iter().enumerate() {
                        assert!(view.is_direct());
                        // All at the same page first, and then anywhere.
                        read_one(
                            view,
                            cut(place) + 5 * (cut(place) + 64 < view.len()) as usize,
                            cut(place),
                        );
                        for _ in 0..8 {
                            read_one(view, random.below(PAGES * page()), cut(place));
                        }
                    }
                    for _ in 0..5000 {
                        let place = random.below(VIEWS);
                        read_one(&views[place], random.below(PAGES * page()), cut(place));
                    }
                });
            }
        });
        let after = maps::count();
        assert!(after <= before + VIEWS + 4 * THREADS, "{before} mappings, and then {after}");
        drop(views);
        let after = maps::count();
        assert!(after < before, "{before} mappings with the views, {after} without");
    });
}

/// Makes views, shortens their files while others read, and drops them: until the time is over.
fn come_and_go(thread: usize, folder: &Folder, until: Instant) -> usize {
    let mut random = Random(thread as u64 + 100);
    let mut rounds = 0;
    let path = folder.patterned(&format!("file {thread}"), 16 * page());
    let file = open_read_write(&path);
    while Instant::now() < until {
        rounds += 1;
        file.set_len(0).unwrap();
        std::fs::write(&path, pattern::bytes(0, 16 * page())).unwrap();
        let pages = 1 + random.below(16);
        let options = MapOptions::shared().range(..(pages * page()) as u64);
        let object = FileObject::open_read_write(&path).unwrap();
        let cut = random.below(pages + 1) * page();
        let shared = Shared::map(&options, &object).unwrap();
        let mutable = SharedMut::map(&options, &object).unwrap();
        let private =
            Private::map(&MapOptions::private().range(..(pages * page()) as u64), &object).unwrap();
        thread::scope(|scope| {
            let other = scope.spawn(|| {
                for at in (0..pages).rev() {
                    // Before or after it is cut: the right bytes, or an error.
                    let mut bytes = [0; 32];
                    if shared.read_at(at * page(), &mut bytes).is_ok() {
                        pattern::assert_is(&bytes, (at * page()) as u64);
                    }
                }
            });
            file.set_len(cut as u64).unwrap();
            for _ in 0..4 {
                let at = random.below(pages * page());
                read_one(&mutable, at, cut);
                read_one(&private, at, cut);
                if at >= cut {
                    assert!(mutable.write_at(at, &[0xee]).is_err());
                }
            }
            other.join().unwrap();
        });
    }
    rounds
}

#[test]
fn nobody_elses_memory_is_ever_zeroed() {
    child::run(|| {
        let folder = Folder::in_shared_memory();
        let until = Instant::now() + Duration::from_secs(4);
        let done = AtomicBool::new(false);
        let rounds = AtomicUsize::new(0);
        let cages: Vec<Cage> = (0..8).map(|_| Cage::of(4)).collect();
        thread::scope(|scope| {
            let workers: Vec<_> = (0..4)
                .map(|thread| {
                    let (folder, rounds) = (&folder, &rounds);
                    scope.spawn(move || {
                        rounds.fetch_add(come_and_go(thread, folder, until), Relaxed);
                    })
                })
                .collect();
            // Memory of others at the addresses that the views have just given back.
            for thread in 0..2 {
                let done = &done;
                scope.spawn(move || {
                    let mut random = Random(thread + 7);
                    let mut held: Vec<Memory> = Vec::new();
                    while !done.load(Relaxed) {
                        let len = (1 + random.below(16)) * page();
                        let mut memory = Memory::new(len).unwrap();
                        memory.copy_from_slice(&pattern::bytes(0, len));
                        held.push(memory);
                        if held.len() > 12 {
                            let memory = held.swap_remove(random.below(held.len()));
                            pattern::assert_is(&memory, 0);
                        }
                    }
                    held.iter().for_each(|memory| pattern::assert_is(memory, 0));
                });
            }
            for worker in workers {
                let ended = worker.join();
                if ended.is_err() {
                    done.store(true, Relaxed);
                }
                ended.unwrap();
            }
            done.store(true, Relaxed);
        });
        cages.iter().for_each(Cage::assert_untouched);
        assert!(rounds.load(Relaxed) > 100, "{rounds:?} rounds");
        assert_eq!(mman::leaked(), 0);
    });
}

/// Tables of slots that are never used again are full after a day.
#[test]
fn seventy_thousand_views_one_after_the_other() {
    child::run(|| {
        let folder = Folder::new();
        let path = folder.patterned("file", 2 * page());
        let object = FileObject::open(&path).unwrap();
        drop(Shared::new(&object).unwrap());
        let before = maps::count();
        for round in 0..70_000 {
            let view = Shared::new(&object).unwrap();
            if round % 1000 == 0 {
                assert!(view.is_direct());
                assert_eq!(view.load::<u8>(page()).unwrap(), pattern::byte_at(page() as u64));
            }
        }
        // The allocator has some of its own.
        assert!(maps::count() <= before + 200, "{before} mappings, and then {}", maps::count());
    });
}

#[test]
fn twenty_thousand_views_at_once_without_a_descriptor() {
    const VIEWS: usize = 20_000;
    child::run(|| {
        let folder = Folder::in_shared_memory();
        let path = folder.patterned("file", 2 * page());
        let other = folder.patterned("other", 2 * page());
        let before = descriptors::all();
        // Of two files in turn, so that no two are one mapping for the kernel.
        let mut views: Vec<Shared> = (0..VIEWS)
            .map(|place| Shared::open(if place % 2 == 0 { &path } else { &other }).unwrap())
            .collect();
        assert_eq!(descriptors::all(), before, "files are closed");
        assert!(views.iter().all(Shared::is_direct));
        let mut random = Random(3);
        for _ in 0..VIEWS / 2 {
            drop(views.swap_remove(random.below(views.len())));
        }
        views.extend((0..VIEWS / 2).map(|_| Shared::open(&path).unwrap()));
        open_read_write(&path).set_len(page() as u64).unwrap();
        open_read_write(&other).set_len(page() as u64).unwrap();
        for _ in 0..2000 {
            let view = &views[random.below(VIEWS)];
            read_one(view, random.below(2 * page()), page());
        }
        drop(views);
    });
}
