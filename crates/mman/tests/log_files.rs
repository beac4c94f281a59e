//! Mapped logs of the wild lost or overwrote a log that filled its file exactly, were ended by a signal when the disk
//! was full, and mixed the records of two processes. And a full log was rotated twice, by two processes that both
//! found it full: the second threw away what the first had just begun.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may stop at what it does not expect"
)]

use mman::log::{AppendLog, Level, LogOptions, LogReader, verify};
use mman::{Cause, Errno};
use mman_testkit::files::{Folder, open_read_write};
use mman_testkit::mount::{self, Mount};
use mman_testkit::{child, fork, limits, line_of, require};

use std::collections::HashMap;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

fn contents(path: &Path) -> Vec<Vec<u8>> {
    let mut reader = LogReader::open_oldest(path).unwrap();
    let mut found = Vec::new();
    while let Some(entry) = reader.next_entry().unwrap() {
        found.push(entry.bytes.to_vec());
    }
    found
}

#[test]
fn a_log_that_fills_its_file_exactly_keeps_every_record() {
    for spare in [0, 8, 16, 24, 32] {
        let folder = Folder::new();
        let path = folder.name("log");
        // Records of 24 + 40 bytes.
        let options = LogOptions::new().capacity(4096 + 64 * 100 + spare);
        let log = options.open(&path).unwrap();
        for number in 0..100_u8 {
            log.append(&[number; 40]).unwrap();
        }
        let error = log.append(&[100; 40]).unwrap_err();
        assert_eq!(error.cause(), Cause::LogFull { capacity: 4096 + 64 * 100 + spare });
        assert!(
            line_of(&error).starts_with("append to a regular file: the log is full"),
            "{error}"
        );
        drop(log);
        let again = options.open(&path).unwrap();
        assert!(again.append(&[101; 40]).is_err());
        let expected: Vec<_> = (0..100_u8).map(|number| vec![number; 40]).collect();
        assert_eq!(contents(&path), expected);
        // Somebody else rotates it; the writer that did not follows.
        let rotating = options.rotate(5).open(&path).unwrap();
        assert_eq!(rotating.append(&[102; 40]).unwrap().segment, 2);
        assert_eq!(again.append(&[103; 40]).unwrap().segment, 2);
        let last = contents(&path);
        assert_eq!(last[..100], expected);
        assert_eq!(last[100..], [vec![102; 40], vec![103; 40]]);
        assert!(verify(folder.name("log.1")).unwrap().ended);
    }
}

#[test]
fn a_full_disk_is_an_error_of_append_and_loses_nothing() {
    child::run(|| {
        if !require::root() {
            return;
        }
        mount::be_alone();
        let folder = Folder::new();
        let _mounted = Mount::new("tmpfs", folder.path(), c"size=1m").unwrap();
        let path = folder.name("log");
        let log = AppendLog::open(&path).unwrap();
        let ballast = folder.name("ballast");
        fs::write(&ballast, vec![1; 300 << 10]).unwrap();
        let mut appended = 0_u32;
        let error = loop {
            match log.append(&[appended.to_le_bytes().as_slice(), &[7; 500]].concat()) {
                Ok(_) => appended += 1,
                Err(error) => break error,
            }
        };
        assert_eq!(error.cause(), Cause::NoSpace, "{error}");
        assert!(appended > 500, "{appended}");
        assert!(log.append(&[0; 600]).is_err(), "it stays full");
        assert!(LogOptions::new().open(folder.name("other")).is_err());
        fs::remove_file(&ballast).unwrap();
        log.append(b"there is room again").unwrap();
        let found = contents(&path);
        assert_eq!(found.len(), appended as usize + 1);
        for (record, number) in found.iter().zip(0..appended) {
            assert_eq!(record[..4], number.to_le_bytes());
            assert!(record[4..].iter().all(|byte| *byte == 7));
        }
        let names: Vec<_> =
            fs::read_dir(folder.path()).unwrap().map(|one| one.unwrap().file_name()).collect();
        assert_eq!(names, ["log"], "what could not be made leaves nothing behind");
    });
}

/// So many records each, of processes and threads at once; in the order of each.
fn many_writers(path: &Path, options: LogOptions, processes: u64, records: u64) {
    let write = |process: u64| {
        let log = options.open(path).unwrap();
        std::thread::scope(|scope| {
            for thread in 0..2_u64 {
                let log = &log;
                scope.spawn(move || {
                    for number in 0..records {
                        let who = process * 2 + thread;
                        let mut record = [who.to_le_bytes(), number.to_le_bytes()].concat();
                        record.resize(16 + (number % 90) as usize, who as u8);
                        log.append(&record).unwrap();
                    }
                });
            }
        });
    };
    let writers: Vec<_> = (0..processes).map(|process| fork::start(|| write(process))).collect();
    for writer in writers {
        assert!(writer.wait().success());
    }
}

fn assert_in_order(path: &Path, writers: u64, records: u64) {
    let mut next: HashMap<u64, u64> = HashMap::new();
    for record in contents(path) {
        let who = u64::from_le_bytes(record[..8].try_into().unwrap());
        let number = u64::from_le_bytes(record[8..16].try_into().unwrap());
        assert_eq!(number, next.get(&who).copied().unwrap_or(0), "writer {who}");
        assert!(record.len() == 16 + (number % 90) as usize);
        assert!(record[16..].iter().all(|byte| *byte == who as u8));
        next.insert(who, number + 1);
    }
    assert_eq!(next.len() as u64, writers);
    assert!(next.values().all(|count| *count == records), "{next:?}");
}

#[test]
fn two_processes_of_two_threads_append_to_one_file() {
    child::run(|| {
        let folder = Folder::new();
        let path = folder.name("log");
        many_writers(&path, LogOptions::new(), 2, 20_000);
        assert_in_order(&path, 4, 20_000);
    });
}

/// Fast enough for large pages, by two processes, with syncs in between, after which the large page is divided.
#[test]
fn a_log_that_is_written_fast_and_then_synced_keeps_every_record() {
    child::run(|| {
        let folder = Folder::new();
        let path = folder.name("log");
        many_writers(&path, LogOptions::new(), 2, 30_000);
        let log = AppendLog::open(&path).unwrap();
        let record = |number: u64| [4_u64.to_le_bytes(), number.to_le_bytes()].concat();
        for number in 0..100_000 {
            let mut record = record(number);
            record.resize(16 + (number % 90) as usize, 4);
            log.append(&record).unwrap();
            if number % 25_000 < 5 {
                log.sync().unwrap();
            }
        }
        drop(log);
        drop(AppendLog::open(&path).unwrap()); // recovery
        let found = verify(&path).unwrap();
        assert_eq!((found.records, found.dead, found.damaged), (220_000, 0, 0), "{found:?}");
        assert!(found.end - found.committed <= 2 << 16, "{found:?}");
        let mut next: HashMap<u64, u64> = HashMap::new();
        for record in contents(&path) {
            let who = u64::from_le_bytes(record[..8].try_into().unwrap());
            let number = u64::from_le_bytes(record[8..16].try_into().unwrap());
            assert_eq!(number, *next.entry(who).or_default(), "writer {who}");
            assert_eq!(record[16..], vec![who as u8; (number % 90) as usize]);
            next.insert(who, number + 1);
        }
    });
}

#[test]
fn several_writers_rotate_and_follow() {
    child::run(|| {
        let folder = Folder::new();
        let path = folder.name("log");
        let options = LogOptions::new().capacity(32 << 10).rotate(100_000);
        many_writers(&path, options, 3, 5000);
        assert_in_order(&path, 6, 5000);
        let files = fs::read_dir(folder.path()).unwrap().count();
        assert!(files > 60, "{files} files");
    });
}

#[test]
fn so_many_files_are_kept_and_a_reader_that_is_left_behind_is_told() {
    let folder = Folder::new();
    let path = folder.name("log");
    let log = LogOptions::new().capacity(8192).rotate(3).open(&path).unwrap();
    log.append(&[0; 1000]).unwrap();
    let mut reader = LogReader::open(&path).unwrap();
    let mut last = 1;
    while last < 10 {
        last = log.append(&[1; 1000]).unwrap().segment;
    }
    let mut names: Vec<_> = fs::read_dir(folder.path())
        .unwrap()
        .map(|one| one.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort_unstable();
    assert_eq!(names, ["log", "log.7", "log.8", "log.9"]);
    // It still has the first file open, reads that to its end, and goes on with the oldest that is there.
    let mut segments = Vec::new();
    while let Some(entry) = reader.next_entry().unwrap() {
        segments.push(entry.position.segment);
    }
    segments.dedup();
    assert_eq!(segments, [1, 7, 8, 9, 10]);
    assert_eq!(reader.missed_files(), 5);
}

/// A rotator that died after each of its steps: the next one goes on from there.
#[test]
fn a_rotation_that_was_cut_short_is_completed() {
    let folder = Folder::new();
    let path = folder.name("log");
    let options = LogOptions::new().capacity(8192).rotate(9);
    let log = options.open(&path).unwrap();
    let mut appended = 0_usize;
    while log.append(&[1; 90]).unwrap().segment == 1 {
        appended += 1;
    }
    // The file of segment 1 as it was when it had its second name, and the log's name still.
    fs::rename(folder.name("log.1"), &path).unwrap();
    fs::hard_link(&path, folder.name("log.1")).unwrap();
    let without = LogOptions::new().capacity(8192).open(&path).unwrap();
    assert_eq!(without.append(b"on").unwrap().segment, 2);
    let found = contents(&path);
    assert_eq!(found.len(), appended + 1);
    assert_eq!(found.last().unwrap(), b"on");
}

#[test]
fn records_too_long_are_refused_and_the_longest_fits() {
    let folder = Folder::new();
    let log = LogOptions::new().capacity(16384).rotate(2).open(folder.name("log")).unwrap();
    let limit = 16384 - 4096 - 24;
    let error = log.append(&vec![1; limit + 1]).unwrap_err();
    assert_eq!(error.cause(), Cause::RecordTooLong { limit: limit as u64 });
    log.append(b"").unwrap();
    assert_eq!(log.append(&vec![2; limit]).unwrap().segment, 2);
    assert_eq!(contents(log.path())[1], vec![2; limit]);
}

#[test]
fn levels_are_filtered_and_lines_become_records() {
    let folder = Folder::new();
    let path = folder.name("log");
    let log = AppendLog::open(&path).unwrap();
    log.set_level(Some(Level::Info));
    assert!(log.append_at(Level::Debug, b"no").unwrap().is_none());
    assert!(log.append_at(Level::Info, b"yes").unwrap().is_some());
    log.set_level(None);
    assert!(log.append_at(Level::Error, b"no").unwrap().is_none());
    let mut writer = log.writer();
    write!(writer, "one {} ", 1).unwrap();
    write!(writer, "two\n\nthree\nrest").unwrap();
    drop(writer);
    let expected: [&[u8]; 5] = [b"yes", b"one 1 two", b"", b"three", b"rest"];
    assert_eq!(contents(&path), expected);
}

#[test]
fn a_reader_follows_while_others_write_and_rotate() {
    child::run(|| {
        let folder = Folder::new();
        let path = folder.name("log");
        let options = LogOptions::new().capacity(1 << 20).rotate(1000);
        drop(options.open(&path).unwrap());
        let writer = fork::start(|| {
            let log = options.open(&path).unwrap();
            for number in 0..60_000_u64 {
                log.append(&number.to_le_bytes().repeat(8)).unwrap();
            }
        });
        let mut reader = LogReader::open(&path).unwrap();
        for number in 0..60_000_u64 {
            let entry = reader.wait_entry(Duration::from_secs(30)).unwrap().unwrap();
            assert_eq!(entry.bytes, number.to_le_bytes().repeat(8));
        }
        assert!(reader.wait_entry(Duration::from_millis(1)).unwrap().is_none());
        assert!(reader.position().segment > 3);
        assert!(writer.wait().success());
    });
}

#[test]
fn a_file_that_is_shortened_under_its_writer_is_an_error() {
    let folder = Folder::new();
    let path = folder.name("log");
    let log = AppendLog::open(&path).unwrap();
    for _ in 0..300 {
        log.append(&[3; 100]).unwrap();
    }
    let mut reader = LogReader::open(&path).unwrap();
    assert!(reader.next_entry().unwrap().is_some());
    open_read_write(&path).set_len(8192).unwrap();
    assert!(log.append(&[4; 100]).is_err());
    let error = std::iter::repeat_with(|| reader.next_entry().map(drop)).find_map(Result::err);
    assert!(matches!(error.unwrap().cause(), Cause::Truncated { .. }), "{error:?}");
    let error = AppendLog::open(&path).unwrap_err();
    assert_eq!(error.cause(), Cause::Truncated { at: 8192 });
}

/// A line that was longer than a record may be failed, and with it every line after it, since it was kept.
#[test]
fn a_long_line_becomes_several_records() {
    let folder = Folder::new();
    let options = LogOptions::new().capacity(8192).rotate(10);
    let log = options.open(folder.name("log")).unwrap();
    let longest = 8192 - 4096 - 24;
    let mut writer = log.writer();
    writer.write_all(&[b'x'; 5000]).unwrap();
    writer.write_all(b"\nshort\n").unwrap();
    writer.write_all(&[&[b'y'; 4072][..], b"\n"].concat()).unwrap();
    drop(writer);
    let mut reader = LogReader::open_oldest(log.path()).unwrap();
    for expected in [&vec![b'x'; longest][..], &vec![b'x'; 5000 - longest], b"short", &[b'y'; 4072]]
    {
        assert_eq!(reader.next_entry().unwrap().unwrap().bytes, expected);
    }
    assert!(reader.next_entry().unwrap().is_none());
    let log = AppendLog::open(folder.name("other")).unwrap();
    log.writer().write_all(&[&vec![b'z'; 3 << 20][..], b"\n"].concat()).unwrap();
    let lengths: Vec<_> = contents(log.path()).iter().map(Vec::len).collect();
    assert_eq!(lengths, [1 << 20; 3]);
}

/// Files that were rotated away and removed stayed open for a sync that nobody asked for, with all their blocks.
#[test]
fn a_removed_file_gives_its_blocks_back() {
    let folder = Folder::new();
    let log = LogOptions::new().capacity(1 << 16).rotate(1).open(folder.name("removed")).unwrap();
    for _ in 0..1000 {
        log.append(&[1; 1000]).unwrap();
    }
    let open = fs::read_dir("/proc/self/fd").unwrap().filter(|entry| {
        let name = entry.as_ref().ok().and_then(|entry| fs::read_link(entry.path()).ok());
        name.is_some_and(|name| name.starts_with(folder.path()))
    });
    assert!(open.count() <= 4, "the present file, and those that are kept");
    log.sync().unwrap();
}

/// A log took the numbered files of a program that had the name before for its own, and removed them.
#[test]
fn files_of_others_are_not_removed() {
    let folder = Folder::new();
    for number in 1..=7 {
        fs::write(folder.name(&format!("log.{number}")), "text").unwrap();
    }
    let log = LogOptions::new().capacity(1 << 16).rotate(1).open(folder.name("log")).unwrap();
    for _ in 0..200 {
        log.append(&[1; 1000]).unwrap();
    }
    for number in 1..=7 {
        assert_eq!(fs::read(folder.name(&format!("log.{number}"))).unwrap(), b"text");
    }
    assert!(!folder.name("log.8").exists(), "its own are");
}

/// `ulimit -f` ended a program by SIGXFSZ when its log grew.
#[test]
fn past_the_limit_of_file_size_append_is_an_error() {
    child::run(|| {
        let folder = Folder::new();
        let log = AppendLog::open(folder.name("log")).unwrap();
        limits::set(limits::Resource::Fsize, 1 << 20);
        let mut count = 0;
        let error = loop {
            match log.append(&[1; 1000]) {
                Ok(_) => count += 1,
                Err(error) => break error,
            }
        };
        assert_eq!((error.errno(), error.cause()), (Some(Errno::EFBIG), Cause::TooLong));
        assert_eq!(contents(log.path()).len(), count);
        assert_eq!(count, ((1 << 20) - 4096) / 1024, "up to the limit");
        let refused = AppendLog::open(folder.name("log")).map(drop);
        assert!(refused.is_ok(), "{refused:?}");
    });
}

/// A daemon opens its log, goes to `/`, and fills it: the next file was made in `/`, and readers waited for it beside the
/// first.
#[test]
fn the_next_file_stands_beside_the_first_wherever_the_process_has_gone() {
    child::run(|| {
        let (folder, elsewhere) = (Folder::new(), Folder::new());
        std::env::set_current_dir(folder.path()).unwrap();
        let log = LogOptions::new().capacity(1 << 16).rotate(100).open("log").unwrap();
        let mut reader = LogReader::open("log").unwrap();
        std::env::set_current_dir(elsewhere.path()).unwrap();
        for _ in 0..200 {
            log.append(&[1; 1000]).unwrap();
            assert!(reader.next_entry().unwrap().is_some());
        }
        assert!(folder.name("log.3").exists());
        assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 0);
    });
}

/// A log whose file was removed began again with number 1: a position was given twice.
#[test]
fn after_its_file_was_removed_a_log_counts_on() {
    let folder = Folder::new();
    let log = LogOptions::new().capacity(1 << 16).rotate(1).open(folder.name("log")).unwrap();
    let first = log.append(&[1; 1000]).unwrap();
    fs::remove_file(log.path()).unwrap();
    let later = (0..100).map(|_| log.append(&[1; 1000]).unwrap()).max().unwrap();
    assert_eq!((first.segment, later.segment), (1, 2));
}
