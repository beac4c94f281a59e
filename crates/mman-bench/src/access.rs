//! Ways to get at the bytes of a file: the contenders of `when`. Each opens the file and closes it again.

use crate::failure::Result;
use crate::file::{Fill, Sample, sum};
use mman::{FileObject, Hint, MapOptions, Mapping};
use rustix::fs::{Advice, fadvise};
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::FileExt;

/// Which bytes are looked at, in which order.
pub struct Block {
    /// How many bytes at once.
    pub len: usize,
    /// Which of the blocks of that length, one after the other.
    pub order: Vec<u64>,
}

/// A file, and what is looked at where the order is random.
pub struct Plan<'a> {
    pub sample: &'a Sample,
    /// How it comes into the cache, where it is to be there.
    pub fill: Fill,
    pub block: &'a Block,
}

/// Memory that a contender uses again and again.
pub struct Scratch {
    piece: Vec<u8>,
}

/// The usual size of a piece: that of the system's `cat`.
const PIECE: usize = 128 << 10;

impl Scratch {
    pub fn new() -> Self {
        Self { piece: vec![1; PIECE] }
    }
}

/// A name, and what it does; the answer is the sum of all that was looked at.
pub type Contender = (&'static str, fn(&Plan, &mut Scratch) -> Result<u64>);

pub const SEQUENTIAL: &[Contender] = &[
    ("map", |plan, _| Ok(sum(bytes(&map(plan, &MapOptions::shared())?)))),
    ("map, populate", |plan, _| Ok(sum(bytes(&map(plan, &MapOptions::shared().populate())?)))),
    ("read, 128 KiB pieces", read_pieces),
    ("read, all into a new Vec", |plan, _| Ok(sum(&std::fs::read(plan.sample.path())?))),
];

pub const RANDOM: &[Contender] = &[
    ("map", |plan, _| Ok(visit(plan, bytes(&map(plan, &MapOptions::shared())?)))),
    ("map, Hint::Random", map_random),
    ("map, populate", |plan, _| {
        Ok(visit(plan, bytes(&map(plan, &MapOptions::shared().populate())?)))
    }),
    ("pread", |plan, scratch| pread(plan, scratch, Advice::Normal)),
    ("pread, FADV_RANDOM", |plan, scratch| pread(plan, scratch, Advice::Random)),
    ("read, all into a new Vec", |plan, _| Ok(visit(plan, &std::fs::read(plan.sample.path())?))),
];

pub const SINGLE: &[Contender] = &[
    ("map", |plan, _| Ok(visit(plan, bytes(&map(plan, &MapOptions::shared())?)))),
    ("map, populate", |plan, _| {
        Ok(visit(plan, bytes(&map(plan, &MapOptions::shared().populate())?)))
    }),
    ("map, read_at", read_at),
    ("pread", |plan, scratch| pread(plan, scratch, Advice::Normal)),
];

fn map(plan: &Plan, options: &MapOptions) -> Result<Mapping> {
    Ok(options.map(&FileObject::open(plan.sample.path())?)?)
}

/// The mapping as a slice, as a program has it that knows who else writes to the file.
fn bytes(mapping: &Mapping) -> &[u8] {
    // SAFETY: the file is this measurement's alone, and nobody writes to it or cuts it while it is mapped.
    unsafe { std::slice::from_raw_parts(mapping.as_ptr(), mapping.len()) }
}

fn map_random(plan: &Plan, _: &mut Scratch) -> Result<u64> {
    let mapping = map(plan, &MapOptions::shared())?;
    mapping.advise(.., Hint::Random)?;
    Ok(visit(plan, bytes(&mapping)))
}

fn visit(plan: &Plan, bytes: &[u8]) -> u64 {
    let len = plan.block.len;
    plan.block.order.iter().fold(0, |total: u64, block| {
        let start = *block as usize * len;
        total.wrapping_add(sum(&bytes[start..start + len]))
    })
}

fn read_pieces(plan: &Plan, scratch: &mut Scratch) -> Result<u64> {
    let mut file = File::open(plan.sample.path())?;
    let mut total = 0_u64;
    loop {
        match file.read(&mut scratch.piece)? {
            0 => return Ok(total),
            count => total = total.wrapping_add(sum(&scratch.piece[..count])),
        }
    }
}

fn pread(plan: &Plan, scratch: &mut Scratch, advice: Advice) -> Result<u64> {
    let file = File::open(plan.sample.path())?;
    if advice != Advice::Normal {
        fadvise(&file, 0, None, advice)?;
    }
    let len = plan.block.len;
    let piece = &mut scratch.piece[..len];
    plan.block.order.iter().try_fold(0, |total: u64, block| {
        file.read_exact_at(piece, block * len as u64)?;
        Ok(total.wrapping_add(sum(piece)))
    })
}

fn read_at(plan: &Plan, scratch: &mut Scratch) -> Result<u64> {
    let mapping = map(plan, &MapOptions::shared())?;
    let len = plan.block.len;
    let piece = &mut scratch.piece[..len];
    plan.block.order.iter().try_fold(0, |total: u64, block| {
        mapping.read_at(*block as usize * len, piece)?;
        Ok(total.wrapping_add(sum(piece)))
    })
}

/// Takes so much memory, touches it and gives it back.
pub fn touch_fresh_memory(len: usize) {
    let mut memory = vec![0_u8; len];
    memory.iter_mut().step_by(4096).for_each(|byte| *byte = 1);
    std::hint::black_box(&memory);
}
