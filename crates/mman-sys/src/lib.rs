//! The kernel seam: every memory-mapping call of Linux as one function, and nothing else.
//!
//! Each function makes one system call, passes its arguments through as they are, and returns
//! `Result<_, Errno>`. There is no policy here, no retry, no allocation, no libc: what a call means
//! for a program is the business of the crate `mman`. Flags, advice and error numbers are *open*
//! numbers: a value that a newer kernel knows and this crate does not passes through unharmed, and
//! prints as a number.
//!
//! ```
//! use mman_sys::{MapFlags, Prot};
//!
//! let flags = MapFlags::PRIVATE | MapFlags::ANONYMOUS | MapFlags::HUGETLB | MapFlags::HUGE_2MB;
//! assert_eq!(format!("{flags:?}"), "MapFlags(PRIVATE | ANONYMOUS | HUGETLB | HUGE_2MB)");
//! assert_eq!(format!("{:?}", Prot::READ | Prot::from_bits(0x800)), "Prot(READ | 0x800)");
//! ```
//!
//! # Safety of the functions
//!
//! Nearly every function is `unsafe`, because a call can unmap, replace or change memory that somebody
//! else relies on, and because a descriptor is a plain number here. Each says what its caller owes.
//! Two duties are common to all, and are meant by "the rules of the crate":
//!
//! 1. a call that takes memory away, or changes its bytes or its protection, is made only on memory
//!    that the caller owns: nobody may hold a Rust reference that the call makes untrue;
//! 2. a descriptor is open, and is the caller's to use, for as long as the call runs.
//!
//! Giving the kernel a wrong pointer, length or number is otherwise harmless: it answers with an error.
#![no_std]

#[cfg(test)]
extern crate std;

mod errno;
mod flags;
mod names;
mod types;

#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod linux;
#[cfg(not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"))))]
mod unsupported;

pub use errno::Errno;
pub use flags::*;
pub use types::*;

#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
pub use linux::*;
