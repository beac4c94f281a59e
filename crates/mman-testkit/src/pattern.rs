//! The bytes of patterned files: a function of the offset, without a small period.

/// The byte at an offset. Neighbours differ, and so do the same places of two pages, of any size.
#[must_use]
pub const fn byte_at(offset: u64) -> u8 {
    // The last steps of the generator SplitMix64.
    let mut mixed = offset.wrapping_add(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    (mixed ^ (mixed >> 31)).to_le_bytes()[0]
}

/// The bytes from an offset on.
#[must_use]
pub fn bytes(offset: u64, len: usize) -> Vec<u8> {
    (offset..).take(len).map(byte_at).collect()
}

/// The first place where `found` is not the pattern from `offset` on: the offset, what is there, and what
/// should be.
#[must_use]
pub fn first_wrong(found: &[u8], offset: u64) -> Option<(u64, u8, u8)> {
    (offset..)
        .zip(found)
        .map(|(at, &byte)| (at, byte, byte_at(at)))
        .find(|(_, byte, wanted)| byte != wanted)
}

/// Asserts that `found` is the pattern from `offset` on.
///
/// # Panics
///
/// With the first wrong offset.
#[track_caller]
pub fn assert_is(found: &[u8], offset: u64) {
    if let Some((at, byte, wanted)) = first_wrong(found, offset) {
        let len = found.len();
        panic!("of {len} bytes from {offset}, byte {at} is {byte:#04x} and not {wanted:#04x}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_small_shift_of_the_pattern_is_the_pattern() {
        let all = bytes(0, 3 << 16);
        for shift in (1..300).chain((1..=16).flat_map(|log2| [(1 << log2) - 1, 1 << log2])) {
            let same = (0..1 << 16).filter(|&at| all[at] == all[at + shift]).count();
            assert!(same < 1 << 10, "shifted by {shift}, {same} bytes are the same");
        }
    }

    #[test]
    fn the_first_wrong_byte_is_named() {
        let mut found = bytes(1000, 64);
        assert_eq!(first_wrong(&found, 1000), None);
        found[17] ^= 1;
        found[40] ^= 1;
        assert_eq!(first_wrong(&found, 1000).unwrap().0, 1017);
        assert_eq!(first_wrong(&bytes(1000, 64), 1001).unwrap().0, 1001);
    }
}
