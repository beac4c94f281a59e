//! Who has files, as objects of JSON.

use super::Line;
use crate::failure::Failure;
use crate::output::Printer;
use crate::output::json::{JsonName, JsonPath, Record};
use crate::processes::Unseen;
use serde::Serialize;

/// A process that has a file.
#[derive(Serialize)]
struct Holder<'told> {
    #[serde(flatten)]
    path: JsonPath<'told>,
    pid: u32,
    #[serde(flatten)]
    command: JsonName<'told>,
    user: &'told str,
    #[serde(flatten)]
    cgroup: JsonName<'told>,
    mapped: u64,
    resident: Option<u64>,
    locked: Option<u64>,
    open: u32,
    mappings: Vec<Mapping>,
}

/// Where a file is mapped.
#[derive(Serialize)]
struct Mapping {
    start: u64,
    end: u64,
    offset: u64,
}

/// How much was seen.
#[derive(Serialize)]
struct Seen {
    complete: bool,
    forbidden: u64,
    hidden: bool,
    unsure: u64,
}

impl Record for Holder<'_> {
    const TYPE: &'static str = "holder";
}

impl Record for Seen {
    const TYPE: &'static str = "holders_seen";
}

/// Writes a line for each process and file, and how much was seen.
pub(super) fn print(
    printer: &mut Printer,
    lines: &[Line<'_>],
    unseen: Unseen,
) -> Result<(), Failure> {
    for Line { file, about, held } in lines {
        let mapping = |part: &crate::processes::Part| Mapping {
            start: part.addresses.start as u64,
            end: part.addresses.end as u64,
            offset: part.offset,
        };
        printer.json(&Holder {
            path: JsonPath::new(*file),
            pid: about.pid,
            command: JsonName::new("command", &about.command),
            user: &about.user,
            cgroup: JsonName::new("cgroup", &about.cgroup),
            mapped: held.mapped,
            resident: held.resident,
            locked: held.locked,
            open: held.open,
            mappings: held.parts.iter().map(mapping).collect(),
        })?;
    }
    printer.json(&Seen {
        complete: unseen.is_nothing(),
        forbidden: unseen.forbidden as u64,
        hidden: unseen.hidden,
        unsure: unseen.unsure as u64,
    })
}
