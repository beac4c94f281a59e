//! What a failure of the pools means in the words of this crate.

use super::KIND;
use crate::error::{Cause, Error, Operation};
use crate::page::PageSize;
use mman_sys::Errno;
use mman_typed::{Cause as Why, Failure};

/// The cause; `None` where it is the kernel's own answer to the memory call, which is explained as any other.
pub(crate) fn cause(failure: Failure, unit: PageSize) -> Option<Cause> {
    let bytes = |units: usize| (units as u64).saturating_mul(unit.bytes() as u64);
    Some(match failure.cause {
        Why::Kernel(_) | Why::Range => return None,
        Why::Name if failure.errno == Errno::ENAMETOOLONG => Cause::BadName,
        Why::Name => Cause::NotFound,
        Why::Access => Cause::PortAccess,
        Why::Privilege => Cause::AllocatableRight,
        Why::NotTyped => Cause::NotTyped,
        Why::Full { free, longest } => {
            Cause::PoolFull { free: bytes(free), longest: bytes(longest) }
        }
        Why::NoMemory => Cause::NoSpace,
        Why::TooOften => Cause::MappedTooOften,
        Why::NoRoom => Cause::PoolTableFull,
        Why::Busy => Cause::PoolBusy,
        Why::NotSo => Cause::NotDoubled,
        Why::Damaged(damage) => Cause::PoolDamaged(damage),
        Why::Lacks => Cause::PoolLacks,
        Why::Directory => Cause::PoolFolder,
        Why::Torn => Cause::PoolTorn,
        _ => Cause::Kernel,
    })
}

/// The error of a call that maps nothing.
pub(crate) fn refused(operation: Operation, failure: Failure) -> Error {
    let error = Error::kernel(operation, KIND, failure.errno);
    let cause = match (failure.cause, failure.errno) {
        (Why::Kernel("reading the configuration"), _) => Some(Cause::PoolConfiguration),
        (Why::Kernel("open"), Errno::EACCES) => Some(Cause::PortAccess),
        _ => cause(failure, PageSize::base()),
    };
    cause.map_or(error, |cause| error.because(cause))
}
