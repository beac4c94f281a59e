//! What a restore has done, told.

use super::plan::{Plan, state};
use super::target::{Done, Target};
use crate::args;
use crate::failure::{Failure, report, text_of};
use crate::outcome::Outcome;
use crate::output::Printer;
use crate::output::json::{self, JsonPath, Record};
use crate::output::terminal::shown;
use crate::output::units::{Units, many};
use crate::snapshot::Unusable;
use serde::Serialize;
use std::collections::BTreeSet;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// So many files with errors are told by name.
const NAMED: u64 = 10;

/// What came of all files.
#[derive(Debug)]
pub(super) struct Tally {
    /// A line of JSON for each file.
    lines: bool,
    done: Done,
    changed: AtomicU64,
    gone: AtomicU64,
    unreadable: AtomicU64,
    /// Why pages of files could not be counted.
    unknown: Mutex<BTreeSet<String>>,
}

impl Tally {
    pub(super) fn new(lines: bool) -> Self {
        Self {
            lines,
            done: Done::default(),
            changed: AtomicU64::new(0),
            gone: AtomicU64::new(0),
            unreadable: AtomicU64::new(0),
            unknown: Mutex::new(BTreeSet::new()),
        }
    }

    pub(super) fn restored(&self) -> u64 {
        self.done.restored.load(Relaxed)
    }

    /// Someone is done with a file. The last one is: then it is added up.
    pub(super) fn ended(&self, target: Arc<Target>) {
        if let Some(target) = Arc::into_inner(target) {
            self.add(&target);
        }
    }

    fn add(&self, target: &Target) {
        self.done.add(&target.done);
        let count = match (target.unusable(), target.failure()) {
            (Some(Unusable::Changed), _) => Some(&self.changed),
            (Some(Unusable::Gone), _) => Some(&self.gone),
            (Some(Unusable::Error(_)), _) | (None, Some(_)) => Some(&self.unreadable),
            (None, None) => None,
        };
        let before = count.map_or(0, |count| count.fetch_add(1, Relaxed));
        let text = match (target.unusable(), target.failure()) {
            (Some(why @ Unusable::Error(_)), _) => Some(why.text()),
            (None, Some(errno)) => Some(format!("read: {}", text_of(&errno.into()))),
            _ => None,
        };
        if let Some(text) = text.filter(|_| before < NAMED) {
            report(&Failure::line(format!("{}: {text}", shown(target.path.as_os_str()))));
        }
        if let Some(why) = target.unknown() {
            self.unknown.lock().unwrap_or_else(PoisonError::into_inner).insert(why.short());
        }
        if self.lines {
            let failed = target.failure().map(|_| "failed");
            let line = FileLine {
                path: JsonPath::new(&target.path),
                state: target.unusable().map(state).or(failed).unwrap_or("done"),
                counts: Counts::of(&target.done),
            };
            // A reader of ours that is gone is noticed at the end.
            let _written = json::write(&mut io::stdout().lock(), &line);
        }
    }

    /// Says what was done. `after` is what was counted at the end, of all runs.
    pub(super) fn tell(
        &self,
        args: &args::Restore,
        plan: &Plan<'_>,
        after: Option<&Self>,
        time: Duration,
        interrupted: bool,
    ) -> Result<Outcome, Failure> {
        let mut counts = Counts::of(&self.done);
        // What was in memory at some moment and is not at the end.
        let gone_again = after.map_or(0, |after| {
            let there = after.done.already.load(Relaxed);
            counts.restored.saturating_add(counts.already).saturating_sub(there)
        });
        if args.dry_run {
            counts.missing = counts.missing.min(args.budget.map_or(u64::MAX, |budget| budget.0));
        }
        let facts = Facts {
            files: plan.files,
            counts,
            gone_again,
            changed: self.changed.load(Relaxed),
            gone: self.gone.load(Relaxed),
            unreadable: self.unreadable.load(Relaxed),
            unknown_files: plan.unknown,
            uncounted: self.unknown.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            dry_run: args.dry_run,
            interrupted,
            time,
        };
        let mut printer = Printer::new(args.output);
        printer.text(&facts.text(printer.units(), plan.bytes))?;
        printer.json(&facts.record(plan.bytes))?;
        printer.finish()?;
        Ok(facts.outcome())
    }
}

/// All that is to be told.
struct Facts {
    files: u64,
    counts: Counts,
    gone_again: u64,
    changed: u64,
    gone: u64,
    unreadable: u64,
    unknown_files: u64,
    uncounted: BTreeSet<String>,
    dry_run: bool,
    interrupted: bool,
    time: Duration,
}

impl Facts {
    fn text(&self, units: Units, all: u64) -> String {
        let size = |bytes| if bytes == 0 { "0".to_owned() } else { units.size(bytes) };
        let Counts { already, restored, uncounted, missing, left_out, .. } = self.counts;
        let seconds = self.time.as_secs_f64();
        let whole = if self.interrupted { format!(" of {}", size(all)) } else { String::new() };
        let mut text = if self.dry_run {
            format!("would restore {}", size(missing))
        } else {
            format!("restored {}{whole} in {seconds:.1} s", size(restored))
        };
        if self.interrupted {
            text.insert_str(0, "interrupted: ");
        }
        if uncounted > 0 {
            text.push_str(&format!("; read {} more", size(uncounted)));
        }
        for why in &self.uncounted {
            text.push_str(&format!("; not counted: {why}"));
        }
        if self.uncounted.is_empty() || already > 0 {
            text.push_str(&format!("; already there {}", size(already)));
        }
        if self.changed > 0 {
            text.push_str(&format!("; {} changed since (skipped)", many(self.changed, "file")));
        }
        for (count, what) in [
            (self.gone, "gone"),
            (self.unreadable, "unreadable"),
            (self.unknown_files, "unknown when it was saved"),
        ] {
            if count > 0 {
                text.push_str(&format!("; {count} {what}"));
            }
        }
        text.push('\n');
        if left_out > 0 {
            text.push_str(&format!("  left out {}   --budget is used up\n", size(left_out)));
        }
        if missing > 0 && !self.dry_run && !self.interrupted {
            text.push_str(&format!("  missing {}   could not be read\n", size(missing)));
        }
        if self.gone_again > 0 {
            let why = "reclaimed by the kernel meanwhile";
            text.push_str(&format!("  missing {}   {why}\n", size(self.gone_again)));
        }
        text
    }

    fn record(&self, all: u64) -> Line {
        Line {
            files: self.files,
            saved: all,
            counts: self.counts,
            gone_again: self.gone_again,
            changed: self.changed,
            gone: self.gone,
            unreadable: self.unreadable,
            unknown: self.unknown_files,
            dry_run: self.dry_run,
            interrupted: self.interrupted,
            seconds: self.time.as_secs_f64(),
        }
    }

    fn outcome(&self) -> Outcome {
        if self.interrupted {
            return Outcome::Interrupted;
        }
        let unknown = !self.uncounted.is_empty() || self.unreadable > 0 || self.unknown_files > 0;
        let left = (self.counts.missing > 0 && !self.dry_run) || self.gone_again > 0;
        match (unknown, left) {
            (true, _) => Outcome::Error,
            (false, true) => Outcome::False,
            (false, false) => Outcome::Done,
        }
    }
}

/// In bytes.
#[derive(Clone, Copy, Debug, Serialize)]
struct Counts {
    asked: u64,
    already: u64,
    restored: u64,
    uncounted: u64,
    missing: u64,
    left_out: u64,
}

impl Counts {
    fn of(done: &Done) -> Self {
        Self {
            asked: done.asked.load(Relaxed),
            already: done.already.load(Relaxed),
            restored: done.restored.load(Relaxed),
            uncounted: done.uncounted.load(Relaxed),
            missing: done.missing.load(Relaxed),
            left_out: done.left_out.load(Relaxed),
        }
    }
}

/// The line of JSON about a file.
#[derive(Serialize)]
struct FileLine<'path> {
    #[serde(flatten)]
    path: JsonPath<'path>,
    state: &'static str,
    #[serde(flatten)]
    counts: Counts,
}

impl Record for FileLine<'_> {
    const TYPE: &'static str = "restore_file";
}

/// The line of JSON about all of it.
#[derive(Serialize)]
struct Line {
    files: u64,
    saved: u64,
    #[serde(flatten)]
    counts: Counts,
    gone_again: u64,
    changed: u64,
    gone: u64,
    unreadable: u64,
    unknown: u64,
    dry_run: bool,
    interrupted: bool,
    seconds: f64,
}

impl Record for Line {
    const TYPE: &'static str = "restore";
}
