//! What `mman touch` says at the end.

use super::tally::Tally;
use crate::args;
use crate::failure::Failure;
use crate::memory::{self, Group};
use crate::outcome::Outcome;
use crate::output::Printer;
use crate::output::json::Record;
use crate::output::remarks::{Remark, Remarks, notes, rounding};
use crate::output::units::{self, pages};
use crate::select::Counts;
use serde::Serialize;

/// How the run ended.
pub(super) struct Ended {
    pub(super) seconds: f64,
    pub(super) interrupted: bool,
    /// Our control group, before.
    pub(super) group: Option<Group>,
    pub(super) counts: Counts,
}

/// All of it, as JSON.
#[derive(Serialize)]
struct Touch {
    files: u64,
    /// Bytes of whole pages.
    bytes: u64,
    touched: u64,
    already: u64,
    missing: u64,
    asked: u64,
    unknown: u64,
    seconds: f64,
    dry_run: bool,
    interrupted: bool,
    vanished: u64,
}

impl Record for Touch {
    const TYPE: &'static str = "touch";
}

/// Why bytes are missing.
#[derive(Serialize)]
struct TouchMissing<'why> {
    bytes: u64,
    why: &'why str,
}

impl Record for TouchMissing<'_> {
    const TYPE: &'static str = "touch_missing";
}

/// How the command ends.
pub(super) fn outcome(args: &args::Touch, tally: &Tally, ended: &Ended) -> Outcome {
    if ended.interrupted {
        return Outcome::Interrupted;
    }
    if !tally.failures.is_empty() || !tally.unknown.is_empty() {
        return Outcome::Error;
    }
    let counted = !args.dry_run && !args.no_wait;
    if counted && tally.after < tally.pages { Outcome::False } else { Outcome::Done }
}

pub(super) fn write(
    printer: &mut Printer,
    args: &args::Touch,
    tally: &Tally,
    ended: &Ended,
) -> Result<(), Failure> {
    let size = |bytes: u64| printer.units().size(bytes);
    let already = pages(tally.before);
    let unknown = tally.unknown.values().map(|amount| amount.bytes).fold(0, u64::saturating_add);
    let missing_before = pages(tally.pages.saturating_sub(tally.before)).saturating_add(unknown);
    let touched = pages(tally.after.saturating_sub(tally.before));
    let seconds = units::seconds(ended.seconds);
    let headline = if args.dry_run {
        let budget = args.budget.map_or(u64::MAX, |budget| budget.0);
        format!("would touch {}; already there {}", size(missing_before.min(budget)), size(already))
    } else if args.no_wait {
        format!("asked for {}; already there {}", size(tally.asked), size(already))
    } else {
        let touched = size(touched);
        let but = if ended.interrupted { "interrupted: " } else { "" };
        format!("{but}touched {touched} in {seconds}; already there {}", size(already))
    };
    let mut remarks = Remarks::default();
    let reasons = if args.dry_run || args.no_wait { Vec::new() } else { missing(tally, ended) };
    for (bytes, why, flag) in &reasons {
        remarks.add(Remark::new("still missing", &size(*bytes), why, flag));
    }
    for (why, amount) in &tally.unknown {
        let why = format!("{why}{}", units::files_in_brackets(amount.files));
        remarks.add(Remark::new("unknown", &size(amount.bytes), &why, ""));
    }
    let mut text = rounding(tally.example.as_ref(), tally.rounded, "outwards");
    text.push_str(&headline);
    text.push('\n');
    text.push_str(&remarks.render());
    text.push_str(&notes(tally.outside, ended.counts.vanished));
    printer.text(&text)?;
    printer.json(&Touch {
        files: tally.files,
        bytes: pages(tally.pages),
        touched: if args.dry_run || args.no_wait { 0 } else { touched },
        already,
        missing: if args.dry_run || args.no_wait {
            missing_before.saturating_sub(unknown)
        } else {
            pages(tally.pages.saturating_sub(tally.after))
        },
        asked: tally.asked,
        unknown,
        seconds: ended.seconds,
        dry_run: args.dry_run,
        interrupted: ended.interrupted,
        vanished: ended.counts.vanished,
    })?;
    for (bytes, why, _) in &reasons {
        printer.json(&TouchMissing { bytes: *bytes, why })?;
    }
    Ok(())
}

/// Bytes that are missing, why, and what helps.
fn missing(tally: &Tally, ended: &Ended) -> Vec<(u64, String, &'static str)> {
    let mut left = pages(tally.pages.saturating_sub(tally.after));
    let mut reasons = Vec::new();
    let mut because = |bytes: u64, why: String, flag| {
        let bytes = bytes.min(left);
        if bytes > 0 {
            left = left.saturating_sub(bytes);
            reasons.push((bytes, why, flag));
        }
    };
    because(pages(tally.bad), "cannot be read: the storage failed".to_owned(), "");
    because(tally.beyond_budget, "the budget is used up".to_owned(), "--budget");
    if ended.interrupted {
        because(u64::MAX, "not read: interrupted".to_owned(), "");
    }
    let limit = memory::group().filter(|now| {
        let same = ended.group.as_ref().filter(|before| before.name == now.name);
        same.is_some_and(|before| before.met < now.met)
    });
    if let Some(group) = limit {
        let limit = units::Units::Iec.size(group.limit);
        because(u64::MAX, format!("the cgroup {} may have {limit}", group.name), "");
    }
    because(pages(tally.evicted), "reclaimed by the kernel meanwhile".to_owned(), "");
    if !tally.failures.is_empty() {
        because(u64::MAX, "failed, as said above".to_owned(), "");
    }
    because(u64::MAX, "?: dropped meanwhile by somebody".to_owned(), "");
    reasons
}
