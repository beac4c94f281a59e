//! Views of files while others truncate, grow, punch, rename, unlink and replace them; and any range of any method.
//!
//! Crates of the field read the neighbour's bytes for an offset that is no page boundary, add offset and length until they
//! wrap, and die of SIGBUS when a log is rotated by truncation. One wrote zeros to a backup for what was truncated while
//! it was being written, and called that a success.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may stop at what it does not expect"
)]

use mman::signal::{self, Owner};
use mman::{
    Anonymous, Cause, FileObject, Hint, MapOptions, Operation, Private, Result, Shared, SharedMut,
};
use mman_testkit::files::{Folder, open_read_write};
use mman_testkit::{child, limits, line_of, page, pattern};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use rustix::fs::{FallocateFlags, fallocate};
use std::fmt::Debug;
use std::fs;
use std::io::Read;
use std::ops::{Bound, Deref, Range, RangeBounds};
use std::path::Path;
use std::sync::atomic::Ordering;
use std::thread;

const PAGES: usize = 5;

/// The three views of a file, by what they have in common.
fn views(path: &Path) -> [Box<dyn Deref<Target = Shared>>; 3] {
    [
        Box::new(Itself(Shared::open(path).unwrap())),
        Box::new(SharedMut::open(path).unwrap()),
        Box::new(Private::open(path).unwrap()),
    ]
}

/// A view that is a `Shared` already.
struct Itself(Shared);

impl Deref for Itself {
    type Target = Shared;
    fn deref(&self) -> &Shared {
        &self.0
    }
}

#[track_caller]
fn assert_reads(view: &Shared, at: usize, wanted: &[u8]) {
    let mut bytes = vec![0xaa; wanted.len()];
    view.read_at(at, &mut bytes).unwrap();
    assert_eq!(bytes, wanted);
    assert_eq!(view.to_vec(at..at + wanted.len()).unwrap(), wanted);
    assert!(view.equals(at, wanted).unwrap());
}

#[test]
fn a_file_that_shrinks_takes_its_pages_along() {
    let folder = Folder::new();
    for kind in 0..3 {
        let path = folder.patterned("file", 6 * page());
        let view = &views(&path)[kind];
        open_read_write(&path).set_len(2 * page() as u64 + 100).unwrap();
        assert_reads(view, 0, &pattern::bytes(0, 2 * page() + 100));
        // The rest of the last page is there, as zeros: no page is missing.
        assert_reads(view, 2 * page() + 100, &vec![0; page() - 100]);
        let truncated = Cause::Truncated { at: 3 * page() as u64 };
        for answer in [
            view.read_at(0, &mut vec![0; 6 * page()]),
            view.to_vec(..).map(drop),
            view.find_byte(3 * page().., 0).map(drop),
            view.rfind_byte(.., 0).map(drop),
            view.find(2 * page().., &[1; 300]).map(drop),
            view.equals(3 * page() - 1, &[0; 2]).map(drop),
            view.load::<u64>(3 * page()).map(drop),
            view.write_out(fs::File::create(folder.name("copy")).unwrap(), ..),
        ] {
            assert_eq!(answer.unwrap_err().cause(), truncated, "view {kind}");
        }
        assert_eq!(view.error().unwrap().cause(), truncated);
        // No bytes are none of those that were lost.
        view.read_at(5 * page(), &mut []).unwrap();
        assert_eq!(view.to_vec(6 * page()..).unwrap(), []);
        assert!(view.equals(4 * page(), &[]).unwrap());
        assert_eq!(view.find_byte(5 * page()..5 * page(), 0).unwrap(), None);
        let line = line_of(&view.error().unwrap());
        assert!(line.contains("a regular file"), "{line}");
    }
}

#[test]
fn a_file_that_grows_shows_no_more_than_was_mapped() {
    let folder = Folder::new();
    for kind in 0..3 {
        let path = folder.patterned("file", page() + 10);
        let view = &views(&path)[kind];
        fs::write(&path, pattern::bytes(0, 4 * page())).unwrap(); // truncates, and writes more
        assert_eq!(view.len(), page() + 10);
        assert_reads(view, 0, &pattern::bytes(0, page() + 10));
        let error = view.read_at(page(), &mut [0; 11]).unwrap_err();
        assert!(matches!(error.cause(), Cause::Range(_)), "{error}");
    }
}

#[test]
fn a_hole_is_zeros_and_no_loss() {
    let folder = Folder::new();
    for kind in 0..3 {
        let path = folder.patterned("file", 4 * page());
        let view = &views(&path)[kind];
        assert_reads(view, 0, &pattern::bytes(0, 4 * page()));
        let hole = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        let file = open_read_write(&path);
        fallocate(&file, hole, page() as u64, 2 * page() as u64).unwrap();
        assert_reads(view, page(), &vec![0; 2 * page()]);
        assert_reads(view, 3 * page(), &pattern::bytes(3 * page() as u64, page()));
        assert!(view.error().is_none());
    }
}

#[test]
fn a_name_that_goes_takes_nothing_along() {
    let folder = Folder::new();
    for kind in 0..3 {
        let path = folder.patterned("file", 3 * page());
        let view = &views(&path)[kind];
        fs::rename(&path, folder.name("renamed")).unwrap();
        assert_reads(view, 0, &pattern::bytes(0, 3 * page()));
        fs::remove_file(folder.name("renamed")).unwrap();
        assert_reads(view, 0, &pattern::bytes(0, 3 * page()));
        // Another file of the name, as editors and package managers put there.
        fs::write(folder.name("new"), "short").unwrap();
        fs::rename(folder.name("new"), &path).unwrap();
        assert_reads(view, 0, &pattern::bytes(0, 3 * page()));
        assert_reads(&Shared::open(&path).unwrap(), 0, b"short");
    }
}

#[test]
fn what_is_copied_on_write_is_no_snapshot() {
    let folder = Folder::new();
    let path = folder.patterned("file", 4 * page());
    let view = Private::open(&path).unwrap();
    view.write_at(page() + 7, b"mine").unwrap();
    view.store(3 * page(), 0x1234_5678_u32).unwrap();
    assert_eq!(fs::read(&path).unwrap(), pattern::bytes(0, 4 * page()), "the file is as it was");
    let file = open_read_write(&path);
    std::os::unix::fs::FileExt::write_at(&file, &[7; 9000], 0).unwrap();
    assert_reads(&view, 0, &[7; 16]); // a page that was not written to follows the file
    assert_reads(&view, page() + 7, b"mine");
    let mut own = view.detach().unwrap();
    file.set_len(page() as u64 + 1).unwrap();
    assert_reads(&view, page() + 7, b"mine"); // a page of which the file has a part stays
    let error = view.load::<u32>(3 * page()).unwrap_err();
    assert_eq!(error.cause(), Cause::Truncated { at: 3 * page() as u64 });
    assert!(view.detach().is_err() && view.into_mapping().is_err());
    own[0] = 1;
    assert_eq!((&own[page() + 7..][..4], own.len()), (&b"mine"[..], 4 * page()));
}

/// The kernel found the zeros that another thread's read had put in the place of lost pages, and the caller was told that
/// all was written.
#[test]
fn what_is_lost_while_it_is_written_out_is_told() {
    const ALL: usize = 64;
    let folder = Folder::new();
    let path = folder.name("file");
    fs::write(&path, vec![b'x'; ALL * page()]).unwrap();
    let view = Shared::open(&path).unwrap();
    let (mut reader, writer) = std::io::pipe().unwrap();
    thread::scope(|scope| {
        let written = scope.spawn(|| {
            let answer = view.write_out(&writer, ..);
            drop(writer);
            answer
        });
        // The pipe does not hold all, so the other thread is not done.
        while rustix::io::ioctl_fionread(&reader).unwrap() == 0 {
            thread::yield_now();
        }
        open_read_write(&path).set_len(0).unwrap();
        assert!(view.read_at(0, &mut [0]).is_err());
        let mut bytes = Vec::new();
        reader.read_to_end(&mut bytes).unwrap();
        let error = written.join().unwrap().unwrap_err();
        assert_eq!(error.cause(), Cause::Truncated { at: 0 });
        assert_eq!(error.operation(), Operation::WriteOut);
    });
}

#[test]
fn bytes_past_the_end_come_when_the_object_grows() {
    let folder = Folder::new();
    let path = folder.patterned("file", page());
    let object = FileObject::open_read_write(&path).unwrap();
    let options = MapOptions::shared().range(..8 * page() as u64).past_end();
    let view = SharedMut::map(&options, &object).unwrap();
    assert_eq!(view.len(), 8 * page());
    object.file().set_len(4 * page() as u64).unwrap();
    view.write_at(2 * page(), b"now").unwrap();
    assert_eq!(&fs::read(&path).unwrap()[2 * page()..][..3], b"now");
    assert!(view.write_at(6 * page(), b"never").is_err());
    object.file().set_len(8 * page() as u64).unwrap();
    assert!(view.read_at(7 * page(), &mut [0]).is_err(), "what was asked for too early stays lost");
    view.write_at(4 * page(), b"there").unwrap(); // and nothing else is
    assert_eq!(&fs::read(&path).unwrap()[4 * page()..][..5], b"there");
    let private = Private::map(&MapOptions::private().past_end().range(100..20_000), &object);
    assert_eq!(private.unwrap().len(), 19_900);
}

#[test]
fn files_without_a_length_and_devices() {
    let folder = Folder::new();
    let empty = folder.patterned("empty", 0);
    for path in [empty.as_path(), Path::new("/proc/self/status"), Path::new("/proc/cpuinfo")] {
        let view = Shared::open(path).unwrap();
        assert!(view.is_empty() && view.error().is_none());
        assert_eq!(view.find(.., b"").unwrap(), Some(0));
        assert_eq!(view.reader().read_to_end(&mut Vec::new()).unwrap(), 0);
        assert!(Private::open(path).unwrap().detach().unwrap().is_empty());
        assert!(view.into_mapping().unwrap().is_empty());
    }
    let error = Shared::open("/sys/kernel/mm/transparent_hugepage/enabled").unwrap_err();
    assert!(matches!(error.cause(), Cause::SharedRefused | Cause::NotMappable), "{error}");
    assert!(Private::open("/sys/kernel/mm/transparent_hugepage/enabled").is_err());
    assert!(Shared::open(folder.path()).is_err() && Shared::open(folder.fifo("fifo")).is_err());
    assert!(Shared::open("/dev/null").is_err() && SharedMut::open("/dev/full").is_err());
    let zero = FileObject::open_read_write("/dev/zero").unwrap();
    assert!(Shared::new(&zero).is_err(), "how long it is has to be said");
    let shared = MapOptions::shared().range(..10_000);
    let view = SharedMut::map(&shared, &zero).unwrap();
    view.write_at(9_999, b"!").unwrap();
    assert_eq!(view.rfind_byte(.., b'!').unwrap(), Some(9_999));
    let other = Shared::map(&shared, &zero).unwrap();
    assert_eq!(other.find_byte(.., b'!').unwrap(), None, "memory of its own");
    let private = Private::map(&MapOptions::private().range(3..9_000), &zero).unwrap();
    private.fill(.., 5).unwrap();
    assert_eq!(private.detach().unwrap().iter().map(|byte| u64::from(*byte)).sum::<u64>(), 44_985);
}

#[test]
fn views_are_made_of_the_mappings_they_say() {
    let folder = Folder::new();
    let object = FileObject::open_read_write(folder.patterned("file", 2 * page())).unwrap();
    let (shared, private) = (MapOptions::shared(), MapOptions::private());
    assert_eq!(Shared::map(&private, &object).unwrap_err().cause(), Cause::NotShared);
    assert_eq!(SharedMut::map(&private, &object).unwrap_err().cause(), Cause::NotShared);
    assert_eq!(Private::map(&shared, &object).unwrap_err().cause(), Cause::NotPrivate);
    assert_eq!(
        Shared::map(&MapOptions::droppable(), &Anonymous::new(1)).unwrap_err().cause(),
        Cause::NotShared
    );
    for options in [shared.grows_down(), private.grows_down()] {
        let anonymous = Anonymous::new(page());
        assert!(Shared::map(&options, &anonymous).is_err());
        assert!(Private::map(&options, &anonymous).is_err());
    }
    let read_only = FileObject::open(folder.name("file")).unwrap();
    assert_eq!(SharedMut::new(&read_only).unwrap_err().cause(), Cause::NotWritable);
    Shared::map(&shared.validate().populate().locked(), &read_only).unwrap();
    let view = Private::map(&private.no_reserve().populate().locked(), &read_only).unwrap();
    view.write_at(0, b"a copy").unwrap();
    let mapping = Shared::new(&object).unwrap().into_mapping().unwrap();
    let denied = mapping.write_at(0, b"x").unwrap_err();
    assert_eq!(denied.cause(), Cause::Denied, "what was asked of the options does not count");
    let view = Shared::map(&shared.read_write(), &object).unwrap();
    assert!(view.into_mapping().unwrap().write_at(0, b"x").is_err());
}

/// Programs that must not wait lock all the memory they will ever map. The zeros in the place of lost pages were more than
/// the limit allows, and the process died of the signal after all.
#[test]
fn a_process_that_locks_all_its_memory_survives_a_truncation() {
    child::run(|| {
        let folder = Folder::new();
        let path = folder.patterned("file", 400 * page());
        let view = SharedMut::open(&path).unwrap();
        open_read_write(&path).set_len(page() as u64).unwrap();
        mman_sys::mlockall(mman_sys::LockAllFlags::FUTURE).unwrap();
        limits::locked_memory(64 * page() as u64);
        let error = view.read_at(300 * page(), &mut [0; 3]).unwrap_err();
        assert_eq!(error.cause(), Cause::Truncated { at: 300 * page() as u64 });
        assert!(
            view.write_at(10 * page(), b"x").is_err()
                && view.fill(390 * page()..391 * page(), 1).is_err()
        );
        assert_reads(&view, 0, &pattern::bytes(0, page()));
    });
}

type Bounds = (Bound<usize>, Bound<usize>);

/// Numbers near what matters: the bytes of the view, page boundaries, the ends of all numbers.
fn number() -> impl Strategy<Value = usize> {
    prop_oneof![
        6 => (0..=PAGES + 1, -3..=3_isize).prop_map(|(at, by)| (at * 4096).wrapping_add_signed(by)),
        6 => 0..=(PAGES + 1) * 4096,
        1 => (0..=2 * 4096_usize).prop_map(|below| usize::MAX - below),
        1 => (0..=2 * 4096_usize).prop_map(|around| (isize::MAX as usize - 4096) + around),
        1 => any::<usize>(),
    ]
}

fn bound() -> impl Strategy<Value = Bound<usize>> {
    (number(), 0..7_u8).prop_map(|(at, kind)| match kind {
        0 => Bound::Unbounded,
        1 => Bound::Excluded(at),
        2..=4 => Bound::Included(at),
        _ => Bound::Excluded(at.saturating_add(1)),
    })
}

/// What bounds mean for `len` bytes, said another way than in the library.
fn meant(bounds: &Bounds, len: usize) -> Option<Range<usize>> {
    let wide = |value: usize| value as u128;
    let start = match bounds.start_bound() {
        Bound::Included(at) => wide(*at),
        Bound::Excluded(at) => wide(*at) + 1,
        Bound::Unbounded => 0,
    };
    let end = match bounds.end_bound() {
        Bound::Included(at) => wide(*at) + 1,
        Bound::Excluded(at) => wide(*at),
        Bound::Unbounded => wide(len),
    };
    (start <= end && end <= wide(len)).then_some(start as usize..end as usize)
}

/// A view of `len` bytes that begins `lead` bytes inside the file, and what is asked of it.
#[derive(Clone, Debug)]
struct Case {
    lead: usize,
    len: usize,
    bounds: Bounds,
    at: usize,
    count: usize,
    byte: u8,
}

fn case() -> impl Strategy<Value = Case> {
    let lead = prop_oneof![Just(0_usize), 1..9000_usize];
    let len = prop_oneof![1..=PAGES * 4096, Just(3 * 4096_usize)];
    let asked = ((bound(), bound()), number(), 0..9000_usize, any::<u8>());
    (lead, len, asked).prop_map(|(lead, len, (bounds, at, count, byte))| Case {
        lead,
        len,
        bounds,
        at,
        count,
        byte,
    })
}

/// Asserts that the answer is the right one, or an error of the range where there is none.
#[track_caller]
fn assert_answer<T: Debug + PartialEq>(operation: Operation, answer: Result<T>, right: Option<T>) {
    match (answer, right) {
        (Ok(answer), Some(right)) => assert_eq!(answer, right, "{operation}"),
        (Err(error), None) => {
            assert!(matches!(error.cause(), Cause::Range(_)), "{error}");
            assert_eq!((error.operation(), error.errno()), (operation, None), "{error}");
            assert!(line_of(&error).starts_with(&format!("{operation} ")));
        }
        (answer, right) => panic!("{operation}: {answer:?} and not {right:?}"),
    }
}

/// Every method that reads.
fn check_reads(view: &Shared, model: &[u8], case: &Case) {
    let Case { bounds, at, count, byte, .. } = *case;
    let bytes = meant(&bounds, model.len());
    let part = bytes.clone().map(|range| &model[range]);
    let from = bytes.clone().unwrap_or(0..0).start;
    let place = at.checked_add(count).filter(|end| *end <= model.len()).map(|end| &model[at..end]);
    assert_answer(Operation::Read, view.to_vec(bounds), part.map(<[u8]>::to_vec));
    let mut copy = vec![0; count];
    let answer = view.read_at(at, &mut copy);
    assert_answer(Operation::Read, answer.map(|()| copy), place.map(<[u8]>::to_vec));
    let first = part.map(|part| part.iter().position(|is| *is == byte).map(|at| from + at));
    assert_answer(Operation::Search, view.find_byte(bounds, byte), first);
    let last = part.map(|part| part.iter().rposition(|is| *is == byte).map(|at| from + at));
    assert_answer(Operation::Search, view.rfind_byte(bounds, byte), last);
    let needle = &model[model.len() / 2..][..(count % 5).min(model.len() / 2)];
    let found = part.map(|part| {
        let at = (0..=part.len()).find(|at| part[*at..].starts_with(needle));
        at.map(|at| from + at)
    });
    assert_answer(Operation::Search, view.find(bounds, needle), found);
    let mut wanted = place.map_or_else(|| vec![0; count], <[u8]>::to_vec);
    assert_answer(Operation::Search, view.equals(at, &wanted), place.map(|_| true));
    if let Some(last) = wanted.last_mut() {
        *last ^= 1;
        assert_answer(Operation::Search, view.equals(at, &wanted), place.map(|_| false));
    }
    let (mut reader, writer) = std::io::pipe().unwrap();
    let answer = view.write_out(&writer, bounds); // it fits into a pipe
    drop(writer);
    let mut out = Vec::new();
    reader.read_to_end(&mut out).unwrap();
    assert_answer(Operation::WriteOut, answer.map(|()| out), part.map(<[u8]>::to_vec));
    let hinted = view.pages().advise(bounds, Hint::NoDump);
    assert_answer(Operation::Advise, hinted, bytes.clone().map(|_| ()));
    let synced = view.pages().sync(bounds, mman::Sync::Async);
    assert_answer(Operation::Sync, synced, bytes.map(|_| ()));
}

/// Whether a word of this size can be at a place.
fn is_word(view: &Shared, at: usize, size: usize) -> bool {
    at.checked_add(size).is_some_and(|end| end <= view.len())
        && (view.as_ptr().addr() + at).is_multiple_of(size)
}

fn check_words(view: &SharedMut, model: &mut [u8], case: &Case, direct: bool) {
    let number = u64::from(case.byte).wrapping_mul(0x0101_0203_0405_0607);
    let at = case.at;
    let word = is_word(view, at, 8);
    if !direct && word {
        assert_eq!(view.load::<u64>(at).unwrap_err().cause(), Cause::SignalTaken);
        assert_eq!(view.store(at, number).unwrap_err().cause(), Cause::SignalTaken);
        assert_eq!(view.atomic_u64(at).unwrap_err().cause(), Cause::SignalTaken);
        return;
    }
    let there = word.then(|| u64::from_ne_bytes(model[at..at + 8].try_into().unwrap()));
    assert_answer(Operation::Read, view.load::<u64>(at), there);
    assert_answer(Operation::Write, view.store(at, number), word.then_some(()));
    if word {
        model[at..at + 8].copy_from_slice(&number.to_ne_bytes());
    }
    let added = view.atomic_u64(at).map(|word| word.fetch_add(1, Ordering::Relaxed));
    assert_answer(Operation::Read, added, word.then_some(number));
    if word {
        model[at..at + 8].copy_from_slice(&number.wrapping_add(1).to_ne_bytes());
    }
    let half = is_word(view, at, 4);
    if direct || !half {
        let there = half.then(|| u32::from_ne_bytes(model[at..at + 4].try_into().unwrap()));
        let loaded = view.atomic_u32(at).map(|word| word.load(Ordering::Relaxed));
        assert_answer(Operation::Read, loaded, there);
        let there = half.then(|| i32::from_ne_bytes(model[at..at + 4].try_into().unwrap()));
        assert_answer(Operation::Read, view.load::<i32>(at), there);
    }
    let short = is_word(view, at, 2);
    if direct || !short {
        let there = short.then(|| u16::from_ne_bytes([model[at], model[at + 1]]));
        assert_answer(Operation::Read, view.load::<u16>(at), there);
    }
    if direct {
        assert_answer(Operation::Read, view.load::<u8>(at), model.get(at).copied());
    }
}

/// Any range of every method of every view of a part of a file, in which nothing else changes.
fn any_range(direct: bool) {
    let config = ProptestConfig { cases: 300, failure_persistence: None, ..Default::default() };
    let folder = Folder::new();
    let path = folder.patterned("file", 8 * page());
    let object = FileObject::open_read_write(&path).unwrap();
    let ran = TestRunner::new(config).run(&case(), |case| {
        fs::write(&path, pattern::bytes(0, 8 * page())).unwrap();
        let bytes = case.lead as u64..(case.lead + case.len) as u64;
        let mut file = pattern::bytes(0, 8 * page());
        let shared = SharedMut::map(&MapOptions::shared().range(bytes.clone()), &object).unwrap();
        let private = Private::map(&MapOptions::private().range(bytes.clone()), &object).unwrap();
        let reading = Shared::map(&MapOptions::shared().range(bytes), &object).unwrap();
        assert_eq!((shared.is_direct(), shared.len()), (direct, case.len));
        assert_eq!(shared.object_offset(), case.lead as u64);
        let part = case.lead..case.lead + case.len;
        let model = &mut file[part];
        check_reads(&reading, model, &case);
        check_reads(&private, model, &case);
        // The private view gets its own byte at both ends, which the file does not.
        private.write_at(0, b"!").unwrap();
        private.write_at(case.len - 1, b"?").unwrap();
        let filled = meant(&case.bounds, case.len);
        assert_answer(
            Operation::Write,
            shared.fill(case.bounds, case.byte),
            filled.clone().map(|_| ()),
        );
        model[filled.clone().unwrap_or(0..0)].fill(case.byte);
        let synced = shared.sync(case.bounds, mman::Sync::Async);
        assert_answer(Operation::Sync, synced, filled.clone().map(|_| ()));
        let put = pattern::bytes(99, case.count);
        let place = case.at.checked_add(case.count).filter(|end| *end <= case.len);
        assert_answer(Operation::Write, shared.write_at(case.at, &put), place.map(|_| ()));
        if let Some(end) = place {
            model[case.at..end].copy_from_slice(&put);
        }
        check_words(&shared, model, &case, direct);
        check_reads(&reading, model, &case);
        assert_eq!(fs::read(&path).unwrap(), file, "no other byte of the file");
        let own = private.detach().unwrap();
        assert!(own[case.len - 1] == b'?' && (case.len == 1 || own[0] == b'!'));
        assert!(shared.error().is_none() && private.error().is_none() && reading.error().is_none());
        Ok(())
    });
    ran.unwrap();
}

#[test]
fn any_range_of_every_method() {
    any_range(true);
}

#[test]
fn any_range_of_every_method_by_system_calls() {
    child::run(|| {
        signal::set_owner(Owner::Host).unwrap();
        any_range(false);
    });
}
