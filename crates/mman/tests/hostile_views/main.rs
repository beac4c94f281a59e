//! Safe code does its worst: random methods of every public type with random arguments, from several threads, while the
//! files are truncated, grown, punched and replaced and children are forked. No signal, no panic, no byte of others
//! touched.
//!
//! Safe functions of other crates die of some of this: SIGBUS from a truncated file, a slice that changes, a neighbour's
//! pages (`demos/safe-until-it-crashes` shows which). A new method is one line in
//! a table (`TABLE` in the files beside this one), and one that is not there fails a test.
//!
//! `MMAN_HOSTILE_SECONDS` says how long, 4 seconds unless set; `MMAN_HOSTILE_SEED` begins as another run did.

#![forbid(unsafe_code)]
#![allow(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a test may stop at what it does not expect"
)]

mod dice;
mod every_method;
mod mappings;
mod objects;
mod others;
mod pages;
mod tools;
mod typed;
mod views;
mod world;

use dice::Dice;
use mman::{Anonymous, MapOptions, MemFd, ShmObject, Unsealed};
use mman_testkit::canary::Cage;
use mman_testkit::files::{Folder, open_read_write};
use mman_testkit::huge::Pool;
use mman_testkit::{child, page, pattern};
use rustix::fs::{FallocateFlags, fallocate};
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::os::unix::process::parent_id;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, LazyLock};
use std::thread;
use std::time::{Duration, SystemTime};
use world::{DONE, EXCHANGE, Operation, World, any};

/// Every operation of the tables.
fn operations() -> &'static [Operation] {
    static ALL: LazyLock<Vec<Operation>> = LazyLock::new(|| {
        let things = [mappings::TABLE, views::TABLE, objects::TABLE, pages::TABLE].concat();
        [&things, typed::TABLE, tools::TABLE, others::TABLE].concat()
    });
    &ALL
}

/// Where a thread of the child notes what it is about to do.
pub(crate) fn note_of(process: u32, thread: usize) -> PathBuf {
    std::env::temp_dir().join(format!("mman-hostile-{process}-{thread}"))
}

/// The files that everybody maps.
pub(crate) struct Files {
    pub(crate) folder: Folder,
    in_memory: Folder,
    pools: Folder,
    pub(crate) paths: Vec<PathBuf>,
    pub(crate) fifo: PathBuf,
    /// Names of logs, which may be there.
    pub(crate) logs: Vec<PathBuf>,
}

impl Files {
    fn new() -> Self {
        let (folder, in_memory) = (Folder::new(), Folder::in_shared_memory());
        let pools = Folder::in_shared_memory();
        typed::prepare(pools.path());
        let paths = (0..6).map(|number| {
            let of = if number % 2 == 0 { &folder } else { &in_memory };
            of.patterned(&format!("file {number}"), number * 5 * page())
        });
        let paths = paths.collect();
        let logs = vec![folder.name("log"), in_memory.name("log"), in_memory.name("other log")];
        Self { fifo: folder.fifo("fifo"), folder, in_memory, pools, paths, logs }
    }
}

impl Files {
    /// What `write_file` makes on its way is gone.
    fn assert_tidy(&self) {
        for folder in [&self.folder, &self.in_memory] {
            let names =
                fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
            let left: Vec<_> =
                names.filter(|name| name.to_string_lossy().starts_with(".mman-")).collect();
            assert!(left.is_empty(), "{left:?}");
        }
    }
}

/// Truncates, grows, punches, writes and replaces the files.
fn vandalize(dice: &mut Dice) {
    let files = Arc::clone(&dice.files);
    let of = if dice.one_in(8) { &files.logs } else { &files.paths };
    let path = &of[dice.below(of.len())];
    let len = dice.below(32 * page()) as u64;
    if dice.one_in(10) {
        // The memory of a pool goes, and comes back as zeros.
        let store = open_read_write(files.pools.path().join("p.pool"));
        any((store.set_len(len), store.set_len(1 << 20)));
        return;
    }
    let Ok(file) = File::options().read(true).write(true).open(path) else { return };
    match dice.below(6) {
        0 | 1 => any(file.set_len(len)),
        2 => any(file.set_len(len / page() as u64 * page() as u64)),
        3 => {
            let hole = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
            any(fallocate(&file, hole, len, 3 * page() as u64));
        }
        4 => any(file.write_at(&dice.bytes(), len)),
        _ if dice.one_in(8) => {
            let new = path.with_extension("new");
            any(fs::write(&new, pattern::bytes(0, len as usize))
                .and_then(|()| fs::rename(&new, path)));
        }
        _ => any(open_read_write(path).set_len(30 * page() as u64)),
    }
}

const THREADS: usize = 3;

/// So long in this process, whose every mapping but the canaries may be anything afterwards.
fn hammer(time: Duration, seed: u64) {
    // What is asked once, is asked before forks.
    any((shm_prefix(), MemFd::<Unsealed>::from_fd(MemFd::new(1).unwrap().into())));
    let files = Arc::new(Files::new());
    let stop = AtomicBool::new(false);
    let mut cages = Vec::new();
    let mut worlds: Vec<World> =
        (0..THREADS).map(|number| World::new(seed + number as u64, &files, number)).collect();
    for (number, world) in worlds.iter_mut().enumerate() {
        for options in [MapOptions::private().read_write(), MapOptions::shared().read_write()] {
            let mut cage = Cage::of(6);
            let mapped = cage.map(options.range(100..), &Anonymous::new((5 - number) * page()));
            world.keep(mapped.unwrap());
            cages.push(cage);
        }
    }
    let heap = pattern::bytes(7, 1 << 20);
    thread::scope(|scope| {
        let hammers: Vec<_> = worlds
            .into_iter()
            .map(|mut world| {
                let stop = &stop;
                scope.spawn(move || {
                    while !stop.load(Relaxed) {
                        world.step();
                    }
                })
            })
            .collect();
        scope.spawn(|| {
            let sink = files.folder.path().join("unused");
            let mut dice = Dice::new(seed ^ 0xaaaa, Arc::clone(&files), sink, false);
            while !stop.load(Relaxed) {
                vandalize(&mut dice);
            }
        });
        let end = SystemTime::now() + time;
        while SystemTime::now() < end && hammers.iter().all(|hammer| !hammer.is_finished()) {
            thread::sleep(Duration::from_millis(50));
        }
        stop.store(true, Relaxed);
    });
    EXCHANGE.lock().unwrap().clear();
    others::clear();
    tools::clear();
    cages.iter().for_each(Cage::assert_untouched);
    pattern::assert_is(&heap, 7);
    assert_eq!(mman::leaked(), 0, "all of it could be unmapped");
    files.assert_tidy();
    eprintln!("hostile: {} operations, seed {seed}", DONE.load(Relaxed));
}

#[test]
fn safe_code_cannot_reach_what_is_not_its_own() {
    const AT_ONCE: u64 = 60;
    let asked = std::env::var("MMAN_HOSTILE_SECONDS").ok().and_then(|text| text.parse().ok());
    let mut left: u64 = asked.unwrap_or(4);
    let is_parent = std::env::var_os("MMAN_TESTKIT_CHILD").is_none();
    let _pool = is_parent.then(|| Pool::with(16)); // it is put back also where the child dies
    while left > 0 {
        let time = Duration::from_secs(left.min(AT_ONCE));
        let Some(ended) = child::outcome(|| {
            let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
            let seed = std::env::var("MMAN_HOSTILE_SEED").ok().and_then(|text| text.parse().ok());
            hammer(time, seed.unwrap_or(now.as_nanos() as u64));
        }) else {
            return;
        };
        remove_shared_memory();
        let notes: Vec<_> =
            (0..THREADS).map(|thread| note_of(std::process::id(), thread)).collect();
        let last: Vec<_> = notes.iter().map(|note| fs::read_to_string(note).ok()).collect();
        notes.iter().for_each(|note| any(fs::remove_file(note)));
        let told: Vec<_> = ended.err.lines().filter(|line| line.starts_with("hostile:")).collect();
        eprintln!("{told:?}");
        assert!(ended.came_to_its_end(), "{}: {last:?}\n{}{}", ended.status, ended.out, ended.err);
        left = left.saturating_sub(AT_ONCE);
    }
}

/// What the names of this run's shared memory objects begin with, in the child and its children.
pub(crate) fn shm_prefix() -> String {
    static PARENT: LazyLock<u32> = LazyLock::new(parent_id);
    prefix_of(*PARENT)
}

fn prefix_of(process: u32) -> String {
    format!("mman-hostile-{process}-")
}

fn remove_shared_memory() {
    let prefix = prefix_of(std::process::id());
    for entry in ShmObject::list().unwrap_or_default() {
        if entry.name.as_encoded_bytes().starts_with(prefix.as_bytes()) {
            any(ShmObject::unlink(&entry.name));
        }
    }
}
