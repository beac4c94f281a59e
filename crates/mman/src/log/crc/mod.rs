//! CRC-32C, the checksum of records: by the processor's instruction where it has one, else by a table.
//!
//! Own code, since it is one instruction and one table: a crate would be more to trust than this is to read.
#![expect(unsafe_code, reason = "calls functions for a processor that has been asked what it can")]

#[cfg(target_arch = "aarch64")]
mod aarch64;
#[cfg(target_arch = "x86_64")]
mod x86_64;

#[cfg(target_arch = "aarch64")]
use aarch64 as machine;
#[cfg(target_arch = "x86_64")]
use x86_64 as machine;

/// The polynomial of Castagnoli, its bits in reverse (RFC 3720, appendix B.4).
const POLYNOMIAL: u32 = 0x82f6_3b78;

/// What each byte does to the remainder.
static TABLE: [u32; 256] = table();

#[expect(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "evaluated at compile time"
)]
#[expect(clippy::cast_possible_truncation, reason = "below 256")]
const fn table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut rest = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            rest = if rest & 1 == 0 { rest >> 1 } else { (rest >> 1) ^ POLYNOMIAL };
            bit += 1;
        }
        table[byte] = rest;
        byte += 1;
    }
    table
}

/// A checksum to be continued. `Crc::new()` then `add` then `value`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Crc(u32);

impl Crc {
    pub(crate) const fn new() -> Self {
        Self(u32::MAX)
    }

    #[inline]
    pub(crate) fn add(self, bytes: &[u8]) -> Self {
        if machine::has_instruction() {
            // SAFETY: the processor has just said that it has the instruction.
            return Self(unsafe { machine::add(self.0, bytes) });
        }
        Self(by_table(self.0, bytes))
    }

    pub(crate) const fn value(self) -> u32 {
        !self.0
    }
}

/// The checksum of a record: of its head, and of the checksums of the two halves of its content, of which the first has
/// a multiple of eight bytes. What does not wait for each other is faster.
#[inline]
pub(crate) fn of_record(head: &[u8; 36], content: &[u8]) -> u32 {
    let (one, other) = content.split_at((content.len() >> 1) & !7);
    if machine::has_instruction() {
        // SAFETY: the processor has just said that it has the instruction.
        return unsafe { machine::of_record(head, one, other) };
    }
    record_by_table(head, one, other)
}

fn record_by_table(head: &[u8; 36], one: &[u8], other: &[u8]) -> u32 {
    let sums = joined([one, other].map(|half| by_table(u32::MAX, half)));
    !by_table(by_table(u32::MAX, head), &sums)
}

/// Two remainders as the bytes of two checksums.
#[inline]
fn joined(remainders: [u32; 2]) -> [u8; 8] {
    let [one, other] = remainders.map(|remainder| u64::from(!remainder));
    (one | (other << 32)).to_le_bytes()
}

fn by_table(crc: u32, bytes: &[u8]) -> u32 {
    bytes.iter().fold(crc, |crc, byte| {
        let [low, ..] = crc.to_le_bytes();
        let row = TABLE.get(usize::from(low ^ byte)).copied().unwrap_or(0);
        (crc >> 8) ^ row
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of RFC 3720, and the one that every CRC is told by.
    #[test]
    fn the_published_values_come_out() {
        let counting: Vec<u8> = (0..32).collect();
        for (bytes, value) in [
            (b"123456789".as_slice(), 0xe306_9283_u32),
            (&[0; 32], 0x8a91_36aa),
            (&[0xff; 32], 0x62a8_ab43),
            (&counting, 0x46dd_794e),
            (b"", 0),
        ] {
            assert_eq!(Crc::new().add(bytes).value(), value);
            assert_eq!(!by_table(u32::MAX, bytes), value);
        }
    }

    #[test]
    fn parts_give_what_the_whole_gives() {
        let bytes: Vec<u8> = (0..=255).cycle().take(1000).collect();
        let whole = Crc::new().add(&bytes).value();
        for cut in 0..bytes.len() {
            let (head, tail) = bytes.split_at(cut);
            assert_eq!(Crc::new().add(head).add(tail).value(), whole, "{cut}");
        }
        assert_eq!(!by_table(u32::MAX, &bytes), whole);
    }

    #[test]
    fn a_record_has_the_sum_of_its_head_and_of_the_sums_of_its_halves() {
        let bytes: Vec<u8> = (0..=255).cycle().take(300).collect();
        let head: [u8; 36] = core::array::from_fn(|at| 77 + u8::try_from(at).unwrap());
        for len in 0..=bytes.len() {
            let (one, other) = bytes[..len].split_at(len / 16 * 8);
            let sum = |part: &[u8]| Crc::new().add(part).value().to_le_bytes();
            let expected = Crc::new().add(&head).add(&sum(one)).add(&sum(other)).value();
            assert_eq!(of_record(&head, &bytes[..len]), expected, "{len}");
            assert_eq!(record_by_table(&head, one, other), expected, "{len}");
        }
    }
}
