//! What two lists of runs have in common, found as both go by.

use crate::snapshot::{Malformed, SnapshotFile};
use std::ops::Range;

/// Runs of a snapshot's file beside others, which come in order too. All in bytes.
pub(super) struct Beside<'reader> {
    from: &'reader mut SnapshotFile,
    page: u64,
    runs: std::vec::IntoIter<Range<u64>>,
    current: Option<Range<u64>>,
    found: Shares,
}

/// How much each of two moments had in memory, and how much both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Shares {
    pub(super) before: u64,
    pub(super) after: u64,
    pub(super) both: u64,
}

impl Shares {
    pub(super) const fn came(self) -> u64 {
        self.after.saturating_sub(self.both)
    }

    pub(super) const fn went(self) -> u64 {
        self.before.saturating_sub(self.both)
    }
}

impl<'reader> Beside<'reader> {
    /// The reader is at the runs of the file.
    pub(super) fn new(from: &'reader mut SnapshotFile) -> Self {
        let page = from.header().page;
        let runs = Vec::new().into_iter();
        Self { from, page, runs, current: None, found: Shares::default() }
    }

    /// The run that is not passed yet.
    fn current(&mut self) -> Result<Option<Range<u64>>, Malformed> {
        if self.current.is_none() {
            if self.runs.len() == 0 {
                self.runs = self.from.next_runs()?.unwrap_or_default().into_iter();
            }
            self.current = self
                .runs
                .next()
                .map(|run| run.start.saturating_mul(self.page)..run.end.saturating_mul(self.page));
            if let Some(run) = &self.current {
                let len = run.end.saturating_sub(run.start);
                self.found.before = self.found.before.saturating_add(len);
            }
        }
        Ok(self.current.clone())
    }

    /// A run of the later moment.
    pub(super) fn after(&mut self, run: &Range<u64>) -> Result<(), Malformed> {
        let len = run.end.saturating_sub(run.start);
        self.found.after = self.found.after.saturating_add(len);
        while let Some(before) = self.current()? {
            if before.start >= run.end {
                break;
            }
            let both = before.end.min(run.end).saturating_sub(before.start.max(run.start));
            self.found.both = self.found.both.saturating_add(both);
            if before.end > run.end {
                break;
            }
            self.current = None;
        }
        Ok(())
    }

    /// Nothing more comes.
    pub(super) fn finish(mut self) -> Result<Shares, Malformed> {
        while self.current()?.is_some() {
            self.current = None;
        }
        Ok(self.found)
    }
}
