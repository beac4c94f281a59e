//! All ports, a line each.

use super::{Line, Seen, kind_of};
use crate::failure::Failure;
use crate::output::Printer;
use crate::output::table::{Align, Table, middle_cut};
use crate::output::terminal::{Style, shown};
use crate::output::units::{Units, many, push_number};
use mman::inspect::typed::{Agreement, Configuration, Kind, Place, Pool, Remark};
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

/// Left out in a narrow terminal, in this order: unit, pool, largest, size, holders.
const LESS: [usize; 5] = [1, 7, 4, 0, 5];

/// Writes the table, what each line needs said, and where the lines are from.
pub(super) fn print(
    printer: &mut Printer,
    lines: &[Line<'_>],
    configured: &Configuration,
) -> Result<(), Failure> {
    if !lines.is_empty() {
        table(printer, lines)?;
    }
    for line in lines {
        for note in notes(line, printer.units()) {
            say(printer, Style::Warning, &format!("  {}: {note}", line.port.name))?;
        }
    }
    remarks(printer, &configured.remarks)?;
    say(printer, Style::Faint, &source(lines, configured))
}

/// What of the configuration counts for nothing, with what stands there.
pub(super) fn remarks(printer: &mut Printer, remarks: &[Remark]) -> Result<(), Failure> {
    for Remark { place, why } in remarks {
        let (file, line) = (shown(place.file.as_os_str()), place.line);
        let text = text_of(place).map(|text| format!(": {text}")).unwrap_or_default();
        // A line 0 is the file itself.
        let place = if line == 0 { file } else { format!("{file}:{line}") };
        say(printer, Style::Warning, &format!("  {place}: {why}{text}"))?;
    }
    Ok(())
}

/// What a line of a configuration says, its comment left out; `None` where it cannot be read again.
fn text_of(place: &Place) -> Option<String> {
    const MOST: usize = 200;
    let text = std::fs::read(&place.file).ok()?;
    let line = text.split(|byte| *byte == b'\n').nth(place.line.checked_sub(1)?)?;
    let line = line.split(|byte| *byte == b'#').next()?.trim_ascii();
    let line = shown(OsStr::from_bytes(line));
    (!line.is_empty()).then(|| middle_cut(&line, MOST))
}

/// A line that is said, whole, however narrow the terminal is.
fn say(printer: &mut Printer, style: Style, text: &str) -> Result<(), Failure> {
    let painted = printer.terminal.paint(style, text);
    printer.text(&format!("{painted}\n"))
}

fn table(printer: &mut Printer, lines: &[Line<'_>]) -> Result<(), Failure> {
    let right = ["SIZE", "UNIT", "USED", "FREE", "LARGEST", "HOLDERS"];
    let left = ["KIND", "POOL", "PORT"];
    let columns = right.map(|name| (name, Align::Right)).into_iter();
    let columns = columns.chain(left.map(|name| (name, Align::Left))).collect();
    let (mut table, units) = (Table::new(columns), printer.units());
    for Line { port, seen } in lines {
        numbers(&mut table, units, seen);
        table.cell(Style::Plain, |text| text.push_str(&kind_of(port.pool.as_ref())));
        table.cell(Style::Plain, |text| text.push_str(&port.pool_name));
        table.cell(Style::Plain, |text| {
            text.push_str(&port.name);
            let is_read_only = port.pool.is_some() && !port.writes;
            text.push_str(if is_read_only { " (read only)" } else { "" });
            text.push_str(match seen {
                Seen::Unused(_) => " (not in use)",
                Seen::Unmade(_) => " (not made)",
                Seen::Lacking(_) if port.pool.is_none() => " (no pool)",
                Seen::Lacking(_) => " (not there)",
                _ => "",
            });
        });
    }
    let hidden = table.hide_to_fit(printer.terminal, &LESS);
    printer.text(&table.render(printer.terminal))?;
    if hidden.is_empty() {
        return Ok(());
    }
    let note = format!("no room for: {}", hidden.join(", "));
    let note = middle_cut(&note, printer.terminal.width.unwrap_or(usize::MAX));
    say(printer, Style::Faint, &note)
}

/// Size, unit, used, free, longest run, holders.
fn numbers(table: &mut Table, units: Units, seen: &Seen) {
    match seen {
        Seen::Unknown(_) => {
            (0..6).for_each(|_| table.cell(Style::Warning, |text| text.push('?')));
        }
        Seen::Lacking(_) => {
            (0..6).for_each(|_| table.cell(Style::Faint, |text| text.push('–')));
        }
        Seen::Unused(planned) | Seen::Unmade(planned) => {
            match planned.size {
                Some(size) => table.cell(Style::Plain, |text| units.push(text, size)),
                None => table.cell(Style::Warning, |text| text.push('?')),
            }
            table.cell(Style::Plain, |text| units.push(text, planned.unit));
            (0..4).for_each(|_| table.cell(Style::Faint, |text| text.push('–')));
        }
        Seen::InUse(used) => {
            let sizes = &used.sizes;
            let all = [sizes.size, sizes.unit, used.used(), sizes.free, sizes.longest];
            for bytes in all {
                table.cell(Style::Plain, |text| units.push(text, bytes));
            }
            table.cell(Style::Plain, |text| push_number(text, used.living() as u64));
        }
    }
}

/// What is out of the ordinary.
pub(super) fn notes(line: &Line<'_>, units: Units) -> Vec<String> {
    let used = match line.seen {
        // Of a pool that is not configured a line of the configuration tells.
        Seen::Lacking(what) if line.port.pool.is_some() => return vec![what.clone()],
        Seen::Unmade(_) => return line.port.pool.iter().map(unmade).collect(),
        Seen::InUse(used) => used,
        _ => return Vec::new(),
    };
    let mut notes = Vec::new();
    if let (dead @ 1.., bytes @ 1..) = used.dead() {
        let are = if dead == 1 { "process that has" } else { "processes that have" };
        let bytes = units.size(bytes);
        notes.push(format!("{bytes} are of {dead} {are} ended: the next call gives them back"));
    }
    if let Some(who) = used.holders.iter().find(|who| who.is_changing && who.is_stopped) {
        let (command, number) = (who.command(), who.held.holder.process);
        notes.push(format!(
            "{command}[{number}] is stopped with the lock of its table: calls of others fail (EAGAIN)"
        ));
    }
    if used.repairs.dropped > 0 {
        let dropped = many(used.repairs.dropped as u64, "entry").replace("entrys", "entries");
        notes.push(format!("{dropped} of its table could not be, and were dropped"));
    }
    match used.agreement {
        Some(Agreement::Differs) => notes.push(
            "its table does not agree with itself: it is made anew by who notices".to_owned(),
        ),
        Some(Agreement::Changing) => notes.push(
            "its table does not agree with itself, and somebody is changing it: look again"
                .to_owned(),
        ),
        _ => {}
    }
    notes
}

/// Who makes a pool that we may not make.
fn unmade(pool: &Pool) -> String {
    let place = match (&pool.directory, &pool.kind) {
        (_, Kind::Huge { .. }) => "its directory and hugetlbfs".to_owned(),
        (Some(directory), _) => shown(directory.as_os_str()),
        (None, _) => "its directory".to_owned(),
    };
    format!("may be made only by who may write to {place}, with mman typed --make")
}

/// How many, and who says so.
fn source(lines: &[Line<'_>], configured: &Configuration) -> String {
    let pools = lines.iter().filter_map(|line| line.port.pool.as_ref());
    let pools: BTreeSet<&str> = pools.map(|pool| pool.name.as_str()).collect();
    let counts =
        format!("{}, {}", many(lines.len() as u64, "port"), many(pools.len() as u64, "pool"));
    let files: Vec<String> = configured.files.iter().map(|file| shown(file.as_os_str())).collect();
    let built_in = lines.iter().any(|line| line.port.place.file.as_os_str().is_empty());
    match (files.is_empty(), built_in) {
        (true, _) => format!("{counts}, built in: nothing is configured"),
        (false, true) => format!("{counts}, built in and of {}", files.join(", ")),
        (false, false) => format!("{counts}, of {}", files.join(", ")),
    }
}
