//! Signals: handlers, masks, waiting, sending to a thread.
#![expect(unsafe_code, reason = "makes system calls")]

use super::restorer;
use super::syscall::{call3, call4, int, pointer, pointer_mut, word};
use crate::{ActionFlags, Errno, MaskHow, SigAction, SigInfo, SigSet, Signal, Timespec};
use core::ffi::c_void;
use core::ptr::{null, null_mut};
use linux_raw_sys::general as nr;

/// The kernel's signal set is 8 bytes.
const SET_SIZE: usize = size_of::<SigSet>();

/// Installs a handler, and tells the one before it. [sigaction(2)](https://man7.org/linux/man-pages/man2/sigaction.2.html)
///
/// The restorer is filled in where the machine needs one and the action brings none.
///
/// # Errors
///
/// `EINVAL` (a signal that cannot be handled).
///
/// # Safety
///
/// The handler is a function of the shape that the flags say, and does only what is safe in a signal handler.
#[inline]
pub unsafe fn sigaction(
    signal: Signal,
    new: Option<&SigAction>,
    old: Option<&mut SigAction>,
) -> Result<(), Errno> {
    let completed = new.copied().map(restorer::complete);
    let new = completed.as_ref().map_or(null(), core::ptr::from_ref);
    let old = old.map_or(null_mut(), core::ptr::from_mut);
    let arguments = [word(signal.raw()), pointer(new), pointer_mut(old), SET_SIZE];
    // SAFETY: both pointers are null or to a `SigAction` that lives here; the handler is the caller's promise.
    unsafe { call4(nr::__NR_rt_sigaction, arguments) }.map(drop)
}

/// Changes which signals the thread blocks, and tells which it did. [sigprocmask(2)](https://man7.org/linux/man-pages/man2/sigprocmask.2.html)
///
/// # Errors
///
/// `EINVAL` (unknown `how`).
#[inline]
pub fn sigprocmask(
    how: MaskHow,
    new: Option<&SigSet>,
    old: Option<&mut SigSet>,
) -> Result<(), Errno> {
    let new = new.map_or(null(), core::ptr::from_ref);
    let old = old.map_or(null_mut(), core::ptr::from_mut);
    let arguments = [word(how.raw()), pointer(new), pointer_mut(old), SET_SIZE];
    // SAFETY: both pointers are null or to a `SigSet` that lives as long as the call.
    unsafe { call4(nr::__NR_rt_sigprocmask, arguments) }.map(drop)
}

/// Waits for one of the signals, which the caller has blocked; `None` waits without end.
/// [sigtimedwait(2)](https://man7.org/linux/man-pages/man2/sigwaitinfo.2.html)
///
/// # Errors
///
/// `EAGAIN` (the time is over), `EINTR`, `EINVAL`.
#[inline]
pub fn sigtimedwait(set: &SigSet, timeout: Option<&Timespec>) -> Result<SigInfo, Errno> {
    let mut info = SigInfo::empty();
    let timeout = timeout.map_or(null(), core::ptr::from_ref);
    let arguments =
        [pointer(core::ptr::from_ref(set)), pointer_mut(&raw mut info), pointer(timeout), SET_SIZE];
    // SAFETY: the kernel reads the set and the time and writes one `SigInfo`; all live as long as the call.
    unsafe { call4(nr::__NR_rt_sigtimedwait, arguments) }?;
    Ok(info)
}

/// Sends a signal to one thread of a process. [tgkill(2)](https://man7.org/linux/man-pages/man2/tgkill.2.html)
///
/// # Errors
///
/// `EAGAIN`, `EINVAL`, `EPERM`, `ESRCH`.
#[inline]
pub fn tgkill(process: i32, thread: i32, signal: Signal) -> Result<(), Errno> {
    // SAFETY: a signal touches no memory; a handler that does was installed by somebody's own promise.
    unsafe { call3(nr::__NR_tgkill, int(process), int(thread), word(signal.raw())) }.map(drop)
}

/// Sends a signal with all that is told of it to one thread of a process.
/// [rt_tgsigqueueinfo(2)](https://man7.org/linux/man-pages/man2/rt_tgsigqueueinfo.2.html)
///
/// # Errors
///
/// `EAGAIN`, `EINVAL`, `EPERM` (a code that only the kernel sends, to another process), `ESRCH`.
///
/// # Safety
///
/// A handler of the signal may take what is told for the kernel's word: what it does then is safe.
#[inline]
pub unsafe fn tgsigqueueinfo(
    process: i32,
    thread: i32,
    signal: Signal,
    info: &SigInfo,
) -> Result<(), Errno> {
    let info = pointer(core::ptr::from_ref(info));
    let arguments = [int(process), int(thread), word(signal.raw()), info];
    // SAFETY: the kernel reads one `SigInfo`, which lives as long as the call; the rest is the caller's promise.
    unsafe { call4(nr::__NR_rt_tgsigqueueinfo, arguments) }.map(drop)
}

/// Calls the handler of an action as the kernel does: with one argument, or three under `SIGINFO`.
///
/// # Safety
///
/// The action was installed once, or could be: its handler is a function of the shape that the flags say, neither
/// the default (0) nor to be ignored (1). `info` and `context` are what the kernel gave for this signal.
pub unsafe fn call_handler(
    action: &SigAction,
    signal: Signal,
    info: *const SigInfo,
    context: *mut c_void,
) {
    type Full = unsafe extern "C" fn(u32, *const SigInfo, *mut c_void);
    type Short = unsafe extern "C" fn(u32);
    let function = core::ptr::with_exposed_provenance::<()>(action.handler);
    let function = &raw const function;
    if action.flags.contains(ActionFlags::SIGINFO) {
        // SAFETY: the caller's promise: the address is that of such a function, which has the size of a pointer.
        let function = unsafe { function.cast::<Full>().read() };
        // SAFETY: the caller's promise.
        unsafe { function(signal.raw(), info, context) }
    } else {
        // SAFETY: as above.
        let function = unsafe { function.cast::<Short>().read() };
        // SAFETY: as above.
        unsafe { function(signal.raw()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{getpid, gettid};

    #[test]
    fn a_blocked_signal_is_waited_for_and_told_about() {
        let set = SigSet::of(Signal::SIGUSR2);
        let mut before = SigSet::default();
        sigprocmask(MaskHow::BLOCK, Some(&set), Some(&mut before)).unwrap();
        tgkill(getpid(), gettid(), Signal::SIGUSR2).unwrap();
        let info = sigtimedwait(&set, None).unwrap();
        assert_eq!(info.signal, Signal::SIGUSR2);
        // SI_TKILL (asm-generic/siginfo.h): sent to a thread.
        assert_eq!(info.code, -6);
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        assert_eq!(sigtimedwait(&set, Some(&now)).unwrap_err(), Errno::EAGAIN);
        sigprocmask(MaskHow::SETMASK, Some(&before), None).unwrap();
    }

    #[test]
    fn what_is_told_of_a_signal_is_sent_as_it_is() {
        let set = SigSet::of(Signal::SIGUSR1);
        let mut before = SigSet::default();
        sigprocmask(MaskHow::BLOCK, Some(&set), Some(&mut before)).unwrap();
        let mut told = SigInfo::empty();
        (told.signal, told.code) = (Signal::SIGUSR1, -77);
        // SAFETY: the signal is blocked, and waited for.
        unsafe { tgsigqueueinfo(getpid(), gettid(), Signal::SIGUSR1, &told) }.unwrap();
        let info = sigtimedwait(&set, None).unwrap();
        assert_eq!((info.signal, info.code), (Signal::SIGUSR1, -77));
        sigprocmask(MaskHow::SETMASK, Some(&before), None).unwrap();
    }
}
