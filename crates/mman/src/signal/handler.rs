//! The handler of SIGBUS: repairs what is registered, and passes on everything else as if it were not there.
//!
//! It takes no lock, allocates nothing, reads no thread-local and calls no C library, so it changes no errno.
#![expect(unsafe_code, reason = "is a signal handler, and calls the one before it")]

use super::lock::Lock;
use super::{Fault, table};
use crate::process::generation;
use core::ffi::{c_int, c_void};
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use core::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize};
use mman_sys as sys;
use mman_sys::{ActionFlags, MaskHow, SigAction, SigInfo, SigSet, Signal};

/// `SIG_DFL` and `SIG_IGN` (`asm-generic/signal-defs.h`).
const DEFAULT: usize = 0;
const IGNORE: usize = 1;
/// `BUS_MCEERR_AO`: memory that nobody is touching went bad (`asm-generic/siginfo.h`).
const BUS_MCEERR_AO: i32 = 5;

/// What was installed before us. Written before our handler is installed, and again where somebody has reset it.
struct Previous {
    handler: AtomicUsize,
    flags: AtomicU64,
    mask: AtomicU64,
}

static PREVIOUS: Previous = Previous {
    handler: AtomicUsize::new(DEFAULT),
    flags: AtomicU64::new(0),
    mask: AtomicU64::new(0),
};

impl Previous {
    fn set(&self, action: &SigAction) {
        self.flags.store(action.flags.bits(), Relaxed);
        self.mask.store(action.mask.0, Relaxed);
        self.handler.store(action.handler, Release);
    }

    fn get(&self) -> SigAction {
        let handler = self.handler.load(Acquire);
        let flags = ActionFlags::from_bits(self.flags.load(Relaxed));
        SigAction { handler, flags, restorer: 0, mask: SigSet(self.mask.load(Relaxed)) }
    }
}

/// Whether ours was ever installed.
static INSTALLED: AtomicBool = AtomicBool::new(false);

fn our_address() -> usize {
    let handler: extern "C" fn(c_int, *const SigInfo, *mut c_void) = on_sigbus;
    (handler as *const ()).expose_provenance()
}

/// Whether a fault is repaired when it happens now: installs the handler, or finds it installed.
///
/// A handler that somebody put in our place is trusted only if there was none of ours before it.
pub(super) fn arm() -> bool {
    let current = current_action();
    if current.handler == our_address() {
        return true;
    }
    static ARMING: Lock = Lock::new();
    generation::prepare();
    let _one_at_a_time = ARMING.take(generation::current());
    let current = current_action();
    match current.handler {
        handler if handler == our_address() => true,
        // Rust's own handler, and others, take away whatever is installed when they meet a fault of others.
        DEFAULT => install(&current),
        _ if !INSTALLED.load(Relaxed) => install(&current),
        // It may pass faults on to us, and it may not. Put on top of it again, we might be passing them in a circle.
        _ => false,
    }
}

fn current_action() -> SigAction {
    let mut current = SigAction::default();
    // SAFETY: nothing is installed.
    let _known_signal = unsafe { sys::sigaction(Signal::SIGBUS, None, Some(&mut current)) };
    current
}

/// Installs our handler over `previous`.
fn install(previous: &SigAction) -> bool {
    generation::prepare();
    PREVIOUS.set(previous);
    let ours = SigAction {
        handler: our_address(),
        // On the alternate stack: what faults may have little stack left.
        flags: ActionFlags::SIGINFO | ActionFlags::ONSTACK | restart_as(previous),
        ..SigAction::default()
    };
    let mut replaced = SigAction::default();
    // SAFETY: the handler has the shape that SIGINFO says, and does only what a signal handler may.
    let done = unsafe { sys::sigaction(Signal::SIGBUS, Some(&ours), Some(&mut replaced)) }.is_ok();
    if done && replaced.handler != previous.handler && replaced.handler != our_address() {
        PREVIOUS.set(&replaced); // somebody else installed one in between
    }
    INSTALLED.store(done, Relaxed);
    done
}

/// A fault interrupts no call, a signal that was sent does: whether the call goes on is the previous handler's say.
/// One that was ignored interrupted none.
fn restart_as(previous: &SigAction) -> ActionFlags {
    match previous.handler {
        DEFAULT | IGNORE => ActionFlags::RESTART,
        _ if previous.flags.contains(ActionFlags::RESTART) => ActionFlags::RESTART,
        _ => ActionFlags::empty(),
    }
}

extern "C" fn on_sigbus(_signal: c_int, info: *const SigInfo, context: *mut c_void) {
    // SAFETY: the kernel gives a handler with SIGINFO the signal's information.
    let told = unsafe { info.as_ref() };
    if !told.is_some_and(handle) {
        pass_on(told, info, context);
    }
}

/// Repairs the fault that a signal tells of, if it is one of ours.
pub(super) fn handle(info: &SigInfo) -> bool {
    if info.signal != Signal::SIGBUS || info.code != SigInfo::BUS_ADRERR {
        return false;
    }
    let Ok(address) = usize::try_from(info.address()) else { return false };
    // A second signal here could wait for this one to end, by dropping the mapping.
    let mut before = SigSet::default();
    let all = SigSet(u64::MAX);
    let masked = sys::sigprocmask(MaskHow::BLOCK, Some(&all), Some(&mut before)).is_ok();
    let repaired = table::repair_fault(Fault::new(address));
    if masked {
        let _as_it_was = sys::sigprocmask(MaskHow::SETMASK, Some(&before), None);
    }
    repaired
}

/// Does what would have happened without us.
fn pass_on(told: Option<&SigInfo>, info: *const SigInfo, context: *mut c_void) {
    let previous = PREVIOUS.get();
    // The instruction that faulted runs again when we return, and faults again; a signal that was sent does not.
    let comes_again = told.is_some_and(|info| info.code > 0 && info.code != BUS_MCEERR_AO);
    match previous.handler {
        DEFAULT => die(told.filter(|_| !comes_again)),
        IGNORE if comes_again => die(None), // the kernel lets nobody ignore a fault
        IGNORE => {}
        _ => {
            if previous.flags.contains(ActionFlags::RESETHAND) {
                PREVIOUS.set(&SigAction::default());
            }
            call(&previous, info, context);
            if !comes_again {
                arm_again();
            }
        }
    }
}

/// Takes our handler away, so that the signal ends the process as it would have, with the same core.
///
/// `sent` is what was told of a signal that does not come again by itself.
fn die(sent: Option<&SigInfo>) {
    let default = SigAction::default();
    // SAFETY: the default action is no function.
    let _known_signal = unsafe { sys::sigaction(Signal::SIGBUS, Some(&default), None) };
    if let Some(told) = sent {
        // Blocked until we return, and then delivered; the core tells who sent it.
        let (process, thread) = (sys::getpid(), sys::gettid());
        // SAFETY: the default action runs no handler.
        let again = unsafe { sys::tgsigqueueinfo(process, thread, Signal::SIGBUS, told) };
        if again.is_err() {
            let _to_ourselves = sys::tgkill(process, thread, Signal::SIGBUS);
        }
    }
}

/// Calls the previous handler as the kernel would have: its mask, its arguments.
fn call(action: &SigAction, info: *const SigInfo, context: *mut c_void) {
    // Returning from the signal restores the mask that was there before it.
    let _known_how = sys::sigprocmask(MaskHow::BLOCK, Some(&action.mask), None);
    if action.flags.contains(ActionFlags::NODEFER) {
        let ours = SigSet::of(Signal::SIGBUS);
        let _known_how = sys::sigprocmask(MaskHow::UNBLOCK, Some(&ours), None);
    }
    // SAFETY: somebody installed it, as a function; the arguments are the kernel's.
    unsafe { sys::call_handler(action, Signal::SIGBUS, info, context) }
}

/// The previous handler has seen a signal that was sent, and the process lives on. If it took us away (Rust's own
/// resets SIGBUS to the default), we come back, over the default.
fn arm_again() {
    if current_action().handler == DEFAULT {
        install(&SigAction::default());
    }
}
