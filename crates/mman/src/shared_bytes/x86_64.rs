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
    if len >= WIDE && Processor::this().avx2() {
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
    if len >= WIDE && Processor::this().avx2() {
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
    if len >= WIDE && Processor::this().avx2() {
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
