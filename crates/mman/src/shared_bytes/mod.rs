//! Bytes that others may change at any moment: copied, filled, compared and searched without undefined behaviour.
//!
//! "Others" are threads, other processes, devices and the kernel. A reference into such memory, or a plain load of
//! it, is undefined behaviour in Rust. Rust's memory model has no copy made of atomic bytes, and a loop of volatile
//! words reaches only 0.3 to 0.75 of the speed of `memcpy`. So all of it is inline assembly, in this one place.
//!
//! # Specification
//!
//! - Each function is equivalent to relaxed atomic loads (and stores) of single bytes, in no order that is told.
//! - Each byte of the range is loaded (stored) at least once, and may be loaded (stored) twice. Searches stop early.
//! - A result is made of values that each byte had at some moment of the call, and not all at one moment. So `find`
//!   finds what is there all the time; what comes and goes it may find or miss.
//! - No byte outside of the range is read or written, also not in the same word or vector: the next page may be gone,
//!   or be a device.
//! - An access that faults and is repaired by a signal handler, which returns to the same instruction, goes on as if
//!   nothing had happened. Every instruction that touches memory here may be started again; nothing else of the state
//!   is in memory. The handler may run at any of them, on this thread's stack.
//! - The compiler takes each block for one that may read and write all memory, so no access is moved over it, and a
//!   relaxed load after the call sees what a handler stored on this thread during the call.
//!   There is no ordering between threads: who needs one uses a fence.
//!
//! # Why this is sound
//!
//! An `asm!` block may do what a call of a function in another language may do (Rust reference, "Inline assembly",
//! rules): here, load and store bytes in ranges that the caller vouches for. A race with it is a race of machine
//! instructions, whose outcome the processor's manual tells: each aligned byte holds one of the values stored in it.
//! Values leave a block only through named registers, or by way of the memory that is the caller's own. The options:
//!
//! - no `pure`, `nomem` or `readonly`: memory changes, and what is read here differs from call to call;
//! - `nostack`: nothing is pushed, so the red zone stays whole;
//! - `preserves_flags` only where no instruction of the block changes the flags. The direction flag is clear at the
//!   start of every block, and no block changes it;
//! - blocks that use the upper halves of vector registers end with `vzeroupper` and name all registers as lost.
//!
//! # Which file
//!
//! Whole files are chosen by machine; where there is no assembly for it (and under Miri) it is [`bytewise`], by
//! atomics of Rust, which is the reference for the tests too.

#![expect(
    unsafe_code,
    reason = "the entrance to reading and writing memory that others may change"
)]

#[cfg(any(test, miri, not(any(target_arch = "x86_64", target_arch = "aarch64"))))]
mod bytewise;
mod sequence;
mod vector;
#[cfg(all(any(target_arch = "x86_64", target_arch = "aarch64"), not(miri)))]
mod words;

#[cfg(all(target_arch = "aarch64", not(miri)))]
mod aarch64;
#[cfg(all(target_arch = "x86_64", not(miri)))]
mod x86_64;

#[cfg(all(target_arch = "aarch64", not(miri)))]
use aarch64 as machine;
#[cfg(any(miri, not(any(target_arch = "x86_64", target_arch = "aarch64"))))]
use bytewise as machine;
#[cfg(all(target_arch = "x86_64", not(miri)))]
use x86_64 as machine;

#[cfg(test)]
mod tests;

use vector::{Byte, Either};

/// Copies shared bytes to memory of the caller's own, which need not be initialized and is afterwards.
///
/// # Safety
///
/// `len` bytes from `from` on may be loaded, or fault and be repaired. `len` bytes from `to` on may be stored, and are
/// nobody else's during the call. The two do not overlap. `len` is no more than `isize::MAX`.
#[inline]
pub(crate) unsafe fn copy_out(from: *const u8, to: *mut u8, len: usize) {
    // SAFETY: the caller's promise.
    unsafe { machine::copy(from, to, len) }
}

/// Copies bytes of the caller's own to shared memory.
///
/// # Safety
///
/// `len` bytes from `from` on may be loaded, are initialized, and are changed by nobody during the call. `len` bytes
/// from `to` on may be stored, or fault and be repaired, and nobody has a reference to them. The two do not overlap.
/// `len` is no more than `isize::MAX`.
#[inline]
pub(crate) unsafe fn copy_in(from: *const u8, to: *mut u8, len: usize) {
    // SAFETY: the caller's promise.
    unsafe { machine::copy(from, to, len) }
}

/// Sets shared bytes to one value.
///
/// # Safety
///
/// `len` bytes from `to` on may be stored, or fault and be repaired, and nobody has a reference to them. `len` is no
/// more than `isize::MAX`.
#[inline]
pub(crate) unsafe fn fill(to: *mut u8, byte: u8, len: usize) {
    // SAFETY: the caller's promise.
    unsafe { machine::fill(to, byte, len) }
}

/// The first of the shared bytes that is `byte`.
///
/// # Safety
///
/// `len` bytes from `start` on may be loaded, or fault and be repaired. `len` is no more than `isize::MAX`.
#[inline]
pub(crate) unsafe fn find(start: *const u8, len: usize, byte: u8) -> Option<usize> {
    // SAFETY: the caller's promise.
    unsafe { machine::find(start, len, Byte(byte)) }
}

/// The last of the shared bytes that is `byte`.
///
/// # Safety
///
/// That of [`find`].
#[inline]
pub(crate) unsafe fn rfind(start: *const u8, len: usize, byte: u8) -> Option<usize> {
    // SAFETY: the caller's promise.
    unsafe { machine::rfind(start, len, Byte(byte)) }
}

/// The first of the shared bytes that is one of two.
///
/// # Safety
///
/// That of [`find`].
#[inline]
pub(crate) unsafe fn find_either(start: *const u8, len: usize, a: u8, b: u8) -> Option<usize> {
    // SAFETY: the caller's promise.
    unsafe { machine::find(start, len, Either(a, b)) }
}

/// The first place where a sequence of bytes stands; an empty one stands at the start.
///
/// The time grows with `len` and no more, whatever the bytes are. A needle that comes close too often costs memory,
/// one word for each of its bytes.
///
/// # Safety
///
/// That of [`find`]. The needle is no part of the shared bytes.
#[inline]
pub(crate) unsafe fn find_sequence(start: *const u8, len: usize, needle: &[u8]) -> Option<usize> {
    // SAFETY: the caller's promise.
    unsafe { sequence::find_sequence(start, len, needle) }
}

/// Whether the shared bytes are those of the caller's own.
///
/// # Safety
///
/// `len` bytes from `shared` on may be loaded, or fault and be repaired. `len` bytes from `ours` on may be loaded and
/// are initialized. `len` is no more than `isize::MAX`.
#[inline]
pub(crate) unsafe fn equals(shared: *const u8, ours: *const u8, len: usize) -> bool {
    // SAFETY: the caller's promise.
    unsafe { machine::equals(shared, ours, len) }
}
