//! A pipe made of shared memory, as they are in the wild: its reader believed the two positions that stood there and read
//! past the end; a record that ran over the end came in two halves with others' bytes between them; and who waited for a
//! process that had been killed waited for ever.
#![allow(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "test code: all of it may panic"
)]

use mman::{
    Cause, HugePageSize, MemFd, MemFdOptions, MemoryObject, Moved, RingReader, RingWriter,
    SharedMut, SharedRing,
};
use mman_testkit::huge::Pool;
use mman_testkit::{child, fork, pattern};
use proptest::prelude::*;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

const NOW: Option<Duration> = Some(Duration::ZERO);
const LONG: Option<Duration> = Some(Duration::from_secs(20));

fn pair(capacity: u64) -> (RingWriter, RingReader, MemFd<mman::FixedSize>) {
    let (writer, object) = SharedRing::new(capacity).create().unwrap();
    let reader = RingReader::open(&object).unwrap();
    (writer, reader, object)
}

/// Every place of the seam, and a queue beside it.
#[test]
fn what_runs_over_the_end_comes_as_it_was() {
    let (mut writer, mut reader, _object) = pair(1);
    assert_eq!((writer.capacity(), reader.capacity()), (4096, 4096));
    let mut bytes = vec![0; 5000];
    for at in 0..5000 {
        let sent = pattern::bytes(at, 4095);
        assert_eq!(writer.write(&sent, NOW).unwrap(), Moved::Bytes(4095));
        assert_eq!(writer.write(b"xyz", NOW).unwrap(), Moved::Bytes(1), "the room there is");
        assert_eq!(writer.write(b"y", NOW).unwrap(), Moved::Nothing);
        assert_eq!(reader.read(&mut bytes[..4095], NOW).unwrap(), Moved::Bytes(4095));
        pattern::assert_is(&bytes[..4095], at);
        assert_eq!(reader.read(&mut bytes, NOW).unwrap(), Moved::Bytes(1));
        assert_eq!(bytes[0], b'x');
        // One byte more, so that the seam goes round.
        assert_eq!(writer.write(b"z", NOW).unwrap(), Moved::Bytes(1));
        assert_eq!(reader.read(&mut bytes, NOW).unwrap(), Moved::Bytes(1));
    }
    assert_eq!(reader.read(&mut bytes, NOW).unwrap(), Moved::Nothing);
    assert_eq!(reader.read(&mut [], LONG).unwrap(), Moved::Nothing);
    assert_eq!(writer.write(&[], LONG).unwrap(), Moved::Nothing);
}

/// Both sides wait for each other, asleep, over and over.
#[test]
fn two_processes() {
    const LEN: u64 = 4 << 20;
    child::run(|| {
        let (mut writer, object) = SharedRing::new(4096).create().unwrap();
        let read = || {
            let mut reader = RingReader::open(&object).unwrap();
            let (mut at, mut bytes) = (0, vec![0; 3001]);
            loop {
                match reader.read(&mut bytes, LONG).unwrap() {
                    Moved::Bytes(count) => {
                        pattern::assert_is(&bytes[..count], at);
                        at += count as u64;
                    }
                    end => return u8::from((at, end) != (LEN, Moved::Closed)),
                }
            }
        };
        std::thread::scope(|scope| {
            let status = scope.spawn(|| fork::and_wait(read));
            let (mut at, mut rest) = (0, pattern::bytes(0, 70_001));
            let began = Instant::now();
            while at < LEN {
                rest.truncate(usize::try_from(LEN - at).unwrap());
                let Moved::Bytes(count) = writer.write(&rest, LONG).unwrap() else { panic!() };
                at += count as u64;
                rest = pattern::bytes(at, 70_001);
            }
            drop(writer);
            // Whoever is not woken looks by himself, 50 milliseconds later: a thousand times.
            assert!(began.elapsed() < Duration::from_secs(25), "{:?}", began.elapsed());
            assert_eq!(status.join().unwrap().code(), Some(0));
        });
    });
}

#[test]
fn who_was_killed_is_noticed_and_another_goes_on() {
    child::run(|| {
        let ring = SharedRing::new(4096);
        let object = MemFd::new(ring.object_len().unwrap()).unwrap().fix_size().unwrap();
        let ready =
            SharedMut::map(&mman::MapOptions::shared(), &mman::Anonymous::new(4096)).unwrap();
        let forked = fork::start(|| {
            let mut writer = ring.create_in(&object).unwrap();
            writer.write(b"before", NOW).unwrap();
            ready.store(0, 1_u32).unwrap();
            std::thread::sleep(Duration::from_secs(60));
        });
        while ready.load::<u32>(0).unwrap() == 0 {
            std::thread::yield_now();
        }
        let mut reader = RingReader::open(&object).unwrap();
        assert!(reader.has_writer().unwrap());
        assert_eq!(RingWriter::open(&object).unwrap_err().cause(), Cause::HasWriter);
        assert_eq!(ring.create_in(&object).unwrap_err().cause(), Cause::HasWriter);
        assert_eq!(RingReader::open(&object).unwrap_err().cause(), Cause::HasReader);
        let mut bytes = [0; 100];
        assert_eq!(reader.read(&mut bytes, NOW).unwrap(), Moved::Bytes(6));
        let killer = std::thread::spawn(|| {
            std::thread::sleep(Duration::from_millis(30));
            forked.kill();
        });
        let began = Instant::now();
        assert_eq!(reader.read(&mut bytes, LONG).unwrap(), Moved::PeerDied);
        assert!(began.elapsed() < Duration::from_secs(10));
        killer.join().unwrap();

        let mut writer = RingWriter::open(&object).unwrap();
        assert_eq!(writer.write(b"after", NOW).unwrap(), Moved::Bytes(5));
        assert_eq!(reader.read(&mut bytes, LONG).unwrap(), Moved::Bytes(5));
        assert_eq!(&bytes[..5], b"after");
        drop(reader);
        assert_eq!(writer.write(b"nobody", LONG).unwrap(), Moved::Closed);

        // A reader that is killed while the queue is full.
        let forked = fork::start(|| {
            let reader = RingReader::open(&object).unwrap();
            ready.store(0, 2_u32).unwrap();
            std::thread::sleep(Duration::from_secs(60));
            drop(reader);
        });
        while ready.load::<u32>(0).unwrap() == 1 {
            std::thread::yield_now();
        }
        assert_eq!(writer.write(&[1; 5000], LONG).unwrap(), Moved::Bytes(4096));
        assert_eq!(writer.write(&[1], NOW).unwrap(), Moved::Nothing);
        forked.kill();
        assert_eq!(writer.write(&[1], LONG).unwrap(), Moved::PeerDied);
        let mut reader = RingReader::open(&object).unwrap();
        assert_eq!(reader.read(&mut bytes, NOW).unwrap(), Moved::Bytes(100));
        assert_eq!(writer.write(&[1], LONG).unwrap(), Moved::Bytes(1));
    });
}

/// Nobody has come yet: the writer fills the queue and waits as long as it was told.
#[test]
fn a_reader_that_has_not_come_is_not_dead() {
    let (mut writer, _object) = SharedRing::new(4096).create().unwrap();
    assert_eq!(writer.write(&[1; 9000], NOW).unwrap(), Moved::Bytes(4096));
    let time = Some(Duration::from_millis(120));
    assert_eq!(writer.write(&[1], time).unwrap(), Moved::Nothing);
    assert!(!writer.has_reader().unwrap());
}

#[test]
fn what_cannot_be_is_an_error() {
    for capacity in [0, (1 << 40) + 1, u64::MAX] {
        let error = SharedRing::new(capacity).create().unwrap_err();
        assert!(matches!(error.cause(), Cause::Range(_)), "{capacity}: {error}");
    }
    let short = MemFd::new(8192 + 4095).unwrap();
    let error = SharedRing::new(4096).create_in(&short).unwrap_err();
    assert!(matches!(error.cause(), Cause::Range(_)), "{error}");
    let none = MemFd::new(1 << 16).unwrap();
    assert_eq!(RingReader::open(&none).unwrap_err().cause(), Cause::Malformed { at: 0 });
    let writer = SharedRing::new(4096).create_in(&none).unwrap();
    let memory = SharedMut::new(&none).unwrap();
    for capacity in [0, 4095, 4097, 2048, 3 << 12, 1 << 63, u64::MAX] {
        memory.store(16, capacity).unwrap();
        let error = RingReader::open(&none).unwrap_err();
        assert_eq!(error.cause(), Cause::Malformed { at: 16 }, "{capacity}");
    }
    memory.store(16, 1_u64 << 40).unwrap(); // longer than it is
    assert!(matches!(RingReader::open(&none).unwrap_err().cause(), Cause::Range(_)));
    memory.store(8, 2_u32).unwrap();
    assert_eq!(RingReader::open(&none).unwrap_err().cause(), Cause::Malformed { at: 8 });
    drop(writer);
}

#[test]
fn an_object_that_becomes_shorter_is_an_error() {
    let ring = SharedRing::new(1 << 16);
    let object = MemFd::new(ring.object_len().unwrap()).unwrap();
    let mut writer = ring.create_in(&object).unwrap();
    let mut reader = RingReader::open(&object).unwrap();
    writer.write(&[1; 60_000], NOW).unwrap();
    object.set_size(12_288).unwrap(); // the head, and the first page of bytes
    let error = reader.read(&mut [0; 60_000], NOW).unwrap_err();
    assert!(matches!(error.cause(), Cause::Truncated { .. }), "{error}");
    object.set_size(0).unwrap();
    let error = reader.read(&mut [0; 10], LONG).unwrap_err();
    assert!(matches!(error.cause(), Cause::Truncated { .. }), "{error}");
    assert!(writer.write(&[1; 10], LONG).is_err());
}

#[test]
fn huge_pages_carry_it_too() {
    let Some(_pool) = Pool::with(1) else { return };
    let object =
        MemFdOptions::new(Pool::page_size() as u64).huge_pages(HugePageSize::usual().unwrap());
    let object = object.create().unwrap();
    let mut writer = SharedRing::new(1 << 20).create_in(&object).unwrap();
    let mut reader = RingReader::open(&object).unwrap();
    let mut bytes = vec![0; 1 << 20];
    for at in [0, 5] {
        let sent = pattern::bytes(at, (1 << 20) - 3);
        assert_eq!(writer.write(&sent, NOW).unwrap(), Moved::Bytes(sent.len()));
        assert_eq!(reader.read(&mut bytes, NOW).unwrap(), Moved::Bytes(sent.len()));
        pattern::assert_is(&bytes[..sent.len()], at);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn it_does_what_a_queue_does(steps in prop::collection::vec((any::<bool>(), 1..5000_usize), 1..60)) {
        let (mut writer, mut reader, _object) = pair(4096);
        let (mut queue, mut next) = (VecDeque::new(), 0_u8);
        for (put, count) in steps {
            if put {
                let bytes: Vec<u8> = (0..count).map(|_| { next = next.wrapping_mul(5).wrapping_add(3); next }).collect();
                let room = 4096 - queue.len();
                let wanted = if room == 0 { Moved::Nothing } else { Moved::Bytes(count.min(room)) };
                prop_assert_eq!(writer.write(&bytes, NOW).unwrap(), wanted);
                queue.extend(&bytes[..count.min(room)]);
            } else {
                let mut bytes = vec![0; count];
                let expected: Vec<u8> = queue.drain(..count.min(queue.len())).collect();
                let wanted = if expected.is_empty() { Moved::Nothing } else { Moved::Bytes(expected.len()) };
                prop_assert_eq!(reader.read(&mut bytes, NOW).unwrap(), wanted);
                prop_assert_eq!(&bytes[..expected.len()], &expected[..]);
            }
        }
    }

    /// Who may write to the object writes anything: each side answers, with bytes of the object or an error.
    #[test]
    fn hostile_words_are_errors_or_bytes(
        words in prop::collection::vec((prop_oneof![0..32_usize, 1024..1048_usize], prop_oneof![any::<u32>(), 0..3_u32, (0..9_u32).prop_map(|n| u32::MAX - n)]), 1..12),
    ) {
        let (mut writer, mut reader, object) = pair(4096);
        writer.write(&[7; 3000], NOW).unwrap();
        let memory = SharedMut::new(&object).unwrap();
        for (at, value) in words {
            memory.store(at * 4, value).unwrap();
            for answer in [reader.read(&mut [0; 5000], NOW), writer.write(&[7; 5000], NOW)] {
                match answer {
                    Ok(Moved::Bytes(count)) => prop_assert!((1..=4096).contains(&count)),
                    Ok(_) => {}
                    Err(error) => prop_assert!(matches!(error.cause(), Cause::Malformed { .. }), "{}", error),
                }
            }
        }
        drop((reader, writer));
        for answer in [RingReader::open(&object).err(), RingWriter::open(&object).err()].into_iter().flatten() {
            prop_assert!(matches!(answer.cause(), Cause::Malformed { .. } | Cause::Range(_)), "{}", answer);
        }
        prop_assert_eq!(object.size().unwrap(), Some(8192 + 4096));
    }
}

/// A queue that was made anew over one whose reader was there already forgot that he had come: he died, and the writer
/// waited for ever.
#[test]
fn a_reader_who_was_there_before_the_queue_was_made_anew_is_noticed_too() {
    child::run(|| {
        let ring = SharedRing::new(4096);
        let object = MemFd::new(ring.object_len().unwrap()).unwrap().fix_size().unwrap();
        drop(ring.create_in(&object).unwrap());
        let ready =
            SharedMut::map(&mman::MapOptions::shared(), &mman::Anonymous::new(4096)).unwrap();
        let forked = fork::start(|| {
            let _reader = RingReader::open(&object).unwrap();
            ready.store(0, 1_u32).unwrap();
            std::thread::sleep(Duration::from_secs(60));
        });
        while ready.load::<u32>(0).unwrap() == 0 {
            std::thread::yield_now();
        }
        let mut writer = ring.create_in(&object).unwrap();
        assert_eq!(writer.write(&[1; 4096], NOW).unwrap(), Moved::Bytes(4096));
        forked.kill();
        assert_eq!(writer.write(b"more", LONG).unwrap(), Moved::PeerDied);
    });
}
