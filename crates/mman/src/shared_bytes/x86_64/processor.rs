//! What this processor has of the instructions that are chosen at run time.

use core::arch::x86_64::{__cpuid, __cpuid_count};
use core::sync::atomic::{AtomicU8, Ordering};
use std::arch::is_x86_feature_detected;

/// A set of abilities.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Processor(u8);

/// Set in every answer, so that 0 is none.
const ASKED: u8 = 1;
const AVX2: u8 = 2;
const AVX512: u8 = 4;
const FAST_STRINGS: u8 = 8;

/// CPUID leaf 7, EDX bit 4: `rep movsb` is fast also for few bytes (Intel SDM, volume 2, CPUID).
const FSRM: u32 = 1 << 4;

/// The answer, 0 before the first question. Whoever asks finds the same, so it does not matter who stores it.
static THIS: AtomicU8 = AtomicU8::new(0);

impl Processor {
    /// This one. After the first time it is one load.
    #[inline(always)]
    pub(super) fn this() -> Self {
        Self::known().unwrap_or_else(Self::ask)
    }

    /// This one, if it was asked before.
    #[inline(always)]
    pub(super) fn known() -> Option<Self> {
        let known = THIS.load(Ordering::Relaxed);
        (known != 0).then_some(Self(known))
    }

    /// This one, and it with abilities left out: every way that the functions can go on it.
    #[cfg(test)]
    pub(super) fn ways() -> Vec<Self> {
        let this = Self::this();
        let mut ways: Vec<Self> =
            (0..=AVX2 | AVX512 | FAST_STRINGS).map(|left| Self(this.0 & (left | ASKED))).collect();
        ways.sort_unstable_by_key(|way| way.0);
        ways.dedup();
        ways
    }

    #[cold]
    fn ask() -> Self {
        let strings = __cpuid(0).eax >= 7 && __cpuid_count(7, 0).edx & FSRM != 0;
        // Before the processors that have FSRM, 64-byte vectors lowered the clock of the core.
        let avx512 = is_x86_feature_detected!("avx512f") && strings;
        // Those of other makers say so too, and are slow for some distances of source and target.
        let strings = strings && is_intel();
        let mut found = ASKED;
        for (there, bit) in
            [(is_x86_feature_detected!("avx2"), AVX2), (avx512, AVX512), (strings, FAST_STRINGS)]
        {
            if there {
                found |= bit;
            }
        }
        THIS.store(found, Ordering::Relaxed);
        Self(found)
    }

    /// AVX2 is there, and the kernel keeps its registers.
    #[inline(always)]
    pub(super) const fn avx2(self) -> bool {
        self.0 & AVX2 != 0
    }

    /// AVX-512F is there, the kernel keeps its registers, and using them costs nothing elsewhere.
    #[inline(always)]
    pub(super) const fn avx512(self) -> bool {
        self.0 & AVX512 != 0
    }

    /// `rep movsb` is the fastest way for kilobytes and more.
    #[inline(always)]
    pub(super) const fn fast_strings(self) -> bool {
        self.0 & FAST_STRINGS != 0
    }
}

fn is_intel() -> bool {
    let maker = __cpuid(0);
    [maker.ebx, maker.edx, maker.ecx].map(u32::to_le_bytes).as_flattened() == b"GenuineIntel"
}
