//! A writer that was killed between taking its place and filling it left zeros of unknown length; readers stopped there
//! for good, and what others had written behind was lost. And a writer that was only slow was taken for dead: two
//! records in one place.
//!
//! Here the dead and the slow writer is this test, which does by hand what `docs/log-format.md` says.

#![expect(unsafe_code, reason = "locks bytes by hand, as another program would")]
#![allow(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may stop at what it does not expect"
)]

use mman::log::{AppendLog, LogOptions, LogReader, verify};
use mman::{Cause, FileObject, MapOptions, SharedMut};
use mman_sys::{is_byte_locked, try_lock_byte};
use mman_testkit::files::{Folder, open_read_write};
use std::fs::File;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

const TAIL: usize = 64;
const SLOT: i64 = (1 << 62) + 1;

/// A writer by hand, that claims and does no more.
struct Writer {
    view: SharedMut,
    /// Keeps the lock.
    _file: File,
    slot: u16,
}

impl Writer {
    fn new(path: &Path, slot: u16) -> Self {
        let file = open_read_write(path);
        // SAFETY: the descriptor is open.
        unsafe { try_lock_byte(file.as_raw_fd(), SLOT + i64::from(slot)) }.unwrap();
        let options = MapOptions::shared().range(0..1 << 16);
        let view = SharedMut::map(&options, &FileObject::new(&file).unwrap()).unwrap();
        Self { view, _file: file, slot }
    }

    /// Claims a place for so many bytes, and answers where.
    fn claim(&self, len: u64, move_tail: bool) -> usize {
        let at = self.view.load::<u64>(TAIL).unwrap();
        let word = 1 | u64::from(self.slot) << 16 | len << 32;
        let place = self.view.atomic_u64(at as usize).unwrap();
        place.compare_exchange(0, word, SeqCst, SeqCst).unwrap();
        if move_tail {
            let end = at + (24 + len).next_multiple_of(8);
            self.view.atomic_u64(TAIL).unwrap().fetch_max(end, SeqCst);
        }
        at as usize
    }

    fn state(&self, at: usize) -> u8 {
        self.view.load::<u8>(at).unwrap()
    }
}

fn contents(reader: &mut LogReader) -> Vec<String> {
    let mut found = Vec::new();
    while let Some(entry) = reader.next_entry().unwrap() {
        found.push(String::from_utf8(entry.bytes.to_vec()).unwrap());
    }
    found
}

#[test]
fn what_a_dead_writer_left_is_passed_over_and_what_follows_is_there() {
    for move_tail in [true, false] {
        let folder = Folder::new();
        let path = folder.name("log");
        let log = AppendLog::open(&path).unwrap();
        log.append(b"before").unwrap();
        let writer = Writer::new(&path, 99);
        let at = writer.claim(1000, move_tail);
        log.append(b"behind").unwrap();
        let mut reader = LogReader::open(&path).unwrap();
        assert_eq!(contents(&mut reader), ["before"], "it lives, and may finish");
        let second = AppendLog::open(&path).unwrap(); // recovery leaves it alone
        assert_eq!(writer.state(at), 1);
        assert_eq!(contents(&mut reader), [""; 0]);
        let view = SharedMut::open(&path).unwrap();
        drop(writer); // dies
        assert_eq!(contents(&mut reader), ["behind"]);
        assert_eq!(view.load::<u8>(at).unwrap(), 1, "a reader changes nothing");
        let third = AppendLog::open(&path).unwrap();
        assert_eq!(view.load::<u8>(at).unwrap(), 3, "recovery marks it");
        third.append(b"third").unwrap();
        second.append(b"second").unwrap();
        log.append(b"first").unwrap();
        assert_eq!(contents(&mut reader), ["third", "second", "first"]);
        let found = verify(&path).unwrap();
        assert_eq!((found.records, found.dead, found.damaged), (5, 1, 0), "{found:?}");
    }
}

/// A slot that is taken anew proves that its last owner is dead, although the slot is locked again.
#[test]
fn a_slot_that_is_taken_anew_does_not_make_the_dead_alive() {
    let folder = Folder::new();
    let path = folder.name("log");
    let log = AppendLog::open(&path).unwrap(); // has slot 0
    let writer = Writer::new(&path, 1);
    let at = writer.claim(8, true);
    log.append(b"behind").unwrap();
    drop(writer);
    let second = AppendLog::open(&path).unwrap(); // has slot 1
    let file = File::open(&path).unwrap();
    // SAFETY: the descriptor is open.
    assert_eq!(unsafe { is_byte_locked(file.as_raw_fd(), SLOT + 1) }, Ok(true));
    assert_eq!(SharedMut::open(&path).unwrap().load::<u8>(at).unwrap(), 3);
    assert_eq!(contents(&mut LogReader::open(&path).unwrap()), ["behind"]);
    drop(second);
}

/// Writers do not wait for the next one to open the log: the committed length goes on behind a dead place, so that
/// recovery stays short.
#[test]
fn the_committed_length_passes_a_dead_place_while_others_write() {
    let folder = Folder::new();
    let path = folder.name("log");
    let log = AppendLog::open(&path).unwrap();
    let writer = Writer::new(&path, 7);
    let at = writer.claim(100, true);
    for _ in 0..4000 {
        log.append(&[1; 100]).unwrap();
    }
    assert_eq!(verify(&path).unwrap().committed, at as u64, "a living writer is waited for");
    drop(writer);
    for _ in 0..2000 {
        log.append(&[1; 100]).unwrap();
    }
    let found = verify(&path).unwrap();
    assert!(found.committed > at as u64, "{found:?}");
    assert!(found.end - found.committed <= 2 << 16, "{found:?}");
}

/// A writer that was stopped for long before it said where the tail is: the others go on where the records end, and a
/// sync covers them all.
#[test]
fn a_tail_that_falls_back_is_walked_over() {
    let folder = Folder::new();
    let path = folder.name("log");
    let log = AppendLog::open(&path).unwrap();
    let view = SharedMut::open(&path).unwrap();
    log.append(b"0").unwrap();
    log.sync().unwrap();
    let mut last = 0;
    for number in 1..5000_u64 {
        last = log.append(number.to_string().as_bytes()).unwrap().offset;
        if number % 100 == 0 {
            view.store::<u64>(TAIL, 4096).unwrap();
        }
    }
    view.store::<u64>(TAIL, 4096).unwrap();
    log.sync().unwrap();
    let found = verify(&path).unwrap();
    assert!(found.durable > last, "{found:?}");
    let expected: Vec<_> = (0..5000).map(|number| number.to_string()).collect();
    assert_eq!(contents(&mut LogReader::open(&path).unwrap()), expected);
}

/// Slow, taken for dead by somebody who could not know better: it does not hear of it, and its record is there, once.
#[test]
fn a_living_writer_that_was_marked_dead_finishes_its_record() {
    let folder = Folder::new();
    let path = folder.name("log");
    let log = AppendLog::open(&path).unwrap();
    let view = SharedMut::open(&path).unwrap();
    let done = std::sync::atomic::AtomicBool::new(false);
    let marked = AtomicU32::new(0);
    let mut records = 0;
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let mut number = 0_u32;
            while number < 3000 || (marked.load(SeqCst) == 0 && number < 30_000) {
                let mut record = vec![0xab; 8000];
                record[..4].copy_from_slice(&number.to_le_bytes());
                log.append(&record).unwrap();
                number += 1;
            }
            done.store(true, SeqCst);
            number
        });
        while !done.load(SeqCst) {
            let at = view.load::<u64>(TAIL).unwrap() as usize;
            for at in [at, at.saturating_sub(8024)] {
                let fresh = SharedMut::open(&path).unwrap();
                let Ok(place) = fresh.atomic_u64(at) else { continue };
                let word = place.load(SeqCst);
                if at >= 4096 && word & 0xff == 1 {
                    let dead = word & !0xff | 3;
                    let is_marked = place.compare_exchange(word, dead, SeqCst, SeqCst).is_ok();
                    marked.fetch_add(u32::from(is_marked), SeqCst);
                }
            }
        }
        records = writer.join().unwrap();
    });
    let mut reader = LogReader::open(&path).unwrap();
    for number in 0..records {
        let entry = reader.next_entry().unwrap().unwrap();
        assert_eq!(entry.bytes[..4], number.to_le_bytes());
        assert!(entry.bytes[4..].iter().all(|byte| *byte == 0xab));
    }
    assert!(reader.next_entry().unwrap().is_none());
    let found = verify(&path).unwrap();
    assert_eq!((found.records, found.dead, found.damaged), (u64::from(records), 0, 0));
    let marked = marked.into_inner();
    assert!(marked > 0, "it was met in the middle of a record");
    eprintln!("{marked} records marked dead while they were written");
}

/// A hole, punched by somebody or left by a broken disk, looked like the end of the log: readers answered that there was
/// nothing more, for ever, and what was behind it was missed in silence.
#[test]
fn a_hole_is_told_and_is_not_the_end() {
    let folder = Folder::new();
    let path = folder.name("log");
    let log = AppendLog::open(&path).unwrap();
    for _ in 0..1000 {
        log.append(&[7; 1000]).unwrap();
    }
    let file = open_read_write(&path);
    file.write_all_at(&[0; 4096], 1 << 19).unwrap();
    let mut reader = LogReader::open(&path).unwrap();
    let error = loop {
        match reader.next_entry() {
            Ok(entry) => assert_eq!(entry.unwrap().bytes, [7; 1000]),
            Err(error) => break error,
        }
    };
    assert_eq!(error.cause(), Cause::LogDamaged { at: 1 << 19 });
    assert_eq!(reader.next_entry().unwrap_err(), error, "each time");
    assert_eq!(verify(&path).unwrap().damaged_at, [1 << 19]);
}

/// A full file that lost its last pages, and with them its end, in a power loss hid all files behind it, for ever.
#[test]
fn a_file_without_its_end_does_not_hide_those_behind_it() {
    for wipe_hints in [true, false] {
        let folder = Folder::new();
        let path = folder.name("log");
        let log = LogOptions::new().capacity(1 << 16).rotate(10).open(&path).unwrap();
        for number in 0..100_u8 {
            log.append(&[number; 1000]).unwrap();
        }
        let file = open_read_write(folder.name("log.1"));
        file.write_all_at(&[0; 1 << 14], (1 << 16) - (1 << 14)).unwrap();
        if wipe_hints {
            file.write_all_at(&4096_u64.to_le_bytes(), 192).unwrap();
        }
        let mut reader = LogReader::open_oldest(&path).unwrap();
        let mut numbers = Vec::new();
        let mut told = 0;
        loop {
            match reader.wait_entry(Duration::ZERO) {
                Ok(Some(entry)) => numbers.push(entry.bytes[0]),
                Ok(None) => break,
                Err(error) => {
                    assert!(matches!(error.cause(), Cause::LogDamaged { at: 49152 }));
                    told += 1;
                }
            }
        }
        assert_eq!(told, 1);
        assert_eq!(numbers, (0..44).chain(60..100).collect::<Vec<_>>());
    }
}
