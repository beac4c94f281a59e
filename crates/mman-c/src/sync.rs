//! `msync`: a cancellation point, as POSIX has it.
//!
//! The call is written in assembly, so that a thread that is cancelled in it can be unwound: glibc unwinds the
//! stack of such a thread, and Rust would end the process where the unwinding reached one of its functions. The
//! assembly has the unwind information of its frame, and nothing to clean up.

#[cfg(target_arch = "aarch64")]
#[path = "cancel_aarch64.rs"]
pub mod cancel;
#[cfg(target_arch = "x86_64")]
#[path = "cancel_x86_64.rs"]
pub mod cancel;
