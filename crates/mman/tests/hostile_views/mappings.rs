//! Mappings and reservations: what is done to them.

use crate::dice::Dice;
use crate::world::{Operation, World, any};
use mman::{KeyRights, Mapping, PageSize, ProtectionKey, Reservation, Sealed};
use mman_testkit::page;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

pub(crate) const TABLE: &[Operation] = &[
    ("MapOptions::map", |w| w.map()),
    ("Mapping::read_at", |w| w.mapping(|m, d| any(m.read_at(d.at(), &mut d.bytes())))),
    ("Mapping::write_at", |w| w.mapping(|m, d| any(m.write_at(d.at(), &d.bytes())))),
    ("Mapping::write_out", |w| w.mapping(|m, d| any(m.write_out(d.sink(), d.bounds())))),
    ("Mapping::protect", |w| w.mapping(|m, d| any(m.protect(d.bounds(), d.protection())))),
    ("Mapping::discard", |w| w.mapping(|m, d| any(m.discard(d.bounds(), d.discard())))),
    ("Mapping::advise", |w| w.mapping(|m, d| any(m.advise(d.bounds(), d.hint())))),
    ("Mapping::sync", |w| w.mapping(|m, d| any(m.sync(d.bounds(), d.sync())))),
    ("Mapping::resize", |w| w.mapping(|m, d| any(m.resize(d.len(), d.growth())))),
    ("Mapping::take_pages", |w| w.make(|m, _| m.take_pages())),
    ("Mapping::alias", |w| w.make(|m, _| m.alias())),
    ("Mapping::split_at", |w| w.cut(|m, d| m.split_at(d.at()))),
    ("Mapping::unmap_range", |w| w.cut(|m, d| m.unmap_range(d.bounds()))),
    ("Mapping::merge", |w| w.merge()),
    ("Mapping::unmap", |w| w.mappings.take(&mut w.dice).into_iter().for_each(|m| any(m.unmap()))),
    ("Mapping::move_into", |w| w.move_into()),
    ("Mapping::pages", |w| w.mapping(|m, d| d.lent(&m.pages()))),
    ("Mapping::install_guard", |w| w.mapping(|m, d| any(m.install_guard(d.bounds())))),
    ("Mapping::remove_guard", |w| w.mapping(|m, d| any(m.remove_guard(d.bounds())))),
    ("Mapping::on_fork", |w| w.mapping(|m, d| any(m.on_fork(d.bounds(), d.on_fork())))),
    ("Mapping::remove_key", |w| w.mapping(|m, d| any(m.remove_key(d.bounds(), d.protection())))),
    ("Mapping::protect_with_key", |w| w.mapping(protect_with_key)),
    ("Mapping::seal", |w| w.seal()),
    ("Mapping::len, is_empty, mapped_len, page_size", |w| {
        w.mapping(|m, _| any((m.len(), m.is_empty(), m.mapped_len(), m.page_size())));
    }),
    ("Mapping::kind, is_shared, object_offset, as_ptr, as_mut_ptr", |w| {
        w.mapping(|m, _| any((m.kind(), m.is_shared(), m.object_offset(), m.as_ptr())));
        w.mapping(|m, _| any(m.as_mut_ptr()));
    }),
    // Sealed
    ("Sealed::read_at", |w| w.sealed(|s, d| any(s.read_at(d.at(), &mut d.bytes())))),
    ("Sealed::write_at", |w| w.sealed(|s, d| any(s.write_at(d.at(), &d.bytes())))),
    ("Sealed::pages", |w| w.sealed(|s, d| d.lent(&s.pages()))),
    ("Sealed::len, is_empty, page_size, kind, as_ptr", |w| {
        w.sealed(|s, _| any((s.len(), s.is_empty(), s.page_size(), s.kind(), s.as_ptr())));
    }),
    // Reservation
    ("Reservation::new, aligned", |w| w.reserve()),
    ("Reservation::commit", |w| w.space(|s, d| any(s.commit(d.bounds())))),
    ("Reservation::protect", |w| w.space(|s, d| any(s.protect(d.bounds(), d.protection())))),
    ("Reservation::decommit", |w| w.space(|s, d| any(s.decommit(d.bounds())))),
    ("Reservation::discard", |w| w.space(|s, d| any(s.discard(d.bounds(), d.discard())))),
    ("Reservation::advise", |w| w.space(|s, d| any(s.advise(d.bounds(), d.hint())))),
    ("Reservation::read_at", |w| w.space(|s, d| any(s.read_at(d.at(), &mut d.bytes())))),
    ("Reservation::write_at", |w| w.space(|s, d| any(s.write_at(d.at(), &d.bytes())))),
    ("Reservation::pages", |w| w.space(|s, d| d.lent(&s.pages()))),
    ("Reservation::place", |w| {
        w.space(|s, d| any(s.place(d.boundary(), &d.options(), &&*d.object())));
    }),
    ("Reservation::place_scattered", |w| w.space(place_scattered)),
    ("Reservation::install_guard", |w| w.space(|s, d| any(s.install_guard(d.bounds())))),
    ("Reservation::remove_guard", |w| w.space(|s, d| any(s.remove_guard(d.bounds())))),
    ("Reservation::len, is_empty, address, as_ptr, as_mut_ptr", |w| {
        w.space(|s, _| any((s.len(), s.is_empty(), s.address(), s.as_ptr(), s.as_mut_ptr())));
    }),
    ("Reservation::split_at, merge", |w| w.split_space()),
    ("Reservation::release", |w| {
        w.spaces.take(&mut w.dice).into_iter().for_each(|s| any(s.release()));
    }),
];

fn protect_with_key(mapping: &mut Mapping, dice: &mut Dice) {
    if let Ok(key) = ProtectionKey::allocate(KeyRights::ReadWrite) {
        any(mapping.protect_with_key(dice.bounds(), dice.protection(), &key));
    }
}

fn place_scattered(space: &mut Reservation, dice: &mut Dice) {
    let count = dice.below(6);
    let mut range = || {
        let start = dice.boundary() as u64;
        let odd = if dice.one_in(12) { dice.below(9) as u64 } else { 0 };
        start..start + odd + (dice.below(4) * page()) as u64
    };
    let ranges: Vec<_> = (0..count).map(|_| range()).collect();
    any(space.place_scattered(dice.boundary(), &dice.options(), &&*dice.object(), &ranges));
}

/// Sealed memory stays until the process ends: so much of it, and no more.
static SEALED: AtomicUsize = AtomicUsize::new(0);

impl World {
    fn seal(&mut self) {
        const MOST: usize = 100;
        if !self.dice.one_in(4) || SEALED.load(Relaxed) >= MOST {
            return;
        }
        let Some(mapping) = self.mappings.take(&mut self.dice) else { return };
        SEALED.fetch_add(1, Relaxed);
        match mapping.seal() {
            Ok(sealed) => self.sealed.put(&mut self.dice, sealed),
            Err(refused) => self.keep(refused.given),
        }
    }

    fn sealed(&mut self, act: impl FnOnce(&Sealed, &mut Dice)) {
        if let Some(sealed) = self.sealed.pick(&mut self.dice) {
            act(sealed, &mut self.dice);
        }
    }

    fn mapping(&mut self, act: impl FnOnce(&mut Mapping, &mut Dice)) {
        if let Some(mapping) = self.mappings.pick(&mut self.dice) {
            act(mapping, &mut self.dice);
        }
    }

    fn space(&mut self, act: impl FnOnce(&mut Reservation, &mut Dice)) {
        if let Some(space) = self.spaces.pick(&mut self.dice) {
            act(space, &mut self.dice);
        }
    }

    fn make(&mut self, act: impl FnOnce(&mut Mapping, &mut Dice) -> mman::Result<Mapping>) {
        if let Some(mapping) = self.mappings.pick(&mut self.dice)
            && let Ok(made) = act(mapping, &mut self.dice)
        {
            self.keep(made);
        }
    }

    fn cut<R>(&mut self, act: impl FnOnce(Mapping, &mut Dice) -> Result<(Mapping, Mapping), R>) {
        if let Some(mapping) = self.mappings.take(&mut self.dice)
            && let Ok((low, high)) = act(mapping, &mut self.dice)
        {
            self.keep(low);
            self.keep(high);
        }
    }

    fn map(&mut self) {
        let mapped = self.dice.options().map(&&*self.dice.object());
        mapped.into_iter().for_each(|mapping| self.keep(mapping));
    }

    fn merge(&mut self) {
        let Some(mapping) = self.mappings.take(&mut self.dice) else { return };
        match mapping.split_at(self.dice.boundary()) {
            Ok((low, high)) => match low.merge(high) {
                Ok(whole) => self.keep(whole),
                Err(refused) => self.keep(refused.given.0),
            },
            Err(refused) => {
                if let Some(next) = self.mappings.take(&mut self.dice) {
                    any(refused.given.merge(next));
                }
            }
        }
    }

    fn move_into(&mut self) {
        let at = self.dice.boundary();
        if let Some(space) = self.spaces.pick(&mut self.dice)
            && let Some(mapping) = self.mappings.take(&mut self.dice)
        {
            any(mapping.move_into(space, at));
        }
    }

    fn reserve(&mut self) {
        let alignment = PageSize::new(1 << self.dice.below(23)).unwrap();
        for made in
            [Reservation::new(self.dice.len()), Reservation::aligned(self.dice.len(), alignment)]
        {
            made.into_iter().for_each(|space| self.spaces.put(&mut self.dice, space));
        }
    }

    fn split_space(&mut self) {
        let Some(space) = self.spaces.take(&mut self.dice) else { return };
        let (low, high) = match space.split_at(self.dice.at()) {
            Ok(halves) => halves,
            Err(refused) => return self.spaces.put(&mut self.dice, refused.given),
        };
        let merged = if self.dice.one_in(2) { low.merge(high) } else { high.merge(low) };
        match merged {
            Ok(whole) => self.spaces.put(&mut self.dice, whole),
            Err(refused) => {
                self.spaces.put(&mut self.dice, refused.given.0);
                self.spaces.put(&mut self.dice, refused.given.1);
            }
        }
    }
}
