//! Looking at memory at an address, by the kernel: what cannot be read is no signal.

use mman_sys::{Errno, IoVec, getpid, mincore, process_vm_readv};
use std::ffi::c_void;

/// The bytes at an address; `None` where one of them cannot be read.
#[must_use]
pub fn read(address: usize, len: usize) -> Option<Vec<u8>> {
    let mut bytes = vec![0_u8; len];
    let local = [IoVec { iov_base: bytes.as_mut_ptr().cast(), iov_len: len as _ }];
    let remote = [IoVec { iov_base: pointer(address), iov_len: len as _ }];
    // SAFETY: `local` is the vector's own bytes.
    let copied = unsafe { process_vm_readv(getpid(), &local, &remote) };
    (copied == Ok(len)).then_some(bytes)
}

/// Has the kernel read from a file to an address, as `read` does.
///
/// # Errors
///
/// What the kernel answers.
pub fn read_from(
    file: impl std::os::fd::AsRawFd,
    address: usize,
    len: usize,
) -> std::io::Result<usize> {
    // SAFETY: the C library's own declaration.
    unsafe extern "C" {
        fn read(fd: std::ffi::c_int, to: *mut c_void, len: usize) -> isize;
    }
    // SAFETY: the address is the test's own, whose bytes nobody has a reference to.
    let done = unsafe { read(file.as_raw_fd(), pointer(address), len) };
    usize::try_from(done).map_err(|_| std::io::Error::last_os_error())
}

/// Which pages of a range are in memory.
///
/// # Errors
///
/// What the kernel answers.
pub fn resident(address: usize, pages: usize) -> Result<Vec<bool>, Errno> {
    let mut answer = vec![0_u8; pages];
    // SAFETY: the answer has a byte for each page.
    unsafe { mincore(pointer(address), pages * crate::page(), answer.as_mut_ptr()) }?;
    Ok(answer.into_iter().map(|byte| byte & 1 == 1).collect())
}

/// Locks pages into memory.
///
/// # Errors
///
/// What the kernel answers.
pub fn lock(address: usize, len: usize) -> Result<(), Errno> {
    mman_sys::mlock(pointer(address), len)
}

/// Locks all that this process maps from now on.
///
/// # Panics
///
/// Where the kernel refuses.
pub fn lock_future() {
    // SAFETY: the C library's own declaration.
    unsafe extern "C" {
        safe fn mlockall(flags: std::ffi::c_int) -> std::ffi::c_int;
    }
    const MCL_FUTURE: std::ffi::c_int = 2;
    assert_eq!(mlockall(MCL_FUTURE), 0, "mlockall");
}

/// Unlocks them.
///
/// # Errors
///
/// What the kernel answers.
pub fn unlock(address: usize, len: usize) -> Result<(), Errno> {
    mman_sys::munlock(pointer(address), len)
}

pub(crate) const fn pointer(address: usize) -> *mut c_void {
    std::ptr::without_provenance_mut(address)
}
