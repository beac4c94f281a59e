//! A channel in shared memory whose reader believed a length that stood there read past the end; one whose writer was
//! killed let its readers wait for ever; one whose reader was stopped stopped the writer. And a message that was written
//! over while it was read came out as half of two.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    reason = "test code: all of it may panic"
)]

use mman::{
    Anonymous, Broadcast, Cause, MapOptions, MemFd, MemoryObject, Received, Receiver, Sender,
    SharedMut, ShmObject,
};
use mman_testkit::{child, companion, fork};
use proptest::prelude::*;
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const LONG: Option<Duration> = Some(Duration::from_secs(60));
const LONGEST: usize = 300;

/// The message of a number: its length and each of its bytes follow from the number.
fn message(number: u64) -> Vec<u8> {
    let len = 8 + (number.wrapping_mul(0x9e37_79b9) >> 7) as usize % (LONGEST - 8);
    let bytes = (0..len).map(|at| (number as u8).wrapping_mul(31).wrapping_add(at as u8));
    let mut bytes: Vec<u8> = bytes.collect();
    bytes[..8].copy_from_slice(&number.to_le_bytes());
    bytes
}

/// A name that goes away.
struct Name(String);

impl Name {
    fn new(test: &str) -> Self {
        Self(format!("mman-test-broadcast-{test}-{}", std::process::id()))
    }
}

impl Drop for Name {
    fn drop(&mut self) {
        let _may_be_gone = ShmObject::unlink(&self.0);
    }
}

/// Receives until the channel ends: checks every message, and that none is lost without being counted.
fn receive_all(receiver: &mut Receiver, spinning: bool) -> (u64, u64, Received) {
    let (mut got, mut missed, mut bytes) = (0, 0, Vec::new());
    let mut expected = receiver.next_number();
    loop {
        let found = if spinning {
            receiver.spin(&mut bytes, LONG).unwrap()
        } else {
            receiver.recv(&mut bytes, LONG).unwrap()
        };
        match found {
            Received::Message { number } => {
                assert_eq!(number, expected);
                assert_eq!(bytes, message(number), "message {number}");
                (got, expected) = (got + 1, expected + 1);
            }
            Received::Missed { count } => {
                assert!(count > 0);
                (missed, expected) = (missed + count, expected + count);
            }
            Received::Nothing => panic!("nothing for a minute"),
            end => return (got, missed, end),
        }
        assert_eq!(receiver.next_number(), expected);
    }
}

#[test]
fn a_slow_reader_is_told_how_many_it_missed() {
    let (mut sender, object) = Broadcast::new(8, LONGEST as u32).create().unwrap();
    let mut receiver = Receiver::open(&object).unwrap();
    let mut bytes = Vec::new();
    for sent in [1_u64, 5, 7, 8, 9, 100] {
        let first = receiver.next_number();
        for number in first..first + sent {
            assert_eq!(sender.send(&message(number)).unwrap(), number);
        }
        // Eight slots; at eight ahead, the oldest is the one that is written over next.
        let missed = if sent > 8 { sent - 7 } else { 0 };
        if missed > 0 {
            assert_eq!(receiver.try_recv(&mut bytes).unwrap(), Received::Missed { count: missed });
        }
        for number in first + missed..first + sent {
            let found = receiver.try_recv(&mut bytes).unwrap();
            assert_eq!(found, Received::Message { number });
            assert_eq!(bytes, message(number));
        }
        assert_eq!(receiver.try_recv(&mut bytes).unwrap(), Received::Nothing);
    }
    receiver.rewind().unwrap();
    assert_eq!(receiver.next_number(), 130 - 7);
    let soon = Some(Duration::from_millis(5));
    assert!(matches!(receiver.recv(&mut bytes, soon).unwrap(), Received::Message { number: 123 }));
}

#[test]
fn messages_of_every_length_come_as_they_were_sent() {
    let (mut sender, object) = Broadcast::new(2, 100).create().unwrap();
    let mut receiver = Receiver::open(&object).unwrap();
    let mut bytes = vec![1; 1000];
    for len in 0..=100_usize {
        let sent: Vec<u8> = (0..len).map(|at| (at * len) as u8).collect();
        sender.send(&sent).unwrap();
        let found = receiver.try_recv(&mut bytes).unwrap();
        assert_eq!((found, &bytes), (Received::Message { number: len as u64 }, &sent));
    }
    let refused = sender.send(&[0; 101]).unwrap_err();
    assert!(matches!(refused.cause(), Cause::Range(_)), "{refused}");
    assert_eq!(receiver.try_recv(&mut bytes).unwrap(), Received::Nothing);
}

/// A thread that sends as fast as it can, and readers that copy what is written over.
#[test]
fn no_message_is_torn() {
    const MESSAGES: u64 = 200_000;
    let (mut sender, object) = Broadcast::new(4, LONGEST as u32).create().unwrap();
    let receivers = [true, false, true].map(|spin| (Receiver::open(&object).unwrap(), spin));
    std::thread::scope(|scope| {
        let readers = receivers.map(|(mut receiver, spinning)| {
            scope.spawn(move || receive_all(&mut receiver, spinning))
        });
        for number in 0..MESSAGES {
            sender.send(&message(number)).unwrap();
        }
        drop(sender);
        for reader in readers {
            let (got, missed, end) = reader.join().unwrap();
            assert_eq!((got + missed, end), (MESSAGES, Received::Closed));
        }
    });
}

/// Four readers in this process, the writer in another, which is killed wherever it is: each reader comes to an end, with
/// every message whole and every one that is lost counted. Then another writer goes on.
#[test]
fn a_writer_that_is_killed_is_noticed() {
    let name = Name::new("killed");
    for round in 0..12_u64 {
        let _no_name_yet = ShmObject::unlink(&name.0);
        let Some(mut writer) = companion::start(|| {
            // The companion's own number is not the test's: it says the name that it made.
            let channel = Broadcast::new(16, LONGEST as u32);
            let object = ShmObject::create_new(&name.0, channel.object_len().unwrap()).unwrap();
            let mut sender = channel.create_in(&object).unwrap();
            std::thread::spawn(move || {
                for number in 0.. {
                    sender.send(&message(number)).unwrap();
                    if number % 64 == 0 {
                        std::thread::sleep(Duration::from_micros(100));
                    }
                }
            });
            (object, name.0.clone())
        }) else {
            return;
        };
        let object = ShmObject::open(&writer.said).unwrap();
        let _gone = Name(writer.said.clone());
        let receivers = [0, 1, 2, 3].map(|_| Receiver::open(&object).unwrap());
        assert!(receivers[0].has_sender().unwrap());
        assert_eq!(Sender::resume(&object).unwrap_err().cause(), Cause::HasWriter);
        std::thread::scope(|scope| {
            let readers = receivers.map(|mut receiver| {
                let spinning = round % 4 == 0;
                scope.spawn(move || (receive_all(&mut receiver, spinning), receiver))
            });
            std::thread::sleep(Duration::from_micros(round * 1300));
            writer.kill();
            writer.wait();
            let killed = Instant::now();
            let ended = readers.map(|reader| reader.join().unwrap());
            assert!(killed.elapsed() < Duration::from_secs(20));
            let mut next = Sender::resume(&object).unwrap();
            let number = next.send(b"on").unwrap();
            for ((_, _, end), mut receiver) in ended {
                assert_eq!(end, Received::SenderDied);
                let mut bytes = Vec::new();
                let found = receiver.recv(&mut bytes, LONG).unwrap();
                assert_eq!((found, &bytes[..]), (Received::Message { number }, &b"on"[..]));
            }
        });
    }
}

/// Readers in four other processes, one of which kills itself in the middle: the others have every message or its count.
#[test]
fn readers_in_other_processes() {
    const MESSAGES: u64 = 20_000;
    child::run(|| {
        let (mut sender, object) = Broadcast::new(64, LONGEST as u32).create().unwrap();
        let ready = SharedMut::map(&MapOptions::shared(), &Anonymous::new(4096)).unwrap();
        let read = |who: u32| {
            let mut receiver = Receiver::open(&object).unwrap();
            ready.atomic_u32(0).unwrap().fetch_add(1, Ordering::AcqRel);
            if who == 3 {
                receiver.recv(&mut Vec::new(), LONG).unwrap();
                std::process::abort();
            }
            let (got, missed, end) = receive_all(&mut receiver, who == 0);
            assert_eq!((got + missed, end), (MESSAGES, Received::Closed));
            assert!(got > 0);
            0
        };
        std::thread::scope(|scope| {
            let read = &read;
            let readers = [0, 1, 2, 3].map(|who| scope.spawn(move || fork::and_wait(|| read(who))));
            while ready.load::<u32>(0).unwrap() < 4 {
                std::thread::yield_now();
            }
            for number in 0..MESSAGES {
                sender.send(&message(number)).unwrap();
                if number % 32 == 0 {
                    std::thread::sleep(Duration::from_micros(20));
                }
            }
            drop(sender);
            for (who, reader) in readers.into_iter().enumerate() {
                assert_eq!(reader.join().unwrap().code(), (who != 3).then_some(0), "reader {who}");
            }
        });
    });
}

/// One reader is stopped, and another writes all the time into the one word that readers write: the writer goes on.
#[test]
fn readers_do_not_hold_the_writer_up() {
    let (mut sender, object) = Broadcast::new(4, 64).create().unwrap();
    let mut stopped = Receiver::open(&object).unwrap();
    let hostile = SharedMut::new(&object).unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                hostile.store(4096, u32::MAX).unwrap(); // always somebody who waits
            }
        });
        for _ in 0..20_000 {
            sender.send(b"x").unwrap();
        }
        done.store(true, Ordering::Relaxed);
    });
    let found = stopped.try_recv(&mut Vec::new()).unwrap();
    assert_eq!(found, Received::Missed { count: 20_000 - 3 });
}

#[test]
fn a_reader_that_may_only_read_naps() {
    let name = Name::new("naps");
    let channel = Broadcast::new(4, 64);
    let object = ShmObject::create_new(&name.0, channel.object_len().unwrap()).unwrap();
    let mut sender = channel.create_in(&object).unwrap();
    let mut receiver = Receiver::open(&ShmObject::open_read_only(&name.0).unwrap()).unwrap();
    assert!(!receiver.is_woken() && receiver.has_sender().unwrap());
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| receiver.recv(&mut Vec::new(), LONG).unwrap());
        std::thread::sleep(Duration::from_millis(20));
        sender.send(b"news").unwrap();
        assert_eq!(reader.join().unwrap(), Received::Message { number: 0 });
    });
    let twin = object.as_fd().try_clone_to_owned().unwrap();
    drop(sender); // its lock ends, though others have the descriptor
    assert!(!receiver.has_sender().unwrap());
    drop(twin);
    assert_eq!(receiver.recv(&mut Vec::new(), None).unwrap(), Received::Closed);
}

#[test]
fn what_is_no_channel_is_an_error() {
    let cause = |object: &MemFd| Receiver::open(object).unwrap_err().cause();
    assert!(matches!(cause(&MemFd::new(0).unwrap()), Cause::Range(_)));
    assert!(matches!(cause(&MemFd::new(8191).unwrap()), Cause::Range(_)));
    let object = MemFd::new(1 << 20).unwrap();
    assert_eq!(cause(&object), Cause::Malformed { at: 0 });
    for (slots, longest) in [(0, 8), (1, 8), (3, 8), (1 << 21, 8), (2, u32::MAX)] {
        assert!(Broadcast::new(slots, longest).create_in(&object).is_err(), "{slots} {longest}");
    }
    let memory = SharedMut::new(&object).unwrap();
    drop(Broadcast::new(4, 64).create_in(&object).unwrap());
    assert!(Receiver::open(&object).is_ok());
    // As the format says, with slots that the object has no room for.
    memory.store(12, 1_u32 << 20).unwrap();
    assert!(matches!(cause(&object), Cause::Range(_)));
    memory.store(12, 4_u32).unwrap();
    for (at, value) in [(0, 0_u32), (8, 2), (12, 5), (12, 0), (16, u32::MAX), (20, 1 << 30)] {
        let right = memory.load::<u32>(at).unwrap();
        memory.store(at, value).unwrap();
        assert!(matches!(cause(&object), Cause::Malformed { .. }), "{value} at {at}");
        assert!(matches!(Sender::resume(&object).unwrap_err().cause(), Cause::Malformed { .. }));
        memory.store(at, right).unwrap();
    }
    assert_eq!(object.size().unwrap(), Some(1 << 20));
}

/// One byte longer than a message may be, up to all that a number can say: nothing is copied.
#[test]
fn a_length_that_no_message_has_is_an_error() {
    let (mut sender, object) = Broadcast::new(4, 100).create().unwrap();
    let mut receiver = Receiver::open(&object).unwrap();
    sender.send(b"x").unwrap();
    let memory = SharedMut::new(&object).unwrap();
    for len in [101_u32, 112, 1000] {
        memory.store(8192 + 8, len).unwrap();
        let cause = receiver.try_recv(&mut Vec::new()).unwrap_err().cause();
        assert_eq!(cause, Cause::Malformed { at: 8192 }, "{len}");
    }
    memory.store(8192 + 8, 100_u32).unwrap();
    let mut bytes = Vec::new();
    assert_eq!(receiver.try_recv(&mut bytes).unwrap(), Received::Message { number: 0 });
    assert_eq!(bytes.len(), 100);
}

#[test]
fn an_object_that_becomes_shorter_is_an_error() {
    let channel = Broadcast::new(64, 1000);
    let object = MemFd::new(channel.object_len().unwrap()).unwrap();
    let mut sender = channel.create_in(&object).unwrap();
    let mut receiver = Receiver::open(&object).unwrap();
    sender.send(b"x").unwrap();
    object.set_size(0).unwrap();
    let error = receiver.recv(&mut Vec::new(), LONG).unwrap_err();
    assert!(matches!(error.cause(), Cause::Truncated { .. }), "{error}");
    assert!(sender.send(b"y").is_err());
}

/// Killed between the stamp of a message and the number of messages: a reader that has it would have missed what the next
/// sender gave the same number.
#[test]
fn a_message_that_was_not_counted_any_more_keeps_its_number() {
    let channel = Broadcast::new(4, 64);
    let object = MemFd::new(channel.object_len().unwrap()).unwrap();
    let mut sender = channel.create_in(&object).unwrap();
    let mut receiver = Receiver::open(&object).unwrap();
    for number in 0..6 {
        sender.send(&[number]).unwrap();
    }
    drop(sender);
    let memory = SharedMut::new(&object).unwrap();
    memory.store(64, 5_u64).unwrap(); // the number of messages, as it was
    receiver.rewind().unwrap();
    let mut bytes = Vec::new();
    for number in 2..6 {
        assert_eq!(receiver.try_recv(&mut bytes).unwrap(), Received::Message { number });
    }
    let mut next = Sender::resume(&object).unwrap();
    assert_eq!(next.send(b"next").unwrap(), 6);
    assert_eq!(receiver.try_recv(&mut bytes).unwrap(), Received::Message { number: 6 });
    assert_eq!(bytes, b"next");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    /// Somebody who may write to the object writes anything: numbers of the header, of slots, or noise everywhere. A
    /// receiver answers, and gives out no message that is longer than the channel allows.
    #[test]
    fn hostile_bytes_are_errors_or_messages(
        words in prop::collection::vec((0_usize..160, prop_oneof![any::<u64>(), 0..40_u64, Just(u64::MAX), (0..40_u64).prop_map(|n| u64::MAX - n)]), 1..12),
        reopened: bool,
    ) {
        let channel = Broadcast::new(4, 100);
        let object = MemFd::new(channel.object_len().unwrap()).unwrap();
        let mut sender = channel.create_in(&object).unwrap();
        let mut receiver = Receiver::open(&object).unwrap();
        for number in 0..3_u8 {
            sender.send(&[number; 50]).unwrap();
        }
        let memory = SharedMut::new(&object).unwrap();
        for (at, value) in words {
            // The header's words, then those of the slots.
            let at = if at < 16 { at * 8 } else { 8192 + (at - 16) * 8 };
            if at + 8 <= memory.len() {
                memory.store(at, value).unwrap();
            }
        }
        if reopened {
            match Receiver::open(&object) {
                Ok(opened) => receiver = opened,
                Err(error) => {
                    let told = matches!(error.cause(), Cause::Malformed { .. } | Cause::Range(_));
                    prop_assert!(told, "{}", error);
                }
            }
            let _may_fail = receiver.rewind();
        }
        let mut bytes = Vec::new();
        for _ in 0..12 {
            match receiver.recv(&mut bytes, Some(Duration::ZERO)) {
                Ok(Received::Message { .. }) => {
                    prop_assert!(bytes.len() <= 100 || reopened);
                    prop_assert!(bytes.len() as u64 <= object.size().unwrap().unwrap());
                }
                Ok(Received::Missed { count }) => prop_assert!(count > 0),
                Ok(_) => {}
                Err(error) => prop_assert!(matches!(error.cause(), Cause::Malformed { .. }), "{}", error),
            }
        }
        let _may_fail = sender.send(b"goes on");
    }
}
