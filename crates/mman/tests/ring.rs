//! A ring whose windows ran over the end of its buffer gave two slices, and a parser that saw only the first one.
//!
//! Here each window is one slice: checked against a queue, with every length and every place of the seam.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    reason = "test code: all of it may panic"
)]

use mman::{Cause, RangeError, Ring};
use mman_testkit::{child, maps};
use proptest::prelude::*;
use std::collections::VecDeque;
use std::io::{BufRead, Read, Write};

#[test]
fn a_window_over_the_end_is_one_slice() {
    let mut ring = Ring::new(1).unwrap();
    let capacity = ring.capacity();
    assert!(capacity >= 4096 && capacity.is_power_of_two());
    for seam in [1, 7, capacity / 2, capacity - 1] {
        ring.clear();
        ring.spare()[..seam].fill(b'.');
        ring.commit(seam);
        ring.discard(seam);
        assert_eq!((ring.len(), ring.spare().len()), (0, capacity));
        for (at, byte) in ring.spare().iter_mut().enumerate() {
            *byte = at as u8;
        }
        ring.commit(usize::MAX); // no more than there are
        assert_eq!(ring.len(), capacity);
        assert!(ring.spare().is_empty());
        assert!(ring.readable().iter().enumerate().all(|(at, byte)| *byte == at as u8));
        // What was written through the second half is read through the first.
        ring.discard(capacity - 1);
        assert_eq!(ring.readable(), [(capacity - 1) as u8]);
        ring.discard(usize::MAX);
        assert!(ring.is_empty());
    }
}

/// Byte 0 is written through one half and read through the other, in one function. Today's compiler does not use what
/// it may assume of the two addresses: this passes without `mirror` too, which is argued for and not tested.
#[test]
fn a_byte_written_through_one_half_is_read_through_the_other() {
    let mut ring = Ring::new(4096).unwrap();
    let capacity = ring.capacity();
    for round in 0..100_u8 {
        ring.clear();
        ring.spare()[0] = round; // byte 0, in the first half
        ring.commit(capacity);
        assert_eq!(ring.readable()[0], round);
        ring.discard(capacity - 1);
        ring.spare()[0] = round ^ 0xff; // again in the first half
        ring.commit(1);
        assert_eq!(ring.readable()[1], round ^ 0xff); // in the second
    }
}

#[test]
fn reading_and_writing_are_those_of_a_queue() {
    let mut ring = Ring::new(4096).unwrap();
    ring.write_all(b"one\ntwo\nthr").unwrap();
    let mut line = String::new();
    ring.read_line(&mut line).unwrap();
    assert_eq!(line, "one\n");
    let mut two = [0; 3];
    ring.read_exact(&mut two).unwrap();
    assert_eq!(&two, b"two");
    let free = ring.capacity() - ring.len();
    assert_eq!(ring.write(&vec![b'x'; free + 5]).unwrap(), free);
    assert_eq!(ring.write(b"full").unwrap(), 0);
    let mut rest = Vec::new();
    ring.read_to_end(&mut rest).unwrap();
    assert!(rest.starts_with(b"\nthrx") && rest.len() == ring.capacity());
}

#[test]
fn lengths_that_cannot_be_are_errors() {
    let cause = |capacity| Ring::new(capacity).unwrap_err().cause();
    assert_eq!(cause(0), Cause::Range(RangeError::Empty));
    assert_eq!(cause(usize::MAX), Cause::TooLong);
    assert_eq!(cause(1 << 62), Cause::TooLong);
    assert!(Ring::new(1 << 46).is_err(), "more than there is");
}

/// The descriptor is closed, the two halves are one object, and nothing is left when the ring is dropped.
#[test]
fn nothing_is_left() {
    child::run(|| {
        let before = (maps::count(), mman_testkit::descriptors::all().len());
        for _ in 0..1000 {
            let mut ring = Ring::new(8192).unwrap();
            ring.write_all(b"x").unwrap();
        }
        assert_eq!((maps::count(), mman_testkit::descriptors::all().len()), before);
    });
}

/// A child that forks has not the memory: it would share it with its parent.
#[test]
fn a_child_does_not_share_it() {
    child::run(|| {
        let mut ring = Ring::new(4096).unwrap();
        ring.write_all(b"parent").unwrap();
        let address = ring.readable().as_ptr().addr();
        let status = mman_testkit::fork::and_wait(|| {
            let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
            let has = maps.lines().any(|line| {
                let (start, rest) = line.split_once('-').unwrap();
                let (end, _) = rest.split_once(' ').unwrap();
                let number = |hex| usize::from_str_radix(hex, 16).unwrap();
                (number(start)..number(end)).contains(&address)
            });
            u8::from(has)
        });
        assert_eq!(status.code(), Some(0));
        assert_eq!(ring.readable(), b"parent");
    });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn it_does_what_a_queue_does(steps in prop::collection::vec((any::<bool>(), 0..5000_usize), 1..60)) {
        let mut ring = Ring::new(4096).unwrap();
        let mut queue = VecDeque::new();
        let mut next = 0_u8;
        for (put, count) in steps {
            if put {
                let bytes: Vec<u8> = (0..count).map(|_| { next = next.wrapping_mul(5).wrapping_add(3); next }).collect();
                let written = ring.write(&bytes).unwrap();
                prop_assert_eq!(written, count.min(ring.capacity() - queue.len()));
                queue.extend(&bytes[..written]);
            } else {
                let mut bytes = vec![0; count];
                let read = ring.read(&mut bytes).unwrap();
                let expected: Vec<u8> = queue.drain(..count.min(queue.len())).collect();
                prop_assert_eq!(&bytes[..read], &expected[..]);
            }
            prop_assert_eq!(ring.readable(), queue.make_contiguous());
            prop_assert_eq!(ring.spare().len(), ring.capacity() - ring.len());
        }
    }
}
