//! The space of a table against a plain list of how often each unit is mapped.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "test code: it may panic"
)]

use super::*;
use crate::entries::{Who, entry_of, range_of};
use crate::layout::{BLOCK, BLOCKS, owner_word, slot};
use crate::memory::plain::Plain;
use proptest::prelude::*;
use std::vec;
use std::vec::Vec;

pub(crate) fn table(units: usize) -> Table<Plain> {
    let layout = Layout::of(units).unwrap();
    let table = Table { memory: Plain::new(layout.end), layout };
    table.rebuild(&mut |_| ());
    table
}

/// How often each unit is mapped.
struct Model(Vec<u32>);

impl Model {
    fn longest(&self) -> usize {
        self.0.split(|count| *count > 0).map(<[u32]>::len).max().unwrap_or(0)
    }
    fn first(&self, wanted: usize) -> Option<usize> {
        self.0.windows(wanted).position(|window| window.iter().all(|count| *count == 0))
    }
    fn free(&self) -> usize {
        self.0.iter().filter(|count| **count == 0).count()
    }
}

#[derive(Clone, Debug)]
enum Step {
    Take(usize),
    Add(usize, usize),
    Remove(usize, usize),
}

fn step(units: usize) -> impl Strategy<Value = Step> {
    prop_oneof![
        (1..=units / 3).prop_map(Step::Take),
        (0..units, 1..=units / 3).prop_map(|(at, len)| Step::Add(at, len)),
        (0..64_usize, 1..=units).prop_map(|(which, len)| Step::Remove(which, len)),
    ]
}

fn check(table: &Table<Plain>, model: &Model) {
    assert_eq!(table.free_units(), model.free());
    assert_eq!(table.longest(), model.longest());
    for wanted in [1, 2, 7, 64, 65, 500, 1000] {
        assert_eq!(table.find(wanted).unwrap(), model.first(wanted), "{wanted}");
    }
}

fn run(units: usize, steps: Vec<Step>) {
    let table = table(units);
    let mut model = Model(vec![0; units]);
    let mut held: Vec<Range<usize>> = Vec::new();
    // One live slot whose blocks hold all, so that making anew finds it.
    table.claim(3, Who::default());
    let mut taken = Vec::new();
    for step in steps {
        match step {
            Step::Take(wanted) => {
                let found = table.find(wanted).unwrap();
                assert_eq!(found, model.first(wanted));
                let Some(start) = found else { continue };
                table.mark(&(start..start + wanted)).unwrap();
                held.push(start..start + wanted);
            }
            Step::Add(at, len) => {
                let range = at..(at + len).min(units);
                table.add(&range).unwrap();
                held.push(range);
            }
            Step::Remove(which, len) => {
                if held.is_empty() {
                    continue;
                }
                let which = which % held.len();
                let range = held.swap_remove(which);
                let cut = range.start + len.min(range.len());
                let gone = range.start..cut;
                let mut freed = Vec::new();
                table.remove(&gone, &mut |run| freed.extend(run)).unwrap();
                let alone = gone.clone().filter(|unit| model.0[*unit] == 1);
                assert_eq!(freed, alone.collect::<Vec<_>>());
                gone.for_each(|unit| model.0[unit] -= 1);
                if cut < range.end {
                    held.push(cut..range.end);
                }
            }
        }
        if matches!(step, Step::Take(_) | Step::Add(..)) {
            held.last().unwrap().clone().for_each(|unit| model.0[unit] += 1);
        }
        check(&table, &model);
    }
    for (index, range) in held.iter().enumerate() {
        if index % BLOCK == 0 {
            let block = table.free_block().unwrap();
            table.take_block(block, 3);
            taken.push(block);
        }
        table.set_entry(taken[index / BLOCK] * BLOCK + index % BLOCK, entry_of(range));
    }
    let words = |table: &Table<Plain>| -> Vec<u64> {
        (table.layout.used..table.layout.prepared).map(|at| table.memory.load(at)).collect()
    };
    let before = words(&table);
    table.rebuild(&mut |_| ());
    assert_eq!(words(&table), before, "made anew, it is what it was");
    check(&table, &model);
    table.rebuild(&mut |_| ());
    while !table.drain_some(3, 100, &mut |_| ()).unwrap() {}
    check(&table, &Model(vec![0; units]));
    assert!((0..BLOCKS).all(|block| table.memory.load(owner_word(block)) == 0));
    assert_eq!(table.state(3), slot::FREE);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn small_spaces_are_those_of_the_model(steps in proptest::collection::vec(step(700), 1..40)) {
        run(700, steps);
    }

    #[test]
    fn larger_spaces_are_those_of_the_model(steps in proptest::collection::vec(step(9000), 1..25)) {
        run(9000, steps);
    }
}

#[test]
fn an_entry_is_its_range() {
    assert_eq!(range_of(entry_of(&(7..9))), 7..9);
    let table = table(100);
    assert!(table.is_possible(entry_of(&(0..100))));
    for impossible in [0, entry_of(&(7..7)), entry_of(&(99..101)), u64::MAX, u64::MAX << 32] {
        assert!(!table.is_possible(impossible), "{impossible:#x}");
    }
}

#[test]
fn a_unit_can_be_mapped_often_but_not_for_ever() {
    let table = table(8);
    for _ in 0..=MOST {
        table.add(&(3..5)).unwrap();
    }
    assert_eq!(table.add(&(4..5)), Err(TooOften));
    table.remove(&(4..5), &mut |_| panic!("others have it")).unwrap();
    table.add(&(4..5)).unwrap();
}

#[test]
fn what_contradicts_itself_is_found() {
    let table = table(10_000);
    table.mark(&(100..200)).unwrap();
    assert_eq!(table.mark(&(150..151)), Err(Damage::Units));
    assert_eq!(table.remove(&(199..201), &mut |_| ()), Err(Damage::Units));
    // A tree that promises what is not there.
    table.mark(&(0..100)).unwrap();
    table.mark(&(200..10_000)).unwrap();
    let root = *table.layout.levels().last().unwrap();
    table.memory.store(root.at, 5);
    assert_eq!(table.find(5), Err(Damage::Tree));
    table.memory.store(root.at, u64::MAX);
    assert_eq!(table.find(5000), Err(Damage::Tree));
}
