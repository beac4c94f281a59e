//! Snapshots: what is written comes back, and of what somebody else made nothing is believed.
//!
//! The fuzzer is here, and not a target of its own: the reader is private to the command, and is safe code, so that a
//! panic or a wrong answer is all that can be found. `MMAN_FUZZ_CALLS` says how many snapshots the long test makes
//! (`cargo xtask fuzz` sets it); `MMAN_FUZZ_SEED` makes those of one seed again.
#![allow(clippy::arithmetic_side_effects, reason = "test code: an overflow stops it")]

use super::frame::{self, Kind};
use super::number::put;
use super::*;
use std::ffi::OsString;
use std::io::Cursor;
use std::ops::Range;
use std::os::unix::ffi::OsStringExt;
use std::path::Path;

/// How many snapshots are made where nobody says.
const SNAPSHOTS: u64 = 3000;
const PAGE: u64 = 4096;

type File = (FileHead, Vec<Range<u64>>);
type Frames = Vec<(Kind, Vec<u8>)>;

/// SplitMix64.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.roll() % limit.max(1)
    }

    /// Small numbers as often as large ones, of at most so many bits.
    fn scaled(&mut self, bits: u64) -> u64 {
        let bits = self.below(bits);
        self.below(1 << bits)
    }
}

fn header() -> Header {
    Header { taken: 1_700_000_000_000_000_000, page: PAGE, hot: false }
}

fn write(roots: &[&Path], files: &[File]) -> Vec<u8> {
    let writer = Writer::new(Vec::new(), &header(), roots.iter().copied()).unwrap();
    for (head, runs) in files {
        let mut file = writer.file(head);
        for run in runs {
            file.run(run.clone()).unwrap();
        }
        file.finish().unwrap();
    }
    writer.finish().unwrap().0
}

fn read(bytes: &[u8]) -> Result<Vec<File>, Malformed> {
    let mut reader = Reader::new(bytes)?;
    let mut files: Vec<File> = Vec::new();
    while let Some(head) = reader.next_file()? {
        let mut all = Vec::new();
        while let Some(runs) = reader.next_runs()? {
            assert!(runs.len() <= frame::LONGEST, "never more than a frame holds");
            all.extend(runs);
        }
        files.push((head, all));
    }
    Ok(files)
}

fn some_files(dice: &mut Dice) -> Vec<File> {
    let count = dice.below(4);
    let file = |number| {
        let size = dice.scaled(45);
        let pages = size.div_ceil(PAGE);
        let known = dice.below(5) > 0;
        let mut runs: Vec<Range<u64>> = Vec::new();
        let mut at = dice.below(3);
        let most = if dice.below(30) == 0 { 100_000 } else { 60 };
        for _ in 0..dice.below(most) {
            let start = at;
            at += 1 + dice.scaled(12);
            if !known || at > pages {
                break;
            }
            runs.push(start..at);
            at += 1 + dice.scaled(20);
        }
        let modified = Modified {
            seconds: dice.roll().cast_signed() >> dice.below(60),
            nanoseconds: u32::try_from(dice.below(1_000_000_000)).unwrap(),
        };
        let mut path = b"/some/\xff\n".to_vec();
        path.resize(path.len() + usize::try_from(dice.below(300)).unwrap(), b'a' + number);
        let path = PathBuf::from(OsString::from_vec(path));
        let (device, inode) = (dice.roll(), dice.roll());
        (FileHead { path, size, modified, device, inode, known }, runs)
    };
    (0..u8::try_from(count).unwrap()).map(file).collect()
}

#[test]
fn what_is_written_comes_back() {
    let mut dice = Dice(1);
    for _ in 0..300 {
        let files = some_files(&mut dice);
        let bytes = write(&[Path::new("/some")], &files);
        assert!(read(&bytes).unwrap() == files);
    }
    assert!(read(&write(&[], &[])).unwrap().is_empty());
}

#[test]
fn runs_that_touch_become_one() {
    let head = FileHead { path: "/a".into(), size: 10 * PAGE, known: true, ..FileHead::default() };
    let bytes = write(&[], &[(head, vec![0..2, 2..3, 5..5, 6..7, 7..10])]);
    assert_eq!(read(&bytes).unwrap()[0].1, [0..3, 6..10]);
}

#[test]
fn every_file_is_found_again() {
    let mut dice = Dice(2);
    let mut files: Vec<File> = (0..40).flat_map(|_| some_files(&mut dice)).collect();
    for (number, (head, _)) in files.iter_mut().enumerate() {
        head.path = format!("/file/{number}").into();
    }
    let bytes = write(&[Path::new("/file"), Path::new("/other")], &files);
    let mut reader = Reader::new(Cursor::new(&bytes)).unwrap();
    let mut shown = 0;
    let index = Index::read(&mut reader, |_| shown += 1).unwrap();
    assert_eq!((shown, index.totals.files), (files.len(), files.len() as u64));
    assert_eq!(index.roots, [Path::new("/file"), Path::new("/other")]);
    for (head, runs) in files.iter().rev() {
        let (number, found) = index.find(&mut reader, &head.path).unwrap().unwrap();
        assert_eq!(found, *head);
        let mut all = Vec::new();
        while let Some(more) = reader.next_runs().unwrap() {
            all.extend(more);
        }
        assert!(all == *runs);
        assert_eq!(index.file(&mut reader, number).unwrap().unwrap(), *head);
    }
    assert!(index.find(&mut reader, Path::new("/file")).unwrap().is_none());
}

#[test]
fn a_snapshot_that_is_cut_off_is_told_at_every_byte() {
    let mut dice = Dice(3);
    let files: Vec<File> = (0..4).flat_map(|_| some_files(&mut dice)).collect();
    let bytes = write(&[Path::new("/some")], &files);
    for len in 0..bytes.len() {
        match read(&bytes[..len]) {
            Err(Malformed::NoSnapshot) => assert!(len < MAGIC.len()),
            Err(Malformed::Truncated { at }) => assert_eq!(at, len as u64),
            other => panic!("{len} of {}: {other:?}", bytes.len()),
        }
    }
}

/// A snapshot of frames that somebody made up, their checksums right.
fn made_up(frames: &[(Kind, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&VERSION.to_le_bytes());
    for (kind, payload) in frames {
        frame::put(&mut bytes, *kind, payload);
    }
    bytes
}

fn numbers(values: &[u64]) -> Vec<u8> {
    let mut out = Vec::new();
    for value in values {
        put(&mut out, *value);
    }
    out
}

fn file_frame(known: u64, size: u64, nanoseconds: u64, path: &[u8]) -> (Kind, Vec<u8>) {
    (Kind::File, [numbers(&[known, size, 0, nanoseconds, 1, 1]), path.to_vec()].concat())
}

#[test]
fn what_makes_no_sense_is_told_by_its_place() {
    let head = || (Kind::Header, numbers(&[0, PAGE, 0]));
    let file = || file_frame(1, 10 * PAGE, 0, b"/a");
    let runs = |values: &[u64]| (Kind::Runs, numbers(values));
    let huge = u64::MAX;
    let long = [b"/".to_vec(), vec![b'a'; LONGEST_PATH]].concat();
    let cases: Vec<(&str, Frames)> = vec![
        ("begin with its header", vec![file()]),
        ("begin with its header", vec![(Kind::End, numbers(&[0, 0, 0]))]),
        ("its header makes no sense", vec![(Kind::Header, numbers(&[0, 0, 0]))]),
        ("its header makes no sense", vec![(Kind::Header, numbers(&[0, 4095, 0]))]),
        ("its header makes no sense", vec![(Kind::Header, numbers(&[0, 1 << 63, 0]))]),
        ("its header makes no sense", vec![(Kind::Header, numbers(&[0, PAGE, 2]))]),
        ("its header makes no sense", vec![(Kind::Header, numbers(&[0, PAGE, 0, 0]))]),
        ("a second header", vec![head(), head()]),
        ("a root behind a file", vec![head(), file(), (Kind::Root, b"/a".to_vec())]),
        ("a path that is none", vec![head(), (Kind::Root, b"".to_vec())]),
        ("a path that is none", vec![head(), (Kind::Root, b"a".to_vec())]),
        ("a file that makes no sense", vec![head(), file_frame(1, 1, 0, b"")]),
        ("a file that makes no sense", vec![head(), file_frame(1, 1, 0, b"etc/passwd")]),
        ("a file that makes no sense", vec![head(), file_frame(1, 1, 0, b"/a\0b")]),
        ("a file that makes no sense", vec![head(), file_frame(1, 1, 0, &long)]),
        ("a file that makes no sense", vec![head(), file_frame(2, 1, 0, b"/a")]),
        ("a file that makes no sense", vec![head(), file_frame(1, huge, 0, b"/a")]),
        ("a file that makes no sense", vec![head(), file_frame(1, 1, 1_000_000_000, b"/a")]),
        ("a file that makes no sense", vec![head(), (Kind::File, vec![1, 1, 0x80])]),
        ("the file does not have", vec![head(), runs(&[0, 1])]),
        ("the file does not have", vec![head(), file(), runs(&[])]),
        ("the file does not have", vec![head(), file(), runs(&[0, 11])]),
        ("the file does not have", vec![head(), file(), runs(&[10, 1])]),
        ("the file does not have", vec![head(), file(), runs(&[0, 0])]),
        ("the file does not have", vec![head(), file(), runs(&[0, 1, 0, 1])]),
        ("the file does not have", vec![head(), file(), runs(&[0, 1, 1, 8, 0, 1])]),
        ("the file does not have", vec![head(), file(), runs(&[huge, huge])]),
        ("the file does not have", vec![head(), file(), runs(&[1, huge])]),
        ("the file does not have", vec![head(), file(), runs(&[1])]),
        ("the file does not have", vec![head(), file(), runs(&[2, 5]), runs(&[0, 1])]),
        ("the file does not have", vec![head(), file_frame(0, PAGE, 0, b"/a"), runs(&[0, 1])]),
        ("counts other files", vec![head(), file(), (Kind::End, numbers(&[0, 0, 0]))]),
        ("counts other files", vec![head(), file(), (Kind::End, numbers(&[1, 1, 0]))]),
        ("counts other files", vec![head(), file(), (Kind::End, numbers(&[1, 0, huge]))]),
        ("an end that makes no sense", vec![head(), (Kind::End, vec![])]),
        ("something follows", vec![head(), (Kind::End, numbers(&[0, 0, 0])), head()]),
    ];
    for (expected, frames) in cases {
        let message = read(&made_up(&frames)).unwrap_err().to_string();
        assert!(message.contains(expected) && message.contains("damaged at byte"), "{message}");
        assert!(!message.contains('\n'), "{message}");
    }
    let good = [head(), file(), runs(&[0, 1, 1, 8]), (Kind::End, numbers(&[1, 0, 9]))];
    assert_eq!(read(&made_up(&good)).unwrap()[0].1, [0..1, 2..10]);
}

#[test]
fn other_files_and_other_versions_are_told() {
    let bytes = write(&[], &[]);
    for other in [&b""[..], b"mman", b"mmansnaX\x01\0\0\0", b"#!/bin/sh\necho\n"] {
        assert!(matches!(read(other), Err(Malformed::NoSnapshot)), "{other:?}");
    }
    let mut newer = bytes.clone();
    newer[8] = 2;
    let message = read(&newer).unwrap_err().to_string();
    assert!(message.contains("version 2") && message.contains("reads version 1"), "{message}");
    let mut long = bytes;
    long[13..17].copy_from_slice(&u32::MAX.to_le_bytes());
    let message = read(&long).unwrap_err().to_string();
    assert!(message.contains("longer than frames are"), "{message}");
}

#[test]
fn one_wrong_bit_anywhere_is_found() {
    let mut dice = Dice(4);
    let files: Vec<File> = (0..3).flat_map(|_| some_files(&mut dice)).collect();
    let bytes = write(&[], &files);
    for at in 0..bytes.len().min(4000) {
        let mut bad = bytes.clone();
        bad[at] ^= 1 << dice.below(8);
        assert!(read(&bad).is_err(), "byte {at}");
    }
}

/// Changes of a snapshot: bytes, whole frames, and payloads whose checksums are right.
fn change(bytes: &mut Vec<u8>, dice: &mut Dice) {
    let at = |dice: &mut Dice, len: usize| usize::try_from(dice.below(len as u64)).unwrap();
    for _ in 0..=dice.below(4) {
        let len = bytes.len();
        match dice.below(5) {
            0 => bytes.truncate(at(dice, len)),
            1 if len > 0 => bytes[at(dice, len)] = dice.roll().to_le_bytes()[0],
            2 => {
                let (from, to) = (at(dice, len), at(dice, len));
                let piece = bytes.get(from..to.min(from + 400)).unwrap_or_default().to_vec();
                let place = at(dice, len);
                bytes.splice(place..place, piece);
            }
            _ => repair(bytes, dice),
        }
    }
}

/// Changes a byte of a payload, and makes its checksum right again.
fn repair(bytes: &mut [u8], dice: &mut Dice) {
    let mut frames = Vec::new();
    let mut at = 12;
    while let Some(head) = bytes.get(at..at + frame::HEAD) {
        let len = u32::from_le_bytes([head[1], head[2], head[3], head[4]]) as usize;
        let end = at + frame::HEAD + len;
        if len > frame::LONGEST || bytes.len() < end + frame::TAIL {
            break;
        }
        frames.push(at..end);
        at = end + frame::TAIL;
    }
    let Some(frame) = frames.get(usize::try_from(dice.below(frames.len() as u64)).unwrap()) else {
        return;
    };
    if frame.len() > frame::HEAD {
        let payload = frame.len() - frame::HEAD;
        let near = payload.min(if dice.below(2) == 0 { 16 } else { payload });
        let place = frame.start + frame::HEAD + usize::try_from(dice.below(near as u64)).unwrap();
        bytes[place] = match dice.below(3) {
            0 => 0xff,
            1 => 0,
            _ => dice.roll().to_le_bytes()[0],
        };
    }
    let sum = super::check::crc(&[&bytes[frame.clone()]]).to_le_bytes();
    bytes[frame.end..frame.end + frame::TAIL].copy_from_slice(&sum);
}

#[test]
fn random_calls_of_the_reader_of_snapshots() {
    let number = |name| std::env::var(name).ok().and_then(|value| value.parse::<u64>().ok());
    let calls = number("MMAN_FUZZ_CALLS");
    let fresh = || std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), 0);
    let seed =
        number("MMAN_FUZZ_SEED").unwrap_or_else(|| if calls.is_some() { fresh() } else { 7 });
    // A snapshot is as much work as many calls.
    let count = calls.map_or(SNAPSHOTS, |calls| calls / 20);
    println!("snapshots: MMAN_FUZZ_SEED={seed}, {count} of them");
    let mut dice = Dice(seed);
    let mut accepted = 0_u64;
    for _ in 0..count {
        let files = some_files(&mut dice);
        let mut bytes = write(&[Path::new("/some")], &files);
        change(&mut bytes, &mut dice);
        let Ok(files) = read(&bytes) else { continue };
        accepted += 1;
        for (head, runs) in files {
            assert!(head.path.is_absolute());
            let pages = head.size.div_ceil(512);
            let mut end = None;
            for run in runs {
                assert!(run.start < run.end && run.end <= pages, "{head:?} {run:?}");
                assert!(end.is_none_or(|end| run.start > end), "{head:?} {run:?}");
                end = Some(run.end);
            }
        }
    }
    assert!(accepted > count / 100, "some of them are whole: {accepted}");
}
