//! `windows`: which way of mapping a file in pieces writes it out fastest, and with how much memory.

use crate::child::{self, Cost, Sink};
use crate::failure::Result;
use crate::file::{Fill, Sample};
use crate::machine;
use crate::measure::{Samples, interleave};
use crate::ours_cat::How;
use crate::table::{Table, bytes, mebibytes, ratio, spread, time};
use std::path::Path;
use std::process::Command;

const ROUNDS: usize = 9;
const LEN: u64 = 1 << 30;
const SIZES: [usize; 4] = [256 << 10, 1 << 20, 2 << 20, 4 << 20];

/// One way to write the file out.
struct Contender {
    way: String,
    window: String,
    arguments: Vec<String>,
}

impl Contender {
    fn ours(how: How, window: usize) -> Self {
        let arguments = vec!["ours-cat".into(), how.name().into(), window.to_string()];
        Self { way: how.name().into(), window: bytes(window as u64), arguments }
    }

    fn other(way: &str, arguments: &[&str]) -> Self {
        let arguments = arguments.iter().map(ToString::to_string).collect();
        Self { way: way.into(), window: "-".into(), arguments }
    }

    fn command(&self, file: &Path) -> Result<Command> {
        let mut command = match self.arguments.is_empty() {
            true => Command::new("cat"),
            false => Command::new(std::env::current_exe()?),
        };
        command.args(&self.arguments).arg(file);
        Ok(command)
    }
}

fn contenders() -> Vec<Contender> {
    let mut all = vec![
        Contender::other("cat (coreutils)", &[]),
        Contender::other("memmap2, whole file", &["peer-cat"]),
        Contender::ours(How::Read, 128 << 10),
        Contender::ours(How::Sendfile, 1 << 20),
    ];
    for how in [How::Plain, How::Populate] {
        all.extend(SIZES.map(|window| Contender::ours(how, window)));
    }
    let others = [How::PopulateRead, How::Sequential, How::Place, How::PlacePopulate];
    for how in others {
        all.extend([1 << 20, 2 << 20].map(|window| Contender::ours(how, window)));
    }
    all.push(Contender::ours(How::LargePipe, 1 << 20));
    all
}

pub fn run() -> Result<()> {
    println!("{}", machine::header("windows", &format!("{ROUNDS} rounds, one file of 1 GiB")));
    let sample = Sample::new(LEN)?;
    let mut buffer = vec![0; 1 << 20];
    for fill in Fill::ALL {
        sample.evict()?;
        sample.warm(fill)?;
        let huge = sample.huge_share()? * 100.0;
        for sink in Sink::ALL {
            println!("Filled {}, {huge:.0} % in 2 MiB folios, to {}:\n", fill.name(), sink.name());
            println!("{}", table(&sample, fill, sink, &mut buffer)?);
        }
    }
    Ok(())
}

fn table(sample: &Sample, fill: Fill, sink: Sink, buffer: &mut [u8]) -> Result<Table> {
    let mut contenders = contenders();
    let costs = interleave(ROUNDS, &mut contenders, |contender| {
        sample.warm(fill)?;
        child::run(&mut contender.command(sample.path())?, sink, buffer)
    })?;
    let head = ["way", "window", "wall", "p10 - p90", "of cat", "CPU", "of cat", "peak MiB"];
    let mut table = Table::new(2, head);
    let of = |which: fn(&Cost) -> f64| -> Vec<Samples> {
        costs.iter().map(|runs| Samples::new(runs.iter().map(which))).collect()
    };
    let (wall, cpu) = (of(|cost| cost.wall), of(|cost| cost.cpu));
    for (place, contender) in contenders.iter().enumerate() {
        let output = child::watch(&mut contender.command(sample.path())?, sink, buffer)?;
        if sink == Sink::Pipe && (output.len, output.sum) != (sample.len(), sample.sum()) {
            return Err(format!("{}: other bytes came out", contender.way).into());
        }
        table.row([
            contender.way.clone(),
            contender.window.clone(),
            time(wall[place].median()),
            spread(&wall[place], time),
            ratio(&wall[place].ratio_to(&wall[0])),
            time(cpu[place].median()),
            ratio(&cpu[place].ratio_to(&cpu[0])),
            mebibytes(output.peak_kib),
        ]);
    }
    Ok(table)
}
