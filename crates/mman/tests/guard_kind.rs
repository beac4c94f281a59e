//! Another crate answers for ranges of its own in the one table of SIGBUS: a pager will. A second handler beside the first
//! would fight it for the signal, which is how two guarded libraries in one program kill it.
#![allow(
    unsafe_code,
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    reason = "the kind of another crate, which runs in a signal handler"
)]

use mman::signal::{self, Fault, Registered, Repair};
use mman::{Cause, Shared};
use mman_testkit::files::{Folder, open_read_write};
use mman_testkit::{page, signals};
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;

/// Makes its pages long enough again, by making the file so: a kind that needs no zeros.
#[derive(Debug)]
struct Lengthen {
    fd: std::fs::File,
    len: u64,
    asked: AtomicUsize,
}

// SAFETY: one system call and atomics.
unsafe impl Repair for Lengthen {
    fn repair(&self, _fault: Fault) -> bool {
        self.asked.fetch_add(1, SeqCst);
        self.fd.set_len(self.len).is_ok()
    }
}

#[test]
fn a_kind_of_another_crate_repairs_its_own_range_and_no_other() {
    let folder = Folder::new();
    let path = folder.patterned("file", 4 * page());
    let file = mman::FileObject::open(&path).unwrap();
    let mapping = file.map().unwrap();
    let start = mapping.as_ptr().addr();
    assert!(signal::arm());
    let kind =
        Lengthen { fd: open_read_write(&path), len: 4 * page() as u64, asked: AtomicUsize::new(0) };
    let registered = Registered::new(start..start + 4 * page(), kind).unwrap();
    let view = Shared::open(&path).unwrap();
    open_read_write(&path).set_len(page() as u64).unwrap();
    signals::touch(start + 2 * page());
    assert_eq!(registered.asked.load(SeqCst), 1);
    // A view of the same file has its own slot.
    open_read_write(&path).set_len(page() as u64).unwrap();
    let error = view.read_at(3 * page(), &mut [0]).unwrap_err();
    assert_eq!(error.cause(), Cause::Truncated { at: 3 * page() as u64 });
    assert_eq!(registered.asked.load(SeqCst), 1);
    drop(registered);
    drop(mapping);
}
