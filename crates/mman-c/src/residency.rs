//! `mincore` and `cachestat`.
#![expect(unsafe_code, reason = "exports C functions")]

use crate::errno::status;
use core::ffi::{c_int, c_uchar, c_uint, c_void};
use mman_sys as sys;
use mman_sys::{Cachestat, CachestatRange};

/// Which pages are in memory. [mincore(2)](https://man7.org/linux/man-pages/man2/mincore.2.html)
///
/// # Safety
///
/// `vec` is the caller's to write, a byte for each page.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mincore(addr: *mut c_void, len: usize, vec: *mut c_uchar) -> c_int {
    // SAFETY: the caller's promise; a pointer that cannot be written is EFAULT.
    status(unsafe { sys::mincore(addr, len, vec) })
}

/// How much of a file is in memory. [cachestat(2)](https://man7.org/linux/man-pages/man2/cachestat.2.html)
///
/// # Safety
///
/// `stat` is the caller's to write.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cachestat(
    fd: c_uint,
    range: *mut CachestatRange,
    stat: *mut Cachestat,
    flags: c_uint,
) -> c_int {
    // SAFETY: the caller's promise; a pointer that cannot be used is EFAULT.
    status(unsafe { sys::cachestat(fd.cast_signed(), range, stat, flags) })
}
