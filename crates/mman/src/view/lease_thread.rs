//! The thread that hears of leases: one for the process, started with the first of them.

use super::lease::Lease;
use crate::error::{Error, ObjectKind, Operation, Result};
use core::sync::atomic::AtomicI32;
use core::sync::atomic::Ordering::Relaxed;
use mman_sys::{Errno, MaskHow, SigSet, Signal, Timespec};
use std::collections::BTreeMap;
use std::os::fd::RawFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak, mpsc};

/// The signal that tells the thread which descriptor's lease is wanted. It is sent to that thread alone, which blocks
/// it and waits for it: no handler runs, and what the program does with this number elsewhere is its own business.
pub(super) const NEWS: Signal = Signal::from_raw(61);
/// What comes in its place where too many signals wait: then nobody knows which descriptor is meant.
const TOO_MANY: Signal = Signal::SIGIO;

/// The leases of the process by their descriptors.
static LEASES: Mutex<BTreeMap<RawFd, Weak<Lease>>> = Mutex::new(BTreeMap::new());
/// The thread, once there is one.
static TELLER: Mutex<Option<i32>> = Mutex::new(None);
/// The process in which this was used first; 0 before.
static HOME: AtomicI32 = AtomicI32::new(0);

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The number of the thread, which is started if there is none yet.
///
/// A child that was forked off has no such thread, and locks that may be held for ever: it gets `ECHILD`.
pub(super) fn teller() -> Result<i32> {
    let failed = |errno| Error::kernel(Operation::Lease, ObjectKind::Process, errno);
    let me = mman_sys::getpid();
    match HOME.compare_exchange(0, me, Relaxed, Relaxed) {
        Ok(_) => {}
        Err(home) if home == me => {}
        Err(_) => return Err(failed(Errno::ECHILD)),
    }
    let mut teller = locked(&TELLER);
    if let Some(thread) = *teller {
        return Ok(thread);
    }
    let (say, hear) = mpsc::sync_channel(1);
    let started = std::thread::Builder::new().name("mman-leases".into()).spawn(move || {
        let said = block_signals().map(|()| mman_sys::gettid());
        let goes_on = said.is_ok();
        if say.send(said).is_ok() && goes_on {
            tell();
        }
    });
    started.map_err(|_| failed(Errno::EAGAIN))?;
    let thread = hear.recv().unwrap_or(Err(Errno::EAGAIN)).map_err(failed)?;
    *teller = Some(thread);
    Ok(thread)
}

/// No signal of the program is handled on this thread, but for its own faults.
fn block_signals() -> Result<(), Errno> {
    const SIGILL: Signal = Signal::from_raw(4);
    const SIGTRAP: Signal = Signal::from_raw(5);
    const SIGFPE: Signal = Signal::from_raw(8);
    const SIGSYS: Signal = Signal::from_raw(31);
    let faults =
        [Signal::SIGBUS, Signal::SIGSEGV, SIGILL, SIGTRAP, SIGFPE, SIGSYS, Signal::SIGABRT];
    let faults = faults.iter().fold(0, |set, fault| set | SigSet::of(*fault).0);
    mman_sys::sigprocmask(MaskHow::SETMASK, Some(&SigSet(!faults)), None)
}

/// Waits for news, for ever.
fn tell() {
    let wanted = SigSet(SigSet::of(NEWS).0 | SigSet::of(TOO_MANY).0);
    let patience = Timespec { tv_sec: patience(), tv_nsec: 0 };
    loop {
        match mman_sys::sigtimedwait(&wanted, Some(&patience)) {
            Ok(info) if info.signal == NEWS => one(info.descriptor()),
            // Too many signals; a process that was stopped and goes on; or nothing for a while, when it is asked
            // whether news got lost: a process that changes its user may be sent none any more.
            _ => all(),
        }
    }
}

/// How long to sleep, in seconds: well within the time that the kernel gives.
fn patience() -> i64 {
    let time = std::fs::read_to_string("/proc/sys/fs/lease-break-time").ok();
    let time = time.and_then(|text| text.trim().parse::<i64>().ok());
    (time.unwrap_or(0) >> 2).clamp(1, 10)
}

fn one(descriptor: RawFd) {
    let lease = locked(&LEASES).get(&descriptor).and_then(Weak::upgrade);
    if let Some(lease) = lease {
        let _state = lease.answer(); // else it was dropped meanwhile, or is yet to be registered
    }
}

fn all() {
    let leases: Vec<_> = locked(&LEASES).values().filter_map(Weak::upgrade).collect();
    for lease in leases {
        let _state = lease.answer();
    }
}

/// From here on news of the lease are heard.
pub(super) fn register(lease: &Arc<Lease>) {
    locked(&LEASES).insert(lease.descriptor(), Arc::downgrade(lease));
}

/// Nobody has its view any more. The descriptor is still open, so that no other has its number.
pub(super) fn forget(lease: &Lease) {
    locked(&LEASES).remove(&lease.descriptor());
}
