//! Rows as objects of JSON.

use super::Told;
use crate::failure::Failure;
use crate::output::Printer;
use crate::output::json::{JsonName, Record};
use crate::processes::{About, Numbers, Row};
use serde::{Serialize, Serializer};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

/// One mapping.
#[derive(Serialize)]
struct Mapping<'told> {
    #[serde(flatten)]
    process: ProcessOf<'told>,
    start: u64,
    end: u64,
    permissions: &'told str,
    offset: u64,
    device: [u32; 2],
    inode: u64,
    flags: Vec<&'told str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    policy: Option<&'told str>,
    #[serde(flatten)]
    what: What<'told>,
}

/// Several, of a file or of a kind.
#[derive(Serialize)]
struct Mappings<'told> {
    #[serde(flatten)]
    process: Option<ProcessOf<'told>>,
    processes: u64,
    mappings: u64,
    #[serde(flatten)]
    what: What<'told>,
}

/// All.
#[derive(Serialize)]
struct Total<'told> {
    processes: u64,
    ended: u64,
    mappings: u64,
    #[serde(flatten)]
    numbers: &'told Numbers,
}

#[derive(Serialize)]
struct ProcessOf<'told> {
    pid: u32,
    #[serde(flatten)]
    command: JsonName<'told>,
}

#[derive(Serialize)]
struct What<'told> {
    kind: &'static str,
    #[serde(flatten)]
    name: JsonName<'told>,
    deleted: bool,
    #[serde(flatten)]
    numbers: &'told Numbers,
    #[serde(skip_serializing_if = "Option::is_none")]
    nodes: Option<ByNode<'told>>,
}

struct ByNode<'told>(&'told [(u32, u64)]);

impl Serialize for ByNode<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(node, bytes)| (node, bytes)))
    }
}

impl Record for Mapping<'_> {
    const TYPE: &'static str = "mapping";
}

impl Record for Mappings<'_> {
    const TYPE: &'static str = "mappings";
}

impl Record for Total<'_> {
    const TYPE: &'static str = "mappings_total";
}

impl<'told> What<'told> {
    fn of(row: &'told Row) -> Self {
        Self {
            kind: row.kind.word(),
            name: JsonName::new("name", OsStr::from_bytes(&row.name)),
            deleted: row.deleted,
            numbers: &row.numbers,
            nodes: row.nodes.0.as_deref().filter(|nodes| !nodes.is_empty()).map(ByNode),
        }
    }
}

impl<'told> ProcessOf<'told> {
    fn of(about: &'told About) -> Self {
        Self { pid: about.pid, command: JsonName::new("command", about.command.as_os_str()) }
    }
}

/// Writes a line for each row, and the total.
pub(super) fn print(printer: &mut Printer, told: &Told) -> Result<(), Failure> {
    let none = OsStr::new("");
    for row in told.shown() {
        let about = told.processes.get(row.process).filter(|_| row.processes == 1);
        let Some(place) = &row.place else {
            let process = about.map(ProcessOf::of);
            let Row { processes, mappings, .. } = *row;
            printer.json(&Mappings { process, processes, mappings, what: What::of(row) })?;
            continue;
        };
        let unknown = ProcessOf { pid: 0, command: JsonName::new("command", none) };
        printer.json(&Mapping {
            process: about.map_or(unknown, ProcessOf::of),
            start: place.addresses.start as u64,
            end: place.addresses.end as u64,
            permissions: str::from_utf8(&place.permissions).unwrap_or_default(),
            offset: place.offset,
            device: [place.device.0, place.device.1],
            inode: place.inode,
            flags: place.flags.split_ascii_whitespace().collect(),
            policy: Some(&*place.policy).filter(|policy| !policy.is_empty()),
            what: What::of(row),
        })?;
    }
    printer.json(&Total {
        processes: told.processes.len() as u64,
        ended: told.ended as u64,
        mappings: told.total.mappings,
        numbers: &told.total.numbers,
    })
}
