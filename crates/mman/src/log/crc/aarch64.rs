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

/// See [`super::of_record`]. One function, so that three sums are on their way at once.
#[inline]
#[target_feature(enable = "crc")]
pub(super) fn of_record(head: &[u8; 36], one: &[u8], other: &[u8]) -> u32 {
    let sums = super::joined(add_two(one, other));
    !add(add(u32::MAX, head), &sums)
}

/// Two sums at once: an instruction need not wait for the other's sum. The one is of whole words, and the other no
/// shorter.
#[inline]
#[target_feature(enable = "crc")]
fn add_two(one: &[u8], other: &[u8]) -> [u32; 2] {
    let (begin, rest) = other.split_at(one.len().min(other.len()));
    let words = one.as_chunks::<8>().0.iter().zip(begin.as_chunks::<8>().0);
    let [one, other] = words.fold([u32::MAX; 2], |[a, b], (one, other)| {
        [__crc32cd(a, u64::from_le_bytes(*one)), __crc32cd(b, u64::from_le_bytes(*other))]
    });
    [one, add(other, rest)]
}
