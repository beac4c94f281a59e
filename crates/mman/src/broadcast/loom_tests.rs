//! The protocol in every order of a writer and a reader, and the bell in every order of one who waits.

#![allow(clippy::arithmetic_side_effects, reason = "test code: it may panic")]

use super::protocol::{Memory, MemoryMut, Taken, announce, publish, take};
use core::convert::Infallible;
use core::sync::atomic::Ordering::{self, Acquire, Relaxed, Release, SeqCst};
use loom::sync::Arc;
use loom::sync::atomic::{AtomicU64, fence};

const SLOTS: usize = 2;

/// Two slots of two bytes, whose loads and stores may be seen in any order.
struct Model {
    head: AtomicU64,
    stamps: [AtomicU64; SLOTS],
    bytes: [[AtomicU64; 2]; SLOTS],
    bell: AtomicU64,
    waiters: AtomicU64,
}

fn at(slot: u64) -> usize {
    usize::try_from(slot).unwrap()
}

impl Model {
    fn new() -> Arc<Self> {
        let zero = || AtomicU64::new(0);
        Arc::new(Self {
            head: zero(),
            stamps: [zero(), zero()],
            bytes: [[zero(), zero()], [zero(), zero()]],
            bell: zero(),
            waiters: zero(),
        })
    }

    fn send(&self, number: u64) -> bool {
        let byte = u8::try_from(number).unwrap() + 1;
        publish(self, SLOTS as u64, number, &[byte, byte]).unwrap()
    }
}

impl Memory for Model {
    type Error = Infallible;
    fn head(&self) -> Result<u64, Infallible> {
        Ok(self.head.load(Acquire))
    }
    fn stamp(&self, slot: u64) -> Result<u64, Infallible> {
        Ok(self.stamps[at(slot)].load(Acquire))
    }
    fn read(&self, slot: u64, into: &mut Vec<u8>) -> Result<bool, Infallible> {
        into.clear();
        into.extend(self.bytes[at(slot)].iter().map(|b| u8::try_from(b.load(Relaxed)).unwrap()));
        Ok(true)
    }
    fn fence(order: Ordering) {
        fence(order);
    }
}

impl MemoryMut for Model {
    fn set_head(&self, head: u64) -> Result<(), Infallible> {
        self.head.store(head, Release);
        Ok(())
    }
    fn set_stamp(&self, slot: u64, stamp: u64) -> Result<(), Infallible> {
        self.stamps[at(slot)].store(stamp, Release);
        Ok(())
    }
    fn write(&self, slot: u64, bytes: &[u8]) -> Result<(), Infallible> {
        for (place, byte) in self.bytes[at(slot)].iter().zip(bytes) {
            place.store(u64::from(*byte), Relaxed);
        }
        Ok(())
    }
    fn ring_bell(&self) -> Result<(), Infallible> {
        self.bell.fetch_add(1, Release);
        Ok(())
    }
    fn take_waiters(&self) -> Result<bool, Infallible> {
        let somebody = self.waiters.load(Relaxed) != 0;
        if somebody {
            self.waiters.store(0, Relaxed);
        }
        Ok(somebody)
    }
}

/// Three messages in two slots: the third is written over the first while that is read.
#[test]
fn no_message_is_torn_and_each_is_received_or_counted() {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    model.check(|| {
        let memory = Model::new();
        assert!(!memory.send(0));
        let writer = Arc::clone(&memory);
        let writer = loom::thread::spawn(move || {
            writer.send(1);
            writer.send(2);
        });
        let (mut next, mut bytes) = (0_u64, Vec::new());
        for _ in 0..3 {
            match take(&*memory, SLOTS as u64, next, &mut bytes).unwrap() {
                Taken::Message => {
                    let byte = u8::try_from(next).unwrap() + 1;
                    assert_eq!(bytes, [byte, byte], "message {next}");
                    next += 1;
                }
                Taken::Missed(count) => {
                    assert!(count > 0);
                    next += count;
                }
                Taken::Nothing => {}
                bad => panic!("{bad:?} of an honest writer"),
            }
            assert!(next <= 3);
        }
        writer.join().unwrap();
    });
}

/// B4: a reader that found nothing after it had said that it waits is woken, or the bell has rung since it looked at it,
/// so that the kernel does not let it sleep.
#[test]
fn nobody_sleeps_through_a_message() {
    loom::model(|| {
        let memory = Model::new();
        let writer = Arc::clone(&memory);
        let writer = loom::thread::spawn(move || writer.send(0));
        let bell = memory.bell.load(Acquire);
        memory.waiters.store(1, Relaxed);
        fence(SeqCst);
        let found = take(&*memory, SLOTS as u64, 0, &mut Vec::new()).unwrap();
        // What the kernel compares, when it puts the reader to sleep.
        let sleeps = found == Taken::Nothing && memory.bell.load(Acquire) == bell;
        let woken = writer.join().unwrap();
        assert!(!sleeps || woken, "asleep, with a message there");
        let _again = announce(&*memory).unwrap();
    });
}
