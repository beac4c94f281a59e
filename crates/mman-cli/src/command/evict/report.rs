//! What `mman evict` says at the end.

use super::drop::Tally;
use super::left::{Reasons, pages_left};
use crate::args;
use crate::failure::Failure;
use crate::output::Printer;
use crate::output::json::Record;
use crate::output::remarks::{Remark, Remarks, notes, rounding};
use crate::output::units::{self, pages};
use serde::Serialize;

/// How the run ended.
pub(super) struct Ended {
    pub(super) interrupted: bool,
    pub(super) vanished: u64,
}

/// All of it, as JSON.
#[derive(Serialize)]
struct Evict {
    files: u64,
    /// Bytes of whole pages.
    bytes: u64,
    cached_before: u64,
    evicted: u64,
    left: u64,
    unknown_files: u64,
    dry_run: bool,
    interrupted: bool,
    vanished: u64,
}

impl Record for Evict {
    const TYPE: &'static str = "evict";
}

/// Why bytes are left.
#[derive(Serialize)]
struct EvictLeft<'why> {
    bytes: u64,
    files: u64,
    /// `mapped`, `locked`, `dirty`, `writeback`, `in_memory`, `unknown`.
    why: &'why str,
    /// Who has them mapped or locked: `name[number]`.
    processes: &'why [String],
    /// The flag that helps; empty where none does.
    flag: &'why str,
}

impl Record for EvictLeft<'_> {
    const TYPE: &'static str = "evict_left";
}

pub(super) fn write(
    printer: &mut Printer,
    args: &args::Evict,
    tally: &Tally,
    reasons: &Reasons,
    ended: &Ended,
) -> Result<(), Failure> {
    let size = |bytes: u64| printer.units().size(bytes);
    let (before, left) = (pages(tally.before), pages(pages_left(tally)));
    let evicted = before.saturating_sub(left);
    let mut text = rounding(tally.example.as_ref(), tally.rounded, "inwards");
    let held: u64 = reasons.each.values().map(|amount| amount.bytes).fold(0, u64::saturating_add);
    if args.dry_run {
        text.push_str(&format!("would evict up to {}\n", size(before)));
    } else {
        let but = if ended.interrupted { "interrupted: " } else { "" };
        text.push_str(&format!("{but}evicted {} of {}\n", size(evicted), size(before)));
    }
    let mut remarks = Remarks::default();
    for (why, amount) in &reasons.each {
        // Before anything was done only what keeps pages is told.
        if args.dry_run && why.code() == "unknown" {
            continue;
        }
        let files =
            if tally.files > 1 { units::files_in_brackets(amount.files) } else { String::new() };
        let what = if args.dry_run { "would stay" } else { "still cached" };
        let why_text = format!("{}{files}", why.text());
        remarks.add(Remark::new(what, &size(amount.bytes), &why_text, why.flag(args)));
    }
    for (why, files) in &tally.unknown {
        remarks.add(Remark::new("unknown", &files_text(*files), why, ""));
    }
    text.push_str(&remarks.render());
    for line in &reasons.unseen {
        text.push_str(&format!("  {line}\n"));
    }
    text.push_str(&notes(tally.outside, ended.vanished));
    printer.text(&text)?;
    printer.json(&Evict {
        files: tally.files,
        bytes: pages(tally.pages),
        cached_before: before,
        evicted: if args.dry_run { 0 } else { evicted },
        left: if args.dry_run { held } else { left },
        unknown_files: tally.unknown.values().copied().fold(0, u64::saturating_add),
        dry_run: args.dry_run,
        interrupted: ended.interrupted,
        vanished: ended.vanished,
    })?;
    for (why, amount) in &reasons.each {
        printer.json(&EvictLeft {
            bytes: amount.bytes,
            files: amount.files,
            why: why.code(),
            processes: why.who(),
            flag: why.flag(args),
        })?;
    }
    Ok(())
}

fn files_text(files: u64) -> String {
    if files == 1 { "1 file".to_owned() } else { format!("{files} files") }
}
