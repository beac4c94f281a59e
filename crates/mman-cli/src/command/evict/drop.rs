//! What a thread does with the files that it finds: count, drop, count again.

use super::Run;
use crate::cache::{Details, Known, Residency, Unknown, look, look_at};
use crate::extent::{Extent, Rounding};
use crate::failure::text_of;
use crate::output::units::pages;
use crate::processes::FileId;
use crate::select::{Found, Problem, Visitor};
use mman::{CacheStatus, FileAdvice};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// A file of which pages are left.
#[derive(Debug)]
pub(super) struct Left {
    pub(super) path: PathBuf,
    pub(super) id: FileId,
    pub(super) bytes: Range<u64>,
    /// Pages that were changed and not written back, before anything was dropped.
    pub(super) dirty_before: u64,
    /// What there is now.
    pub(super) now: Known,
    /// The name of the file system, where it is in memory and nowhere else.
    pub(super) memory: Option<&'static str>,
}

/// What became of the files.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) files: u64,
    /// Pages of the ranges.
    pub(super) pages: u64,
    /// Of these, cached before.
    pub(super) before: u64,
    /// Of which the kernel does not tell what is there: how many files, and why.
    pub(super) unknown: BTreeMap<String, u64>,
    pub(super) left: Vec<Left>,
    pub(super) rounded: u64,
    pub(super) example: Option<Extent>,
    pub(super) outside: u64,
    pub(super) failures: BTreeSet<String>,
}

impl Tally {
    pub(super) fn add(&mut self, other: Self) {
        let sum = |one: &mut u64, more: u64| *one = one.saturating_add(more);
        sum(&mut self.files, other.files);
        sum(&mut self.pages, other.pages);
        sum(&mut self.before, other.before);
        sum(&mut self.rounded, other.rounded);
        sum(&mut self.outside, other.outside);
        for (why, files) in other.unknown {
            sum(self.unknown.entry(why).or_default(), files);
        }
        self.left.extend(other.left);
        self.example = self.example.take().or(other.example);
        self.failures.extend(other.failures);
    }

    fn unknown(&mut self, why: Unknown) {
        let files = self.unknown.entry(why.short()).or_default();
        *files = files.saturating_add(1);
    }

    pub(super) fn fail(&mut self, path: &Path, why: &str) {
        self.failures.insert(format!("{}: {why}", path.display()));
    }
}

/// One thread.
pub(super) struct Evicter<'run> {
    run: &'run Run,
    tally: Tally,
}

impl<'run> Evicter<'run> {
    pub(super) fn new(run: &'run Run) -> Self {
        Self { run, tally: Tally::default() }
    }

    pub(super) fn finish(self) -> Tally {
        self.tally
    }

    /// The bytes that are meant; `None` where there are none.
    fn extent(&mut self, found: &Found<'_>) -> Option<Range<u64>> {
        let extent = match self.run.keep_tail {
            Some(tail) => Ok(Extent::but_the_last(tail, found.size)),
            None => Extent::of(self.run.asked, found.size, Rounding::Inwards),
        };
        let extent = match extent {
            Ok(extent) => extent,
            Err(error) if found.path == found.below => {
                self.tally.fail(found.path, &error.to_string());
                return None;
            }
            Err(_) => {
                self.tally.outside = self.tally.outside.saturating_add(1);
                return None;
            }
        };
        if extent.rounded_from.is_some() {
            self.tally.rounded = self.tally.rounded.saturating_add(1);
            self.tally.example = Some(extent.clone());
        }
        (!extent.bytes.is_empty()).then_some(extent.bytes)
    }

    /// Writes back what was changed, where that is wanted, and drops. What could not be done is told.
    fn drop_from_cache(&mut self, found: &Found<'_>, bytes: &Range<u64>, details: Option<Details>) {
        let unwritten = details.is_none_or(|details| details.dirty > 0 || details.writeback > 0);
        if self.run.sync
            && unwritten
            && let Err(error) = found.file.sync_data()
        {
            self.tally.fail(found.path, &format!("write back: {}", text_of(&error)));
        }
        if let Err(error) = FileAdvice::DontNeed.tell(&found.file, bytes.clone()) {
            self.tally.fail(found.path, &error.to_string());
        }
    }
}

impl Visitor for Evicter<'_> {
    fn file(&mut self, found: Found<'_>) {
        self.tally.files = self.tally.files.saturating_add(1);
        let Some(bytes) = self.extent(&found) else { return };
        let before = match look(&found, &bytes) {
            Residency::Known(known) => known,
            Residency::Unknown(why) => {
                self.tally.unknown(why);
                if !self.run.dry_run {
                    self.drop_from_cache(&found, &bytes, None);
                }
                return;
            }
        };
        self.tally.pages = self.tally.pages.saturating_add(before.pages);
        self.tally.before = self.tally.before.saturating_add(before.cached);
        if before.cached == 0 {
            return;
        }
        let mut now = before;
        if !self.run.dry_run {
            self.run.progress.more(pages(before.cached));
            self.drop_from_cache(&found, &bytes, before.details);
            self.run.progress.add(pages(before.cached));
            // Mostly nothing is left, and one call tells.
            if before.details.is_some()
                && CacheStatus::of(&found.file, bytes.clone())
                    .is_ok_and(|status| status.cached == 0)
            {
                return;
            }
            match look_at(&found.file, &bytes) {
                Residency::Known(known) => now = known,
                Residency::Unknown(why) => return self.tally.unknown(why),
            }
        }
        if now.cached > 0 {
            self.tally.left.push(Left {
                path: found.path.to_owned(),
                id: FileId { device: found.device, inode: found.inode },
                bytes,
                dirty_before: before.details.map_or(0, |details| details.dirty),
                now,
                memory: in_memory(&found.file),
            });
        }
    }

    fn problem(&mut self, problem: &Problem<'_>) {
        self.tally.fail(problem.path, &problem.what.to_string());
    }
}

/// The file systems whose files are nowhere but in memory (`linux/magic.h`).
fn in_memory(file: &File) -> Option<&'static str> {
    let system = rustix::fs::fstatfs(file).ok()?;
    match u64::try_from(system.f_type).ok()? {
        0x0102_1994 => Some("tmpfs"),
        0x8584_58f6 => Some("ramfs"),
        0x9584_58f6 => Some("hugetlbfs"),
        _ => None,
    }
}
