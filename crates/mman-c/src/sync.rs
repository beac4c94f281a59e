//! `msync`: a cancellation point, as POSIX has it.
//!
//! The call is written in assembly, so that a thread that is cancelled in it can be unwound: glibc unwinds the
//! stack of such a thread, and Rust would end the process where the unwinding reached one of its functions. The
//! assembly has the unwind information of its frame, and nothing to clean up.
#![expect(unsafe_code, reason = "names a function of the host C library")]

use crate::errno::status;
use core::ffi::c_int;
use mman_sys::Errno;

#[cfg(target_arch = "aarch64")]
#[path = "cancel_aarch64.rs"]
pub mod cancel;
#[cfg(target_arch = "x86_64")]
#[path = "cancel_x86_64.rs"]
pub mod cancel;

unsafe extern "C" {
    /// glibc and musl: acts on a pending request where the new type is asynchronous.
    fn pthread_setcanceltype(kind: c_int, old: *mut c_int) -> c_int;
}

/// The kernel's answer: 0, or minus an error number.
extern "C" fn finish(answer: isize) -> c_int {
    status(match c_int::try_from(answer.wrapping_neg()) {
        Ok(0) | Err(_) => Ok(()),
        Ok(errno) => Err(Errno::from_raw(errno)),
    })
}
