//! A fault in the middle, repaired by a handler that returns to the same instruction: the rest goes on as if nothing
//! had happened, and no register has lost what it held.

use super::{Byte, pattern, ways};
use crate::{FileObject, MapOptions, PageSize};
use core::ffi::c_void;
use core::sync::atomic::{AtomicUsize, Ordering};
use mman_sys::{ActionFlags, MapFlags, Prot, SigAction, SigInfo, Signal, mmap, sigaction};

/// How often the handler ran.
static FAULTS: AtomicUsize = AtomicUsize::new(0);

/// Puts a page of zeros where the touch failed, and uses the registers that a copy uses.
extern "C" fn repair(_signal: i32, info: *const SigInfo, _context: *mut c_void) {
    // SAFETY: the kernel gives a handler of this kind a `SigInfo` that lives until it returns.
    let address = unsafe { &*info }.address() as usize;
    let page = PageSize::base().bytes();
    let start = core::ptr::with_exposed_provenance_mut(address - address % page);
    let flags = MapFlags::PRIVATE | MapFlags::ANONYMOUS | MapFlags::FIXED;
    // SAFETY: the page is the test's own, and has nothing to be read.
    let answer = unsafe { mmap(start, page, Prot::READ | Prot::WRITE, flags, -1, 0) };
    assert!(answer.is_ok());
    let mut ours = [0x77_u8; 1000];
    let mut other = [0_u8; 1000];
    // SAFETY: both are of this function.
    unsafe { crate::shared_bytes::copy_out(ours.as_ptr(), other.as_mut_ptr(), 1000) };
    // SAFETY: as above.
    unsafe { crate::shared_bytes::fill(ours.as_mut_ptr(), 0x66, 1000) };
    FAULTS.fetch_add(1, Ordering::Relaxed);
}

fn install() {
    let action = SigAction {
        handler: (repair as *const ()).expose_provenance(),
        flags: ActionFlags::SIGINFO,
        ..SigAction::default()
    };
    // SAFETY: the handler has the shape that the flags say; it maps, and copies memory of its own.
    unsafe { sigaction(Signal::SIGBUS, Some(&action), None) }.unwrap();
}

#[test]
fn a_repaired_fault_changes_nothing_else() {
    mman_testkit::child::run(|| {
        install();
        let page = PageSize::base().bytes();
        let (size, len) = (page + 904, 5 * page);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("short");
        let mut whole = pattern(size);
        std::fs::write(&path, &whole).unwrap();
        let object = FileObject::open_read_write(&path).unwrap();
        let map = || {
            let options = MapOptions::shared().read_write().range(..len as u64).past_end();
            options.map(&object).unwrap()
        };
        whole.resize(len, 0);
        for (way, at) in ways().iter().flat_map(|way| (0..70).map(move |at| (way, at))) {
            let name = format!("{}: from {at} on", way.name);
            FAULTS.store(0, Ordering::Relaxed);
            let (bytes, mut to) = (&whole[at..], vec![1; len - at]);
            let start = |mapping: &crate::Mapping| mapping.as_ptr().wrapping_add(at);
            (way.copy)(start(&map()), to.as_mut_ptr(), to.len());
            assert!(to == bytes, "{name}: copied out");
            assert!((way.equals)(start(&map()), to.as_ptr(), to.len()), "{name}: equal");
            assert_eq!((way.find)(start(&map()), to.len(), Byte(0xff)), None, "{name}: found");
            let last = bytes.iter().rposition(|byte| *byte == 7);
            assert_eq!((way.rfind)(start(&map()), to.len(), Byte(7)), last, "{name}: found back");
            let mapping = map();
            (way.fill)(start(&mapping).cast_mut().wrapping_add(page), 0, 4 * page - at);
            assert_eq!(FAULTS.load(Ordering::Relaxed), 5 * 3, "{name}: three pages each time");
            let mapping = map();
            (way.copy)(to.as_ptr(), start(&mapping).cast_mut(), to.len());
            assert!((way.equals)(start(&mapping), to.as_ptr(), to.len()), "{name}: copied in");
            assert_eq!(FAULTS.load(Ordering::Relaxed), 6 * 3, "{name}: three pages each time");
            std::fs::write(&path, &whole[..size]).unwrap();
        }
    });
}
