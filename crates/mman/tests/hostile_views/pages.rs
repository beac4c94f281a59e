//! Pages that an owner lends: what is done to them, and guards of several owners held together.

use crate::dice::Dice;
use crate::world::{Operation, View, World, any};
use mman::{
    Frozen, HugePageSize, Locked, Mapping, Memory, NodeSet, Pages, Populate, Reservation, Sealed,
};
use std::ffi::CString;

pub(crate) const TABLE: &[Operation] = &[
    ("Pages::lock, lock_on_fault, unlock", |w| w.hold()),
    ("Locked::len, is_empty, keep", |w| w.hold()),
    ("NodeSet::new, online, with, contains, len, is_empty, iter", |w| nodes(&mut w.dice)),
    ("HugePageSize::new, page_size, available", |_| {
        HugePageSize::available().into_iter().for_each(|size| any(size.page_size()));
    }),
];

/// As [`Operation`], on pages that are lent.
type OnPages = (&'static str, fn(&Pages<'_>, &mut Dice));

/// The methods of pages, on those of every owner.
pub(crate) const LENT: &[OnPages] = &[
    ("Pages::advise", |p, d| any(p.advise(d.bounds(), d.hint()))),
    ("Pages::sync", |p, d| any(p.sync(d.bounds(), d.sync()))),
    ("Pages::count, page_size", |p, _| any((p.count(), p.page_size()))),
    ("Pages::residency, Residency::pages, page_size, count, is_resident, runs", residency),
    ("Pages::typed_pieces", |p, d| any(p.typed_pieces(d.bounds()))),
    ("Pages::resident", |p, d| any(p.resident(d.bounds()))),
    ("Pages::populate", |p, d| {
        let how = d.pick(&[Populate::ForReading, Populate::ForWriting]);
        any(p.populate(d.bounds(), how));
    }),
    ("Pages::bind", |p, d| any(p.bind(d.bounds(), d.policy(), d.moving()))),
    ("Pages::numa_policy", |p, d| any(p.numa_policy(d.at()))),
    ("Pages::node_of", |p, d| any(p.node_of(d.at()))),
    ("Pages::name", |p, d| {
        let name = CString::new(d.bytes().into_iter().take(100).collect::<Vec<_>>()).ok();
        any(p.name(d.bounds(), name.as_deref()));
    }),
];

fn residency(pages: &Pages<'_>, dice: &mut Dice) {
    let Ok(residency) = pages.residency(dice.bounds()) else { return };
    assert!(residency.count() <= residency.pages(), "more pages than there are");
    any((residency.is_resident(dice.at()), residency.page_size()));
    let mut end = 0;
    for run in residency.runs() {
        assert!(run.start >= end && run.start < run.end, "runs in order: {run:?}");
        end = run.end;
    }
}

fn nodes(dice: &mut Dice) {
    let node = dice.at();
    let with = NodeSet::new().with(node);
    assert_eq!(with.is_some_and(|set| set.contains(node)), node < NodeSet::LIMIT);
    let online = NodeSet::online();
    any((online.len(), online.is_empty(), online.contains(dice.at()), online.iter().count()));
}

impl World {
    /// Locks pages of all owners, and ends the guards in any order.
    fn hold(&mut self) {
        let Self { dice, mappings, sealed, spaces, views, memories, frozen, .. } = self;
        let mut all: Vec<Pages<'_>> = Vec::new();
        all.extend(mappings.0.iter().map(Mapping::pages));
        all.extend(sealed.0.iter().map(Sealed::pages));
        all.extend(spaces.0.iter().map(Reservation::pages));
        all.extend(views.0.iter().map(View::pages));
        all.extend(memories.0.iter().map(|memory| Memory::pages(&memory.bytes)));
        all.extend(frozen.0.iter().filter_map(|frozen| Frozen::pages(&frozen.bytes)));
        if all.is_empty() {
            return;
        }
        let mut held: Vec<Locked<'_>> = Vec::new();
        for _ in 0..dice.below(16) {
            let pages = &all[dice.below(all.len())];
            match dice.below(8) {
                0..3 => held.extend(pages.lock(dice.bounds())),
                3 => held.extend(pages.lock_on_fault(dice.bounds())),
                4 => any(pages.unlock(dice.bounds())),
                5 => end_one(&mut held, dice),
                _ => dice.lent(pages),
            }
        }
        while !held.is_empty() {
            end_one(&mut held, dice);
        }
    }
}

fn end_one(held: &mut Vec<Locked<'_>>, dice: &mut Dice) {
    if held.is_empty() {
        return;
    }
    let guard = held.swap_remove(dice.below(held.len()));
    any((guard.len(), guard.is_empty()));
    if dice.one_in(6) {
        guard.keep();
    }
}
