//! Random bytes, ranges and needles, against what slices answer.
//!
//! `MMAN_FUZZ_CALLS` says how many calls the long test makes (`cargo xtask fuzz` sets it).

use super::{Byte, Either, UNTOUCHED, sequence, sequence_by_definition, ways};
use proptest::collection::vec;
use proptest::prelude::*;

/// How many calls are made where nobody says.
const CALLS: u64 = 20_000;

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn searches_answer_as_slices_do(
        bytes in vec(0_u8..4, 0..600), start in 0_usize..64, a in 0_u8..5, b in 0_u8..5,
    ) {
        let bytes = bytes.get(start..).unwrap_or_default();
        for way in ways() {
            let (start, len) = (bytes.as_ptr(), bytes.len());
            let first = bytes.iter().position(|byte| *byte == a);
            let last = bytes.iter().rposition(|byte| *byte == a);
            let either = bytes.iter().position(|byte| [a, b].contains(byte));
            prop_assert_eq!((way.find)(start, len, Byte(a)), first, "{}", way.name);
            prop_assert_eq!((way.rfind)(start, len, Byte(a)), last, "{}", way.name);
            prop_assert_eq!((way.either)(start, len, Either(a, b)), either, "{}", way.name);
        }
    }

    #[test]
    fn rows_are_the_same_as_slices_are(
        one in vec(0_u8..2, 0..300), place in any::<prop::sample::Index>(), flip in any::<bool>(),
    ) {
        let mut other = one.clone();
        if flip && !other.is_empty() {
            other[place.index(one.len())] ^= 1;
        }
        for way in ways() {
            let same = (way.equals)(one.as_ptr(), other.as_ptr(), one.len());
            prop_assert_eq!(same, one == other, "{}", way.name);
        }
    }

    #[test]
    fn sequences_are_found_where_they_first_stand(
        bytes in vec(0_u8..3, 0..3000), needle in vec(0_u8..3, 0..40),
    ) {
        prop_assert_eq!(sequence(&bytes, &needle), sequence_by_definition(&bytes, &needle));
    }

    #[test]
    fn a_piece_of_the_bytes_is_found(
        unit in vec(0_u8..3, 1..50), times in 1_usize..200, from in any::<prop::sample::Index>(),
        len in 1_usize..300, flip in any::<bool>(),
    ) {
        let mut bytes = unit.repeat(times);
        let from = from.index(bytes.len());
        let mut needle = bytes[from..(from + len).min(bytes.len())].to_vec();
        if flip {
            *needle.last_mut().unwrap() ^= 1;
            bytes.extend_from_slice(&needle);
        }
        prop_assert_eq!(sequence(&bytes, &needle), sequence_by_definition(&bytes, &needle));
    }
}

/// Numbers that look random, the same in each run: SplitMix64 (Steele, Lea, Flood, OOPSLA 2014).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        self.next() as usize % end
    }

    /// Mostly small, sometimes up to 64 KiB.
    fn len(&mut self) -> usize {
        let bits = self.below(17);
        self.below((1 << bits) + 1)
    }
}

#[test]
fn random_calls() {
    let calls = std::env::var("MMAN_FUZZ_CALLS").ok().and_then(|calls| calls.parse().ok());
    let mut numbers = Numbers(calls.unwrap_or(CALLS));
    let ways = ways();
    let mut from: Vec<u8> = (0..1 << 17).map(|_| numbers.next() as u8 & 0x3f).collect();
    let mut to = vec![UNTOUCHED; 1 << 17];
    for call in 0..calls.unwrap_or(CALLS) {
        let way = &ways[numbers.below(ways.len())];
        let (len, a, b) = (numbers.len(), numbers.below(4096), 64 + numbers.below(4096));
        let name = format!("{}: call {call}, {len} bytes, +{a} +{b}", way.name);
        let byte = numbers.next() as u8 & 0x7f;
        let bytes = &from[a..a + len];
        match numbers.below(6) {
            0 => {
                (way.copy)(bytes.as_ptr(), to[b..].as_mut_ptr(), len);
                assert!(to[b..b + len] == *bytes, "{name}: copy");
                assert!(to[b - 64..b] == [UNTOUCHED; 64], "{name}: before");
                assert!(to[b + len..b + len + 64] == [UNTOUCHED; 64], "{name}: after");
                assert!((way.equals)(to[b..].as_ptr(), bytes.as_ptr(), len), "{name}: equals");
                to[b..b + len].fill(UNTOUCHED);
            }
            1 => {
                (way.fill)(to[b..].as_mut_ptr(), byte, len);
                assert!(to[b..b + len].iter().all(|one| *one == byte), "{name}: fill");
                assert!(to[b - 64..b] == [UNTOUCHED; 64], "{name}: before");
                assert!(to[b + len..b + len + 64] == [UNTOUCHED; 64], "{name}: after");
                to[b..b + len].fill(UNTOUCHED);
            }
            2 => {
                let place = bytes.iter().position(|one| *one == byte);
                assert_eq!((way.find)(bytes.as_ptr(), len, Byte(byte)), place, "{name}: find");
            }
            3 => {
                let place = bytes.iter().rposition(|one| *one == byte);
                assert_eq!((way.rfind)(bytes.as_ptr(), len, Byte(byte)), place, "{name}: rfind");
            }
            4 => {
                let at = numbers.below(len + 1);
                let needle = &bytes[at..len.min(at + numbers.below(64))];
                let place = sequence_by_definition(bytes, needle);
                assert_eq!(sequence(bytes, needle), place, "{name}: sequence");
            }
            _ => from[a..a + len].rotate_left(len / 3),
        }
    }
}
