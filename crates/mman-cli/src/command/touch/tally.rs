//! What was there before, what is there now, and what kept the rest away.

use super::read::Bad;
use crate::cache::{Residency, Unknown, look_at};
use crate::extent::Extent;
use crate::failure::text_of;
use crate::output::units;
use crate::select::{Found, Problem};
use mman::RangeError;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// A file of which something is missing.
#[derive(Debug)]
pub(super) struct Work {
    pub(super) path: PathBuf,
    pub(super) bytes: Range<u64>,
    /// Pages that were there; `None` where nobody tells.
    pub(super) before: Option<u64>,
    /// In bytes.
    pub(super) missing: u64,
    /// In bytes.
    pub(super) beyond_budget: u64,
}

/// Files, and bytes of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Amount {
    pub(super) files: u64,
    pub(super) bytes: u64,
}

impl Amount {
    fn add(&mut self, bytes: u64) {
        self.files = self.files.saturating_add(1);
        self.bytes = self.bytes.saturating_add(bytes);
    }
}

/// What became of the files.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// How many were looked at.
    pub(super) files: u64,
    /// Pages of those whose pages are told.
    pub(super) pages: u64,
    /// Of these, there before.
    pub(super) before: u64,
    /// Of these, there afterwards.
    pub(super) after: u64,
    /// Bytes that were asked for and not waited for.
    pub(super) asked: u64,
    /// Pages of files that were read in, and that were reclaimed again.
    pub(super) evicted: u64,
    /// Pages that cannot be read.
    pub(super) bad: u64,
    /// Bytes that the budget did not reach.
    pub(super) beyond_budget: u64,
    /// Of which the kernel does not tell what is there, and why.
    pub(super) unknown: BTreeMap<String, Amount>,
    /// Files whose range was rounded, and one of them.
    pub(super) rounded: u64,
    pub(super) example: Option<Extent>,
    /// Files in directories that end before the range does.
    pub(super) outside: u64,
    /// A line for each thing that failed.
    pub(super) failures: BTreeSet<String>,
}

impl Tally {
    pub(super) fn found(&mut self, work: &Work, all: u64) {
        self.files = self.files.saturating_add(1);
        let Some(before) = work.before else { return };
        self.pages = self.pages.saturating_add(all);
        self.before = self.before.saturating_add(before);
        if work.missing == 0 {
            self.after = self.after.saturating_add(before);
        }
    }

    pub(super) fn empty(&mut self) {
        self.files = self.files.saturating_add(1);
    }

    pub(super) fn asked(&mut self, work: &Work) {
        let asked = work.missing.saturating_sub(work.beyond_budget);
        self.asked = self.asked.saturating_add(asked);
        self.beyond_budget = self.beyond_budget.saturating_add(work.beyond_budget);
    }

    /// Counts a file again, after it was read in.
    pub(super) fn count_again(&mut self, file: &File, work: &Work, bad: Bad) {
        if let Some((at, errno)) = bad.first {
            let why = text_of(&errno.into());
            self.failures
                .insert(format!("{}: byte {at} cannot be read: {why}", work.path.display()));
        }
        self.bad = self.bad.saturating_add(bad.pages);
        self.beyond_budget = self.beyond_budget.saturating_add(work.beyond_budget);
        let (Some(before), Residency::Known(known)) = (work.before, look_at(file, &work.bytes))
        else {
            return;
        };
        // The cache keeps a place for a page that could not be read.
        let there = known.cached.min(known.pages.saturating_sub(bad.pages));
        self.after = self.after.saturating_add(there);
        let evicted = known.details.map_or(0, |details| details.evicted);
        self.evicted = self.evicted.saturating_add(evicted);
        // A file that has become shorter has no more pages than it has.
        let all = before.saturating_add(units::pages_in(&(0..work.missing)));
        self.pages = self.pages.saturating_sub(all.saturating_sub(known.pages));
    }

    pub(super) fn unknown(&mut self, bytes: &Range<u64>, why: Unknown) {
        let len = bytes.end.saturating_sub(bytes.start);
        self.unknown.entry(why.short()).or_default().add(len);
    }

    pub(super) fn rounded(&mut self, extent: &Extent) {
        if extent.rounded_from.is_some() {
            self.rounded = self.rounded.saturating_add(1);
            self.example = Some(extent.clone());
        }
    }

    /// A range that a file does not have is an error where the file was named.
    pub(super) fn outside(&mut self, found: &Found<'_>, error: RangeError) {
        if found.path == found.below {
            self.failures.insert(format!("{}: {error}", found.path.display()));
        } else {
            self.outside = self.outside.saturating_add(1);
        }
    }

    pub(super) fn fail(&mut self, path: &Path, error: &mman::Error) {
        self.failures.insert(format!("{}: {error}", path.display()));
    }

    pub(super) fn problem(&mut self, problem: &Problem<'_>) {
        self.failures.insert(format!("{}: {}", problem.path.display(), problem.what));
    }

    /// What another thread has.
    pub(super) fn add(&mut self, other: Self) {
        let sum = |one: &mut u64, more: u64| *one = one.saturating_add(more);
        sum(&mut self.files, other.files);
        sum(&mut self.pages, other.pages);
        sum(&mut self.before, other.before);
        sum(&mut self.after, other.after);
        sum(&mut self.asked, other.asked);
        sum(&mut self.evicted, other.evicted);
        sum(&mut self.bad, other.bad);
        sum(&mut self.beyond_budget, other.beyond_budget);
        sum(&mut self.rounded, other.rounded);
        sum(&mut self.outside, other.outside);
        for (why, amount) in other.unknown {
            let ours = self.unknown.entry(why).or_default();
            sum(&mut ours.files, amount.files);
            sum(&mut ours.bytes, amount.bytes);
        }
        self.example = self.example.take().or(other.example);
        self.failures.extend(other.failures);
    }

    /// What a later round found, and did.
    pub(super) fn counted_again(&mut self, later: Self) {
        // The cache keeps places for pages that could not be read, so they are not missed in the later round.
        self.bad = self.bad.saturating_add(later.bad);
        self.pages = later.pages;
        self.after = later.after.min(later.pages.saturating_sub(self.bad));
        self.evicted = later.evicted;
        self.beyond_budget = later.beyond_budget;
        self.failures.extend(later.failures);
    }
}
