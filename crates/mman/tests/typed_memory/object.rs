//! Ports as memory objects: allocations, ranges, and the pool as it is.

use crate::setup::{Setup, UNIT, assert_filled, byte, fill, free, port, units, with_holes};
use mman::{
    Cause, HugePageSize, MapOptions, MemoryObject, NodeSet, NumaPolicy, ObjectKind, Shared,
    SharedMut, TypedMemory,
};
use mman_testkit::{child, descriptors, maps, page};
use std::os::unix::fs::MetadataExt;

#[test]
fn what_is_allocated_comes_as_zeros_and_goes_with_its_mapping() {
    child::run(|| {
        let _setup = Setup::pool(100);
        let pool = port();
        assert_eq!((pool.kind(), pool.size().unwrap()), (ObjectKind::TypedMemory, Some(409_600)));
        let info = pool.info().unwrap();
        assert_eq!((info.size, info.unit.bytes(), info.free), (409_600, UNIT, 409_600));
        for round in 0..3 {
            let block = pool.allocate(units(30) + 1).unwrap();
            assert_eq!((block.len(), block.mapped_len()), (units(30) + 1, units(31)));
            assert!(block.is_shared() && block.kind() == ObjectKind::TypedMemory);
            assert_eq!(free(&pool), (69, 69), "round {round}");
            assert!((0..31).all(|unit| byte(&block, units(unit)) == 0));
            fill(&block, 1);
            drop(block);
            assert_eq!(free(&pool), (100, 100));
        }
        assert!(pool.allocate(0).unwrap().is_empty());
        assert_eq!(free(&pool), (100, 100));
        // A mapping does not need its port.
        let (block, other) = (pool.allocate(units(3)).unwrap(), port());
        drop(pool);
        fill(&block, 5);
        assert_eq!(free(&other).0, 97);
        block.unmap().unwrap();
        assert_eq!((free(&other).0, mman::leaked()), (100, 0));
    });
}

#[test]
fn pieces_lie_in_one_row_and_say_where_they_are() {
    child::run(|| {
        let _setup = Setup::pool(100);
        let pool = port();
        let kept = with_holes(&pool, &[10..15, 20..28, 50..53]);
        assert_eq!(free(&pool), (16, 8));
        let error = pool.allocate_contiguous(units(9)).unwrap_err();
        let longest = units(8) as u64;
        assert_eq!(error.cause(), Cause::PoolFull { free: units(16) as u64, longest });
        let block = pool.allocate(units(16)).unwrap();
        fill(&block, 7);
        let pieces = block.typed_pieces(..).unwrap();
        let in_units: Vec<_> =
            pieces.iter().map(|piece| piece.start / 4096..piece.end / 4096).collect();
        assert_eq!(in_units, [20..28, 10..15, 50..53]);
        // Of any bytes, and of what is cut off.
        let some = block.typed_pieces(units(7) + 100..units(13) + 1).unwrap();
        let at = |unit: u64, byte: u64| unit * 4096 + byte;
        assert_eq!(some, [at(27, 100)..at(28, 0), at(10, 0)..at(15, 0), at(50, 0)..at(50, 1)]);
        assert_eq!(block.typed_pieces(5..5).unwrap(), []);
        // The same storage, by another port.
        let other = TypedMemory::open("/b").unwrap();
        let mut first = 7;
        for piece in pieces {
            let mapping = other.map(piece).unwrap();
            assert_filled(&mapping, first);
            first += mapping.len() / UNIT;
        }
        drop(block);
        assert_eq!(free(&pool), (16, 8));
        drop(kept);
        assert_eq!(free(&pool), (100, 100));
    });
}

#[test]
fn a_range_is_held_until_the_last_mapping_of_it_goes() {
    child::run(|| {
        let _setup = Setup::pool(100);
        let pool = port();
        // Bytes that are no units: all units of them are held.
        let one = pool.map(units(40) as u64 + 5..units(49) as u64 + 5).unwrap();
        assert_eq!((one.len(), one.object_offset()), (units(9), units(40) as u64 + 5));
        assert_eq!(free(&pool), (90, 50));
        one.write_at(0, b"here").unwrap();
        let other =
            TypedMemory::open("/b").unwrap().map(units(40) as u64..units(60) as u64).unwrap();
        let mut bytes = [0; 4];
        other.read_at(5, &mut bytes).unwrap();
        assert_eq!((&bytes, free(&pool)), (b"here", (80, 40)));
        let all = pool.allocate(units(80)).unwrap();
        assert!(matches!(pool.allocate(1).unwrap_err().cause(), Cause::PoolFull { free: 0, .. }));
        drop(one);
        assert_eq!(free(&pool).0, 0, "the other one has it");
        drop(other);
        assert_eq!(free(&pool), (20, 20));
        drop(all);
        // All of it: the object whole.
        let whole = MapOptions::shared().read_write().map(&pool).unwrap();
        assert_eq!((whole.len(), free(&pool)), (units(100), (0, 0)));
        let outside = pool.map(units(99) as u64..units(101) as u64).unwrap_err();
        assert!(matches!(outside.cause(), Cause::Range(_)), "{outside}");
    });
}

#[test]
fn mapping_without_allocating_changes_nothing() {
    child::run(|| {
        let setup = Setup::pool(100);
        let blocks = || setup.file("pool").metadata().unwrap().blocks() * 512;
        let pool = port();
        let block = pool.allocate_contiguous(units(10)).unwrap();
        fill(&block, 3);
        let place = block.object_offset();
        let pieces = block.typed_pieces(..).unwrap();
        assert_eq!((pieces.len(), pieces[0].clone()), (1, place..place + units(10) as u64));
        let window = pool.map_allocatable(place..place + units(20) as u64).unwrap();
        assert_eq!((free(&pool), blocks()), ((90, 90), units(10) as u64));
        assert!((0..10).all(|unit| byte(&window, units(unit)) == byte(&block, units(unit))));
        window.write_at(0, b"x").unwrap();
        assert_eq!(byte(&block, 0), b'x');
        // What is given to somebody meanwhile is seen too.
        let next = pool.map(units(10) as u64..units(12) as u64).unwrap();
        fill(&next, 50);
        assert_eq!((byte(&window, units(11)), free(&pool).0), (51, 88));
        drop((block, next));
        assert_eq!(free(&pool), (100, 100), "the window holds nothing");
        drop(window);
        assert_eq!(free(&pool), (100, 100), "and gives nothing back");
        let view = Shared::map(&MapOptions::shared().range(..8), &pool.allocatable()).unwrap();
        assert_eq!((view.load::<u64>(0).unwrap(), free(&pool).0), (0, 100));
    });
}

#[test]
fn options_count_as_for_any_object() {
    child::run(|| {
        let setup = Setup::pool(400);
        let pool = port();
        let options = MapOptions::shared().read_write();
        let blocks = || setup.file("pool").metadata().unwrap().blocks() * 512;
        // There when it is mapped, unless it is to be sparse; gone with the mapping.
        let block = options.map(&pool.allocation(units(50))).unwrap();
        assert_eq!(blocks(), units(50) as u64);
        let sparse = options.sparse().map(&pool.contiguous_allocation(units(50))).unwrap();
        assert_eq!(blocks(), units(50) as u64);
        drop((block, sparse));
        assert_eq!(blocks(), 0);
        let block = options.populate_checked().map(&pool.allocation(units(8))).unwrap();
        assert_eq!(block.pages().resident(..).unwrap(), units(8));
        let locked = options.locked().map(&pool.allocation(units(8))).unwrap();
        let start = locked.as_ptr().addr();
        assert!(maps::pages_with_flag(start..start + units(8), "lo").iter().all(|locked| *locked));
        let address = { mman::Reservation::new(units(64)).unwrap().address() };
        let there = options.at(address).map(&pool.allocation(units(4))).unwrap();
        assert_eq!(there.as_ptr().addr(), address);
        let taken = options.at(address).map(&pool.allocation(units(4))).unwrap_err();
        assert_eq!(taken.cause(), Cause::AddressTaken);
        let policy = NumaPolicy::Bind(NodeSet::new().with(0).unwrap());
        if let Ok(bound) = options.numa(policy).map(&pool.allocation(units(4))) {
            assert_eq!(bound.pages().node_of(0).unwrap(), 0);
        }
        // A range of what is new is so many bytes, as of anonymous memory.
        let part = options.range(units(3) as u64 + 100..units(5) as u64);
        let part = part.map(&pool.allocation(units(9))).unwrap();
        assert_eq!((part.len(), part.mapped_len()), (units(2) - 100, units(2)));
        let view = SharedMut::map(&MapOptions::shared(), &pool.allocation(units(2))).unwrap();
        view.store(units(1), 9_u64).unwrap();
        assert_eq!(view.pages().typed_pieces(..).unwrap().len(), 1);
        let huge = options.huge_pages(HugePageSize::MIB_2);
        let refused = huge.map(&pool.allocation(1)).unwrap_err();
        assert_eq!(refused.object(), ObjectKind::TypedMemory, "{refused}");
        drop((block, locked, there, part, view));
        assert_eq!((free(&pool).0, blocks()), (400, 0), "errors kept nothing");
    });
}

/// Four ways of mapping are four descriptors of the kernel, each opened when it is first needed.
#[test]
fn a_port_has_the_descriptors_that_it_needs() {
    child::run(|| {
        let _setup = Setup::pool(100);
        let _attached = port();
        let before = descriptors::all().len();
        let pool = port();
        assert_eq!(descriptors::all().len(), before + 1);
        for _ in 0..3 {
            drop(pool.allocate(1).unwrap());
            drop(pool.allocate_contiguous(1).unwrap());
            drop(pool.map(..1).unwrap());
            drop(pool.map_allocatable(..1).unwrap());
            assert_eq!(descriptors::all().len(), before + 4);
        }
        drop(pool);
        assert_eq!(descriptors::all().len(), before);
        // No program that is executed gets them.
        let pool = port();
        let block = pool.allocate(1).unwrap();
        let listed =
            std::process::Command::new("ls").args(["-l", "/proc/self/fd"]).output().unwrap();
        let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
        assert!(!listed.contains("p.pool"), "{listed}");
        drop(block);
        assert_eq!(page(), UNIT);
    });
}
