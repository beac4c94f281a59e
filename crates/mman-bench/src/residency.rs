//! `residency`: how much of many small files, and of a large one, is cached: `mman stat` against vmtouch and fincore,
//! and against finding and opening the files alone.

use crate::child::{self, Cost, Sink};
use crate::failure::Result;
use crate::file::{Fill, Sample};
use crate::machine;
use crate::measure::{Samples, interleave};
use crate::table::{Table, mebibytes, ratio, spread, time};
use rustix::fs::{CWD, FileType, Mode, OFlags, RawDir, openat};
use std::ffi::{CStr, CString};
use std::fs::File;
use std::io::Write;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use tempfile::TempDir;

const ROUNDS: usize = 15;
const FILES: u64 = 50_000;
const LEN: u64 = 2 << 30;

/// A program that is given a path.
struct Contender {
    name: &'static str,
    program: &'static str,
    arguments: &'static [&'static str],
}

const OURS: &str = "mman stat, the sum alone";

/// They print the sum, or nothing: as vmtouch does by itself.
const SUMS: [Contender; 4] = [
    Contender { name: OURS, program: "mman", arguments: &["stat", "--top", "0"] },
    Contender { name: "walk, open, close alone", program: "mman-bench", arguments: &["walk"] },
    Contender { name: "vmtouch", program: "vmtouch", arguments: &["-q"] },
    Contender { name: "mman stat, a line for each", program: "mman", arguments: &["stat"] },
];

/// They print a line for each file.
const LINES: [Contender; 3] = [
    Contender {
        name: "mman stat, as found",
        program: "mman",
        arguments: &["stat", "--sort", "none"],
    },
    Contender { name: "mman stat, by path", program: "mman", arguments: &["stat"] },
    Contender { name: "vmtouch -v", program: "vmtouch", arguments: &["-v"] },
];

/// fincore takes files only: `find` gives it them.
const FINCORE: &str = "find \"$1\" -type f -print0 | xargs -0 fincore";

const LARGE: [Contender; 3] = [
    Contender { name: OURS, program: "mman", arguments: &["stat", "--top", "0"] },
    Contender { name: "vmtouch", program: "vmtouch", arguments: &["-q"] },
    Contender { name: "fincore", program: "fincore", arguments: &[] },
];

impl Contender {
    /// `None`, and said, where the program is missing.
    fn command(&self, path: &Path) -> Result<Option<Command>> {
        let bench = std::env::current_exe()?;
        let mut command = match self.program {
            "mman" | "mman-bench" => {
                let program = bench.with_file_name(self.program);
                if !program.exists() {
                    eprintln!("mman-bench: build the command: `cargo build --release`");
                    return Ok(None);
                }
                Command::new(program)
            }
            program => {
                let folders = std::env::var_os("PATH").unwrap_or_default();
                if !std::env::split_paths(&folders).any(|folder| folder.join(program).exists()) {
                    eprintln!("skipped: needs {program}");
                    return Ok(None);
                }
                Command::new(program)
            }
        };
        command.args(self.arguments).arg(path);
        Ok(Some(command))
    }
}

pub fn run() -> Result<()> {
    let what = format!("{ROUNDS} rounds, {FILES} files of 4 to 16 KiB and one of 2 GiB, in memory");
    println!("{}", machine::header("residency", &what));
    let head = ["files", "program", "wall", "p10 - p90", "the first is", "CPU", "peak MiB"];
    let mut table = Table::new(2, head);
    let folder = small_files()?;
    let place = folder.path();
    rows(&mut table, "50,000, the sum", place, &SUMS, || warm(place))?;
    rows(&mut table, "50,000, a line each", place, &LINES, || warm(place))?;
    fincore(&mut table, place)?;
    drop(folder);
    let sample = Sample::new(LEN)?;
    for fill in Fill::ALL {
        sample.evict()?;
        sample.warm(fill)?;
        let name = format!("2 GiB, {:.0} % huge", sample.huge_share()? * 100.0);
        rows(&mut table, &name, sample.path(), &LARGE, || sample.warm(fill))?;
    }
    println!("{table}");
    println!(
        "\"the first is\": the time of the first program of its rows divided by that of this one, as the median of \
         the ratios of single rounds. Walking alone: as many threads, directories by descriptor, each file opened \
         and closed."
    );
    Ok(())
}

fn rows(
    table: &mut Table,
    files: &str,
    path: &Path,
    all: &[Contender],
    prepare: impl Fn() -> Result<()>,
) -> Result<()> {
    let mut contenders = Vec::new();
    for contender in all {
        contenders.extend(contender.command(path)?.map(|command| (contender.name, command)));
    }
    let mut buffer = vec![0; 1 << 20];
    let costs = interleave(ROUNDS, &mut contenders, |(_, command)| {
        prepare()?;
        child::run(command, Sink::Null, &mut buffer)
    })?;
    let of = |which: fn(&Cost) -> f64| -> Vec<Samples> {
        costs.iter().map(|runs| Samples::new(runs.iter().map(which))).collect()
    };
    let (wall, cpu) = (of(|cost| cost.wall), of(|cost| cost.cpu));
    for (place, (name, command)) in contenders.iter_mut().enumerate() {
        let output = child::watch(command, Sink::Null, &mut buffer)?;
        table.row([
            files.to_owned(),
            (*name).to_owned(),
            time(wall[place].median()),
            spread(&wall[place], time),
            ratio(&wall[0].ratio_to(&wall[place])),
            time(cpu[place].median()),
            mebibytes(output.peak_kib),
        ]);
    }
    Ok(())
}

/// Against fincore by itself: it takes a while.
fn fincore(table: &mut Table, place: &Path) -> Result<()> {
    let ours = LINES[1].command(place)?;
    let (Some(ours), Some(_)) = (ours, LARGE[2].command(place)?) else { return Ok(()) };
    let mut theirs = Command::new("sh");
    theirs.args(["-c", FINCORE, "sh"]).arg(place);
    let mut commands = [("mman stat, by path", ours), ("find, xargs, fincore", theirs)];
    let mut buffer = vec![0; 1 << 20];
    let costs = interleave(5, &mut commands, |(_, command)| {
        warm(place)?;
        child::run(command, Sink::Null, &mut buffer)
    })?;
    let wall: Vec<Samples> =
        costs.iter().map(|runs| Samples::new(runs.iter().map(|cost| cost.wall))).collect();
    for (at, (name, _)) in commands.iter().enumerate() {
        table.row([
            "50,000, a line each".to_owned(),
            (*name).to_owned(),
            time(wall[at].median()),
            spread(&wall[at], time),
            ratio(&wall[0].ratio_to(&wall[at])),
            String::new(),
            String::new(),
        ]);
    }
    Ok(())
}

/// A tree of 500 directories with 100 files each.
fn small_files() -> Result<TempDir> {
    let folder = tempfile::Builder::new().prefix("mman-bench-").tempdir()?;
    let bytes = vec![b'x'; 16 << 10];
    for number in 0..FILES {
        let place = folder.path().join(format!("{:02}/{:02}", number / 2500, number / 100 % 25));
        if number % 100 == 0 {
            std::fs::create_dir_all(&place)?;
        }
        let len = 4096 * (1 + number as usize % 4);
        File::create(place.join(format!("file-{:03}", number % 100)))?.write_all(&bytes[..len])?;
    }
    rustix::fs::sync();
    Ok(folder)
}

/// Reads all files: the kernel takes pages of files that nobody reads.
fn warm(place: &Path) -> Result<()> {
    for entry in std::fs::read_dir(place)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            warm(&entry.path())?;
        } else {
            std::io::copy(&mut File::open(entry.path())?, &mut std::io::sink())?;
        }
    }
    Ok(())
}

/// The least that a search by several threads can do: each file of a tree is opened and closed.
pub fn walk(root: &str) -> Result<()> {
    let threads = std::thread::available_parallelism()?.get();
    let root = CString::new(Path::new(root).as_os_str().as_bytes())?;
    // Directories that wait, and how many are being read.
    let work = Mutex::new((vec![root], 0_usize));
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(|| walk_some(&work))).collect();
        let counts = workers.into_iter().map(|worker| worker.join().expect("no panic"));
        let opened: u64 = counts.sum::<Result<u64, rustix::io::Errno>>()?;
        println!("{opened} files");
        Ok(())
    })
}

type Waiting = Mutex<(Vec<CString>, usize)>;

fn walk_some(work: &Waiting) -> Result<u64, rustix::io::Errno> {
    let mut opened = 0;
    loop {
        let mut waiting = work.lock().expect("no panic");
        let Some(path) = waiting.0.pop() else {
            if waiting.1 == 0 {
                return Ok(opened);
            }
            drop(waiting);
            std::thread::yield_now();
            continue;
        };
        waiting.1 += 1;
        drop(waiting);
        let done = walk_one(&path, work);
        work.lock().expect("no panic").1 -= 1;
        opened += done?;
    }
}

fn walk_one(path: &CStr, work: &Waiting) -> Result<u64, rustix::io::Errno> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOATIME;
    let directory: OwnedFd = openat(CWD, path, flags | OFlags::DIRECTORY, Mode::empty())?;
    let mut buffer = [MaybeUninit::uninit(); 32 << 10];
    let mut names = RawDir::new(&directory, &mut buffer);
    let mut opened = 0;
    while let Some(entry) = names.next() {
        let entry = entry?;
        let name = entry.file_name();
        match entry.file_type() {
            FileType::Directory if !matches!(name.to_bytes(), b"." | b"..") => {
                let path = [path.to_bytes(), b"/", name.to_bytes()].concat();
                let path = CString::new(path).expect("no NUL in a name");
                work.lock().expect("no panic").0.push(path);
            }
            FileType::RegularFile => {
                drop(openat(&directory, name, flags | OFlags::NOFOLLOW, Mode::empty())?);
                opened += 1;
            }
            _ => {}
        }
    }
    Ok(opened)
}
