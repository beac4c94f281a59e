//! The views as files: `Read`, `BufRead`, `Seek`, `Write`, as `std::io::Cursor` does them, and at the edge of what was lost.
//!
//! Readers over mappings in the wild serve stale bytes from their buffer after a seek, count a seek past the end modulo the
//! length, and end a truncated file with a signal; one gave up on all lines of a log because its last page was gone.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may stop at what it does not expect"
)]

use mman::signal::{self, Owner};
use mman::{Anonymous, Cause, Error, MapOptions, Shared, SharedMut};
use mman_testkit::files::{Folder, open_read_write};
use mman_testkit::{child, page, pattern};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use std::fs;
use std::io::{BufRead, Cursor, ErrorKind, Read, Seek, SeekFrom, Write};

/// More than a reader holds at once, so that windows end in the middle.
const LEN: usize = 100_003;

#[derive(Clone, Debug)]
enum Step {
    Read(usize),
    ReadExact(usize),
    ReadToEnd,
    Fill,
    Consume(usize),
    Line(u8),
    Seek(SeekFrom),
    Write(usize, u8),
}

fn far() -> impl Strategy<Value = i64> {
    prop_oneof![
        6 => -40_000..40_000_i64,
        2 => -(LEN as i64) - 10..LEN as i64 + 10,
        1 => any::<i64>(),
        1 => Just(i64::MIN),
        1 => Just(i64::MAX),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let len = || prop_oneof![3 => 0..100_usize, 2 => 0..50_000_usize, 1 => 0..2 * LEN];
    let start = prop_oneof![4 => 0..LEN as u64 + 100, 1 => any::<u64>(), 1 => Just(u64::MAX)];
    prop_oneof![
        3 => len().prop_map(Step::Read),
        2 => len().prop_map(Step::ReadExact),
        1 => Just(Step::ReadToEnd),
        3 => Just(Step::Fill),
        3 => len().prop_map(Step::Consume),
        3 => (0..=255_u8).prop_map(Step::Line),
        2 => start.prop_map(|at| Step::Seek(SeekFrom::Start(at))),
        3 => far().prop_map(|by| Step::Seek(SeekFrom::Current(by))),
        2 => far().prop_map(|by| Step::Seek(SeekFrom::End(by))),
        3 => (len(), 0..=255_u8).prop_map(|(len, byte)| Step::Write(len, byte)),
    ]
}

/// Does the same to both, and asserts that they answer the same.
fn both<R: BufRead + Seek>(ours: &mut R, theirs: &mut Cursor<&[u8]>, step: &Step) {
    match *step {
        Step::Read(len) => {
            let (mut one, mut other) = (vec![0; len], vec![0; len]);
            assert_eq!(ours.read(&mut one).unwrap(), theirs.read(&mut other).unwrap());
            assert!(one == other, "other bytes");
        }
        Step::ReadExact(len) => {
            let (mut one, mut other) = (vec![0; len], vec![0; len]);
            let before = theirs.position();
            match theirs.read_exact(&mut other) {
                Ok(()) => {
                    ours.read_exact(&mut one).unwrap();
                    assert!(one == other, "other bytes");
                }
                Err(error) => {
                    assert_eq!(ours.read_exact(&mut one).unwrap_err().kind(), error.kind());
                    // Where that leaves them is not said.
                    ours.seek(SeekFrom::Start(before)).unwrap();
                    theirs.set_position(before);
                }
            }
        }
        Step::ReadToEnd => {
            let (mut one, mut other) = (vec![1], vec![1]);
            let count = ours.read_to_end(&mut one).unwrap();
            assert_eq!(count, theirs.read_to_end(&mut other).unwrap());
            assert!(one == other, "other bytes");
        }
        Step::Fill => {
            let held = ours.fill_buf().unwrap();
            let wanted = theirs.fill_buf().unwrap();
            assert!(wanted.starts_with(held) && held.is_empty() == wanted.is_empty());
        }
        Step::Consume(most) => {
            let amount = ours.fill_buf().unwrap().len().min(most);
            ours.consume(amount);
            theirs.consume(amount);
        }
        Step::Line(byte) => {
            let (mut one, mut other) = (Vec::new(), Vec::new());
            let count = ours.read_until(byte, &mut one).unwrap();
            assert_eq!(count, theirs.read_until(byte, &mut other).unwrap());
            assert!(one == other, "other bytes");
        }
        Step::Seek(to) => match (ours.seek(to), theirs.seek(to)) {
            (Ok(place), Ok(wanted)) => assert_eq!(place, wanted),
            (Err(error), Err(wanted)) => assert_eq!(error.kind(), wanted.kind()),
            (answer, wanted) => panic!("{to:?}: {answer:?} and not {wanted:?}"),
        },
        Step::Write(..) => {}
    }
    assert_eq!(ours.stream_position().unwrap(), theirs.position());
}

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

fn reads_like_a_cursor() {
    let folder = Folder::new();
    let view = Shared::open(folder.patterned("file", LEN)).unwrap();
    let bytes = pattern::bytes(0, LEN);
    let steps = prop::collection::vec(step(), 1..30);
    let ran = TestRunner::new(config(150)).run(&steps, |steps| {
        let mut ours = view.reader();
        let mut theirs = Cursor::new(&bytes[..]);
        steps.iter().for_each(|step| both(&mut ours, &mut theirs, step));
        Ok(())
    });
    ran.unwrap();
}

#[test]
fn a_reader_is_a_cursor() {
    reads_like_a_cursor();
}

#[test]
fn a_reader_is_a_cursor_by_system_calls_too() {
    child::run(|| {
        signal::set_owner(Owner::Host).unwrap();
        reads_like_a_cursor();
    });
}

proptest! {
    #![proptest_config(config(100))]

    #[test]
    fn a_writer_is_a_cursor(steps in prop::collection::vec(step(), 1..30)) {
        let view = SharedMut::map(&MapOptions::shared(), &Anonymous::new(LEN)).unwrap();
        let mut bytes = vec![0; LEN];
        let mut theirs = Cursor::new(&mut bytes[..]);
        let mut ours = view.writer();
        for step in steps {
            match step {
                Step::Write(len, byte) => {
                    let bytes = vec![byte; len];
                    prop_assert_eq!(ours.write(&bytes).unwrap(), theirs.write(&bytes).unwrap());
                }
                Step::Seek(to) => match (ours.seek(to), theirs.seek(to)) {
                    (Ok(place), Ok(wanted)) => prop_assert_eq!(place, wanted),
                    (answer, wanted) => prop_assert!(answer.is_err() && wanted.is_err()),
                },
                Step::Read(len) => {
                    let bytes = vec![3; len];
                    let (answer, wanted) = (ours.write_all(&bytes), theirs.write_all(&bytes));
                    let kind = |error: std::io::Error| error.kind();
                    prop_assert_eq!(answer.map_err(kind), wanted.map_err(kind));
                }
                _ => ours.flush().unwrap(),
            }
            prop_assert_eq!(ours.stream_position().unwrap(), theirs.position());
        }
        prop_assert!(view.to_vec(..).unwrap() == bytes, "other bytes");
    }
}

#[test]
fn lines_are_those_of_the_file() {
    let folder = Folder::new();
    let path = folder.name("lines");
    let text: String = (0..20_000).map(|line| format!("line {line}\r\n")).collect();
    fs::write(&path, text.clone() + "the last one has no end").unwrap();
    let view = Shared::open(&path).unwrap();
    let lines: Vec<String> = view.reader().lines().map(Result::unwrap).collect();
    let wanted = fs::read_to_string(&path).unwrap();
    assert_eq!(lines, wanted.lines().collect::<Vec<_>>());
    let mut all = String::new();
    view.reader().read_to_string(&mut all).unwrap();
    assert_eq!(all, wanted);
    fs::write(&path, [b'a', 0xff]).unwrap();
    let view = Shared::open(&path).unwrap();
    let error = view.reader().read_to_string(&mut String::new()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidData);
}

/// What the file still has is read, then there is an error that says why, and elsewhere the reader goes on.
fn at_the_edge() {
    let folder = Folder::new();
    let path = folder.name("log");
    let pages = 20;
    fs::write(&path, "0123456789abcde\n".repeat(pages * page() / 16)).unwrap();
    let view = SharedMut::open(&path).unwrap();
    let mut reader = view.reader();
    let mut first = [0; 16];
    reader.read_exact(&mut first).unwrap();
    open_read_write(&path).set_len(4 * page() as u64).unwrap();
    let mut lines = 0;
    let error = loop {
        let mut line = String::new();
        match reader.read_line(&mut line) {
            Ok(16) => lines += 1,
            Ok(count) => panic!("a line of {count}"),
            Err(error) => break error,
        }
    };
    assert_eq!((error.kind(), lines), (ErrorKind::UnexpectedEof, 4 * page() / 16 - 1));
    let inside = error.get_ref().unwrap().downcast_ref::<Error>().unwrap();
    assert_eq!(inside.cause(), Cause::Truncated { at: 4 * page() as u64 });
    assert_eq!(reader.stream_position().unwrap(), 4 * page() as u64);
    for _ in 0..3 {
        assert_eq!(reader.read(&mut first).unwrap_err().kind(), ErrorKind::UnexpectedEof);
        assert!(reader.fill_buf().is_err());
    }
    let mut all = vec![7];
    assert!(reader.read_to_end(&mut all).is_err() && all == [7]);
    assert_eq!(reader.seek(SeekFrom::Start(page() as u64 + 3)).unwrap(), page() as u64 + 3);
    reader.read_exact(&mut first[..4]).unwrap();
    assert_eq!(&first[..4], b"3456");
    assert_eq!(reader.fill_buf().unwrap()[..5], *b"789ab");
    assert!(reader.read_to_end(&mut all).is_err() && all == [7]);
    assert_eq!(reader.stream_position().unwrap(), page() as u64 + 7);
    let mut whole = vec![0; 5 * page()];
    assert_eq!(reader.read(&mut whole).unwrap(), 3 * page() - 7, "what is there of it");
    let mut writer = view.writer();
    writer.seek(SeekFrom::Start(4 * page() as u64 - 4)).unwrap();
    assert_eq!(writer.write(b"four").unwrap(), 4);
    assert_eq!(writer.write(b"more").unwrap_err().kind(), ErrorKind::UnexpectedEof);
    writer.rewind().unwrap();
    writer.write_all(b"again").unwrap();
    assert_eq!(fs::read(&path).unwrap()[..5], *b"again");
}

#[test]
fn a_truncated_file_ends_where_it_was_cut() {
    at_the_edge();
}

#[test]
fn a_truncated_file_ends_there_by_system_calls_too() {
    child::run(|| {
        signal::set_owner(Owner::Host).unwrap();
        at_the_edge();
    });
}
