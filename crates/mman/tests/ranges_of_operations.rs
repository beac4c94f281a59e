//! The operations on pages, with any bounds there are: an error or the right result, never a neighbour touched. As in
//! `ranges.rs`, for the methods that lock, ask, populate, bind, name, guard, protect by key, and speak of forks.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may stop at what it does not expect"
)]

mod any_bounds;

use any_bounds::{Caged, PAGES, assert_answer, bounds, case, config, meant, number};
use mman::kernel::Feature;
use mman::{
    Cause, FileObject, MapOptions, Move, NodeSet, NumaPolicy, OnFork, Operation, Populate,
    Protection, Reservation,
};
use mman_testkit::files::Folder;
use mman_testkit::{maps, memory, page, pattern};
use proptest::prelude::*;
use std::ops::Range;
use std::sync::OnceLock;

/// For every page of the mapping and for one on each side: whether its mapping has a flag.
fn flags_around(caged: &Caged, flag: &str) -> Vec<bool> {
    let range = caged.addresses();
    maps::pages_with_flag(range.start - page()..range.end + page(), flag)
}

/// The pages that hold a byte of what was meant, and the two beside the mapping, which never do.
fn covered(caged: &Caged, meant: Option<&Range<usize>>) -> Vec<bool> {
    let covering = caged.covering(meant.unwrap_or(&(0..0)));
    let mut pages = vec![false];
    pages.extend(caged.pages_with(&covering));
    pages.push(false);
    pages
}

/// A patterned file for all cases.
fn file() -> &'static FileObject {
    static FILE: OnceLock<FileObject> = OnceLock::new();
    FILE.get_or_init(|| {
        let folder = Folder::new(); // removed at once: the file lives on without its name
        FileObject::open_read_write(folder.patterned("file", PAGES * 4096)).unwrap()
    })
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn pages_lock((lead, len, bounds) in case(), on_fault in any::<bool>()) {
        let caged = Caged::new(lead, len);
        let meant = meant(&bounds, len);
        let pages = caged.mapping.pages();
        let answer = if on_fault { pages.lock_on_fault(bounds) } else { pages.lock(bounds) };
        assert_answer(&answer, Operation::Lock, meant.is_some(), &bounds);
        prop_assert_eq!(flags_around(&caged, "lo"), covered(&caged, meant.as_ref()));
        drop(answer);
        prop_assert!(!flags_around(&caged, "lo").contains(&true));
        caged.assert_bytes(|_| None);
        caged.cage.assert_untouched();
    }

    #[test]
    fn pages_unlock((lead, len, bounds) in case()) {
        let caged = Caged::new(lead, len);
        let meant = meant(&bounds, len);
        let around = caged.addresses().start - page()..caged.addresses().end + page();
        memory::lock(around.start, around.len()).unwrap();
        let answer = caged.mapping.pages().unlock(bounds);
        let locked = flags_around(&caged, "lo");
        memory::unlock(around.start, around.len()).unwrap();
        assert_answer(&answer, Operation::Unlock, meant.is_some(), &bounds);
        let expected: Vec<bool> = covered(&caged, meant.as_ref()).iter().map(|covered| !covered).collect();
        prop_assert_eq!(locked, expected);
        caged.assert_bytes(|_| None);
    }

    #[test]
    fn pages_residency((lead, len, bounds) in case()) {
        let caged = Caged::new(lead, len); // filled, so all of it is in memory
        let meant = meant(&bounds, len);
        let answer = caged.mapping.pages().resident(bounds);
        assert_answer(&answer, Operation::Residency, meant.is_some(), &bounds);
        if let Ok(resident) = answer {
            prop_assert_eq!(Some(resident), meant.as_ref().map(Range::len));
        }
        let answer = caged.mapping.pages().residency(bounds);
        assert_answer(&answer, Operation::Residency, meant.is_some(), &bounds);
        if let (Ok(residency), Some(meant)) = (answer, meant) {
            let touched = caged.pages_with(&caged.covering(&meant));
            let count = touched.iter().filter(|touched| **touched).count();
            prop_assert_eq!((residency.pages(), residency.count()), (count, count));
            let runs: Vec<_> = residency.runs().collect();
            let expected = if meant.is_empty() { vec![] } else { vec![meant] };
            prop_assert_eq!(runs, expected);
        }
    }

    #[test]
    fn pages_populate((lead, len, bounds) in case(), writing in any::<bool>()) {
        let caged = Caged::new(lead, len);
        let meant = meant(&bounds, len);
        let how = if writing { Populate::ForWriting } else { Populate::ForReading };
        let answer = caged.mapping.pages().populate(bounds, how);
        assert_answer(&answer, Operation::Populate, meant.is_some(), &bounds);
        caged.assert_bytes(|_| None);
        caged.cage.assert_untouched();
    }

    #[test]
    fn pages_bind((lead, len, bounds) in case(), at in number()) {
        if Feature::NumaPolicy.support().is_err() {
            return Ok(());
        }
        let caged = Caged::new(lead, len);
        let meant = meant(&bounds, len);
        let policy = NumaPolicy::Bind(NodeSet::online());
        let pages = caged.mapping.pages();
        let answer = pages.bind(bounds, policy, Move::Nothing);
        assert_answer(&answer, Operation::Bind, meant.is_some(), &bounds);
        let covering = caged.covering(&meant.unwrap_or(0..0));
        for byte in (0..len).step_by(999) {
            let expected = if covering.contains(&byte) { policy } else { NumaPolicy::Default };
            prop_assert_eq!(pages.numa_policy(byte).unwrap(), expected);
        }
        assert_answer(&pages.numa_policy(at), Operation::Bind, at < len, &at);
        assert_answer(&pages.node_of(at), Operation::Bind, at < len, &at);
        caged.assert_bytes(|_| None);
        caged.cage.assert_untouched();
    }

    #[test]
    fn pages_name((lead, len, bounds) in case()) {
        let caged = Caged::new(lead, len);
        let meant = meant(&bounds, len);
        let answer = caged.mapping.pages().name(bounds, Some(c"of a case"));
        match answer {
            Err(error) if error.cause() == Cause::NotSupported => {
                prop_assert!(meant.is_some_and(|meant| !meant.is_empty()), "{}", error);
                prop_assert!(Feature::AnonymousNames.support().is_err());
            }
            answer => assert_answer(&answer, Operation::Name, meant.is_some(), &bounds),
        }
        caged.assert_bytes(|_| None);
        caged.cage.assert_untouched();
    }

    #[test]
    fn mapping_guards((lead, len, bounds) in case()) {
        if Feature::GuardRegions.support().is_err() {
            return Ok(());
        }
        let mut caged = Caged::new(lead, len);
        let meant = meant(&bounds, len).filter(|meant| caged.is_exact(meant));
        let answer = caged.mapping.install_guard(bounds);
        assert_answer(&answer, Operation::Guard, meant.is_some(), &bounds);
        let gone = meant.clone().unwrap_or(0..0);
        for byte in (0..len).step_by(777) {
            let cause = caged.mapping.read_at(byte, &mut [0]).map_err(|error| error.cause());
            let expected = if gone.contains(&byte) { Err(Cause::Denied) } else { Ok(()) };
            prop_assert_eq!(cause, expected, "byte {}", byte);
        }
        let answer = caged.mapping.remove_guard(bounds);
        assert_answer(&answer, Operation::Guard, meant.is_some(), &bounds);
        caged.assert_bytes(|at| gone.contains(&at).then_some(0));
        caged.cage.assert_untouched();
    }

    #[test]
    fn mapping_remove_key((lead, len, bounds) in case()) {
        let mut caged = Caged::new(lead, len);
        let meant = meant(&bounds, len).filter(|meant| caged.is_exact(meant));
        let answer = caged.mapping.remove_key(bounds, Protection::READ);
        assert_answer(&answer, Operation::Key, meant.is_some(), &bounds);
        let changed = caged.pages_with(&meant.unwrap_or(0..0));
        let expected = changed.iter().map(|&changed| if changed { "r--p" } else { "rw-p" });
        prop_assert_eq!(maps::page_accesses(caged.addresses()), expected.collect::<Vec<_>>());
        caged.assert_bytes(|_| None);
        caged.cage.assert_untouched();
    }

    #[test]
    fn mapping_on_fork((lead, len, bounds) in case(), wipes in any::<bool>()) {
        let mut caged = Caged::new(lead, len);
        let meant = meant(&bounds, len).filter(|meant| caged.is_exact(meant));
        let (how, flag) = if wipes { (OnFork::Wipe, "wf") } else { (OnFork::Leave, "dc") };
        let answer = caged.mapping.on_fork(bounds, how);
        assert_answer(&answer, Operation::OnFork, meant.is_some(), &bounds);
        prop_assert_eq!(flags_around(&caged, flag), covered(&caged, meant.as_ref()));
        caged.mapping.on_fork(.., OnFork::Copy).unwrap();
        prop_assert!(!flags_around(&caged, flag).contains(&true));
        caged.assert_bytes(|_| None);
        caged.cage.assert_untouched();
    }

    #[test]
    fn reservation_guards(bounds in bounds(0)) {
        let mut whole = Reservation::new((PAGES + 2) * page()).unwrap();
        whole.commit(..).unwrap();
        whole.write_at(0, &pattern::bytes(0, whole.len())).unwrap();
        let (below, rest) = whole.split_at(page()).unwrap();
        let (mut space, above) = rest.split_at(PAGES * page()).unwrap();
        let exact = |meant: &Range<usize>| {
            meant.is_empty() || (meant.start.is_multiple_of(page()) && meant.end.is_multiple_of(page()))
        };
        let meant = meant(&bounds, space.len()).filter(exact);
        let answer = space.install_guard(bounds);
        assert_answer(&answer, Operation::Guard, meant.is_some(), &bounds);
        let gone = meant.clone().unwrap_or(0..0);
        let expected = (0..PAGES).map(|at| if gone.contains(&(at * page())) { "---p" } else { "rw-p" });
        let addresses = space.address()..space.address() + space.len();
        prop_assert_eq!(maps::page_accesses(addresses), expected.collect::<Vec<_>>());
        let answer = space.remove_guard(bounds);
        assert_answer(&answer, Operation::Guard, meant.is_some(), &bounds);
        let mut bytes = vec![0; space.len()];
        space.read_at(0, &mut bytes).unwrap();
        for (at, byte) in bytes.iter().enumerate() {
            let kept = pattern::byte_at((page() + at) as u64);
            prop_assert_eq!(*byte, if gone.contains(&at) { 0 } else { kept });
        }
        for (side, offset) in [(&below, 0), (&above, (1 + PAGES) * page())] {
            let mut bytes = vec![0; page()];
            side.read_at(0, &mut bytes).unwrap();
            pattern::assert_is(&bytes, offset as u64);
        }
    }

    #[test]
    fn reservation_place_scattered(
        at in number(),
        ranges in prop::collection::vec((number(), number(), 0..3_u8), 0..4),
    ) {
        // Often ranges that are right, so that the method succeeds.
        let ranges: Vec<Range<u64>> = ranges
            .iter()
            .map(|&(start, end, kind)| {
                let first = start % PAGES * 4096;
                match kind {
                    0 => start as u64..end as u64,
                    _ => first as u64..(first + 4096) as u64,
                }
            })
            .collect();
        let mut space = Reservation::new((PAGES + 1) * page()).unwrap();
        let answer = space.place_scattered(at, &MapOptions::shared(), file(), &ranges);
        let mut place = at as u128;
        let mut right = place <= space.len() as u128;
        for (index, range) in ranges.iter().enumerate() {
            let is_last = index + 1 == ranges.len();
            right &= range.start < range.end
                && range.end <= (PAGES * 4096) as u64
                && range.start.is_multiple_of(4096)
                && (range.end.is_multiple_of(4096) || is_last)
                && place.is_multiple_of(4096);
            place += u128::from(range.end.saturating_sub(range.start)).next_multiple_of(4096);
            right &= place <= space.len() as u128;
        }
        let is_ok = answer.is_ok();
        prop_assert_eq!(is_ok, right, "{} {:?}: {:?}", at, ranges, answer);
        match answer {
            Ok(bytes) => {
                let mut offset = at;
                for range in &ranges {
                    let mut bytes = vec![0; (range.end - range.start) as usize];
                    space.read_at(offset, &mut bytes).unwrap();
                    pattern::assert_is(&bytes, range.start);
                    offset += bytes.len();
                }
                prop_assert_eq!(bytes, at..offset);
            }
            Err(error) => {
                prop_assert!(matches!(error.cause(), Cause::Range(_)), "{}", error);
                let addresses = space.address()..space.address() + space.len();
                prop_assert_eq!(maps::accesses(addresses), vec!["---p"]);
            }
        }
    }
}
