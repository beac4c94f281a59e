//! Page faults served in user space: each kind of fault, each way to serve it, each message.
//!
//! A fault that nobody serves waits for ever: each test has a process of its own, which an alarm ends.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may stop at what it does not expect"
)]

mod common;

use common::rights::become_nobody;
use common::scan::{pages_with, scan};
use common::uffd::Uffd;
use common::{Map, RW, dies_by, fork_then, in_child, last_words, memfd, page, refused, skip};
use mman_sys::{
    Advice, CopyMode, Errno, FaultFlags, MapFlags, MoveMode, PageCategories, RegisterMode,
    RemapFlags, ScanFlags, Signal, UffdEvent, UserfaultFeatures, UserfaultFlags, gettid,
    userfaultfd,
};
use std::fs::File;

type Features = UserfaultFeatures;

/// The address of a fault, which is one.
fn address_of(event: UffdEvent) -> u64 {
    match event {
        UffdEvent::Pagefault { address, .. } => address,
        other => panic!("no fault: {other:?}"),
    }
}

/// A page full of this.
fn page_of(value: u8) -> Map {
    let map = Map::private(1);
    map.set(0, value);
    map
}

/// The handshake tells what the kernel can do: all that 6.8 could, on 6.8 and later.
#[test]
fn the_handshake_tells_features_and_ioctls() {
    let Some(uffd) = Uffd::new(UserfaultFlags::default()) else { return };
    let api = uffd.api(Features::default()).unwrap();
    let oldest = Features::EVENT_REMAP | Features::EVENT_REMOVE | Features::EVENT_UNMAP;
    assert!(api.features.contains(oldest), "{:?}", api.features);
    if common::proc::kernel() >= (6, 8) {
        assert!(api.features.contains(Features::MOVE | Features::POISON), "{:?}", api.features);
    }
    // UFFDIO_REGISTER is 0, UFFDIO_UNREGISTER 1, UFFDIO_API 0x3f.
    let always = 1 | 1 << 1 | 1 << 0x3f;
    assert_eq!(api.ioctls & always, always);
}

/// Without it nothing works, and a feature that does not exist is refused.
#[test]
fn the_handshake_comes_first() {
    let Some(uffd) = Uffd::new(UserfaultFlags::NONBLOCK) else { return };
    let map = Map::private(1);
    assert_eq!(uffd.register(&map, RegisterMode::MISSING), Err(Errno::EINVAL));
    assert_eq!(uffd.event(), Err(Errno::EINVAL));
    assert_eq!(uffd.api(Features::from_bits(1 << 63)), Err(Errno::EINVAL));
    assert!(uffd.api(Features::default()).is_ok());
    assert!(uffd.register(&map, RegisterMode::MISSING).is_ok());
}

/// There is one agreement for each descriptor.
#[test]
fn a_second_handshake_is_einval() {
    let Some(uffd) = Uffd::with(Features::default()) else { return };
    assert_eq!(uffd.api(Features::default()), Err(Errno::EINVAL));
}

/// Who does not wait is told that there is nothing to read.
#[test]
fn reading_without_waiting_is_eagain() {
    let Some(uffd) = Uffd::new(UserfaultFlags::NONBLOCK) else { return };
    uffd.api(Features::default()).unwrap();
    assert_eq!(uffd.event(), Err(Errno::EAGAIN));
}

/// An ordinary user may serve the faults of its own code, but not those of the kernel.
#[test]
fn an_ordinary_user_serves_user_mode_only() {
    in_child(|| {
        let path = "/proc/sys/vm/unprivileged_userfaultfd";
        let everybody = std::fs::read_to_string(path).is_ok_and(|text| text.trim() == "1");
        if everybody || !become_nobody() {
            return skip("root, and vm.unprivileged_userfaultfd 0");
        }
        assert_eq!(refused(userfaultfd(UserfaultFlags::CLOEXEC)), Errno::EPERM);
        let Some(uffd) = Uffd::new(UserfaultFlags::USER_MODE_ONLY) else { return };
        uffd.api(Features::default()).unwrap();
        let map = Map::private(1);
        uffd.register(&map, RegisterMode::MISSING).unwrap();
        let served = uffd.serve(1, |uffd, event| {
            uffd.copy(address_of(event), &page_of(7), CopyMode::default()).unwrap();
        });
        assert_eq!(map.get(0), 7);
        served.join().unwrap();
    });
}

/// Who may open the device needs no other right.
#[test]
fn the_device_gives_a_descriptor() {
    let Ok(device) = File::open("/dev/userfaultfd") else {
        return skip("root, and /dev/userfaultfd");
    };
    let uffd = Uffd::from_device(&device).unwrap();
    assert!(uffd.api(Features::default()).is_ok());
    let no_device = File::open("/dev/null").unwrap();
    assert_eq!(refused(Uffd::from_device(&no_device)), Errno::ENOTTY);
}

/// Pages that are missing are served from another thread: one as a copy, one as zeros. The message names
/// the page, the kind of touch and, if asked for, the thread.
#[test]
fn missing_pages_are_served_by_copy_and_zeropage() {
    in_child(|| {
        let Some(uffd) = Uffd::with(Features::THREAD_ID) else { return };
        let map = Map::private(2);
        uffd.register(&map, RegisterMode::MISSING).unwrap();
        let second = map.at(1) as u64;
        let served = uffd.serve(2, move |uffd, event| {
            let address = address_of(event);
            if address == second {
                assert_eq!(uffd.zero(address), Ok(page() as u64));
            } else {
                assert_eq!(uffd.copy(address, &page_of(7), CopyMode::default()), Ok(1));
            }
        });
        assert_eq!(common::peek(map.start() + 100), 0, "of a page that begins with 7");
        map.set(1, 8);
        assert_eq!([map.get(0), map.get(1)], [7, 8]);
        let (_, events) = served.join().unwrap();
        let thread = gettid().cast_unsigned();
        let fault = |flags, address| UffdEvent::Pagefault { flags, address, thread };
        let read = fault(FaultFlags::default(), map.start() as u64);
        assert_eq!(events, [read, fault(FaultFlags::WRITE, second)]);
    });
}

/// A page that is there already is no failure but a normal outcome, of two who serve the same fault.
#[test]
fn a_page_that_is_there_is_eexist() {
    in_child(|| {
        let Some(uffd) = Uffd::with(Features::default()) else { return };
        let map = Map::private(1);
        uffd.register(&map, RegisterMode::MISSING).unwrap();
        let address = map.start() as u64;
        assert_eq!(uffd.copy(address, &page_of(7), CopyMode::default()), Ok(1));
        assert_eq!(uffd.copy(address, &page_of(8), CopyMode::default()), Err(Errno::EEXIST));
        assert_eq!(uffd.zero(address), Err(Errno::EEXIST));
        assert_eq!(map.get(0), 7);
    });
}

/// What was done before an error counts: the answer is that, and the error comes with the next call.
#[test]
fn a_copy_that_stops_half_way_answers_what_was_done() {
    in_child(|| {
        let Some(uffd) = Uffd::with(Features::default()) else { return };
        let (map, source) = (Map::private(4), Map::private(4));
        source.fill(7);
        uffd.register(&map, RegisterMode::MISSING).unwrap();
        uffd.zero(map.at(2) as u64).unwrap();
        assert_eq!(uffd.copy(map.start() as u64, &source, CopyMode::default()), Ok(2));
        let rest = uffd.copy(map.at(2) as u64, &page_of(7), CopyMode::default());
        assert_eq!(rest, Err(Errno::EEXIST));
        assert_eq!([map.get(0), map.get(1), map.get(2)], [7, 7, 0]);
    });
}

/// What is not registered is not served.
#[test]
fn a_range_that_is_not_registered_is_enoent() {
    in_child(|| {
        let Some(uffd) = Uffd::with(Features::default()) else { return };
        let map = Map::private(1);
        let copied = uffd.copy(map.start() as u64, &page_of(7), CopyMode::default());
        assert_eq!(copied, Err(Errno::ENOENT));
        uffd.register(&map, RegisterMode::MISSING).unwrap();
        uffd.unregister(&map).unwrap();
        assert_eq!(uffd.zero(map.start() as u64), Err(Errno::ENOENT));
        assert_eq!(map.get(0), 0, "nobody is asked any more");
    });
}

/// A copy may leave the thread asleep; then it is woken by a call of its own.
#[test]
fn a_thread_that_was_left_asleep_is_woken() {
    in_child(|| {
        let Some(uffd) = Uffd::with(Features::default()) else { return };
        let map = Map::private(1);
        uffd.register(&map, RegisterMode::MISSING).unwrap();
        let served = uffd.serve(1, |uffd, event| {
            let address = address_of(event);
            assert_eq!(uffd.copy(address, &page_of(7), CopyMode::DONTWAKE), Ok(1));
            uffd.wake(address).unwrap();
        });
        assert_eq!(map.get(0), 7);
        served.join().unwrap();
    });
}

/// A page can be moved in where one is missing: the source is missing it then.
#[test]
fn a_page_is_moved() {
    in_child(|| {
        let Some(uffd) = Uffd::with(Features::MOVE) else { return };
        let (map, source) = (Map::private(2), Map::private(2));
        source.set(0, 7);
        uffd.register(&map, RegisterMode::MISSING).unwrap();
        let (to, from) = (map.at(0), source.at(0));
        assert_eq!(uffd.move_page(to, from, MoveMode::default()), Ok(page() as u64));
        assert_eq!((map.get(0), source.get(0)), (7, 0));
        let hole = uffd.move_page(map.at(1), source.at(1), MoveMode::default());
        assert_eq!(hole, Err(Errno::ENOENT));
        let over_hole = uffd.move_page(map.at(1), source.at(1), MoveMode::ALLOW_SRC_HOLES);
        assert_eq!(over_hole, Ok(page() as u64));
        source.set(0, 8);
        assert_eq!(uffd.move_page(to, from, MoveMode::default()), Err(Errno::EEXIST));
    });
}

/// A page that the object has and the page table has not is a minor fault, and is mapped as it is.
#[test]
fn a_minor_fault_is_continued() {
    in_child(|| {
        let Some(uffd) = Uffd::with(Features::MINOR_SHMEM) else { return };
        let file = memfd(1);
        let other = Map::of(&file, 1, RW, MapFlags::SHARED);
        other.set(0, 6);
        let map = Map::of(&file, 1, RW, MapFlags::SHARED);
        uffd.register(&map, RegisterMode::MINOR).unwrap();
        let start = other.start();
        let served = uffd.serve(1, move |uffd, event| {
            // The other mapping may change the page before the one that waits for it sees it.
            common::poke(start, 7);
            assert_eq!(uffd.go_on(address_of(event)), Ok(page() as u64));
            assert_eq!(uffd.go_on(address_of(event)), Err(Errno::EEXIST));
        });
        assert_eq!(map.get(0), 7);
        let (_, events) = served.join().unwrap();
        let address = map.start() as u64;
        assert_eq!(events, [UffdEvent::Pagefault { flags: FaultFlags::MINOR, address, thread: 0 }]);
    });
}

/// A store to a page that was protected against it waits until the protection is lifted.
#[test]
fn a_store_to_a_protected_page_is_an_event() {
    in_child(|| {
        let Some(uffd) = Uffd::with(Features::PAGEFAULT_FLAG_WP) else { return };
        let map = Map::private(2);
        map.fill(1);
        uffd.register(&map, RegisterMode::WP).unwrap();
        uffd.protect(&map, 1..2).unwrap();
        assert_eq!(map.get(1), 1, "reading is no fault");
        map.set(0, 2);
        let address = map.at(1) as u64;
        let served = uffd.serve(1, move |uffd, event| {
            assert_eq!(address_of(event), address);
            uffd.unprotect(address).unwrap();
        });
        map.set(1, 2);
        assert_eq!([map.get(0), map.get(1)], [2, 2]);
        let (_, events) = served.join().unwrap();
        let flags = FaultFlags::WP | FaultFlags::WRITE;
        assert_eq!(events, [UffdEvent::Pagefault { flags, address, thread: 0 }]);
    });
}

/// With asynchronous protection nobody waits; the page table remembers, and a scan finds just the pages
/// that were stored to, and may protect them again in the same step.
#[test]
fn asynchronous_protection_finds_the_pages_written() {
    in_child(|| {
        let features = Features::WP_ASYNC | Features::WP_UNPOPULATED;
        let Some(uffd) = Uffd::with(features) else { return };
        let map = Map::private(16);
        map.fill(1);
        let range = map.start()..map.end();
        uffd.register(&map, RegisterMode::WP).unwrap();
        uffd.protect(&map, 0..16).unwrap();
        assert_eq!(pages_with(range.clone(), PageCategories::WRITTEN), []);
        for index in [3, 7, 8] {
            map.set(index, 2);
        }
        map.get(12);
        assert_eq!(pages_with(range.clone(), PageCategories::WRITTEN), [3..4, 7..9]);
        let again = ScanFlags::WP_MATCHING | ScanFlags::CHECK_WPASYNC;
        let found = scan(range.clone(), PageCategories::WRITTEN, again);
        assert_eq!(found, Ok(vec![3..4, 7..9]));
        map.set(4, 3);
        assert_eq!(pages_with(range, PageCategories::WRITTEN), vec![4..5]);
    });
}

/// A scan that insists on asynchronous protection refuses a range that has none.
#[test]
fn a_scan_that_insists_on_asynchronous_protection_is_eperm_without() {
    let map = Map::private(1);
    let flags = ScanFlags::WP_MATCHING | ScanFlags::CHECK_WPASYNC;
    let answer = scan(map.start()..map.end(), PageCategories::WRITTEN, flags);
    assert_eq!(answer, Err(Errno::EPERM));
}

/// A poisoned page is SIGBUS, without asking anybody; its neighbours are still asked for.
#[test]
fn a_poisoned_page_is_sigbus() {
    dies_by(Signal::SIGBUS, || {
        let Some(uffd) = Uffd::with(Features::POISON) else { return };
        let map = Map::private(3);
        uffd.register(&map, RegisterMode::MISSING).unwrap();
        assert_eq!(uffd.poison(&map, 1..2), Ok(page() as u64));
        assert_eq!(uffd.poison(&map, 0..2), Ok(page() as u64), "stopped by the one that is there");
        assert_eq!(uffd.poison(&map, 1..2), Err(Errno::EEXIST));
        assert_eq!(uffd.copy(map.at(2) as u64, &page_of(7), CopyMode::default()), Ok(1));
        assert_eq!(map.get(2), 7);
        last_words();
        map.get(1);
    });
}

/// A copy takes the poison away: to it the page is a missing one.
#[test]
fn a_poisoned_page_is_healed_by_a_copy() {
    in_child(|| {
        let Some(uffd) = Uffd::with(Features::POISON) else { return };
        let map = Map::private(1);
        uffd.register(&map, RegisterMode::MISSING).unwrap();
        uffd.poison(&map, 0..1).unwrap();
        assert_eq!(uffd.copy(map.start() as u64, &page_of(7), CopyMode::default()), Ok(1));
        assert_eq!(map.get(0), 7);
    });
}

/// Who drops pages, or unmaps them, waits until that was read.
#[test]
fn dropped_and_unmapped_pages_are_told() {
    in_child(|| {
        let features = Features::EVENT_REMOVE | Features::EVENT_UNMAP;
        let Some(uffd) = Uffd::with(features) else { return };
        let map = Map::private(4);
        uffd.register(&map, RegisterMode::MISSING).unwrap();
        let served = uffd.serve(2, |_, _| ());
        map.advise(1..3, Advice::DONTNEED).unwrap();
        map.unmap(2..4).unwrap();
        let (_, events) = served.join().unwrap();
        let [one, two, three, four] = [1, 2, 3, 4].map(|index| map.at(index) as u64);
        let told = [
            UffdEvent::Remove { start: one, end: three },
            UffdEvent::Unmap { start: two, end: four },
        ];
        assert_eq!((one < two, events.as_slice()), (true, told.as_slice()));
    });
}

/// Who moves a range waits until that was read; the range is registered in its new place.
#[test]
fn a_moved_range_is_told_and_stays_registered() {
    in_child(|| {
        let Some(uffd) = Uffd::with(Features::EVENT_REMAP) else { return };
        let (mut map, room) = (Map::private(2), Map::reserved(2));
        uffd.register(&map, RegisterMode::MISSING).unwrap();
        let (old, new) = (map.start() as u64, room.start() as u64);
        room.disown();
        let served = uffd.serve(2, |uffd, event| {
            if let UffdEvent::Pagefault { address, .. } = event {
                uffd.copy(address, &page_of(7), CopyMode::default()).unwrap();
            }
        });
        let flags = RemapFlags::MAYMOVE | RemapFlags::FIXED;
        map.remap(map.len(), flags, usize::try_from(new).unwrap()).unwrap();
        assert_eq!(map.get(0), 7);
        let (_, events) = served.join().unwrap();
        let moved = UffdEvent::Remap { from: old, to: new, len: 2 * page() as u64 };
        let flags = FaultFlags::default();
        assert_eq!(events, [moved, UffdEvent::Pagefault { flags, address: new, thread: 0 }]);
    });
}

/// A fork is told with a descriptor for the faults of the new process.
#[test]
fn a_fork_is_told_and_its_faults_are_served() {
    in_child(|| {
        let Some(uffd) = Uffd::new(UserfaultFlags::default()) else { return };
        if uffd.api(Features::EVENT_FORK) == Err(Errno::EPERM) {
            return skip("the right to trace processes, for the faults of a fork");
        }
        let map = Map::private(1);
        uffd.register(&map, RegisterMode::MISSING).unwrap();
        let served = uffd.serve(1, |_, event| {
            let UffdEvent::Fork { fd } = event else { panic!("no fork: {event:?}") };
            let of_child = Uffd::of_fork(fd);
            let fault = of_child.event().unwrap();
            of_child.copy(address_of(fault), &page_of(7), CopyMode::default()).unwrap();
        });
        let child = fork_then(|| map.get(0));
        assert_eq!(child.wait().code(), Some(7));
        served.join().unwrap();
    });
}
