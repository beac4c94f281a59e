//! Errors of write-back that stay: the kernel tells each once, and to whoever asks first.
//!
//! A page that could not be written is clean afterwards, and the next `msync` succeeds though its bytes were lost. Two
//! mappings of one open file share the one telling. So what was told is kept here by object, for all views of it that
//! were made before.

use crate::error::{Cause, Error};
use crate::object::Identity;
use core::sync::atomic::AtomicU64;
use core::sync::atomic::Ordering::{Acquire, Release};
use mman_sys::Errno;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How many errors there were.
static COUNT: AtomicU64 = AtomicU64::new(0);
/// The last error of each object, and how many there were with it.
static TOLD: Mutex<BTreeMap<(u64, u64), (u64, Error)>> = Mutex::new(BTreeMap::new());

fn told() -> MutexGuard<'static, BTreeMap<(u64, u64), (u64, Error)>> {
    TOLD.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How many errors there were up to now.
pub(crate) fn count() -> u64 {
    COUNT.load(Acquire)
}

/// The error of an object, if one was told after there were so many.
pub(crate) fn since(count: u64, identity: Option<Identity>) -> Option<Error> {
    let Identity { device, inode } = identity?;
    if self::count() == count {
        return None; // so it nearly always is
    }
    let (at, error) = *told().get(&(device, inode))?;
    (at > count).then_some(error)
}

/// Keeps an error, if bytes may be lost by it.
pub(crate) fn keep(identity: Option<Identity>, error: Error) {
    let Some(Identity { device, inode }) = identity else { return };
    let is_of_storage = match error.errno() {
        Some(Errno::EINTR | Errno::EBUSY | Errno::ENOMEM | Errno::EINVAL | Errno::EBADF) | None => {
            false
        }
        Some(_) => matches!(error.cause(), Cause::Kernel | Cause::NoSpace),
    };
    if is_of_storage {
        let mut told = told();
        let at = count().saturating_add(1);
        told.insert((device, inode), (at, error));
        COUNT.store(at, Release); // under the lock, so that no two have one number
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{ObjectKind, Operation};

    #[test]
    fn an_error_is_kept_for_who_was_there_before() {
        let (one, other) = (Some(Identity::fresh()), Some(Identity::fresh()));
        let before = count();
        let error = |errno| Error::kernel(Operation::Sync, ObjectKind::File, errno);
        keep(one, error(Errno::EINTR));
        assert_eq!(since(before, one), None);
        keep(one, error(Errno::EIO));
        assert_eq!(since(before, one), Some(error(Errno::EIO)));
        assert_eq!(since(before, one), Some(error(Errno::EIO)), "each time");
        assert_eq!((since(before, other), since(before, None)), (None, None));
        assert_eq!(since(count(), one), None, "made after it");
    }
}
