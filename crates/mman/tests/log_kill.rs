//! A mapped log of the wild kept the length of what was written in its header, and moved it before the bytes were
//! there: who was killed in between left a record of zeros, and whoever read the log stopped there, or worse. Another
//! moved it after two writers had taken the same place.
//!
//! Here writers are killed at a thousand random moments. Every record whose append had returned is there, in the order
//! of its writer, and nothing is torn; a place that a dead writer left is passed over, and the records behind it are
//! there.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may stop at what it does not expect"
)]

use mman::log::{AppendLog, LogOptions, LogReader, verify};
use mman::{Anonymous, Cause, MapOptions, SharedMut};
use mman_testkit::files::Folder;
use mman_testkit::mount::{self, Mount};
use mman_testkit::{child, fork, require};
use std::collections::{HashMap, VecDeque};
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Duration;

const WRITERS: usize = 4;
const SIGKILL: i32 = 9;

/// Numbers that look random (xorshift).
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}

/// A record: by whom, which, and bytes that follow from both.
fn record(life: u64, number: u64) -> Vec<u8> {
    let mut bytes = [life.to_le_bytes(), number.to_le_bytes()].concat();
    let mut dice = Dice(life << 32 | number | 1 << 63);
    let more = dice.below(150);
    bytes.extend((0..more).map(|_| dice.below(256) as u8));
    bytes
}

/// Appends without end, and says after each append how many have returned.
fn write_on(path: &Path, options: LogOptions, life: u64, acknowledged: &SharedMut) {
    let log = options.open(path).unwrap();
    let counter = acknowledged.atomic_u64(life as usize * 8).unwrap();
    for number in 1.. {
        while let Err(error) = log.append(&record(life, number)) {
            assert_eq!(error.cause(), Cause::NoSpace, "{error}");
            std::thread::sleep(Duration::from_micros(200));
        }
        counter.store(number, Ordering::Release);
        for _ in 0..500 {
            std::hint::spin_loop();
        }
    }
}

/// Kills one writer after the other, and starts another in its place. Answers how far each had come.
fn kill_again_and_again(path: &Path, options: LogOptions, deaths: u64, seed: u64) -> Vec<u64> {
    let lives = deaths + WRITERS as u64;
    let memory = Anonymous::new(lives as usize * 8);
    let acknowledged = SharedMut::map(&MapOptions::shared(), &memory).unwrap();
    let start = |life| fork::start(|| write_on(path, options, life, &acknowledged));
    let mut writers: Vec<_> = (0..WRITERS as u64).map(start).collect();
    let mut dying = VecDeque::new();
    let mut dice = Dice(seed);
    for life in WRITERS as u64..lives {
        std::thread::sleep(Duration::from_micros(dice.below(2000)));
        let place = dice.below(WRITERS as u64) as usize;
        let killed = std::mem::replace(&mut writers[place], start(life));
        killed.signal(SIGKILL);
        dying.push_back(killed); // it needs a processor to die, as the others do to write
        if dying.len() > 8 {
            assert!(!dying.pop_front().unwrap().wait().success());
        }
    }
    drop((writers, dying));
    (0..lives).map(|life| acknowledged.load(life as usize * 8).unwrap()).collect()
}

/// Every record that was acknowledged, each of its life in order, and at most one more.
fn assert_all_there(path: &Path, acknowledged: &[u64]) {
    let mut reader = LogReader::open_oldest(path).unwrap();
    let mut seen: HashMap<u64, u64> = HashMap::new();
    let mut last = None;
    while let Some(entry) = reader.next_entry().unwrap() {
        assert!(last < Some(entry.position), "in the order of places");
        last = Some(entry.position);
        let life = u64::from_le_bytes(entry.bytes[..8].try_into().unwrap());
        let number = seen.entry(life).or_default();
        *number += 1;
        assert_eq!(entry.bytes, record(life, *number), "life {life}");
    }
    assert_eq!(reader.missed_files(), 0);
    for (life, returned) in acknowledged.iter().enumerate() {
        let there = seen.get(&(life as u64)).copied().unwrap_or(0);
        let allowed = *returned..=*returned + 1;
        assert!(allowed.contains(&there), "life {life}: {there} there, {returned} returned");
    }
    assert!(acknowledged.iter().sum::<u64>() > 10_000, "they came to write");
}

#[test]
fn every_record_that_returned_survives_a_thousand_kills() {
    child::run(|| {
        let folder = Folder::new();
        let path = folder.name("log");
        let options = LogOptions::new();
        let acknowledged = kill_again_and_again(&path, options, 1000, 0x9e37_79b9_7f4a_7c15);
        assert_all_there(&path, &acknowledged);
        let log = AppendLog::open(&path).unwrap(); // who marks what is left
        log.append(b"the last").unwrap();
        let found = verify(&path).unwrap();
        assert_eq!(found.damaged, 0, "{found:?}");
        eprintln!("{} records, {} places of dead writers", found.records, found.dead);
    });
}

#[test]
fn the_same_while_files_are_rotated() {
    child::run(|| {
        let folder = Folder::new();
        let path = folder.name("log");
        let options = LogOptions::new().capacity(64 << 10).rotate(1_000_000);
        let acknowledged = kill_again_and_again(&path, options, 300, 0xdead_beef_1234_5678);
        assert_all_there(&path, &acknowledged);
        let last = AppendLog::open(&path).unwrap().append(b"the last").unwrap();
        assert!(last.segment > 10, "{last:?}");
    });
}

#[test]
fn the_same_on_a_disk_that_is_full() {
    child::run(|| {
        if !require::root() {
            return;
        }
        mount::be_alone();
        let folder = Folder::new();
        let _mounted = Mount::new("tmpfs", folder.path(), c"size=3m").unwrap();
        let path = folder.name("log");
        let acknowledged =
            kill_again_and_again(&path, LogOptions::new(), 500, 0x1357_9bdf_0246_8ace);
        assert_all_there(&path, &acknowledged);
        let error = AppendLog::open(&path).unwrap().append(&[1; 1 << 20]).unwrap_err();
        assert_eq!(error.cause(), Cause::NoSpace);
        assert_eq!(verify(&path).unwrap().damaged, 0);
    });
}
