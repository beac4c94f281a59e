//! Pages out of a reservation: nobody else's, zeros, freed in any part, and given out in signal handlers too.

#![allow(
    unsafe_code,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "pages are kept as addresses; a test may stop at what it does not expect"
)]

use mman::{
    Cause, FileObject, MapOptions, OnFree, Operation, PageAllocator, PageRun, PageSize, RangeError,
    Refused, Reservation,
};
use mman_sys::{ActionFlags, SigAction, SigInfo, Signal, getpid, gettid, sigaction, tgkill};
use mman_testkit::files::Folder;
use mman_testkit::{child, fork, line_of, maps, memory, page, pattern, require};
use proptest::prelude::*;
use std::ffi::c_void;
use std::fs;
use std::ptr::NonNull;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicUsize, Ordering};
use std::thread;

fn of_pages(pages: usize) -> PageAllocator {
    PageAllocator::new(pages * page()).unwrap()
}

/// Whether all bytes are this one: the first is, and each is as the one before it.
fn all_are(bytes: &[u8], byte: u8) -> bool {
    bytes.first().is_none_or(|first| *first == byte && bytes[1..] == bytes[..bytes.len() - 1])
}

fn is_zeros(bytes: &[u8]) -> bool {
    all_are(bytes, 0)
}

/// The number of a run's first page.
fn place(run: &PageRun<'_>, first: usize) -> usize {
    (run.as_ptr().addr() - first) / page()
}

#[test]
fn lengths_are_rounded_up_and_wrong_ones_are_errors() {
    let pages = PageAllocator::new(5 * page() + 1).unwrap();
    assert_eq!((pages.len(), pages.free_pages(), pages.largest()), (6 * page(), 6, 6 * page()));
    let run = pages.allocate(1).unwrap();
    assert_eq!((run.len(), pages.free_pages()), (page(), 5));
    assert_eq!(pages.allocate(page() + 1).unwrap().len(), 2 * page());
    let error = pages.allocate(0).unwrap_err();
    assert_eq!(
        (error.operation(), error.cause()),
        (Operation::Allocate, Cause::Range(RangeError::Empty))
    );
    for len in [5 * page() + 1, 6 * page(), 1 << 60, usize::MAX - page() - 1, usize::MAX] {
        let error = pages.allocate(len).unwrap_err();
        assert_eq!((error.cause(), error.errno()), (Cause::Exhausted, None), "{len}");
        assert_eq!(line_of(&error), "allocate address space: nothing is left to be given out");
    }
    assert_eq!(PageAllocator::new(0).unwrap_err().cause(), Cause::Range(RangeError::Empty));
    assert_eq!(PageAllocator::new(usize::MAX).unwrap_err().cause(), Cause::TooLong);
    assert_eq!(PageAllocator::new(1 << 60).unwrap_err().cause(), Cause::NoAddressSpace);
    let (nothing, all) = Reservation::new(page()).unwrap().split_at(0).unwrap();
    let error = PageAllocator::from_reservation(nothing).unwrap_err();
    assert_eq!(error.cause(), Cause::Range(RangeError::Empty));
    assert_eq!(PageAllocator::from_reservation(all).unwrap().free_pages(), 1);
}

/// What is committed is promised: a lack of memory is an error when the allocator is made, not a kill later.
#[test]
fn memory_is_promised_at_once_and_touched_lazily() {
    let mode = fs::read_to_string("/proc/sys/vm/overcommit_memory").unwrap();
    if require::holds(mode.trim() != "1", "vm.overcommit_memory 0 or 2") {
        assert_eq!(PageAllocator::new(1 << 45).unwrap_err().cause(), Cause::Overcommit);
    }
    let pages = PageAllocator::new(1 << 30).unwrap();
    let run = pages.allocate(1 << 30).unwrap();
    let resident = memory::resident(run.as_ptr().addr(), run.len() / page()).unwrap();
    assert!(!resident.contains(&true), "nobody touched it");
}

/// A file placed in the reservation would be memory that others change: it goes before pages are given out.
#[test]
fn what_was_in_the_reservation_is_dropped() {
    let folder = Folder::new();
    let path = folder.patterned("a", 4 * page());
    let file = mman_testkit::files::open_read_write(&path);
    let object = FileObject::new(file).unwrap();
    let mut space = Reservation::new(8 * page()).unwrap();
    space.place(0, &MapOptions::shared().read_write(), &object).unwrap();
    space.commit(4 * page()..6 * page()).unwrap();
    space.write_at(5 * page(), b"left behind").unwrap();
    let range = space.address()..space.address() + space.len();
    let pages = PageAllocator::from_reservation(space).unwrap();
    assert_eq!(maps::accesses(range), ["rw-p"]);
    let mut all = pages.allocate(8 * page()).unwrap();
    assert!(is_zeros(&all));
    all.fill(9);
    drop(all);
    pattern::assert_is(&fs::read(path).unwrap(), 0);
}

#[test]
fn runs_are_split_and_freed_at_any_page() {
    let pages = of_pages(8);
    let mut run = pages.allocate(6 * page()).unwrap();
    let first = run.as_ptr().addr();
    run.copy_from_slice(&pattern::bytes(0, 6 * page()));
    let cases = [
        (
            run.len() + page(),
            RangeError::EndsPastEnd { end: 7 * page() as u64, len: 6 * page() as u64 },
        ),
        (usize::MAX, RangeError::EndsPastEnd { end: u64::MAX, len: 6 * page() as u64 }),
        (page() + 1, RangeError::Unaligned { value: page() as u64 + 1, page: page() }),
    ];
    for (at, cause) in cases {
        let Err(Refused { error, given }) = run.split_at(at) else { panic!("cut at {at}") };
        assert_eq!((error.operation(), error.cause()), (Operation::Split, Cause::Range(cause)));
        run = given;
    }
    for range in [1..page(), 0..7 * page(), page()..usize::MAX, page() + 1..2 * page()] {
        let Err(Refused { error, given }) = run.free_range(range.clone()) else {
            panic!("{range:?}")
        };
        assert!(matches!(error.cause(), Cause::Range(_)), "{error}");
        run = given;
    }
    let backwards = 2 * page()..page();
    run = run.free_range(backwards).unwrap_err().given;
    assert_eq!(pages.free_pages(), 2, "what failed freed nothing");
    let (low, high) = run.free_range(page()..3 * page()).unwrap();
    assert_eq!((pages.free_pages(), pages.largest()), (4, 2 * page()));
    pattern::assert_is(&low, 0);
    pattern::assert_is(&high, 3 * page() as u64);
    let middle = pages.allocate(2 * page()).unwrap();
    assert_eq!(place(&middle, first), 1);
    assert!(is_zeros(&middle));
    let (nothing, all) = high.split_at(0).unwrap();
    assert!(nothing.is_empty() && nothing.free_range(..).is_ok());
    let (all, nothing) = all.split_at(3 * page()).unwrap();
    assert!(nothing.is_empty() && all.len() == 3 * page());
    let (nothing, rest) = all.free_range(..).unwrap();
    assert!(nothing.is_empty() && rest.is_empty());
    drop((low, middle));
    assert_eq!((pages.free_pages(), pages.largest()), (8, 8 * page()));
}

#[test]
fn an_alignment_is_kept_wherever_the_pages_begin() {
    for skip in [0, 1, 5] {
        let size = PageSize::new(16 * page()).unwrap();
        let space = Reservation::aligned(100 * page(), size).unwrap();
        let (_before, space) = space.split_at(skip * page()).unwrap();
        let pages = PageAllocator::from_reservation(space).unwrap();
        let _small = pages.allocate(1).unwrap();
        let runs: Vec<_> = (0..5).map_while(|_| pages.allocate_aligned(3, size).ok()).collect();
        assert_eq!(runs.len(), 5);
        assert!(runs.iter().all(|run| size.divides(run.as_ptr().addr()) && run.len() == page()));
        let huge = PageSize::new(1 << 63).unwrap();
        assert_eq!(pages.allocate_aligned(1, huge).unwrap_err().cause(), Cause::Exhausted);
        let byte = PageSize::new(1).unwrap();
        assert!(pages.allocate_aligned(1, byte).is_ok());
    }
}

#[test]
fn all_pages_are_given_out_and_come_back() {
    let count = 200;
    let pages = of_pages(count);
    for round in 0..3_u8 {
        let mut runs = Vec::new();
        while let Ok(mut run) = pages.allocate(1) {
            assert!(is_zeros(&run));
            run.fill(round + 1);
            runs.push(run);
        }
        assert_eq!((runs.len(), pages.free_pages(), pages.largest()), (count, 0, 0));
        let mut index = 0;
        runs.retain(|_| {
            index += 1;
            index % 2 == 0
        });
        assert_eq!((pages.free_pages(), pages.largest()), (count / 2, page()));
        assert_eq!(pages.allocate(2 * page()).unwrap_err().cause(), Cause::Exhausted);
        assert!(pages.allocate(page()).is_ok());
        drop(runs);
        assert!(pages.allocate(count * page()).is_ok());
    }
}

#[test]
fn pages_are_zeros_when_they_come_again_kept_or_not() {
    for on_free in [OnFree::GiveBack, OnFree::Keep] {
        let pages = of_pages(4).on_free(on_free);
        for _ in 0..3 {
            let mut run = pages.allocate(4 * page()).unwrap();
            assert!(is_zeros(&run), "{on_free:?}");
            run.fill(0xaa);
        }
        let first = pages.allocate(page()).unwrap().as_ptr().addr();
        let kept = on_free == OnFree::Keep;
        assert_eq!(memory::resident(first, 4).unwrap(), [kept; 4], "{on_free:?}");
    }
}

/// Locked pages, as all are in a process that locks its memory, do not go by `MADV_DONTNEED`: the kernel refuses it,
/// and so the bytes of the last owner would stay.
#[test]
fn locked_pages_are_zeros_too_and_stay() {
    child::run(|| {
        let pages = of_pages(8);
        let mut run = pages.allocate(8 * page()).unwrap();
        let address = run.as_ptr().addr();
        let locked = memory::lock(address, 8 * page());
        if !require::holds(locked.is_ok(), "the right to lock 32 KiB") {
            return;
        }
        run.fill(0xaa);
        drop(run);
        assert_eq!(memory::resident(address, 8).unwrap(), [true; 8], "locked memory stays");
        assert!(is_zeros(&pages.allocate(8 * page()).unwrap()));
    });
}

/// Resident memory in kB of the mapping at an address.
fn rss_of(address: usize) -> usize {
    let text = fs::read_to_string("/proc/self/smaps").unwrap();
    let mut here = false;
    for line in text.lines() {
        if let Some((range, _)) = line.split_once(' ')
            && let Some((start, end)) = range.split_once('-')
        {
            let [start, end] = [start, end].map(|hex| usize::from_str_radix(hex, 16).unwrap());
            here = (start..end).contains(&address);
        }
        if here && let Some(rss) = line.strip_prefix("Rss:") {
            return rss.trim().trim_end_matches(" kB").parse().unwrap();
        }
    }
    panic!("no mapping at {address:#x}")
}

#[test]
fn freeing_the_middle_gives_the_memory_back() {
    child::run(|| {
        // Held pages on both sides, so that the kernel counts no neighbour with it.
        let (_before, rest) = Reservation::new(66 * page()).unwrap().split_at(page()).unwrap();
        let (space, _behind) = rest.split_at(64 * page()).unwrap();
        let pages = PageAllocator::from_reservation(space).unwrap();
        let mut run = pages.allocate(64 * page()).unwrap();
        let address = run.as_ptr().addr();
        run.fill(1);
        let kb = |pages: usize| pages * page() / 1024;
        assert_eq!(rss_of(address), kb(64));
        let (low, high) = run.free_range(10 * page()..50 * page()).unwrap();
        assert_eq!(rss_of(address), kb(24));
        drop((low, high));
        assert_eq!(rss_of(address), 0);
    });
}

#[test]
fn addresses_are_freed_in_any_part() {
    let pages = of_pages(10);
    let [first, second] = [4, 6].map(|count| pages.allocate_raw(count * page()).unwrap());
    assert_eq!(second.as_ptr().addr() - first.as_ptr().addr(), 4 * page());
    // SAFETY: ten pages of the test's own, one after the other.
    unsafe { first.write_bytes(7, 10 * page()) };
    let at =
        |page_number: usize| first.map_addr(|address| address.saturating_add(page_number * page()));
    // SAFETY: pages of the test's own, of both allocations, which nobody uses.
    unsafe { pages.free_raw(at(3), 2 * page()) }.unwrap();
    assert_eq!((pages.free_pages(), pages.largest()), (2, 2 * page()));
    let wrong = [
        (at(0).map_addr(|address| address.saturating_add(1)), page()),
        (at(9), 2 * page()),
        (at(10), page()),
        (at(0), usize::MAX),
        (at(0), usize::MAX - page() - 1),
        (NonNull::dangling(), page()),
    ];
    for (start, len) in wrong {
        // SAFETY: no pages of the allocator: refused.
        let error = unsafe { pages.free_raw(start, len) }.unwrap_err();
        assert!(matches!(error.cause(), Cause::Range(_)), "{error}");
    }
    // SAFETY: no page at all.
    unsafe { pages.free_raw(at(5), 0) }.unwrap();
    assert_eq!(pages.free_pages(), 2);
    assert!(is_zeros(&pages.allocate(2 * page()).unwrap()));
    // SAFETY: the rest, which nobody uses; lengths are rounded up.
    unsafe { pages.free_raw(at(0), 2 * page() + 1) }.unwrap();
    // SAFETY: as above.
    unsafe { pages.free_raw(at(5), 5 * page()) }.unwrap();
    assert_eq!(pages.largest(), 10 * page());
}

/// The child of a fork has the pages as they were, and what it does with them is its own.
#[test]
fn a_fork_copies_pages_and_bits() {
    child::run(|| {
        let pages = of_pages(4);
        let mut run = pages.allocate(2 * page()).unwrap();
        run.fill(1);
        let status = fork::and_wait(|| {
            let seen = all_are(&run, 1) && pages.free_pages() == 2;
            run.fill(2);
            let mut more = pages.allocate(2 * page()).unwrap();
            let zeros = is_zeros(&more);
            more.fill(3);
            u8::from(!(seen && zeros && pages.free_pages() == 0))
        });
        assert_eq!(status.code(), Some(0));
        assert!(all_are(&run, 1), "the child wrote into its own copy");
        assert_eq!(pages.free_pages(), 2);
        assert!(is_zeros(&pages.allocate(2 * page()).unwrap()));
    });
}

/// What the model test does; numbers are taken modulo what there is.
#[derive(Clone, Debug)]
enum Op {
    Allocate(usize),
    Aligned(usize, u32),
    Free(usize),
    FreeRange(usize, usize, usize),
    Split(usize, usize),
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => (1_usize..80).prop_map(Op::Allocate),
        2 => (1_usize..8).prop_map(Op::Allocate),
        1 => (1_usize..8, 0_u32..6).prop_map(|(count, log2)| Op::Aligned(count, log2)),
        2 => any::<usize>().prop_map(Op::Free),
        2 => any::<(usize, usize, usize)>().prop_map(|(run, from, to)| Op::FreeRange(run, from, to)),
        1 => any::<(usize, usize)>().prop_map(|(run, at)| Op::Split(run, at)),
    ]
}

const PAGES: usize = 150;

/// The model: who has each page.
struct Model<'a> {
    first: usize,
    taken: [bool; PAGES],
    runs: Vec<(PageRun<'a>, u8)>,
    stamp: u8,
}

impl<'a> Model<'a> {
    /// The lengths of the runs of free pages that begin where an alignment allows it.
    fn longest_free(&self, align: usize) -> usize {
        let number = self.first / page();
        let free_from = |at: usize| self.taken[at..].iter().take_while(|taken| !**taken).count();
        let starts = (0..PAGES).filter(|at| (number + at).is_multiple_of(align));
        starts.map(free_from).max().unwrap_or(0)
    }

    fn take(&mut self, answer: mman::Result<PageRun<'a>>, count: usize, align: usize) {
        let Ok(mut run) = answer else {
            assert!(self.longest_free(align) < count, "there is room for {count} pages");
            return;
        };
        assert!(run.len() == count * page() && is_zeros(&run));
        let at = place(&run, self.first);
        assert!((self.first / page() + at).is_multiple_of(align));
        for taken in &mut self.taken[at..at + count] {
            assert!(!std::mem::replace(taken, true), "a page was given out twice");
        }
        self.stamp = self.stamp % 255 + 1;
        run.fill(self.stamp);
        self.runs.push((run, self.stamp));
    }

    fn pick(&mut self, which: usize) -> Option<(PageRun<'a>, u8)> {
        let count = self.runs.len();
        (count > 0).then(|| self.runs.swap_remove(which % count))
    }

    fn put(&mut self, run: PageRun<'a>, stamp: u8) {
        if !run.is_empty() {
            self.runs.push((run, stamp));
        }
    }

    fn apply(&mut self, pages: &'a PageAllocator, op: &Op) {
        match *op {
            Op::Allocate(count) => self.take(pages.allocate(count * page()), count, 1),
            Op::Aligned(count, log2) => {
                let size = PageSize::new(page() << log2).unwrap();
                self.take(pages.allocate_aligned(count * page(), size), count, 1 << log2);
            }
            Op::Free(which) => {
                let Some((run, _)) = self.pick(which) else { return };
                let at = place(&run, self.first);
                self.taken[at..at + run.len() / page()].fill(false);
            }
            Op::FreeRange(which, from, to) => {
                let Some((run, stamp)) = self.pick(which) else { return };
                let (at, count) = (place(&run, self.first), run.len() / page());
                let [from, to] = [from % (count + 1), to % (count + 1)];
                let (from, to) = (from.min(to), from.max(to));
                let (low, high) = run.free_range(from * page()..to * page()).unwrap();
                self.taken[at + from..at + to].fill(false);
                self.put(low, stamp);
                self.put(high, stamp);
            }
            Op::Split(which, at) => {
                let Some((run, stamp)) = self.pick(which) else { return };
                let at = at % (run.len() / page() + 1) * page();
                let (low, high) = run.split_at(at).unwrap();
                self.put(low, stamp);
                self.put(high, stamp);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn it_does_what_an_array_of_flags_says(ops in proptest::collection::vec(op(), 1..80), keep: bool) {
        let on_free = if keep { OnFree::Keep } else { OnFree::GiveBack };
        let pages = of_pages(PAGES).on_free(on_free);
        let first = pages.allocate(PAGES * page()).unwrap().as_ptr().addr();
        let mut model = Model { first, taken: [false; PAGES], runs: Vec::new(), stamp: 0 };
        for op in &ops {
            model.apply(&pages, op);
            let free = model.taken.iter().filter(|taken| !**taken).count();
            assert_eq!((pages.free_pages(), pages.largest()), (free, model.longest_free(1) * page()));
            for (run, stamp) in &model.runs {
                assert!(all_are(run, *stamp), "somebody wrote into a run");
            }
        }
        drop(model);
        assert_eq!(pages.free_pages(), PAGES);
    }
}

/// A generator of the kind that no test needs better.
fn random(state: &mut u64) -> usize {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*state >> 33) as usize
}

/// Takes, fills, checks and frees for so many rounds. Answers how often there was nothing to be had.
fn churn(pages: &PageAllocator, seed: usize, rounds: usize) -> usize {
    let mut state = seed as u64 * 7919 + 1;
    let mut held: Vec<(PageRun<'_>, u8)> = Vec::new();
    let mut refused = 0;
    for _ in 0..rounds {
        let count = match random(&mut state) % 8 {
            0 => 60 + random(&mut state) % 10,
            _ => 1 + random(&mut state) % 4,
        };
        match pages.allocate(count * page()) {
            Ok(mut run) => {
                assert!(is_zeros(&run), "pages of another");
                let stamp = (random(&mut state) % 255 + 1) as u8;
                run.fill(stamp);
                held.push((run, stamp));
            }
            Err(error) => {
                assert_eq!(error.cause(), Cause::Exhausted);
                refused += 1;
            }
        }
        while held.len() > 4 {
            let index = random(&mut state) % held.len();
            let (run, stamp) = held.swap_remove(index);
            assert!(all_are(&run, stamp), "somebody wrote into a run");
            let len = run.len();
            let from = random(&mut state) % (len / page());
            let (low, high) = run.free_range(from * page()..(from + 1) * page()).unwrap();
            assert!(all_are(&low, stamp) && all_are(&high, stamp));
        }
    }
    refused
}

#[test]
fn eight_threads_share_pages_and_none_is_lost() {
    for on_free in [OnFree::GiveBack, OnFree::Keep] {
        let pages = of_pages(400).on_free(on_free);
        let refused: usize = thread::scope(|scope| {
            let churn = |seed| {
                scope.spawn({
                    let pages = &pages;
                    move || churn(pages, seed, 600)
                })
            };
            let threads: Vec<_> = (0..8).map(churn).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert!(refused < 8 * 600 / 2, "{refused} times there was nothing to be had");
        assert_eq!((pages.free_pages(), pages.largest()), (400, 400 * page()));
    }
}

static PAGES_OF_ALL: OnceLock<PageAllocator> = OnceLock::new();
static SERVED: AtomicUsize = AtomicUsize::new(0);
static WRONG: AtomicUsize = AtomicUsize::new(0);

/// Allocates, checks, fills and frees, in the midst of whatever it interrupts.
extern "C" fn handler(_number: i32, _info: *const SigInfo, _context: *mut c_void) {
    let Some(pages) = PAGES_OF_ALL.get() else { return };
    for len in [1, 70 * page()] {
        let Ok(mut run) = pages.allocate(len) else { continue };
        if !is_zeros(&run) {
            WRONG.fetch_add(1, Ordering::Relaxed);
        }
        run.fill(0xff);
        SERVED.fetch_add(1, Ordering::Relaxed);
    }
}

/// A storm of signals interrupts threads that allocate and free; the handler does the same. A lock would stop
/// them for ever, and a claim in two steps would give a page to both.
#[test]
fn a_handler_that_interrupts_allocation_allocates() {
    child::run(|| {
        PAGES_OF_ALL.set(of_pages(600)).unwrap();
        let pages = PAGES_OF_ALL.get().unwrap();
        let action = SigAction {
            handler: (handler as *const ()).expose_provenance(),
            flags: ActionFlags::SIGINFO | ActionFlags::RESTART,
            ..SigAction::default()
        };
        // SAFETY: the handler has the shape that the flags say, and makes async-signal-safe calls only.
        unsafe { sigaction(Signal::SIGUSR1, Some(&action), None) }.unwrap();
        let (done, ids) = (AtomicBool::new(false), [AtomicI32::new(0), AtomicI32::new(0)]);
        thread::scope(|scope| {
            let workers: Vec<_> = ids
                .iter()
                .enumerate()
                .map(|(seed, id)| {
                    scope.spawn(move || {
                        id.store(gettid(), Ordering::Release);
                        while SERVED.load(Ordering::Relaxed) < 4000 {
                            churn(pages, seed, 50);
                        }
                    })
                })
                .collect();
            let storm = scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    for id in &ids {
                        let id = id.load(Ordering::Acquire);
                        if id != 0 {
                            let _ended_or_not = tgkill(getpid(), id, Signal::SIGUSR1);
                        }
                    }
                    thread::yield_now();
                }
            });
            let ended: Vec<_> = workers.into_iter().map(thread::ScopedJoinHandle::join).collect();
            done.store(true, Ordering::Relaxed);
            storm.join().unwrap();
            assert!(ended.iter().all(Result::is_ok), "a thread found another's bytes");
        });
        assert_eq!(WRONG.load(Ordering::Relaxed), 0, "a handler was given pages with bytes");
        assert_eq!((pages.free_pages(), pages.largest()), (600, 600 * page()));
    });
}
