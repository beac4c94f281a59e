//! Signal handlers that really run, and return through the restorer of this crate.
//!
//! Handlers belong to a whole process: each test has one of its own.
#![allow(
    unsafe_code,
    clippy::arithmetic_side_effects,
    clippy::panic,
    clippy::unwrap_used,
    reason = "handlers run at any point; a test may stop at what it does not expect"
)]

mod common;

use common::{Map, RW, in_child, memfd, page, ptr};
use mman_sys::{
    ActionFlags, Errno, MapFlags, MaskHow, SigAction, SigInfo, SigSet, Signal, getpid, gettid,
    mmap, sigaction, sigprocmask, tgkill,
};
use std::ffi::c_void;
use std::sync::atomic::{AtomicI32, AtomicU32, AtomicU64, Ordering};

/// What the handlers saw.
static COUNT: AtomicU32 = AtomicU32::new(0);
static SIGNAL: AtomicU32 = AtomicU32::new(0);
static CODE: AtomicI32 = AtomicI32::new(0);
static ADDRESS: AtomicU64 = AtomicU64::new(0);

type Handler = extern "C" fn(i32, *const SigInfo, *mut c_void);

/// Remembers what it is told.
extern "C" fn remember(number: i32, info: *const SigInfo, _context: *mut c_void) {
    // SAFETY: the kernel gives a handler of this kind a `SigInfo` that lives until it returns.
    let info = unsafe { &*info };
    COUNT.fetch_add(1, Ordering::Relaxed);
    SIGNAL.store(number.cast_unsigned(), Ordering::Relaxed);
    CODE.store(info.code, Ordering::Relaxed);
    ADDRESS.store(info.address(), Ordering::Relaxed);
}

/// Remembers, and puts a page of zeros where the touch failed, so that it succeeds when it is repeated.
extern "C" fn mend(number: i32, info: *const SigInfo, context: *mut c_void) {
    remember(number, info, context);
    let address = usize::try_from(ADDRESS.load(Ordering::Relaxed)).unwrap_or_default();
    let start = address - address % page();
    let flags = MapFlags::PRIVATE | MapFlags::ANONYMOUS | MapFlags::FIXED;
    // SAFETY: the page is the test's own, and has nothing to be read.
    let answer = unsafe { mmap(ptr(start), page(), RW, flags, -1, 0) };
    assert!(answer.is_ok());
}

/// An action that calls this with three arguments.
fn action(handler: Handler) -> SigAction {
    SigAction {
        handler: (handler as *const ()).expose_provenance(),
        flags: ActionFlags::SIGINFO,
        ..SigAction::default()
    }
}

fn install(signal: Signal, handler: Handler) -> SigAction {
    let mut before = SigAction::default();
    // SAFETY: the handler has the shape that the flags say; it stores numbers, and maps at most.
    unsafe { sigaction(signal, Some(&action(handler)), Some(&mut before)) }.unwrap();
    before
}

fn send_to_myself(signal: Signal) {
    tgkill(getpid(), gettid(), signal).unwrap();
}

/// A handler runs when the signal comes, is told who sent it, and returns to where the thread was.
#[test]
fn a_handler_runs_and_returns() {
    in_child(|| {
        install(Signal::SIGUSR1, remember);
        for round in 1..=3 {
            send_to_myself(Signal::SIGUSR1);
            assert_eq!(COUNT.load(Ordering::Relaxed), round);
        }
        assert_eq!(SIGNAL.load(Ordering::Relaxed), Signal::SIGUSR1.raw());
        // SI_TKILL (asm-generic/siginfo.h): sent to a thread.
        assert_eq!(CODE.load(Ordering::Relaxed), -6);
    });
}

/// The action that was there before is told, as it was installed.
#[test]
fn the_action_before_is_told() {
    in_child(|| {
        let first = install(Signal::SIGUSR2, remember);
        assert_eq!((first.handler, first.flags), (0, ActionFlags::default()), "the default");
        let second = install(Signal::SIGUSR2, mend);
        assert_eq!(second.handler, action(remember).handler);
        assert!(second.flags.contains(ActionFlags::SIGINFO));
        let mut third = SigAction::default();
        // SAFETY: nothing is installed.
        unsafe { sigaction(Signal::SIGUSR2, None, Some(&mut third)) }.unwrap();
        assert_eq!(third.handler, action(mend).handler);
        // SAFETY: the action was installed before, and does what it did then.
        unsafe { sigaction(Signal::SIGUSR2, Some(&second), None) }.unwrap();
        send_to_myself(Signal::SIGUSR2);
        assert_eq!(COUNT.load(Ordering::Relaxed), 1);
    });
}

/// A touch behind the end of a file is SIGBUS with its address; when the handler has put a page there and
/// returned, the touch is repeated and succeeds.
#[test]
fn sigbus_tells_the_address_and_the_touch_is_repeated() {
    in_child(|| {
        install(Signal::SIGBUS, mend);
        let map = Map::of(&memfd(1), 2, RW, MapFlags::SHARED);
        let behind = map.at(1) + 123;
        assert_eq!(common::peek(behind), 0);
        assert_eq!(ADDRESS.load(Ordering::Relaxed), behind as u64);
        assert_eq!(CODE.load(Ordering::Relaxed), SigInfo::BUS_ADRERR);
        assert_eq!(SIGNAL.load(Ordering::Relaxed), Signal::SIGBUS.raw());
        common::poke(behind, 7);
        assert_eq!((common::peek(behind), COUNT.load(Ordering::Relaxed)), (7, 1));
    });
}

/// A touch where nothing may be touched is SIGSEGV with its address.
#[test]
fn sigsegv_tells_the_address() {
    in_child(|| {
        install(Signal::SIGSEGV, mend);
        let map = Map::reserved(1);
        common::poke(map.start() + 5, 7);
        assert_eq!(ADDRESS.load(Ordering::Relaxed), map.start() as u64 + 5);
        // SEGV_ACCERR (asm-generic/siginfo.h): mapped, without that access.
        assert_eq!(CODE.load(Ordering::Relaxed), 2);
    });
}

/// A blocked signal waits, and its handler runs when it is no longer blocked.
#[test]
fn a_blocked_signal_waits() {
    in_child(|| {
        install(Signal::SIGUSR1, remember);
        let set = SigSet::of(Signal::SIGUSR1);
        let mut before = SigSet::default();
        sigprocmask(MaskHow::BLOCK, Some(&set), Some(&mut before)).unwrap();
        assert!(!before.contains(Signal::SIGUSR1));
        send_to_myself(Signal::SIGUSR1);
        assert_eq!(COUNT.load(Ordering::Relaxed), 0);
        sigprocmask(MaskHow::UNBLOCK, Some(&set), None).unwrap();
        assert_eq!(COUNT.load(Ordering::Relaxed), 1);
    });
}

/// Some signals have no handler, and there is no other way of masking than the three.
#[test]
fn what_cannot_be_handled_is_einval() {
    for signal in [Signal::SIGKILL, Signal::SIGSTOP, Signal::from_raw(65)] {
        // SAFETY: refused.
        let answer = unsafe { sigaction(signal, Some(&action(remember)), None) };
        assert_eq!(answer, Err(Errno::EINVAL), "{signal:?}");
    }
    let answer = sigprocmask(MaskHow::from_raw(9), Some(&SigSet::default()), None);
    assert_eq!(answer, Err(Errno::EINVAL));
    assert_eq!(tgkill(getpid(), gettid(), Signal::from_raw(65)), Err(Errno::EINVAL));
    assert_eq!(tgkill(getpid(), i32::MAX, Signal::from_raw(0)), Err(Errno::ESRCH));
}
