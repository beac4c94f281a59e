//! Shared bytes on x86-64: SSE2, which every such processor has, and AVX2 where this one has it.
#![expect(
    unsafe_code,
    reason = "chooses the instructions that reach memory which others may change"
)]

mod moves;
mod processor;
mod vectors;

use super::vector::{self, Wanted};
use super::words;

pub(super) use moves::{copy, fill};
use processor::Processor;
use vectors::{Avx2, Sse2};
pub(super) use vectors::{load_1, load_4, load_8};

/// From how many bytes on AVX2 is used.
const WIDE: usize = 32;

/// See [`super::find`].
#[inline]
pub(super) unsafe fn find(start: *const u8, len: usize, wanted: impl Wanted) -> Option<usize> {
    // SAFETY: the caller's promise; this processor has it.
    unsafe { find_with(Processor::this(), start, len, wanted) }
}

/// As a processor does it that has what is told, or more.
#[inline(always)]
unsafe fn find_with(
    has: Processor,
    start: *const u8,
    len: usize,
    wanted: impl Wanted,
) -> Option<usize> {
    if len >= WIDE && has.avx2() {
        // SAFETY: the caller's promise; AVX2 is there.
        unsafe { find_avx2(start, len, wanted) }
    } else {
        // SAFETY: the caller's promise.
        unsafe { find_sse2(start, len, wanted) }
    }
}

/// See [`super::rfind`].
#[inline]
pub(super) unsafe fn rfind(start: *const u8, len: usize, wanted: impl Wanted) -> Option<usize> {
    // SAFETY: the caller's promise; this processor has it.
    unsafe { rfind_with(Processor::this(), start, len, wanted) }
}

/// As a processor does it that has what is told, or more.
#[inline(always)]
unsafe fn rfind_with(
    has: Processor,
    start: *const u8,
    len: usize,
    wanted: impl Wanted,
) -> Option<usize> {
    if len >= WIDE && has.avx2() {
        // SAFETY: the caller's promise; AVX2 is there.
        unsafe { rfind_avx2(start, len, wanted) }
    } else {
        // SAFETY: the caller's promise.
        unsafe { rfind_sse2(start, len, wanted) }
    }
}

/// See [`super::equals`].
#[inline]
pub(super) unsafe fn equals(one: *const u8, other: *const u8, len: usize) -> bool {
    // SAFETY: the caller's promise; this processor has it.
    unsafe { equals_with(Processor::this(), one, other, len) }
}

/// As a processor does it that has what is told, or more.
#[inline(always)]
unsafe fn equals_with(has: Processor, one: *const u8, other: *const u8, len: usize) -> bool {
    if len >= WIDE && has.avx2() {
        // SAFETY: the caller's promise; AVX2 is there.
        unsafe { equals_avx2(one, other, len) }
    } else {
        // SAFETY: the caller's promise.
        unsafe { equals_sse2(one, other, len) }
    }
}

/// # Safety
///
/// That of [`super::find`], and `len` is [`WIDE`] or more.
#[target_feature(enable = "avx2")]
unsafe fn find_avx2(start: *const u8, len: usize, wanted: impl Wanted) -> Option<usize> {
    // SAFETY: the caller's promise; a vector is no longer than `WIDE`.
    unsafe { vector::find::<Avx2>(start, len, wanted) }
}

/// # Safety
///
/// That of [`super::rfind`], and `len` is [`WIDE`] or more.
#[target_feature(enable = "avx2")]
unsafe fn rfind_avx2(start: *const u8, len: usize, wanted: impl Wanted) -> Option<usize> {
    // SAFETY: the caller's promise; a vector is no longer than `WIDE`.
    unsafe { vector::rfind::<Avx2>(start, len, wanted) }
}

/// # Safety
///
/// That of [`super::equals`], and `len` is [`WIDE`] or more.
#[target_feature(enable = "avx2")]
unsafe fn equals_avx2(one: *const u8, other: *const u8, len: usize) -> bool {
    // SAFETY: the caller's promise; a vector is no longer than `WIDE`.
    unsafe { vector::equals::<Avx2>(one, other, len) }
}

/// # Safety
///
/// That of [`super::find`].
#[inline(never)]
unsafe fn find_sse2(start: *const u8, len: usize, wanted: impl Wanted) -> Option<usize> {
    if len < words::LIMIT {
        // SAFETY: the caller's promise.
        unsafe { words::find(start, len, wanted) }
    } else {
        // SAFETY: the caller's promise; there is a vector of bytes.
        unsafe { vector::find::<Sse2>(start, len, wanted) }
    }
}

/// # Safety
///
/// That of [`super::rfind`].
#[inline(never)]
unsafe fn rfind_sse2(start: *const u8, len: usize, wanted: impl Wanted) -> Option<usize> {
    if len < words::LIMIT {
        // SAFETY: the caller's promise.
        unsafe { words::rfind(start, len, wanted) }
    } else {
        // SAFETY: the caller's promise; there is a vector of bytes.
        unsafe { vector::rfind::<Sse2>(start, len, wanted) }
    }
}

/// # Safety
///
/// That of [`super::equals`].
#[inline(never)]
unsafe fn equals_sse2(one: *const u8, other: *const u8, len: usize) -> bool {
    if len < words::LIMIT {
        // SAFETY: the caller's promise.
        unsafe { words::equals(one, other, len) }
    } else {
        // SAFETY: the caller's promise; there is a vector of bytes.
        unsafe { vector::equals::<Sse2>(one, other, len) }
    }
}

/// Every way that the functions can go on this processor.
#[cfg(test)]
pub(super) fn ways() -> Vec<super::tests::Way> {
    let way = |has: Processor| super::tests::Way {
        name: format!("{has:?}"),
        copy: Box::new(move |from, to, len| {
            if len <= 64 {
                // SAFETY: the test's promise.
                unsafe { copy(from, to, len) }
            } else {
                // SAFETY: the test's promise.
                unsafe { moves::copy_with(has, from, to, len) }
            }
        }),
        fill: Box::new(move |to, byte, len| {
            if len < 16 {
                // SAFETY: the test's promise.
                unsafe { fill(to, byte, len) }
            } else {
                // SAFETY: the test's promise.
                unsafe { moves::fill_with(has, to, u64::from_ne_bytes([byte; 8]), len) }
            }
        }),
        // SAFETY: the test's promise, here and below.
        find: Box::new(move |start, len, wanted| unsafe { find_with(has, start, len, wanted) }),
        // SAFETY: as above.
        rfind: Box::new(move |start, len, wanted| unsafe { rfind_with(has, start, len, wanted) }),
        // SAFETY: as above.
        either: Box::new(move |start, len, wanted| unsafe { find_with(has, start, len, wanted) }),
        // SAFETY: as above.
        pair: Box::new(move |start, len, wanted| unsafe { find_with(has, start, len, wanted) }),
        // SAFETY: as above.
        equals: Box::new(move |one, other, len| unsafe { equals_with(has, one, other, len) }),
    };
    Processor::ways().into_iter().map(way).collect()
}
