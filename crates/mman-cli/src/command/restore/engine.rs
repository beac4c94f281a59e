//! Reading runs of files in, by many readers.
//!
//! Measured for 7,663 scattered runs of a file on a fast disk: one reader by `pread` 0.51 s; 32 readers 0.10 to 0.12 s;
//! `WILLNEED` for a batch of runs and then a wait 0.085 to 0.10 s, with one reader or 32, at half the processor time; mapping each run
//! and populating it 0.21 to 0.27 s. Of runs of many MiB, `WILLNEED` took 0.6 s for a GiB where `pread` took 1.0 s and
//! populating without read-ahead 22 s. So that is done, by several readers: opening files, and finding their blocks, waits for
//! the disk too.

use super::target::{Done, Target};
use super::tell::Tally;
use crate::cache::{Residency, look_at};
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::output::progress::Progress;
use mman::{FileAdvice, FileObject, PageSize};
use rustix::io::Errno;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

/// What a reader takes at once: so many runs,
const RUNS: usize = 64;
/// so many bytes,
const BYTES: u64 = 4 << 20;
/// of so many files, which are open at the same time.
const FILES: usize = 16;
/// One call reads in no more than the read-ahead of the device, which is seldom less than this.
const CHUNK: u64 = 128 << 10;

/// What is done with a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Work {
    /// It is read in.
    Read,
    /// What of it is in memory is counted.
    Count,
}

/// What the readers share.
pub(super) struct Engine<'run> {
    work: Work,
    /// How many bytes may be read in still.
    budget: AtomicU64,
    tally: &'run Tally,
    progress: &'run Progress,
    interrupt: &'run Interrupt,
}

/// Runs of a file, in bytes.
struct Part {
    target: Arc<Target>,
    ranges: Vec<Range<u64>>,
}

/// Where runs go to.
pub(super) struct Sender<'run> {
    to: SyncSender<Vec<Part>>,
    job: Vec<Part>,
    runs: usize,
    bytes: u64,
    tally: &'run Tally,
}

impl Sender<'_> {
    /// Adds a run: in pieces, where it is long, so that several readers have it.
    pub(super) fn range(&mut self, target: &Arc<Target>, range: Range<u64>) {
        let mut start = range.start;
        while start < range.end {
            let end = start.saturating_add(BYTES).min(range.end);
            self.piece(target, start..end);
            start = end;
        }
    }

    fn piece(&mut self, target: &Arc<Target>, range: Range<u64>) {
        self.runs = self.runs.saturating_add(1);
        self.bytes = self.bytes.saturating_add(range.end.saturating_sub(range.start));
        match self.job.last_mut() {
            Some(last) if Arc::ptr_eq(&last.target, target) => last.ranges.push(range),
            _ => self.job.push(Part { target: Arc::clone(target), ranges: vec![range] }),
        }
        if self.runs >= RUNS || self.bytes >= BYTES {
            self.send();
        }
    }

    /// Says that no more of a file comes.
    pub(super) fn end(&mut self, target: Arc<Target>) {
        self.tally.ended(target);
        if self.job.len() >= FILES {
            self.send();
        }
    }

    fn send(&mut self) {
        (self.runs, self.bytes) = (0, 0);
        // Readers are there until this end is dropped.
        let _sent = self.to.send(std::mem::take(&mut self.job));
    }
}

impl<'run> Engine<'run> {
    pub(super) const fn new(
        work: Work,
        budget: u64,
        tally: &'run Tally,
        progress: &'run Progress,
        interrupt: &'run Interrupt,
    ) -> Self {
        Self { work, budget: AtomicU64::new(budget), tally, progress, interrupt }
    }

    /// Starts the readers, gives them what `feed` sends, and waits for them.
    pub(super) fn run(
        &self,
        readers: usize,
        feed: impl FnOnce(&mut Sender<'run>) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let (to, from) = sync_channel::<Vec<Part>>(readers);
        let from = Mutex::new(from);
        std::thread::scope(|scope| {
            for _ in 0..readers {
                // Where no more threads can be had, those that are there do the work.
                let name = std::thread::Builder::new().name("reader".to_owned());
                if name.stack_size(128 << 10).spawn_scoped(scope, || self.read(&from)).is_err() {
                    break;
                }
            }
            let mut sender = Sender { to, job: Vec::new(), runs: 0, bytes: 0, tally: self.tally };
            let fed = feed(&mut sender);
            if !sender.job.is_empty() {
                sender.send();
            }
            fed
        })
    }

    fn read(&self, from: &Mutex<Receiver<Vec<Part>>>) {
        loop {
            let next = from.lock().unwrap_or_else(PoisonError::into_inner).recv();
            let Ok(job) = next else { return };
            if !self.interrupt.is_set() {
                self.job(&job);
            }
            for part in job {
                self.tally.ended(part.target);
            }
        }
    }

    /// All runs of a job are asked for before any is waited for.
    fn job(&self, job: &[Part]) {
        let mut asked: Vec<Asked<'_>> = Vec::new();
        for part in job {
            let Ok(file) = part.target.open() else { continue };
            for range in &part.ranges {
                if let Some(one) = self.ask(&part.target, file, range) {
                    asked.push(one);
                }
            }
        }
        for one in asked {
            self.wait(&one);
        }
    }

    /// Counts what is there, and asks for the rest.
    fn ask<'job>(
        &self,
        target: &'job Target,
        file: &'job FileObject,
        range: &Range<u64>,
    ) -> Option<Asked<'job>> {
        let len = range.end.saturating_sub(range.start);
        let before = here(target, file, range);
        let done = Done::default();
        done.asked.store(len, Relaxed);
        done.already.store(before.unwrap_or(0), Relaxed);
        let lacking = len.saturating_sub(before.unwrap_or(0));
        if self.work == Work::Count || lacking == 0 {
            if before.is_some() {
                done.missing.store(lacking, Relaxed);
            }
            target.done.add(&done);
            self.progress.add(len);
            return None;
        }
        let granted = self.grant(lacking);
        let (range, before, wanted) = if granted == lacking {
            (range.clone(), before, lacking)
        } else {
            // Where the budget ends, so many pages from the start: no more can be lacking of them.
            let range = range.start..range.start.saturating_add(granted);
            let before = here(target, file, &range);
            let wanted = granted.saturating_sub(before.unwrap_or(0));
            done.left_out.store(lacking.saturating_sub(wanted), Relaxed);
            (range, before, wanted)
        };
        target.done.add(&done);
        self.progress.add(len.saturating_sub(range.end.saturating_sub(range.start)));
        if wanted == 0 {
            return None;
        }
        let mut at = range.start;
        while at < range.end {
            let next = at.saturating_add(CHUNK).min(range.end);
            // What it does not do is done by reading.
            let _hint = file.advise(at..next.min(target.size()), FileAdvice::WillNeed);
            at = next;
        }
        Some(Asked { target, file, range, before, wanted })
    }

    /// Takes so much of the budget, or what is left of it, in whole pages.
    fn grant(&self, wanted: u64) -> u64 {
        let page = PageSize::base().bytes() as u64;
        let mut granted = 0;
        let _always = self.budget.fetch_update(Relaxed, Relaxed, |left| {
            granted = wanted.min(left & !page.wrapping_sub(1));
            Some(left.saturating_sub(granted))
        });
        granted
    }

    /// Waits for each page, by a byte of it: so that it is known that it can be read. Then counts again.
    fn wait(&self, asked: &Asked<'_>) {
        let Asked { target, file, range, before, wanted } = asked;
        let page = PageSize::base().bytes() as u64;
        let mut at = range.start;
        while at < range.end && !self.interrupt.is_set() {
            let mut byte = [0];
            match rustix::io::pread(file.file(), &mut byte, at) {
                Ok(0) => break, // truncated meanwhile
                Ok(_) => {}
                Err(Errno::INTR) => continue,
                Err(errno) => target.has_failed(errno),
            }
            at = at.saturating_add(page);
        }
        let done = Done::default();
        let len = range.end.saturating_sub(range.start);
        match (before, here(target, file, range)) {
            (Some(before), Some(after)) => {
                let came = after.saturating_sub(*before).min(*wanted);
                done.restored.store(came, Relaxed);
                done.missing.store(wanted.saturating_sub(came), Relaxed);
            }
            _ => done.uncounted.store(at.min(range.end).saturating_sub(range.start), Relaxed),
        }
        target.done.add(&done);
        self.progress.add(len);
    }
}

/// A run that was asked for, and is to be waited for.
struct Asked<'job> {
    target: &'job Target,
    file: &'job FileObject,
    range: Range<u64>,
    /// What of it was in memory, if that is known.
    before: Option<u64>,
    /// How much of it is to come in.
    wanted: u64,
}

/// How many bytes of a run are in memory, in whole pages.
fn here(target: &Target, file: &FileObject, range: &Range<u64>) -> Option<u64> {
    match look_at(file.file(), &(range.start..range.end.min(target.size()))) {
        Residency::Known(known) => {
            let len = range.end.saturating_sub(range.start);
            Some((known.cached << PageSize::base().log2()).min(len))
        }
        Residency::Unknown(why) => {
            target.is_not_counted(why);
            None
        }
    }
}
