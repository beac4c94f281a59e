//! `when`: mapping a file against reading it, for sizes, orders of access and states of the cache.

use crate::access::{self, Block, Plan};
use crate::failure::Result;
use crate::file::{Fill, Noise, PAGE, Sample};
use crate::machine;
use crate::measure::{Samples, interleave};
use crate::table::{Table, bytes, ratio, spread, time};
use std::time::Instant;

const ROUNDS: usize = 9;
/// A run that is shorter is noise from beginning to end: there are more of them.
const ROUNDS_OF_SMALL: usize = 45;
const SIZES: [u64; 6] = [4 << 10, 64 << 10, 1 << 20, 16 << 20, 256 << 20, 1 << 30];
/// Up to here a size is small.
const SMALL: u64 = 1 << 20;
/// How many blocks are visited at random in files that have more.
const VISITS: usize = 16_384;
/// How long a sample of a warm cache takes at least, in seconds: runs are repeated until it does.
const SHORTEST: f64 = 1e-3;

/// What is done with the file.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    Sequential,
    Random,
}

pub fn run() -> Result<()> {
    let rounds = format!("{ROUNDS} rounds ({ROUNDS_OF_SMALL} up to 1 MiB)");
    println!("{}", machine::header("when", &rounds));
    for (order, title) in [
        (Order::Sequential, "The whole file from end to end, open and close included"),
        (Order::Random, "Blocks of 4 KiB in random order, open and close included"),
    ] {
        for cold in [false, true] {
            let state = if cold { "not in memory" } else { "in memory, read sequentially before" };
            println!("### {title}; the file is {state}\n");
            println!("{}", by_size(order, cold)?);
        }
    }
    println!(
        "Each cell: the median, and how many times the first column's time it is (the median of the \
         ratios of single rounds). Random: all blocks, or {VISITS} of those of a larger file.\n"
    );
    for fill in Fill::ALL {
        println!("### Single accesses to a file of 1 GiB in memory, filled {}\n", fill.name());
        println!("{}", by_count(fill)?);
    }
    Ok(())
}

/// A row for each size, a column for each contender.
fn by_size(order: Order, cold: bool) -> Result<Table> {
    let contenders = match order {
        Order::Sequential => access::SEQUENTIAL,
        Order::Random => access::RANDOM,
    };
    let mut head = vec!["size"];
    head.extend(contenders.iter().map(|one| one.0));
    head.push("p10 - p90 of the first");
    let mut table = Table::of(1, &head);
    for size in SIZES {
        let sample = Sample::new(size)?;
        let mut blocks = Noise::new(size).shuffled(size.div_ceil(PAGE));
        blocks.truncate(VISITS);
        let block = Block { len: PAGE as usize, order: blocks };
        let samples = contest(
            contenders,
            &Plan { sample: &sample, fill: Fill::Sequential, block: &block },
            cold,
            size as usize,
        )?;
        let mut row = vec![bytes(size)];
        for one in &samples {
            row.push(format!("{} ({})", time(one.median()), ratio(&one.ratio_to(&samples[0]))));
        }
        row.push(spread(&samples[0], time));
        table.row(row);
    }
    Ok(table)
}

/// A row for each number of accesses.
fn by_count(fill: Fill) -> Result<Table> {
    let sample = Sample::new(1 << 30)?;
    sample.warm(fill)?;
    let mut head = vec!["bytes", "accesses"];
    head.extend(access::SINGLE.iter().map(|one| one.0));
    head.push("p10 - p90 of the first");
    let mut table = Table::of(1, &head);
    for (len, counts) in [
        (8, &[1, 10, 100, 1_000, 10_000, 100_000, 1_000_000][..]),
        (4096, &[1, 100, 10_000, 100_000]),
    ] {
        for &count in counts {
            let mut noise = Noise::new(count);
            let places = sample.len() / len as u64;
            let order = (0..count).map(|_| noise.next() % places).collect();
            let plan = Plan { sample: &sample, fill, block: &Block { len, order } };
            sample.warm(fill)?;
            let samples = contest(access::SINGLE, &plan, false, 0)?;
            let mut row = vec![len.to_string(), count.to_string()];
            for one in &samples {
                row.push(format!("{} ({})", time(one.median()), ratio(&one.ratio_to(&samples[0]))));
            }
            row.push(spread(&samples[0], time));
            table.row(row);
        }
    }
    Ok(table)
}

/// Runs the contenders against each other, and answers seconds for one run of each. They take `fresh` bytes of
/// new memory at most.
fn contest(
    contenders: &[access::Contender],
    plan: &Plan,
    cold: bool,
    fresh: usize,
) -> Result<Vec<Samples>> {
    let mut scratch = access::Scratch::new();
    let mut expected = None;
    let mut repeats = Vec::new();
    for (name, run) in contenders {
        plan.sample.warm(plan.fill)?;
        let begin = Instant::now();
        let sum = run(plan, &mut scratch)?;
        if *expected.get_or_insert(sum) != sum {
            return Err(format!("{name}: saw other bytes").into());
        }
        let once = begin.elapsed().as_secs_f64();
        repeats.push(if cold { 1 } else { (SHORTEST / once).ceil().clamp(1.0, 10_000.0) as usize });
    }
    let rounds = if plan.sample.len() <= SMALL { ROUNDS_OF_SMALL } else { ROUNDS };
    let mut turns: Vec<_> = contenders.iter().zip(repeats).collect();
    let runs = interleave(rounds, &mut turns, |((_, run), repeats)| {
        // Memory that nobody had for a while has to come from the host: all begin with memory just freed.
        access::touch_fresh_memory(fresh);
        if cold {
            plan.sample.evict()?;
        } else {
            plan.sample.warm(plan.fill)?;
        }
        let begin = Instant::now();
        for _ in 0..*repeats {
            std::hint::black_box(run(plan, &mut scratch)?);
        }
        Ok(begin.elapsed().as_secs_f64() / *repeats as f64)
    })?;
    Ok(runs.into_iter().map(Samples::new).collect())
}
