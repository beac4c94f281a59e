//! The view of one's own memory: a slice that nothing safe can take the ground from.
//!
//! Owners of anonymous memory in the wild die in safe code: memory "grown with zeros" shows what stood there before it
//! shrank, a failed `mprotect` leaves a slice half read-only, a slice of droppable or unreserved memory is a signal
//! when memory is short.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may stop at what it does not expect"
)]

use mman::{
    Anonymous, Cause, Frozen, Hint, HugePageSize, MapOptions, Mapping, Memory, PageSize, Private,
    Proof, Protection, Reservation, SharedMut,
};
use mman_testkit::huge::Pool;
use mman_testkit::{child, limits, maps, page, pattern};
use proptest::prelude::*;
use std::fs;

const MIB: usize = 1 << 20;

#[track_caller]
fn assert_zeros(bytes: &[u8]) {
    let wrong = bytes.iter().position(|byte| *byte != 0);
    assert_eq!(wrong, None, "the first byte that is not zero, of {}", bytes.len());
}

#[test]
fn it_begins_as_zeros_of_any_length() {
    for len in [0, 1, page() - 1, page(), page() + 1, 3 * MIB + 7] {
        let mut memory = Memory::new(len).unwrap();
        assert_eq!(memory.len(), len);
        assert_zeros(&memory);
        memory.fill(9);
        memory.clear();
        assert_zeros(&memory);
        assert_eq!((memory.as_ref() as &[u8]).len(), len);
        assert_eq!((memory.as_mut() as &mut [u8]).len(), len);
        let frozen = memory.freeze().unwrap();
        assert_eq!((frozen.len(), frozen.proof()), (len, Proof::Ours));
    }
    assert!(Memory::new(usize::MAX).is_err() && Memory::new(isize::MAX as usize).is_err());
}

/// What options a random memory is mapped with: all of them safe.
fn options() -> impl Strategy<Value = (MapOptions, usize)> {
    (0..5000_usize, 1..5 * 4096_usize, 0..8_u8).prop_map(|(lead, len, kind)| {
        let options = MapOptions::private().range(lead as u64..(lead + len) as u64);
        let options = match kind {
            0 => options.populate(),
            1 => options.locked(),
            2 => options.no_reserve(),
            3 => options.stack(),
            4 => options.past_end(),
            5 => options.protection(Protection::NONE), // does not count
            6 => options.near(0x7000_0000_0000),
            _ => options,
        };
        (options, len)
    })
}

#[derive(Clone, Debug)]
enum Step {
    Resize(usize),
    Write(usize, u8, usize),
    Clear,
    Hint(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1..6 * 4096_usize).prop_map(Step::Resize),
        6 => (0..6 * 4096_usize, 1..=255_u8, 0..4096_usize).prop_map(|(at, byte, len)| Step::Write(at, byte, len)),
        1 => Just(Step::Clear),
        1 => (0..6 * 4096_usize).prop_map(Step::Hint),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    /// Growing after shrinking showed the old bytes again, where the memory did not begin at a page boundary.
    #[test]
    fn it_is_a_vector_whatever_is_done_to_it((options, len) in options(), steps in prop::collection::vec(step(), 1..24)) {
        let mut memory = match Memory::map(&options, 10_000) {
            Ok(memory) => memory,
            Err(error) => {
                prop_assert!(matches!(error.cause(), Cause::Range(_)), "{error}");
                return Ok(());
            }
        };
        let mut model = vec![0_u8; len];
        for step in steps {
            match step {
                Step::Resize(len) => match memory.resize(len) {
                    Ok(()) => model.resize(len, 0),
                    // Hints cut it in several for the kernel, which moves only one.
                    Err(error) => prop_assert_eq!(error.cause(), Cause::SeveralMappings),
                },
                Step::Write(at, byte, len) => {
                    let end = (at + len).min(model.len());
                    let at = at.min(end);
                    memory[at..end].fill(byte);
                    model[at..end].fill(byte);
                }
                Step::Clear => {
                    memory.clear();
                    model.fill(0);
                }
                Step::Hint(at) => drop(memory.pages().advise(at.min(model.len()).., Hint::NoDump)),
            }
            prop_assert_eq!(memory.len(), model.len());
            prop_assert!(memory[..] == model[..], "other bytes");
        }
        let frozen = memory.freeze().unwrap();
        prop_assert!(frozen[..] == model[..], "other bytes when frozen");
    }
}

#[test]
fn what_was_cut_off_does_not_come_back() {
    for lead in [0, 1, 100, page() - 1] {
        for (long, short) in [(8092, 4000), (2 * page(), page()), (5 * page() + 3, 7), (90, 10)] {
            let options = MapOptions::private().range(lead as u64..(lead + long) as u64);
            let mut memory = Memory::map(&options, lead + long).unwrap();
            memory.fill(0xee);
            memory.resize(short).unwrap();
            memory.resize(long).unwrap();
            assert!(memory[..short].iter().all(|byte| *byte == 0xee));
            assert_zeros(&memory[short..]);
        }
    }
}

#[test]
fn an_empty_one_can_grow_and_a_refusal_changes_nothing() {
    let mut memory = Memory::new(0).unwrap();
    memory.clear();
    memory.resize(0).unwrap();
    memory.resize(5000).unwrap();
    assert_zeros(&memory);
    memory.fill(7);
    for len in [usize::MAX, isize::MAX as usize, 1 << 60] {
        memory.resize(len).unwrap_err();
        assert_eq!((memory.len(), memory[4999]), (5000, 7));
    }
}

#[test]
fn locked_memory_is_cleared_by_writing() {
    let mut memory = Memory::map(&MapOptions::private().locked(), 3 * page()).unwrap();
    assert!(maps::flags_at(memory.as_ptr().addr()).contains(&"lo".to_owned()));
    memory.fill(1);
    memory.clear();
    assert_zeros(&memory);
    memory.resize(5 * page()).unwrap();
    memory.fill(2);
    memory.clear();
    assert_zeros(&memory);
}

#[test]
fn what_others_have_or_may_vanish_is_refused() {
    let cause = |options: MapOptions| Memory::map(&options, page()).unwrap_err().cause();
    assert_eq!(cause(MapOptions::shared()), Cause::NotPrivate);
    assert_eq!(cause(MapOptions::shared().validate()), Cause::NotPrivate);
    assert_eq!(cause(MapOptions::droppable()), Cause::NotPrivate);
    assert_eq!(cause(MapOptions::private().validate()), Cause::NotShared);
    assert_eq!(cause(MapOptions::private().dax_sync()), Cause::NotShared);
    assert_eq!(cause(MapOptions::private().grows_down()), Cause::NoSuchView);
    let unreserved = MapOptions::private().huge_pages(HugePageSize::MIB_2).no_reserve();
    assert_eq!(cause(unreserved), Cause::NoSuchView);
    let odd = HugePageSize::new(PageSize::new(8192).unwrap());
    assert!(Memory::map(&MapOptions::private().huge_pages(odd), page()).is_err());
    let taken = Memory::new(page()).unwrap();
    assert_eq!(cause(MapOptions::private().at(taken.as_ptr().addr())), Cause::AddressTaken);
}

#[test]
fn frozen_memory_is_read_only_for_everybody() {
    let mut memory = Memory::new(3 * page()).unwrap();
    memory.copy_from_slice(&pattern::bytes(0, 3 * page()));
    let start = memory.as_ptr().addr();
    let frozen = memory.freeze().unwrap();
    assert_eq!(frozen.as_ptr().addr(), start, "nothing is copied");
    assert_eq!(maps::accesses(start..start + 3 * page()), ["r--p"]);
    let threads: Vec<_> = (0..4)
        .map(|_| frozen.clone())
        .map(|frozen| std::thread::spawn(move || pattern::assert_is(&frozen, 0)))
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

#[test]
fn it_goes_to_other_threads_and_back() {
    fn sent<T: Send + Sync>(value: T) -> T {
        value
    }
    let memory = sent(Memory::new(page()).unwrap());
    let written = std::thread::spawn(move || {
        let mut memory = memory;
        memory.fill(5);
        memory
    });
    let mapping: Mapping = written.join().unwrap().into_mapping();
    let mut bytes = [0; 3];
    mapping.read_at(100, &mut bytes).unwrap();
    assert_eq!(bytes, [5; 3]);
}

/// As many mappings as this process may have.
fn fill_the_table() -> Vec<Reservation> {
    let limit = usize::try_from(limits::max_map_count()).unwrap();
    let mut space = Reservation::new((limit + 10) * page()).unwrap();
    let mut singles = Vec::with_capacity(16);
    for at in (1..space.len() / page()).step_by(2) {
        if space.protect(at * page()..(at + 1) * page(), Protection::READ).is_err() {
            break;
        }
    }
    for _ in 0..9 {
        singles.extend(Reservation::new(page()));
    }
    singles.push(space);
    singles
}

/// `mprotect` of what is several mappings stops half way at the limit of mappings. The slice came back with its first
/// page read-only, and a safe write to it was SIGSEGV.
#[test]
fn memory_that_could_not_be_frozen_can_be_written() {
    child::run(|| {
        let around = Anonymous::new(12 * page()).map().unwrap();
        let start = around.as_ptr().addr() + 4 * page();
        let (before, behind) = around.unmap_range(4 * page()..8 * page()).unwrap();
        let mut memory = Memory::map(&MapOptions::private().at(start), 4 * page()).unwrap();
        memory.pages().advise(..page(), Hint::NoDump).unwrap();
        memory.copy_from_slice(&pattern::bytes(0, 4 * page()));
        let whole = maps::all().into_iter().find(|entry| entry.range.start == start + page());
        assert!(whole.unwrap().range.end > start + 4 * page(), "one mapping with its neighbour");
        let full = fill_the_table();
        let refused = memory.freeze().unwrap_err();
        assert!(matches!(refused.error.cause(), Cause::MapCountLimit { .. }), "{refused}");
        memory = refused.given;
        assert_eq!(maps::accesses(start..start + 4 * page()), ["rw-p"]);
        pattern::assert_is(&memory, 0);
        memory.fill(1);
        drop(full);
        assert!(memory.freeze().unwrap().iter().all(|byte| *byte == 1));
        drop((before, behind));
    });
}

#[test]
fn huge_pages_of_the_pool_come_and_go() {
    child::run(|| {
        let Some(_pool) = Pool::with(4) else { return };
        let before = (Pool::free(), Pool::promised());
        let huge = Pool::page_size();
        let Some(size) = PageSize::new(huge).map(HugePageSize::new) else { return };
        let options = MapOptions::private().huge_pages(size);
        let mut memory = Memory::map(&options, huge + 1).unwrap();
        assert_eq!((memory.len(), memory.pages().count()), (huge + 1, 2));
        assert_eq!(before.0 - Pool::free(), 2, "all there before they are touched");
        memory.fill(3);
        memory.resize(huge + 5).unwrap();
        assert_zeros(&memory[huge + 1..]);
        memory.clear();
        assert_zeros(&memory);
        memory.fill(4);
        memory.resize(9).unwrap();
        memory.resize(huge).unwrap();
        assert_zeros(&memory[9..]);
        assert!(memory.freeze().unwrap()[..9].iter().all(|byte| *byte == 4));
        assert_eq!((Pool::free(), Pool::promised()), before);
        assert!(matches!(
            Memory::map(&options, 1000 * huge).unwrap_err().cause(),
            Cause::HugePagePool { .. }
        ));
    });
}

/// What `madvise` takes from a huge page goes back to the pool, and where the pool was made smaller meanwhile the page is
/// not kept for who had it: the next write to the slice was SIGBUS.
#[test]
fn huge_memory_that_was_cleared_is_still_there() {
    const SIZE: &str = "/proc/sys/vm/nr_hugepages";
    let before = fs::read_to_string(SIZE).unwrap_or_default();
    let Some(ended) = child::outcome(|| {
        let Some(_pool) = Pool::with(2) else { return };
        let huge = Pool::page_size();
        let Some(size) = PageSize::new(huge).map(HugePageSize::new) else { return };
        let mut memory = Memory::map(&MapOptions::private().huge_pages(size), 2 * huge).unwrap();
        memory.fill(1);
        fs::write(SIZE, "0").unwrap(); // the owner of the machine wants them back
        memory.clear();
        assert_zeros(&memory);
        memory.fill(2);
    }) else {
        return;
    };
    if ended.signal().is_some() {
        drop(fs::write(SIZE, before));
    }
    assert!(ended.came_to_its_end(), "{}\n{}{}", ended.status, ended.out, ended.err);
}

/// Where the pool is empty, memory that was not promised is not there: an error of the view, whose signal is caught.
#[test]
fn huge_pages_that_are_not_there_are_errors_of_a_view() {
    child::run(|| {
        let Some(_pool) = Pool::with(0) else { return };
        let Some(size) = PageSize::new(Pool::page_size()).map(HugePageSize::new) else { return };
        if Pool::free() > 0 || !HugePageSize::available().contains(&size) {
            return;
        }
        let (len, anonymous) = (size.page_size().bytes(), Anonymous::new(2 * Pool::page_size()));
        let options = MapOptions::shared().huge_pages(size).no_reserve();
        let view = SharedMut::map(&options, &anonymous).unwrap();
        assert!(view.write_at(len + 5, b"x").is_err() && view.error().is_some());
        assert!(view.read_at(0, &mut [0]).is_err() && view.into_mapping().is_err());
        let options = MapOptions::private().huge_pages(size).no_reserve();
        let view = Private::map(&options, &anonymous).unwrap();
        assert!(view.fill(..3, 1).is_err() && view.detach().is_err());
    });
}

/// What is lent of the pages changes no byte and takes no access, whichever hint is given.
#[test]
fn no_hint_takes_a_byte() {
    let hints = [
        Hint::Normal,
        Hint::Random,
        Hint::Sequential,
        Hint::WillNeed,
        Hint::PopulateRead,
        Hint::PopulateWrite,
        Hint::Cold,
        Hint::PageOut,
        Hint::HugePages,
        Hint::NoHugePages,
        Hint::Collapse,
        Hint::Mergeable,
        Hint::Unmergeable,
        Hint::NoDump,
        Hint::Dump,
    ];
    let mut memory = Memory::new(3 * MIB + 11).unwrap();
    memory.copy_from_slice(&pattern::bytes(0, 3 * MIB + 11));
    for hint in hints {
        for range in [0..3 * MIB + 11, 5..6, MIB..2 * MIB + 1, 7..7] {
            let _given_or_not = memory.pages().advise(range, hint);
            pattern::assert_is(&memory, 0);
        }
        let at = memory.len() - 1;
        memory[at] ^= 1;
        memory[at] ^= 1;
    }
    let frozen: Frozen = memory.freeze().unwrap();
    for hint in hints {
        let _given_or_not = frozen.pages().unwrap().advise(.., hint);
        pattern::assert_is(&frozen, 0);
    }
}
