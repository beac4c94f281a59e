//! Small files: asked for as they are found, and waited for when there are many.

use super::Run;
use super::read::{self, Bad};
use super::tally::{Tally, Work};
use std::collections::VecDeque;
use std::fs::File;

/// Files that are waited for together.
const FILES: usize = 256;
/// How many bytes are on their way at most.
const BYTES: u64 = 64 << 20;
/// Descriptors that are left to the search itself.
const OTHERS: usize = 64;

/// How many files each thread may keep open.
pub(super) fn files_at_once(threads: usize) -> usize {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).maximum;
    let limit = limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
    limit.saturating_sub(OTHERS).checked_div(threads.saturating_mul(2)).unwrap_or(1).clamp(1, FILES)
}

/// Files that were asked for and are not there yet, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Batch {
    files: VecDeque<(File, Work)>,
    bytes: u64,
}

impl Batch {
    /// Asks for a file, and waits for the oldest where they are many: others are always on their way.
    pub(super) fn add(
        &mut self,
        run: &Run,
        window: u64,
        (file, work): (File, Work),
        tally: &mut Tally,
    ) {
        if let Err(error) = read::ask(&file, &work.bytes, window) {
            tally.fail(&work.path, &error);
        }
        self.bytes = self.bytes.saturating_add(work.missing);
        self.files.push_back((file, work));
        while self.files.len() >= run.batch || self.bytes >= BYTES.min(run.at_once) {
            self.wait_for_one(run, tally);
        }
    }

    /// Waits for all, and counts again. Who is interrupted does not wait.
    pub(super) fn wait(&mut self, run: &Run, tally: &mut Tally) {
        while !self.files.is_empty() {
            self.wait_for_one(run, tally);
        }
    }

    fn wait_for_one(&mut self, run: &Run, tally: &mut Tally) {
        let Some((file, work)) = self.files.pop_front() else { return };
        let mut bad = Bad::default();
        if !run.interrupt.is_set() {
            run.waiting.wait(&file, &work.bytes, &mut bad);
        }
        self.bytes = self.bytes.saturating_sub(work.missing);
        run.progress.add(work.missing);
        tally.count_again(&file, &work, bad);
    }
}
