//! `madvise` and `posix_madvise`.
#![expect(unsafe_code, reason = "exports C functions")]

use crate::errno::{returned, status};
use core::ffi::{c_int, c_void};
use mman_sys as sys;
use mman_sys::{Advice, Errno, PosixAdvice, SyncFlags};

/// Advises. [madvise(2)](https://man7.org/linux/man-pages/man2/madvise.2.html)
///
/// # Safety
///
/// That of C: some advice destroys bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn madvise(addr: *mut c_void, len: usize, advice: c_int) -> c_int {
    // SAFETY: the caller's promise.
    status(unsafe { sys::madvise(addr, len, Advice::from_raw(advice)) })
}

/// Advises, and harms nothing. [posix_madvise(3)](https://man7.org/linux/man-pages/man3/posix_madvise.3.html)
///
/// It returns the error number and leaves `errno` alone. POSIX knows five advices, and any other number is
/// `EINVAL`, also where it is advice of `madvise` (glibc passes it on). `POSIX_MADV_DONTNEED` must keep the bytes,
/// which Linux's advice of that number does not, so it does nothing; the range is checked all the same.
///
/// # Safety
///
/// None beyond C's: no byte is changed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn posix_madvise(addr: *mut c_void, len: usize, advice: c_int) -> c_int {
    returned(match PosixAdvice::from_raw(advice) {
        // A no-op of the kernel that answers ENOMEM for a hole and EINVAL for an unaligned address.
        PosixAdvice::DONTNEED => sys::msync(addr, len, SyncFlags::ASYNC),
        PosixAdvice::NORMAL
        | PosixAdvice::RANDOM
        | PosixAdvice::SEQUENTIAL
        | PosixAdvice::WILLNEED => {
            // SAFETY: these four change no byte and no access.
            unsafe { sys::madvise(addr, len, Advice::from_raw(advice)) }
        }
        _ => Err(Errno::EINVAL),
    })
}
