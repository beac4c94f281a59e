//! Sixteen processes allocate, free, split, share, fork, execute other programs and are killed at random: no byte is ever
//! in two allocations, none is lost, and the pool is whole at the end. `MMAN_TYPED_STRESS=60` for a minute.
//!
//! Each unit that is allocated must be empty, and is marked with whose it is; the mark is looked at again before it is
//! given back. Who was given what another has finds its mark, or overwrites it, which that one finds.
#![allow(
    unsafe_code,
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "test code: it may panic, forks, and maps memory of its own"
)]

mod common;

use common::{Setup, UNIT, allocate, free, open, try_map, try_unmap};
use mman_sys::{Errno, RawFd, RemapFlags, getpid};
use mman_testkit::child;
use mman_testkit::fork::{self, Forked};
use mman_typed::TypedFlags;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::Command;
use std::time::{Duration, Instant};

const UNITS: usize = 2000;
const WORKERS: usize = 16;

struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 11).unwrap() % end
    }
}

/// What a process has allocated: where, how much, and its mark.
struct Held {
    at: *mut u8,
    units: usize,
    mark: u64,
}

impl Held {
    fn word(&self, unit: usize) -> *mut u64 {
        self.at.wrapping_add(unit * UNIT).cast()
    }

    fn check(&self) {
        for unit in 0..self.units {
            // SAFETY: mapped by this process, or by the one that it was forked from.
            let found = unsafe { self.word(unit).read_volatile() };
            assert_eq!(found, self.mark, "process {}: somebody else has the unit", getpid());
        }
    }
}

struct Worker {
    random: Random,
    fds: [RawFd; 4],
    held: Vec<Held>,
    next: u64,
}

impl Worker {
    fn new(seed: u64) -> Self {
        let flags = [
            TypedFlags::ALLOCATE,
            TypedFlags::ALLOCATE_CONTIG,
            TypedFlags::NONE,
            TypedFlags::MAP_ALLOCATABLE,
        ];
        let fds = flags.map(|flags| open("/a", flags).unwrap());
        let random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        Self { random, fds, held: Vec::new(), next: 0 }
    }

    fn step(&mut self) {
        match self.random.below(100) {
            0..40 => self.allocate(),
            40..60 => self.release(),
            60..75 => self.release_part(),
            75..85 => self.reserve(),
            85..90 => self.peek(),
            90..97 => self.move_one(),
            _ => self.fork(),
        }
    }

    fn allocate(&mut self) {
        let (fd, units) = (self.fds[self.random.below(2)], 1 + self.random.below(60));
        let at = match try_map(fd, units, 0) {
            Ok(at) => at,
            Err(failure) if failure.errno == Errno::ENOMEM => return self.release(),
            Err(failure) => panic!("{failure}"),
        };
        self.next += 1;
        let mark = u64::try_from(getpid()).unwrap() << 32 | self.next;
        let held = Held { at, units, mark };
        for unit in 0..units {
            // SAFETY: just mapped.
            let found = unsafe { held.word(unit).read_volatile() };
            assert_eq!(found, 0, "process {}: it was somebody's", getpid());
            // SAFETY: as above.
            unsafe { held.word(unit).write_volatile(mark) };
        }
        self.held.push(held);
    }

    fn take(&mut self) -> Option<Held> {
        let count = self.held.len();
        (count > 0).then(|| self.held.swap_remove(self.random.below(count)))
    }

    fn release(&mut self) {
        let Some(held) = self.take() else { return };
        held.check();
        try_unmap(held.at, held.units * UNIT).unwrap();
    }

    fn release_part(&mut self) {
        let Some(held) = self.take() else { return };
        held.check();
        let from = self.random.below(held.units);
        let units = 1 + self.random.below(held.units - from);
        try_unmap(held.at.wrapping_add(from * UNIT), units * UNIT).unwrap();
        let rest = from + units;
        let Held { at, mark, .. } = held;
        let tail = Held { at: at.wrapping_add(rest * UNIT), units: held.units - rest, mark };
        self.held
            .extend([Held { at, units: from, mark }, tail].into_iter().filter(|h| h.units > 0));
    }

    /// Reserves what may be anybody's for a moment, and only looks.
    fn reserve(&mut self) {
        let first = self.random.below(UNITS);
        let units = 1 + self.random.below((UNITS - first).min(80));
        let at = try_map(self.fds[2], units, first).unwrap();
        let middle = self.random.below(units);
        try_unmap(at.wrapping_add(middle * UNIT), UNIT).unwrap();
        try_unmap(at, units * UNIT).unwrap();
    }

    fn peek(&mut self) {
        let at = try_map(self.fds[3], UNITS, 0).unwrap();
        try_unmap(at, UNITS * UNIT).unwrap();
    }

    fn move_one(&mut self) {
        let Some(mut held) = self.take() else { return };
        let len = held.units * UNIT;
        let flags = RemapFlags::MAYMOVE | RemapFlags::FIXED;
        let Ok(place) = try_map(self.fds[1], held.units, 0) else { return self.held.push(held) };
        // SAFETY: both are ours.
        let moved = unsafe { mman_typed::remap(held.at.cast(), len, len, flags, place.cast()) };
        match moved {
            Ok(at) => held.at = at.cast(),
            // Several pieces are several mappings, which old kernels do not move at once.
            Err(failure) => {
                assert_eq!(failure.errno, Errno::EFAULT, "{failure}");
                try_unmap(place, len).unwrap();
            }
        }
        held.check();
        self.held.push(held);
    }

    fn fork(&mut self) {
        let hooks = self.random.below(2) == 0;
        let end = self.random.below(4);
        if hooks {
            mman_typed::before_fork();
        }
        let child = fork::start(|| {
            if hooks {
                mman_typed::after_fork_in_child();
            }
            let steps = self.random.below(20);
            for _ in 0..steps {
                if self.random.below(10) < 9 {
                    self.allocate();
                    self.release();
                }
            }
            match end {
                0 => {
                    while !self.held.is_empty() {
                        self.release()
                    }
                }
                1 => drop(Command::new("/bin/true").exec()),
                2 => std::thread::sleep(Duration::from_secs(5)),
                _ => self.held.iter().for_each(Held::check),
            }
        });
        if hooks {
            mman_typed::after_fork_in_parent();
        }
        for _ in 0..self.random.below(5) {
            self.release_part();
        }
        if end == 2 {
            child.kill();
        } else {
            let status = child.wait();
            assert!(status.success(), "{status}");
        }
    }
}

fn start(seed: u64) -> Forked {
    fork::start(move || {
        let mut worker = Worker::new(seed);
        loop {
            worker.step();
        }
    })
}

#[test]
fn sixteen_processes_never_share_and_lose_nothing() {
    child::run(|| {
        let _setup = Setup::pool(UNITS);
        let seconds = std::env::var("MMAN_TYPED_STRESS").map_or(3, |text| text.parse().unwrap());
        fork::end_after(u32::try_from(seconds).unwrap() + 240);
        let end = Instant::now() + Duration::from_secs(seconds);
        let fd = open("/a", TypedFlags::ALLOCATE).unwrap();
        let mut random = Random(0x1234_5678_9abc_def1);
        let mut seed = 0;
        let mut next = || {
            seed += 1;
            start(seed)
        };
        let mut workers: Vec<Forked> = (0..WORKERS).map(|_| next()).collect();
        let mut killed = 0;
        while Instant::now() < end {
            std::thread::sleep(Duration::from_millis(u64::try_from(random.below(8)).unwrap()));
            let worker = workers.swap_remove(random.below(WORKERS));
            assert_eq!(worker.kill().signal(), Some(9), "it ended by itself: see above");
            workers.push(next());
            killed += 1;
        }
        for worker in workers {
            assert_eq!(worker.kill().signal(), Some(9), "it ended by itself: see above");
        }
        // Children of the killed are nobody's, and end by themselves, but for those that sleep: they are looked for.
        let mut rounds = 0;
        while free(fd) != (UNITS, UNITS) {
            rounds += 1;
            assert!(rounds < 110_000, "{:?} of {UNITS}", free(fd));
            std::thread::sleep(Duration::from_millis(1));
        }
        let repairs = mman_typed::repairs(fd).unwrap();
        eprintln!("{killed} killed, {repairs:?}");
        assert_eq!(repairs.dropped, 0);
        let all = allocate(fd, UNITS);
        // SAFETY: just mapped.
        let bytes = unsafe { std::slice::from_raw_parts(all, UNITS * UNIT) };
        assert!(bytes.iter().all(|byte| *byte == 0));
        try_unmap(all, UNITS * UNIT).unwrap();
    });
}
