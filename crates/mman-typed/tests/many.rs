//! A hundred thousand allocations at once, in two processes; and what they leave when they are killed.
#![allow(
    unsafe_code,
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::panic,
    reason = "test code: it may panic, forks, and maps memory of its own"
)]

mod common;

use common::{Setup, UNIT, allocate, fill, free, offset, open, unmap};
use mman_testkit::{child, fork};
use mman_typed::{TypedFlags, each_holder, repairs};
use std::io::{Read, Write};

const EACH: usize = 50_000;

#[test]
fn a_hundred_thousand_live_allocations() {
    child::run(|| {
        let _setup = Setup::pool(150_000);
        let fd = open("/a", TypedFlags::ALLOCATE).unwrap();
        let (mut ready, done) = std::io::pipe().unwrap();
        let others: Vec<_> = (0..2)
            .map(|_| {
                let mut done = &done;
                fork::start(move || {
                    let all: Vec<_> = (0..EACH + 1000).map(|_| allocate(fd, 1)).collect();
                    // A hole here and there, of units in the middle of what both have.
                    all.iter().step_by(51).take(1000).for_each(|at| unmap(*at, 1));
                    for (at, unit) in all.iter().zip(0..).filter(|(_, unit)| unit % 51 == 1) {
                        assert_eq!(offset(*at, 1).len, UNIT, "{unit}");
                    }
                    done.write_all(b"x").unwrap();
                    std::thread::sleep(std::time::Duration::from_secs(200));
                })
            })
            .collect();
        ready.read_exact(&mut [0; 2]).unwrap();
        let mut ranges = Vec::new();
        each_holder(fd, &mut |holder| ranges.push(holder.ranges)).unwrap();
        ranges.sort_unstable();
        assert_eq!(ranges, [0, EACH, EACH]);
        assert_eq!(free(fd).0, 50_000);
        // Holes first, as few pieces as can be.
        let at = allocate(fd, 49_000);
        fill(at, 49_000, 1);
        unmap(at, 49_000);
        assert_eq!(free(fd).0, 50_000);
        for other in others {
            other.kill();
        }
        assert_eq!(free(fd), (150_000, 150_000));
        assert_eq!(repairs(fd).unwrap().dropped, 0);
    });
}
