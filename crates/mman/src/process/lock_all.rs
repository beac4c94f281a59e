//! Locking all memory of this process.

use crate::error::{Cause, Error, ObjectKind, Operation, Result};
use crate::explain;
use crate::pages::held;
use crate::pages::lock;
use mman_sys as sys;
use mman_sys::{Errno, LockAllFlags};
use rustix::process::Resource;

/// Which memory of the process is meant. [mlockall(2)](https://man7.org/linux/man-pages/man2/mlock.2.html)
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LockAll {
    /// All that is mapped now. What `Future` or `Both` said before is taken back.
    Current,
    /// All that will be mapped. It is accepted also when the process is over its limit; then mapping fails later, with
    /// [`Cause::LockLimit`].
    Future,
    /// Both.
    Both,
}

impl LockAll {
    const fn flags(self) -> LockAllFlags {
        match self {
            Self::Current => LockAllFlags::CURRENT,
            Self::Future => LockAllFlags::FUTURE,
            Self::Both => LockAllFlags::CURRENT.union(LockAllFlags::FUTURE),
        }
    }
}

/// Locks all memory of the process. That a page could not be read in is not an error.
///
/// ```no_run
/// use mman::process::{LockAll, lock_all, unlock_all};
///
/// lock_all(LockAll::Both)?;
/// let mut stack = [0_u8; 256 * 1024]; // as much as will be needed
/// std::hint::black_box(&mut stack);
/// // the work that must not wait for a page
/// unlock_all()?;
/// # Ok::<(), mman::Error>(())
/// ```
///
/// # Errors
///
/// [`Cause::LockLimit`]; [`Cause::LockRight`]: the limit is 0.
pub fn lock_all(what: LockAll) -> Result<()> {
    lock_with(what.flags(), what)
}

/// As [`lock_all`], each page from when it is first touched on (4.4). Nothing is read in.
///
/// # Errors
///
/// Those of [`lock_all`].
pub fn lock_all_on_fault(what: LockAll) -> Result<()> {
    lock_with(what.flags() | LockAllFlags::ONFAULT, what)
}

fn lock_with(flags: LockAllFlags, what: LockAll) -> Result<()> {
    let mut held = held::all();
    sys::mlockall(flags).map_err(|errno| {
        let cause = match errno {
            Errno::EPERM => Cause::LockRight,
            // The limit is all that this call says it for.
            Errno::ENOMEM => Cause::LockLimit { limit: explain::limit_of(Resource::Memlock) },
            _ => Cause::Kernel,
        };
        Error::kernel(Operation::Lock, ObjectKind::Process, errno).because(cause)
    })?;
    if what != LockAll::Future {
        held.all_stay(true);
    }
    Ok(())
}

/// Unlocks all memory of the process, and what it maps later; what a [`Locked`](crate::Locked) guard holds is locked
/// again at once.
///
/// # Errors
///
/// None is known.
pub fn unlock_all() -> Result<()> {
    let mut held = held::all();
    sys::munlockall()
        .map_err(|errno| Error::kernel(Operation::Unlock, ObjectKind::Process, errno))?;
    held.all_stay(false);
    lock::lock_again(&held);
    Ok(())
}
