//! mman: the same cases, by views. A `&[u8]` is of bytes that nobody else can change; the bytes of a file that others
//! may change are copied out.

use crate::Case::{self, Note, Try};
use crate::world::{AT, FAR, LEN, Victim, WRAPS, after_fork, after_huge_drop, byte};
use crate::world::{refused, under_a_slice};
use mman::SharedMut;
use mman::{Anonymous, Frozen, Hint, HugePageSize, MapOptions, Memory, OnFork, Private, Shared};

const WRAPPED: std::ops::Range<usize> = FAR..FAR.wrapping_add(WRAPS);

pub(crate) fn case(row: &str) -> Case {
    match row {
        "truncate" => Try(|| {
            let (victim, view) = mapped();
            victim.truncate();
            refused(view.load::<u8>(AT))
        }),
        "rewrite" => Try(|| changed(Victim::rewrite)),
        "punch" => Try(|| changed(Victim::punch)),
        "two-views" => Try(|| {
            changed(|victim| {
                let other = SharedMut::open(&victim.path).expect("a mapping");
                other.store(AT, !byte(AT)).expect("storing");
            })
        }),
        "discard" => Try(|| {
            let memory = private();
            under_a_slice(&memory, || memory.pages().advise(.., Hint::PageOut).expect("advice"))
        }),
        "behind" => Try(|| refused(private().pages().advise(LEN..2 * LEN, Hint::Random))),
        "overflow-advise" => Try(|| refused(private().pages().advise(WRAPPED, Hint::Random))),
        "overflow-lock" => Try(|| refused(private().pages().lock(WRAPPED).map(drop))),
        "overflow-read" => Try(|| refused(mapped().1.load::<u64>(0_usize.wrapping_sub(8)))),
        "fork" => Try(fork),
        "huge-length" => Try(|| {
            let options = MapOptions::private().huge_pages(HugePageSize::MIB_2).populate();
            after_huge_drop(|| Memory::map(&options, 4096))
        }),
        "huge-no-reserve" => Try(|| {
            let _nobody_fills_it = mman_testkit::huge::Pool::with(0);
            let options = MapOptions::private().huge_pages(HugePageSize::MIB_2).no_reserve();
            assert!(Memory::map(&options, 1 << 31).is_err(), "no slice of what may be missing");
            let view = Private::map(&options, &Anonymous::new(1 << 31)).expect("a mapping");
            refused((0..view.len()).step_by(1 << 21).try_for_each(|page| view.store(page, 1_u8)))
        }),
        _ => Note("(`unsafe`)"),
    }
}

fn mapped() -> (Victim, Shared) {
    let victim = Victim::new();
    let view = Shared::open(&victim.path).expect("a mapping");
    (victim, view)
}

/// Private memory full of sevens.
fn private() -> Memory {
    let mut memory = Memory::new(LEN).expect("memory");
    memory.fill(7);
    memory
}

/// The slice is frozen; what was loaded stays, and the next load sees the change.
fn changed(change: impl FnOnce(&Victim)) -> String {
    let (victim, view) = mapped();
    let frozen = Frozen::open(&victim.path).expect("bytes");
    let before: u8 = view.load(AT).expect("loading");
    let seen = under_a_slice(&frozen, || change(&victim));
    let after: u8 = view.load(AT).expect("loading");
    assert!(before == byte(AT) && after != before, "the change is seen");
    seen
}

/// A slice of pages that the child has as zeros, or (as nobody said so) as they are. Of pages that it would not have
/// there is no slice.
fn fork() -> String {
    let ended = |how| {
        let memory = Memory::map(&MapOptions::private().on_fork(how), LEN)?;
        Ok::<_, mman::Error>(after_fork(|| memory[0]))
    };
    let wiped = ended(OnFork::Wipe).expect("memory");
    assert_eq!(wiped, ended(OnFork::Copy).expect("memory"));
    ended(OnFork::Leave).unwrap_or_else(|error| refused::<(), _>(Err(error)))
}
