//! A repair happens between two instructions of anybody: in a signal handler of the program, on a thread whose alternate
//! stack is as small as may be or that has none, and between a failed call and who reads its errno. A handler that needed
//! a big stack, a lock or the C library would break there, and nowhere else.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    reason = "a test may stop at what it does not expect"
)]

use mman::{Cause, Errno, Shared, SharedMut};
use mman_sys::{ActionFlags, SigInfo, SigSet, Signal};
use mman_testkit::files::{Folder, open_read_write};
use mman_testkit::{child, memory, page, pattern, signals};
use std::ffi::{c_int, c_void};
use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

const PAGES: usize = 32;

/// A view of a file of which one page is left.
fn truncated(folder: &Folder, name: &str) -> (SharedMut, PathBuf) {
    let path = folder.patterned(name, PAGES * page());
    let view = SharedMut::open(&path).unwrap();
    assert!(view.is_direct());
    open_read_write(&path).set_len(page() as u64).unwrap();
    (view, path)
}

#[track_caller]
fn assert_truncated(view: &Shared, at: usize) {
    let mut bytes = [0; 16];
    let error = view.read_at(at, &mut bytes).unwrap_err();
    assert_eq!(error.cause(), Cause::Truncated { at: at as u64 });
}

static VIEW: OnceLock<SharedMut> = OnceLock::new();
static LOST: AtomicUsize = AtomicUsize::new(0);

extern "C" fn reads_a_view(_: c_int, _: *const SigInfo, _: *mut c_void) {
    let lost = VIEW.get().is_some_and(|view| view.load::<u64>(7 * page()).is_err());
    LOST.fetch_add(if lost { 1 } else { 1000 }, SeqCst);
}

#[test]
fn a_fault_in_a_handler_of_the_program_is_repaired() {
    child::run(|| {
        let folder = Folder::new();
        for flags in [ActionFlags::ONSTACK, ActionFlags::RESTART] {
            signals::install(
                Signal::SIGUSR1,
                &signals::full(reads_a_view, flags, SigSet::of(Signal::SIGUSR2)),
            );
        }
        VIEW.set(truncated(&folder, "file").0).unwrap();
        signals::raise(Signal::SIGUSR1);
        signals::raise(Signal::SIGUSR1);
        assert_eq!(LOST.load(SeqCst), 2);
        assert_truncated(VIEW.get().unwrap(), 6 * page());
        assert_eq!(signals::blocked().0, 0, "the mask is as it was");
    });
}

#[test]
fn the_stack_of_the_handler_may_be_small_or_missing() {
    child::run(|| {
        let folder = Folder::new();
        // What the kernel itself stores of the processor, and two pages more.
        for (place, len) in [0, signals::least_stack() + 2 * 4096].into_iter().enumerate() {
            let (view, _) = truncated(&folder, &format!("file {place}"));
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    signals::alternate_stack(len);
                    for at in (1..PAGES).rev() {
                        assert_truncated(&view, at * page());
                    }
                });
            });
        }
    });
}

#[test]
fn errno_is_what_it_was() {
    child::run(|| {
        let folder = Folder::new();
        let (view, _) = truncated(&folder, "file");
        for at in (1..PAGES).rev() {
            drop(File::open(folder.name("there is no such file")).unwrap_err());
            let before = io::Error::last_os_error().raw_os_error();
            let lost = view.load::<u64>(at * page());
            let after = io::Error::last_os_error().raw_os_error();
            assert!(lost.is_err());
            assert_eq!((before, after), (Some(2), Some(2)), "page {at}");
        }
    });
}

/// A system call that meets what is gone answers with an error of its own, and no signal is raised.
#[test]
fn system_calls_on_what_is_gone_are_the_same_error() {
    child::run(|| {
        let folder = Folder::new();
        let (view, path) = truncated(&folder, "file");
        let sink = File::create(folder.name("sink")).unwrap();
        let error = view.write_out(&sink, page() - 8..page() + 8).unwrap_err();
        assert_eq!(error.cause(), Cause::Truncated { at: page() as u64 });
        assert_eq!(error.errno(), Some(Errno::EFAULT));
        let written = std::fs::read(folder.name("sink")).unwrap();
        pattern::assert_is(&written, page() as u64 - 8);
        assert_eq!(written.len(), 8, "all that is there was written");
        let source = File::open(&path).unwrap();
        let hole = view.as_mut_ptr().addr() + 3 * page();
        let error = memory::read_from(source, hole, 100).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(Errno::EFAULT.raw()));
        assert!(memory::read(hole, 1).is_none());
        assert!(view.error().is_none(), "no fault was raised, nothing is lost yet");
        // Where the guard has met it, calls on it are refused before they find the zeros.
        assert_truncated(&view, 3 * page());
        let error = view.write_out(&sink, 4 * page()..5 * page()).unwrap_err();
        assert_eq!(error.cause(), Cause::Truncated { at: 4 * page() as u64 });
        let error = view.write_out(&sink, 0..4 * page()).unwrap_err();
        assert_eq!(error.cause(), Cause::Truncated { at: 3 * page() as u64 });
        assert_eq!(sink.metadata().unwrap().len(), 8, "nothing more was written");
        assert!(view.sync(3 * page().., mman::Sync::Async).is_err());
        view.write_out(&sink, ..page()).unwrap();
    });
}

/// Zeros take the place of what is lost, and become memory of the process where they are written to: a program that fills
/// a view of gigabytes whose file somebody truncates would be given gigabytes, and be killed for them.
#[test]
fn writing_much_to_what_is_gone_takes_little_memory() {
    child::run(|| {
        let folder = Folder::new();
        let path = folder.sparse("file", 256 << 20);
        let source = vec![7; 64 << 20];
        let resident = || {
            let text = std::fs::read_to_string("/proc/self/status").unwrap();
            let line = text.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
            line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() << 10
        };
        for write in [true, false] {
            open_read_write(&path).set_len(256 << 20).unwrap();
            let view = SharedMut::open(&path).unwrap();
            open_read_write(&path).set_len(4096).unwrap();
            let before = resident();
            let written = if write { view.write_at(5, &source) } else { view.fill(.., 7) };
            assert_eq!(written.unwrap_err().cause(), Cause::Truncated { at: 4096 });
            let after = resident();
            assert!(after < before + (8 << 20), "{before} bytes of memory, and then {after}");
        }
    });
}
