//! Every method that takes a range, with any bounds there are: an error or the right result, never a neighbour
//! touched.
//!
//! Range methods are where the crates of the field broke: bounds past the end, an offset that wraps when the start
//! inside the page is added, a length rounded over the end of the mapping (RUSTSEC-2026-0186).

#![allow(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may stop at what it does not expect"
)]

mod any_bounds;

use any_bounds::{Bounds, Caged, PAGES, assert_answer, bounds, case, config, meant, number};
use mman::{
    Advice, Anonymous, Cause, Discard, FileObject, Growth, Hint, MapOptions, Operation, Protection,
    Reservation,
};
use mman_testkit::canary::Cage;
use mman_testkit::files::Folder;
use mman_testkit::{line_of, maps, memory, page, pattern, unchecked};
use proptest::prelude::*;
use std::fs;
use std::io::Read;
use std::ops::{Bound, Range};
use std::sync::OnceLock;

proptest! {
    #![proptest_config(config())]

    #[test]
    fn mapping_protect((lead, len, bounds) in case()) {
        let mut caged = Caged::new(lead, len);
        let meant = meant(&bounds, len).filter(|meant| caged.is_exact(meant));
        let answer = caged.mapping.protect(bounds, Protection::READ);
        assert_answer(&answer, Operation::Protect, meant.is_some(), &bounds);
        let changed = caged.pages_with(&meant.unwrap_or(0..0));
        let expected = changed.iter().map(|&changed| if changed { "r--p" } else { "rw-p" });
        prop_assert_eq!(maps::page_accesses(caged.addresses()), expected.collect::<Vec<_>>());
        caged.assert_bytes(|_| None);
        caged.cage.assert_untouched();
    }

    #[test]
    fn mapping_discard((lead, len, bounds) in case()) {
        let mut caged = Caged::new(lead, len);
        let meant = meant(&bounds, len).filter(|meant| caged.is_exact(meant));
        let answer = caged.mapping.discard(bounds, Discard::Now);
        assert_answer(&answer, Operation::Discard, meant.is_some(), &bounds);
        caged.assert_bytes(|at| meant.as_ref().filter(|meant| meant.contains(&at)).map(|_| 0));
        caged.cage.assert_untouched();
    }

    #[test]
    fn mapping_advise_unchecked((lead, len, bounds) in case()) {
        let caged = Caged::new(lead, len);
        let meant = meant(&bounds, len).filter(|meant| caged.is_exact(meant));
        let answer = unchecked::advise(&caged.mapping, bounds, Advice::DONTNEED);
        assert_answer(&answer, Operation::Advise, meant.is_some(), &bounds);
        caged.assert_bytes(|at| meant.as_ref().filter(|meant| meant.contains(&at)).map(|_| 0));
        caged.cage.assert_untouched();
    }

    #[test]
    fn mapping_advise((lead, len, bounds) in case()) {
        let caged = Caged::new(lead, len);
        let meant = meant(&bounds, len);
        let answer = caged.mapping.advise(bounds, Hint::NoDump);
        assert_answer(&answer, Operation::Advise, meant.is_some(), &bounds);
        let changed = caged.pages_with(&caged.covering(&meant.unwrap_or(0..0)));
        prop_assert_eq!(maps::pages_with_flag(caged.addresses(), "dd"), changed);
        let around = caged.addresses().start - page()..caged.addresses().end + page();
        let around = maps::pages_with_flag(around, "dd");
        prop_assert!(!around[0] && !around[around.len() - 1], "a neighbour was advised about");
        caged.assert_bytes(|_| None);
        caged.cage.assert_untouched();
    }

    #[test]
    fn mapping_sync((lead, len, bounds) in case(), locked in 0..PAGES) {
        let caged = Caged::new(lead, len);
        let meant = meant(&bounds, len);
        for how in [mman::Sync::Async, mman::Sync::Data] {
            let answer = caged.mapping.sync(bounds, how);
            assert_answer(&answer, Operation::Sync, meant.is_some(), &bounds);
        }
        // A locked page tells whether it is in the range that the kernel was given.
        let locked = locked % (caged.mapping.mapped_len() / page());
        let address = caged.addresses().start + locked * page();
        memory::lock(address, page()).unwrap();
        let answer = caged.mapping.sync(bounds, mman::Sync::Invalidate);
        memory::unlock(address, page()).unwrap();
        let touched = meant.clone().is_some_and(|meant| caged.pages_with(&caged.covering(&meant))[locked]);
        match answer {
            Err(error) if touched => prop_assert_eq!(error.cause(), Cause::Locked),
            answer => assert_answer(&answer, Operation::Sync, meant.is_some() && !touched, &bounds),
        }
        caged.assert_bytes(|_| None);
        caged.cage.assert_untouched();
    }

    #[test]
    fn mapping_write_out((lead, len, bounds) in case()) {
        let caged = Caged::new(lead, len);
        let meant = meant(&bounds, len);
        let (mut reader, writer) = std::io::pipe().unwrap();
        let answer = caged.mapping.write_out(&writer, bounds); // it fits into a pipe
        drop(writer);
        let mut bytes = Vec::new();
        reader.read_to_end(&mut bytes).unwrap();
        assert_answer(&answer, Operation::WriteOut, meant.is_some(), &bounds);
        let meant = meant.unwrap_or(0..0);
        prop_assert_eq!(bytes.len(), meant.len());
        pattern::assert_is(&bytes, meant.start as u64);
        caged.cage.assert_untouched();
    }

    #[test]
    fn mapping_read_and_write_at((lead, len, _) in case(), at in number(), count in 0..3 * 4096_usize) {
        let caged = Caged::new(lead, len);
        let right = at.checked_add(count).is_some_and(|end| end <= len);
        let mut bytes = vec![0xEE; count];
        let answer = caged.mapping.read_at(at, &mut bytes);
        assert_answer(&answer, Operation::Read, right, &(at, count));
        if right {
            pattern::assert_is(&bytes, at as u64);
        } else {
            prop_assert!(bytes.iter().all(|byte| *byte == 0xEE));
        }
        let answer = caged.mapping.write_at(at, &vec![0x55; count]);
        assert_answer(&answer, Operation::Write, right, &(at, count));
        caged.assert_bytes(|byte| (right && (at..at + count).contains(&byte)).then_some(0x55));
        caged.cage.assert_untouched();
    }

    #[test]
    fn mapping_split_at((lead, len, _) in case(), at in number()) {
        let Caged { cage, mapping, lead } = Caged::new(lead, len);
        let boundary = at == 0 || at == len || (lead + at.min(len)).is_multiple_of(page());
        match mapping.split_at(at) {
            Ok((low, high)) => {
                prop_assert!(at <= len && boundary, "split at {} was accepted", at);
                prop_assert_eq!((low.len(), high.len()), (at, len - at));
                for (half, start) in [(&low, 0), (&high, at)] {
                    let mut bytes = vec![0; half.len()];
                    half.read_at(0, &mut bytes).unwrap();
                    pattern::assert_is(&bytes, start as u64);
                }
                let whole = low.merge(high).unwrap();
                prop_assert_eq!(whole.len(), len);
            }
            Err(refused) => {
                let answer: mman::Result<()> = Err(refused.error);
                assert_answer(&answer, Operation::Split, at <= len && boundary, &at);
                Caged { cage: Cage::of(1), mapping: refused.given, lead }.assert_bytes(|_| None);
            }
        }
        cage.assert_untouched();
    }

    #[test]
    fn mapping_unmap_range((lead, len, bounds) in case()) {
        let caged = Caged::new(lead, len);
        let meant = meant(&bounds, len).filter(|meant| caged.is_exact(meant));
        let Caged { cage, mapping, lead } = caged;
        match (mapping.unmap_range(bounds), meant) {
            (Ok((low, high)), Some(meant)) if meant.is_empty() => {
                prop_assert_eq!((low.len(), high.len()), (len, 0));
            }
            (Ok((low, high)), Some(meant)) => {
                prop_assert_eq!((low.len(), high.len()), (meant.start, len - meant.end));
                for (part, start) in [(low, 0), (high, meant.end)] {
                    Caged { cage: Cage::of(1), mapping: part, lead }
                        .assert_bytes(|at| Some(pattern::byte_at((start + at) as u64)));
                }
            }
            (Err(refused), None) => {
                prop_assert!(matches!(refused.error.cause(), Cause::Range(_)));
                Caged { cage: Cage::of(1), mapping: refused.given, lead }.assert_bytes(|_| None);
            }
            (answer, meant) => prop_assert!(false, "{:?}: {:?}, {:?}", bounds, answer, meant),
        }
        cage.assert_untouched();
    }

    #[test]
    fn mapping_resize((lead, len, _) in case(), to in number(), moves in any::<bool>()) {
        let mut caged = Caged::new(lead, len);
        let room = caged.mapping.mapped_len() - lead;
        let growth = if moves { Growth::MayMove } else { Growth::InPlace };
        let answer = caged.mapping.resize(to, growth);
        match answer {
            Ok(()) => {
                prop_assert_eq!(caged.mapping.len(), to);
                prop_assert_eq!(caged.mapping.mapped_len(), (lead + to).next_multiple_of(page()));
                prop_assert!(moves || to <= room, "{} bytes in place, over the neighbour", to);
                let mut bytes = vec![0; to.min(len)];
                caged.mapping.read_at(0, &mut bytes).unwrap();
                pattern::assert_is(&bytes, 0);
            }
            Err(error) => {
                prop_assert!(to == 0 || to > room, "{}", error);
                prop_assert_eq!(error.operation(), Operation::Remap);
                prop_assert_eq!(caged.mapping.len(), len);
                caged.assert_bytes(|_| None);
            }
        }
        caged.cage.assert_untouched();
    }
}

/// A patterned file for all cases.
fn file() -> &'static FileObject {
    static FILE: OnceLock<FileObject> = OnceLock::new();
    FILE.get_or_init(|| {
        let folder = Folder::new(); // removed at once: the file lives on without its name
        FileObject::open_read_write(folder.patterned("file", PAGES * 4096 - 77)).unwrap()
    })
}

const FILE_LEN: usize = PAGES * 4096 - 77;

fn wide((start, end): Bounds) -> (Bound<u64>, Bound<u64>) {
    (start.map(|at| at as u64), end.map(|at| at as u64))
}

/// A reservation between two others with canaries; committed and filled with the pattern.
struct Held {
    below: Reservation,
    space: Reservation,
    above: Reservation,
}

impl Held {
    fn new() -> Self {
        let mut whole = Reservation::new((PAGES + 4) * page()).unwrap();
        whole.commit(..).unwrap();
        whole.write_at(0, &pattern::bytes(0, whole.len())).unwrap();
        let (below, rest) = whole.split_at(2 * page()).unwrap();
        let (space, above) = rest.split_at(PAGES * page()).unwrap();
        Self { below, space, above }
    }

    fn is_exact(meant: &Range<usize>) -> bool {
        meant.is_empty() || (meant.start.is_multiple_of(page()) && meant.end.is_multiple_of(page()))
    }

    fn addresses(&self) -> Range<usize> {
        self.space.address()..self.space.address() + self.space.len()
    }

    /// Asserts that every byte is the pattern, or what `or` says.
    fn assert_bytes(&self, or: impl Fn(usize) -> Option<u8>) {
        let mut bytes = vec![0; self.space.len()];
        self.space.read_at(0, &mut bytes).unwrap();
        for (at, byte) in bytes.iter().enumerate() {
            let expected = or(at).unwrap_or(pattern::byte_at((2 * page() + at) as u64));
            assert_eq!(*byte, expected, "byte {at}");
        }
    }

    fn assert_untouched(&self) {
        let sides = [(&self.below, 0), (&self.above, (2 + PAGES) * page())];
        for (side, offset) in sides {
            let mut bytes = vec![0; side.len()];
            side.read_at(0, &mut bytes).unwrap();
            pattern::assert_is(&bytes, offset as u64);
            assert_eq!(maps::accesses(side.address()..side.address() + side.len()), ["rw-p"]);
        }
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn options_range(bounds in bounds(0), past_end in any::<bool>()) {
        let options = MapOptions::shared().range(wide(bounds));
        let options = if past_end { options.past_end() } else { options };
        let meant = meant(&bounds, FILE_LEN).filter(|meant| !meant.is_empty());
        match (options.map(file()), meant) {
            (Ok(mapping), Some(meant)) => {
                prop_assert_eq!(mapping.len(), meant.len());
                prop_assert_eq!(mapping.object_offset(), meant.start as u64);
                let mut bytes = vec![0; meant.len()];
                mapping.read_at(0, &mut bytes).unwrap();
                pattern::assert_is(&bytes, meant.start as u64);
            }
            (Ok(mapping), None) => {
                prop_assert!(past_end, "{:?} was accepted", bounds);
                prop_assert!(mapping.object_offset() as usize + mapping.len() > FILE_LEN);
            }
            (Err(error), meant) => {
                prop_assert!(meant.is_none(), "{:?}: {}", bounds, error);
                prop_assert_eq!(error.operation(), Operation::Map);
                prop_assert!(line_of(&error).starts_with("map "));
                prop_assert!(past_end || matches!(error.cause(), Cause::Range(_)), "{}", error);
            }
        }
    }

    #[test]
    fn reservation_decommit_and_commit(bounds in bounds(0)) {
        let mut held = Held::new();
        let meant = meant(&bounds, held.space.len()).filter(Held::is_exact);
        let answer = held.space.decommit(bounds);
        assert_answer(&answer, Operation::Decommit, meant.is_some(), &bounds);
        let gone = meant.clone().unwrap_or(0..0);
        let expected = (0..PAGES).map(|at| if gone.contains(&(at * page())) { "---p" } else { "rw-p" });
        prop_assert_eq!(maps::page_accesses(held.addresses()), expected.collect::<Vec<_>>());
        let answer = held.space.commit(bounds);
        assert_answer(&answer, Operation::Commit, meant.is_some(), &bounds);
        prop_assert_eq!(maps::accesses(held.addresses()), vec!["rw-p"]);
        held.assert_bytes(|at| gone.contains(&at).then_some(0));
        held.assert_untouched();
    }

    #[test]
    fn reservation_protect(bounds in bounds(0)) {
        let mut held = Held::new();
        let meant = meant(&bounds, held.space.len()).filter(Held::is_exact);
        let answer = held.space.protect(bounds, Protection::READ);
        assert_answer(&answer, Operation::Protect, meant.is_some(), &bounds);
        let changed = meant.unwrap_or(0..0);
        let expected = (0..PAGES).map(|at| if changed.contains(&(at * page())) { "r--p" } else { "rw-p" });
        prop_assert_eq!(maps::page_accesses(held.addresses()), expected.collect::<Vec<_>>());
        held.assert_bytes(|_| None);
        held.assert_untouched();
    }

    #[test]
    fn reservation_discard(bounds in bounds(0)) {
        let mut held = Held::new();
        let meant = meant(&bounds, held.space.len()).filter(Held::is_exact);
        let answer = held.space.discard(bounds, Discard::Now);
        assert_answer(&answer, Operation::Discard, meant.is_some(), &bounds);
        let gone = meant.unwrap_or(0..0);
        held.assert_bytes(|at| gone.contains(&at).then_some(0));
        held.assert_untouched();
    }

    #[test]
    fn reservation_advise(bounds in bounds(0)) {
        let held = Held::new();
        let meant = meant(&bounds, held.space.len());
        let answer = held.space.advise(bounds, Hint::NoDump);
        assert_answer(&answer, Operation::Advise, meant.is_some(), &bounds);
        let meant = meant.unwrap_or(0..0);
        let end = if meant.is_empty() { meant.start } else { meant.end };
        let touched = |at: usize| meant.start < (at + 1) * page() && at * page() < end && !meant.is_empty();
        let expected = (0..PAGES).map(touched).collect::<Vec<_>>();
        prop_assert_eq!(maps::pages_with_flag(held.addresses(), "dd"), expected);
        for side in [&held.below, &held.above] {
            let addresses = side.address()..side.address() + side.len();
            prop_assert_eq!(maps::pages_with_flag(addresses, "dd"), vec![false; 2]);
        }
        held.assert_untouched();
    }

    #[test]
    fn reservation_place(at in number(), range in (0..FILE_LEN, 1..=FILE_LEN)) {
        let mut held = Held::new();
        let range = range.0..(range.0 + range.1).min(FILE_LEN);
        let options = MapOptions::shared().range(range.start as u64..range.end as u64);
        let lead = range.start % page();
        let pages = (lead + range.len()).next_multiple_of(page());
        let fits = at.is_multiple_of(page())
            && at.checked_add(pages).is_some_and(|end| end <= held.space.len());
        let answer = held.space.place(at, &options, file());
        assert_answer(&answer, Operation::Place, fits, &(at, &range));
        if let Ok(place) = answer {
            prop_assert_eq!(&place, &(at + lead..at + lead + range.len()));
            let mut bytes = vec![0; place.len()];
            held.space.read_at(place.start, &mut bytes).unwrap();
            pattern::assert_is(&bytes, range.start as u64);
            held.space.decommit(at..at + pages).unwrap();
            held.space.commit(at..at + pages).unwrap();
        }
        held.assert_bytes(|byte| (fits && (at..at + pages).contains(&byte)).then_some(0));
        held.assert_untouched();
    }

    #[test]
    fn reservation_move_into(at in number(), len in 1..=PAGES * 4096) {
        let mut held = Held::new();
        let memory = Anonymous::new(len).map().unwrap();
        memory.write_at(0, &vec![0x55; len]).unwrap();
        let pages = memory.mapped_len();
        let fits = at.is_multiple_of(page())
            && at.checked_add(pages).is_some_and(|end| end <= held.space.len());
        let answer = memory.move_into(&mut held.space, at).map_err(|refused| {
            let mut bytes = vec![0; len];
            refused.given.read_at(0, &mut bytes).unwrap();
            assert!(bytes.iter().all(|byte| *byte == 0x55), "given back as it was");
            refused.error
        });
        assert_answer(&answer, Operation::Remap, fits, &(at, len));
        if let Ok(place) = answer {
            prop_assert_eq!(place, at..at + len);
        }
        let moved = |byte: usize| if byte < at + len { 0x55 } else { 0 };
        held.assert_bytes(|byte| (fits && (at..at + pages).contains(&byte)).then(|| moved(byte)));
        held.assert_untouched();
    }

    #[test]
    fn reservation_read_write_and_split(at in number(), count in 0..2 * 4096_usize) {
        let held = Held::new();
        let len = held.space.len();
        let right = at.checked_add(count).is_some_and(|end| end <= len);
        let mut bytes = vec![0xEE; count];
        let answer = held.space.read_at(at, &mut bytes);
        assert_answer(&answer, Operation::Read, right, &(at, count));
        let answer = held.space.write_at(at, &vec![0x55; count]);
        assert_answer(&answer, Operation::Write, right, &(at, count));
        held.assert_bytes(|byte| (right && (at..at + count).contains(&byte)).then_some(0x55));
        held.assert_untouched();
        let Held { below, space, above } = held;
        let fits = at <= len && at.is_multiple_of(page());
        let answer = match space.split_at(at) {
            Ok((low, high)) => {
                prop_assert_eq!((low.len(), high.len()), (at, len - at));
                Ok(())
            }
            Err(refused) => {
                prop_assert_eq!(refused.given.len(), len);
                Err(refused.error)
            }
        };
        assert_answer(&answer, Operation::Split, fits, &at);
        Held { below, space: Reservation::new(1).unwrap(), above }.assert_untouched();
    }
}

#[test]
fn the_file_of_the_cases_is_whole_afterwards() {
    let mapping = file().map().unwrap();
    let mut bytes = vec![0; FILE_LEN];
    mapping.read_at(0, &mut bytes).unwrap();
    pattern::assert_is(&bytes, 0);
    assert!(fs::metadata("/proc/self").is_ok() && mman::leaked() == 0);
}
