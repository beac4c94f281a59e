//! What a thread does with the files that it finds.

use super::Run;
use super::batch::Batch;
use super::exact;
use super::large::{self, Populated};
use super::read::{self, Bad};
use super::tally::{Tally, Work};
use super::window::Windows;
use crate::cache::{Residency, look};
use crate::extent::{Extent, Rounding};
use crate::output::units::pages;
use crate::select::{Found, Problem, Visitor};
use std::fs::File;

/// A file is large from here on: mapping a smaller one costs more than it saves.
const LARGE: u64 = 1 << 20;

/// One thread.
pub(super) struct Toucher<'run> {
    run: &'run Run,
    batch: Batch,
    windows: Windows,
    tally: Tally,
    /// Whether files were read in before, and are counted now.
    again: bool,
}

impl<'run> Toucher<'run> {
    pub(super) fn new(run: &'run Run, again: bool) -> Self {
        let (batch, windows, tally) = Default::default();
        Self { run, batch, windows, tally, again }
    }

    /// Waits for what is still on its way.
    pub(super) fn finish(mut self) -> Tally {
        self.batch.wait(self.run, &mut self.tally);
        self.tally
    }

    fn read_in(&mut self, file: File, work: Work, window: u64) {
        let run = self.run;
        if run.no_wait && !run.is_exact() {
            if let Err(error) = read::ask(&file, &work.bytes, window) {
                self.tally.fail(&work.path, &error);
            }
            run.progress.add(work.missing);
            return self.tally.asked(&work);
        }
        if !run.is_exact() && work.bytes.end.saturating_sub(work.bytes.start) < LARGE {
            return self.batch.add(run, window, (file, work), &mut self.tally);
        }
        let mut bad = Bad::default();
        let mut work = work;
        match self.large(&file, &work, window, &mut bad) {
            Ok(beyond) => work.beyond_budget = beyond,
            Err(error) => self.tally.fail(&work.path, &error),
        }
        if run.no_wait {
            return self.tally.asked(&work);
        }
        self.tally.count_again(&file, &work, bad);
    }

    /// Answers how many bytes the budget did not reach.
    fn large(&self, file: &File, work: &Work, window: u64, bad: &mut Bad) -> mman::Result<u64> {
        let mut from = work.bytes.start;
        // Pages that are mapped are hard to reclaim: where memory is little, none is mapped.
        if !self.run.is_exact() && self.run.at_once >= large::WINDOW {
            match large::populate(self.run, file, work, bad)? {
                Populated::Done => return Ok(0),
                Populated::Otherwise(start) => from = start,
            }
        }
        exact::read_in(self.run, (file, window), work, from, bad)
    }
}

impl Visitor for Toucher<'_> {
    fn file(&mut self, found: Found<'_>) {
        let extent = match Extent::of(self.run.asked, found.size, Rounding::Outwards) {
            Ok(extent) => extent,
            Err(error) => return self.tally.outside(&found, error),
        };
        self.tally.rounded(&extent);
        if extent.bytes.is_empty() {
            return self.tally.empty();
        }
        let (before, all) = match look(&found, &extent.bytes) {
            Residency::Known(known) => (Some(known.cached), known.pages),
            Residency::Unknown(why) => {
                if self.again {
                    return;
                }
                self.tally.unknown(&extent.bytes, why);
                (None, pages_of(&extent.bytes))
            }
        };
        let missing = pages(all.saturating_sub(before.unwrap_or(0)));
        let work = Work {
            path: found.path.to_owned(),
            bytes: extent.bytes,
            before,
            missing,
            beyond_budget: 0,
        };
        self.tally.found(&work, all);
        if missing == 0 || self.run.dry_run {
            return;
        }
        self.run.progress.more(missing);
        let window = self.windows.of(found.device).min(self.run.at_once).max(pages(1));
        self.read_in(found.file, work, window);
    }

    fn problem(&mut self, problem: &Problem<'_>) {
        self.tally.problem(problem);
    }
}

fn pages_of(bytes: &std::ops::Range<u64>) -> u64 {
    bytes.end.div_ceil(pages(1)).saturating_sub(bytes.start / pages(1))
}
