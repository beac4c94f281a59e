//! What is refused, and in which words: each cause its own, with the numbers that it has.

use crate::setup::{Setup, assert_filled, fill, free, port, units};
use mman::{
    Anonymous, Cause, Error, Growth, MapOptions, MemFd, Operation, PoolDamage, Private, Protection,
    SharedMut, TypedMemory,
};
use mman_testkit::{child, fork, limits, line_of, require};
use std::io::{PipeWriter, Read, Write};
use std::os::unix::fs::FileExt;

fn assert_says(error: &Error, cause: Cause, words: &str) {
    assert_eq!(error.cause(), cause, "{error}");
    let line = line_of(error);
    assert!(line.contains(words) && line.contains("a typed memory object"), "{line}");
}

#[test]
fn names_that_there_are_not() {
    child::run(|| {
        let setup = Setup::new(
            "pool p kind=shm size=1M\nport /x/a pool=p\nport /h pool=h\npool h kind=huge page=64K size=1G path=/proc\n\
             port /gone pool=gone\npool gone kind=store path=/dev/shm/mman-there-is-no-such-file",
        );
        let refused = |name: &str| TypedMemory::open(name).unwrap_err();
        for name in ["/a", "", "/", "x", "/x/a/", "nothing\0"] {
            assert_says(&refused(name), Cause::NotFound, "no object of this name");
        }
        assert_says(&refused(&"x".repeat(256)), Cause::BadName, "name cannot be");
        assert_says(&refused("/gone"), Cause::PoolLacks, "lacks what the pool is made of");
        assert!(TypedMemory::open("a").is_ok() && TypedMemory::open("x/a").is_ok());
        std::fs::remove_file(setup.configuration()).unwrap();
        assert_says(&refused("a"), Cause::PoolConfiguration, "configuration");
        for path in ["relative", "", "/with/\0/zero"] {
            let error = TypedMemory::use_configuration(path).unwrap_err();
            assert_eq!(error.cause(), Cause::BadName);
        }
        let long = format!("/{}", "x".repeat(256));
        assert_eq!(TypedMemory::use_configuration(long).unwrap_err().cause(), Cause::BadName);
    });
}

/// Has the process of slot 1 hold the lock of the table: its slot and one, and how often that was claimed.
fn hold_lock(setup: &Setup) {
    let (table, mut claims) = (setup.file("table"), [0; 8]);
    table.read_exact_at(&mut claims, (64 + 8 + 4) * 8).unwrap();
    let name = 2 | (u64::from_ne_bytes(claims) & 0x7fff) << 16;
    table.write_all_at(&name.to_ne_bytes(), 64).unwrap();
}

/// A child with slot 1, whose name stands in the lock of the table; it ends at the latest when the pipe is dropped.
fn holder_of_the_lock(setup: &Setup, pool: &TypedMemory) -> (fork::Forked, PipeWriter) {
    let (mut ready, is_ready) = std::io::pipe().unwrap();
    let (is_over, over) = std::io::pipe().unwrap();
    let mut over = Some(over);
    let holder = fork::start(|| {
        drop(over.take());
        let _slot = pool.info();
        (&is_ready).write_all(b"x").unwrap();
        let _end = (&is_over).read(&mut [0]);
    });
    ready.read_exact(&mut [0]).unwrap();
    hold_lock(setup);
    (holder, over.unwrap())
}

/// The port is another pool's by the time that one of its descriptors is opened: its numbers would be those of the first.
#[test]
fn a_port_stays_that_of_its_pool() {
    child::run(|| {
        let setup = Setup::new("pool p kind=shm size=1M\nport /a pool=p");
        let pool = port();
        setup.say("pool q kind=shm size=2M\nport /a pool=q");
        assert_says(&pool.allocate(1).unwrap_err(), Cause::NotFound, "no object");
        assert_eq!(pool.map(..).unwrap().len(), 1 << 20);
        assert_eq!(port().allocate(1 << 20).unwrap().len(), 1 << 20);
    });
}

/// Each way of mapping opens the port once more: what was used before goes on without a configuration.
#[test]
fn a_port_whose_configuration_is_gone() {
    child::run(|| {
        let setup = Setup::pool(10);
        let pool = port();
        let block = pool.allocate(1).unwrap();
        std::fs::remove_file(setup.configuration()).unwrap();
        assert!(pool.map(..1).is_ok() && pool.allocate(1).is_ok() && pool.info().is_ok());
        let refused = pool.map_allocatable(..1).unwrap_err();
        assert_says(&refused, Cause::PoolConfiguration, "configuration");
        let refused = pool.allocate_contiguous(1).unwrap_err();
        assert_says(&refused, Cause::PoolConfiguration, "configuration");
        drop(block);
        assert_eq!(free(&pool), (10, 10));
    });
}

#[test]
fn nothing_is_mapped_and_nothing_grows() {
    child::run(|| {
        let _setup = Setup::pool(10);
        let pool = port();
        for empty in [pool.allocate(0).unwrap(), pool.allocate_contiguous(0).unwrap()] {
            assert_eq!((empty.len(), free(&pool)), (0, (10, 10)));
        }
        for range in [0..0, 4096..4096] {
            for refused in [pool.map(range.clone()), pool.map_allocatable(range)] {
                let error = refused.unwrap_err();
                assert!(matches!(error.cause(), Cause::Range(_)), "{error}");
            }
        }
        let mut block = pool.allocate(units(2)).unwrap();
        for growth in [Growth::InPlace, Growth::MayMove] {
            let error = block.resize(units(3), growth).unwrap_err();
            assert!(matches!(error.cause(), Cause::Range(_)), "{error}");
        }
        assert_eq!((block.len(), free(&pool)), (units(2), (8, 8)));
    });
}

#[test]
fn private_mappings_are_refused() {
    child::run(|| {
        let _setup = Setup::pool(100);
        let pool = port();
        let private = MapOptions::private().read_write();
        for refused in [
            private.map(&pool.allocation(4096)).map(drop),
            private.map(&pool).map(drop),
            private.map(&pool.allocatable()).map(drop),
            Private::new(&pool.contiguous_allocation(1)).map(drop),
            MapOptions::droppable().map(&pool).map(drop),
        ] {
            assert_says(&refused.unwrap_err(), Cause::NotShared, "needs a shared mapping");
        }
        assert_eq!(free(&pool), (100, 100));
    });
}

#[test]
fn a_full_pool_says_what_it_has() {
    child::run(|| {
        let _setup = Setup::pool(10);
        let pool = port();
        let _some = pool.map(units(3) as u64..units(5) as u64).unwrap();
        let full = Cause::PoolFull { free: 8 * 4096, longest: 5 * 4096 };
        let words = "the pool has 32768 bytes free, 20480 of them in one run (ENOMEM)";
        for refused in [pool.allocate(units(9)), pool.allocate_contiguous(units(6))] {
            assert_says(&refused.unwrap_err(), full, words);
        }
        let error = pool.allocate(1 << 45).unwrap_err();
        assert!(matches!(error.cause(), Cause::PoolFull { .. }), "{error}");
        assert_eq!(pool.allocate(usize::MAX).unwrap_err().cause(), Cause::TooLong);
        let error = pool.map(units(9) as u64..units(11) as u64).unwrap_err();
        assert!(matches!(error.cause(), Cause::Range(_)), "{error}");
        let past = MapOptions::shared().past_end().range(..units(11) as u64).map(&pool);
        assert_eq!(past.unwrap_err().errno(), Some(mman::Errno::ENXIO));
        assert_eq!(free(&pool), (8, 5));
    });
}

#[test]
fn a_port_for_reading() {
    child::run(|| {
        let _setup = Setup::new("pool p kind=shm size=1M\nport /a pool=p\nport /r pool=p access=r");
        let block = port().allocate(4096).unwrap();
        block.write_at(0, b"seen").unwrap();
        assert_says(&TypedMemory::open("/r").unwrap_err(), Cause::PortAccess, "forbid that access");
        let reader = TypedMemory::open_read_only("/r").unwrap();
        let seen = reader.map(block.typed_pieces(..).unwrap()[0].clone()).unwrap();
        let mut bytes = [0; 4];
        seen.read_at(0, &mut bytes).unwrap();
        assert_eq!((&bytes, seen.write_at(0, b"x").is_err()), (b"seen", true));
        let write = MapOptions::shared().read_write().map(&reader.allocation(1)).unwrap_err();
        assert_says(
            &write,
            Cause::NotWritable,
            "the port is not open for writing; open it by `open`",
        );
        let mut seen = seen;
        assert_eq!(seen.protect(.., Protection::WRITE).unwrap_err().cause(), Cause::Denied);
        assert_eq!(reader.allocate(1).unwrap().len(), 1);
    });
}

#[test]
fn mapping_without_allocating_takes_a_right() {
    if !require::root() {
        return;
    }
    child::run(|| {
        let _setup = Setup::new(
            "pool p kind=shm size=1M mode=0666\nport /any pool=p allocatable=any\n\
             port /root pool=p allocatable=root\nport /own pool=p",
        );
        let all: Vec<_> =
            ["/any", "/root", "/own"].map(|name| TypedMemory::open(name).unwrap()).into();
        assert!(all.iter().all(|port| port.map_allocatable(..1).is_ok()));
        let status = fork::and_wait(|| {
            limits::become_nobody();
            let ports = ["/any", "/root", "/own"].map(|name| TypedMemory::open(name).unwrap());
            assert!(ports[0].map_allocatable(..1).is_ok());
            for port in &ports[1..] {
                let refused = port.map_allocatable(..1).unwrap_err();
                assert_says(&refused, Cause::AllocatableRight, "the right that the port asks for");
                assert!(port.allocate(1).is_ok());
            }
            0
        });
        assert!(status.success());
    });
}

#[test]
fn what_is_no_typed_memory_has_no_pieces() {
    child::run(|| {
        let _setup = Setup::pool(100);
        let block = port().allocate(units(2)).unwrap();
        let memory = Anonymous::new(4096).map().unwrap();
        let error = memory.typed_pieces(..).unwrap_err();
        assert_eq!((error.cause(), error.operation()), (Cause::NotTyped, Operation::Inspect));
        assert_eq!(
            line_of(&error),
            "inspect bytes 0..4096 of anonymous memory: it is no typed memory (EACCES)"
        );
        let memfd = MapOptions::shared().map(&MemFd::new(4096).unwrap()).unwrap();
        assert_eq!(memfd.typed_pieces(9..10).unwrap_err().cause(), Cause::NotTyped);
        let outside = block.typed_pieces(units(1)..units(3)).unwrap_err();
        assert!(matches!(outside.cause(), Cause::Range(_)), "{outside}");
        let mut space = mman::Reservation::new(units(4)).unwrap();
        block.move_into(&mut space, units(1)).unwrap();
        assert_eq!(space.pages().typed_pieces(units(1)..units(3)).unwrap().len(), 1);
        let error = space.pages().typed_pieces(units(2)..).unwrap_err();
        assert_eq!((error.cause(), error.range()), (Cause::NotTyped, Some((3 * 4096, 4096))));
    });
}

/// A table that its writers damaged: the cause names it, once, and what is unmapped is unmapped.
#[test]
fn a_damaged_table_is_named() {
    child::run(|| {
        let setup = Setup::pool(100);
        let pool = port();
        let block = pool.allocate(units(10)).unwrap();
        let used = (64 + 1024 * 8 + 4096) * 8; // the map of used units
        setup.file("table").write_all_at(&[0; 16], used).unwrap();
        block.unmap().unwrap(); // the table is made anew, and the units are given back by the next call
        assert_eq!((free(&pool), mman::leaked()), ((100, 100), 0));
        let len = setup.file("table").metadata().unwrap().len();
        setup.file("table").set_len(100).unwrap();
        let error = pool.allocate(1).unwrap_err();
        assert_says(&error, Cause::PoolDamaged(PoolDamage::Truncated), "cut short");
        setup.file("table").set_len(len).unwrap();
    });
}

/// A stopped process holds the lock of the table. What is asked before the kernel's call is refused, and all is as it was;
/// what is unmapped is unmapped, and given back later.
#[test]
fn a_pool_whose_lock_is_held_refuses_or_waits() {
    child::run(|| {
        let setup = Setup::pool(100);
        let pool = port();
        let block = pool.allocate(units(10)).unwrap();
        let other = pool.allocate(units(5)).unwrap();
        fill(&block, 4);
        let (stopped, _until) = holder_of_the_lock(&setup, &pool);
        let began = std::time::Instant::now();
        let refused = block.unmap_range(units(2)..units(4)).unwrap_err();
        assert_says(&refused.error, Cause::PoolBusy, "maybe a stopped process");
        assert!(began.elapsed().as_secs() >= 4, "it was waited for");
        assert_filled(&refused.given, 4);
        let start = other.as_ptr().addr();
        other.unmap().unwrap();
        assert!(mman_testkit::maps::is_free(start..start + units(5)));
        stopped.kill(); // its lock is taken over
        drop(refused.given);
        assert_eq!((free(&pool), mman::leaked()), ((100, 100), 0));
    });
}

/// Half of a mapping is dropped while the lock is held: its entry cannot be cut in two, so the memory is kept, with its
/// addresses, and counted; what it held stays held.
#[test]
fn what_cannot_be_unmapped_is_kept_and_counted() {
    child::run(|| {
        let setup = Setup::pool(100);
        let pool = port();
        let block = pool.allocate(units(10)).unwrap();
        fill(&block, 4);
        let (low, high) = block.split_at(units(4)).unwrap();
        let start = low.as_ptr().addr();
        let (holder, _until) = holder_of_the_lock(&setup, &pool);
        drop(low);
        assert_eq!(mman::leaked(), units(4));
        assert!(!mman_testkit::maps::is_free(start..start + units(4)));
        holder.kill();
        assert_eq!(free(&pool), (90, 90));
        assert_filled(&high, 8);
        drop(high);
        assert_eq!(free(&pool), (96, 96), "what was kept is not given to others");
    });
}

/// The handler of SIGBUS asks no book: another thread waits for the pool's lock, and has that of the process meanwhile.
#[test]
fn a_lost_page_waits_for_no_lock() {
    child::run(|| {
        let setup = Setup::pool(100);
        let pool = port();
        let view = SharedMut::map(&MapOptions::shared(), &pool.allocation(units(20))).unwrap();
        let (holder, _until) = holder_of_the_lock(&setup, &pool);
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| pool.allocate(1).map(drop));
            std::thread::sleep(std::time::Duration::from_millis(200));
            setup.file("pool").set_len(0).unwrap();
            let began = std::time::Instant::now();
            let lost = view.load::<u64>(units(3)).unwrap_err();
            assert!(matches!(lost.cause(), Cause::Truncated { .. }), "{lost}");
            assert!(began.elapsed().as_secs() < 2, "{:?}", began.elapsed());
            assert!(!waiting.is_finished());
            setup.file("pool").set_len(units(100) as u64).unwrap();
            holder.kill();
            waiting.join().unwrap().unwrap();
        });
        drop(view);
        assert_eq!((free(&pool), mman::leaked()), ((100, 100), 0));
    });
}

/// The pool's file was cut under a view: its bytes are errors and no signal. The zeros that the handler put there are
/// unmapped with the view, and the units are free then, once.
#[test]
fn a_view_of_a_store_that_was_cut_short() {
    child::run(|| {
        let setup = Setup::pool(100);
        let pool = port();
        let options = MapOptions::shared();
        let view = SharedMut::map(&options, &pool.allocation(units(20))).unwrap();
        let other = pool.allocate(units(20)).unwrap();
        view.store(units(3), 7_u64).unwrap();
        let store = setup.file("pool");
        store.set_len(units(2) as u64).unwrap();
        let lost = view.load::<u64>(units(3)).unwrap_err();
        assert!(matches!(lost.cause(), Cause::Truncated { .. }), "{lost}");
        assert!(view.store(units(19), 7_u64).is_err());
        store.set_len(units(100) as u64).unwrap();
        assert_eq!(free(&pool), (60, 60), "the view has its units still");
        let refused = pool.allocate(units(61)).unwrap_err();
        assert!(matches!(refused.cause(), Cause::PoolFull { .. }));
        drop(view);
        assert_eq!(free(&pool).0, 80);
        let again = pool.allocate(units(80)).unwrap();
        fill(&again, 1);
        assert_filled(&again, 1);
        drop((again, other));
        assert_eq!((free(&pool), mman::leaked()), ((100, 100), 0));
    });
}
