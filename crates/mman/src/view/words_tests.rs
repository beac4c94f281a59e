//! The loads of each width: every aligned place of a page, and a word that another thread stores.
#![allow(
    unsafe_code,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests call what is tested, on bytes of their own, and may stop at what they do not expect"
)]

use super::words::{load_8, load_16, load_32, load_64};
use super::{Frozen, Memory};
use core::sync::atomic::AtomicU64;
use core::sync::atomic::Ordering::Relaxed;

/// One of the loads.
type Load<T> = unsafe fn(*const u8) -> T;

/// A page whose bytes are not like their neighbours, and which nobody can write to any more.
fn page() -> Frozen {
    let mut page = Memory::new(4096).unwrap();
    for (at, byte) in page.iter_mut().enumerate() {
        *byte = at.to_le_bytes().into_iter().fold(0x5a, |sum, part| (sum ^ part).wrapping_mul(167));
    }
    page.freeze().unwrap()
}

/// Loads every word of so many bytes in a page.
fn from_each_place<T, const LEN: usize>(load: Load<T>, bytes: fn(T) -> [u8; LEN]) {
    let page = page();
    for (index, word) in page.chunks_exact(LEN).enumerate() {
        // SAFETY: `word` can be read, is as long as `load` wants it, and as aligned, as the page is.
        let loaded = bytes(unsafe { load(word.as_ptr()) });
        assert_eq!(loaded, word, "word {index} of {LEN} bytes");
    }
}

#[test]
fn each_width_is_loaded_from_each_aligned_place_of_a_page() {
    from_each_place(load_8, u8::to_ne_bytes);
    from_each_place(load_16, u16::to_ne_bytes);
    from_each_place(load_32, u32::to_ne_bytes);
    from_each_place(load_64, u64::to_ne_bytes);
}

/// Every byte of the one differs from that of the other.
const PATTERNS: [u64; 2] = [0x0123_4567_89ab_cdef, !0x0123_4567_89ab_cdef];

/// How often a word is loaded, if both patterns were seen by then.
const LOADS: usize = 500_000;

/// Loads every word of so many bytes, beside a thread that stores the patterns: it is a piece of one of the two.
///
/// It sees a load in parts with a pause between them. Two halves at once are hardly ever torn in a cache line.
fn beside_a_storer<T, const LEN: usize>(load: Load<T>, bytes: fn(T) -> [u8; LEN]) {
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
            let from = stored.as_ptr().cast_const().cast::<u8>().wrapping_add(at);
            // SAFETY: an aligned word of the eight bytes.
            let loaded = bytes(unsafe { load(from) });
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
    beside_a_storer(load_8, u8::to_ne_bytes);
    beside_a_storer(load_16, u16::to_ne_bytes);
    beside_a_storer(load_32, u32::to_ne_bytes);
    beside_a_storer(load_64, u64::to_ne_bytes);
}
