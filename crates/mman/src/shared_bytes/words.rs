//! Searches and comparisons in ranges too short for a vector, by words.
#![expect(
    unsafe_code,
    reason = "reads memory that others may change, through the loads of a machine"
)]

use super::machine::{load_1, load_4, load_8};
use super::vector::{self, Vector, Wanted};

/// Shorter ranges than this are the business of words.
pub(super) const LIMIT: usize = 16;

const LOW: u64 = 0x7f7f_7f7f_7f7f_7f7f;

/// 0x80 in each byte that is 0. No carry leaves a byte, so it is exact.
#[inline(always)]
const fn zeros(word: u64) -> u64 {
    !((word & LOW).wrapping_add(LOW) | word | LOW)
}

/// Eight bytes.
#[derive(Clone, Copy, Debug)]
struct Eight(u64);

/// Four bytes, and above them nothing that counts.
#[derive(Clone, Copy, Debug)]
struct Four(u64);

/// A byte, and above it nothing that counts.
#[derive(Clone, Copy, Debug)]
struct One(u64);

impl Vector for Eight {
    const LEN: usize = 8;
    const SHIFT: u32 = 3;
    const FULL: u64 = 0x8080_8080_8080_8080;

    #[inline(always)]
    unsafe fn splat(byte: u8) -> Self {
        Self(u64::from_ne_bytes([byte; 8]))
    }

    #[inline(always)]
    unsafe fn matches(self, at: *const u8) -> Self {
        // SAFETY: the caller's promise.
        Self(zeros(unsafe { load_8(at) } ^ self.0))
    }

    #[inline(always)]
    unsafe fn same(one: *const u8, other: *const u8) -> Self {
        // SAFETY: the caller's promise.
        let one = unsafe { load_8(one) };
        // SAFETY: the caller's promise.
        Self(zeros(one ^ unsafe { load_8(other) }))
    }

    #[inline(always)]
    fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    #[inline(always)]
    fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    #[inline(always)]
    fn mask(self) -> u64 {
        self.0
    }
}

impl Vector for Four {
    const LEN: usize = 4;
    const SHIFT: u32 = 3;
    const FULL: u64 = 0x8080_8080;

    #[inline(always)]
    unsafe fn splat(byte: u8) -> Self {
        Self(u64::from_ne_bytes([byte; 8]))
    }

    #[inline(always)]
    unsafe fn matches(self, at: *const u8) -> Self {
        // SAFETY: the caller's promise.
        Self(zeros(u64::from(unsafe { load_4(at) }) ^ self.0))
    }

    #[inline(always)]
    unsafe fn same(one: *const u8, other: *const u8) -> Self {
        // SAFETY: the caller's promise.
        let one = unsafe { load_4(one) };
        // SAFETY: the caller's promise.
        Self(zeros(u64::from(one ^ unsafe { load_4(other) })))
    }

    #[inline(always)]
    fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    #[inline(always)]
    fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    #[inline(always)]
    fn mask(self) -> u64 {
        self.0 & Self::FULL
    }
}

impl Vector for One {
    const LEN: usize = 1;
    const SHIFT: u32 = 3;
    const FULL: u64 = 0x80;

    #[inline(always)]
    unsafe fn splat(byte: u8) -> Self {
        Self(u64::from(byte))
    }

    #[inline(always)]
    unsafe fn matches(self, at: *const u8) -> Self {
        // SAFETY: the caller's promise.
        Self(zeros(u64::from(unsafe { load_1(at) }) ^ self.0))
    }

    #[inline(always)]
    unsafe fn same(one: *const u8, other: *const u8) -> Self {
        // SAFETY: the caller's promise.
        let one = unsafe { load_1(one) };
        // SAFETY: the caller's promise.
        Self(zeros(u64::from(one ^ unsafe { load_1(other) })))
    }

    #[inline(always)]
    fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    #[inline(always)]
    fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    #[inline(always)]
    fn mask(self) -> u64 {
        self.0 & Self::FULL
    }
}

/// The first place where something stands, among fewer than [`LIMIT`].
///
/// # Safety
///
/// At `len` places from `start` on it may be looked for.
#[inline(always)]
pub(super) unsafe fn find(start: *const u8, len: usize, wanted: impl Wanted) -> Option<usize> {
    match len {
        0 => None,
        // SAFETY: the caller's promise, here and below.
        1..=2 => unsafe { vector::find_in_2::<One>(start, len, wanted) },
        // SAFETY: as above; three bytes are between two and four vectors.
        3 => unsafe { vector::find::<One>(start, 3, wanted) },
        // SAFETY: as above.
        4..=7 => unsafe { vector::find_in_2::<Four>(start, len, wanted) },
        // SAFETY: as above.
        _ => unsafe { vector::find_in_2::<Eight>(start, len, wanted) },
    }
}

/// The last place where something stands, among fewer than [`LIMIT`].
///
/// # Safety
///
/// That of [`find`].
#[inline(always)]
pub(super) unsafe fn rfind(start: *const u8, len: usize, wanted: impl Wanted) -> Option<usize> {
    match len {
        0 => None,
        // SAFETY: the caller's promise, here and below.
        1..=2 => unsafe { vector::rfind_in_2::<One>(start, len, wanted) },
        // SAFETY: as above; three bytes are between two and four vectors.
        3 => unsafe { vector::rfind::<One>(start, 3, wanted) },
        // SAFETY: as above.
        4..=7 => unsafe { vector::rfind_in_2::<Four>(start, len, wanted) },
        // SAFETY: as above.
        _ => unsafe { vector::rfind_in_2::<Eight>(start, len, wanted) },
    }
}

/// Whether two rows of fewer than [`LIMIT`] bytes are the same.
///
/// # Safety
///
/// `len` bytes from either start on may be loaded.
#[inline(always)]
pub(super) unsafe fn equals(one: *const u8, other: *const u8, len: usize) -> bool {
    match len {
        0 => true,
        // SAFETY: the caller's promise, here and below.
        1..=3 => unsafe { vector::equals::<One>(one, other, len) },
        // SAFETY: as above.
        4..=7 => unsafe { vector::equals_in_2::<Four>(one, other, len) },
        // SAFETY: as above.
        _ => unsafe { vector::equals_in_2::<Eight>(one, other, len) },
    }
}
