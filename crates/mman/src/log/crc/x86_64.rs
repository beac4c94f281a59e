//! CRC-32C by the instruction of SSE 4.2.

use core::arch::x86_64::{_mm_crc32_u8, _mm_crc32_u32, _mm_crc32_u64};

#[inline]
pub(super) fn has_instruction() -> bool {
    std::arch::is_x86_feature_detected!("sse4.2")
}

#[inline]
#[target_feature(enable = "sse4.2")]
pub(super) fn add(crc: u32, bytes: &[u8]) -> u32 {
    let (words, rest) = bytes.as_chunks::<8>();
    let crc = words.iter().fold(crc, |crc, word| add_word(crc, *word));
    add_rest(crc, rest)
}

/// See [`super::of_record`]. One function, so that three sums are on their way at once.
#[inline]
#[target_feature(enable = "sse4.2")]
pub(super) fn of_record(head: &[u8; 36], one: &[u8], other: &[u8]) -> u32 {
    let sums = super::joined(add_two(one, other));
    !add(add(u32::MAX, head), &sums)
}

/// Two sums at once: the instruction takes three cycles, and another can begin in each. The one is of
/// whole words, and the other no shorter.
#[inline]
#[target_feature(enable = "sse4.2")]
fn add_two(one: &[u8], other: &[u8]) -> [u32; 2] {
    let (begin, rest) = other.split_at(one.len().min(other.len()));
    let words = one.as_chunks::<8>().0.iter().zip(begin.as_chunks::<8>().0);
    let [one, other] =
        words.fold([u32::MAX; 2], |[a, b], (one, other)| [add_word(a, *one), add_word(b, *other)]);
    [one, add(other, rest)]
}

#[inline]
#[target_feature(enable = "sse4.2")]
fn add_word(crc: u32, word: [u8; 8]) -> u32 {
    // The instruction leaves the upper half zero.
    let [a, b, c, d, ..] = _mm_crc32_u64(u64::from(crc), u64::from_le_bytes(word)).to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}

/// Less than eight bytes.
#[inline]
#[target_feature(enable = "sse4.2")]
fn add_rest(crc: u32, rest: &[u8]) -> u32 {
    let (words, rest) = rest.as_chunks::<4>();
    let crc = words.iter().fold(crc, |crc, word| _mm_crc32_u32(crc, u32::from_le_bytes(*word)));
    rest.iter().fold(crc, |crc, byte| _mm_crc32_u8(crc, *byte))
}
