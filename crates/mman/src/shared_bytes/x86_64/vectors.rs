//! Loads of shared bytes into registers of x86-64, and the vectors to search with.
#![expect(unsafe_code, reason = "loads memory that others may change, by assembly")]

use crate::shared_bytes::vector::Vector;
use core::arch::asm;
use core::arch::x86_64::{
    __m128i, __m256i, _mm_and_si128, _mm_movemask_epi8, _mm_or_si128, _mm_set1_epi8,
    _mm256_and_si256, _mm256_movemask_epi8, _mm256_or_si256, _mm256_set1_epi8,
};

/// # Safety
///
/// A byte at `at` may be loaded.
#[inline(always)]
pub(in crate::shared_bytes) unsafe fn load_1(at: *const u8) -> u8 {
    let value: u32;
    // SAFETY: the caller's promise; one load of it.
    unsafe {
        asm!("movzx {value:e}, byte ptr [{at}]", at = in(reg) at, value = lateout(reg) value,
            options(nostack, preserves_flags));
    }
    // The upper bytes are 0.
    value.to_le_bytes()[0]
}

/// # Safety
///
/// 4 bytes from `at` on may be loaded.
#[inline(always)]
pub(in crate::shared_bytes) unsafe fn load_4(at: *const u8) -> u32 {
    let value: u32;
    // SAFETY: the caller's promise; one load of them.
    unsafe {
        asm!("mov {value:e}, dword ptr [{at}]", at = in(reg) at, value = lateout(reg) value,
            options(nostack, preserves_flags));
    }
    value
}

/// # Safety
///
/// 8 bytes from `at` on may be loaded.
#[inline(always)]
pub(in crate::shared_bytes) unsafe fn load_8(at: *const u8) -> u64 {
    let value: u64;
    // SAFETY: the caller's promise; one load of them.
    unsafe {
        asm!("mov {value}, qword ptr [{at}]", at = in(reg) at, value = lateout(reg) value,
            options(nostack, preserves_flags));
    }
    value
}

/// 16 bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sse2(__m128i);

/// 32 bytes. A value of it proves that the processor has AVX2.
#[derive(Clone, Copy, Debug)]
pub(super) struct Avx2(__m256i);

impl Vector for Sse2 {
    const LEN: usize = 16;
    const SHIFT: u32 = 0;
    const FULL: u64 = 0xffff;

    #[inline(always)]
    unsafe fn splat(byte: u8) -> Self {
        // SAFETY: every x86-64 has SSE2.
        Self(unsafe { _mm_set1_epi8(byte.cast_signed()) })
    }

    #[inline(always)]
    unsafe fn matches(self, at: *const u8) -> Self {
        let hits;
        // SAFETY: the caller's promise: one load of 16 bytes.
        unsafe {
            asm!("movdqu {hits}, [{at}]", "pcmpeqb {hits}, {byte}",
                at = in(reg) at, byte = in(xmm_reg) self.0, hits = out(xmm_reg) hits,
                options(nostack, preserves_flags));
        }
        Self(hits)
    }

    #[inline(always)]
    unsafe fn matches_4(self, at: *const u8) -> [Self; 4] {
        let (a, b, c, d);
        // SAFETY: the caller's promise: four loads of 16 bytes.
        unsafe {
            asm!("movdqu {a}, [{at}]", "movdqu {b}, [{at} + 16]",
                "movdqu {c}, [{at} + 32]", "movdqu {d}, [{at} + 48]",
                "pcmpeqb {a}, {byte}", "pcmpeqb {b}, {byte}",
                "pcmpeqb {c}, {byte}", "pcmpeqb {d}, {byte}",
                at = in(reg) at, byte = in(xmm_reg) self.0,
                a = out(xmm_reg) a, b = out(xmm_reg) b, c = out(xmm_reg) c, d = out(xmm_reg) d,
                options(nostack, preserves_flags));
        }
        [Self(a), Self(b), Self(c), Self(d)]
    }

    #[inline(always)]
    unsafe fn same(one: *const u8, other: *const u8) -> Self {
        let hits;
        // SAFETY: the caller's promise: a load of 16 bytes from either.
        unsafe {
            asm!("movdqu {hits}, [{one}]", "movdqu {more}, [{other}]", "pcmpeqb {hits}, {more}",
                one = in(reg) one, other = in(reg) other,
                hits = out(xmm_reg) hits, more = out(xmm_reg) _,
                options(nostack, preserves_flags));
        }
        Self(hits)
    }

    #[inline(always)]
    fn and(self, other: Self) -> Self {
        // SAFETY: every x86-64 has SSE2.
        Self(unsafe { _mm_and_si128(self.0, other.0) })
    }

    #[inline(always)]
    fn or(self, other: Self) -> Self {
        // SAFETY: every x86-64 has SSE2.
        Self(unsafe { _mm_or_si128(self.0, other.0) })
    }

    #[inline(always)]
    fn mask(self) -> u64 {
        // SAFETY: every x86-64 has SSE2.
        u64::from(unsafe { _mm_movemask_epi8(self.0) }.cast_unsigned())
    }
}

impl Vector for Avx2 {
    const LEN: usize = 32;
    const SHIFT: u32 = 0;
    const FULL: u64 = 0xffff_ffff;

    #[inline(always)]
    unsafe fn splat(byte: u8) -> Self {
        // SAFETY: the caller's promise.
        Self(unsafe { _mm256_set1_epi8(byte.cast_signed()) })
    }

    #[inline(always)]
    unsafe fn matches(self, at: *const u8) -> Self {
        // SAFETY: the caller's promise; AVX2 is there, since `self` is.
        Self(unsafe { matches_avx2(self.0, at) })
    }

    #[inline(always)]
    unsafe fn matches_4(self, at: *const u8) -> [Self; 4] {
        // SAFETY: the caller's promise; AVX2 is there, since `self` is.
        unsafe { matches_4_avx2(self.0, at) }.map(Self)
    }

    #[inline(always)]
    unsafe fn same(one: *const u8, other: *const u8) -> Self {
        // SAFETY: the caller's promise.
        Self(unsafe { same_avx2(one, other) })
    }

    #[inline(always)]
    fn and(self, other: Self) -> Self {
        // SAFETY: AVX2 is there, since `self` is.
        Self(unsafe { _mm256_and_si256(self.0, other.0) })
    }

    #[inline(always)]
    fn or(self, other: Self) -> Self {
        // SAFETY: AVX2 is there, since `self` is.
        Self(unsafe { _mm256_or_si256(self.0, other.0) })
    }

    #[inline(always)]
    fn mask(self) -> u64 {
        // SAFETY: AVX2 is there, since `self` is.
        u64::from(unsafe { _mm256_movemask_epi8(self.0) }.cast_unsigned())
    }
}

/// See [`Vector::matches`].
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn matches_avx2(byte: __m256i, at: *const u8) -> __m256i {
    let hits;
    // SAFETY: the caller's promise: one load of 32 bytes.
    unsafe {
        asm!("vpcmpeqb {hits}, {byte}, [{at}]",
            at = in(reg) at, byte = in(ymm_reg) byte, hits = lateout(ymm_reg) hits,
            options(nostack, preserves_flags));
    }
    hits
}

/// See [`Vector::matches_4`].
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn matches_4_avx2(byte: __m256i, at: *const u8) -> [__m256i; 4] {
    let (a, b, c, d);
    // SAFETY: the caller's promise: four loads of 32 bytes.
    unsafe {
        asm!("vpcmpeqb {a}, {byte}, [{at}]", "vpcmpeqb {b}, {byte}, [{at} + 32]",
            "vpcmpeqb {c}, {byte}, [{at} + 64]", "vpcmpeqb {d}, {byte}, [{at} + 96]",
            at = in(reg) at, byte = in(ymm_reg) byte,
            a = out(ymm_reg) a, b = out(ymm_reg) b, c = out(ymm_reg) c, d = out(ymm_reg) d,
            options(nostack, preserves_flags));
    }
    [a, b, c, d]
}

/// See [`Vector::same`].
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn same_avx2(one: *const u8, other: *const u8) -> __m256i {
    let hits;
    // SAFETY: the caller's promise: a load of 32 bytes from either.
    unsafe {
        asm!("vmovdqu {hits}, [{one}]", "vpcmpeqb {hits}, {hits}, [{other}]",
            one = in(reg) one, other = in(reg) other, hits = out(ymm_reg) hits,
            options(nostack, preserves_flags));
    }
    hits
}
