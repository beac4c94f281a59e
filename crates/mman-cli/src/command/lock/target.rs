//! Which bytes of which files are to be locked.

use crate::args;
use crate::cache::{Residency, look};
use crate::extent::{Extent, Rounding};
use crate::interrupt::Interrupt;
use crate::output::units::pages;
use crate::processes::FileId;
use crate::range::Asked;
use crate::select::{Found, Problem, Selection, Visitor};
use std::collections::BTreeSet;
use std::ops::Range;
use std::path::PathBuf;

/// A file, and the bytes of it.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) path: PathBuf,
    pub(super) id: FileId,
    /// There is one at least.
    pub(super) bytes: Range<u64>,
}

impl Target {
    /// Bytes of whole pages.
    pub(super) fn len(&self) -> u64 {
        let page = pages(1);
        let (start, end) = (self.bytes.start / page, self.bytes.end.div_ceil(page));
        pages(end.saturating_sub(start))
    }
}

/// What a search found.
#[derive(Debug, Default)]
pub(super) struct Scan {
    pub(super) targets: Vec<Target>,
    /// Of whole pages.
    pub(super) bytes: u64,
    /// Of these, not in memory.
    pub(super) missing: u64,
    pub(super) rounded: u64,
    pub(super) example: Option<Extent>,
    pub(super) failures: BTreeSet<String>,
}

/// Finds the files. They come in the order of their paths.
pub(super) fn scan(selection: &Selection, interrupt: &Interrupt, args: &args::Lock) -> Scan {
    let asked = args.range.unwrap_or(Asked::Whole);
    let (parts, _counts) = selection.visit(interrupt, || Scanner { asked, scan: Scan::default() });
    let mut all = Scan::default();
    for Scanner { scan, .. } in parts {
        all.targets.extend(scan.targets);
        all.bytes = all.bytes.saturating_add(scan.bytes);
        all.missing = all.missing.saturating_add(scan.missing);
        all.rounded = all.rounded.saturating_add(scan.rounded);
        all.example = all.example.or(scan.example);
        all.failures.extend(scan.failures);
    }
    all.targets.sort_by(|one, other| one.path.cmp(&other.path));
    all
}

struct Scanner {
    asked: Asked,
    scan: Scan,
}

impl Visitor for Scanner {
    fn file(&mut self, found: Found<'_>) {
        let extent = match Extent::of(self.asked, found.size, Rounding::Outwards) {
            Ok(extent) => extent,
            Err(error) if found.path == found.below => {
                self.scan.failures.insert(format!("{}: {error}", found.path.display()));
                return;
            }
            Err(_) => return, // too short to have these bytes
        };
        if extent.rounded_from.is_some() {
            self.scan.rounded = self.scan.rounded.saturating_add(1);
            self.scan.example = Some(extent.clone());
        }
        if extent.bytes.is_empty() {
            return;
        }
        let id = FileId { device: found.device, inode: found.inode };
        let target = Target { path: found.path.to_owned(), id, bytes: extent.bytes };
        self.scan.bytes = self.scan.bytes.saturating_add(target.len());
        let missing = match look(&found, &target.bytes) {
            Residency::Known(known) => pages(known.pages.saturating_sub(known.cached)),
            Residency::Unknown(_) => target.len(),
        };
        self.scan.missing = self.scan.missing.saturating_add(missing);
        self.scan.targets.push(target);
    }

    fn problem(&mut self, problem: &Problem<'_>) {
        let line = format!("{}: {}", problem.path.display(), problem.what);
        self.scan.failures.insert(line);
    }
}
