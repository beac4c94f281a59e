//! Mappings of typed memory that are cut, merged, shortened, moved, put into reservations, replaced and taken out again: what
//! is no longer mapped is free, and nothing else is.

use crate::setup::{Setup, assert_filled, fill, free, port, units, with_holes};
use mman::kernel::Feature;
use mman::{
    Anonymous, Cause, Discard, FileObject, Growth, MapOptions, ObjectKind, Refused, Reservation,
    TypedMemory,
};
use mman_testkit::{child, fork, maps, require, unchecked};
use std::thread;

#[test]
fn what_is_cut_off_is_free() {
    child::run(|| {
        let _setup = Setup::pool(100);
        let pool = port();
        let block = pool.allocate(units(40)).unwrap();
        fill(&block, 0);
        let (low, rest) = block.split_at(units(10)).unwrap();
        assert_eq!(free(&pool), (60, 60), "a cut unmaps nothing");
        let (middle, high) = rest.unmap_range(units(10)..units(20)).unwrap();
        assert_eq!(free(&pool), (70, 60));
        assert_filled(&high, 30);
        drop(low);
        assert_eq!(free(&pool).0, 80);
        let Refused { given, .. } = middle.merge(high).unwrap_err();
        assert_filled(&given.0, 10);
        drop(given);
        assert_eq!(free(&pool), (100, 100));

        let block = pool.allocate(units(40)).unwrap();
        let (low, high) = block.split_at(units(15)).unwrap();
        let mut whole = low.merge(high).unwrap();
        whole.resize(units(25), Growth::MayMove).unwrap();
        assert_eq!((whole.len(), free(&pool)), (units(25), (75, 75)));
        whole.resize(units(7) + 1, Growth::InPlace).unwrap();
        assert_eq!(free(&pool), (92, 92));
        let error = whole.resize(units(9), Growth::MayMove).unwrap_err();
        assert!(matches!(error.cause(), Cause::Range(_)), "{error}");
        whole.unmap().unwrap();
        assert_eq!((free(&pool), mman::leaked()), ((100, 100), 0));
    });
}

#[test]
fn a_mapping_of_several_pieces_is_cut_and_shortened() {
    child::run(|| {
        let _setup = Setup::pool(100);
        let pool = port();
        let _kept = with_holes(&pool, &[10..15, 20..30, 50..55]);
        let mut block = pool.allocate(units(20)).unwrap();
        fill(&block, 0);
        block.resize(units(17), Growth::InPlace).unwrap();
        assert_eq!(free(&pool), (3, 3));
        let (low, high) = block.unmap_range(units(8)..units(12)).unwrap();
        assert_eq!(free(&pool), (7, 3));
        assert_filled(&low, 0);
        assert_filled(&high, 12);
        let (one, other) = high.split_at(units(3)).unwrap();
        drop(one);
        assert_eq!(free(&pool).0, 10);
        assert_filled(&other, 15);
        drop((low, other));
        assert_eq!(free(&pool), (20, 10));
    });
}

#[test]
fn a_reservation_gives_back_what_is_taken_out_of_it() {
    child::run(|| {
        let _setup = Setup::pool(100);
        let pool = port();
        let options = MapOptions::shared().read_write();
        let mut space = Reservation::new(units(64)).unwrap();
        let block = pool.contiguous_allocation(units(16));
        let placed = space.place(units(8), &options, &block).unwrap();
        assert_eq!((placed, free(&pool)), (units(8)..units(24), (84, 84)));
        space.write_at(units(8), b"in the pool").unwrap();
        // Over a part of it: a file, more of the pool, nothing, memory that is moved in.
        let file = FileObject::open(std::env::current_exe().unwrap()).unwrap();
        space.place(units(9), &MapOptions::private().range(..4096), &file).unwrap();
        assert_eq!(free(&pool).0, 85);
        space.place(units(10), &options, &pool.allocation(units(2))).unwrap();
        assert_eq!(free(&pool).0, 85, "two new ones, and the old two");
        space.decommit(units(20)..units(24)).unwrap();
        assert_eq!(free(&pool).0, 89);
        let memory = Anonymous::new(units(2)).map().unwrap();
        memory.move_into(&mut space, units(16)).unwrap();
        assert_eq!(free(&pool).0, 91);
        let mut bytes = [0; 11];
        space.read_at(units(8), &mut bytes).unwrap();
        assert_eq!(&bytes, b"in the pool");
        let piece = space.pages().typed_pieces(units(8)..units(9)).unwrap();
        assert_eq!(pool.map(piece[0].clone()).unwrap().object_offset(), piece[0].start);
        let (low, high) = space.split_at(units(12)).unwrap();
        drop(low); // 8, 10 and 11
        assert_eq!(free(&pool).0, 94);
        let mut high = high;
        high.commit(units(12)..).unwrap();
        high.discard(units(12).., Discard::Now).unwrap();
        high.install_guard(units(0)..units(1)).unwrap();
        assert_eq!(free(&pool).0, 95);
        high.release().unwrap();
        assert_eq!((free(&pool), mman::leaked()), ((100, 100), 0));
    });
}

#[test]
fn a_mapping_that_moves_takes_its_units_along() {
    child::run(|| {
        let _setup = Setup::pool(100);
        let pool = port();
        let mut space = Reservation::new(units(64)).unwrap();
        let block = pool.allocate(units(8)).unwrap();
        fill(&block, 3);
        let pieces = block.typed_pieces(..).unwrap();
        let before = block.as_ptr().addr();
        let place = block.move_into(&mut space, units(4)).unwrap();
        assert_eq!(free(&pool), (92, 92));
        assert_eq!(space.pages().typed_pieces(place).unwrap(), pieces);
        // Where it was, other memory is no memory of the pool.
        if let Ok(other) = MapOptions::private().at(before).map(&Anonymous::new(units(8))) {
            assert_eq!(other.typed_pieces(..).unwrap_err().cause(), Cause::NotTyped);
            drop(other);
            assert_eq!(free(&pool), (92, 92));
        }
        // Another mapping of the pool over it.
        pool.allocate(units(4)).unwrap().move_into(&mut space, units(8)).unwrap();
        assert_eq!(free(&pool).0, 92);
        drop(space);
        assert_eq!(free(&pool), (100, 100));
    });
}

/// The kernel moves what it counts as several mappings since 6.17; before, this is refused, and the mapping is whole.
#[test]
fn several_pieces_are_placed_together_or_not_at_all() {
    child::run(|| {
        let _setup = Setup::pool(100);
        let pool = port();
        let kept = with_holes(&pool, &[10..15, 20..30]);
        let mut space = Reservation::new(units(64)).unwrap();
        let block = pool.allocate(units(15)).unwrap();
        fill(&block, 1);
        let pieces = block.typed_pieces(..).unwrap();
        assert_eq!(pieces.len(), 2);
        match block.move_into(&mut space, units(8)) {
            Ok(place) => {
                assert_eq!(space.pages().typed_pieces(place.clone()).unwrap(), pieces);
                let mut byte = [0];
                space.read_at(place.end - units(1), &mut byte).unwrap();
                assert_eq!((byte, free(&pool).0), ([15], 0));
            }
            Err(refused) => {
                assert_eq!(refused.error.cause(), Cause::SeveralMappings);
                assert_filled(&refused.given, 1);
            }
        }
        drop(space);
        assert_eq!(free(&pool), (15, 10));
        let mut space = Reservation::new(units(64)).unwrap();
        let options = MapOptions::shared().read_write();
        match space.place(0, &options, &pool.allocation(units(15))) {
            Ok(_) => assert_eq!(free(&pool).0, 0),
            Err(error) => assert_eq!(error.cause(), Cause::SeveralMappings),
        }
        drop((space, kept));
        assert_eq!((free(&pool), mman::leaked()), ((100, 100), 0));
    });
}

/// Over an address of the caller's choice, where typed memory was given up to be replaced: it is given back by whatever comes
/// there.
#[test]
fn what_is_replaced_on_purpose_is_given_back() {
    child::run(|| {
        let _setup = Setup::pool(100);
        let pool = port();
        let options = MapOptions::shared().read_write();
        let give_up = || {
            let block = pool.allocate(units(8)).unwrap();
            let address = block.as_ptr().addr();
            unchecked::disown(block);
            assert_eq!(free(&pool).0, 92);
            address
        };
        let over = |address| unchecked::replacing(options, address);
        let memory = over(give_up()).map(&Anonymous::new(units(8))).unwrap();
        assert_eq!(free(&pool), (100, 100));
        let address = give_up();
        let block = over(address).map(&pool.allocation(units(8))).unwrap();
        fill(&block, 1);
        assert_eq!((free(&pool).0, block.as_ptr().addr()), (92, address));
        drop(block);
        assert_eq!(free(&pool), (100, 100));
        let mut moved = Anonymous::new(units(8)).map().unwrap();
        unchecked::move_to(&mut moved, give_up()).unwrap();
        assert_eq!(free(&pool), (100, 100));
        let address = memory.as_ptr().addr();
        unchecked::disown(memory);
        let mut block = pool.allocate(units(4)).unwrap();
        unchecked::move_to(&mut block, address).unwrap();
        assert_eq!((free(&pool).0, block.typed_pieces(..).unwrap().len()), (96, 1));
        drop((block, moved));
        assert_eq!((free(&pool), mman::leaked()), ((100, 100), 0));
    });
}

/// What is sealed stays until its process ends.
#[test]
fn what_is_sealed_is_held_until_the_end() {
    if !require::feature(Feature::Seal) {
        return;
    }
    child::run(|| {
        let _setup = Setup::pool(100);
        let pool = port();
        let status = fork::and_wait(|| {
            let (low, high) = pool.allocate(units(8)).unwrap().split_at(units(4)).unwrap();
            let _sealed = low.seal().unwrap();
            drop(high);
            assert_eq!((free(&pool).0, mman::leaked()), (96, 0));
            0
        });
        assert!(status.success());
        assert_eq!(free(&pool), (100, 100));
    });
}

/// What typed memory cannot do, it says; nothing is lost by asking.
#[test]
fn typed_memory_is_not_doubled() {
    child::run(|| {
        let _setup = Setup::pool(100);
        let pool = port();
        let mut block = pool.allocate(units(4)).unwrap();
        fill(&block, 1);
        for error in [block.alias().unwrap_err(), block.take_pages().unwrap_err()] {
            assert_eq!(
                (error.cause(), error.object()),
                (Cause::NotDoubled, ObjectKind::TypedMemory)
            );
        }
        assert_filled(&block, 1);
        assert_eq!(free(&pool).0, 96);
        let piece = block.typed_pieces(..).unwrap().remove(0);
        let again = pool.map(piece).unwrap();
        assert_filled(&again, 1);
        drop((block, again));
        assert_eq!(free(&pool), (100, 100));
    });
}

/// Threads allocate, write what is theirs, cut and give back, at once: nobody finds another's bytes.
#[test]
fn threads_share_a_pool() {
    child::run(|| {
        let _setup = Setup::pool(300);
        let pool = port();
        let (pool, own) = (&pool, TypedMemory::open("/b").unwrap());
        let own = &own;
        thread::scope(|scope| {
            for thread in 0..6_usize {
                scope.spawn(move || {
                    for round in 0..400_usize {
                        let port = if round % 3 == 0 { own } else { pool };
                        let count = 1 + (thread * 7 + round * 5) % 23;
                        let first = thread * 40 + round;
                        let block = match round % 2 {
                            0 => port.allocate(units(count)),
                            _ => port.allocate_contiguous(units(count)),
                        };
                        let Ok(block) = block else { continue };
                        fill(&block, first);
                        let memory = Anonymous::new(units(3)).map().unwrap();
                        let (low, high) = block.split_at(units(count / 2)).unwrap();
                        assert_filled(&low, first);
                        drop((memory, low));
                        assert_filled(&high, first + count / 2);
                    }
                });
            }
        });
        assert_eq!((free(pool), mman::leaked()), ((300, 300), 0));
        assert!(maps::all().iter().all(|entry| !entry.name.ends_with("p.pool")));
    });
}
