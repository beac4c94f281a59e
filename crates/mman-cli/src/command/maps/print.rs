//! Rows as a table for people.

use super::Told;
use super::column::{self, Column, What};
use crate::args::{self, Grouping};
use crate::failure::Failure;
use crate::output::Printer;
use crate::output::table::{Table, middle_cut};
use crate::output::terminal::{Style, push_shown};
use crate::output::units::{Units, push_number};
use crate::processes::{Kind, Place, Row, State};
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fmt::Write;
use std::os::unix::ffi::OsStrExt;

/// Writes the table.
pub(super) fn print(args: &args::Maps, printer: &mut Printer, told: &Told) -> Result<(), Failure> {
    let mut columns = column::chosen(args, told.processes.len() > 1)?;
    if args.numa && args.columns.is_empty() {
        let nodes = told.shown().flat_map(|row| row.nodes.0.iter().flatten());
        let nodes: BTreeSet<u32> = nodes.map(|(node, _)| *node).collect();
        column::insert_nodes(&mut columns, nodes.into_iter());
    }
    let heads = columns.iter().map(|column| (column.head.clone(), column.what.align())).collect();
    let mut table = Table::new(heads);
    let writer = Writer { units: printer.units(), by: args.by, told };
    for row in told.shown() {
        for column in &columns {
            table.cell(Style::Plain, |text| writer.write(text, column, row));
        }
    }
    let sum = writer.sum();
    for column in &columns {
        table.cell(Style::Heading, |text| writer.write_total(text, column, &sum));
    }
    let hidden = if args.columns.is_empty() {
        table.hide_to_fit(printer.terminal, &column::giving_way(&columns, &told.total))
    } else {
        Vec::new()
    };
    table.write(printer.terminal, |piece| printer.text(piece))?;
    if !columns.iter().any(|column| column.what == What::Name) {
        printer.text(&format!("{sum}\n"))?;
    }
    if hidden.is_empty() {
        return Ok(());
    }
    let note = format!("not shown (-c): {}", hidden.join(", "));
    let note = middle_cut(&note, printer.terminal.width.unwrap_or(usize::MAX));
    printer.text(&format!("{}\n", printer.terminal.paint(Style::Faint, &note)))
}

struct Writer<'told> {
    units: Units,
    by: Grouping,
    told: &'told Told,
}

impl Writer<'_> {
    /// What the last line is about: how many of what, of whom.
    fn sum(&self) -> String {
        let Told { rows, shown, total, processes, ended } = self.told;
        let all = rows.len();
        let mut text = String::new();
        if shown.len() < all {
            push_number(&mut text, shown.len() as u64);
            text.push_str(" of ");
        }
        let counted = |count: u64, one: &str, more: &str| match count {
            1 => format!("1 {one}"),
            _ => format!("{count} {more}"),
        };
        let lines = match self.by {
            Grouping::Mapping => String::new(),
            Grouping::File => counted(all as u64, "file or kind, ", "files and kinds, "),
            Grouping::Kind => counted(all as u64, "kind, ", "kinds, "),
        };
        text.push_str(&lines);
        text.push_str(&counted(total.mappings, "mapping", "mappings"));
        match processes.as_slice() {
            [one] => {
                text.push_str(", ");
                text.push_str(&one.label());
                text.push_str(why_nothing(one.pid, total));
            }
            several => {
                let _always_ok = write!(text, ", {} processes", several.len());
            }
        }
        if *ended > 0 {
            let _always_ok = write!(text, ", {ended} ended meanwhile");
        }
        text
    }

    fn write(&self, text: &mut String, column: &Column, row: &Row) {
        match column.what {
            What::Bytes(measure) => self.bytes(text, row.numbers.get(measure)),
            What::Node(node) => self.bytes(text, row.nodes.get(node)),
            What::Mappings => push_number(text, row.mappings),
            What::Processes => push_number(text, row.processes),
            What::Pid | What::Command if row.processes > 1 => text.push('*'),
            What::Pid => match self.told.processes.get(row.process) {
                Some(about) => push_number(text, about.pid.into()),
                None => text.push('?'),
            },
            What::Command => match self.told.processes.get(row.process) {
                Some(about) => push_shown(text, &about.command),
                None => text.push('?'),
            },
            What::Kind => text.push_str(row.kind.word()),
            What::Name if self.by == Grouping::Kind => text.push_str(row.kind.word()),
            What::Name => write_name(text, row),
            _ => match &row.place {
                Some(place) => write_place(text, column.what, place),
                None => text.push('*'),
            },
        }
    }

    fn write_total(&self, text: &mut String, column: &Column, sum: &str) {
        let total = &self.told.total;
        match column.what {
            What::Bytes(measure) => self.bytes(text, total.numbers.get(measure)),
            What::Node(node) => self.bytes(text, total.nodes.get(node)),
            What::Mappings => push_number(text, total.mappings),
            What::Processes => push_number(text, total.processes),
            What::Name => text.push_str(sum),
            _ => {}
        }
    }

    /// In exact bytes, nothing is 0.
    fn bytes(&self, text: &mut String, bytes: Option<u64>) {
        match bytes {
            None => text.push('?'),
            Some(0) if self.units == Units::Iec => text.push('–'),
            Some(bytes) => self.units.push(text, bytes),
        }
    }
}

/// Why a process has no mappings at all.
fn why_nothing(pid: u32, total: &Row) -> &'static str {
    match State::of(pid) {
        _ if total.mappings > 0 => "",
        Some(state) if state.is_kernel => ", a thread of the kernel: no memory of its own",
        Some(state) if state.is_over => ", a zombie: its memory is gone",
        _ => "",
    }
}

/// The name; where there is none, the kind.
fn write_name(text: &mut String, row: &Row) {
    if row.name.is_empty() {
        text.push('[');
        text.push_str(row.kind.word());
        text.push(']');
    } else {
        push_shown(text, OsStr::from_bytes(&row.name));
    }
    if row.deleted {
        text.push_str(" (deleted)");
    } else if row.kind == Kind::File && row.name.ends_with(b" (deleted)") {
        text.push_str(" (so named)");
    }
}

fn write_place(text: &mut String, what: What, place: &Place) {
    // Writing to a string cannot fail.
    let _always_ok = match what {
        What::Address => {
            let addresses = &place.addresses;
            write!(text, "{:012x}-{:012x}", addresses.start, addresses.end)
        }
        What::Permissions => {
            text.extend(place.permissions.iter().map(|letter| char::from(*letter)));
            Ok(())
        }
        What::Offset => {
            push_number(text, place.offset);
            Ok(())
        }
        What::Device => write!(text, "{}:{}", place.device.0, place.device.1),
        What::Inode => {
            push_number(text, place.inode);
            Ok(())
        }
        What::Flags => text.write_str(&place.flags),
        What::Policy => text.write_str(if place.policy.is_empty() { "?" } else { &place.policy }),
        _ => Ok(()),
    };
}
