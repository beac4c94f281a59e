//! `frozen`: a file frozen by copy against `std::fs::read`.

use crate::access::touch_fresh_memory;
use crate::failure::Result;
use crate::file::{Fill, Sample, sum};
use crate::machine;
use crate::measure::{Samples, interleave};
use crate::table::{Table, bytes, ratio, spread, time};
use mman::Frozen;
use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

const ROUNDS: usize = 21;
const SIZES: [u64; 8] =
    [4 << 10, 64 << 10, 256 << 10, 1 << 20, 4 << 20, 16 << 20, 64 << 20, 256 << 20];
/// How long a sample takes at least, in seconds: runs are repeated until it does.
const SHORTEST: f64 = 2e-3;

/// Brings all bytes into memory, and gives them back. Answers the sum of some.
type Contender = (&'static str, fn(&Path) -> Result<u64>);

const CONTENDERS: [Contender; 2] = [
    ("std::fs::read", |path| Ok(ends(&std::fs::read(path)?))),
    ("Frozen::open", |path| Ok(ends(&Frozen::open(path)?))),
];

fn ends(bytes: &[u8]) -> u64 {
    sum(&bytes[..64]).wrapping_add(sum(&bytes[bytes.len() - 64..]))
}

pub fn run() -> Result<()> {
    println!("{}", machine::header("frozen", &format!("{ROUNDS} rounds")));
    println!("### A file in memory: open, bring in all bytes, give them back\n");
    let mut table =
        Table::new(1, ["size", "std::fs::read", "Frozen::open", "of its time", "p10 - p90"]);
    for size in SIZES {
        let sample = Sample::new(size)?;
        sample.warm(Fill::Sequential)?;
        let samples = contest(&sample, size as usize)?;
        let share = samples[1].ratio_to(&samples[0]);
        let [first, second] = [&samples[0], &samples[1]].map(|one| time(one.median()));
        let spread = spread(&share, |value| format!("{value:.2}"));
        table.row([bytes(size), first, second, ratio(&share), spread]);
    }
    println!("{table}");
    Ok(())
}

fn contest(sample: &Sample, fresh: usize) -> Result<Vec<Samples>> {
    let mut expected = None;
    let mut turns = Vec::new();
    for (name, bring) in CONTENDERS {
        touch_fresh_memory(fresh);
        let begin = Instant::now();
        let sum = bring(sample.path())?;
        let once = begin.elapsed().as_secs_f64();
        if *expected.get_or_insert(sum) != sum {
            return Err(format!("{name}: saw other bytes").into());
        }
        turns.push((bring, (SHORTEST / once).ceil().clamp(1.0, 10_000.0) as usize));
    }
    let runs = interleave(ROUNDS, &mut turns, |(bring, repeats)| {
        // Memory that nobody had for a while has to come from the host: all begin with memory just freed.
        touch_fresh_memory(fresh);
        sample.warm(Fill::Sequential)?;
        let begin = Instant::now();
        for _ in 0..*repeats {
            black_box(bring(sample.path())?);
        }
        Ok(begin.elapsed().as_secs_f64() / *repeats as f64)
    })?;
    Ok(runs.into_iter().map(Samples::new).collect())
}
