//! What the advice did, for people and in JSON.

use super::targets::{Choice, Targets};
use super::{How, Told};
use crate::args;
use crate::failure::Failure;
use crate::output::Printer;
use crate::output::json::{JsonName, Record};
use crate::output::table::{Align, Cell, Table};
use crate::output::terminal::{Style, push_shown};
use crate::processes::{About, Measure, Numbers, Row};
use serde::Serialize;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

/// What was done to a process.
#[derive(Serialize)]
struct Advised<'told> {
    pid: u32,
    #[serde(flatten)]
    command: JsonName<'told>,
    advice: &'static str,
    mappings: u64,
    interrupted: bool,
    before: &'told Numbers,
    after: &'told Numbers,
    cached_before: Option<u64>,
    cached_after: Option<u64>,
    /// How much there was to change, and how much did.
    wanted: Option<u64>,
    changed: Option<u64>,
    refused: Vec<Refused<'told>>,
    remaining: Vec<Remaining<'told>>,
}

#[derive(Serialize)]
struct Refused<'told> {
    why: &'told str,
    mappings: u64,
    size: u64,
}

#[derive(Serialize)]
struct Remaining<'told> {
    why: &'told str,
    bytes: u64,
}

/// What would be advised.
#[derive(Serialize)]
struct Planned<'told> {
    pid: u32,
    #[serde(flatten)]
    command: JsonName<'told>,
    advice: &'static str,
    start: u64,
    end: u64,
    #[serde(flatten)]
    name: JsonName<'told>,
    kind: &'static str,
    rss: Option<u64>,
    /// Why it would not be advised, where it would not.
    left_out: Option<&'static str>,
}

impl Record for Advised<'_> {
    const TYPE: &'static str = "advised";
}

impl Record for Planned<'_> {
    const TYPE: &'static str = "advice_planned";
}

const fn word(how: How) -> &'static str {
    match how {
        How::Cold => "cold",
        How::Pageout => "pageout",
        How::Willneed => "willneed",
        How::Collapse => "collapse",
    }
}

/// No mapping is meant.
pub(super) fn nothing(
    printer: &mut Printer,
    args: &args::Advise,
    about: &About,
) -> Result<(), Failure> {
    let why = match (args.file.is_empty() && args.range.is_none(), args.how) {
        (false, _) => "no mapping matches",
        (true, How::Willneed) => "nothing that could be read in",
        (true, _) => "no mappings",
    };
    printer.text(&format!("{}: {why}\n", about.label()))
}

/// What would be done.
pub(super) fn dry_run(
    printer: &mut Printer,
    args: &args::Advise,
    about: &About,
    targets: &Targets,
) -> Result<(), Failure> {
    let units = printer.units();
    let columns = [("RSS", Align::Right), ("ADDRESS", Align::Left), ("NAME", Align::Left)];
    let mut table = Table::new(columns.to_vec());
    let chosen = targets.chosen.iter().map(|target| (&target.row, &target.addresses, None));
    let left_out = targets
        .left_out
        .iter()
        .filter_map(|(why, row)| Some((row, &row.place.as_ref()?.addresses, Some(why.words()))));
    let mut rss = 0_u64;
    for (row, addresses, why) in chosen.chain(left_out) {
        printer.json(&Planned {
            pid: about.pid,
            command: JsonName::new("command", &about.command),
            advice: word(args.how),
            start: addresses.start as u64,
            end: addresses.end as u64,
            name: JsonName::new("name", OsStr::from_bytes(&row.name)),
            kind: row.kind.word(),
            rss: row.numbers.get(Measure::Rss),
            left_out: why,
        })?;
        if why.is_some() {
            continue;
        }
        let bytes = row.numbers.get(Measure::Rss);
        rss = rss.saturating_add(bytes.unwrap_or(0));
        table.row(vec![
            Cell::plain(bytes.map_or_else(|| "?".to_owned(), |bytes| units.size_or_dash(bytes))),
            Cell::plain(format!("{:012x}-{:012x}", addresses.start, addresses.end)),
            Cell::plain(name(row)),
        ]);
    }
    let sum = format!(
        "{} mappings, {}: would be advised, nothing was",
        targets.chosen.len(),
        about.label()
    );
    let cells = [units.size_or_dash(rss), String::new(), sum];
    table.row(cells.map(|text| Cell::of(Style::Heading, text)).to_vec());
    printer.text(&table.render(printer.terminal))?;
    for (why, (mappings, bytes)) in left_out_by_reason(targets) {
        let of = mappings_of(mappings);
        printer.text(&format!("left out {of} ({}): {why}\n", units.size(bytes)))?;
    }
    Ok(())
}

fn mappings_of(count: u64) -> String {
    if count == 1 { "1 mapping".to_owned() } else { format!("{count} mappings") }
}

fn left_out_by_reason(targets: &Targets) -> BTreeMap<&'static str, (u64, u64)> {
    let mut all = BTreeMap::new();
    for (why, row) in &targets.left_out {
        let (mappings, bytes): &mut (u64, u64) = all.entry(why.words()).or_default();
        *mappings = mappings.saturating_add(1);
        *bytes = bytes.saturating_add(row.numbers.get(Measure::Rss).unwrap_or(0));
    }
    all
}

fn name(row: &Row) -> String {
    let mut text = String::new();
    if row.name.is_empty() {
        text.push('[');
        text.push_str(row.kind.word());
        text.push(']');
    } else {
        push_shown(&mut text, OsStr::from_bytes(&row.name));
    }
    text
}

/// What was done.
pub(super) fn print(printer: &mut Printer, choice: &Choice, told: &Told) -> Result<(), Failure> {
    if printer.is_json() {
        return json(printer, told);
    }
    if let (true, Some(range)) = (choice.rounded, &choice.range) {
        printer.text(&format!("rounded to pages: {:#x}-{:#x}\n", range.start, range.end))?;
    }
    printer.text(&format!("{}: {}\n", told.about.label(), sentence(printer, told)))?;
    for (title, bytes, why) in details(told) {
        let size = printer.units().size(bytes);
        printer.text(&format!("  {title:<15}  {size:>8}  {why}\n"))?;
    }
    Ok(())
}

fn sentence(printer: &Printer, told: &Told) -> String {
    let units = printer.units();
    let size = |bytes: Option<u64>| bytes.map_or_else(|| "?".to_owned(), |bytes| units.size(bytes));
    let mappings = format!("in {}", mappings_of(told.done.mappings));
    let changed = told.changed();
    let (wanted, done) = (changed.map(|(wanted, _)| wanted), changed.map(|(_, done)| done));
    let interrupted =
        if told.done.interrupted { "; interrupted, the rest was not advised" } else { "" };
    let text = match told.how {
        How::Cold => {
            format!("cooled {} of {} that were used of late, {mappings}", size(done), size(wanted))
        }
        How::Pageout => {
            let (before, after) = told.of(Measure::Swap);
            let swapped = before.zip(after).map(|(before, after)| after.saturating_sub(before));
            let swapped = match swapped {
                Some(0) => String::new(),
                bytes => format!(" ({} more in swap)", size(bytes)),
            };
            format!("paged out {} of {}{swapped}, {mappings}", size(done), size(wanted))
        }
        How::Willneed => match changed {
            Some((0, _)) => {
                format!("all {} were there already, {mappings}", size(told.before.cached))
            }
            Some(_) => format!(
                "read in {} of {} that were missing; already there {}, {mappings}",
                size(done),
                size(wanted),
                size(told.before.cached)
            ),
            None => format!(
                "asked to read in {mappings}: how much was read is not known (needs the owner of the files)"
            ),
        },
        How::Collapse => {
            let (_, huge) = told.of(Measure::Huge);
            let (_, rss) = told.of(Measure::Rss);
            format!(
                "{} more in huge pages, now {} of {}, {mappings}",
                size(done),
                size(huge),
                size(rss)
            )
        }
    };
    format!("{text}{interrupted}")
}

/// What did not change: a title, how much, and why.
fn details(told: &Told) -> Vec<(&'static str, u64, String)> {
    let mut lines = Vec::new();
    for (why, (mappings, size)) in &told.done.refused {
        let of = mappings_of(*mappings);
        lines.push(("refused", *size, format!("{of}: {why}")));
    }
    if told.how == How::Pageout {
        let remaining = told.remaining.iter();
        lines.extend(remaining.map(|(why, bytes)| ("still in memory", *bytes, (*why).to_owned())));
    } else {
        let left_out = left_out_by_reason(&told.targets).into_iter();
        let left_out = left_out.filter(|(_, (_, bytes))| *bytes > 0);
        lines.extend(left_out.map(|(why, (_, bytes))| ("left out", bytes, why.to_owned())));
    }
    lines
}

fn json(printer: &mut Printer, told: &Told) -> Result<(), Failure> {
    let refused = told.done.refused.iter();
    let refused =
        refused.map(|(why, (mappings, size))| Refused { why, mappings: *mappings, size: *size });
    let mut remaining: Vec<Remaining<'_>> =
        told.remaining.iter().map(|(why, bytes)| Remaining { why, bytes: *bytes }).collect();
    if told.how != How::Pageout {
        let left_out = left_out_by_reason(&told.targets).into_iter();
        remaining.extend(left_out.map(|(why, (_, bytes))| Remaining { why, bytes }));
    }
    printer.json(&Advised {
        pid: told.about.pid,
        command: JsonName::new("command", &told.about.command),
        advice: word(told.how),
        mappings: told.done.mappings,
        interrupted: told.done.interrupted,
        before: &told.before.numbers,
        after: &told.after.numbers,
        cached_before: told.before.cached,
        cached_after: told.after.cached,
        wanted: told.changed().map(|(wanted, _)| wanted),
        changed: told.changed().map(|(_, changed)| changed),
        refused: refused.collect(),
        remaining,
    })
}
