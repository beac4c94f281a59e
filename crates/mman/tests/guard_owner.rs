//! A program that has a SIGBUS handler of its own (a virtual machine, a database, a browser) must not find it replaced.
//! It says so first, and then forwards, or it does not: the views give the same answers in all three cases, at the speed
//! of memory or through system calls, and only words, which a system call cannot promise, are refused.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may stop at what it does not expect"
)]

use mman::signal::{self, Owner};
use mman::{Cause, Error, Private, Result, Shared, SharedMut};
use mman_sys::{ActionFlags, SigInfo, SigSet, Signal};
use mman_testkit::files::{Folder, open_read_write};
use mman_testkit::signals::{self, Given};
use mman_testkit::{child, page, pattern, unchecked};
use std::ffi::{c_int, c_void};
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

static FORWARDED: AtomicUsize = AtomicUsize::new(0);

extern "C" fn forwards(signal: c_int, info: *const SigInfo, context: *mut c_void) {
    if Given::new(signal, info, context).handle() {
        FORWARDED.fetch_add(1, SeqCst);
    } else {
        signals::exit(44);
    }
}

extern "C" fn keeps_it_to_itself(_signal: c_int) {
    signals::exit(45);
}

const LEN: usize = 40 * 4096 + 100;

#[track_caller]
fn is_truncated<T>(answer: Result<T>, at: usize) {
    let cause = answer.err().map(|error| error.cause());
    assert_eq!(cause, Some(Cause::Truncated { at: at as u64 }));
}

/// Whether words are refused, or what they are.
#[track_caller]
fn word<T: PartialEq + std::fmt::Debug>(answer: Result<T>, direct: bool, wanted: T) {
    match answer {
        Ok(found) => assert_eq!((found, direct), (wanted, true)),
        Err(error) => assert_eq!((error.cause(), direct), (Cause::SignalTaken, false)),
    }
}

fn reading(view: &Shared, folder: &Folder, direct: bool) {
    let all = pattern::bytes(0, LEN);
    assert_eq!((view.is_direct(), view.len(), view.is_empty()), (direct, LEN, false));
    assert_eq!(view.to_vec(..).unwrap(), all);
    for (at, len) in [(0, 1), (1, 4096), (4095, 8200), (LEN - 1, 1), (LEN, 0), (17, 0)] {
        let mut bytes = vec![0; len];
        view.read_at(at, &mut bytes).unwrap();
        pattern::assert_is(&bytes, at as u64);
    }
    for byte in 0..=255 {
        for range in [0..LEN, 5000..5003, 4090..9000, 7..7] {
            let first = all[range.clone()].iter().position(|found| *found == byte);
            let last = all[range.clone()].iter().rposition(|found| *found == byte);
            let start = range.start;
            assert_eq!(view.find_byte(range.clone(), byte).unwrap(), first.map(|at| start + at));
            assert_eq!(view.rfind_byte(range, byte).unwrap(), last.map(|at| start + at));
        }
    }
    for needle in [&all[LEN - 9..], &all[66_000..66_040], &all[4090..4100], &[], b"not there"] {
        let wanted = match needle {
            [] => Some(0),
            _ => all.windows(needle.len()).position(|window| window == needle),
        };
        assert_eq!(view.find(.., needle).unwrap(), wanted);
    }
    assert!(view.equals(4000, &all[4000..13_000]).unwrap());
    assert!(!view.equals(4001, &all[4000..13_000]).unwrap());
    let mut reader = view.reader();
    reader.seek(SeekFrom::Start(100)).unwrap();
    let mut rest = Vec::new();
    reader.read_to_end(&mut rest).unwrap();
    assert_eq!(rest, all[100..]);
    let path = folder.name("out");
    view.write_out(File::create(&path).unwrap(), 50..LEN).unwrap();
    assert_eq!(fs::read(path).unwrap(), all[50..]);
    word(view.load::<u8>(3), direct, all[3]);
    word(view.load::<u64>(8), direct, u64::from_ne_bytes(all[8..16].try_into().unwrap()));
    assert!(matches!(view.load::<u64>(9).unwrap_err().cause(), Cause::Range(_)));
    assert!(matches!(view.read_at(LEN, &mut [0]).unwrap_err().cause(), Cause::Range(_)));
    assert!(view.error().is_none());
}

/// Writes, and what was written is undone.
type Written = fn(&dyn Writing);

trait Writing {
    fn write(&self, at: usize, bytes: &[u8]) -> Result<()>;
    fn fill(&self, from: usize, to: usize, byte: u8) -> Result<()>;
    fn store(&self, at: usize, value: u32) -> Result<()>;
    fn view(&self) -> &Shared;
}

macro_rules! writing {
    ($($view:ty)*) => {$(
        impl Writing for $view {
            fn write(&self, at: usize, bytes: &[u8]) -> Result<()> {
                self.write_at(at, bytes)
            }
            fn fill(&self, from: usize, to: usize, byte: u8) -> Result<()> {
                <$view>::fill(self, from..to, byte)
            }
            fn store(&self, at: usize, value: u32) -> Result<()> {
                <$view>::store(self, at, value)
            }
            fn view(&self) -> &Shared {
                self
            }
        }
    )*};
}
writing! { SharedMut Private }

fn writes(writing: &dyn Writing) {
    let view = writing.view();
    writing.write(4090, &[9; 5000]).unwrap();
    assert!(view.equals(4090, &[9; 5000]).unwrap());
    writing.fill(10_000, 30_001, 8).unwrap();
    assert!(view.equals(10_000, &[8; 20_001]).unwrap());
    word(writing.store(16, 0x0101_0101), view.is_direct(), ());
    if view.is_direct() {
        assert_eq!(view.load::<u32>(16).unwrap(), 0x0101_0101);
    }
    writing.write(0, &pattern::bytes(0, 31_000)).unwrap();
    pattern::assert_is(&view.to_vec(..).unwrap(), 0);
}

/// Every method of every view, and the same answers whoever the signal belongs to.
fn all_methods(direct: bool) {
    let folder = Folder::new();
    let path = folder.patterned("file", LEN);
    let shared = Shared::open(&path).unwrap();
    let shared_mut = SharedMut::open(&path).unwrap();
    let private = Private::open(&path).unwrap();
    let views: [&Shared; 3] = [&shared, &shared_mut, &private];
    for view in views {
        reading(view, &folder, direct);
    }
    let written: Written = writes;
    written(&shared_mut);
    written(&private);
    shared_mut.writer().write_all(&pattern::bytes(0, LEN)).unwrap();
    shared_mut.sync(.., mman::Sync::Async).unwrap();
    let atomic = |answer: std::result::Result<u64, Error>| {
        word(answer, direct, shared.load::<u64>(8).unwrap_or(0));
    };
    atomic(shared_mut.atomic_u64(8).map(|atomic| atomic.load(SeqCst)));
    word(shared_mut.atomic_u32(8).map(|_| ()), direct, ());
    assert_eq!(&private.detach().unwrap()[..], pattern::bytes(0, LEN));
    pattern::assert_is(&fs::read(&path).unwrap(), 0);

    let cut = 3 * page();
    open_read_write(&path).set_len(cut as u64).unwrap();
    for view in views {
        is_truncated(view.read_at(cut, &mut [0; 9]), cut);
        is_truncated(view.read_at(cut - 5, &mut [0; 9]), cut);
        is_truncated(view.read_at(LEN - 9, &mut [0; 9]), LEN - 9);
        let mut bytes = vec![0; cut];
        view.read_at(0, &mut bytes).unwrap();
        pattern::assert_is(&bytes, 0);
        assert!(view.find(.., b"not there").is_err());
        assert!(view.equals(cut, &[0]).is_err() && view.equals(0, &bytes).unwrap());
        assert!(view.to_vec(..).is_err() && view.reader().read_to_end(&mut bytes).is_err());
        is_truncated(view.write_out(File::create(folder.name("out")).unwrap(), ..), cut);
        assert!(view.load::<u8>(cut).is_err());
    }
    is_truncated(shared_mut.write_at(cut - 1, b"over"), cut);
    is_truncated(private.write_at(cut - 1, b"over"), cut);
    is_truncated(shared_mut.fill(cut.., 1), cut);
    assert!(shared_mut.writer().write_all(&vec![0; LEN]).is_err());
    assert!(private.detach().is_err());
}

#[track_caller]
fn assert_refused(owner: Owner) {
    assert_eq!(signal::set_owner(owner).unwrap_err().cause(), Cause::SignalTaken);
}

#[test]
fn the_library_owns_the_signal() {
    child::run(|| {
        assert!(
            signal::set_owner(Owner::Host).is_ok() && signal::set_owner(Owner::Library).is_ok()
        );
        let before = signals::installed(Signal::SIGBUS);
        assert_eq!(
            signals::installed(Signal::SIGBUS).handler,
            before.handler,
            "until it is needed"
        );
        all_methods(true);
        assert_ne!(signals::installed(Signal::SIGBUS).handler, before.handler);
        assert_refused(Owner::Host);
        assert_eq!(unchecked::host_forwards().unwrap_err().cause(), Cause::SignalTaken);
        signal::set_owner(Owner::Library).unwrap();
    });
}

#[test]
fn a_program_that_forwards() {
    child::run(|| {
        let host = signals::full(forwards, ActionFlags::ONSTACK, SigSet(0));
        signals::install(Signal::SIGBUS, &host);
        unchecked::host_forwards().unwrap();
        all_methods(true);
        assert_eq!(signals::installed(Signal::SIGBUS).handler, host.handler, "not replaced");
        assert!(FORWARDED.load(SeqCst) >= 3);
        assert_refused(Owner::Host);
        assert_refused(Owner::Library);
        assert!(signal::arm());
    });
}

#[test]
fn a_program_that_does_not_forward() {
    child::run(|| {
        let host = signals::short(keeps_it_to_itself, ActionFlags::RESTART, SigSet(0));
        signals::install(Signal::SIGBUS, &host);
        signal::set_owner(Owner::Host).unwrap();
        all_methods(false);
        assert_eq!(signals::installed(Signal::SIGBUS).handler, host.handler, "not replaced");
        assert!(!signal::arm());
    });
}

/// What is no fault of ours is told apart, also from hosts that pass on anything.
#[test]
fn what_is_not_ours_is_not_handled() {
    child::run(|| {
        let given = Given::new(7, std::ptr::null(), std::ptr::null_mut());
        assert!(!given.handle());
        let info = SigInfo::empty();
        assert!(!Given::new(7, &raw const info, std::ptr::null_mut()).handle());
    });
}
