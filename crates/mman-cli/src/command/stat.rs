//! `mman stat`: how much of files is in the page cache.

mod layout;
mod look;
mod record;
mod row;

use crate::args::{self, By, Percent, Sort};
use crate::cache::Folios;
use crate::extent::{Extent, Rounding};
use crate::failure::{Failure, exit_code, report, text_of};
use crate::interrupt::Interrupt;
use crate::outcome::Outcome;
use crate::output::Printer;
use crate::select::{Counts, Found, Selection};
use layout::{Layout, Total};
use look::{Look, keep_top};
use mman::RangeError;
use row::{Row, Sums, compare};
use std::ops::Range;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::ExitCode;
use std::sync::mpsc::sync_channel;
use std::time::Instant;

/// Does it.
pub(crate) fn run(args: &args::Stat) -> ExitCode {
    match stat(args) {
        Ok(outcome) => outcome.into(),
        Err(failure) => exit_code([Err(failure)]),
    }
}

/// What is to be done with each file.
struct Plan<'args> {
    args: &'args args::Stat,
    sort: Sort,
    layout: Layout,
    folios: Option<Folios>,
    /// Names are shown from the one directory on that was given.
    is_below: bool,
    interrupt: Interrupt,
}

impl Plan<'_> {
    /// Which bytes of a file of this size.
    fn range(&self, size: u64) -> Range<u64> {
        let range = self.args.range.map_or(0..size, |asked| asked.of(size));
        range.start.min(size)..range.end.min(size)
    }

    /// Of a file that was named, and that has not all of the bytes that were asked for. What a search finds may be
    /// shorter.
    fn past_end(&self, found: &Found<'_>) -> Option<RangeError> {
        let args = &self.args.select;
        let is_here = args.paths.is_empty() && args.files_from.is_none();
        let asked = self.args.range.filter(|_| !is_here && found.path == found.below)?;
        Extent::of(asked, found.size, Rounding::Outwards).err()
    }

    fn row(&self, path: &Path, below: &Path, sums: Sums) -> Row {
        let name = if self.is_below { below } else { path };
        let name = name.as_os_str().as_bytes().into();
        Row { name, sums, why: None, picture: None, folios: None }
    }

    fn line(&self, out: &mut Vec<u8>, row: &Row) {
        if self.args.output.json {
            record::row(out, row, self.args.by);
        } else {
            self.layout.row(out, row);
        }
    }
}

fn stat(args: &args::Stat) -> Result<Outcome, Failure> {
    let began = Instant::now();
    let selection = Selection::new(&args.select)?;
    let mut printer = Printer::new(args.output);
    let plan = Plan {
        args,
        sort: match args.sort {
            Sort::Path if args.top.is_some() => Sort::Cached,
            sort => sort,
        },
        layout: Layout::new(args, printer.units(), printer.terminal),
        folios: args.folios.then(folios).transpose()?,
        is_below: printer.terminal.width.is_some()
            && !args.output.json
            && args.by == By::File
            && selection.is_one_directory(),
        interrupt: Interrupt::listen(),
    };
    if !args.output.json {
        let mut head = Vec::new();
        plan.layout.head(&mut head);
        printer.lines(&head)?;
    }
    let (looks, counts) = search(&selection, &plan, &mut printer)?;
    finish(&plan, looks, counts, began, &mut printer)
}

fn folios() -> Result<Folios, Failure> {
    Folios::open().map_err(|error| {
        Failure::line(format!("--folios: needs root: /proc/kpageflags: {}", text_of(&error)))
    })
}

/// Looks at all files. Lines that are wanted as files are found are written meanwhile.
fn search<'plan>(
    selection: &Selection,
    plan: &'plan Plan<'plan>,
    printer: &mut Printer,
) -> Result<(Vec<Look<'plan>>, Counts), Failure> {
    if plan.sort != Sort::None {
        return Ok(selection.visit(&plan.interrupt, || Look::new(plan, None)));
    }
    let (sender, receiver) = sync_channel(16);
    std::thread::scope(|scope| {
        let searching = scope.spawn(move || {
            let (mut looks, counts) =
                selection.visit(&plan.interrupt, || Look::new(plan, Some(sender.clone())));
            looks.iter_mut().for_each(Look::end);
            (looks, counts)
        });
        let mut written = Ok(());
        for lines in receiver {
            written = printer.lines(&lines);
            if written.is_err() {
                plan.interrupt.set();
                break;
            }
        }
        match searching.join() {
            Ok(found) => written.map(|()| found),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

/// Writes what was kept, and the sum of all.
fn finish(
    plan: &Plan<'_>,
    looks: Vec<Look<'_>>,
    counts: Counts,
    began: Instant,
    printer: &mut Printer,
) -> Result<Outcome, Failure> {
    let (mut rows, mut groups) = (Vec::new(), std::collections::HashMap::new());
    let (mut sums, mut problems) = (Sums::default(), Vec::new());
    let mut reasons = std::collections::BTreeMap::new();
    for look in looks {
        sums.add(&look.sums);
        rows.extend(look.kept.rows);
        problems.extend(look.problems);
        for (key, group) in look.kept.groups {
            groups.entry(key).or_insert_with(Sums::default).add(&group);
        }
        for (reason, count) in look.reasons {
            let all = reasons.entry(reason).or_insert(0_u64);
            *all = all.saturating_add(count);
        }
    }
    let group = |(name, sums)| Row { name, sums, why: None, picture: None, folios: None };
    rows.extend(groups.into_iter().map(group));
    match plan.args.top {
        Some(top) => keep_top(&mut rows, top, plan.sort),
        None => rows.sort_by(|a, b| compare(plan.sort, a, b)),
    }
    let mut lines = Vec::new();
    for row in rows {
        plan.line(&mut lines, &row);
        if lines.len() >= 1 << 16 {
            printer.lines(&lines)?;
            lines.clear();
        }
    }
    let took = began.elapsed();
    let total = Total { sums, counts, problems: problems.len() as u64, took };
    if plan.args.output.json {
        record::total(&mut lines, &total);
    } else {
        plan.layout.total(&mut lines, &total);
    }
    printer.lines(&lines)?;
    printer.finish()?;
    problems.sort_by(|a, b| a.0.cmp(&b.0));
    for (path, why) in &problems {
        report(&Failure::line(format!("{}: {why}", path.display())));
    }
    if plan.layout.picture.is_none() {
        for (reason, count) in &reasons {
            let files = if *count == 1 { "file is" } else { "files are" };
            report(&Failure::line(format!("{count} {files} unknown: {reason}")));
        }
    }
    Ok(outcome(&total, plan.args.min))
}

fn outcome(total: &Total, min: Option<Percent>) -> Outcome {
    let mut outcome = Outcome::Done;
    if let Some(Percent(min)) = min
        && is_below(&total.sums, min)
    {
        outcome = outcome.and(Outcome::False);
    }
    if total.sums.unknown > 0 || total.problems > 0 {
        outcome = outcome.and(Outcome::Error);
    }
    if total.counts.interrupted {
        outcome = outcome.and(Outcome::Interrupted);
    }
    outcome
}

/// Whether less than this share of the pages is cached. Of no pages all are.
#[expect(clippy::cast_precision_loss, reason = "all of all is compared without rounding")]
fn is_below(sums: &Sums, min: f64) -> bool {
    if sums.cached >= sums.pages {
        return false;
    }
    min >= 100.0 || (sums.cached as f64) * 100.0 < min * sums.pages as f64
}
