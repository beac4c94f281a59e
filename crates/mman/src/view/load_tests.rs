//! The loads of each width: every aligned place of a page, and a word that another thread stores.
#![allow(
    unsafe_code,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests call what is tested, on bytes of their own, and may stop at what they do not expect"
)]

use super::load::{load_8, load_16, load_32, load_64};
use super::{Frozen, Memory};
use core::sync::atomic::AtomicU64;
use core::sync::atomic::Ordering::Relaxed;

/// A page whose bytes are not like their neighbours, and which nobody can write to any more.
fn page() -> Frozen {
    let mut page = Memory::new(4096).unwrap();
    for (at, byte) in page.iter_mut().enumerate() {
        *byte = at.to_le_bytes().into_iter().fold(0x5a, |sum, part| (sum ^ part).wrapping_mul(167));
    }
    page.freeze().unwrap()
}

/// The bytes of a word, if one that is so long can be there.
fn word<const LEN: usize>(page: &[u8], at: usize) -> Option<[u8; LEN]> {
    page.get(at..at + LEN).filter(|_| at.is_multiple_of(LEN)).map(|bytes| bytes.try_into().unwrap())
}

#[test]
fn each_width_is_loaded_from_each_aligned_place_of_a_page() {
    let page = page();
    for at in 0..page.len() {
        let from = page[at..].as_ptr();
        // SAFETY: byte `at` is in the page.
        assert_eq!(unsafe { load_8(from) }, page[at], "byte {at}");
        if let Some(bytes) = word(&page, at) {
            // SAFETY: two bytes of the page, aligned.
            assert_eq!(unsafe { load_16(from) }, u16::from_ne_bytes(bytes), "2 bytes at {at}");
        }
        if let Some(bytes) = word(&page, at) {
            // SAFETY: four bytes of the page, aligned.
            assert_eq!(unsafe { load_32(from) }, u32::from_ne_bytes(bytes), "4 bytes at {at}");
        }
        if let Some(bytes) = word(&page, at) {
            // SAFETY: eight bytes of the page, aligned.
            assert_eq!(unsafe { load_64(from) }, u64::from_ne_bytes(bytes), "8 bytes at {at}");
        }
    }
}

/// Every byte of the one differs from that of the other.
const PATTERNS: [u64; 2] = [0x0123_4567_89ab_cdef, !0x0123_4567_89ab_cdef];

/// How often a word is loaded, if both patterns were seen by then.
const LOADS: usize = 100_000;

/// Loads every word of so many bytes, beside a thread that stores the patterns: it is a piece of one of the two.
fn beside_a_storer<const LEN: usize>(load: impl Fn(*const u8) -> [u8; LEN]) {
    let (stored, done) = (AtomicU64::new(PATTERNS[0]), AtomicU64::new(0));
    let (mut seen, mut mixture) = ([false; 2], None);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while done.load(Relaxed) == 0 {
                PATTERNS.iter().for_each(|pattern| stored.store(*pattern, Relaxed));
            }
        });
        for round in 0.. {
            let at = round * LEN % size_of::<u64>();
            let loaded = load(stored.as_ptr().cast_const().cast::<u8>().wrapping_add(at));
            let piece = |pattern: &u64| pattern.to_ne_bytes()[at..][..LEN] == loaded;
            match PATTERNS.iter().position(piece) {
                Some(pattern) => seen[pattern] = true,
                None => mixture = Some((at, loaded)),
            }
            if mixture.is_some() || (round > LOADS && seen == [true; 2]) {
                break;
            }
        }
        done.store(1, Relaxed);
    });
    assert_eq!(mixture, None);
}

#[test]
fn a_word_is_loaded_whole_beside_who_stores_it() {
    // SAFETY: each is one aligned word of the eight bytes.
    beside_a_storer(|from| unsafe { load_8(from) }.to_ne_bytes());
    // SAFETY: as above.
    beside_a_storer(|from| unsafe { load_16(from) }.to_ne_bytes());
    // SAFETY: as above.
    beside_a_storer(|from| unsafe { load_32(from) }.to_ne_bytes());
    // SAFETY: as above.
    beside_a_storer(|from| unsafe { load_64(from) }.to_ne_bytes());
}
