//! The one place of the house that handles SIGBUS.
//!
//! Touching a mapped page whose object has nothing there (the file was truncated, the disk failed or is full)
//! raises SIGBUS. Here that becomes an error of the mapping that was touched: its range is registered in a table, the
//! handler puts zero pages where nothing is, notes it, and returns; the instruction runs on, and who asked for the
//! bytes is told. Only `BUS_ADRERR` inside a registered range is handled so. Everything else goes to the handler that
//! was there before, or ends the process as if none were.
//!
//! Views install the handler by themselves, when the first one is made. A program that has a handler of its own says
//! so before: [`host_forwards`], or [`set_owner`] if it passes nothing on.
//!
//! ```no_run
//! use mman::signal::{self, Owner};
//! use std::ffi::c_void;
//!
//! // A program whose handler was installed by other means, and is called for every SIGBUS:
//! extern "C" fn on_bus(signal: i32, info: *const c_void, context: *mut c_void) {
//!     // SAFETY: these are a handler's own arguments.
//!     if unsafe { signal::handle(signal, info, context) } {
//!         return;
//!     }
//!     // ... what the program does with a SIGBUS of its own ...
//! }
//! // ... sigaction(SIGBUS, on_bus) ...
//! // SAFETY: it is installed, stays, and asks this library first.
//! unsafe { signal::host_forwards()? };
//! # let _ = on_bus;
//! # Ok::<(), mman::Error>(())
//! ```
//!
//! # What this needs of the program
//!
//! - A handler that is installed later has to pass on what it does not know, as handlers do. Where one stands in
//!   ours' place, views that are made from then on copy by system calls, and are slower; those made before are not
//!   guarded.
//! - A thread that blocks SIGBUS is killed by a fault, whatever is installed: the kernel lets nobody block a fault.
#![expect(unsafe_code, reason = "declares what a signal handler may call")]

mod handler;
mod lock;
mod spare;
mod state;
mod table;
pub(crate) mod zeros;

use crate::error::{Cause, Error, ObjectKind, Operation, Result};
use core::ffi::{c_int, c_void};
use core::sync::atomic::AtomicU8;
use core::sync::atomic::Ordering::Relaxed;
use mman_sys::SigInfo;

pub(crate) use spare::release as release_spare;
pub use table::Registered;

/// A touch of a page that is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    address: usize,
}

impl Fault {
    const fn new(address: usize) -> Self {
        Self { address }
    }

    /// The address that was touched.
    #[must_use]
    pub const fn address(self) -> usize {
        self.address
    }
}

/// What repairs faults in a range: a kind of slot in the table, of which another crate can have its own.
///
/// # Safety
///
/// [`repair`](Self::repair) runs in a signal handler, on any thread, at any moment: it takes no lock, allocates
/// nothing, reads no thread-local, cannot panic, and touches no memory but atomics and what its range owns.
pub unsafe trait Repair: Send + Sync + 'static {
    /// Makes the address one that can be touched, and notes that. `false` where it cannot: the signal then goes to
    /// the handler before ours.
    fn repair(&self, fault: Fault) -> bool;
}

/// Whose the handler of SIGBUS is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Owner {
    /// This library's: it installs one when the first view is made. Unless told otherwise.
    Library,
    /// The program's, which passes nothing on. This library installs nothing, and its views copy by system calls.
    Host,
}

/// Whose the handler is, as a number, and whether views rely on that already.
static OWNER: AtomicU8 = AtomicU8::new(LIBRARY);
const LIBRARY: u8 = 0;
const HOST: u8 = 1;
const HOST_FORWARDS: u8 = 2;
const NUMBER: u8 = 0b11;
const RELIED_ON: u8 = 0b100;

/// Says whose the handler of SIGBUS is, before the first view is made.
///
/// # Errors
///
/// [`Cause::SignalTaken`] where views rely on another owner already.
pub fn set_owner(new: Owner) -> Result<()> {
    set_number(match new {
        Owner::Library => LIBRARY,
        Owner::Host => HOST,
    })
}

/// Says, before the first view is made, that the program has a handler of SIGBUS which calls [`handle`] first. This
/// library installs nothing then, and its views are as fast as with its own.
///
/// # Errors
///
/// [`Cause::SignalTaken`] where views rely on another owner already.
///
/// # Safety
///
/// Such a handler is installed as long as there are views: without it a page that is gone kills the process.
pub unsafe fn host_forwards() -> Result<()> {
    set_number(HOST_FORWARDS)
}

fn set_number(number: u8) -> Result<()> {
    let change = |old: u8| match old & RELIED_ON {
        0 => Some(number),
        _ => (old & NUMBER == number).then_some(old),
    };
    let changed = OWNER.fetch_update(Relaxed, Relaxed, change);
    let taken = |_| Error::new(Operation::Signal, ObjectKind::Process, Cause::SignalTaken);
    changed.map(drop).map_err(taken)
}

/// Sees to it that faults in registered ranges are repaired from now on: installs the handler if it is this library's
/// to install. `false` where SIGBUS belongs to somebody who has not said that it is passed on.
#[must_use]
pub fn arm() -> bool {
    // From here on the owner is who it is: noted before the handler is installed for him.
    let rely = |old: u8| (old & NUMBER != HOST).then_some(old | RELIED_ON);
    match OWNER.fetch_update(Relaxed, Relaxed, rely).map(|old| old & NUMBER) {
        Ok(LIBRARY) => handler::arm(),
        Ok(HOST_FORWARDS) => true,
        _ => false,
    }
}

/// What a program's own handler calls first, with its arguments: `true` where the fault was one of this library's
/// and is repaired. Takes no lock and changes no errno.
///
/// # Safety
///
/// `info` is null or the `siginfo_t` that the kernel gave a handler.
#[must_use]
pub unsafe fn handle(_signal: c_int, info: *const c_void, _context: *mut c_void) -> bool {
    // SAFETY: the caller's promise; the kernel's struct is `SigInfo`.
    unsafe { info.cast::<SigInfo>().as_ref() }.is_some_and(handler::handle)
}
