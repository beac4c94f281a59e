//! A child inherits the views, the handler, and the count of handlers that were at work in threads which it does not have.
//! A drop that waits for those waits for ever: servers that fork workers hung at their end, one time in a thousand.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    reason = "a test may stop at what it does not expect"
)]

use mman::{Cause, FileObject, MapOptions, OnFork, Shared, SharedMut};
use mman_sys::{ActionFlags, SigInfo, SigSet, Signal};
use mman_testkit::files::{Folder, open_read_write};
use mman_testkit::signals::{self, Given};
use mman_testkit::{child, fork, object, page, pattern, unchecked};
use std::ffi::{c_int, c_void};
use std::fs::File;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::thread;

fn truncated(view: &SharedMut, at: usize) -> bool {
    let cause = view.read_at(at, &mut [0; 5]).map_err(|error| error.cause());
    cause == Err(Cause::Truncated { at: at as u64 })
}

#[test]
fn a_child_meets_errors_too_and_the_parent_is_as_it_was() {
    child::run(|| {
        let folder = Folder::new();
        let path = folder.patterned("file", 8 * page());
        let view = SharedMut::open(&path).unwrap();
        let other = SharedMut::open(&path).unwrap();
        open_read_write(&path).set_len(2 * page() as u64).unwrap();
        let status = fork::and_wait(|| {
            assert!(truncated(&view, 3 * page()) && truncated(&view, 7 * page()));
            let mut bytes = vec![0; page()];
            view.read_at(page(), &mut bytes).unwrap();
            pattern::assert_is(&bytes, page() as u64);
            let made_here = SharedMut::open(&path).unwrap();
            assert!(made_here.is_direct());
            open_read_write(&path).set_len(page() as u64).unwrap();
            assert!(truncated(&made_here, page()));
            let grandchild = fork::and_wait(|| {
                unchecked::drop_in_fork(&made_here);
                u8::from(truncated(&other, page())) + 6
            });
            assert_eq!(grandchild.code(), Some(7));
            unchecked::drop_in_fork(&view);
            7
        });
        assert_eq!(status.code(), Some(7), "{status}");
        assert!(view.error().is_none(), "what the child lost, the parent has not lost");
        open_read_write(&path).set_len(8 * page() as u64).unwrap();
        assert_eq!(view.load::<u64>(4 * page()).unwrap(), 0, "what the file says now");
        assert_eq!(other.load::<u8>(5).unwrap(), pattern::byte_at(5));
    });
}

/// A view that a fork leaves out stayed in the child's table of views. What the child mapped at its addresses was repaired
/// as if it were that view: made read-only, where the view had been, and then a store to it was SIGSEGV.
#[test]
fn a_view_that_the_child_does_not_have_answers_for_nothing_there() {
    child::run(|| {
        let left_out = MapOptions::shared().on_fork(OnFork::Leave);
        let file = FileObject::new(object::memfd(8 * page())).unwrap();
        let view = Shared::map(&left_out, &file).unwrap();
        let status = fork::and_wait(|| {
            let other = object::memfd(8 * page());
            let object = FileObject::new(other.try_clone().unwrap()).unwrap();
            let here = MapOptions::shared().at(view.as_ptr().addr());
            let made = SharedMut::map(&here, &object).unwrap();
            other.set_len(page() as u64).unwrap();
            let read = made.load::<u8>(2 * page()).unwrap_err();
            assert!(matches!(read.cause(), Cause::Truncated { .. }), "{read}");
            let written = made.write_at(3 * page(), b"bytes").unwrap_err();
            assert!(matches!(written.cause(), Cause::Truncated { .. }), "{written}");
            7
        });
        assert_eq!(status.code(), Some(7), "{status}");
        drop(view);
    });
}

const PAGES: usize = 512;
const STORM: usize = 3;

/// Forks again and again while threads are in the handler, about views that the child then drops. Answers how often a
/// fault was met.
fn fork_in_the_storm(forks: usize) -> usize {
    let files: Vec<File> = (0..STORM).map(|_| object::memfd(PAGES * page())).collect();
    let mut faults = 0;
    let map = |file: &File| {
        file.set_len((PAGES * page()) as u64).unwrap();
        SharedMut::new(&FileObject::new(file.try_clone().unwrap()).unwrap()).unwrap()
    };
    for _ in 0..forks {
        let views: Vec<SharedMut> = files.iter().map(map).collect();
        assert!(views.iter().all(|view| view.is_direct()));
        files.iter().for_each(|file| file.set_len(0).unwrap());
        let met = AtomicUsize::new(0);
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            for view in &views {
                let (met, done) = (&met, &done);
                scope.spawn(move || {
                    // From the end: each page is a fault of its own.
                    for at in (0..PAGES).rev().take_while(|_| !done.load(Relaxed)) {
                        assert!(view.load::<u8>(at * page()).is_err());
                        met.fetch_add(1, Relaxed);
                    }
                });
            }
            while met.load(Relaxed) < 5 {
                thread::yield_now();
            }
            let status = fork::and_wait(|| {
                views.iter().for_each(unchecked::drop_in_fork);
                let own = object::memfd(0);
                let view = map(&own);
                own.set_len(0).unwrap();
                u8::from(truncated(&view, page())) + 6
            });
            done.store(true, Relaxed);
            assert_eq!(status.code(), Some(7), "{status}");
        });
        faults += met.load(Relaxed);
    }
    faults
}

#[test]
fn a_child_forked_in_the_storm_drops_its_views() {
    child::run(|| {
        assert!(fork_in_the_storm(300) > 1500);
    });
}

extern "C" fn forwards(signal: c_int, info: *const SigInfo, context: *mut c_void) {
    if !Given::new(signal, info, context).handle() {
        signals::exit(44);
    }
}

/// The number of the process was made where the library installs its handler, and there is none to install here.
#[test]
fn the_child_of_a_program_that_forwards_drops_its_views() {
    child::run(|| {
        signals::install(Signal::SIGBUS, &signals::full(forwards, ActionFlags::ONSTACK, SigSet(0)));
        unchecked::host_forwards().unwrap();
        assert!(fork_in_the_storm(300) > 1500);
    });
}
