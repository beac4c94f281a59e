//! Others write while we read: each byte is one of those that were there.

use super::{Byte, ways};
use crate::{Anonymous, Mapping};
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

const LEN: usize = 8192;

/// The words of a mapping, which everybody may change.
fn words(mapping: &Mapping) -> &[AtomicU64] {
    // SAFETY: memory of ours, aligned, and only reached as atomics and by what is tested.
    unsafe { core::slice::from_raw_parts(mapping.as_ptr().cast::<AtomicU64>(), LEN / 8) }
}

const BOTH: [u64; 2] = [0xaaaa_aaaa_aaaa_aaaa, 0x5555_5555_5555_5555];

/// Runs the body while a thread changes all words to and fro, and until it has done so twice.
fn while_changing(mapping: &Mapping, body: impl FnOnce()) {
    let done = AtomicBool::new(false);
    let rounds = AtomicU64::new(0);
    for word in words(mapping) {
        word.store(BOTH[0], Ordering::Relaxed);
    }
    thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                for word in words(mapping) {
                    word.store(
                        BOTH[rounds.load(Ordering::Relaxed) as usize & 1],
                        Ordering::Relaxed,
                    );
                }
                rounds.fetch_add(1, Ordering::Relaxed);
            }
        });
        while rounds.load(Ordering::Relaxed) < 2 {
            thread::yield_now();
        }
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(body));
        done.store(true, Ordering::Relaxed);
        if let Err(panic) = result {
            std::panic::resume_unwind(panic);
        }
    });
}

#[test]
fn each_byte_copied_is_one_that_was_there() {
    let mapping = Anonymous::new(LEN).map().unwrap();
    while_changing(&mapping, || {
        let mut to = vec![0_u8; LEN];
        for way in ways() {
            for round in 0..400 {
                let at = round % 64;
                for len in [1, 3, 9, 17, 40, 100, 200, 290, 1000, 2900, 5000, LEN - at] {
                    to[..len].fill(0);
                    let from = mapping.as_ptr().wrapping_add(at);
                    (way.copy)(from, to[..len].as_mut_ptr(), len);
                    let strange = to[..len].iter().position(|byte| ![0xaa, 0x55].contains(byte));
                    assert_eq!(strange, None, "{}: {len} bytes from +{at}", way.name);
                }
            }
        }
    });
}

#[test]
fn what_is_never_there_is_never_found_and_what_stays_is() {
    let mapping = Anonymous::new(LEN + 1).map().unwrap();
    let last = mapping.as_ptr().cast_mut().wrapping_add(LEN);
    // SAFETY: the one byte after the words that change.
    unsafe { crate::shared_bytes::fill(last, 0xff, 1) };
    while_changing(&mapping, || {
        for way in ways() {
            for round in 0..400 {
                let (at, len) = (round % 64, LEN - round % 64);
                let start = mapping.as_ptr().wrapping_add(at);
                assert_eq!((way.find)(start, len, Byte(0xff)), None, "{}: +{at}", way.name);
                assert_eq!((way.rfind)(start, len, Byte(0xff)), None, "{}: +{at}", way.name);
                let found = (way.find)(start, len + 1, Byte(0xff));
                assert_eq!(found, Some(len), "{}: +{at}", way.name);
                let either = (way.either)(start, len, super::Either(0xaa, 0x55));
                assert!(either.is_none_or(|place| place < len), "{}: {either:?}", way.name);
            }
        }
    });
}

#[test]
fn two_who_write_leave_bytes_of_one_or_the_other() {
    let mapping = Anonymous::new(LEN).map().unwrap();
    let ours = vec![0x33_u8; LEN];
    while_changing(&mapping, || {
        let to = mapping.as_ptr().cast_mut();
        let mut seen = vec![0_u8; LEN];
        for way in ways() {
            for at in 0..64 {
                (way.copy)(ours.as_ptr(), to.wrapping_add(at), LEN - at);
                (way.copy)(to, seen.as_mut_ptr(), LEN);
                let strange = seen.iter().position(|byte| ![0xaa, 0x55, 0x33].contains(byte));
                assert_eq!(strange, None, "{}: +{at}", way.name);
            }
        }
    });
}
