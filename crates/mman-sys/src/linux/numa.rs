//! Memory policy of ranges on machines with several nodes.
#![expect(unsafe_code, reason = "makes system calls")]

use super::syscall::{call5, call6, pointer, pointer_mut, word};
use crate::{Errno, MbindFlags, MemPolicy, MempolicyFlags};
use core::ffi::c_void;
use linux_raw_sys::general as nr;

/// Sets the memory policy of a range. `nodes` holds `max_node - 1` bits (the kernel counts one less).
/// [mbind(2)](https://man7.org/linux/man-pages/man2/mbind.2.html)
///
/// # Errors
///
/// `EFAULT`, `EINVAL`, `EIO`, `ENOMEM`, `EPERM`, `ENOSYS`.
#[inline]
pub fn mbind(
    addr: *const c_void,
    len: usize,
    mode: MemPolicy,
    nodes: *const u64,
    max_node: usize,
    flags: MbindFlags,
) -> Result<(), Errno> {
    let arguments =
        [pointer(addr), len, word(mode.raw()), pointer(nodes), max_node, word(flags.bits())];
    // SAFETY: a policy changes neither bytes nor access; the kernel reads `nodes` or answers EFAULT.
    unsafe { call6(nr::__NR_mbind, arguments) }.map(drop)
}

/// Asks for the policy of the thread or of an address. [get_mempolicy(2)](https://man7.org/linux/man-pages/man2/get_mempolicy.2.html)
///
/// # Errors
///
/// `EFAULT`, `EINVAL`, `ENOSYS`.
///
/// # Safety
///
/// `mode` is null or the caller's to write; so is `nodes`, with room for `max_node` bits rounded up to
/// whole words.
#[inline]
pub unsafe fn get_mempolicy(
    mode: *mut u32,
    nodes: *mut u64,
    max_node: usize,
    addr: *const c_void,
    flags: MempolicyFlags,
) -> Result<(), Errno> {
    let arguments =
        [pointer_mut(mode), pointer_mut(nodes), max_node, pointer(addr), word(flags.bits())];
    // SAFETY: the kernel writes `mode` and `nodes` only, and the caller lets it.
    unsafe { call5(nr::__NR_get_mempolicy, arguments) }.map(drop)
}
