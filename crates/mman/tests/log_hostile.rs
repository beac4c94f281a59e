//! A mapped log of the wild believed the lengths in its file: a flipped bit made it read past the end, or go round in a
//! circle for ever; and after a power loss, when the header had reached the disk and the records had not, it handed out
//! zeros as records.
//!
//! Whatever a file holds, readers and writers answer in the end, with an error or with records whose checksum is right.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may stop at what it does not expect"
)]

use mman::Cause;
use mman::log::{AppendLog, LogOptions, LogReader, verify};
use mman_testkit::files::{Folder, open_read_write};
use proptest::prelude::*;
use std::fs;
use std::os::unix::fs::FileExt;
use std::path::Path;

const BOOT: u64 = 136;
const DURABLE: u64 = 256;

fn record(number: u32) -> Vec<u8> {
    number.to_le_bytes().repeat(1 + number as usize % 40)
}

/// A log of so many records.
fn log_of(path: &Path, records: u32) -> Vec<u64> {
    let log = LogOptions::new().capacity(1 << 18).open(path).unwrap();
    (0..records).map(|number| log.append(&record(number)).unwrap().offset).collect()
}

/// Reads to the end, or to an error that stays. What it gives out are records that were written.
fn read_all(path: &Path) -> usize {
    let Ok(mut reader) = LogReader::open(path) else { return 0 };
    let mut found = 0;
    loop {
        let before = reader.position();
        let next = reader.next_entry().map(|entry| entry.map(|entry| entry.bytes.to_vec()));
        match next {
            Ok(Some(bytes)) => {
                let number = u32::from_le_bytes(bytes[..4].try_into().unwrap());
                assert_eq!(bytes, record(number));
                found += 1;
            }
            Ok(None) => return found,
            Err(_) if reader.position() == before => return found,
            Err(_) => {}
        }
    }
}

fn everything_answers(path: &Path) {
    let before = read_all(path);
    let _counted = verify(path);
    if let Ok(log) = AppendLog::open(path) {
        let _appended = log.append(&record(7));
        let _synced = log.sync();
    }
    // What a wrong *allocated* hid is there again when an append has raised it.
    assert!(read_all(path) <= before.max(150) + 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn changed_bytes_are_no_panic_and_no_endless_loop(
        changes in prop::collection::vec((0..20_000_u64, any::<u8>()), 1..12),
        header in prop::collection::vec((0..320_u64, any::<u8>()), 0..4),
    ) {
        let folder = Folder::new();
        let path = folder.name("log");
        log_of(&path, 150);
        let file = open_read_write(&path);
        for (at, byte) in changes.into_iter().chain(header) {
            file.write_all_at(&[byte], at).unwrap();
        }
        everything_answers(&path);
    }

    #[test]
    fn words_of_records_and_hints_may_be_anything(
        words in prop::collection::vec((0_usize..150, any::<u64>()), 0..5),
        small in prop::collection::vec((0_usize..150, 0_u64..5, 0_u64..100_000), 0..5),
        hints in prop::collection::vec((0_usize..4, any::<u64>(), 0_u64..300_000, any::<bool>()), 0..4),
    ) {
        let folder = Folder::new();
        let path = folder.name("log");
        let places = log_of(&path, 150);
        let file = open_read_write(&path);
        let put = |at: u64, word: u64| file.write_all_at(&word.to_le_bytes(), at).unwrap();
        words.iter().for_each(|(place, word)| put(places[*place], *word));
        small.iter().for_each(|(place, state, len)| put(places[*place], state | len << 32));
        for (hint, wild, tame, is_wild) in hints {
            put([64, 128, 192, 256][hint], if is_wild { wild } else { tame & !7 });
        }
        everything_answers(&path);
    }

    #[test]
    fn a_file_may_end_anywhere(len in 0_u64..70_000) {
        let folder = Folder::new();
        let path = folder.name("log");
        log_of(&path, 150);
        open_read_write(&path).set_len(len).unwrap();
        everything_answers(&path);
    }

    #[test]
    fn a_file_may_be_anything(bytes in prop::collection::vec(any::<u8>(), 0..9000)) {
        let folder = Folder::new();
        let path = folder.name("log");
        fs::write(&path, &bytes).unwrap();
        everything_answers(&path);
        if !bytes.is_empty() {
            assert_eq!(AppendLog::open(&path).unwrap_err().cause(), Cause::NotALog);
            assert_eq!(fs::read(&path).unwrap(), bytes, "what is no log is left as it is");
        }
    }
}

#[test]
fn a_damaged_record_costs_that_record() {
    let folder = Folder::new();
    let path = folder.name("log");
    let places = log_of(&path, 100);
    open_read_write(&path).write_all_at(&[0xff], places[40] + 24).unwrap();
    let mut reader = LogReader::open(&path).unwrap();
    for number in 0..100 {
        match reader.next_entry() {
            Ok(entry) => assert_eq!(entry.unwrap().bytes, record(number)),
            Err(error) => {
                assert_eq!(number, 40);
                assert_eq!(error.cause(), Cause::LogDamaged { at: places[40] });
            }
        }
    }
    let found = verify(&path).unwrap();
    assert_eq!((found.records, found.damaged, found.damaged_at), (99, 1, vec![places[40]]));
}

/// After a power loss each page is as it was at some moment since the last sync: here some are zeros, and the header is
/// of the last moment. What was synced is there; behind it, all up to the first page that is missing.
#[test]
fn after_a_power_loss_the_synced_records_are_there_and_no_others_but_a_prefix() {
    for lost in [1_usize, 2, 3, 5, 8] {
        let folder = Folder::new();
        let path = folder.name("log");
        let log = LogOptions::new().capacity(1 << 18).open(&path).unwrap();
        let mut places = Vec::new();
        for number in 0..400 {
            places.push(log.append(&record(number)).unwrap().offset);
            if number == 60 {
                log.sync().unwrap();
            }
        }
        drop(log);
        let file = open_read_write(&path);
        let mut durable = [0; 8];
        file.read_exact_at(&mut durable, DURABLE).unwrap();
        let durable = u64::from_le_bytes(durable);
        assert_eq!(durable, places[61]);
        file.write_all_at(&[0x5a; 16], BOOT).unwrap();
        // Whole pages behind the synced ones that never reached the device.
        let first = (durable.div_ceil(4096) + lost as u64) * 4096;
        file.write_all_at(&[0; 4096], first).unwrap();
        let log = AppendLog::open(&path).unwrap();
        log.append(&record(1000)).unwrap();
        let mut reader = LogReader::open(&path).unwrap();
        let mut found = Vec::new();
        let mut damaged = 0;
        loop {
            match reader.next_entry() {
                Ok(Some(entry)) => found.push(entry.bytes.to_vec()),
                Ok(None) => break,
                Err(error) => {
                    // The one that began in the page before.
                    assert!(matches!(error.cause(), Cause::LogDamaged { at } if at < first));
                    damaged += 1;
                }
            }
        }
        assert!(damaged <= 1);
        let whole = places.iter().filter(|place| **place < first).count();
        assert_eq!(found.pop().unwrap(), record(1000));
        assert_eq!(found.len() + damaged, whole);
        assert!(found.len() > 61);
        assert!(found.iter().zip(0..).all(|(bytes, number)| *bytes == record(number)));
        let bytes = fs::read(&path).unwrap();
        let end = verify(&path).unwrap().end as usize;
        assert!(bytes[end..].iter().all(|byte| *byte == 0), "zeros to the end");
    }
}

/// The header changes with each record and is written by no sync that does not need to. Its *allocated* of the last sync
/// but one was believed: what had been synced behind it was cut off, and its old bytes stood where the next records came.
#[test]
fn after_a_power_loss_a_header_older_than_the_records_cuts_nothing_off() {
    let folder = Folder::new();
    let path = folder.name("log");
    let log = LogOptions::new().capacity(1 << 22).open(&path).unwrap();
    log.append(&[0; 1001]).unwrap();
    log.sync().unwrap();
    let mut header = fs::read(&path).unwrap();
    header.truncate(4096);
    for number in 1..3000_u32 {
        log.append(&[number as u8; 1001]).unwrap();
    }
    log.sync().unwrap();
    drop(log);
    let file = open_read_write(&path);
    file.write_all_at(&header, 0).unwrap();
    file.write_all_at(&[0x5a; 16], BOOT).unwrap();
    let log = AppendLog::open(&path).unwrap();
    log.append(&[7; 1001]).unwrap();
    let mut reader = LogReader::open(&path).unwrap();
    for number in (0..3000).chain([7_u32]) {
        assert_eq!(reader.next_entry().unwrap().unwrap().bytes, [number as u8; 1001]);
    }
    assert!(reader.next_entry().unwrap().is_none());
}
