//! A port and its pool, whole.

use super::{Line, Seen, Used, kind_of, list, map, runs};
use crate::args;
use crate::failure::Failure;
use crate::output::Printer;
use crate::output::table::{Align, Table};
use crate::output::terminal::{Style, shown};
use crate::output::units::{Units, many, percent, push_number};
use mman::inspect::typed::{Agreement, Allocatable, Kind, Pool};

/// Writes each, with an empty line between them.
pub(super) fn print_all(
    args: &args::Typed,
    printer: &mut Printer,
    lines: &[Line<'_>],
) -> Result<(), Failure> {
    let known =
        lines.iter().filter(|line| !matches!(line.seen, Seen::Unknown(_) | Seen::Lacking(_)));
    for (at, line) in known.enumerate() {
        if at > 0 {
            printer.text("\n")?;
        }
        print(args, printer, line)?;
    }
    Ok(())
}

fn print(args: &args::Typed, printer: &mut Printer, line: &Line<'_>) -> Result<(), Failure> {
    let title = printer.terminal.paint(Style::Heading, &line.port.name);
    printer.text(&format!("{title}{}\n", about(line)))?;
    let units = printer.units();
    match line.seen {
        Seen::Unknown(_) | Seen::Lacking(_) => Ok(()),
        Seen::Unused(planned) => {
            let size = planned.size.map_or_else(|| "?".to_owned(), |size| units.size(size));
            let unit = units.size(planned.unit);
            printer.text(&format!("  not in use; {size} in units of {unit}\n"))
        }
        Seen::Unmade(planned) => {
            let size = planned.size.map_or_else(|| "?".to_owned(), |size| units.size(size));
            let unit = units.size(planned.unit);
            printer.text(&format!("  not made; {size} in units of {unit}\n"))?;
            for note in list::notes(line, units) {
                let note = printer.terminal.paint(Style::Warning, &note);
                printer.text(&format!("  {note}\n"))?;
            }
            Ok(())
        }
        Seen::InUse(used) => {
            let terminal = printer.terminal;
            printer.text(&numbers(used, units))?;
            for note in list::notes(line, units) {
                printer.text(&format!("  {}\n", terminal.paint(Style::Warning, &note)))?;
            }
            printer.text(&format!("\n{}", map::draw(used, terminal, units)))?;
            if args.runs && used.sizes.free > 0 {
                printer.text(&format!("\n{}", runs::table(used, terminal, units)))?;
            }
            if used.holders.is_empty() {
                return printer.text("\nnobody has it open\n");
            }
            let holders = holders(used, units).render(terminal);
            printer.text(&format!("\n{holders}"))
        }
    }
}

/// Writes the free runs of each pool by their length, for all ports.
pub(super) fn print_runs(printer: &mut Printer, lines: &[Line<'_>]) -> Result<(), Failure> {
    let (terminal, units) = (printer.terminal, printer.units());
    let mut told: Vec<&str> = Vec::new();
    for Line { port, seen } in lines {
        let Seen::InUse(used) = seen else { continue };
        if used.sizes.free == 0 || told.contains(&port.pool_name.as_str()) {
            continue;
        }
        told.push(&port.pool_name);
        let title = terminal.paint(Style::Heading, &port.name);
        let runs = runs::table(used, terminal, units);
        printer.text(&format!("\n{title}: pool {}\n{runs}", port.pool_name))?;
    }
    Ok(())
}

/// What it is made of, and what it allows.
fn about(line: &Line<'_>) -> String {
    let port = line.port;
    let mut text = format!(": pool {}, {}", port.pool_name, kind_of(port.pool.as_ref()));
    if let Some(path) = port.pool.as_ref().and_then(path_of) {
        text.push_str(&format!(" {}", shown(path.as_os_str())));
    }
    text.push_str(if port.writes { "" } else { ", read only" });
    text.push_str(match port.allocatable {
        Allocatable::Owner => "",
        Allocatable::Root => ", allocatable=root",
        Allocatable::Any => ", allocatable=any",
    });
    let place = &port.place;
    if place.file.as_os_str().is_empty() {
        text.push_str(", built in");
    } else {
        text.push_str(&format!(", {}:{}", shown(place.file.as_os_str()), place.line));
    }
    text
}

fn path_of(pool: &Pool) -> Option<&std::path::Path> {
    match &pool.kind {
        Kind::Store(path) | Kind::Dax(path) => Some(path),
        Kind::Huge { path, .. } => path.as_deref(),
        _ => None,
    }
}

/// How much, of what, in how many pieces.
fn numbers(used: &Used, units: Units) -> String {
    let sizes = &used.sizes;
    let count = sizes.size.checked_div(sizes.unit.max(1)).unwrap_or(0);
    let each = units.size(sizes.unit);
    let mut rows = vec![
        ("size", units.size(sizes.size), format!("{} of {each}", many(count, "unit"))),
        ("used", units.size(used.used()), percent(used.used(), sizes.size)),
        ("free", units.size(sizes.free), free(used, units)),
    ];
    if sizes.shared > 0 {
        let shared = units.size(sizes.shared);
        rows.push(("shared", shared, "mapped more than once".to_owned()));
    }
    let width = rows.iter().map(|(_, size, _)| size.len()).max().unwrap_or(0);
    let mut text = String::new();
    for (word, size, what) in rows {
        text.push_str(&format!("  {word:<6}  {size:>width$}  {what}\n"));
    }
    if let Some(table) = table_line(used) {
        text.push_str(&format!("  table   {table}\n"));
    }
    text
}

/// In how many runs, and how much of it the longest one has not.
fn free(used: &Used, units: Units) -> String {
    let sizes = &used.sizes;
    match sizes.runs {
        0 => "the pool is full".to_owned(),
        1 => "in one run".to_owned(),
        runs => {
            let share = percent(sizes.longest, sizes.free);
            format!("in {runs} runs, the largest {} ({share})", units.size(sizes.longest))
        }
    }
}

/// What there is to say of the table.
fn table_line(used: &Used) -> Option<String> {
    let mut parts = Vec::new();
    if used.agreement == Some(Agreement::Agrees) {
        parts.push("agrees with itself".to_owned());
    }
    if used.repairs.rebuilt > 0 {
        let times = many(used.repairs.rebuilt as u64, "time");
        parts.push(format!("made anew {times}, after a death in a change or damage"));
    }
    (!parts.is_empty()).then(|| parts.join("; "))
}

fn holders(used: &Used, units: Units) -> Table {
    let columns = vec![
        ("PID", Align::Right),
        ("HOLDS", Align::Right),
        ("RANGES", Align::Right),
        ("USER", Align::Left),
        ("COMMAND", Align::Left),
    ];
    let mut table = Table::new(columns);
    for who in &used.holders {
        let holder = &who.held.holder;
        let style = if who.is_dead() { Style::Warning } else { Style::Plain };
        table.cell(style, |text| text.push_str(&holder.process.to_string()));
        table.cell(style, |text| text.push_str(&units.size_or_dash(holder.bytes)));
        table.cell(style, |text| match holder.ranges {
            0 => text.push('–'),
            ranges => push_number(text, ranges as u64),
        });
        let user = who.about.as_ref().map_or("–", |about| about.user.as_str());
        table.cell(style, |text| text.push_str(user));
        table.cell(style, |text| {
            text.push_str(&who.command());
            if !who.state().is_empty() {
                text.push_str(" (");
                text.push_str(who.state());
                text.push(')');
            }
        });
    }
    table
}
