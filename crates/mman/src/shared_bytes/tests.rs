//! Shared bytes: nothing outside of a range is touched, nothing in it is missed, whatever the length, the place, the
//! instructions chosen and the others who write meanwhile.
//!
//! The bugs that this guards against: a vector that reads past a page's end into one that is gone; a head, a tail or
//! a row that is left out at some alignment; a search that is quadratic; a value that no byte ever had.

#![allow(
    unsafe_code,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    reason = "tests call what is tested, in ranges they made themselves"
)]

mod edges;
mod others;
mod random;
mod repair;

use super::vector::{Byte, Either, Pair};
use super::{bytewise, machine};

type Find<W> = Box<dyn Fn(*const u8, usize, W) -> Option<usize>>;

/// One choice of instructions.
pub(super) struct Way {
    pub(super) name: String,
    pub(super) copy: Box<dyn Fn(*const u8, *mut u8, usize)>,
    pub(super) fill: Box<dyn Fn(*mut u8, u8, usize)>,
    pub(super) find: Find<Byte>,
    pub(super) rfind: Find<Byte>,
    pub(super) either: Find<Either>,
    pub(super) pair: Find<Pair>,
    pub(super) equals: Box<dyn Fn(*const u8, *const u8, usize) -> bool>,
}

/// All that this machine can go, and the reference.
fn ways() -> Vec<Way> {
    let mut ways = machine::ways();
    ways.append(&mut bytewise::ways());
    ways
}

/// Bytes that differ from their neighbours, and are never [`UNTOUCHED`].
fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at % 251) as u8).collect()
}

/// What stands where nothing may be stored.
const UNTOUCHED: u8 = 0xee;

#[test]
fn every_length_and_both_alignments_copy() {
    let from = pattern(64 + 300);
    for way in machine::ways() {
        let mut to = vec![UNTOUCHED; 64 + 64 + 300 + 64];
        for len in 0..=300 {
            for (a, b) in (0..64).flat_map(|a| (0..64).map(move |b| (a, b))) {
                let b = 64 + b;
                (way.copy)(from[a..].as_ptr(), to[b..].as_mut_ptr(), len);
                let whole = to[b..b + len] == from[a..a + len];
                let (before, after) = (&to[b - 64..b], &to[b + len..b + len + 64]);
                let kept = before == [UNTOUCHED; 64] && after == [UNTOUCHED; 64];
                assert!(whole && kept, "{}: {len} bytes from +{a} to +{b}", way.name);
                to[b..b + len].fill(UNTOUCHED);
            }
        }
    }
}

#[test]
fn every_length_and_alignment_fills() {
    for way in ways() {
        let mut to = vec![UNTOUCHED; 64 + 64 + 700 + 64];
        for (len, b) in (0..=700).flat_map(|len| (64..128).map(move |b| (len, b))) {
            (way.fill)(to[b..].as_mut_ptr(), 0x5a, len);
            let whole = to[b..b + len].iter().all(|byte| *byte == 0x5a);
            let (before, after) = (&to[b - 64..b], &to[b + len..b + len + 64]);
            let kept = before == [UNTOUCHED; 64] && after == [UNTOUCHED; 64];
            assert!(whole && kept, "{}: {len} bytes at +{b}", way.name);
            to[b..b + len].fill(UNTOUCHED);
        }
    }
}

#[test]
fn every_place_is_found_from_both_ends() {
    for way in ways() {
        let mut bytes = vec![7_u8; 64 + 300];
        for (len, a) in (0..=300).flat_map(|len| [0, 1, 15, 31, 33, 63].map(|a| (len, a))) {
            let start = bytes[a..].as_ptr();
            let name = &way.name;
            assert_eq!((way.find)(start, len, Byte(9)), None, "{name}: {len} bytes at +{a}");
            assert_eq!((way.rfind)(start, len, Byte(9)), None, "{name}: {len} bytes at +{a}");
            for place in 0..len {
                bytes[a + place] = 9;
                let start = bytes[a..].as_ptr();
                let found = (way.find)(start, len, Byte(9));
                assert_eq!(found, Some(place), "{name}: {len} bytes at +{a}");
                let found = (way.rfind)(start, len, Byte(9));
                assert_eq!(found, Some(place), "{name}: {len} bytes at +{a}, from the end");
                let found = (way.either)(start, len, Either(8, 9));
                assert_eq!(found, Some(place), "{name}: {len} bytes at +{a}, either");
                bytes[a + place] = 7;
            }
        }
    }
}

#[test]
fn the_first_and_the_last_of_two_are_told_apart() {
    for way in ways() {
        for len in [2, 3, 7, 8, 15, 16, 31, 32, 33, 64, 65, 100, 128, 129, 200, 280] {
            for (one, other) in (0..len).flat_map(|one| (one + 1..len).map(move |b| (one, b))) {
                let mut bytes = vec![0_u8; len];
                (bytes[one], bytes[other]) = (0x80, 0x81);
                let (start, name) = (bytes.as_ptr(), &way.name);
                let found = (way.either)(start, len, Either(0x81, 0x80));
                assert_eq!(found, Some(one), "{name}: {len} bytes, {one} and {other}");
                bytes[other] = 0x80;
                let start = bytes.as_ptr();
                let both =
                    ((way.find)(start, len, Byte(0x80)), (way.rfind)(start, len, Byte(0x80)));
                assert_eq!(both, (Some(one), Some(other)), "{name}: {len} bytes");
                let pair = Pair { bytes: [0x80, 0x80], distances: [0, other - one] };
                let found = (way.pair)(start, len - (other - one), pair);
                assert_eq!(found, Some(one), "{name}: {len} bytes, {one} and {other}, as a pair");
            }
        }
    }
}

#[test]
fn a_difference_at_any_place_is_seen() {
    for way in ways() {
        for (len, a) in (0..=300).flat_map(|len| [0, 1, 31].map(|a| (len, a))) {
            let ours = pattern(300);
            let mut bytes = [&[0; 64], &ours[..]].concat();
            bytes.copy_within(64.., a);
            let name = &way.name;
            let same = (way.equals)(bytes[a..].as_ptr(), ours.as_ptr(), len);
            assert!(same, "{name}: {len} bytes at +{a}");
            for place in 0..len {
                bytes[a + place] ^= 0x80;
                let same = (way.equals)(bytes[a..].as_ptr(), ours.as_ptr(), len);
                assert!(!same, "{name}: {len} bytes at +{a}, another at {place}");
                bytes[a + place] ^= 0x80;
            }
        }
    }
}

/// The place where a sequence stands, by the library.
fn sequence(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    // SAFETY: nobody changes them, which is allowed.
    unsafe { super::find_sequence(bytes.as_ptr(), bytes.len(), needle) }
}

/// The same by the definition.
fn sequence_by_definition(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    (0..=bytes.len().checked_sub(needle.len())?).find(|at| bytes[*at..].starts_with(needle))
}

#[test]
fn sequences_at_the_ends_and_none() {
    assert_eq!(sequence(b"", b""), Some(0));
    assert_eq!(sequence(b"abc", b""), Some(0));
    assert_eq!(sequence(b"", b"a"), None);
    assert_eq!(sequence(b"ab", b"abc"), None);
    assert_eq!(sequence(b"abc", b"abc"), Some(0));
    assert_eq!(sequence(b"xxabc", b"abc"), Some(2));
    assert_eq!(sequence(b"ababac", b"abac"), Some(2));
}

#[test]
fn a_needle_that_nearly_stands_everywhere_costs_linear_time() {
    // 2 MiB times 64 KiB comparisons would take minutes.
    let mut needle = vec![b'a'; 1 << 16];
    for place in [0, 1 << 15, (1 << 16) - 1] {
        needle[place] = b'b';
        let mut bytes = vec![b'a'; 1 << 21];
        bytes.extend_from_slice(&needle);
        assert_eq!(sequence(&bytes, &needle), Some(1 << 21), "b at {place}");
        assert_eq!(sequence(&bytes[1..bytes.len() - 1], &needle), None, "b at {place}");
        needle[place] = b'a';
    }
    // Both rare bytes stand together everywhere, and the difference is far behind them.
    let mut bytes = b"qzqz".repeat(1 << 18);
    let needle = [&b"qz".repeat(5000)[..], b"!"].concat();
    assert_eq!(sequence(&bytes, &needle), None);
    bytes.push(b'!');
    assert_eq!(sequence(&bytes, &needle), Some(bytes.len() - needle.len()));
}
