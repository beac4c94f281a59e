//! Random operations beside a list of who has which unit: after each one what is free is what nobody has, and each unit has
//! the byte that was last written to it.

use crate::setup::{Setup, UNIT, byte, free, port, units};
use mman::{Anonymous, Growth, MapOptions, Mapping, Reservation, TypedMemory};
use mman_testkit::child;
use std::collections::{BTreeMap, BTreeSet};

const POOL: usize = 64;
const SPACE: usize = 48;

/// A mapping, and the units of the pool that it shows, in order.
type Block = (Mapping, Vec<usize>);

struct World {
    state: u64,
    pool: TypedMemory,
    blocks: Vec<Block>,
    space: Reservation,
    /// The unit that each page of the reservation shows.
    places: Vec<Option<usize>>,
    bytes: BTreeMap<usize, u8>,
}

impl World {
    fn below(&mut self, end: usize) -> usize {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        ((mixed ^ (mixed >> 31)) % end.max(1) as u64) as usize
    }

    fn take(&mut self) -> Option<Block> {
        let at = self.below(self.blocks.len());
        (at < self.blocks.len()).then(|| self.blocks.swap_remove(at))
    }

    fn held(&self) -> BTreeSet<usize> {
        let mapped = self.blocks.iter().flat_map(|(_, units)| units);
        mapped.copied().chain(self.places.iter().flatten().copied()).collect()
    }

    /// Takes in what was mapped: new memory is nobody's and of zeros, a range is what it was.
    fn keep(&mut self, mapping: Mapping, is_new: bool) {
        let pieces = mapping.typed_pieces(..).unwrap();
        let numbers = pieces.iter().flat_map(|piece| piece.start / 4096..piece.end.div_ceil(4096));
        let numbers: Vec<usize> = numbers.map(|unit| unit as usize).collect();
        assert_eq!(numbers.len(), mapping.mapped_len() / UNIT);
        let held = self.held();
        for unit in &numbers {
            assert!(!is_new || !held.contains(unit), "unit {unit} is somebody's");
            if !held.contains(unit) {
                self.bytes.insert(*unit, 0);
            }
        }
        self.blocks.push((mapping, numbers));
        self.check();
    }

    fn check(&self) {
        assert_eq!(free(&self.pool).0, POOL - self.held().len());
        for (mapping, numbers) in &self.blocks {
            for (at, unit) in numbers.iter().enumerate() {
                assert_eq!(byte(mapping, units(at)), self.bytes[unit], "unit {unit}");
            }
        }
        for (at, unit) in self.places.iter().enumerate() {
            let Some(unit) = unit else { continue };
            let mut byte = [0];
            self.space.read_at(units(at), &mut byte).unwrap();
            assert_eq!(byte[0], self.bytes[unit], "unit {unit} in the reservation");
        }
    }

    fn map(&mut self) {
        let len = units(1 + self.below(12));
        let mapped = match self.below(3) {
            0 => self.pool.allocate(len),
            1 => self.pool.allocate_contiguous(len),
            _ => {
                let first = self.below(POOL);
                let end = (first + 1 + self.below(8)).min(POOL);
                let mapped = self.pool.map(units(first) as u64..units(end) as u64);
                return self.keep(mapped.unwrap(), false);
            }
        };
        match mapped {
            Ok(mapping) => self.keep(mapping, true),
            Err(error) => {
                assert!(matches!(error.cause(), mman::Cause::PoolFull { .. }), "{error}");
            }
        }
    }

    fn write(&mut self) {
        let Some((mapping, numbers)) = self.take() else { return };
        for (at, unit) in numbers.iter().enumerate() {
            let byte = self.below(256) as u8;
            mapping.write_at(units(at), &[byte]).unwrap();
            self.bytes.insert(*unit, byte);
        }
        self.blocks.push((mapping, numbers));
    }

    fn cut(&mut self) {
        let Some((mapping, mut numbers)) = self.take() else { return };
        let (start, end) = (self.below(numbers.len() + 1), self.below(numbers.len() + 1));
        let (start, end) = (start.min(end), start.max(end));
        let cut = match self.below(2) {
            0 => mapping.split_at(units(start)).map(|halves| (halves, start)),
            _ => mapping.unmap_range(units(start)..units(end)).map(|halves| (halves, end)),
        };
        let ((mut low, mut high), end) = cut.unwrap();
        let mut after = numbers.split_off(end.max(start));
        numbers.truncate(start);
        if low.len() != units(start) {
            // An empty range: all of it is in the first.
            numbers.append(&mut after);
        }
        if self.below(4) == 0 {
            std::mem::swap(&mut low, &mut high);
            std::mem::swap(&mut numbers, &mut after);
        }
        for (mapping, numbers) in [(low, numbers), (high, after)] {
            assert_eq!(mapping.len(), units(numbers.len()));
            if !numbers.is_empty() {
                self.blocks.push((mapping, numbers));
            }
        }
    }

    fn shorten(&mut self) {
        let Some((mut mapping, mut numbers)) = self.take() else { return };
        let len = 1 + self.below(numbers.len());
        mapping.resize(units(len), Growth::MayMove).unwrap();
        numbers.truncate(len);
        self.blocks.push((mapping, numbers));
    }

    fn place(&mut self) {
        let Some((mapping, numbers)) = self.take() else { return };
        let at = self.below(SPACE);
        match mapping.move_into(&mut self.space, units(at)) {
            Ok(_) => {
                for (place, unit) in self.places.iter_mut().skip(at).zip(&numbers) {
                    *place = Some(*unit);
                }
            }
            Err(refused) => self.blocks.push((refused.given, numbers)),
        }
    }

    fn empty(&mut self) {
        let (start, end) = (self.below(SPACE), self.below(SPACE));
        let (start, end) = (start.min(end), start.max(end));
        if self.below(2) == 0 {
            self.space.decommit(units(start)..units(end)).unwrap();
        } else if start < end {
            let memory = Anonymous::new(units(end - start));
            self.space.place(units(start), &MapOptions::private(), &memory).unwrap();
        }
        self.places.iter_mut().take(end).skip(start).for_each(|place| *place = None);
    }

    fn step(&mut self) {
        match self.below(10) {
            0..3 => self.map(),
            3 => self.write(),
            4 | 5 => self.cut(),
            6 => self.shorten(),
            7 => self.place(),
            8 => self.empty(),
            _ => drop(self.take()),
        }
        self.check();
    }
}

#[test]
fn who_has_what_is_what_the_book_says() {
    child::run(|| {
        let _setup = Setup::pool(POOL);
        for seed in 0..60 {
            let space = Reservation::new(units(SPACE)).unwrap();
            let (blocks, places) = (Vec::new(), vec![None; SPACE]);
            let bytes = BTreeMap::new();
            let mut world = World { state: seed, pool: port(), blocks, space, places, bytes };
            for _ in 0..150 {
                world.step();
            }
            let World { pool, blocks, space, .. } = world;
            drop((blocks, space));
            assert_eq!((free(&pool), mman::leaked()), ((POOL, POOL), 0), "seed {seed}");
        }
    });
}
