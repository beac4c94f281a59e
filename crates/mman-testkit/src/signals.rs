//! Signals: handlers of a test's own, what they saw, alternate stacks, faults at an instruction that is known.
//!
//! Only in a child: what is installed here is the whole process's.

use crate::memory::pointer;
use mman_sys::{
    ActionFlags, MapFlags, MaskHow, Prot, SigAction, SigInfo, SigSet, Signal, mmap, sigaction,
    sigprocmask,
};
use std::ffi::{c_int, c_void};
use std::ptr::null_mut;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicPtr, AtomicU64};

/// A handler of three arguments, and one of one.
pub type Full = extern "C" fn(c_int, *const SigInfo, *mut c_void);
/// A handler of one argument.
pub type Short = extern "C" fn(c_int);

// SAFETY: the C library's own declarations, in these types.
unsafe extern "C" {
    fn kill(process: c_int, signal: c_int) -> c_int;
    fn sigaltstack(new: *const Stack, old: *mut Stack) -> c_int;
    safe fn getpid() -> c_int;
    safe fn _exit(status: c_int) -> !;
}

#[repr(C)]
struct Stack {
    start: *mut c_void,
    flags: c_int,
    len: usize,
}

/// What is installed for a signal.
///
/// # Panics
///
/// For a signal that there is not; so do the others here.
#[must_use]
pub fn installed(signal: Signal) -> SigAction {
    let mut action = SigAction::default();
    // SAFETY: nothing is installed.
    unsafe { sigaction(signal, None, Some(&mut action)) }.expect("a known signal");
    action
}

/// Installs what [`installed`] answered, or an action of numbers (0 is the default, 1 ignores).
pub fn install(signal: Signal, action: &SigAction) {
    // SAFETY: the handler was installed once, or is one of a test, which only touches atomics and calls the kernel.
    unsafe { sigaction(signal, Some(action), None) }.expect("a known signal");
}

/// The action of a handler of three arguments.
#[must_use]
pub fn full(handler: Full, flags: ActionFlags, mask: SigSet) -> SigAction {
    let handler = (handler as *const ()).expose_provenance();
    SigAction { handler, flags: flags | ActionFlags::SIGINFO, restorer: 0, mask }
}

/// The action of a handler of one argument.
#[must_use]
pub fn short(handler: Short, flags: ActionFlags, mask: SigSet) -> SigAction {
    let handler = (handler as *const ()).expose_provenance();
    SigAction { handler, flags, restorer: 0, mask }
}

/// The arguments of a handler.
#[derive(Clone, Copy, Debug)]
pub struct Given {
    signal: c_int,
    info: *const SigInfo,
    context: *mut c_void,
}

impl Given {
    /// Those that the kernel gave, while the handler runs.
    #[must_use]
    pub const fn new(signal: c_int, info: *const SigInfo, context: *mut c_void) -> Self {
        Self { signal, info, context }
    }

    /// Calls the handler of an action with them.
    pub fn forward(&self, action: &SigAction) {
        let signal = Signal::from_raw(self.signal.cast_unsigned());
        // SAFETY: the action was installed before, and the arguments are the kernel's.
        unsafe { mman_sys::call_handler(action, signal, self.info, self.context) }
    }

    /// [`mman::signal::handle`].
    #[must_use]
    pub fn handle(&self) -> bool {
        // SAFETY: the arguments are the kernel's.
        unsafe { mman::signal::handle(self.signal, self.info.cast(), self.context) }
    }

    /// The code of the signal and its address (of a signal that was sent, the sender in the lower half).
    #[must_use]
    pub fn told(&self) -> (i32, u64) {
        // SAFETY: null, or the kernel's.
        unsafe { self.info.as_ref() }.map_or((0, 0), |info| (info.code, info.address()))
    }
}

/// Sends a signal to this process, as `kill` does.
pub fn send(signal: Signal) {
    // SAFETY: what its handlers do is their own promise.
    let sent = unsafe { kill(getpid(), signal.raw().cast_signed()) };
    assert_eq!(sent, 0, "kill");
}

/// Sends a signal to this thread.
///
/// # Panics
///
/// Where the kernel refuses.
pub fn raise(signal: Signal) {
    mman_sys::tgkill(mman_sys::getpid(), mman_sys::gettid(), signal).expect("tgkill");
}

/// Ends the process at once, also in a handler.
pub fn exit(status: u8) -> ! {
    _exit(status.into())
}

/// What this thread blocks.
#[must_use]
pub fn blocked() -> SigSet {
    let mut set = SigSet::default();
    sigprocmask(MaskHow::BLOCK, None, Some(&mut set)).expect("a known how");
    set
}

/// Blocks signals in this thread, too.
pub fn block(signals: SigSet) {
    sigprocmask(MaskHow::BLOCK, Some(&signals), None).expect("a known how");
}

/// Reads the byte at an address by the first instruction of a function, with the address in the first argument's
/// register: what a core says of it is known.
///
/// # Panics
///
/// It may die of a signal, which is what it is for.
pub fn touch(address: usize) {
    // SAFETY: the address is the test's own, or a signal.
    let _byte = unsafe { load(pointer(address)) };
}

/// The address of the instruction of [`touch`].
#[must_use]
pub fn touching_instruction() -> u64 {
    (load as *const ()).addr() as u64
}

#[cfg(target_arch = "x86_64")]
#[unsafe(naked)]
unsafe extern "C" fn load(from: *const c_void) -> u8 {
    std::arch::naked_asm!("mov al, byte ptr [rdi]", "ret")
}

#[cfg(target_arch = "aarch64")]
#[unsafe(naked)]
unsafe extern "C" fn load(from: *const c_void) -> u8 {
    std::arch::naked_asm!("ldrb w0, [x0]", "ret")
}

/// Gives this thread an alternate stack of so many bytes, for ever; 0 takes the one away that it has.
///
/// # Panics
///
/// Where the kernel refuses.
pub fn alternate_stack(len: usize) {
    const DISABLE: c_int = 2;
    let start = if len == 0 { null_mut() } else { mapped(len, MapFlags::PRIVATE) };
    let flags = if len == 0 { DISABLE } else { 0 };
    let stack = Stack { start, flags, len };
    // SAFETY: the memory was just mapped, is nobody else's, and is never unmapped.
    assert_eq!(unsafe { sigaltstack(&raw const stack, null_mut()) }, 0, "sigaltstack");
}

/// Whether this runs on the alternate stack.
#[must_use]
pub fn on_alternate_stack() -> bool {
    const ON_STACK: c_int = 1;
    let mut stack = Stack { start: null_mut(), flags: 0, len: 0 };
    // SAFETY: the call writes one `Stack`.
    let asked = unsafe { sigaltstack(std::ptr::null(), &raw mut stack) };
    asked == 0 && stack.flags & ON_STACK != 0
}

/// The least that a stack for signals has to hold on this machine.
#[must_use]
pub fn least_stack() -> usize {
    // SAFETY: the C library's own declaration.
    unsafe extern "C" {
        safe fn getauxval(kind: std::ffi::c_ulong) -> std::ffi::c_ulong;
    }
    const AT_MINSIGSTKSZ: std::ffi::c_ulong = 51;
    usize::try_from(getauxval(AT_MINSIGSTKSZ)).map_or(2048, |len| len.max(2048))
}

fn mapped(len: usize, sharing: MapFlags) -> *mut c_void {
    let flags = sharing | MapFlags::ANONYMOUS;
    // SAFETY: nothing is replaced.
    let memory = unsafe { mmap(null_mut(), len, Prot::READ | Prot::WRITE, flags, -1, 0) };
    memory.expect("memory")
}

/// Numbers that handlers write and processes share which one has forked, in the order they were written.
#[derive(Debug)]
pub struct Log(AtomicPtr<[AtomicU64; 64]>);

impl Log {
    /// One that [`clear`](Self::clear) has yet to map.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "for statics")]
    pub const fn new() -> Self {
        Self(AtomicPtr::new(null_mut()))
    }

    /// Empties it; before the first fork.
    pub fn clear(&self) {
        if self.0.load(Relaxed).is_null() {
            self.0.store(mapped(4096, MapFlags::SHARED).cast(), Release);
        }
        for number in self.numbers() {
            number.store(0, Relaxed);
        }
    }

    /// Writes a number; what does not fit is not written. In a signal handler, too.
    pub fn push(&self, number: u64) {
        let [count, numbers @ ..] = self.numbers() else { return };
        let place = usize::try_from(count.fetch_add(1, AcqRel)).unwrap_or(usize::MAX);
        if let Some(free) = numbers.get(place) {
            free.store(number, Release);
        }
    }

    /// What was written.
    #[must_use]
    pub fn read(&self) -> Vec<u64> {
        let [count, numbers @ ..] = self.numbers() else { return Vec::new() };
        let count = usize::try_from(count.load(Acquire)).unwrap_or(usize::MAX);
        numbers.iter().take(count).map(|number| number.load(Acquire)).collect()
    }

    fn numbers(&self) -> &[AtomicU64] {
        // SAFETY: null, or what `clear` mapped for ever.
        unsafe { self.0.load(Acquire).as_ref() }.map_or(&[], |numbers| numbers)
    }
}
