//! `log`: appending short records, each of them in the page cache when the call returns, so that `kill -9` loses none;
//! and how long opening takes after a death.

use crate::failure::Result;
use crate::machine;
use crate::measure::{Samples, interleave};
use crate::table::{Table, ratio, spread, time};
use mman::log::AppendLog;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::Mutex;
use std::time::Instant;
use tracing_appender::rolling::{self, RollingFileAppender};
use tracing_subscriber::fmt::MakeWriter;

const ROUNDS: usize = 21;
/// Records of a sample, by all threads together.
const RECORDS: usize = 200_000;
const RECORD: [u8; 100] = [b'x'; 100];
/// The log whose opening is measured.
const LARGE: u64 = 1 << 30;
const OPENINGS: usize = 21;

/// Something that takes records from any thread.
trait Sink: Sync {
    fn append(&self, record: &[u8]) -> Result<()>;
}

impl Sink for AppendLog {
    fn append(&self, record: &[u8]) -> Result<()> {
        Self::append(self, record)?;
        Ok(())
    }
}

/// A file in append mode, one `write` a record, a lock around it.
impl Sink for Mutex<File> {
    fn append(&self, record: &[u8]) -> Result<()> {
        Ok(self.lock().map_err(|_| "a thread panicked")?.write_all(record)?)
    }
}

/// The same without a lock: the kernel has one.
impl Sink for File {
    fn append(&self, record: &[u8]) -> Result<()> {
        let mut file = self;
        Ok(file.write_all(record)?)
    }
}

impl Sink for RollingFileAppender {
    fn append(&self, record: &[u8]) -> Result<()> {
        Ok(self.make_writer().write_all(record)?)
    }
}

type Contender = (&'static str, fn(&Path) -> Result<Box<dyn Sink>>);

const CONTENDERS: &[Contender] = &[
    ("AppendLog", |folder| Ok(Box::new(AppendLog::open(folder.join("log"))?))),
    ("write, mutex", |folder| Ok(Box::new(Mutex::new(appending(folder)?)))),
    ("write, O_APPEND", |folder| Ok(Box::new(appending(folder)?))),
    ("tracing-appender", |folder| Ok(Box::new(rolling::never(folder, "log")))),
];

fn appending(folder: &Path) -> Result<File> {
    Ok(File::options().append(true).create_new(true).open(folder.join("log"))?)
}

pub fn run() -> Result<()> {
    println!("{}", machine::header("log", &format!("{ROUNDS} rounds of {RECORDS} records")));
    println!("### Appending a record of 100 bytes, the same guarantee: it survives kill -9\n");
    let mut head = vec!["threads"];
    head.extend(CONTENDERS.iter().map(|one| one.0));
    head.push("p10 - p90 of ours to tracing-appender");
    let mut table = Table::of(1, &head);
    for threads in [1, 4] {
        let mut turns = CONTENDERS.to_vec();
        let runs = interleave(ROUNDS, &mut turns, |(_, make)| sample(*make, threads))?;
        let samples: Vec<Samples> = runs.into_iter().map(Samples::new).collect();
        let mut row = vec![threads.to_string()];
        for one in &samples {
            row.push(format!("{} ({})", time(one.median()), ratio(&one.ratio_to(&samples[0]))));
        }
        row.push(spread(&samples[3].ratio_to(&samples[0]), |value| format!("{value:.2}")));
        table.row(row);
    }
    println!("{table}");
    println!(
        "Each cell: the median time for a record, and how many times that of AppendLog it is.\n"
    );
    opening()
}

/// Seconds for a record.
fn sample(make: fn(&Path) -> Result<Box<dyn Sink>>, threads: usize) -> Result<f64> {
    let folder = tempfile::tempdir()?;
    let sink = make(folder.path())?;
    let each = RECORDS / threads;
    let begin = Instant::now();
    std::thread::scope(|scope| {
        let work = || (0..each).all(|_| sink.append(&RECORD).is_ok());
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
        let ours = work();
        let theirs = others.into_iter().all(|other| other.join().unwrap_or(false));
        if ours && theirs { Ok(()) } else { Err("an append failed") }
    })?;
    Ok(begin.elapsed().as_secs_f64() / (each * threads) as f64)
}

/// How long a log of a GiB takes to open after its writer has died.
fn opening() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("log");
    let log = AppendLog::open(&path)?;
    while log.append(&RECORD)?.offset < LARGE {}
    drop(log); // the file is as a death leaves it: nothing is written when a log is closed
    let times = (0..OPENINGS).map(|_| {
        let begin = Instant::now();
        let log = AppendLog::open(&path)?;
        let taken = begin.elapsed().as_secs_f64();
        drop(log);
        Ok(taken)
    });
    let times = Samples::new(times.collect::<Result<Vec<_>>>()?);
    println!("### Opening a log of 1 GiB after a death\n");
    println!("median {}, p10 - p90 {}\n", time(times.median()), spread(&times, time));
    Ok(())
}
