//! A small table in every order of its processes, dying before any store: no unit is ever in two allocations, none is lost,
//! and the derived part is what follows from the entries.
//!
//! The lock, the states and who is alive are atomics of loom. All other words, and the bytes of the units, are cells of
//! loom, which report any two accesses that are not ordered: the lock alone has to order them. Who dies stores nothing from
//! then on, and sees zeros.

#![allow(
    unsafe_code,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "test code: it may panic, and reaches loom's cells"
)]

use crate::damage::Damage;
use crate::entries::{entry_of, range_of};
use crate::layout::{BLOCK, Layout, head, owner_word, slot, slot_word};
use crate::lock::{Verdict, owner};
use crate::memory::Memory;
use crate::space::Table;
use crate::space::tests::assert_sound;
use crate::turn::Begun;
use core::cell::Cell;
use core::ops::Range;
use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::sync::atomic::Ordering::{AcqRel, Acquire, Release};
use loom::sync::atomic::{AtomicBool, AtomicU64};
use loom::thread::{spawn, yield_now};
use std::vec::Vec;

const UNITS: usize = 8;
const SLOTS: usize = 3;
/// Entries that each slot can have.
const ENTRIES: usize = 4;

/// What the processes have in common.
struct Shared {
    layout: Layout,
    lock: AtomicU64,
    states: Vec<AtomicU64>,
    /// What the kernel says of who holds a slot.
    alive: Vec<AtomicBool>,
    /// The other words that are used: number, and cell.
    words: Vec<(usize, UnsafeCell<u64>)>,
    /// One byte of each unit, with the slot and one of whose it is.
    bytes: Vec<UnsafeCell<u8>>,
}

fn get<T: Copy>(cell: &UnsafeCell<T>) -> T {
    // SAFETY: loom reports a use that is not ordered with this one.
    cell.with(|place| unsafe { *place })
}

fn set<T>(cell: &UnsafeCell<T>, value: T) {
    // SAFETY: loom reports a use that is not ordered with this one.
    cell.with_mut(|place| unsafe { *place = value });
}

impl Shared {
    /// A pool in which nobody has anything, of slots that are live and have a block each.
    fn new() -> Arc<Self> {
        let layout = Layout::of(UNITS).unwrap();
        let mut words: Vec<usize> = [head::FREE, head::REBUILT, head::DROPPED].into();
        words.extend((0..SLOTS).map(owner_word));
        words.extend(layout.used..layout.levels()[0].at + 2);
        for block in 0..SLOTS {
            words.extend((0..ENTRIES).map(|at| layout.entry(block * BLOCK + at).unwrap()));
        }
        words.extend(layout.counts..layout.counts + UNITS / 4);
        let shared = Arc::new(Self {
            layout,
            lock: AtomicU64::new(0),
            states: (0..SLOTS).map(|_| AtomicU64::new(slot::LIVE)).collect(),
            alive: (0..SLOTS).map(|_| AtomicBool::new(true)).collect(),
            words: words.into_iter().map(|at| (at, UnsafeCell::new(0))).collect(),
            bytes: (0..UNITS).map(|_| UnsafeCell::new(0)).collect(),
        });
        let table = process(&shared, 0, 0).table;
        for each in 0..SLOTS {
            table.memory.store(owner_word(each), each as u64 + 1);
        }
        assert!(table.rebuild(&mut |_| true));
        shared
    }

    fn atomic(&self, at: usize) -> Option<&AtomicU64> {
        if at == head::LOCK {
            return Some(&self.lock);
        }
        if at >= owner_word(0) {
            return None;
        }
        (0..SLOTS).find(|each| slot_word(*each, slot::STATE) == at).map(|each| &self.states[each])
    }

    /// The cell of a word; the most are of slots, blocks and entries that nobody has here, and stay 0.
    fn cell(&self, at: usize) -> Option<&UnsafeCell<u64>> {
        let is_of_nobody = (owner_word(SLOTS)..self.layout.used).contains(&at)
            || (self.layout.blocks..self.layout.counts).contains(&at)
                && (at - self.layout.blocks) % BLOCK >= ENTRIES;
        if is_of_nobody {
            return None;
        }
        let place = self.words.binary_search_by_key(&at, |(word, _)| *word).ok()?;
        Some(&self.words[place].1)
    }
}

/// The process of a slot, which makes so many stores less one, and dies then; 0 for no end.
fn process(shared: &Arc<Shared>, slot: usize, left: usize) -> Process {
    let (left, is_dead) = (Cell::new(left), Cell::new(false));
    let memory = View { shared: Arc::clone(shared), slot, left, is_dead };
    Process { table: Table { memory, layout: shared.layout }, slot }
}

/// The words, as a process sees them that may die.
struct View {
    shared: Arc<Shared>,
    slot: usize,
    left: Cell<usize>,
    is_dead: Cell<bool>,
}

impl View {
    /// Before each store: whether it is made.
    fn lives(&self) -> bool {
        if self.left.get() == 1 && !self.is_dead.replace(true) {
            self.shared.alive[self.slot].store(false, Release);
        }
        self.left.set(self.left.get().saturating_sub(1).max(usize::from(self.left.get() == 1)));
        !self.is_dead.get()
    }
}

impl Memory for View {
    fn load(&self, at: usize) -> u64 {
        if self.is_dead.get() {
            return 0;
        }
        match self.shared.atomic(at) {
            Some(word) => word.load(Acquire),
            None => self.shared.cell(at).map_or(0, get),
        }
    }
    fn store(&self, at: usize, value: u64) {
        let (atomic, cell) = (self.shared.atomic(at), self.shared.cell(at));
        if (atomic.is_none() && cell.is_none()) || !self.lives() {
            return;
        }
        match (atomic, cell) {
            (Some(word), _) => word.store(value, Release),
            (None, Some(cell)) => set(cell, value),
            (None, None) => {}
        }
    }
    fn replace(&self, at: usize, old: u64, new: u64) -> Result<(), u64> {
        if !self.lives() {
            return Ok(());
        }
        let word = self.shared.atomic(at).unwrap();
        word.compare_exchange(old, new, AcqRel, Acquire).map(drop)
    }
}

/// A process with a slot, whose entries are those of the block of the same number.
struct Process {
    table: Table<View>,
    slot: usize,
}

impl Process {
    fn is_dead(&self) -> bool {
        self.table.memory.is_dead.get()
    }

    /// A turn under the lock.
    fn turn<R>(&self, work: impl FnOnce() -> Result<R, Damage>) -> Option<R> {
        let shared = &self.table.memory.shared;
        let me = self.table.name(self.slot, 0);
        let begun = self.table.begin(
            me,
            &mut |word| {
                let owner = owner(word).unwrap();
                if owner != self.slot && !shared.alive[owner].load(Acquire) {
                    return Verdict::OwnerIsDead;
                }
                yield_now();
                Verdict::Again
            },
            &mut |_| true,
        );
        assert_eq!(begun, Begun::Ours);
        let done = work();
        assert!(done.is_ok() || self.is_dead(), "damage");
        let ended = self.table.end(me, done.is_err(), &mut |_| true);
        assert!(ended.is_ok() || self.is_dead(), "the lock was taken away");
        done.ok()
    }

    fn index(&self, entry: usize) -> usize {
        self.slot * BLOCK + entry
    }

    /// Allocates a run, finds it empty, and marks it.
    fn allocate(&self, entry: usize, units: usize) -> Option<Range<usize>> {
        let range = self.turn(|| {
            let Some(start) = self.table.find(units)? else { return Ok(None) };
            let range = start..start + units;
            self.table.take(self.index(entry), &range)?;
            Ok(Some(range))
        })??;
        for unit in range.clone().filter(|_| !self.is_dead()) {
            let byte = &self.table.memory.shared.bytes[unit];
            assert_eq!(get(byte), 0, "unit {unit} was somebody's");
            set(byte, self.mark());
        }
        Some(range)
    }

    fn mark(&self) -> u8 {
        u8::try_from(self.slot).unwrap() + 1
    }

    /// Maps a range with whoever has it.
    fn add(&self, entry: usize, range: &Range<usize>) {
        self.turn(|| {
            let added = self.table.enter(self.index(entry), entry_of(range));
            assert!(added.is_ok() || self.is_dead());
            Ok(())
        });
    }

    /// Cuts an entry in two: the second half is written first.
    fn cut(&self, entry: usize, tail: usize) {
        self.turn(|| {
            let range = range_of(self.table.entry(self.index(entry)));
            let middle = range.start + range.len() / 2;
            self.table.set_entry(self.index(tail), entry_of(&(middle..range.end)));
            self.table.set_entry(self.index(entry), entry_of(&(range.start..middle)));
            Ok(())
        });
    }

    /// Looks that what is given back is ours, and gives it back in steps.
    fn release(&self, entry: usize, is_marked: bool) {
        let range = range_of(self.table.entry(self.index(entry)));
        for unit in range.filter(|_| is_marked && !self.is_dead()) {
            let found = get(&self.table.memory.shared.bytes[unit]);
            assert_eq!(found, self.mark(), "unit {unit} is somebody else's");
        }
        let step = || {
            self.turn(|| self.table.release_some(self.index(entry), 2, &mut |run| self.empty(run)))
        };
        while step() == Some(false) && !self.is_dead() {}
    }

    fn empty(&self, run: Range<usize>) {
        for unit in run {
            if self.table.memory.lives() {
                set(&self.table.memory.shared.bytes[unit], 0);
            }
        }
    }

    /// Gives back what the dead have left.
    fn heal(&self) {
        let is_over = |other: usize| {
            self.table.state(other) == slot::FREE
                || self.table.memory.shared.alive[other].load(Acquire)
        };
        for other in (0..SLOTS).filter(|other| *other != self.slot) {
            let step = || {
                self.turn(|| match is_over(other) {
                    true => Ok(true),
                    false => self.table.drain_some(other, 2, &mut |run| self.empty(run)),
                })
            };
            while !is_over(other) && step() == Some(false) {}
        }
    }

    /// What a process does that dies somewhere: everything.
    fn everything(&self) {
        let held = self.allocate(0, 4);
        self.add(1, &(1..6));
        self.cut(0, 2);
        self.release(1, false);
        self.release(0, held.is_some());
        self.add(3, &(0..2));
    }
}

/// After all: nothing is lost, and what is there is sound.
fn assert_whole(shared: &Arc<Shared>, slot: usize) {
    let process = process(shared, slot, 0);
    process.turn(|| Ok(()));
    assert_sound(&process.table);
    process.heal();
    assert_sound(&process.table);
    assert_eq!(process.table.memory.load(head::DROPPED), 0);
}

fn bounded(most: usize, check: impl Fn() + Send + Sync + 'static) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(most);
    model.max_branches = 100_000;
    model.check(check);
}

#[test]
fn two_that_live_never_have_one_unit() {
    bounded(4, || {
        let shared = Shared::new();
        let (zero, one) = (process(&shared, 0, 0), process(&shared, 1, 0));
        let one = spawn(move || {
            one.add(0, &(2..5));
            one.cut(0, 1);
            one.release(0, false);
        });
        let held = zero.allocate(0, 3);
        let more = zero.allocate(1, 3);
        assert!(held.is_some(), "three in a row are always there");
        zero.release(0, true);
        one.join().unwrap();
        assert_whole(&shared, 0);
        if more.is_some() {
            zero.release(1, true);
        }
        assert_whole(&shared, 1);
        assert_eq!(zero.table.free_units(), UNITS - 2, "the second has its second half");
    });
}

#[test]
fn three_that_live_never_have_one_unit() {
    bounded(1, || {
        let shared = Shared::new();
        let others = [1, 2].map(|slot| {
            let other = process(&shared, slot, 0);
            spawn(move || other.allocate(0, 3).inspect(|_| other.release(0, true)).is_some())
        });
        let zero = process(&shared, 0, 0);
        let held = zero.allocate(0, 3);
        let others = others.map(|other| other.join().unwrap());
        // Of three that want three of eight, two get them at least.
        let got = others.iter().filter(|got| **got).count() + usize::from(held.is_some());
        assert!(got >= 2, "{got}");
        assert_whole(&shared, 1);
        if held.is_some() {
            zero.release(0, true);
        }
        assert_whole(&shared, 1);
        assert_eq!(zero.table.free_units(), UNITS);
    });
}

/// Runs a check for a death before each store that `everything` makes, and once without.
fn each_death(most: usize, check: fn(usize) -> bool) {
    let mut number = 1;
    loop {
        let died = std::sync::Arc::new(core::sync::atomic::AtomicBool::new(false));
        let told = std::sync::Arc::clone(&died);
        bounded(most, move || {
            if check(number) {
                told.store(true, core::sync::atomic::Ordering::Relaxed);
            }
        });
        if !died.load(core::sync::atomic::Ordering::Relaxed) {
            break;
        }
        number += 1;
    }
    assert!(number > 60, "only {number} stores");
}

/// One dies anywhere while another allocates, heals, and gives back.
#[test]
fn a_death_beside_another_loses_nothing() {
    each_death(2, |number| {
        let shared = Shared::new();
        let dying = process(&shared, 0, number);
        let dying = spawn(move || {
            dying.everything();
            dying.is_dead()
        });
        let other = process(&shared, 1, 0);
        let held = other.allocate(0, 2);
        other.heal();
        let died = dying.join().unwrap();
        if died {
            assert_whole(&shared, 2);
            assert_eq!(other.table.free_units(), UNITS - held.map_or(0, |held| held.len()));
        }
        other.release(0, true);
        assert_whole(&shared, 2);
        died
    });
}

/// One has died anywhere, and two find it at once: one alone takes over, and both go on.
#[test]
fn two_heirs_of_a_death_anywhere_lose_nothing() {
    each_death(1, |number| {
        let shared = Shared::new();
        let dying = process(&shared, 0, number);
        dying.everything();
        let heirs = [1, 2].map(|slot| {
            let heir = process(&shared, slot, 0);
            spawn(move || {
                let held = heir.allocate(0, 2);
                heir.heal();
                if held.is_some() {
                    heir.release(0, true);
                }
            })
        });
        heirs.into_iter().for_each(|heir| heir.join().unwrap());
        if dying.is_dead() {
            assert_whole(&shared, 1);
            assert_eq!(process(&shared, 1, 0).table.free_units(), UNITS);
        }
        dying.is_dead()
    });
}
