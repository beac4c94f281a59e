//! `cat`: the command `mman cat` against the system's `cat` and against memmap2's example.

use crate::child::{self, Cost, Sink};
use crate::failure::Result;
use crate::file::{Fill, Sample};
use crate::machine;
use crate::measure::{Samples, interleave};
use crate::table::{Table, mebibytes, ratio, spread, time};
use std::path::{Path, PathBuf};
use std::process::Command;

const ROUNDS: usize = 15;
const LEN: u64 = 1 << 30;

/// A program that writes a file to its output.
struct Contender {
    name: String,
    program: PathBuf,
    arguments: &'static [&'static str],
}

impl Contender {
    fn command(&self, file: &Path) -> Command {
        let mut command = Command::new(&self.program);
        command.args(self.arguments).arg(file);
        command
    }
}

fn contenders() -> Result<Vec<Contender>> {
    let bench = std::env::current_exe()?;
    let mman = bench.with_file_name("mman");
    let ours = if mman.exists() {
        Contender { name: "mman cat".into(), program: mman, arguments: &["cat"] }
    } else {
        eprintln!("mman-bench: no `mman` beside this program (build it: `cargo build --release`)");
        let arguments = &["ours-cat", "plain", "2097152"];
        let name = "the library, windows of 2 MiB".into();
        Contender { name, program: bench.clone(), arguments }
    };
    let system = Contender { name: "cat".into(), program: "cat".into(), arguments: &[] };
    let name = "memmap2's example".into();
    Ok(vec![ours, system, Contender { name, program: bench, arguments: &["peer-cat"] }])
}

pub fn run() -> Result<()> {
    println!(
        "{}",
        machine::header("cat", &format!("{ROUNDS} rounds, one file of 1 GiB in memory"))
    );
    let sample = Sample::new(LEN)?;
    let mut buffer = vec![0; 1 << 20];
    let head =
        ["filled", "to", "program", "wall", "p10 - p90", "ours is", "CPU", "ours is", "peak MiB"];
    let mut table = Table::new(3, head);
    for fill in Fill::ALL {
        sample.evict()?;
        sample.warm(fill)?;
        let filled = format!("{}, {:.0} % huge", fill.name(), sample.huge_share()? * 100.0);
        for sink in Sink::ALL {
            rows(&mut table, &sample, (fill, &filled), sink, &mut buffer)?;
        }
    }
    println!("{table}");
    println!(
        "\"ours is\": the time of the first program divided by that of this one, as the median of the \
         ratios of single rounds. CPU is that of the program, the kernel's for it included. \"huge\": in \
         folios of 2 MiB."
    );
    Ok(())
}

fn rows(
    table: &mut Table,
    sample: &Sample,
    (fill, filled): (Fill, &str),
    sink: Sink,
    buffer: &mut [u8],
) -> Result<()> {
    let mut contenders = contenders()?;
    let costs = interleave(ROUNDS, &mut contenders, |contender| {
        sample.warm(fill)?;
        child::run(&mut contender.command(sample.path()), sink, buffer)
    })?;
    let of = |which: fn(&Cost) -> f64| -> Vec<Samples> {
        costs.iter().map(|runs| Samples::new(runs.iter().map(which))).collect()
    };
    let (wall, cpu) = (of(|cost| cost.wall), of(|cost| cost.cpu));
    for (place, contender) in contenders.iter().enumerate() {
        let output = child::watch(&mut contender.command(sample.path()), sink, buffer)?;
        if sink == Sink::Pipe && (output.len, output.sum) != (sample.len(), sample.sum()) {
            return Err(format!("{}: other bytes came out", contender.name).into());
        }
        table.row([
            filled.to_owned(),
            sink.name().to_owned(),
            contender.name.clone(),
            time(wall[place].median()),
            spread(&wall[place], time),
            ratio(&wall[0].ratio_to(&wall[place])),
            time(cpu[place].median()),
            ratio(&cpu[0].ratio_to(&cpu[place])),
            mebibytes(output.peak_kib),
        ]);
    }
    Ok(())
}
