//! `typed`: allocating from a pool of typed memory and giving back, beside mapping and unmapping plain memory.

use crate::failure::Result;
use crate::machine;
use crate::measure::{Samples, interleave};
use crate::table::{Table, bytes, digits, ratio, spread, time};
use crate::typed_hold;
use mman_sys::{FallocateFlags, MapFlags, OpenFlags, Prot, RawFd, fallocate, mmap, munmap};
use mman_typed::{TypedFlags, map, may_be_in, may_be_typed, open, unmap};
use std::ffi::c_void;
use std::fs::File;
use std::hint::black_box;
use std::os::fd::AsRawFd;
use std::path::Path;
use std::ptr::null_mut;
use std::time::Instant;

const ROUNDS: usize = 21;
const LENGTHS: [usize; 5] = [4 << 10, 64 << 10, 1 << 20, 16 << 20, 256 << 20];
/// How long a batch takes at least, in seconds, and how many make a round. They are short and many, so that one during
/// which another process ran does not count; what takes longer than a batch is done once a round.
const SHORTEST: f64 = 1e-4;
const BATCHES: usize = 25;
const PAGE: usize = 4096;
/// Of each pool, and of the plain file.
const SIZE: u64 = 8 << 30;
const RW: Prot = Prot::READ.union(Prot::WRITE);

/// A way to memory and back.
#[derive(Clone, Copy)]
enum Way {
    Anonymous,
    /// This file, which is emptied again where it was touched.
    File(RawFd),
    /// By this descriptor of a typed memory object.
    Typed(RawFd),
}

impl Way {
    fn go(self, len: usize, touches: bool) -> Result<()> {
        let private = MapFlags::PRIVATE | MapFlags::ANONYMOUS;
        // SAFETY: the kernel chooses the place.
        let at = unsafe {
            match self {
                Self::Anonymous => mmap(null_mut(), len, RW, private, -1, 0)?,
                Self::File(fd) => mmap(null_mut(), len, RW, MapFlags::SHARED, fd, 0)?,
                Self::Typed(fd) => map(null_mut(), len, RW, MapFlags::SHARED, fd, 0)?,
            }
        };
        if touches {
            touch(at, len);
        }
        // SAFETY: mapped above, and nobody has a reference into it; the bytes of the file are nobody's.
        unsafe {
            match self {
                Self::Typed(_) => unmap(at, len)?,
                Self::Anonymous => munmap(at, len)?,
                Self::File(fd) => {
                    munmap(at, len)?;
                    if touches {
                        let mode = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
                        fallocate(fd, mode, 0, len as u64)?;
                    }
                }
            }
        }
        Ok(())
    }
}

fn touch(at: *mut c_void, len: usize) {
    for offset in (0..len).step_by(PAGE) {
        // SAFETY: the caller has mapped it, with this length.
        unsafe { at.cast::<u8>().wrapping_add(offset).write_volatile(1) };
    }
}

pub fn run() -> Result<()> {
    println!("{}", machine::header("typed", &format!("{ROUNDS} rounds of {BATCHES} batches")));
    let directory = tempfile::tempdir_in("/dev/shm")?;
    let path = directory.path().join("file");
    let file = File::options().create_new(true).read(true).write(true).open(path)?;
    file.set_len(SIZE)?;
    // First: no typed memory is in this process so far.
    println!("{}", without(file.as_raw_fd())?);
    let conf = directory.path().join("conf");
    configure(directory.path(), &conf)?;
    let _holders = typed_hold::start(&conf)?;
    let port = |name, flags| open(name, OpenFlags::RDWR, flags).map(Way::Typed);
    let (any, run) = (TypedFlags::ALLOCATE, TypedFlags::ALLOCATE_CONTIG);
    let ways = [
        Way::Anonymous,
        Way::File(file.as_raw_fd()),
        port(b"/empty", any)?,
        port(b"/empty", run)?,
        port(typed_hold::PORT, any)?,
        port(typed_hold::PORT, run)?,
    ];
    let (empty, live) = compare(ways)?;
    println!("### Allocating and giving back, of an empty pool\n\n{empty}");
    println!("### The same of a pool with {} live allocations\n\n{live}", typed_hold::ALL);
    println!(
        "\"x anonymous\", \"x empty\": the time divided by that of anonymous memory, or of the empty pool, as the \
         median of the ratios of single rounds. Touched: a byte of each page is written. The plain file is \
         emptied again where it was touched, as a pool empties what is given back."
    );
    Ok(())
}

fn configure(directory: &Path, conf: &Path) -> Result<()> {
    let tables = directory.display();
    let live = String::from_utf8_lossy(typed_hold::PORT);
    let lines = format!(
        "directory {tables}\ndefaults no\npool e kind=shm size={SIZE}\nport /empty pool=e\n\
         pool l kind=shm size={SIZE}\nport {live} pool=l\n"
    );
    std::fs::write(conf, lines)?;
    mman_typed::config::use_configuration(conf.as_os_str().as_encoded_bytes())?;
    Ok(())
}

/// All ways of a row are interleaved with each other.
fn compare(ways: [Way; 6]) -> Result<(Table, Table)> {
    let head = ["length", "memory", "anonymous", "tmpfs file", "ALLOCATE", "x anonymous"];
    let head = [&head[..], &["p10 - p90", "CONTIG", "x anonymous", "p10 - p90"]].concat();
    let mut empty = Table::of(2, &head);
    let head = ["length", "memory", "ALLOCATE", "x empty", "p10 - p90"];
    let head = [&head[..], &["CONTIG", "x empty", "p10 - p90"]].concat();
    let mut live = Table::of(2, &head);
    for len in LENGTHS {
        for (touches, memory) in [(false, "untouched"), (true, "touched")] {
            let samples = contest(&ways, &|way| way.go(len, touches))?;
            let median = |place: usize| time(samples[place].median());
            let beside = |place: usize, other: usize| {
                let ratios = samples[place].ratio_to(&samples[other]);
                [median(place), ratio(&ratios), spread(&ratios, |value| format!("{value:.2}"))]
            };
            let names = [bytes(len as u64), memory.to_owned()];
            let plain = [median(0), median(1)];
            let row = [&names[..], &plain, &beside(2, 0), &beside(3, 0)].concat();
            empty.row(row);
            live.row([&names[..], &beside(4, 2), &beside(5, 3)].concat());
        }
    }
    Ok((empty, live))
}

/// Seconds of each contender, for one time: a round's value is the median of its batches.
fn contest<C: Copy>(contenders: &[C], go: &dyn Fn(C) -> Result<()>) -> Result<Vec<Samples>> {
    let mut turns = Vec::new();
    let mut batches = BATCHES;
    for &contender in contenders {
        go(contender)?;
        let begin = Instant::now();
        go(contender)?;
        let once = begin.elapsed().as_secs_f64();
        batches = if once > 10.0 * SHORTEST { 1 } else { batches };
        turns.push((contender, (SHORTEST / once).ceil().clamp(1.0, 10_000.0) as usize));
    }
    let mut rounds = vec![Vec::new(); contenders.len()];
    for _ in 0..ROUNDS {
        let batches = interleave(batches, &mut turns, |(contender, repeats)| {
            let begin = Instant::now();
            for _ in 0..*repeats {
                go(*contender)?;
            }
            Ok(begin.elapsed().as_secs_f64() / *repeats as f64)
        })?;
        for (round, batches) in rounds.iter_mut().zip(batches) {
            round.push(Samples::new(batches).median());
        }
    }
    Ok(rounds.into_iter().map(Samples::new).collect())
}

/// Maps and unmaps, and asks before it or not.
type Go<'a> = &'a dyn Fn(bool) -> Result<()>;

/// What a C library does in a program that uses no typed memory: it asks, and calls the kernel.
fn without(file: RawFd) -> Result<Table> {
    let anonymous = |asks: bool| -> Result<()> {
        let flags = MapFlags::PRIVATE | MapFlags::ANONYMOUS;
        // SAFETY: the kernel chooses the place.
        let at = unsafe { mmap(null_mut(), PAGE, RW, flags, -1, 0) }?;
        if asks && black_box(may_be_in(at.addr(), PAGE)) {
            return Err("no typed memory was mapped".into());
        }
        // SAFETY: mapped above.
        Ok(unsafe { munmap(at, PAGE) }?)
    };
    let shared = |asks: bool| -> Result<()> {
        if asks && black_box(may_be_typed(file)) {
            return Err("this is a plain file".into());
        }
        // SAFETY: the kernel chooses the place.
        let at = unsafe { mmap(null_mut(), PAGE, RW, MapFlags::SHARED, file, 0) }?;
        if asks && black_box(may_be_in(at.addr(), PAGE)) {
            return Err("no typed memory was mapped".into());
        }
        // SAFETY: mapped above.
        Ok(unsafe { munmap(at, PAGE) }?)
    };
    let mut table = Table::new(
        1,
        ["a program without typed memory", "plain", "asked first", "x plain", "p10 - p90"],
    );
    let both: [(&str, Go<'_>); 2] = [
        ("mmap + munmap, anonymous, 4 KiB", &anonymous),
        ("mmap + munmap, a file, 4 KiB", &shared),
    ];
    for (name, go) in both {
        let samples = contest(&[false, true], go)?;
        let ratios = samples[1].ratio_to(&samples[0]);
        let [plain, asked] = [&samples[0], &samples[1]].map(|one| time(one.median()));
        let spread = spread(&ratios, |value| format!("{value:.3}"));
        table.row([name.to_owned(), plain, asked, format!("{:.3}", ratios.median()), spread]);
    }
    let alone = contest(&[()], &|()| {
        for at in 0..1000 {
            black_box(may_be_in(black_box(at), PAGE));
        }
        Ok(())
    })?;
    let nanoseconds = digits(alone[0].median() * 1e6);
    let none = || "-".to_owned();
    table.row(["may_be_in alone".into(), none(), format!("{nanoseconds} ns"), none(), none()]);
    Ok(table)
}
