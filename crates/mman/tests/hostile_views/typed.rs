//! Typed memory: a small pool that is often full, whose store is cut short and grows again, and ports to it and to nothing.

use crate::dice::Dice;
use crate::world::{Operation, World, any};
use mman::inspect::typed::{self as pools, Look, Pool, State};
use mman::{MapOptions, Mapping, MemoryObject, TypedMemory};
use mman_testkit::page;
use std::path::Path;
use std::sync::LazyLock;

/// Ports that stay, whose objects can be kept anywhere.
pub(crate) static PORTS: LazyLock<Vec<TypedMemory>> = LazyLock::new(|| {
    let opened = [TypedMemory::open("/pool"), TypedMemory::open_read_only("/read")];
    opened.into_iter().flatten().collect()
});

/// The pools of this process: in the folder, which becomes theirs alone.
pub(crate) fn prepare(folder: &Path) {
    let configuration = folder.join("pools");
    let lines = format!(
        "directory {}\ndefaults no\npool p kind=shm size=1M\nport /pool pool=p\nport /read pool=p access=r\n\
         pool q kind=shm size=64K\nport /small/pool pool=q\npool none kind=store path=/nothing\nport /none pool=none\n",
        folder.display()
    );
    std::fs::write(&configuration, lines).unwrap();
    TypedMemory::use_configuration(&configuration).unwrap();
    assert_eq!(PORTS.len(), 2);
}

/// A memory object of a pool.
pub(crate) fn object(dice: &mut Dice) -> Box<dyn MemoryObject> {
    let Some(port) = PORTS.get(dice.below(3)).or(PORTS.first()) else { unreachable!() };
    let len = dice.len();
    match dice.below(5) {
        0 => Box::new(port),
        1 => Box::new(port.allocatable()),
        2 => Box::new(port.contiguous_allocation(len)),
        _ => Box::new(port.allocation(len)),
    }
}

pub(crate) const TABLE: &[Operation] = &[
    ("TypedMemory::open", |w| w.typed_of(|d| TypedMemory::open(name(d)))),
    ("TypedMemory::open_read_only", |w| w.typed_of(|d| TypedMemory::open_read_only(name(d)))),
    ("TypedMemory::use_configuration", |w| {
        let name = if w.dice.one_in(2) { "relative".into() } else { "x".repeat(300) };
        any(TypedMemory::use_configuration(name));
    }),
    ("TypedMemory::info", |w| w.typed(|t, _| any(t.info()))),
    ("TypedMemory::allocate", |w| w.typed_map(|t, d| t.allocate(d.len()))),
    ("TypedMemory::allocate_contiguous", |w| w.typed_map(|t, d| t.allocate_contiguous(d.len()))),
    ("TypedMemory::map", |w| w.typed_map(|t, d| t.map(d.wide()))),
    ("TypedMemory::map_allocatable", |w| w.typed_map(|t, d| t.map_allocatable(d.wide()))),
    ("TypedMemory::allocation, contiguous_allocation, allocatable", |w| {
        w.typed_map(|t, d| {
            let (options, len) = (d.options(), d.len());
            match d.below(3) {
                0 => options.map(&t.allocation(len)),
                1 => options.map(&t.contiguous_allocation(len)),
                _ => options.map(&t.allocatable()),
            }
        });
    }),
    ("Mapping::typed_pieces", |w| {
        w.typed_map(|t, d| {
            let block = t.allocate(1 + d.below(30 * page()))?;
            let pieces = block.typed_pieces(d.bounds())?;
            let Some(piece) = pieces.into_iter().next() else { return t.map(d.wide()) };
            MapOptions::shared().range(piece).map(t)
        });
    }),
    ("inspect::configuration", |w| w.looks(|_, _| {})),
    ("Configuration::port", |w| {
        let name = name(&mut w.dice);
        any(pools::configuration().map(|said| said.port(&name).is_some()));
    }),
    ("Pool::look", |w| w.looks(|_, _| {})),
    ("Look::sizes", |w| w.looks(|look, _| any(look.sizes()))),
    ("Look::free_runs", |w| w.looks(|look, _| look.free_runs(any))),
    ("Look::holders", |w| w.looks(|look, _| any(look.holders()))),
    ("Look::repairs", |w| w.looks(|look, _| any(look.repairs()))),
    ("Look::changed_by", |w| w.looks(|look, _| any(look.changed_by()))),
    ("Look::agreement", |w| {
        w.looks(|look, dice| {
            if dice.one_in(10) {
                any(look.agreement());
            }
        });
    }),
];

fn name(dice: &mut Dice) -> String {
    let names = ["/pool", "pool", "/read", "/small/pool", "/none", "", "/", "l", "/pool\0"];
    match dice.one_in(20) {
        true => "x".repeat(dice.below(300)),
        false => dice.pick(&names).to_owned(),
    }
}

impl World {
    fn typed_of(&mut self, make: impl FnOnce(&mut Dice) -> mman::Result<TypedMemory>) {
        let made = make(&mut self.dice);
        made.into_iter().for_each(|port| self.typed.put(&mut self.dice, port));
    }

    fn typed(&mut self, act: impl FnOnce(&TypedMemory, &mut Dice)) {
        if let Some(port) = self.typed.pick(&mut self.dice) {
            act(port, &mut self.dice);
        }
    }

    /// Looks at a pool from outside, if anybody has opened it.
    fn looks(&mut self, ask: impl FnOnce(&Look, &mut Dice)) {
        let ports = pools::configuration().map(|said| said.ports).unwrap_or_default();
        let pool =
            ports.get(self.dice.below(ports.len().max(1))).and_then(|port| port.pool.as_ref());
        if let Some(Ok(State::InUse(look))) = pool.map(Pool::look) {
            ask(&look, &mut self.dice);
        }
    }

    fn typed_map(&mut self, map: impl FnOnce(&TypedMemory, &mut Dice) -> mman::Result<Mapping>) {
        let mut made = None;
        self.typed(|port, dice| made = map(port, dice).ok());
        made.into_iter().for_each(|mapping| self.keep(mapping));
    }
}
