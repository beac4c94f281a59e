//! `sync`: few stores here and there and a sync, by the way they are made and by how the file is cached.

use crate::failure::Result;
use crate::file::{Fill, Noise, PAGE, Sample};
use crate::machine;
use crate::measure::{Samples, interleave};
use crate::table::{Table, bytes, ratio, spread, time};
use mman::{FileObject, MapOptions, SharedMut, Sync};
use std::os::unix::fs::MetadataExt;
use std::time::Instant;

const ROUNDS: usize = 11;
const LEN: u64 = 512 << 20;
const STORES: usize = 64;

/// How a few bytes are written.
#[derive(Clone, Copy)]
enum How {
    Store,
    Through,
}

struct Contender {
    name: &'static str,
    how: How,
    view: SharedMut,
    sample: Sample,
    noise: Noise,
}

impl Contender {
    fn new(name: &'static str, how: How, random: bool) -> Result<Self> {
        let sample = Sample::new(LEN)?;
        let options = MapOptions::shared();
        let options = if random { options.random_access() } else { options };
        let file = FileObject::open_read_write(sample.path())?;
        let view = SharedMut::keeping(&options, file)?;
        sample.warm(if random { Fill::Random } else { Fill::Sequential })?;
        Ok(Self { name, how, view, sample, noise: Noise::new(3) })
    }

    /// Stores and syncs. Answers the seconds of both, and how many bytes went to the disk meanwhile.
    fn round(&mut self) -> Result<[f64; 3]> {
        let before = written(&self.sample)?;
        let start = Instant::now();
        for _ in 0..STORES {
            let at = (self.noise.next() % (LEN / PAGE) * PAGE) as usize;
            let bytes = self.noise.next().to_le_bytes();
            match self.how {
                How::Store => self.view.write_at(at, &bytes)?,
                How::Through => self.view.write_through(at, &bytes)?,
            }
        }
        let stored = start.elapsed().as_secs_f64();
        self.view.sync(.., Sync::Data)?;
        let whole = start.elapsed().as_secs_f64();
        let count = written(&self.sample)? - before;
        Ok([stored, whole, count as f64])
    }
}

/// How many bytes the device of a file has been given to write, by anybody.
fn written(sample: &Sample) -> Result<u64> {
    let device = std::fs::metadata(sample.path())?.dev();
    let (major, minor) = (rustix::fs::major(device), rustix::fs::minor(device));
    let stat = std::fs::read_to_string(format!("/sys/dev/block/{major}:{minor}/stat"))?;
    let sectors = stat.split_ascii_whitespace().nth(6).ok_or("no count of sectors")?;
    Ok(sectors.parse::<u64>()? * 512)
}

pub fn run() -> Result<()> {
    let about = format!("{ROUNDS} rounds, {STORES} stores of 8 bytes to random pages of 512 MiB");
    println!("{}", machine::header("sync", &about));
    let mut contenders = [
        Contender::new("stores, large folios", How::Store, false)?,
        Contender::new("write_through, large folios", How::Through, false)?,
        Contender::new("stores, random_access", How::Store, true)?,
        Contender::new("write_through, random_access", How::Through, true)?,
    ];
    let given = interleave(ROUNDS, &mut contenders, Contender::round)?;
    let head =
        ["way", "stores", "with the sync", "p10 - p90", "of plain", "to the disk", "of the pages"];
    let mut table = Table::new(1, head);
    let of = |place: usize, which: usize| Samples::new(given[place].iter().map(|run| run[which]));
    let plain = of(0, 1);
    for (place, contender) in contenders.iter().enumerate() {
        let [stored, whole, count] = [0, 1, 2].map(|which| of(place, which));
        table.row([
            contender.name.into(),
            time(stored.median()),
            time(whole.median()),
            spread(&whole, time),
            ratio(&whole.ratio_to(&plain)),
            bytes(count.median() as u64),
            format!("{:.1}", count.median() / (STORES as f64 * PAGE as f64)),
        ]);
    }
    println!("{table}");
    Ok(())
}
