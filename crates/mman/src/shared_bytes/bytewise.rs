//! Shared bytes on any machine, as the specification says it: relaxed atomic loads and stores of single bytes.
//!
//! It is slow, and right by Rust's own memory model, for which atomics of words would not do: two racing accesses of
//! different sizes are undefined there.
#![expect(unsafe_code, reason = "reaches memory that others may change, by atomics")]

use super::vector::{Vector, Wanted};
use core::sync::atomic::{AtomicU8, Ordering};

/// # Safety
///
/// A byte at `at` may be loaded.
#[inline]
unsafe fn load(at: *const u8) -> u8 {
    // SAFETY: the caller's promise. A byte is always aligned; it is only loaded, which read-only memory allows.
    unsafe { AtomicU8::from_ptr(at.cast_mut()) }.load(Ordering::Relaxed)
}

/// # Safety
///
/// A byte at `at` may be stored.
#[inline]
unsafe fn store(at: *mut u8, byte: u8) {
    // SAFETY: the caller's promise. A byte is always aligned.
    unsafe { AtomicU8::from_ptr(at) }.store(byte, Ordering::Relaxed);
}

/// One byte: 1 where something holds.
#[derive(Clone, Copy, Debug)]
struct One(u8);

impl Vector for One {
    const LEN: usize = 1;
    const SHIFT: u32 = 0;
    const FULL: u64 = 1;

    unsafe fn splat(byte: u8) -> Self {
        Self(byte)
    }

    unsafe fn matches(self, at: *const u8) -> Self {
        // SAFETY: the caller's promise.
        Self(u8::from(unsafe { load(at) } == self.0))
    }

    unsafe fn same(one: *const u8, other: *const u8) -> Self {
        // SAFETY: the caller's promise.
        let one = unsafe { load(one) };
        // SAFETY: the caller's promise.
        Self(u8::from(one == unsafe { load(other) }))
    }

    fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    fn mask(self) -> u64 {
        u64::from(self.0)
    }
}

/// See [`super::copy_out`].
pub(super) unsafe fn copy(from: *const u8, to: *mut u8, len: usize) {
    for at in 0..len {
        // SAFETY: the caller's promise.
        let byte = unsafe { load(from.wrapping_add(at)) };
        // SAFETY: the caller's promise.
        unsafe { store(to.wrapping_add(at), byte) };
    }
}

/// See [`super::fill`].
pub(super) unsafe fn fill(to: *mut u8, byte: u8, len: usize) {
    for at in 0..len {
        // SAFETY: the caller's promise.
        unsafe { store(to.wrapping_add(at), byte) };
    }
}

/// # Safety
///
/// At a place it may be looked for.
unsafe fn stands(at: *const u8, wanted: impl Wanted) -> bool {
    // SAFETY: the caller's promise.
    unsafe { wanted.hits::<One>(at) }.mask() == One::FULL
}

/// See [`super::find`].
pub(super) unsafe fn find(start: *const u8, len: usize, wanted: impl Wanted) -> Option<usize> {
    // SAFETY: the caller's promise.
    (0..len).find(|at| unsafe { stands(start.wrapping_add(*at), wanted) })
}

/// See [`super::rfind`].
pub(super) unsafe fn rfind(start: *const u8, len: usize, wanted: impl Wanted) -> Option<usize> {
    // SAFETY: the caller's promise.
    (0..len).rev().find(|at| unsafe { stands(start.wrapping_add(*at), wanted) })
}

/// See [`super::equals`].
pub(super) unsafe fn equals(one: *const u8, other: *const u8, len: usize) -> bool {
    (0..len).all(|at| {
        // SAFETY: the caller's promise.
        unsafe { One::same(one.wrapping_add(at), other.wrapping_add(at)) }.mask() == One::FULL
    })
}

/// The one way there is.
#[cfg(test)]
pub(super) fn ways() -> Vec<super::tests::Way> {
    vec![super::tests::Way {
        name: "bytewise".to_owned(),
        // SAFETY: the test's promise, here and below.
        copy: Box::new(|from, to, len| unsafe { copy(from, to, len) }),
        // SAFETY: as above.
        fill: Box::new(|to, byte, len| unsafe { fill(to, byte, len) }),
        // SAFETY: as above.
        find: Box::new(|start, len, wanted| unsafe { find(start, len, wanted) }),
        // SAFETY: as above.
        rfind: Box::new(|start, len, wanted| unsafe { rfind(start, len, wanted) }),
        // SAFETY: as above.
        either: Box::new(|start, len, wanted| unsafe { find(start, len, wanted) }),
        // SAFETY: as above.
        pair: Box::new(|start, len, wanted| unsafe { find(start, len, wanted) }),
        // SAFETY: as above.
        equals: Box::new(|one, other, len| unsafe { equals(one, other, len) }),
    }]
}
