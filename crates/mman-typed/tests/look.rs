//! Looking at pools from outside: what is there is seen as it is, and looking makes, takes and waits for nothing.
#![allow(
    unsafe_code,
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::mem_forget,
    reason = "test code: it may panic, forks, and maps memory of its own"
)]

mod common;

use common::{Setup, UNIT, allocate, open, try_map, unmap};
use mman_sys::Errno;
use mman_testkit::{child, fork, require};
use mman_typed::config::{self, Line};
use mman_typed::{Agreement, Cause, Damage, Failure, Holder, Look, Planned, TypedFlags, planned};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::process::Command;
use std::time::{Duration, Instant};

const ALLOCATE: TypedFlags = TypedFlags::ALLOCATE;

// SAFETY: the C library's own declarations, in these types.
unsafe extern "C" {
    safe fn setuid(user: u32) -> i32;
}

/// Looks at the pool of this name.
fn look(name: &str) -> Result<Option<Look>, Failure> {
    let (mut directory, mut found) = (None, None);
    config::each(&mut |line| match line.said {
        Ok(Line::Directory(path)) => directory = Some(path.to_vec()),
        Ok(Line::Pool(pool)) if pool.name == name.as_bytes() => {
            found.get_or_insert_with(|| Look::at(&pool, directory.as_deref()));
        }
        _ => {}
    })
    .unwrap();
    found.unwrap()
}

fn seen(name: &str) -> Look {
    look(name).unwrap().unwrap()
}

fn would_be(name: &str) -> Result<Planned, Failure> {
    let mut found = None;
    config::each(&mut |line| match line.said {
        Ok(Line::Pool(pool)) if pool.name == name.as_bytes() => found = Some(planned(&pool, None)),
        _ => {}
    })
    .unwrap();
    found.unwrap()
}

/// Holders with their ranges in units.
fn holders(look: &Look) -> Vec<(Holder, Vec<(u64, u64)>)> {
    let unit = UNIT as u64;
    let mut all = Vec::new();
    look.each_holder(&mut |holder, ranges| {
        all.push((*holder, ranges.map(|run| (run.start / unit, run.end / unit)).collect()));
    });
    all
}

fn free_runs(look: &Look) -> Vec<(u64, u64)> {
    let mut runs = Vec::new();
    look.each_free_run(&mut |run| runs.push((run.start / UNIT as u64, run.end / UNIT as u64)));
    runs
}

/// A pool that nobody has opened is not there, also after looking, and neither is its directory.
#[test]
fn looking_makes_nothing() {
    child::run(|| {
        let setup = Setup::pool(100);
        let inside = || fs::read_dir(setup.directory.path()).unwrap().count();
        assert!(look("p").unwrap().is_none());
        assert_eq!(would_be("p").unwrap(), Planned { size: Some(409_600), unit: 4096 });
        assert_eq!(inside(), 1, "the configuration alone");
        let away = setup.directory.path().join("away");
        let lines = format!("directory {}\npool p kind=shm size=5000\n", away.display());
        fs::write(setup.file(), lines).unwrap();
        assert!(look("p").unwrap().is_none());
        assert_eq!(would_be("p").unwrap().size, Some(4096), "whole units");
        assert!(!away.exists());
    });
}

/// What the machine lacks is said, and what is not known is not guessed.
#[test]
fn a_pool_of_something_that_is_not_there() {
    child::run(|| {
        let setup = Setup::new(
            "pool s kind=store path=/nowhere/at/all\npool h kind=huge page=8K size=1M\npool d kind=dax path=/dev/dax9.9",
        );
        for name in ["s", "d", "h"] {
            assert_eq!(would_be(name).unwrap_err().errno, Errno::ENODEV, "{name}");
        }
        let file = setup.directory.path().join("bytes");
        File::create(&file).unwrap().set_len(10_000).unwrap();
        let line = |rest: &str| {
            let lines = format!("defaults no\npool s kind=store path={} {rest}\n", file.display());
            fs::write(setup.file(), lines).unwrap();
            would_be("s").unwrap().size
        };
        assert_eq!(
            (line(""), line("size=4K"), line("size=1M")),
            (Some(8192), Some(4096), Some(8192))
        );
    });
}

/// Sizes, runs and holders are those of the program that has them, in this process and in another one.
#[test]
fn what_is_held_is_seen() {
    child::run(|| {
        let _setup = Setup::pool(1000);
        let fd = open("/a", ALLOCATE).unwrap();
        let pieces: Vec<_> = (0..10).map(|_| allocate(fd, 50)).collect();
        pieces.iter().step_by(2).for_each(|at| unmap(*at, 50));
        let mapper = open("/b", TypedFlags::NONE).unwrap();
        let again = try_map(mapper, 60, 40).unwrap();
        let look = seen("p");
        let unit = UNIT as u64;
        let sizes = look.sizes();
        // Pieces 1, 3, 5, 7, 9 are held, and 40 to 50 by the second mapping alone.
        assert_eq!((sizes.size, sizes.free), (1000 * unit, 740 * unit));
        assert_eq!((sizes.longest, sizes.runs, sizes.shared), (500 * unit, 6, 50 * unit));
        let expected = [(0, 40), (100, 150), (200, 250), (300, 350), (400, 450), (500, 1000)];
        assert_eq!(free_runs(&look), expected);
        let all = holders(&look);
        assert_eq!(all.len(), 1);
        let (holder, mut ranges) = all[0].clone();
        ranges.sort_unstable();
        assert_eq!(ranges, [(40, 100), (50, 100), (150, 200), (250, 300), (350, 400), (450, 500)]);
        assert!(holder.is_this && holder.is_here && !holder.is_dead);
        assert_eq!((holder.ranges, holder.bytes), (6, 310 * unit));
        assert_eq!(look.agreement().unwrap(), Agreement::Agrees);
        // From another program, which has nothing of it: the same, and no slot more.
        let other = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "looks_in_another_program", "--nocapture"])
            .env("MMAN_TYPED_CONFIG", _setup.file())
            .env("MMAN_TYPED_HOLDER", std::process::id().to_string())
            .status();
        assert!(other.unwrap().success());
        assert_eq!(holders(&seen("p")).len(), 1);
        unmap(again, 60);
        assert_eq!(seen("p").sizes().free, 750 * unit);
    });
}

#[test]
fn looks_in_another_program() {
    let Ok(holder) = std::env::var("MMAN_TYPED_HOLDER") else { return };
    let look = seen("p");
    let all = holders(&look);
    assert_eq!(all[0].0.process.to_string(), holder);
    assert!(!all[0].0.is_this && all[0].0.is_here && !all[0].0.is_dead);
    assert_eq!((all[0].0.ranges, look.sizes().runs), (6, 6));
}

/// The dead are seen as such, with what they have left; a child that nobody told of, as one whose process has ended.
#[test]
fn the_dead_and_their_children() {
    child::run(|| {
        let _setup = Setup::pool(100);
        let _table = open("/a", ALLOCATE).unwrap();
        let (mut ready, mut done) = std::io::pipe().unwrap();
        let killed = fork::start(|| {
            allocate(open("/a", ALLOCATE).unwrap(), 30);
            done.write_all(b"x").unwrap();
            std::thread::sleep(Duration::from_secs(100));
        });
        ready.read_exact(&mut [0]).unwrap();
        let of_others = || {
            let all = holders(&seen("p"));
            all.into_iter().map(|(holder, _)| holder).rfind(|holder| !holder.is_this)
        };
        assert!(of_others().is_some_and(|other| other.is_here && !other.is_dead));
        mman_testkit::typed::Pools::kill(killed, || of_others().unwrap().is_dead);
        let dead = of_others().unwrap();
        assert!(dead.is_dead && !dead.is_here);
        assert_eq!(
            (dead.bytes, seen("p").sizes().free),
            (30 * 4096, 70 * 4096),
            "nobody healed it"
        );
        // A process that forks, and ends: its child has what it had, and makes no call.
        fork::and_wait(|| {
            allocate(open("/a", ALLOCATE).unwrap(), 20);
            std::mem::forget(fork::start(|| {
                done.write_all(b"x").unwrap();
                std::thread::sleep(Duration::from_secs(3));
            }));
            0
        });
        ready.read_exact(&mut [0]).unwrap();
        let orphan = of_others().filter(|other| other.bytes == 20 * 4096).unwrap();
        assert!(!orphan.is_dead && !orphan.is_here, "{orphan:?}");
    });
}

/// Damage is said as it is to who opens the pool; a look at a whole table says that a changed map is not its own.
#[test]
fn damage_is_told() {
    child::run(|| {
        let setup = Setup::pool(100);
        let fd = open("/a", ALLOCATE).unwrap();
        let _at = allocate(fd, 10);
        let file = File::options().read(true).write(true).open(setup.table()).unwrap();
        let damage = |what: &str| match look("p").map(|_| ()) {
            Err(Failure { errno: Errno::EIO, cause: Cause::Damaged(damage) }) => damage,
            other => unreachable!("{what}: {other:?}"),
        };
        for (at, value, expected) in [
            (0_u64, 7, Damage::Head),
            (1, 9, Damage::Format),
            (2, 8192, Damage::Head),
            (3, u64::MAX, Damage::Head),
            (3, 1 << 30, Damage::Truncated),
            (5, 1, Damage::Store),
        ] {
            let mut before = [0_u8; 8];
            file.read_exact_at(&mut before, at * 8).unwrap();
            file.write_all_at(&value.to_ne_bytes(), at * 8).unwrap();
            assert_eq!(damage("a word"), expected, "word {at} = {value}");
            file.write_all_at(&before, at * 8).unwrap();
        }
        // A bit of the map of used units that no entry has.
        let used = (64 + 8 * 1024 + 4096) * 8;
        let mut map = [0_u8; 8];
        file.read_exact_at(&mut map, used).unwrap();
        assert_eq!(u64::from_ne_bytes(map), 0x3ff);
        let whole = seen("p");
        assert_eq!(whole.agreement().unwrap(), Agreement::Agrees);
        file.write_all_at(&0x7ff_u64.to_ne_bytes(), used).unwrap();
        assert_eq!(whole.agreement().unwrap(), Agreement::Differs);
        file.write_all_at(&1_u64.to_ne_bytes(), 64).unwrap();
        // Somebody has the lock.
        assert_eq!(whole.agreement().unwrap(), Agreement::Changing);
        assert_eq!(seen("p").changed_by(), Some(i32::try_from(std::process::id()).unwrap()));
        file.write_all_at(&map, used).unwrap();
        assert_eq!(whole.agreement().unwrap(), Agreement::Agrees);
        // An entry that cannot be is told of nobody.
        let (entry, mut before) = (12_800 * 8, [0_u8; 8]);
        file.read_exact_at(&mut before, entry).unwrap();
        assert_eq!(u64::from_ne_bytes(before), 10, "units 0 to 10");
        file.write_all_at(&(99_u64 << 32 | 2).to_ne_bytes(), entry).unwrap();
        let all = holders(&seen("p"));
        assert!(all[0].0.ranges == 0 && all[0].1.is_empty(), "{all:?}");
        file.write_all_at(&before, entry).unwrap();
        let len = file.metadata().unwrap().len();
        file.set_len(len - 4096).unwrap();
        assert_eq!(damage("shorter"), Damage::Truncated);
        file.set_len(100).unwrap();
        assert_eq!(damage("short"), Damage::Truncated);
        assert_eq!(whole.agreement().unwrap_err().errno, Errno::EIO);
        file.set_len(0).unwrap();
        assert_eq!(damage("wiped under its users"), Damage::Head);
        fs::remove_file(setup.table()).unwrap();
        fs::create_dir(setup.table()).unwrap();
        assert_eq!(damage("a directory"), Damage::Head);
    });
}

/// Large ranges are told by the tree alone, and their bits stand in the table as they were: what is seen is what is held.
#[test]
fn large_ranges_are_seen() {
    child::run(|| {
        let _setup = Setup::pool(100_000);
        let fd = open("/a", ALLOCATE).unwrap();
        let (first, second) = (allocate(fd, 30_000), allocate(fd, 20_000));
        let check = |runs: &[(u64, u64)], free: u64| {
            let look = seen("p");
            let sizes = look.sizes();
            assert_eq!((free_runs(&look), sizes.free / UNIT as u64), (runs.to_vec(), free));
            assert_eq!(look.agreement().unwrap(), Agreement::Agrees);
        };
        check(&[(50_000, 100_000)], 50_000);
        unmap(first, 30_000);
        check(&[(0, 30_000), (50_000, 100_000)], 80_000);
        let third = allocate(fd, 7);
        unmap(second, 20_000);
        check(&[(7, 100_000)], 99_993);
        unmap(third, 7);
        check(&[(0, 100_000)], 100_000);
    });
}

/// A contradiction is believed where every reading has it: one that is now here and now there is of the readings.
#[test]
fn doubts_are_of_every_reading() {
    child::run(|| {
        let setup = Setup::pool(1000);
        let fd = open("/a", ALLOCATE).unwrap();
        let _at = allocate(fd, 10); // units 0 to 10: words 1 and 2 have bits that no node speaks for
        let file = File::options().read(true).write(true).open(setup.table()).unwrap();
        let used = (64 + 8 * 1024 + 4096) * 8;
        let set =
            |word: u64, bits: u64| file.write_all_at(&bits.to_ne_bytes(), used + word * 8).unwrap();
        set(1, 1);
        let restless = fork::start(|| {
            for (one, other) in [(1, 2), (2, 1)].into_iter().cycle() {
                set(other, 1);
                set(one, 0);
                std::thread::sleep(Duration::from_millis(2));
            }
        });
        for _ in 0..3 {
            assert_eq!(seen("p").agreement().unwrap(), Agreement::Agrees);
        }
        restless.kill();
        set(1, 1);
        assert_eq!(seen("p").agreement().unwrap(), Agreement::Differs);
    });
}

/// Tables that are changed all the time agree with themselves: what one reading saw half is whole in another.
#[test]
fn a_busy_table_agrees_with_itself() {
    child::run(|| {
        let _setup = Setup::pool(8_000_000);
        let busy: Vec<_> = (1..=2)
            .map(|step| {
                fork::start(move || {
                    let fd = open("/a", ALLOCATE).unwrap();
                    let mut held = std::collections::VecDeque::new();
                    // Pieces of many sizes come to lie at other places each time.
                    for units in (1..=97).map(|n| n * step).cycle() {
                        held.push_back((allocate(fd, units), units));
                        if held.len() > 100 {
                            let (at, units) = held.pop_front().unwrap();
                            unmap(at, units);
                        }
                    }
                })
            })
            .collect();
        while look("p").ok().flatten().is_none_or(|look| holders(&look).len() < 2) {
            std::thread::sleep(Duration::from_millis(1));
        }
        for _ in 0..5 {
            assert_eq!(seen("p").agreement().unwrap(), Agreement::Agrees);
        }
        for one in busy {
            one.kill();
        }
    });
}

/// A process that is stopped with the lock of the table keeps nobody from looking.
#[test]
fn nobody_waits_for_a_stopped_process() {
    child::run(|| {
        let setup = Setup::pool(100);
        let fd = open("/a", ALLOCATE).unwrap();
        let _at = allocate(fd, 10);
        let (mut ready, mut done) = std::io::pipe().unwrap();
        let stopped = fork::start(|| {
            let other = open("/a", ALLOCATE).unwrap();
            allocate(other, 5);
            done.write_all(b"x").unwrap();
            std::thread::sleep(Duration::from_secs(100));
        });
        ready.read_exact(&mut [0]).unwrap();
        stopped.signal(19); // SIGSTOP
        let file = File::options().read(true).write(true).open(setup.table()).unwrap();
        file.write_all_at(&2_u64.to_ne_bytes(), 64).unwrap();
        let start = Instant::now();
        let look = seen("p");
        assert_eq!(holders(&look).len(), 2);
        assert_eq!(look.sizes().free, 85 * 4096);
        assert!(look.changed_by().is_some_and(|who| who > 0));
        assert!(start.elapsed() < Duration::from_secs(2));
        stopped.kill();
    });
}

/// Who may only read the table sees all; who may not is told so.
#[test]
fn a_user_who_may_only_read() {
    if !require::root() {
        return;
    }
    child::run(|| {
        let setup = Setup::new(
            "pool r kind=shm size=64K mode=0644\nport /r pool=r\npool p kind=shm size=64K\nport /p pool=p",
        );
        let _held = allocate(open("/r", ALLOCATE).unwrap(), 3);
        open("/p", ALLOCATE).unwrap();
        let status = fork::and_wait(|| {
            assert_eq!(setuid(65_534), 0);
            let seen = seen("r");
            assert_eq!(seen.sizes().free, 13 * 4096);
            assert!(holders(&seen).iter().all(|(holder, _)| !holder.is_dead && holder.is_here));
            assert_eq!(look("p").unwrap_err().errno, Errno::EACCES);
            0
        });
        assert!(status.success());
        let open_to_all = fs::Permissions::from_mode(0o777);
        fs::set_permissions(setup.directory.path(), open_to_all).unwrap();
        assert_eq!(look("r").unwrap_err().cause, Cause::Directory);
    });
}

/// A table of any bytes is looked at without a panic, a signal or a loop.
#[test]
fn any_table_is_looked_at() {
    child::run(|| {
        let setup = Setup::pool(700);
        let fd = open("/a", ALLOCATE).unwrap();
        let pieces: Vec<_> = (0..20).map(|_| allocate(fd, 7)).collect();
        pieces.iter().step_by(3).for_each(|at| unmap(*at, 7));
        let file = File::options().read(true).write(true).open(setup.table()).unwrap();
        let len = file.metadata().unwrap().len() / 8;
        let word = prop_oneof![0..2000_u64, 0..14_000_u64, 0..len];
        let value = prop_oneof![any::<u64>(), 0..5000_u64, Just(u64::MAX)];
        let changes = proptest::collection::vec((word, value), 1..20);
        let config = Config { cases: 200, failure_persistence: None, ..Config::default() };
        TestRunner::new(config)
            .run(&changes, |changes| {
                let mut before = Vec::new();
                for (at, value) in &changes {
                    let mut word = [0_u8; 8];
                    file.read_exact_at(&mut word, at * 8).unwrap();
                    before.push((at, word));
                    file.write_all_at(&value.to_ne_bytes(), at * 8).unwrap();
                }
                if let Ok(Some(look)) = look("p") {
                    let sizes = look.sizes();
                    prop_assert!(sizes.free <= sizes.size && sizes.longest <= sizes.free);
                    let _all = (holders(&look), look.repairs(), look.changed_by());
                    let free: u64 = free_runs(&look).iter().map(|run| run.1 - run.0).sum();
                    prop_assert_eq!(free * 4096, sizes.free);
                }
                for (at, word) in before.iter().rev() {
                    file.write_all_at(word, *at * 8).unwrap();
                }
                Ok(())
            })
            .unwrap();
        assert_eq!(seen("p").agreement().unwrap(), Agreement::Agrees);
    });
}
