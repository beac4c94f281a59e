//! The bits under every interleaving of two threads (loom), and under a handler at every step of one.
#![allow(clippy::arithmetic_side_effects, reason = "a test may stop at what it does not expect")]

use super::{Alignment, BITS, Bitmap};
use crate::atomic_word::AtomicWord;
use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::sync::atomic::AtomicU64 as LoomWord;
use loom::thread;
use std::cell::{Cell, RefCell};
use std::ops::Range;
use std::sync::atomic::Ordering;

const ANYWHERE: Alignment = Alignment { base: 0, pages: 1 };

/// Two words of pages, of which only some are free, each with a cell that its owner alone may touch: loom stops
/// where two do, or where the second does not know what the first did.
struct Table {
    words: [LoomWord; 2],
    hint: LoomWord,
    freed: LoomWord,
    pages: Vec<UnsafeCell<u32>>,
}

impl Table {
    fn with_free(free: &Range<usize>) -> Arc<Self> {
        let word = |index: usize| {
            let bits = (0..BITS).filter(|bit| !free.contains(&(index * BITS + bit)));
            LoomWord::new(bits.fold(0, |word, bit| word | 1 << bit))
        };
        let (words, pages) = ([word(0), word(1)], (0..2 * BITS).map(|_| UnsafeCell::new(0)));
        let (hint, freed) = (LoomWord::new(free.start as u64), LoomWord::new(0));
        Arc::new(Self { words, hint, freed, pages: pages.collect() })
    }

    fn bitmap(&self) -> Bitmap<'_, LoomWord> {
        Bitmap { words: &self.words, hint: &self.hint, freed: &self.freed }
    }

    fn allocate(&self, count: usize) -> Option<Range<usize>> {
        let start = self.bitmap().allocate(count, ANYWHERE)?;
        let pages = start..start + count;
        self.touch(&pages);
        Some(pages)
    }

    /// As the owner of pages does: they were zeros, and are again before they are freed.
    fn touch(&self, pages: &Range<usize>) {
        for page in pages.clone() {
            self.pages[page].with_mut(|value| {
                // SAFETY: loom checks that nobody else is here.
                let value = unsafe { &mut *value };
                assert_eq!(*value, 0, "page {page} came with what another wrote");
                *value = 1;
            });
        }
    }

    fn free(&self, pages: Range<usize>) {
        for page in pages.clone() {
            // SAFETY: loom checks that nobody else is here.
            self.pages[page].with_mut(|value| unsafe { *value = 0 });
        }
        self.bitmap().free(pages);
    }
}

fn explore(body: impl Fn() + Send + core::marker::Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(4);
    builder.check(body);
}

/// What both threads have is disjoint, and the rest is free.
fn check_ends(table: &Table, free_before: usize, held: &[Option<Range<usize>>]) {
    let held: Vec<_> = held.iter().flatten().cloned().collect();
    if let [one, other] = held.as_slice() {
        assert!(one.end <= other.start || other.end <= one.start, "{one:?} and {other:?}");
    }
    let taken: usize = held.iter().map(ExactSizeIterator::len).sum();
    assert_eq!(table.bitmap().free_pages(), free_before - taken, "pages were lost");
}

/// Two threads allocate so many pages each, of these. At least one is given them if there is room for one.
fn two_allocate(free: Range<usize>, counts: [usize; 2], both: bool) {
    explore(move || {
        let table = Table::with_free(&free);
        let other = Arc::clone(&table);
        let thread = thread::spawn(move || other.allocate(counts[0]));
        let mine = table.allocate(counts[1]);
        let held = [thread.join().unwrap(), mine];
        check_ends(&table, free.len(), &held);
        let given = held.iter().flatten().count();
        assert!(given == 2 || (!both && given == 1), "{held:?} of {free:?}");
    });
}

#[test]
fn two_threads_want_the_same_page() {
    two_allocate(5..6, [1, 1], false);
}

#[test]
fn two_threads_find_two_pages() {
    two_allocate(5..7, [1, 1], true);
}

#[test]
fn two_threads_want_a_run_across_two_words() {
    two_allocate(BITS - 1..BITS + 1, [2, 2], false);
}

/// The run needs the last page of one word and the first of the next; somebody takes one of the two.
#[test]
fn a_run_across_two_words_against_a_page_of_it() {
    two_allocate(BITS - 1..BITS + 1, [2, 1], false);
}

#[test]
fn a_run_across_two_words_and_a_page_behind_it() {
    two_allocate(BITS - 1..BITS + 2, [2, 1], false);
}

#[test]
fn a_page_that_is_being_freed_is_given_out_whole_or_not_at_all() {
    explore(|| {
        let table = Table::with_free(&(5..6));
        let page = table.allocate(1).unwrap();
        let other = Arc::clone(&table);
        let thread = thread::spawn(move || other.free(page));
        let mine = table.allocate(1);
        thread.join().unwrap();
        check_ends(&table, 1, &[mine]);
    });
}

#[test]
fn a_run_across_two_words_that_is_being_freed() {
    for count in [1, 2] {
        explore(move || {
            let table = Table::with_free(&(BITS - 1..BITS + 1));
            let run = table.allocate(2).unwrap();
            let other = Arc::clone(&table);
            let thread = thread::spawn(move || other.free(run));
            let mine = table.allocate(count);
            thread.join().unwrap();
            check_ends(&table, 2, &[mine]);
        });
    }
}

/// One page is free at every moment, but not always the same: a search that passed it looks again.
#[test]
fn who_needs_one_page_gets_the_one_that_is_free_at_every_moment() {
    explore(|| {
        let table = Table::with_free(&(BITS - 1..BITS + 1));
        let low = table.allocate(1).unwrap();
        table.hint.store(0, Ordering::Relaxed);
        let other = Arc::clone(&table);
        let thread = thread::spawn(move || {
            other.free(low);
            let high = BITS..BITS + 1;
            other.bitmap().claim(high.clone()).ok().map(|()| high)
        });
        let mine = table.allocate(1);
        assert!(mine.is_some(), "one of the two pages is free at every moment");
        check_ends(&table, 2, &[mine, thread.join().unwrap()]);
    });
}

/// A word that runs a handler after its n-th step.
struct Interrupted<'a> {
    value: Cell<u64>,
    steps: &'a Steps<'a>,
}

struct Steps<'a> {
    left: Cell<Option<u32>>,
    handler: RefCell<Option<&'a dyn Fn()>>,
}

impl Steps<'_> {
    fn step(&self) {
        match self.left.get() {
            Some(0) => {
                self.left.set(None);
                if let Some(handler) = *self.handler.borrow() {
                    handler();
                }
            }
            left => self.left.set(left.map(|left| left - 1)),
        }
    }
}

impl Interrupted<'_> {
    /// Writes what `new` makes of the value, and answers what was there.
    fn change(&self, new: impl FnOnce(u64) -> u64) -> u64 {
        let value = self.value.get();
        self.value.set(new(value));
        self.steps.step();
        value
    }
}

impl AtomicWord for Interrupted<'_> {
    fn load(&self, _: Ordering) -> u64 {
        self.change(|value| value)
    }

    fn store(&self, value: u64, _: Ordering) {
        self.change(|_| value);
    }

    fn compare_exchange(&self, old: u64, new: u64, _: Ordering, _: Ordering) -> Result<u64, u64> {
        let value = self.change(|value| if value == old { new } else { value });
        if value == old { Ok(value) } else { Err(value) }
    }

    fn fetch_add(&self, more: u64, _: Ordering) -> u64 {
        self.change(|value| value + more)
    }

    fn fetch_sub(&self, less: u64, _: Ordering) -> u64 {
        self.change(|value| value - less)
    }

    fn fetch_and(&self, mask: u64, _: Ordering) -> u64 {
        self.change(|value| value & mask)
    }

    fn pause(_: u32) {
        unreachable!("a bitmap waits for nobody")
    }
}

/// At every step of an allocation and a free, a handler allocates and frees: it is never given what is taken, and
/// no page is lost. Answers how often the handler was given pages in the midst of it.
fn interrupt_everywhere(free: Range<usize>, count: usize, in_handler: usize) -> u32 {
    let mut served = 0;
    for at in 0.. {
        let steps = Steps { left: Cell::new(None), handler: RefCell::new(None) };
        let word = |value| Interrupted { value: Cell::new(value), steps: &steps };
        let words: [_; 3] = std::array::from_fn(|index| {
            let bits = (0..BITS).filter(|bit| !free.contains(&(index * BITS + bit)));
            word(bits.fold(0, |word, bit| word | 1 << bit))
        });
        let (hint, freed) = (word(0), word(0));
        let bitmap = Bitmap { words: &words, hint: &hint, freed: &freed };
        let mine: RefCell<Option<Range<usize>>> = RefCell::new(None);
        let kept: RefCell<Option<Range<usize>>> = RefCell::new(None);
        let ran = Cell::new(false);
        let handler = || {
            ran.set(true);
            let start = bitmap.allocate(in_handler, ANYWHERE);
            let theirs = start.map(|start| start..start + in_handler);
            if let (Some(theirs), Some(mine)) = (&theirs, &*mine.borrow()) {
                assert!(theirs.end <= mine.start || mine.end <= theirs.start, "step {at}");
            }
            *kept.borrow_mut() = theirs;
        };
        *steps.handler.borrow_mut() = Some(&handler);
        steps.left.set(Some(at));
        let start = bitmap.allocate(count, ANYWHERE);
        *mine.borrow_mut() = start.map(|start| start..start + count);
        if let (Some(mine), Some(kept)) = (&*mine.borrow(), &*kept.borrow()) {
            assert!(kept.end <= mine.start || mine.end <= kept.start, "step {at}");
        }
        let given = mine.borrow().clone();
        if let Some(pages) = given {
            let (low, high) = (pages.start..pages.start + 1, pages.start + 1..pages.end);
            *mine.borrow_mut() = Some(high.clone());
            bitmap.free(low);
            *mine.borrow_mut() = None;
            if !high.is_empty() {
                bitmap.free(high);
            }
        }
        *steps.handler.borrow_mut() = None;
        if let Some(kept) = kept.take() {
            served += 1;
            bitmap.free(kept);
        }
        assert_eq!(bitmap.free_pages(), free.len(), "step {at}: pages were lost");
        assert_eq!(bitmap.largest(), free.len());
        if !ran.get() {
            return served;
        }
    }
    unreachable!("a run has an end")
}

#[test]
fn a_handler_may_interrupt_every_step() {
    let cases = [
        (5..6, 1, 1),
        (5..9, 2, 2),
        (BITS - 1..BITS + 1, 2, 1),
        (BITS - 2..2 * BITS + 3, BITS + 2, 2),
        (BITS - 2..2 * BITS + 3, BITS + 2, BITS + 4),
    ];
    for (free, count, in_handler) in cases {
        let served = interrupt_everywhere(free.clone(), count, in_handler);
        assert!(served > 0, "{free:?} {count} {in_handler}: the handler was never given pages");
    }
}

#[test]
fn alignment_counts_from_address_zero() {
    let alignment = Alignment { base: 13, pages: 8 };
    let places: Vec<_> = (0..5).map(|page| alignment.at_or_after(page).unwrap()).collect();
    assert_eq!(places, [3, 3, 3, 3, 11]);
    assert_eq!(alignment.at_or_after(usize::MAX - 13), None);
    assert_eq!(super::masks(BITS - 1..BITS + 1).collect::<Vec<_>>(), [(0, 1 << 63), (1, 1)]);
    assert_eq!(super::masks(3..3).next().map(|(_, mask)| mask), Some(0));
}
