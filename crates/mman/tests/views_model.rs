//! A shared, a writable and a private view of one file against a plain vector, while the file is cut off and grows.
//!
//! What the crates of the field get wrong in turn: a private page that comes back after a truncation, bytes of the old file
//! after it grew again, a search that finds a zero where nothing is, an error that is forgotten with the next call.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may stop at what it does not expect"
)]

use mman::signal::{self, Owner};
use mman::{Cause, Error, FileObject, MapOptions, Private, Result, Shared, SharedMut};
use mman_testkit::files::{Folder, open_read_write};
use mman_testkit::{child, page};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

const PAGES: usize = 6;
/// The longest the file gets.
const MOST: usize = PAGES * 4096;

#[derive(Clone, Copy, Debug)]
enum What {
    ReadAt,
    ToVec,
    Reader,
    Find(u8),
    FindLast(u8),
    FindBytes,
    Equals(bool),
    Load,
    WriteAt(u8),
    Writer(u8),
    Fill(u8),
    Store(u8),
    Detach,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    /// Of a view, on so many bytes from a place.
    View(usize, What, usize, usize),
    /// The file gets a length.
    SetLen(usize),
    /// Somebody else writes to it.
    Write(usize, usize, u8),
}

fn step() -> impl Strategy<Value = Step> {
    let byte = || 0..4_u8; // few, so that searches find them
    let what = prop_oneof![
        2 => Just(What::ReadAt),
        1 => Just(What::ToVec),
        1 => Just(What::Reader),
        1 => byte().prop_map(What::Find),
        1 => byte().prop_map(What::FindLast),
        1 => Just(What::FindBytes),
        1 => any::<bool>().prop_map(What::Equals),
        1 => Just(What::Load),
        3 => byte().prop_map(What::WriteAt),
        1 => byte().prop_map(What::Writer),
        1 => byte().prop_map(What::Fill),
        1 => byte().prop_map(What::Store),
        1 => Just(What::Detach),
    ];
    let len = || prop_oneof![0..50_usize, 0..3 * 4096_usize];
    let file_len = prop_oneof![(0..=PAGES).prop_map(|at| at * 4096), 0..=MOST, Just(MOST)];
    prop_oneof![
        8 => (0..3_usize, what, 0..MOST, len()).prop_map(|(view, what, at, len)| Step::View(view, what, at, len)),
        1 => file_len.prop_map(Step::SetLen),
        2 => (0..MOST, len(), byte()).prop_map(|(at, len, byte)| Step::Write(at, len, byte)),
    ]
}

/// The file, and the pages that the private view has copied.
struct Model {
    bytes: Vec<u8>,
    copies: BTreeMap<usize, Vec<u8>>,
}

impl Model {
    /// The byte at a place of the file, as a view sees it; `None` where the file has no page.
    fn byte(&self, private: bool, at: usize) -> Option<u8> {
        match self.copies.get(&(at / page())) {
            Some(copy) if private => Some(copy[at % page()]),
            _ if at < self.bytes.len() => Some(self.bytes[at]),
            _ => (at < self.bytes.len().next_multiple_of(page())).then_some(0),
        }
    }

    fn set_len(&mut self, len: usize) {
        self.bytes.resize(len, 0);
        self.copies.retain(|number, _| number * page() < len);
    }

    fn put(&mut self, private: bool, at: usize, byte: u8) {
        if !private {
            self.bytes[at] = byte;
            return;
        }
        let number = at / page();
        if !self.copies.contains_key(&number) {
            let seen = |at| self.byte(true, at).unwrap();
            let copy = (number * page()..(number + 1) * page()).map(seen).collect();
            self.copies.insert(number, copy);
        }
        self.copies.get_mut(&number).unwrap()[at % page()] = byte;
    }
}

/// One file, three views of it, and what they should be.
struct Scene {
    path: PathBuf,
    file: File,
    model: Model,
    lead: usize,
    reading: Shared,
    writing: SharedMut,
    private: Private,
    direct: bool,
}

const PRIVATE: usize = 2;

/// What an operation on a view answered: bytes, a place, a truth.
#[derive(Debug, PartialEq)]
enum Answer {
    Bytes(Vec<u8>),
    Place(Option<usize>),
    Truth(bool),
    Done,
}

impl Scene {
    fn new(folder: &Folder, lead: usize, direct: bool) -> Self {
        let path = folder.name("file");
        let bytes: Vec<u8> = (0..MOST).map(|at| (at / 700 % 4) as u8).collect();
        fs::write(&path, &bytes).unwrap();
        let object = FileObject::open_read_write(&path).unwrap();
        let part = lead as u64..MOST as u64;
        let shared = MapOptions::shared().range(part.clone());
        Self {
            file: open_read_write(&path),
            model: Model { bytes, copies: BTreeMap::new() },
            lead,
            reading: Shared::map(&shared, &object).unwrap(),
            writing: SharedMut::map(&shared, &object).unwrap(),
            private: Private::map(&MapOptions::private().range(part), &object).unwrap(),
            direct,
            path,
        }
    }

    fn view(&self, view: usize) -> &Shared {
        match view {
            0 => &self.reading,
            1 => &self.writing,
            _ => &self.private,
        }
    }

    /// From where on the view has lost its bytes.
    fn lost(&self, view: usize) -> usize {
        match self.view(view).error().map(|error| error.cause()) {
            None => usize::MAX,
            Some(Cause::Truncated { at }) => at as usize,
            Some(other) => panic!("{other:?}"),
        }
    }

    fn seen(&self, view: usize, range: &Range<usize>) -> Vec<Option<u8>> {
        range.clone().map(|at| self.model.byte(view == PRIVATE, self.lead + at)).collect()
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::SetLen(len) => {
                self.file.set_len(len as u64).unwrap();
                self.model.set_len(len);
            }
            Step::Write(at, len, byte) => {
                let end = (at + len).min(self.model.bytes.len());
                let at = at.min(end);
                self.file.write_all_at(&vec![byte; end - at], at as u64).unwrap();
                self.model.bytes[at..end].fill(byte);
            }
            Step::View(view, what, at, len) => self.act(view, what, at, len),
        }
    }

    fn act(&mut self, view: usize, what: What, at: usize, len: usize) {
        let all = MOST - self.lead;
        let at = at.min(all);
        let mut range = at..(at + len).min(all);
        match what {
            What::Load | What::Store(_) if !self.direct => return,
            What::Load | What::Store(_) => {
                let address = self.view(view).as_ptr().addr();
                let at = ((address + at).next_multiple_of(8) - address).min(all);
                if at + 8 > all {
                    return;
                }
                range = at..at + 8;
            }
            What::Detach if view == PRIVATE => range = 0..all,
            What::Detach => return,
            _ => {}
        }
        let puts = match what {
            What::WriteAt(byte) | What::Writer(byte) | What::Fill(byte) | What::Store(byte) => {
                Some(byte)
            }
            _ => None,
        };
        // What is written behind the end of the file, in its last page, is seen by some and not by others.
        let behind = self.model.bytes.len()..self.model.bytes.len().next_multiple_of(page());
        let (start, end) = (self.lead + range.start, self.lead + range.end);
        if puts.is_some() && (view == 0 || (start < behind.end && behind.start < end)) {
            return;
        }
        let (before, seen) = (self.lost(view), self.seen(view, &range));
        let answer = self.ask(view, what, &range, &seen);
        let after = self.lost(view);
        self.check(what, &range, (before, after), &seen, &answer);
        if let Some(byte) = puts {
            self.written(view, &range, after, byte, answer.is_ok());
        }
    }

    /// What comes of an access: an error exactly where bytes were lost, else the right answer.
    fn check(
        &self,
        what: What,
        range: &Range<usize>,
        (before, after): (usize, usize),
        seen: &[Option<u8>],
        answer: &Result<Answer>,
    ) {
        let missing = seen.iter().position(Option::is_none).map(|at| range.start + at);
        let may_stop =
            matches!(what, What::Find(_) | What::FindLast(_) | What::FindBytes | What::Equals(_));
        let fails = if self.direct {
            assert!(after <= before, "what is lost stays lost");
            if after < before {
                let missing = missing.expect("something was missing");
                let first = ((self.lead + missing) / page() * page()).saturating_sub(self.lead);
                assert!(first <= after && after < range.end, "{after} of {missing}");
            }
            assert!(missing.is_none() || may_stop || after < range.end, "told of {missing:?}");
            !range.is_empty() && after < range.end
        } else {
            assert_eq!(after, usize::MAX, "nothing is remembered");
            missing.is_some() && !(may_stop && answer.is_ok())
        };
        match answer {
            Err(error) => {
                let first = if self.direct { after.max(range.start) } else { missing.unwrap() };
                assert!(fails, "{what:?} of {range:?}: {error}");
                let Cause::Truncated { at } = error.cause() else { panic!("{error}") };
                let at = at as usize;
                // From the end on, copies in pieces meet the last ones first.
                let is_first = at == first || (!self.direct && matches!(what, What::FindLast(_)));
                assert!(
                    is_first && first <= at && at < range.end,
                    "{what:?}: {at} and not {first}"
                );
            }
            Ok(answer) => {
                assert!(!fails, "{what:?} of {range:?} is {answer:?}, with {missing:?} missing");
                let known: Vec<u8> = seen.iter().map_while(|byte| *byte).collect();
                let right = right(what, range.start, &known, seen.len());
                assert_eq!(*answer, right, "{what:?} of {range:?}");
                // Two bytes cannot stand in one, whatever is missing.
                let too_short = matches!(what, What::FindBytes) && range.len() < 2;
                let stopped = matches!(right, Answer::Place(Some(_)) | Answer::Truth(false));
                assert!(missing.is_none() || stopped || too_short, "{what:?} without {missing:?}");
            }
        }
    }

    fn ask(
        &self,
        view: usize,
        what: What,
        range: &Range<usize>,
        seen: &[Option<u8>],
    ) -> Result<Answer> {
        let (at, shared) = (range.start, self.view(view));
        let mut bytes = vec![0xaa; range.len()];
        match what {
            What::ReadAt => shared.read_at(at, &mut bytes).map(|()| Answer::Bytes(bytes)),
            What::ToVec => shared.to_vec(range.clone()).map(Answer::Bytes),
            What::Reader => {
                let mut reader = shared.reader();
                reader.seek(SeekFrom::Start(at as u64)).unwrap();
                told(reader.read_exact(&mut bytes)).map(|()| Answer::Bytes(bytes))
            }
            What::Find(byte) => shared.find_byte(range.clone(), byte).map(Answer::Place),
            What::FindLast(byte) => shared.rfind_byte(range.clone(), byte).map(Answer::Place),
            What::FindBytes => shared.find(range.clone(), &[1, 2]).map(Answer::Place),
            What::Equals(right) => {
                let mut bytes: Vec<u8> = seen.iter().map(|byte| byte.unwrap_or(9)).collect();
                if let Some(last) = bytes.last_mut().filter(|_| !right) {
                    *last ^= 0x80;
                }
                let equal = shared.equals(at, &bytes)?;
                // The right answer depends on what was asked, so it is said here.
                assert!(equal == right || bytes.is_empty() || seen.contains(&None));
                Ok(Answer::Truth(false))
            }
            What::Load => {
                shared.load::<u64>(at).map(|word| Answer::Bytes(word.to_ne_bytes().to_vec()))
            }
            What::Detach => self.private.detach().map(|memory| Answer::Bytes(memory.to_vec())),
            _ => self.put(view, what, range).map(|()| Answer::Done),
        }
    }

    fn put(&self, view: usize, what: What, range: &Range<usize>) -> Result<()> {
        let at = range.start;
        let bytes = |byte: u8| vec![byte; range.len()];
        match (what, view) {
            (What::WriteAt(byte), 1) => self.writing.write_at(at, &bytes(byte)),
            (What::WriteAt(byte) | What::Writer(byte), 2) => {
                self.private.write_at(at, &bytes(byte))
            }
            (What::Fill(byte), 1) => self.writing.fill(range.clone(), byte),
            (What::Fill(byte), 2) => self.private.fill(range.clone(), byte),
            (What::Store(byte), 1) => self.writing.store(at, u64::from_ne_bytes([byte; 8])),
            (What::Store(byte), 2) => self.private.store(at, u64::from_ne_bytes([byte; 8])),
            (What::Writer(byte), 1) => {
                let mut writer = self.writing.writer();
                writer.seek(SeekFrom::Start(at as u64)).unwrap();
                told(writer.write_all(&bytes(byte)))
            }
            other => panic!("{other:?}"),
        }
    }

    /// What was written is in the model too. After an error each byte may be written or not: it is looked at.
    fn written(&mut self, view: usize, range: &Range<usize>, lost: usize, byte: u8, all: bool) {
        let private = view == PRIVATE;
        for at in range.clone().take_while(|at| *at < lost) {
            let place = self.lead + at;
            let Some(old) = self.model.byte(private, place) else { break };
            let mut now = [byte];
            if !all {
                self.view(view).read_at(at, &mut now).unwrap();
                assert!(now[0] == byte || now[0] == old, "byte {at} is the old one or the new one");
                if private {
                    self.private.write_at(at, &now).unwrap(); // a copy for certain
                }
            }
            self.model.put(private, place, now[0]);
        }
    }
}

/// The error of the house inside one of `std`.
fn told(answer: io::Result<()>) -> Result<()> {
    answer.map_err(|error| {
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        *error.get_ref().unwrap().downcast_ref::<Error>().unwrap()
    })
}

/// What is right to answer, of the bytes that are there.
fn right(what: What, start: usize, known: &[u8], len: usize) -> Answer {
    let place = |at: Option<usize>| Answer::Place(at.map(|at| start + at));
    match what {
        What::Find(byte) => place(known.iter().position(|is| *is == byte)),
        What::FindLast(_) if known.len() < len => panic!("the last ones were missing"),
        What::FindLast(byte) => place(known.iter().rposition(|is| *is == byte)),
        What::FindBytes => place(known.windows(2).position(|two| two == [1, 2])),
        What::Equals(_) => Answer::Truth(false),
        What::WriteAt(_) | What::Writer(_) | What::Fill(_) | What::Store(_) => Answer::Done,
        _ => Answer::Bytes(known.to_vec()),
    }
}

fn compare(direct: bool, cases: u32) {
    let config = ProptestConfig {
        cases,
        failure_persistence: None,
        max_shrink_iters: 300,
        ..ProptestConfig::default()
    };
    let folders = [Folder::new(), Folder::in_shared_memory()];
    let lead = prop_oneof![Just(0_usize), 1..9000_usize];
    let strategy = (lead, 0..2_usize, prop::collection::vec(step(), 1..40));
    let ran = TestRunner::new(config).run(&strategy, |(lead, folder, steps)| {
        let mut scene = Scene::new(&folders[folder], lead, direct);
        steps.iter().for_each(|step| scene.step(*step));
        assert!(fs::read(&scene.path).unwrap() == scene.model.bytes, "the file");
        Ok(())
    });
    ran.unwrap();
}

#[test]
fn views_are_the_file_or_an_error() {
    compare(true, 300);
}

#[test]
fn views_by_system_calls_are_the_file_or_an_error() {
    child::run(|| {
        signal::set_owner(Owner::Host).unwrap();
        compare(false, 200);
    });
}
