//! Ports, holders, runs and remarks as objects of JSON.

use super::holders::Who;
use super::runs::{Group, groups};
use super::{Line, Seen, Used};
use crate::args;
use crate::failure::Failure;
use crate::output::Printer;
use crate::output::json::{JsonName, JsonPath, Record};
use mman::inspect::typed::{self, Agreement, Allocatable, Configuration, Kind, Remark};
use serde::Serialize;
use std::ffi::OsStr;

/// A port, and how its pool is.
#[derive(Serialize)]
struct Port<'told> {
    port: &'told str,
    pool: &'told str,
    kind: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    node: Option<u32>,
    writes: bool,
    allocatable: &'static str,
    #[serde(flatten)]
    config: JsonName<'told>,
    #[serde(skip_serializing_if = "Option::is_none")]
    config_line: Option<usize>,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'told str>,
    size: Option<u64>,
    unit: Option<u64>,
    #[serde(flatten)]
    numbers: Option<Numbers>,
}

/// Of a pool that is in use, in bytes.
#[derive(Serialize)]
struct Numbers {
    used: u64,
    free: u64,
    largest: u64,
    shared: u64,
    free_runs: u64,
    free_by_length: Vec<Group>,
    holders: usize,
    dead: usize,
    dead_bytes: u64,
    rebuilt: usize,
    dropped: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    table: Option<&'static str>,
}

/// Who holds memory of it, or has it open.
#[derive(Serialize)]
struct Holder<'told> {
    port: &'told str,
    pool: &'told str,
    pid: i32,
    /// Whether the number is that of a process here.
    here: bool,
    dead: bool,
    changing: bool,
    stopped: bool,
    #[serde(flatten)]
    command: Option<JsonName<'told>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'told str>,
    bytes: u64,
    ranges: Vec<Range>,
}

/// Bytes of the pool.
#[derive(Serialize)]
struct Range {
    start: u64,
    end: u64,
}

/// A free run.
#[derive(Serialize)]
struct Run<'told> {
    port: &'told str,
    pool: &'told str,
    start: u64,
    end: u64,
}

/// A line of the configuration that counts for nothing.
#[derive(Serialize)]
struct Useless<'told> {
    #[serde(flatten)]
    path: JsonPath<'told>,
    line: usize,
    reason: String,
}

/// A pool that was to be made.
#[derive(Serialize)]
struct Made<'told> {
    port: &'told str,
    pool: &'told str,
    state: &'told str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'told str>,
}

impl Record for Made<'_> {
    const TYPE: &'static str = "typed_made";
}

impl Record for Port<'_> {
    const TYPE: &'static str = "typed_port";
}

impl Record for Holder<'_> {
    const TYPE: &'static str = "typed_holder";
}

impl Record for Run<'_> {
    const TYPE: &'static str = "typed_run";
}

impl Record for Useless<'_> {
    const TYPE: &'static str = "typed_remark";
}

/// Writes a line for each port; of those that were named, for each holder and, where they are asked for, each free run too.
pub(super) fn print(
    args: &args::Typed,
    printer: &mut Printer,
    lines: &[Line<'_>],
    configured: &Configuration,
) -> Result<(), Failure> {
    for line in lines {
        printer.json(&port(line))?;
        let Seen::InUse(used) = line.seen else { continue };
        if !args.ports.is_empty() {
            for who in &used.holders {
                printer.json(&holder(line, who))?;
            }
        }
        if args.runs {
            each_run(printer, line, used)?;
        }
    }
    if !args.ports.is_empty() {
        return Ok(());
    }
    remarks(printer, &configured.remarks)
}

/// Writes what became of a pool that was to be made.
pub(super) fn made(
    printer: &mut Printer,
    port: &typed::Port,
    state: &Result<&str, String>,
) -> Result<(), Failure> {
    let (port, pool) = (port.name.as_str(), port.pool_name.as_str());
    let reason = state.as_ref().err().map(String::as_str);
    printer.json(&Made {
        port,
        pool,
        state: state.as_ref().map_or("failed", |state| state),
        reason,
    })
}

/// Writes what of the configuration counts for nothing.
pub(super) fn remarks(printer: &mut Printer, remarks: &[Remark]) -> Result<(), Failure> {
    for Remark { place, why } in remarks {
        let (path, reason) = (JsonPath::new(&place.file), why.to_string());
        printer.json(&Useless { path, line: place.line, reason })?;
    }
    Ok(())
}

fn port<'told>(line: &Line<'told>) -> Port<'told> {
    let Line { port, seen } = line;
    let (kind, node) = match port.pool.as_ref().map(|pool| &pool.kind) {
        None => (None, None),
        Some(Kind::Node(node)) => (Some("node"), Some(*node)),
        Some(Kind::Huge { .. }) => (Some("huge"), None),
        Some(Kind::Store(_)) => (Some("store"), None),
        Some(Kind::Dax(_)) => (Some("dax"), None),
        Some(_) => (Some("shm"), None),
    };
    let (state, reason, size, unit) = match seen {
        Seen::Unused(planned) => ("not in use", None, planned.size, Some(planned.unit)),
        Seen::Unmade(planned) => ("not made", None, planned.size, Some(planned.unit)),
        Seen::InUse(used) => ("in use", None, Some(used.sizes.size), Some(used.sizes.unit)),
        Seen::Lacking(why) => ("lacking", Some(why.as_str()), None, None),
        Seen::Unknown(why) => ("unknown", Some(why.as_str()), None, None),
    };
    let file: &OsStr = port.place.file.as_os_str();
    Port {
        port: &port.name,
        pool: &port.pool_name,
        kind,
        node,
        writes: port.writes,
        allocatable: match port.allocatable {
            Allocatable::Owner => "owner",
            Allocatable::Root => "root",
            Allocatable::Any => "any",
        },
        config: JsonName::new("config", file),
        config_line: (!file.is_empty()).then_some(port.place.line),
        state,
        reason,
        size,
        unit,
        numbers: if let Seen::InUse(used) = seen { Some(numbers(used)) } else { None },
    }
}

fn numbers(used: &Used) -> Numbers {
    let (dead, dead_bytes) = used.dead();
    Numbers {
        used: used.used(),
        free: used.sizes.free,
        largest: used.sizes.longest,
        shared: used.sizes.shared,
        free_runs: used.sizes.runs,
        free_by_length: groups(used),
        holders: used.living(),
        dead,
        dead_bytes,
        rebuilt: used.repairs.rebuilt,
        dropped: used.repairs.dropped,
        table: used.agreement.map(|agreement| match agreement {
            Agreement::Agrees => "agrees",
            Agreement::Changing => "changing",
            _ => "differs",
        }),
    }
}

fn holder<'told>(line: &Line<'told>, who: &'told Who) -> Holder<'told> {
    let told = &who.held.holder;
    Holder {
        port: &line.port.name,
        pool: &line.port.pool_name,
        pid: told.process,
        here: told.is_here,
        dead: told.is_dead,
        changing: who.is_changing,
        stopped: who.is_stopped,
        command: who.about.as_ref().map(|about| JsonName::new("command", &about.command)),
        user: who.about.as_ref().map(|about| about.user.as_str()),
        bytes: told.bytes,
        ranges: who
            .held
            .ranges
            .iter()
            .map(|run| Range { start: run.start, end: run.end })
            .collect(),
    }
}

fn each_run(printer: &mut Printer, line: &Line<'_>, used: &Used) -> Result<(), Failure> {
    let (port, pool) = (line.port.name.as_str(), line.port.pool_name.as_str());
    let mut written = Ok(());
    used.look.free_runs(|run| {
        if written.is_ok() {
            written = printer.json(&Run { port, pool, start: run.start, end: run.end });
        }
    });
    written
}
