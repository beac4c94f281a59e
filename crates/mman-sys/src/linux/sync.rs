//! Writing mapped changes back to their object.
#![expect(unsafe_code, reason = "makes system calls")]

use super::syscall::{call3, pointer, word};
use crate::{Errno, SyncFlags};
use core::ffi::c_void;
use linux_raw_sys::general as nr;

/// Writes the changes of shared file mappings in the range back. [msync(2)](https://man7.org/linux/man-pages/man2/msync.2.html)
///
/// # Errors
///
/// `EBUSY` (`INVALIDATE` and a locked page), `EINVAL`, `ENOMEM` (a hole: the rest is written), and the
/// error of the write-back itself (`EIO`, `ENOSPC`), which the kernel tells once.
#[inline]
pub fn msync(addr: *const c_void, len: usize, flags: SyncFlags) -> Result<(), Errno> {
    // SAFETY: the call changes no byte of memory and no access to it.
    unsafe { call3(nr::__NR_msync, pointer(addr), len, word(flags.bits())) }.map(drop)
}
