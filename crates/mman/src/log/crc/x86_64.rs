//! CRC-32C by the instruction of SSE 4.2.

use core::arch::x86_64::{_mm_crc32_u8, _mm_crc32_u64};

#[inline]
pub(super) fn has_instruction() -> bool {
    std::arch::is_x86_feature_detected!("sse4.2")
}

#[inline]
#[target_feature(enable = "sse4.2")]
pub(super) fn add(crc: u32, bytes: &[u8]) -> u32 {
    let (words, rest) = bytes.as_chunks::<8>();
    let wide = words
        .iter()
        .fold(u64::from(crc), |crc, word| _mm_crc32_u64(crc, u64::from_le_bytes(*word)));
    // The instruction leaves the upper half zero.
    let crc = u32::try_from(wide).unwrap_or(0);
    rest.iter().fold(crc, |crc, byte| _mm_crc32_u8(crc, *byte))
}
