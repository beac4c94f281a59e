//! `restore`: bringing back scattered runs of a file, by `mman restore` and by one reader.

use crate::child::{self, Cost, Sink};
use crate::failure::Result;
use crate::file::{PAGE, Sample};
use crate::machine;
use crate::measure::{Samples, interleave};
use crate::table::{Table, mebibytes, ratio, spread, time};
use rustix::fs::{Advice, fadvise};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;

const ROUNDS: usize = 9;
const LEN: u64 = 2 << 30;

/// How the pages that are to come back lie in the file.
struct Shape {
    name: &'static str,
    runs: u64,
    /// Pages of the longest run.
    longest: u64,
}

const SHAPES: [Shape; 2] = [
    Shape { name: "7,000 runs of 1 to 4 pages", runs: 7000, longest: 4 },
    Shape { name: "64 runs of up to 32 MiB", runs: 64, longest: 8192 },
];

impl Shape {
    /// Where runs are: first page and pages, each in a part of its own of the file, in lengths that take turns.
    fn ranges(&self) -> Vec<(u64, u64)> {
        let part = LEN / PAGE / self.runs;
        let run = |number: u64| {
            let pages = 1 + number.wrapping_mul(0x9e37_79b9) % self.longest;
            (number * part + number % 7 % part, pages.min(part - 7))
        };
        (0..self.runs).map(run).collect()
    }
}

/// Reads runs of a file, one after the other: what who has no better tool does. A child of the measurement.
pub fn serial(file: &Path, list: &Path) -> Result<()> {
    let file = File::open(file)?;
    fadvise(&file, 0, None, Advice::Random)?;
    let mut buffer = vec![0; 1 << 20];
    for line in std::fs::read_to_string(list)?.lines() {
        let (first, pages) = line.split_once(' ').ok_or("two numbers")?;
        let (mut at, mut left) = (first.parse::<u64>()? * PAGE, pages.parse::<u64>()? * PAGE);
        while left > 0 {
            let piece = usize::try_from(left)?.min(buffer.len());
            let count = file.read_at(&mut buffer[..piece], at)? as u64;
            (at, left) = (at + count, left - count);
        }
    }
    Ok(())
}

/// A way to bring the runs back.
struct Contender {
    name: &'static str,
    program: PathBuf,
    arguments: Vec<PathBuf>,
}

impl Contender {
    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments);
        command
    }
}

fn contenders(sample: &Sample, folder: &Path, shape: &Shape) -> Result<Vec<Contender>> {
    let bench = std::env::current_exe()?;
    let mman = bench.with_file_name("mman");
    if !mman.exists() {
        return Err("no `mman` beside this program: cargo build --release".into());
    }
    let (list, snapshot) = (folder.join("list"), folder.join("snapshot"));
    let ranges = shape.ranges();
    let lines: String = ranges.iter().map(|(first, pages)| format!("{first} {pages}\n")).collect();
    std::fs::write(&list, lines)?;
    // Just these are in memory when the snapshot is taken: the kernel reclaims when it likes.
    let pages: u64 = ranges.iter().map(|(_, pages)| pages).sum();
    let words = ["save".as_ref(), sample.path(), "-q".as_ref(), "-o".as_ref(), &snapshot];
    let save = || -> Result<bool> {
        sample.evict()?;
        serial(sample.path(), &list)?;
        let saved = Command::new(&mman).args(words).status()?.success();
        Ok(saved && sample.cached()? == pages)
    };
    if !(0..20).any(|_| save().unwrap_or(false)) {
        return Err("no snapshot of all runs in twenty attempts".into());
    }
    let restore = |more: &[&str]| {
        let words = ["restore".into(), snapshot.clone(), "-q".into()];
        words.into_iter().chain(more.iter().map(PathBuf::from)).collect()
    };
    let list = vec!["serial-read".into(), sample.path().to_owned(), list];
    Ok(vec![
        Contender { name: "mman restore", program: mman.clone(), arguments: restore(&[]) },
        Contender { name: "mman restore -j 1", program: mman, arguments: restore(&["-j", "1"]) },
        Contender { name: "one reader (pread)", program: bench, arguments: list },
    ])
}

/// One run, made again where the kernel took pages away meanwhile: it reclaims when it likes.
fn once(contender: &Contender, sample: &Sample, pages: u64, buffer: &mut [u8]) -> Result<Cost> {
    let mut last = String::new();
    for _ in 0..20 {
        if let Err(error) = sample.evict() {
            last = error.to_string();
            continue;
        }
        match child::run(&mut contender.command(), Sink::Null, buffer) {
            Ok(cost) if sample.cached()? == pages => return Ok(cost),
            Ok(_) => last = format!("{} pages are there, of {pages}", sample.cached()?),
            Err(error) => last = error.to_string(),
        }
    }
    Err(format!("{}: {last}, twenty times", contender.name).into())
}

pub fn run() -> Result<()> {
    let about = format!("{ROUNDS} rounds, a file of 2 GiB, evicted before each run");
    println!("{}", machine::header("restore", &about));
    let sample = Sample::new(LEN)?;
    let folder = tempfile::tempdir()?;
    let mut buffer = vec![0; 1 << 16];
    let head = ["runs", "by", "wall", "p10 - p90", "ours is", "CPU", "ours is", "peak MiB"];
    let mut table = Table::new(2, head);
    for shape in &SHAPES {
        let mut contenders = contenders(&sample, folder.path(), shape)?;
        let pages: u64 = shape.ranges().iter().map(|(_, pages)| pages).sum();
        let costs = interleave(ROUNDS, &mut contenders, |contender| {
            once(contender, &sample, pages, &mut buffer)
        })?;
        let of = |which: fn(&Cost) -> f64| -> Vec<Samples> {
            costs.iter().map(|runs| Samples::new(runs.iter().map(which))).collect()
        };
        let (wall, cpu) = (of(|cost| cost.wall), of(|cost| cost.cpu));
        for (place, contender) in contenders.iter().enumerate() {
            let watch = || {
                sample.evict()?;
                child::watch(&mut contender.command(), Sink::Null, &mut [])
            };
            let output =
                (0..20).map(|_| watch()).find(Result::is_ok).ok_or("no run of twenty")??;
            table.row([
                format!("{}, {} MiB", shape.name, (pages * PAGE) >> 20),
                contender.name.to_owned(),
                time(wall[place].median()),
                spread(&wall[place], time),
                ratio(&wall[0].ratio_to(&wall[place])),
                time(cpu[place].median()),
                ratio(&cpu[0].ratio_to(&cpu[place])),
                mebibytes(output.peak_kib),
            ]);
        }
    }
    println!("{table}");
    println!(
        "\"ours is\": the time of the first divided by that of this one, as the median of the ratios of single \
         rounds. vmtouch reads one range a run: it is no contender."
    );
    Ok(())
}
