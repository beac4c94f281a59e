//! CRC-32C by the instructions of Armv8's CRC extension.

use core::arch::aarch64::{__crc32cb, __crc32cd};

#[inline]
pub(super) fn has_instruction() -> bool {
    std::arch::is_aarch64_feature_detected!("crc")
}

#[inline]
#[target_feature(enable = "crc")]
pub(super) fn add(crc: u32, bytes: &[u8]) -> u32 {
    let (words, rest) = bytes.as_chunks::<8>();
    let crc = words.iter().fold(crc, |crc, word| __crc32cd(crc, u64::from_le_bytes(*word)));
    rest.iter().fold(crc, |crc, byte| __crc32cb(crc, *byte))
}
