//! What each thread of the search does: it looks at files, and keeps a row of each, a sum of them, or only lines.

use super::Plan;
use super::row::{Row, Sums, Why, compare};
use crate::args::{By, Sort};
use crate::cache::{self, Residency};
use crate::output::units;
use crate::select::{Found, Problem, Visitor, What};
use std::collections::HashMap;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::SyncSender;

/// So many bytes of lines go out at once.
const LINES: usize = 1 << 14;

/// A visitor.
pub(super) struct Look<'plan> {
    plan: &'plan Plan<'plan>,
    pub(super) kept: Kept,
    pub(super) sums: Sums,
    /// What could not be looked at or into, besides files, and why.
    pub(super) problems: Vec<(PathBuf, String)>,
    /// How many files are unknown, by the reason.
    pub(super) reasons: HashMap<String, u64>,
    lines: Vec<u8>,
    sender: Option<SyncSender<Vec<u8>>>,
}

/// What is kept of files.
#[derive(Debug, Default)]
pub(super) struct Kept {
    pub(super) rows: Vec<Row>,
    pub(super) groups: HashMap<Box<[u8]>, Sums>,
}

impl<'plan> Look<'plan> {
    pub(super) fn new(plan: &'plan Plan<'plan>, sender: Option<SyncSender<Vec<u8>>>) -> Self {
        Self {
            plan,
            kept: Kept::default(),
            sums: Sums::default(),
            problems: Vec::new(),
            reasons: HashMap::new(),
            lines: Vec::new(),
            sender,
        }
    }

    /// Hands on the lines that are held back.
    fn flush(&mut self) {
        let lines = std::mem::take(&mut self.lines);
        if self.sender.as_ref().is_some_and(|sender| sender.send(lines).is_err()) {
            // Nobody writes them any more.
            self.plan.interrupt.set();
        }
    }

    /// Hands on the last lines: no more come.
    pub(super) fn end(&mut self) {
        self.flush();
        self.sender = None;
    }

    fn keep(&mut self, row: impl FnOnce(&Plan<'_>) -> Row, sums: &Sums, path: &Path) {
        self.sums.add(sums);
        let plan = self.plan;
        if plan.args.by != By::File {
            let key = group_of(path, plan.args.by);
            if let Some(group) = self.kept.groups.get_mut(key) {
                group.add(sums);
            } else {
                self.kept.groups.insert(key.into(), *sums);
            }
        } else if plan.args.top == Some(0) || plan.args.output.quiet {
        } else if plan.sort == Sort::None {
            plan.line(&mut self.lines, &row(plan));
            if self.lines.len() >= LINES {
                self.flush();
            }
        } else {
            self.kept.rows.push(row(plan));
            if let Some(top) = plan.args.top
                && self.kept.rows.len() >= top.saturating_mul(2).max(1024)
            {
                keep_top(&mut self.kept.rows, top, plan.sort);
            }
        }
    }

    fn unknown(&mut self, (path, below): (&Path, &Path), size: u64, why: Why) {
        let count = self.reasons.entry(why.short()).or_insert(0);
        *count = count.saturating_add(1);
        let range = self.plan.range(size);
        let size = range.end.saturating_sub(range.start);
        let sums = Sums::unknown(size, units::covering(&range));
        let row = |plan: &Plan<'_>| Row { why: Some(why), ..plan.row(path, below, sums) };
        self.keep(row, &sums, path);
    }
}

impl Visitor for Look<'_> {
    fn finish(&mut self) {
        // Each thread sorts its own: what remains is to merge them.
        let sort = self.plan.sort;
        self.kept.rows.sort_by(|a, b| compare(sort, a, b));
    }

    fn file(&mut self, found: Found<'_>) {
        if let Some(error) = self.plan.past_end(&found) {
            return self.problems.push((found.path.to_owned(), error.to_string()));
        }
        let range = self.plan.range(found.size);
        let known = match cache::look(&found, &range) {
            Residency::Known(known) => known,
            Residency::Unknown(unknown) => {
                let names = (found.path, found.below);
                return self.unknown(names, found.size, Why::Uncounted(unknown));
            }
        };
        let sums = Sums::known(&known);
        let args = self.plan.args;
        let is_clean = sums.unwritten() == 0 && sums.half_known == 0;
        if (args.only_cached && sums.cached == 0) || (args.dirty && is_clean) {
            return;
        }
        let row = |plan: &Plan<'_>| {
            let mut row = plan.row(found.path, found.below, sums);
            let cells = plan.layout.picture.filter(|_| known.pages > 0);
            row.picture = cells.and_then(|cells| cache::picture(&found, &range, &known, cells));
            let folios = plan.folios.as_ref();
            row.folios = folios.and_then(|folios| folios.of(&found, &range)).map(Box::new);
            row
        };
        self.keep(row, &sums, found.path);
    }

    fn problem(&mut self, problem: &Problem<'_>) {
        match problem.what {
            What::File(_) => {
                let names = (problem.path, problem.below);
                self.unknown(names, problem.size.unwrap_or(0), Why::Unopened(problem.what));
            }
            what => self.problems.push((problem.path.to_owned(), what.to_string())),
        }
    }
}

/// Which group a file belongs to: its directory, or its extension.
fn group_of(path: &Path, by: By) -> &[u8] {
    let part = match by {
        By::Ext => path.extension(),
        By::File | By::Dir => path.parent().map(Path::as_os_str),
    };
    match (part.map(OsStrExt::as_bytes).unwrap_or_default(), by) {
        (b"", By::Ext) => b"(none)",
        (b"", _) => b".",
        (part, _) => part,
    }
}

/// Leaves the first so many rows, in their order.
pub(super) fn keep_top(rows: &mut Vec<Row>, top: usize, sort: Sort) {
    rows.sort_by(|a, b| compare(sort, a, b));
    rows.truncate(top);
}
