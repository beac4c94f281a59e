//! Several processes and one pool: what one has no other gets, and what one leaves, however it ends, others find free.
#![allow(
    unsafe_code,
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::panic,
    reason = "test code: it may panic, forks, and maps memory of its own"
)]

mod common;

use common::{
    Setup, UNIT, allocate, byte, fill, free, info, is_full, offset, open, try_map, unmap,
};
use mman_testkit::{child, fork};
use mman_typed::{Cause, TypedFlags, each_holder};
use std::os::fd::FromRawFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::Command;

const ALLOCATE: TypedFlags = TypedFlags::ALLOCATE;

/// Two ends of a pipe: a byte says that the other may go on.
struct Turn(std::io::PipeReader, std::io::PipeWriter);

impl Turn {
    fn new() -> Self {
        let (reader, writer) = std::io::pipe().unwrap();
        Self(reader, writer)
    }
    fn give(&self) {
        std::io::Write::write_all(&mut &self.1, b"x").unwrap();
    }
    fn wait(&self) {
        std::io::Read::read_exact(&mut &self.0, &mut [0_u8; 1]).unwrap();
    }
}

/// The rationale's scenario with two processes: the second one maps the pairs through the other port, and the memory is
/// allocated until both have unmapped it.
#[test]
fn another_process_maps_the_pairs_and_keeps_them() {
    child::run(|| {
        let _setup = Setup::pool(100);
        let fd = open("/a", ALLOCATE).unwrap();
        let at = allocate(fd, 20);
        fill(at, 20, 6);
        let first = usize::try_from(offset(at, 20).offset).unwrap() / UNIT;
        let (mapped, done) = (Turn::new(), Turn::new());
        let other = fork::start(|| {
            let other = open("/b", TypedFlags::NONE).unwrap();
            unmap(at, 20); // what came by the fork
            let pair = try_map(other, 15, first).unwrap();
            assert!((0..15).all(|unit| byte(pair, unit) == 6));
            fill(pair, 1, 1);
            mapped.give();
            done.wait();
            assert_eq!(byte(pair, 14), 6, "nobody got it");
        });
        mapped.wait();
        assert_eq!(byte(at, 0), 1, "the same storage");
        unmap(at, 20);
        assert_eq!(free(fd).0, 85);
        let rest = allocate(fd, 85);
        assert!(is_full(try_map(fd, 1, 0).unwrap_err()));
        done.give();
        assert!(other.wait().success());
        assert_eq!(free(fd).0, 15);
        unmap(rest, 85);
    });
}

/// A child has what its parent had mapped: it is not free before both are done with it. The child that calls takes a slot of
/// its own.
#[test]
fn a_forked_child_keeps_what_it_was_forked_with() {
    child::run(|| forked(true));
}

/// The same where nobody calls the hooks.
#[test]
fn a_forked_child_finds_out_by_itself() {
    child::run(|| forked(false));
}

fn forked(told: bool) {
    let _setup = Setup::pool(100);
    let fd = open("/a", ALLOCATE).unwrap();
    let at = allocate(fd, 20);
    fill(at, 20, 6);
    let (ready, done) = (Turn::new(), Turn::new());
    if told {
        mman_typed::before_fork();
    }
    let other = fork::start(|| {
        if told {
            mman_typed::after_fork_in_child();
        } else {
            assert_eq!(free(fd).0, 80); // any call: it finds out
        }
        ready.give();
        done.wait();
        assert!((0..20).all(|unit| byte(at, unit) == 6), "nobody got it");
        unmap(at, 20);
        assert_eq!(free(fd).0, 100);
        let own = allocate(fd, 100);
        ready.give();
        done.wait();
        unmap(own, 100);
    });
    if told {
        mman_typed::after_fork_in_parent();
    }
    ready.wait();
    unmap(at, 20);
    assert_eq!(free(fd).0, 80);
    let rest = allocate(fd, 80);
    assert!(is_full(try_map(fd, 1, 0).unwrap_err()));
    unmap(rest, 80);
    done.give();
    ready.wait();
    assert_eq!(free(fd).0, 0);
    done.give();
    assert!(other.wait().success());
    assert_eq!(free(fd), (100, 100));
}

/// The hooks of a process that has opened nothing yet: parent and child can open afterwards.
#[test]
fn hooks_before_anything_is_opened_hold_nothing() {
    child::run(|| {
        let _setup = Setup::pool(10);
        mman_typed::before_fork();
        let child = fork::start(|| {
            mman_typed::after_fork_in_child();
            let fd = open("/a", ALLOCATE).unwrap();
            unmap(allocate(fd, 3), 3);
        });
        mman_typed::after_fork_in_parent();
        assert!(child.wait().success());
        let fd = open("/a", ALLOCATE).unwrap();
        assert_eq!(free(fd), (10, 10));
        // Without a fork, or twice, they let go what they hold and nothing else.
        mman_typed::after_fork_in_parent();
        mman_typed::after_fork_in_child();
        unmap(allocate(fd, 3), 3);
    });
}

/// A child that never calls, and that nobody told of, is seen by the kernel's count: what its parent unmaps waits until the
/// child is gone, by whatever end.
#[test]
fn a_child_that_nobody_told_of_keeps_what_it_has() {
    child::run(|| {
        let _setup = Setup::pool(100);
        let fd = open("/a", ALLOCATE).unwrap();
        let (at, more) = (allocate(fd, 20), allocate(fd, 5));
        fill(at, 20, 6);
        let (ready, done) = (Turn::new(), Turn::new());
        let other = fork::start(|| {
            ready.give();
            done.wait();
            assert!((0..20).all(|unit| byte(at, unit) == 6), "nobody got it");
            ready.give();
            done.wait();
        });
        ready.wait();
        unmap(at, 20);
        assert_eq!(free(fd).0, 75);
        let rest = allocate(fd, 75);
        fill(rest, 75, 9);
        assert!(is_full(try_map(fd, 1, 0).unwrap_err()));
        done.give();
        ready.wait();
        other.kill();
        assert_eq!(free(fd).0, 20);
        unmap(rest, 75);
        unmap(more, 5);
        assert_eq!(free(fd), (100, 100));
    });
}

/// The same where the parent is killed first: the child's memory is nobody's to get until the child ends.
#[test]
fn an_orphan_keeps_what_it_has() {
    child::run(|| {
        let _setup = Setup::pool(100);
        let fd = open("/a", ALLOCATE).unwrap();
        let (ready, done) = (Turn::new(), Turn::new());
        let parent = fork::start(|| {
            let at = allocate(fd, 30);
            fill(at, 30, 4);
            let orphan = fork::start(|| {
                ready.give();
                done.wait();
                assert!((0..30).all(|unit| byte(at, unit) == 4), "nobody got it");
                ready.give();
                done.wait();
            });
            orphan.wait();
        });
        ready.wait();
        parent.kill();
        assert_eq!(free(fd).0, 70);
        let rest = allocate(fd, 70);
        fill(rest, 70, 9);
        done.give();
        ready.wait();
        done.give();
        // It is nobody's child: its end is seen by the pool only.
        let mut rounds = 0;
        while free(fd).0 != 30 {
            rounds += 1;
            assert!(rounds < 10_000, "{:?}", free(fd));
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
    });
}

/// What a process has is free when it is killed, when it exits, and when it executes another program.
#[test]
fn every_end_gives_back() {
    child::run(|| {
        let _setup = Setup::pool(100);
        let fd = open("/a", ALLOCATE).unwrap();
        let ours = allocate(fd, 10);
        let ready = Turn::new();
        let killed = fork::start(|| {
            fill(allocate(fd, 40), 40, 1);
            ready.give();
            std::thread::sleep(std::time::Duration::from_secs(100));
        });
        let executes = fork::start(|| {
            fill(allocate(fd, 20), 20, 2);
            let error = Command::new("/bin/sleep").arg("100").exec();
            panic!("{error}");
        });
        ready.wait();
        let exited = fork::and_wait(|| {
            fill(allocate(fd, 5), 5, 3);
            0
        });
        assert!(exited.success());
        let mut rounds = 0;
        while free(fd).0 != 50 {
            rounds += 1; // until the other program runs
            assert!(rounds < 10_000, "{:?}", free(fd));
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        assert_eq!(killed.kill().signal(), Some(9));
        // No call that says so: an allocation that finds too little looks for the dead. Who reads its maps in /proc keeps a
        // dead process's mappings for that time.
        let mut rest = try_map(fd, 90, 0);
        for _ in 0..1000 {
            if rest.is_ok() {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(1));
            rest = try_map(fd, 90, 0);
        }
        let rest = rest.unwrap();
        assert!((0..90).all(|unit| byte(rest, unit) == 0), "the bytes of the dead are gone");
        executes.kill();
        unmap(rest, 90);
        unmap(ours, 10);
        assert_eq!(free(fd), (100, 100));
    });
}

/// A descriptor goes through exec with its flag: the program behind it finds the pool by it.
#[test]
fn a_descriptor_is_typed_behind_exec() {
    const WHO: &str = "MMAN_TYPED_TEST_FD";
    child::run(|| {
        if let Ok(told) = std::env::var(WHO) {
            let (fd, file) = told.split_once(' ').unwrap();
            mman_typed::config::use_configuration(file.as_bytes()).unwrap();
            let fd = fd.parse().unwrap();
            assert!(mman_typed::may_be_typed(fd));
            let at = allocate(fd, 60);
            assert!(is_full(try_map(fd, 41, 0).unwrap_err()));
            assert_eq!(info(fd).flags, TypedFlags::ALLOCATE_CONTIG);
            unmap(at, 60);
            // SAFETY: the descriptor was inherited for this.
            drop(unsafe { std::os::fd::OwnedFd::from_raw_fd(fd) });
            return;
        }
        let setup = Setup::pool(100);
        let fd = open("/a", TypedFlags::ALLOCATE_CONTIG).unwrap();
        let name = "a_descriptor_is_typed_behind_exec";
        let status = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", name, "--test-threads=1"])
            .env(WHO, format!("{fd} {}", setup.file().display()))
            .status();
        assert!(status.unwrap().success());
        assert_eq!(free(fd), (100, 100));
    });
}

/// Who holds what is told, and who is dead.
#[test]
fn holders_are_told() {
    child::run(|| {
        let _setup = Setup::pool(100);
        let fd = open("/a", ALLOCATE).unwrap();
        let _ours = allocate(fd, 10);
        let ready = Turn::new();
        let other = fork::start(|| {
            let (one, _two) = (allocate(fd, 7), allocate(fd, 8));
            unmap(one.wrapping_add(3 * UNIT), 1);
            ready.give();
            std::thread::sleep(std::time::Duration::from_secs(100));
        });
        ready.wait();
        let holders = || {
            let mut all = Vec::new();
            each_holder(fd, &mut |holder| all.push(*holder)).unwrap();
            all.sort_by_key(|holder| !holder.is_this);
            all
        };
        let all = holders();
        assert_eq!(all.len(), 2);
        assert_eq!((all[0].ranges, all[0].bytes, all[0].is_dead), (1, 10 * 4096, false));
        assert_eq!(all[0].process, mman_sys::getpid());
        // Its own three pieces, and what it was forked with.
        assert_eq!((all[1].ranges, all[1].bytes, all[1].is_dead), (4, 24 * 4096, false));
        other.kill();
        assert!(holders()[1].is_dead);
        assert_eq!(free(fd).0, 90);
        assert_eq!(holders().len(), 1);
        let mut runs = Vec::new();
        mman_typed::each_free_run(fd, &mut |at, len| runs.push((at, len))).unwrap();
        assert_eq!(runs, [(10 * 4096, 90 * 4096)]);
    });
}

/// A child that was forked while another thread of its parent was in a call is refused, and keeps everything.
#[test]
fn a_child_torn_out_of_a_call_keeps_everything() {
    child::run(|| {
        let _setup = Setup::pool(100);
        let fd = open("/a", ALLOCATE).unwrap();
        let at = allocate(fd, 10);
        let torn = mman_typed::taking_away(at.addr(), UNIT, || {
            let status = fork::and_wait(|| {
                let refused = try_map(fd, 1, 0).unwrap_err();
                assert_eq!(refused.cause, Cause::Torn);
                // It has its parent's name in the table still, and keeps its hands off.
                let rest = at.wrapping_add(UNIT);
                assert_eq!(common::try_unmap(rest, UNIT).unwrap_err().cause, Cause::Torn);
                assert_eq!(offset(rest, 9).len, 9 * UNIT);
                0
            });
            assert!(status.success());
            Err::<(), _>(mman_sys::Errno::EINTR)
        });
        assert_eq!(torn.unwrap_err().errno, mman_sys::Errno::EINTR);
        assert_eq!(offset(at, 10).len, 10 * UNIT, "nothing was taken away");
        unmap(at, 10);
        assert_eq!(free(fd), (100, 100));
    });
}

/// A process goes on when its first thread has ended, and is a zombie by its number then: nobody takes the lock from it.
#[test]
fn a_process_without_its_first_thread_is_alive() {
    // SAFETY: the C library's own declaration.
    unsafe extern "C" {
        fn syscall(number: i64, ...) -> i64;
    }
    let (exit, exit_group) = if cfg!(target_arch = "x86_64") { (60, 231) } else { (93, 94) };
    child::run(|| {
        let setup = Setup::pool(200);
        let fd = open("/a", ALLOCATE).unwrap();
        let end = setup.directory.path().join("end");
        let workers = [1_u8, 2, 3, 4, 5, 6].map(|mark| {
            let end = end.clone();
            fork::start(move || {
                std::thread::spawn(move || {
                    while !end.exists() {
                        let at = allocate(fd, 20);
                        assert!((0..20).all(|unit| byte(at, unit) == 0), "it was somebody's");
                        fill(at, 20, mark);
                        assert!((0..20).all(|unit| byte(at, unit) == mark), "somebody else has it");
                        unmap(at, 20);
                    }
                    // SAFETY: it ends this process.
                    unsafe { syscall(exit_group, 0) };
                });
                // SAFETY: it ends this thread alone.
                unsafe { syscall(exit, 0) };
            })
        });
        std::thread::sleep(std::time::Duration::from_secs(2));
        std::fs::write(&end, "").unwrap();
        for worker in workers {
            let status = worker.wait();
            assert!(status.success(), "{status}");
        }
        assert_eq!(free(fd), (200, 200));
        assert_eq!(mman_typed::repairs(fd).unwrap().rebuilt, 0, "nobody was taken for dead");
    });
}

/// A child for which there was no descriptor at the fork, and so no slot, takes it at a later call.
#[test]
fn a_child_without_a_slot_tries_again() {
    child::run(|| {
        let _setup = Setup::pool(100);
        let fd = open("/a", ALLOCATE).unwrap();
        let at = allocate(fd, 10);
        fill(at, 10, 6);
        let (ready, done) = (Turn::new(), Turn::new());
        let mut files = Vec::new();
        while let Ok(file) = std::fs::File::open("/dev/null") {
            files.push(file);
        }
        mman_typed::before_fork();
        let other = fork::start(|| {
            mman_typed::after_fork_in_child();
            let refused = try_map(fd, 1, 0).unwrap_err();
            assert_eq!((refused.errno, refused.cause), (mman_sys::Errno::EAGAIN, Cause::Torn));
            let refused = common::try_unmap(at, 10 * UNIT).unwrap_err();
            assert_eq!(refused.cause, Cause::Torn);
            assert_eq!((offset(at, 10).len, byte(at, 9)), (10 * UNIT, 6));
            drop(files);
            let mine = allocate(fd, 20);
            unmap(at, 5);
            assert_eq!((free(fd).0, byte(at, 9)), (70, 6));
            ready.give();
            done.wait();
            unmap(mine, 20);
            // A child of its own, as ever.
            let status = fork::and_wait(|| {
                unmap(at.wrapping_add(5 * UNIT), 5);
                u8::from(free(fd).0 != 95)
            });
            assert!(status.success());
        });
        mman_typed::after_fork_in_parent();
        ready.wait();
        unmap(at, 10);
        assert_eq!(free(fd).0, 75, "20 and 5 of the child");
        done.give();
        assert!(other.wait().success());
        assert_eq!(free(fd), (100, 100));
    });
}

/// A handler of the program's that runs while ours have the lock, in the thread that forks, gets in; other threads wait.
#[test]
fn the_thread_that_forks_gets_in() {
    child::run(|| {
        let _setup = Setup::pool(100);
        let fd = open("/a", ALLOCATE).unwrap();
        let at = allocate(fd, 10);
        mman_typed::before_fork();
        let start = std::time::Instant::now();
        let more = allocate(fd, 5);
        unmap(at, 2);
        let waits = std::thread::scope(|scope| {
            let other = scope.spawn(|| unmap(allocate(fd, 1), 1));
            std::thread::sleep(std::time::Duration::from_millis(100));
            let waits = !other.is_finished();
            let status = fork::and_wait(|| {
                // A handler in the child, before ours.
                unmap(more, 5);
                mman_typed::after_fork_in_child();
                unmap(at.wrapping_add(2 * UNIT), 8);
                0
            });
            assert!(status.success());
            unmap(more, 5);
            mman_typed::after_fork_in_parent();
            waits
        });
        assert!(waits, "the lock was let go of");
        assert!(start.elapsed() < std::time::Duration::from_secs(3));
        unmap(at.wrapping_add(2 * UNIT), 8);
        assert_eq!(free(fd), (100, 100));
    });
}
