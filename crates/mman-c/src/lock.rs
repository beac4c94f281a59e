//! `mlock`, `mlock2`, `munlock`, `mlockall`, `munlockall`.
#![expect(unsafe_code, reason = "exports C functions")]

use crate::errno::status;
use core::ffi::{c_int, c_uint, c_void};
use mman_sys as sys;
use mman_sys::{LockAllFlags, LockFlags};

/// Locks. [mlock(2)](https://man7.org/linux/man-pages/man2/mlock.2.html)
#[unsafe(no_mangle)]
pub extern "C" fn mlock(addr: *const c_void, len: usize) -> c_int {
    status(sys::mlock(addr, len))
}

/// Locks, with options. [mlock2(2)](https://man7.org/linux/man-pages/man2/mlock.2.html)
#[unsafe(no_mangle)]
pub extern "C" fn mlock2(addr: *const c_void, len: usize, flags: c_uint) -> c_int {
    status(sys::mlock2(addr, len, LockFlags::from_bits(flags)))
}

/// Unlocks. [munlock(2)](https://man7.org/linux/man-pages/man2/mlock.2.html)
#[unsafe(no_mangle)]
pub extern "C" fn munlock(addr: *const c_void, len: usize) -> c_int {
    status(sys::munlock(addr, len))
}

/// Locks the process. [mlockall(2)](https://man7.org/linux/man-pages/man2/mlock.2.html)
#[unsafe(no_mangle)]
pub extern "C" fn mlockall(flags: c_int) -> c_int {
    status(sys::mlockall(LockAllFlags::from_bits(flags.cast_unsigned())))
}

/// Unlocks the process. [munlockall(2)](https://man7.org/linux/man-pages/man2/mlock.2.html)
#[unsafe(no_mangle)]
pub extern "C" fn munlockall() -> c_int {
    status(sys::munlockall())
}
