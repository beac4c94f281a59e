//! `libmman`: `<sys/mman.h>` for C programs, by linking or by preloading.
//!
//! Each symbol translates: C's arguments to the kernel's, the kernel's answer to C's convention. The kernel's
//! semantics come first, then POSIX's, then those of glibc. There is no allocation, no panic, no
//! initialisation, and no call into the C library but for `errno` and for cancellation: an interposed `mmap` runs
//! inside `malloc`, before `main`, in signal handlers and in the child of a `vfork`.
#![no_std]

pub mod advise;
mod errno;
mod fork_hooks;
pub mod lock;
pub mod map;
mod name;
pub mod object;
mod panic;
pub mod pkey;
pub mod process;
pub mod remap;
pub mod residency;
pub mod shm;
pub mod sync;
pub mod typed;
