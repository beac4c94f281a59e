//! Who has files, as a table for people.

use super::Line;
use crate::failure::Failure;
use crate::output::Printer;
use crate::output::table::{Align, Table};
use crate::output::terminal::{Style, push_shown};
use crate::output::units::{Units, push_number};
use crate::processes::{Unseen, sum};
use std::collections::BTreeSet;

/// Left out in a narrow terminal, in this order: user, mapped, open.
const LESS: [usize; 3] = [2, 3, 6];

/// Writes the table; `several` files are told apart.
pub(super) fn print(
    printer: &mut Printer,
    lines: &[Line<'_>],
    several: bool,
    unseen: Unseen,
) -> Result<(), Failure> {
    let mut columns = vec![
        ("PID", Align::Right),
        ("COMMAND", Align::Left),
        ("USER", Align::Left),
        ("MAPPED", Align::Right),
        ("RESIDENT", Align::Right),
        ("LOCKED", Align::Right),
        ("OPEN", Align::Right),
        ("CGROUP", Align::Left),
    ];
    if several {
        columns.push(("FILE", Align::Left));
    }
    let mut table = Table::new(columns);
    let units = printer.units();
    for line in lines {
        let Line { file, about, held } = line;
        table.cell(Style::Plain, |text| push_number(text, about.pid.into()));
        table.cell(Style::Plain, |text| push_shown(text, &about.command));
        table.cell(Style::Plain, |text| text.push_str(&about.user));
        sizes(&mut table, Style::Plain, units, [Some(held.mapped), held.resident, held.locked]);
        table.cell(Style::Plain, |text| count(text, u64::from(held.open)));
        table.cell(Style::Plain, |text| push_shown(text, &about.cgroup));
        if several {
            table.cell(Style::Plain, |text| push_shown(text, file.as_os_str()));
        }
    }
    let pids: BTreeSet<u32> = lines.iter().map(|line| line.about.pid).collect();
    let processes = if pids.len() == 1 { "process" } else { "processes" };
    let over = |which: fn(&Line<'_>) -> Option<u64>| {
        lines.iter().map(which).try_fold(0, |all, one| sum([Some(all), one]))
    };
    table.cell(Style::Heading, |text| push_number(text, pids.len() as u64));
    table.cell(Style::Heading, |text| text.push_str(processes));
    table.cell(Style::Heading, |_| {});
    let all = [
        over(|line| Some(line.held.mapped)),
        over(|line| line.held.resident),
        over(|line| line.held.locked),
    ];
    sizes(&mut table, Style::Heading, units, all);
    let open = lines.iter().map(|line| u64::from(line.held.open)).sum();
    table.cell(Style::Heading, |text| count(text, open));
    table.cell(Style::Heading, |_| {});
    if several {
        table.cell(Style::Heading, |_| {});
    }
    table.hide_to_fit(printer.terminal, &LESS);
    printer.text(&table.render(printer.terminal))?;
    for line in unseen.lines() {
        printer
            .text(&format!("{}\n", printer.terminal.paint(Style::Warning, &format!("? {line}"))))?;
    }
    Ok(())
}

fn sizes(table: &mut Table, style: Style, units: Units, sizes: [Option<u64>; 3]) {
    for bytes in sizes {
        table.cell(style, |text| match bytes {
            None => text.push('?'),
            Some(0) if units == Units::Iec => text.push('–'),
            Some(bytes) => units.push(text, bytes),
        });
    }
}

fn count(text: &mut String, count: u64) {
    if count == 0 {
        text.push('–');
    } else {
        push_number(text, count);
    }
}
