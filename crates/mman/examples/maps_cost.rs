//! Measures what it costs to be told of 10,000 mappings of this process, beside reading the kernel's text only:
//! `cargo run --release -p mman --example maps_cost`.

#![allow(
    clippy::print_stdout,
    clippy::arithmetic_side_effects,
    reason = "a program that measures and prints"
)]

use mman::inspect::{Entry, Usage, find};
use mman::process::Process;
use mman::{FileObject, MapOptions, PageSize, Protection, Reservation};
use std::fs::File;
use std::io::Read;
use std::time::Instant;

type Answer = Result<usize, Box<dyn std::error::Error>>;
type Way = (&'static str, fn() -> Answer);

const MAPPINGS: usize = 10_000;
const ROUNDS: usize = 15;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let page = PageSize::base().bytes();
    let program = FileObject::open(std::env::current_exe()?)?;
    let one_page = MapOptions::private().range(..page as u64);
    let mut space = Reservation::new((MAPPINGS + 2) * page)?;
    // Half of them of a file with a name, half without.
    for at in (1..=MAPPINGS).step_by(2) {
        if at % 4 == 1 {
            let _pages = space.place(at * page, &one_page, &program)?;
        } else {
            space.protect(at * page..(at + 1) * page, Protection::READ)?;
        }
    }
    let ways: [Way; 6] = [
        ("maps, the text only", || text("/proc/self/maps")),
        ("maps, one entry filled again", filled),
        ("maps, an entry each", || Ok(Process::myself().maps()?.filter(Result::is_ok).count())),
        ("smaps, the text only", || text("/proc/self/smaps")),
        ("smaps, one entry filled again", filled_with_usage),
        ("smaps, an entry each", || Ok(Process::myself().smaps()?.filter(Result::is_ok).count())),
    ];
    let mut times = [const { Vec::new() }; 6];
    for _ in 0..ROUNDS {
        for ((_, way), times) in ways.iter().zip(&mut times) {
            let start = Instant::now();
            let _told = std::hint::black_box(way()?);
            times.push(start.elapsed().as_nanos());
        }
    }
    let count = Process::myself().maps()?.count();
    println!("{count} mappings, median of {ROUNDS} rounds");
    for ((name, _), times) in ways.iter().zip(&mut times) {
        times.sort_unstable();
        let each = |place| times.get(place).copied().unwrap_or_default() / count as u128;
        println!("{name:32} {:>6} ns each, {:>6} ns at best", each(ROUNDS / 2), each(0));
    }
    let start = Instant::now();
    for at in 0..1000 {
        let _found = std::hint::black_box(find(&Process::myself(), space.address() + at * page)?);
    }
    println!("{:32} {:>17} ns each", "find", start.elapsed().as_nanos() / 1000);
    Ok(())
}

fn text(path: &str) -> Answer {
    let mut file = File::open(path)?;
    let mut buffer = vec![0; 32 << 10];
    let mut all = 0;
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(all),
            read => all += read,
        }
    }
}

fn filled() -> Answer {
    let (mut maps, mut entry, mut bytes) = (Process::myself().maps()?, Entry::default(), 0);
    while maps.read_into(&mut entry)? {
        bytes += entry.len();
    }
    Ok(bytes)
}

fn filled_with_usage() -> Answer {
    let (mut smaps, mut bytes) = (Process::myself().smaps()?, 0);
    let (mut entry, mut usage) = (Entry::default(), Usage::default());
    while smaps.read_into(&mut entry, &mut usage)? {
        bytes += entry.len() + usize::try_from(usage.rss().unwrap_or(0))?;
    }
    Ok(bytes)
}
