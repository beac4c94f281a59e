//! Several processes: pieces that are handed over, children, and those who end without saying so.

use crate::setup::{Setup, assert_filled, fill, free, port, units, with_holes};
use mman::{Anonymous, TypedMemory};
use mman_testkit::{child, companion, fork};
use std::env;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Command, Stdio};

/// Another program of this test: what it is to map is in its environment.
const PIECES: &str = "MMAN_TYPED_PIECES";

/// The scenario of POSIX's rationale: a block of several pieces is handed to another process by its pairs of offset and
/// length, which maps them through the other port; the memory is allocated until both have unmapped it.
#[test]
fn pieces_are_handed_to_another_process() {
    child::run(|| {
        for is_killed in [false, true] {
            let setup = Setup::pool(100);
            let pool = port();
            let kept = with_holes(&pool, &[10..15, 20..30]);
            let block = pool.allocate(units(15)).unwrap();
            fill(&block, 0);
            let pieces: Vec<String> = block
                .typed_pieces(..)
                .unwrap()
                .iter()
                .map(|piece| format!("{} {}", piece.start, piece.end))
                .collect();
            assert_eq!(pieces.len(), 2);
            let arguments = ["--exact", "processes::maps_the_pieces", "--nocapture"];
            let mut other = Command::new(env::current_exe().unwrap())
                .args(arguments)
                .env(PIECES, pieces.join(","))
                .env("MMAN_TYPED_CONFIG", setup.configuration())
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            let mut said = BufReader::new(other.stdout.take().unwrap()).lines();
            assert!(said.any(|line| line.unwrap().contains("mapped")));
            assert_filled(&block.split_at(units(1)).unwrap().1, 101);
            assert_eq!(free(&pool).0, 0, "the other one has it");
            assert!(pool.allocate(1).is_err());
            if is_killed {
                other.kill().unwrap();
            }
            drop(other.stdin.take());
            assert_eq!(other.wait().unwrap().success(), !is_killed);
            assert_eq!(free(&pool), (15, 10));
            drop(kept);
        }
    });
}

/// The other program of the test above.
#[test]
fn maps_the_pieces() {
    let Ok(pieces) = env::var(PIECES) else { return };
    let pool = TypedMemory::open("/b").unwrap();
    let mut first = 0;
    let mapped: Vec<_> = pieces
        .split(',')
        .map(|piece| {
            let (start, end) = piece.split_once(' ').unwrap();
            let mapping = pool.map(start.parse::<u64>().unwrap()..end.parse().unwrap()).unwrap();
            assert_filled(&mapping, first);
            fill(&mapping, 100 + first);
            first += mapping.len() / 4096;
            mapping
        })
        .collect();
    println!("\nmapped");
    std::io::stdout().flush().unwrap();
    let _end = std::io::stdin().read(&mut [0]);
    drop(mapped);
}

/// A child has what its parent has, and both have to let it go. It was told of by the hooks: what the parent unmaps waits
/// for nobody but for who has it.
#[test]
fn a_forked_child_holds_what_it_was_forked_with() {
    child::run(|| {
        let _setup = Setup::pool(100);
        let pool = port();
        let block = pool.allocate(units(20)).unwrap();
        let mut unshared = Some(pool.allocate(units(10)).unwrap());
        fill(&block, 6);
        let (mut ready, is_ready) = std::io::pipe().unwrap();
        let (is_over, mut over) = std::io::pipe().unwrap();
        let child = fork::start(|| {
            assert_eq!(free(&pool).0, 70);
            drop(unshared.take());
            assert_eq!(free(&pool).0, 70, "the parent has it");
            let own = pool.allocate(units(30)).unwrap();
            fill(&own, 60);
            let mut turn = (is_over, is_ready);
            turn.1.write_all(b"x").unwrap();
            let _over = turn.0.read(&mut [0]);
            assert_filled(&block, 6);
            assert_filled(&own, 60);
        });
        ready.read_exact(&mut [0]).unwrap();
        assert_eq!(free(&pool).0, 40);
        drop((unshared.take(), block));
        assert_eq!(free(&pool).0, 50, "the child has the block");
        assert!(pool.allocate(units(51)).is_err());
        over.write_all(b"x").unwrap();
        assert!(child.wait().success());
        assert_eq!(free(&pool).0, 100);
    });
}

/// A child that calls nothing of this library is told of by the hooks: it holds what it was forked with, and only that. (One
/// that nobody told of keeps all that its parent unmaps later.)
#[test]
fn a_child_that_calls_nothing_keeps_nothing_else() {
    child::run(|| {
        let _setup = Setup::pool(100);
        let pool = port();
        let block = pool.allocate(units(20)).unwrap();
        let (is_over, over) = std::io::pipe().unwrap();
        let (mut begun, has_begun) = std::io::pipe().unwrap();
        let mut over = Some(over);
        let child = fork::start(|| {
            drop(over.take());
            (&has_begun).write_all(b"x").unwrap();
            let _end = (&is_over).read(&mut [0]);
        });
        begun.read_exact(&mut [0]).unwrap(); // its hook has run
        for _ in 0..10 {
            let new = pool.allocate(units(80)).unwrap();
            fill(&new, 1);
        }
        assert_eq!(free(&pool), (80, 80));
        drop(block);
        assert_eq!(free(&pool).0, 80, "the child has it");
        drop(over.take());
        assert!(child.wait().success());
        assert_eq!(free(&pool), (100, 100));
    });
}

/// Killed at any moment, with whatever it has: all of it is free again, and what others have is theirs.
#[test]
fn what_the_killed_had_is_free_again() {
    child::run(|| {
        let _setup = Setup::pool(200);
        let pool = port();
        let block = pool.allocate(units(50)).unwrap();
        fill(&block, 9);
        for round in 0..20_u64 {
            let child = fork::start(|| {
                let own = TypedMemory::open("/b").unwrap();
                loop {
                    let one = own.allocate(units(20)).unwrap();
                    let other = own.allocate_contiguous(units(30)).unwrap();
                    let (low, _high) = other.split_at(units(7)).unwrap();
                    drop((one, low));
                }
            });
            std::thread::sleep(std::time::Duration::from_millis(round % 7));
            child.kill();
            assert_eq!(free(&pool), (150, 150), "round {round}");
            assert_filled(&block, 9);
        }
    });
}

/// A program that lives on holds what it has; another one sees it as taken, whatever it does.
#[test]
fn a_program_beside_this_one_holds_its_memory() {
    let Some(mut companion) = companion::start(|| {
        let setup = Setup::pool(100);
        let block = port().allocate(units(60)).unwrap();
        fill(&block, 2);
        let said = format!("{}", setup.configuration().display());
        ((setup, block), said)
    }) else {
        return;
    };
    // This process asks in a child: the configuration is the business of a whole process.
    let path = companion.said.trim().to_owned();
    let status = Command::new(env::current_exe().unwrap())
        .args(["--exact", "processes::asks_beside_another", "--nocapture"])
        .env("MMAN_TYPED_CONFIG", &path)
        .env("MMAN_TYPED_EXPECTED", "40")
        .status()
        .unwrap();
    assert!(status.success());
    companion.kill();
    companion.wait();
    let status = Command::new(env::current_exe().unwrap())
        .args(["--exact", "processes::asks_beside_another", "--nocapture"])
        .env("MMAN_TYPED_CONFIG", &path)
        .env("MMAN_TYPED_EXPECTED", "100")
        .status()
        .unwrap();
    assert!(status.success());
    let folder = std::path::Path::new(&path).parent().unwrap();
    assert!(folder.starts_with("/dev/shm"));
    std::fs::remove_dir_all(folder).unwrap();
}

/// The other program of the test above.
#[test]
fn asks_beside_another() {
    let Ok(expected) = env::var("MMAN_TYPED_EXPECTED") else { return };
    let pool = TypedMemory::open("/b").unwrap();
    assert_eq!(free(&pool).0, expected.parse::<usize>().unwrap());
    drop(Anonymous::new(4096).map().unwrap());
}
