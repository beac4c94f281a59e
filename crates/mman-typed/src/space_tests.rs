//! The space of a table against a plain list of how often each unit is mapped.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "test code: it may panic"
)]

use super::*;
use crate::entries::{Who, entry_of, range_of};
use crate::layout::{BLOCK, BLOCKS, NODE, owner_word, slot};
use crate::memory::plain::Plain;
use proptest::prelude::*;
use std::vec;
use std::vec::Vec;

pub(crate) fn table(units: usize) -> Table<Plain> {
    let layout = Layout::of(units).unwrap();
    let table = Table { memory: Plain::new(layout.end), layout };
    assert!(table.rebuild(&mut |_| true));
    table
}

/// How often each unit is mapped.
struct Model(Vec<u32>);

impl Model {
    fn longest(&self) -> usize {
        self.0.split(|count| *count > 0).map(<[u32]>::len).max().unwrap_or(0)
    }
    fn first(&self, wanted: usize) -> Option<usize> {
        let mut run = 0;
        let end = self.0.iter().position(|count| {
            run = if *count == 0 { run + 1 } else { 0 };
            run == wanted
        });
        end.map(|end| end + 1 - wanted)
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

fn step(units: usize, most: usize) -> impl Strategy<Value = Step> {
    prop_oneof![
        (1..=most).prop_map(Step::Take),
        (0..units, 1..=most).prop_map(|(at, len)| Step::Add(at, len)),
        (0..64_usize, 1..=units).prop_map(|(which, len)| Step::Remove(which, len)),
    ]
}

/// How often each unit is had, as the derived part says.
fn had<M: Memory>(table: &Table<M>) -> Vec<u64> {
    let one = |unit: usize| {
        let range = unit..unit + 1;
        if !table.see(&range).unwrap().used {
            return 0;
        }
        let shared = table.memory.load(table.shared_word(unit >> 6)) >> (unit & 63) & 1;
        1 + shared * table.count(unit)
    };
    (0..table.layout.units).map(one).collect()
}

/// That the derived part of a table is one, and says what the entries of its slots say.
pub(crate) fn assert_sound<M: Memory>(table: &Table<M>) {
    let mut expected = vec![0; table.layout.units];
    for block in 0..BLOCKS {
        let Some(owner) = table.owner(block) else { continue };
        assert_ne!(table.state(owner), slot::FREE, "a block of nobody's");
        for (_, entry) in table.entries_of(block) {
            range_of(entry).for_each(|unit| expected[unit] += 1);
        }
    }
    assert_eq!(had(table), expected);
    assert_eq!(table.free_units(), expected.iter().filter(|times| **times == 0).count());
    table.assert_tree();
}

fn check(table: &Table<Plain>, model: &Model) {
    table.assert_tree();
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
    assert_sound(&table);
    assert!(table.rebuild(&mut |_| true));
    assert_sound(&table);
    check(&table, &model);
    while !table.drain_some(3, 100, &mut |_| ()).unwrap() {}
    check(&table, &Model(vec![0; units]));
    assert!((0..BLOCKS).all(|block| table.memory.load(owner_word(block)) == 0));
    assert_eq!(table.state(3), slot::FREE);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn small_spaces_are_those_of_the_model(steps in proptest::collection::vec(step(700, 233), 1..40)) {
        run(700, steps);
    }

    #[test]
    fn larger_spaces_are_those_of_the_model(steps in proptest::collection::vec(step(9000, 3000), 1..25)) {
        run(9000, steps);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// Ranges that whole nodes speak for, on two levels, and that are cut then.
    #[test]
    fn large_ranges_are_those_of_the_model(
        steps in proptest::collection::vec(step(80_000, 60_000), 1..12)
    ) {
        run(80_000, steps);
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
    assert_eq!(table.add(&(4..5)), Err(Refused::TooOften));
    table.remove(&(4..5), &mut |_| panic!("others have it")).unwrap();
    table.add(&(4..5)).unwrap();
}

#[test]
fn what_contradicts_itself_is_found() {
    let table = table(10_000);
    table.mark(&(100..200)).unwrap();
    assert_eq!(table.mark(&(150..151)), Err(Damage::Units));
    assert_eq!(table.remove(&(199..201), &mut |_| ()), Err(Damage::Units));
    assert_eq!(table.remove(&(0..512), &mut |_| ()), Err(Damage::Units));
    assert_eq!(table.remove(&(4096..8192), &mut |_| panic!("free")), Err(Damage::Units));
    assert_eq!(table.mark(&(0..4096)), Err(Damage::Units));
}

/// Whatever is written over a node on the way to a unit, its seal tells: nothing is given, and nothing emptied.
#[test]
fn a_node_that_was_written_over_is_found() {
    let table = table(10_000);
    table.mark(&(0..100)).unwrap();
    table.mark(&(200..9000)).unwrap();
    for level in table.layout.levels() {
        let (first, next) = (level.at, level.at + NODE);
        for (word, value) in [
            (first, 0),
            (first, u64::MAX),
            (first, level.span as u64),
            (first, table.memory.load(first) ^ 1),
            (first, table.memory.load(first) ^ 1 << 32),
            (first, table.memory.load(next)),
            (first + 1, 1),
            (first + 1, u64::MAX),
        ] {
            let before = table.memory.load(word);
            if before == value {
                continue;
            }
            table.memory.store(word, value);
            let removed = table.remove(&(0..1), &mut |_| panic!("{word} {value:#x}"));
            assert_eq!(removed, Err(Damage::Tree), "{word} {value:#x}");
            assert_eq!(table.mark(&(150..151)), Err(Damage::Tree), "{word} {value:#x}");
            let found = table.find(10);
            assert!(
                found == Err(Damage::Tree) || found == Ok(None),
                "{word} {value:#x}: {found:?}"
            );
            table.memory.store(word, before);
        }
    }
    // Bits that make other runs than the leaf tells.
    let word = table.used_word(1);
    let before = table.memory.load(word);
    for value in [0, before ^ 1 << 35] {
        table.memory.store(word, value);
        assert_eq!(table.mark(&(150..151)), Err(Damage::Units), "{value:#x}");
    }
}
