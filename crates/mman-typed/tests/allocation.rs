//! Allocating and giving back in one process: pieces, runs, reserved ranges, what a pool has left.
#![allow(
    unsafe_code,
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    reason = "test code: it may panic, and maps memory of its own"
)]

mod common;

use common::{
    RW, Setup, UNIT, allocate, byte, close, fill, free, info, is_full, offset, open, try_map,
    try_unmap, unmap,
};
use mman_sys::{Errno, MapFlags, RemapFlags};
use mman_testkit::child;
use mman_typed::{Cause, TypedFlags};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::os::linux::fs::MetadataExt;
use std::ptr::null_mut;

const ALLOCATE: TypedFlags = TypedFlags::ALLOCATE;
const CONTIG: TypedFlags = TypedFlags::ALLOCATE_CONTIG;

/// What is allocated is less to allocate, and more again when it is unmapped; it holds zeros.
#[test]
fn what_is_unmapped_is_free_again_and_empty() {
    child::run(|| {
        let _setup = Setup::pool(64);
        let fd = open("/a", ALLOCATE).unwrap();
        assert_eq!(free(fd), (64, 64));
        let at = allocate(fd, 10);
        fill(at, 10, 7);
        assert_eq!(free(fd), (54, 54));
        assert_eq!(offset(at, 10).len, 10 * UNIT);
        unmap(at, 10);
        assert_eq!(free(fd), (64, 64));
        let at = allocate(fd, 64);
        assert!((0..64).all(|unit| byte(at, unit) == 0));
        assert!(is_full(try_map(fd, 1, 0).unwrap_err()));
        unmap(at, 64);
    });
}

/// POSIX, rationale: a block of 4096 units is allocated in fragments of 1024 and 3072, which are found by their offsets;
/// through the other port, with no flag, the pairs are the same storage.
#[test]
fn a_block_in_two_fragments_is_found_and_shared() {
    child::run(|| {
        let _setup = Setup::pool(8192);
        let fixed = open("/a", TypedFlags::NONE).unwrap();
        // Leaves 1024 units and 3072 units.
        let holes = [(0, 2048), (3072, 1024), (7168, 1024)]
            .map(|(first, units)| (try_map(fixed, units, first).unwrap(), units));
        let fd = open("/a", ALLOCATE).unwrap();
        assert_eq!(free(fd), (4096, 3072));
        let block = allocate(fd, 4096);
        for unit in 0..4096 {
            let byte = u8::try_from(unit % 251).unwrap();
            fill(block.wrapping_add(unit * UNIT), 1, byte);
        }
        let (mut pairs, mut at) = (Vec::new(), 0);
        while at < 4096 {
            let found = offset(block.wrapping_add(at * UNIT), 4096 - at);
            assert_eq!(found.fd, fd);
            pairs.push((usize::try_from(found.offset).unwrap() / UNIT, found.len / UNIT));
            at += found.len / UNIT;
        }
        let mut sorted = pairs.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, [(2048, 1024), (4096, 3072)]);
        let other = open("/b", TypedFlags::NONE).unwrap();
        let mut unit = 0;
        for (first, units) in pairs {
            let pair = try_map(other, units, first).unwrap();
            for each in 0..units {
                assert_eq!(usize::from(byte(pair, each)), unit % 251);
                unit += 1;
            }
            unmap(pair, units);
        }
        assert!(is_full(try_map(fd, 1, 0).unwrap_err()), "the block is still there");
        unmap(block, 4096);
        assert_eq!(free(fd), (4096, 3072));
        holes.into_iter().for_each(|(at, units)| unmap(at, units));
        assert_eq!(free(fd), (8192, 8192));
    });
}

/// One run is one run: free units that do not lie together are not enough.
#[test]
fn a_run_is_in_one_piece_or_refused() {
    child::run(|| {
        let _setup = Setup::pool(30);
        let (any, run) = (open("/a", ALLOCATE).unwrap(), open("/a", CONTIG).unwrap());
        let thirds = [allocate(any, 10), allocate(any, 10), allocate(any, 10)];
        unmap(thirds[0], 10);
        unmap(thirds[2], 10);
        assert_eq!((info(any).length, info(run).length), (20 * 4096, 10 * 4096));
        assert!(is_full(try_map(run, 11, 0).unwrap_err()));
        let whole = allocate(run, 10);
        assert_eq!(offset(whole, 10).len, 10 * UNIT);
        unmap(whole, 10);
        let pieces = allocate(any, 20);
        assert_eq!(offset(pieces, 20).len, 10 * UNIT);
        unmap(pieces, 20);
        unmap(thirds[1], 10);
        assert_eq!(free(run), (30, 30));
    });
}

/// A range mapped without a flag is not allocated to anybody, until its last mapping goes, part by part.
#[test]
fn a_reserved_range_is_free_when_its_last_mapping_goes() {
    child::run(|| {
        let _setup = Setup::pool(100);
        let (fixed, fd) = (open("/a", TypedFlags::NONE).unwrap(), open("/b", ALLOCATE).unwrap());
        assert_eq!(info(fixed).length, 0);
        let one = try_map(fixed, 40, 10).unwrap();
        let two = try_map(fixed, 40, 30).unwrap();
        assert_eq!(free(fd), (40, 30));
        fill(two, 1, 9);
        assert_eq!(byte(one, 20), 9, "the same storage");
        unmap(one, 40);
        assert_eq!(free(fd), (60, 30));
        assert_eq!(byte(two, 0), 9);
        unmap(two.wrapping_add(10 * UNIT), 20);
        assert_eq!(free(fd), (80, 30), "what lay in the middle");
        assert_eq!(offset(two, 40).len, 10 * UNIT);
        unmap(two, 10);
        assert_eq!(free(fd), (90, 60));
        unmap(two.wrapping_add(30 * UNIT), 10);
        assert_eq!(free(fd), (100, 100));
    });
}

/// A part that is unmapped is free, and what is left is where it was; a mapping over another gives that one back.
#[test]
fn parts_and_replaced_mappings_are_given_back() {
    child::run(|| {
        let _setup = Setup::pool(100);
        let fd = open("/a", ALLOCATE).unwrap();
        let at = allocate(fd, 30);
        fill(at, 30, 5);
        unmap(at.wrapping_add(10 * UNIT), 10);
        assert_eq!(free(fd).0, 80);
        assert_eq!((byte(at, 9), byte(at, 20)), (5, 5));
        // Over the hole and five units on each side.
        let place = at.wrapping_add(5 * UNIT);
        let (flags, len) = (MapFlags::SHARED | MapFlags::FIXED, 20 * UNIT);
        // SAFETY: the place is ours, but for the hole, which is nobody's yet.
        let over = unsafe { mman_typed::map(place.cast(), len, RW, flags, fd, 0) }.unwrap();
        assert_eq!(over.cast(), place);
        assert_eq!(free(fd).0, 70, "5 + 20 + 5");
        assert_eq!((byte(at, 4), byte(at, 5), byte(at, 25)), (5, 0, 5));
        // Anonymous memory over typed memory.
        let anonymous = MapFlags::PRIVATE | MapFlags::ANONYMOUS | MapFlags::FIXED;
        mman_typed::taking_away(place.addr(), len, || {
            // SAFETY: the place is ours.
            unsafe { mman_sys::mmap(place.cast(), len, RW, anonymous, -1, 0) }
        })
        .unwrap();
        assert_eq!(free(fd).0, 90);
        unmap(at, 30);
        assert_eq!(free(fd), (100, 100));
    });
}

/// A mapping that is moved keeps its memory, one that is cut gives back the rest; it does not grow.
#[test]
fn a_mapping_is_moved_and_cut_but_does_not_grow() {
    child::run(|| {
        let _setup = Setup::pool(100);
        let fd = open("/a", ALLOCATE).unwrap();
        let at = allocate(fd, 10);
        fill(at, 10, 3);
        let may_move = RemapFlags::MAYMOVE;
        // SAFETY: the memory is the test's; so in all calls below.
        let remap = |at: *mut u8, from: usize, to: usize, flags, new: *mut u8| unsafe {
            mman_typed::remap(at.cast(), from * UNIT, to * UNIT, flags, new.cast())
        };
        let refused = remap(at, 10, 11, may_move, null_mut()).unwrap_err();
        assert_eq!((refused.errno, refused.cause), (Errno::ENOMEM, Cause::NotSo));
        let refused = remap(at, 0, 10, may_move, null_mut()).unwrap_err();
        assert_eq!(refused.errno, Errno::EINVAL);
        // A part, to where it is: nothing changes.
        assert_eq!(remap(at, 4, 4, RemapFlags::empty(), null_mut()).unwrap().cast(), at);
        assert_eq!(try_unmap(at, 0).unwrap_err().errno, Errno::EINVAL);
        assert_eq!((free(fd).0, offset(at, 10).len), (90, 10 * UNIT));
        assert_eq!(remap(at, 10, 8, RemapFlags::empty(), null_mut()).unwrap().cast(), at);
        assert_eq!(free(fd).0, 92);
        let target = allocate(fd, 8);
        let moved = remap(at, 8, 8, may_move | RemapFlags::FIXED, target).unwrap().cast();
        assert_eq!((moved, byte(moved, 7)), (target, 3));
        assert_eq!(free(fd).0, 92, "what was at the target is free");
        assert_eq!(mman_typed::offset(at.cast(), 1).unwrap_err().errno, Errno::EACCES);
        assert_eq!(offset(moved, 8).len, 8 * UNIT);
        unmap(moved, 8);
        assert_eq!(free(fd), (100, 100));
    });
}

/// A length is rounded up to whole pages by both calls; threads allocate beside each other.
#[test]
fn threads_allocate_beside_each_other() {
    child::run(|| {
        let _setup = Setup::pool(200);
        let fd = open("/a", ALLOCATE).unwrap();
        std::thread::scope(|scope| {
            for mark in 1..=4 {
                scope.spawn(move || {
                    for round in 0..300 {
                        let units = 1 + round % 40;
                        // SAFETY: the kernel chooses the place.
                        let at = unsafe {
                            let len = units * UNIT - 17;
                            mman_typed::map(null_mut(), len, RW, MapFlags::SHARED, fd, 0)
                        };
                        let at = at.unwrap().cast();
                        assert!((0..units).all(|unit| byte(at, unit) == 0));
                        fill(at, units, mark);
                        assert!((0..units).all(|unit| byte(at, unit) == mark));
                        try_unmap(at, units * UNIT - 4000).unwrap();
                    }
                });
            }
        });
        assert_eq!(free(fd), (200, 200));
    });
}

/// What is mapped without allocating changes nothing, neither when it is mapped nor when it is unmapped.
#[test]
fn allocatable_mappings_change_nothing() {
    child::run(|| {
        let _setup = Setup::pool(50);
        let fd = open("/a", ALLOCATE).unwrap();
        let at = allocate(fd, 10);
        fill(at, 10, 8);
        let first = usize::try_from(offset(at, 1).offset).unwrap() / UNIT;
        let debugger = open("/a", TypedFlags::MAP_ALLOCATABLE).unwrap();
        let seen = try_map(debugger, 50, 0).unwrap();
        assert_eq!(free(fd).0, 40);
        assert_eq!(byte(seen, first), 8);
        assert_eq!(offset(seen, 50).fd, debugger);
        unmap(at, 10);
        assert_eq!(free(fd).0, 50);
        assert_eq!(byte(seen, first), 0, "it sees what is there");
        unmap(seen.wrapping_add(10 * UNIT), 10);
        unmap(seen, 50);
        assert_eq!(free(fd).0, 50);
    });
}

/// What cannot be is refused with the error that POSIX says.
#[test]
fn bad_requests_have_their_errors() {
    child::run(|| {
        let _setup = Setup::pool(10);
        let (fd, fixed) = (open("/a", ALLOCATE).unwrap(), open("/a", TypedFlags::NONE).unwrap());
        let errno = |fd, len: usize, at: u64| {
            // SAFETY: the kernel chooses the place.
            let mapped = unsafe { mman_typed::map(null_mut(), len, RW, MapFlags::SHARED, fd, at) };
            mapped.unwrap_err().errno
        };
        assert_eq!(errno(fd, 0, 0), Errno::EINVAL);
        assert_eq!(errno(fd, UNIT, 4096), Errno::EINVAL, "an offset");
        assert_eq!(errno(fd, 11 * UNIT, 0), Errno::ENOMEM);
        assert_eq!(errno(fd, usize::MAX, 0), Errno::ENOMEM);
        assert_eq!(errno(fixed, UNIT, 1), Errno::EINVAL);
        assert_eq!(errno(fixed, UNIT, 10 * 4096), Errno::ENXIO);
        assert_eq!(errno(fixed, 2 * UNIT, 9 * 4096), Errno::ENXIO);
        assert_eq!(errno(fixed, UNIT, u64::MAX - 4095), Errno::ENXIO);
        assert_eq!(errno(fixed, usize::MAX, 0), Errno::ENOMEM);
        assert_eq!(errno(-1, UNIT, 0), Errno::EBADF);
        let file = tempfile::tempfile().unwrap();
        let plain = std::os::fd::AsRawFd::as_raw_fd(&file);
        assert_eq!(errno(plain, UNIT, 0), Errno::ENODEV);
        assert_eq!(mman_typed::info(plain).unwrap_err().errno, Errno::ENODEV);
        assert_eq!(mman_typed::info(-1).unwrap_err().errno, Errno::EBADF);
        let here = 0_u8;
        assert_eq!(
            mman_typed::offset((&raw const here).cast(), 1).unwrap_err().errno,
            Errno::EACCES
        );
        // A failed mapping leaves nothing allocated: read only, and asked for writing.
        let reads = mman_typed::open(b"/a", mman_sys::OpenFlags::empty(), ALLOCATE).unwrap();
        assert_eq!(errno(reads, UNIT, 0), Errno::EACCES);
        assert_eq!(free(fd), (10, 10));
    });
}

/// The descriptor is told by which memory was mapped, until it is closed; another opening of the same object that gets its
/// number is another descriptor, a duplicate is the same.
#[test]
fn a_closed_descriptor_is_not_named() {
    child::run(|| {
        let _setup = Setup::pool(10);
        let fd = open("/a", ALLOCATE).unwrap();
        let at = allocate(fd, 2);
        assert_eq!(offset(at, 1).fd, fd);
        close(fd);
        assert_eq!(offset(at, 1).fd, -1);
        let again = open("/a", ALLOCATE).unwrap();
        assert_eq!(again, fd, "the lowest");
        assert_eq!(offset(at, 1).fd, -1, "another opening");
        let other = allocate(again, 1);
        assert_eq!(offset(other, 1).fd, again);
        // SAFETY: it is open.
        let copy = unsafe { BorrowedFd::borrow_raw(again) }.try_clone_to_owned().unwrap();
        close(again);
        assert_eq!(offset(other, 1).fd, -1);
        let back = copy.try_clone().unwrap();
        assert_eq!((back.as_raw_fd(), offset(other, 1).fd), (again, again), "a duplicate");
        try_unmap(other, UNIT).unwrap();
        try_unmap(at, 2 * UNIT).unwrap();
        assert_eq!(free(again), (10, 10));
    });
}

/// A large range is given back in steps, and what nobody ever touched of it at once: wherever it was touched, nothing of it
/// stays, in the store or for the next one.
#[test]
fn a_large_range_is_emptied_wherever_it_was_touched() {
    child::run(|| {
        const LARGE: usize = 60_000; // 234 MiB
        let setup = Setup::pool(LARGE + 10);
        let fd = open("/a", ALLOCATE).unwrap();
        let blocks =
            || std::fs::metadata(setup.directory.path().join("p.pool")).unwrap().st_blocks();
        for touched in [&[][..], &[0], &[LARGE - 1], &[9000], &[3, 8191, 8192, 20_000, 45_000]] {
            let at = allocate(fd, LARGE);
            for unit in touched {
                fill(at.wrapping_add(unit * UNIT), 1, 7);
            }
            assert_eq!(blocks() > 0, !touched.is_empty(), "{touched:?}");
            unmap(at, LARGE);
            assert_eq!(blocks(), 0, "{touched:?}");
            assert_eq!(free(fd), (LARGE + 10, LARGE + 10));
        }
    });
}
