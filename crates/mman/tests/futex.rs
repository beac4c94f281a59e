//! A process that waits for another by looking at a word again and again burns a processor; one that sleeps between two
//! looks is late. The kernel compares and puts to sleep in one step: tested between processes, and where the word is gone.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "test code: all of it may panic"
)]

use mman::{Anonymous, Cause, MapOptions, MemFd, MemoryObject, Shared, SharedMut, ShmObject, Wait};
use mman_testkit::{child, fork};
use std::fs::File;
use std::time::{Duration, Instant};

fn shared(object: &impl MemoryObject) -> SharedMut {
    SharedMut::new(object).unwrap()
}

/// Two processes take turns, ten thousand times, each asleep until the other has gone on.
#[test]
fn two_processes_take_turns() {
    child::run(|| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("words");
        std::fs::write(&path, [0; 4096]).unwrap();
        let name = format!("mman-test-futex-{}", std::process::id());
        let named = ShmObject::create_new(&name, 4096).unwrap();
        ShmObject::unlink(&name).unwrap();
        let anonymous = SharedMut::map(&MapOptions::shared(), &Anonymous::new(4096)).unwrap();
        let memfd = shared(&MemFd::new(4096).unwrap());
        for memory in [anonymous, memfd, shared(&named), SharedMut::open(&path).unwrap()] {
            let turns = |own: u32| {
                for turn in (own..2000).step_by(2) {
                    loop {
                        let now = memory.load::<u32>(8).unwrap();
                        if now == turn {
                            break;
                        }
                        memory.wait_u32(8, now, Some(Duration::from_secs(60))).unwrap();
                    }
                    memory.store(8, turn + 1).unwrap();
                    memory.wake_u32(8, 1).unwrap();
                }
            };
            // The parent would wait for its child: so both sides are children of this one.
            std::thread::scope(|scope| {
                let other = scope.spawn(|| {
                    fork::and_wait(|| {
                        turns(1);
                        0
                    })
                });
                turns(0);
                assert_eq!(other.join().unwrap().code(), Some(0));
            });
            assert_eq!(memory.load::<u32>(8).unwrap(), 2000);
        }
    });
}

#[test]
fn each_way_to_end_is_told() {
    let object = MemFd::new(4096).unwrap();
    let memory = shared(&object);
    let soon = Some(Duration::from_millis(20));
    let begin = Instant::now();
    assert_eq!(memory.wait_u32(0, 0, soon).unwrap(), Wait::TimedOut);
    assert!(begin.elapsed() >= Duration::from_millis(20));
    assert_eq!(memory.wait_u32(0, 1, None).unwrap(), Wait::Changed);
    assert_eq!(memory.wake_u32(0, u32::MAX).unwrap(), 0);
    // Rights to read are enough, in both.
    let reader = Shared::new(&object).unwrap();
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| reader.wait_u32(0, 0, Some(Duration::MAX)).unwrap());
        while reader.wake_u32(0, 1).unwrap() == 0 {
            std::thread::yield_now();
        }
        assert_eq!(waiter.join().unwrap(), Wait::Woken);
    });
}

#[test]
fn words_that_are_not_there_are_errors() {
    let file = tempfile::NamedTempFile::new().unwrap();
    file.as_file().set_len(8192).unwrap();
    let memory = SharedMut::open(file.path()).unwrap();
    let cause = |at| memory.wait_u32(at, 0, None).unwrap_err().cause();
    for at in [1, 4094, 8189, 8192, usize::MAX, usize::MAX - 3] {
        assert!(matches!(cause(at), Cause::Range(_)), "{at}");
        assert!(matches!(memory.wake_u32(at, 1).unwrap_err().cause(), Cause::Range(_)), "{at}");
    }
    File::options().write(true).open(file.path()).unwrap().set_len(4096).unwrap();
    assert_eq!(cause(4096), Cause::Truncated { at: 4096 });
    // After a touch zeros stand there, on which nobody could be woken: still an error, and no sleep.
    assert!(memory.load::<u32>(4096).is_err());
    assert_eq!(cause(4100), Cause::Truncated { at: 4100 });
    assert_eq!(memory.wait_u32(0, 7, None).unwrap(), Wait::Changed);
}
