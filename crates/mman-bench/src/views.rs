//! `views`: bytes through a view against bytes of a slice, which nobody could lend safely, and against `pread`.

use crate::failure::Result;
use crate::file::Noise;
use crate::machine;
use crate::measure::{Samples, interleave};
use crate::table::{Table, bytes, digits, ratio, spread};
use mman::Shared;
use std::fs::File;
use std::hint::black_box;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::time::Instant;

const ROUNDS: usize = 41;
const LENGTHS: [usize; 3] = [64, 4 << 10, 1 << 20];
/// Bytes that one sample goes through.
const WORK: usize = 32 << 20;
/// The part of the file that small accesses stay in: what a second-level cache holds.
const NEAR: usize = 256 << 10;
/// The part that large accesses stay in.
const FAR: usize = 4 << 20;
/// Accesses of one sample at least and at most.
const ACCESSES: std::ops::RangeInclusive<usize> = 32..=200_000;

/// One file, three ways to its bytes.
struct Subject<'a> {
    view: &'a Shared,
    slice: &'a [u8],
    file: &'a File,
    places: Vec<usize>,
    len: usize,
    buffer: Vec<u8>,
}

type Contender = (&'static str, fn(&mut Subject) -> Result<usize>);

const COPIES: &[Contender] = &[
    ("slice, copy_from_slice", |subject| {
        for &at in &subject.places {
            subject.buffer.copy_from_slice(&black_box(subject.slice)[at..at + subject.len]);
            black_box(&mut subject.buffer);
        }
        Ok(0)
    }),
    ("Shared::read_at", |subject| {
        for &at in &subject.places {
            black_box(subject.view).read_at(at, &mut subject.buffer)?;
            black_box(&mut subject.buffer);
        }
        Ok(0)
    }),
    ("pread", |subject| {
        for &at in &subject.places {
            subject.file.read_exact_at(&mut subject.buffer, at as u64)?;
            black_box(&mut subject.buffer);
        }
        Ok(0)
    }),
];

/// A byte that is nowhere in the file.
const ABSENT: u8 = 0xff;

const SEARCHES: &[Contender] = &[
    ("slice, memchr", |subject| {
        Ok(subject
            .places
            .iter()
            .filter(|&&at| {
                memchr::memchr(ABSENT, &black_box(subject.slice)[at..at + subject.len]).is_some()
            })
            .count())
    }),
    ("Shared::find_byte", |subject| {
        let mut found = 0;
        for &at in &subject.places {
            let place = black_box(subject.view).find_byte(at..at + subject.len, ABSENT)?;
            found += usize::from(place.is_some());
        }
        Ok(found)
    }),
    ("pread, memchr", |subject| {
        let mut found = 0;
        for &at in &subject.places {
            subject.file.read_exact_at(&mut subject.buffer, at as u64)?;
            found += usize::from(memchr::memchr(ABSENT, &subject.buffer).is_some());
        }
        Ok(found)
    }),
];

pub fn run() -> Result<()> {
    println!("{}", machine::header("views", &format!("{ROUNDS} rounds")));
    let mut sample = tempfile::NamedTempFile::new()?;
    let content: Vec<u8> = (0..FAR).map(|at| (at % ABSENT as usize) as u8).collect();
    sample.write_all(&content)?; // and so cached
    let view = Shared::open(sample.path())?;
    let file = File::open(sample.path())?;
    // SAFETY: the file is this measurement's alone, and nobody writes to it or cuts it while it is mapped.
    let slice = unsafe { std::slice::from_raw_parts(view.as_ptr(), view.len()) };
    for (title, contenders) in [("Copying out", COPIES), ("Searching an absent byte", SEARCHES)] {
        println!("### {title}\n");
        let mut head = vec!["length"];
        head.extend(contenders.iter().map(|one| one.0));
        head.push("p10 - p90 of ours to the slice");
        let mut table = Table::of(1, &head);
        for len in LENGTHS {
            let samples = contest(contenders, &view, slice, &file, len)?;
            let mut row = vec![bytes(len as u64)];
            for one in &samples {
                let speed = ratio(&samples[0].ratio_to(one));
                row.push(format!("{} ns ({speed})", digits(one.median() * 1e9)));
            }
            row.push(spread(&samples[0].ratio_to(&samples[1]), |value| format!("{value:.2}")));
            table.row(row);
        }
        println!("{table}");
    }
    println!(
        "Each cell: the median of one access, and its speed beside the first column's (1 is as fast).\n"
    );
    Ok(())
}

/// Seconds for one access of each contender.
fn contest(
    contenders: &[Contender],
    view: &Shared,
    slice: &[u8],
    file: &File,
    len: usize,
) -> Result<Vec<Samples>> {
    let region = if len * 4 <= NEAR { NEAR } else { FAR };
    let accesses = (WORK / len).clamp(*ACCESSES.start(), *ACCESSES.end());
    let mut noise = Noise::new(len as u64);
    // Anywhere, as records stand in files: at no multiple of anything.
    let places =
        (0..accesses).map(|_| (noise.next() % (region - len + 1) as u64) as usize).collect();
    let mut subject = Subject { view, slice, file, places, len, buffer: vec![0; len] };
    for (name, touch) in contenders {
        if touch(&mut subject)? != 0 {
            return Err(format!("{name}: found what is not there").into());
        }
    }
    let mut turns = contenders.to_vec();
    let runs = interleave(ROUNDS, &mut turns, |(_, touch)| {
        let begin = Instant::now();
        black_box(touch(&mut subject)?);
        Ok(begin.elapsed().as_secs_f64() / accesses as f64)
    })?;
    Ok(runs.into_iter().map(Samples::new).collect())
}
