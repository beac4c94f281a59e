//! A mapping at an address of the caller's that fails: either nothing has changed, or what was there is gone and the book
//! says so. No unit is free that somebody still maps.
#![allow(
    unsafe_code,
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    reason = "test code: it may panic, and maps memory of its own"
)]

mod common;

use common::{RW, Setup, UNIT, allocate, byte, fill, free, offset, open, unmap};
use mman_sys::{Errno, MapFlags, Prot, RawFd, RemapFlags};
use mman_testkit::{child, fork, require};
use mman_typed::{Failure, TypedFlags};
use std::ptr::null_mut;

const ALLOCATE: TypedFlags = TypedFlags::ALLOCATE;

/// A pool of single free units only, so that two of them are two pieces.
fn in_holes() -> (Setup, RawFd, *mut u8) {
    let setup = Setup::pool(100);
    let fd = open("/a", ALLOCATE).unwrap();
    let all = allocate(fd, 100);
    (0..100).step_by(2).for_each(|at| unmap(all.wrapping_add(at * UNIT), 1));
    assert_eq!(free(fd), (50, 1));
    (setup, fd, all)
}

fn anonymous(units: usize) -> *mut u8 {
    let flags = MapFlags::PRIVATE | MapFlags::ANONYMOUS;
    // SAFETY: the kernel chooses the place.
    unsafe { mman_sys::mmap(null_mut(), units * UNIT, RW, flags, -1, 0) }.unwrap().cast()
}

fn map_at(at: *mut u8, units: usize, more: MapFlags, fd: RawFd) -> Result<(), Failure> {
    let flags = MapFlags::SHARED | more;
    // SAFETY: the place is the test's.
    unsafe { mman_typed::map(at.cast(), units * UNIT, RW, flags, fd, 0) }.map(drop)
}

/// Seals a unit; whether the kernel can.
fn seal(at: *mut u8) -> bool {
    // SAFETY: the test's own memory.
    let sealed = unsafe { mman_sys::mseal(at.cast(), UNIT, 0) };
    if sealed.is_err() {
        require::skip("mseal");
    }
    sealed.is_ok()
}

fn is_mapped(at: *mut u8) -> bool {
    let mut told = 0_u8;
    // SAFETY: one byte for one page.
    unsafe { mman_sys::mincore(at.cast(), 1, &raw mut told) }.is_ok()
}

/// A part of the place is sealed: the first piece is not put there either, and its unit is free because nobody maps it.
#[test]
fn a_sealed_place_stays_whole() {
    child::run(|| {
        let (_setup, fd, _all) = in_holes();
        let place = anonymous(2);
        fill(place, 2, 7);
        if !seal(place.wrapping_add(UNIT)) {
            return;
        }
        let refused = map_at(place, 2, MapFlags::FIXED, fd).unwrap_err();
        assert_eq!(refused.errno, Errno::EPERM);
        assert_eq!((byte(place, 0), byte(place, 1)), (7, 7));
        assert_eq!(free(fd), (50, 1));
        // Others have all that is free, and nothing of it is seen here.
        let others: Vec<_> = (0..50).map(|_| allocate(fd, 1)).collect();
        others.iter().for_each(|at| fill(*at, 1, 9));
        assert_eq!(byte(place, 0), 7);
    });
}

/// Where there are no addresses left for what is to be mapped, what is there stays: typed memory too, and the book.
#[test]
fn a_place_without_room_stays_whole() {
    child::run(|| {
        let (_setup, fd, all) = in_holes();
        let place = all.wrapping_add(UNIT);
        fill(place, 1, 7);
        let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
        let pages: usize = pages.split_whitespace().next().unwrap().parse().unwrap();
        let limit = format!("{}", pages * UNIT);
        let id = std::process::id().to_string();
        let arguments = ["--pid", &id, &format!("--as={limit}")];
        let set = std::process::Command::new("prlimit").args(arguments).status();
        assert!(set.unwrap().success());
        let refused = map_at(place, 2, MapFlags::FIXED, fd);
        assert_eq!(refused.unwrap_err().errno, Errno::ENOMEM);
        assert_eq!(byte(place, 0), 7);
        assert_eq!(offset(place, 1).len, UNIT);
        assert_eq!(free(fd), (50, 1));
    });
}

/// `MAP_FIXED_NOREPLACE` replaces nothing, also beside `MAP_FIXED`, also for several pieces.
#[test]
fn noreplace_replaces_nothing() {
    child::run(|| {
        let (_setup, fd, _all) = in_holes();
        let place = anonymous(4);
        fill(place, 4, 7);
        for units in [1, 2] {
            for more in [MapFlags::empty(), MapFlags::FIXED] {
                let refused = map_at(place, units, more | MapFlags::FIXED_NOREPLACE, fd);
                assert_eq!(refused.unwrap_err().errno, Errno::EEXIST);
            }
        }
        assert_eq!((byte(place, 0), byte(place, 1)), (7, 7));
        assert_eq!(free(fd).0, 50);
    });
}

/// What the kernel refuses for the pieces is refused before anything is gone; an address within a unit, too.
#[test]
fn a_refusal_takes_nothing_away() {
    child::run(|| {
        let (_setup, fd, all) = in_holes();
        let reads = mman_typed::open(b"/a", mman_sys::OpenFlags::empty(), ALLOCATE).unwrap();
        let place = all.wrapping_add(UNIT);
        fill(place, 1, 7);
        let refused = map_at(place, 2, MapFlags::FIXED, reads).unwrap_err();
        assert_eq!(refused.errno, Errno::EACCES);
        let refused = map_at(place.wrapping_add(8), 2, MapFlags::FIXED, fd).unwrap_err();
        assert_eq!(refused.errno, Errno::EINVAL);
        assert_eq!((byte(place, 0), offset(place, 1).len, free(fd)), (7, UNIT, (50, 1)));
        map_at(place, 2, MapFlags::FIXED, fd).unwrap();
        assert_eq!((byte(place, 0), free(fd).0), (0, 49), "one given back, two taken");
    });
}

/// A process that may have no more mappings: a block in pieces over memory of ours fails in the middle. What was there is
/// gone then, and given back; what is free is mapped by nobody.
#[test]
fn a_failure_in_the_middle_is_booked() {
    child::run(|| {
        let (_setup, fd, all) = in_holes();
        // Eight held units in one mapping.
        let fixed = open("/a", TypedFlags::NONE).unwrap();
        let place = common::try_map(fixed, 9, 1).unwrap();
        for at in 0..50 {
            unmap(all.wrapping_add((2 * at + 1) * UNIT), 1);
        }
        assert_eq!(free(fd).0, 91);
        let others: Vec<_> = (10..100).step_by(2).map(|at| common::try_map(fixed, 1, at)).collect();
        let before = free(fd).0;
        let most = std::fs::read_to_string("/proc/sys/vm/max_map_count").unwrap();
        let most: usize = most.trim().parse().unwrap();
        let room = anonymous(2 * most);
        let len = 2 * most * UNIT;
        // SAFETY: the test's own memory.
        unsafe { mman_sys::mprotect(room.cast(), len, Prot::NONE) }.unwrap();
        let has = || std::fs::read("/proc/self/maps").unwrap().split(|byte| *byte == b'\n').count();
        let mut at = 1;
        while has() + 8 < most {
            let steps = (most - has()) / 2 - 3;
            for _ in 0..steps.max(1) {
                let page = room.wrapping_add(at * UNIT);
                // SAFETY: as above.
                let _full = unsafe { mman_sys::mprotect(page.cast(), UNIT, Prot::READ) };
                at += 2;
            }
        }
        let refused = map_at(place, 20, MapFlags::FIXED, fd);
        // SAFETY: as above: there is room again.
        unsafe { mman_sys::munmap(room.cast(), len) }.unwrap();
        assert_eq!(refused.unwrap_err().errno, Errno::ENOMEM);
        let known = mman_typed::offset(place.cast(), 1).is_ok();
        assert_eq!(known, is_mapped(place), "the book says what is there");
        assert_eq!(free(fd).0, if known { before } else { before + 9 });
        assert_eq!(others.len(), 45);
    });
}

/// A target of which a part is sealed is not begun with; and where the kernel stops in the middle of moving several pieces,
/// those that it moved are known where they are now.
#[test]
fn a_move_that_stops_half_way_is_booked() {
    child::run(|| {
        let (_setup, fd, _all) = in_holes();
        let from = allocate(fd, 2);
        fill(from, 2, 7);
        let flags = RemapFlags::MAYMOVE | RemapFlags::FIXED;
        // SAFETY: the memory is the test's.
        let remap = |to: *mut u8| unsafe {
            mman_typed::remap(from.cast(), 2 * UNIT, 2 * UNIT, flags, to.cast())
        };
        let target = allocate(fd, 2);
        fill(target, 2, 8);
        if !seal(target.wrapping_add(UNIT)) {
            return;
        }
        assert_eq!(remap(target).unwrap_err().errno, Errno::EPERM);
        assert_eq!((byte(from, 0), byte(target, 0), byte(target, 1)), (7, 8, 8));
        assert_eq!(free(fd).0, 46);
        assert!(seal(from.wrapping_add(UNIT)));
        let target = allocate(fd, 2);
        assert!(remap(target).is_err());
        assert_eq!(free(fd).0, 46, "what was at the target is given back");
        assert!(is_mapped(from.wrapping_add(UNIT)), "it is sealed");
        for at in [from, target] {
            let known = mman_typed::offset(at.cast(), 1).is_ok();
            assert_eq!(known, is_mapped(at), "the book says what is there");
        }
        let now = if is_mapped(from) { from } else { target };
        let others = fork::start(move || {
            let mine: Vec<_> = (0..46).map(|_| allocate(fd, 1)).collect();
            mine.iter().for_each(|at| fill(*at, 1, 9));
            assert_eq!(byte(now, 0), 7);
        });
        assert!(others.wait().success());
        assert_eq!(byte(now, 0), 7, "nobody else got it");
        unmap(now, 1);
        assert_eq!(free(fd).0, 47);
    });
}
