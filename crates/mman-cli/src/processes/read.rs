//! The mappings of a process, read to their end.

use super::about::About;
use super::ahead::Ahead;
use super::folder::Folder;
use super::kind::Kind;
use super::numbers::Numbers;
use super::row::{Nodes, Place, Row};
use super::state::State;
use mman::inspect::{self, Entry, Name, Smaps, Usage};
use mman::process::Process;
use mman::{Cause, Errno, Error};
use std::collections::HashMap;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::thread;

/// What is asked besides the numbers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Detail {
    pub(crate) flags: bool,
    pub(crate) nodes: bool,
}

/// What was found of a process.
pub(crate) enum Read {
    /// Its mappings. None where it is a thread of the kernel, or has ended and waits to be waited for.
    Rows(Vec<Row>),
    /// It has ended.
    Gone,
    /// It may not be looked at.
    Forbidden,
    /// Something else.
    Failed(Error),
}

impl From<Error> for Read {
    fn from(error: Error) -> Self {
        match error.cause() {
            Cause::NoProcess => Self::Gone,
            Cause::NotPermitted => Self::Forbidden,
            _ => Self::Failed(error),
        }
    }
}

/// Reads the mappings of a process, which is at this place of the list.
pub(crate) fn read(process: &Process, place: usize, detail: Detail) -> Read {
    let pid = process.pid();
    // They have no mappings, and who may not look at them is told otherwise.
    if State::of(pid).is_some_and(|state| state.is_kernel || state.is_over) {
        return Read::Rows(Vec::new());
    }
    let rows = match counted(process, place, detail) {
        Ok(Some(rows)) => Ok(rows),
        Ok(None) => return Read::Gone,
        // Nothing was counted, as by a kernel that was built without it: what is mapped is told all the same.
        Err(error) if error.errno() == Some(Errno::ENOENT) => uncounted(process, place),
        Err(error) => Err(error),
    };
    let rows = rows.and_then(|mut rows| {
        if detail.nodes {
            add_nodes(process, &mut rows)?;
        }
        Ok(rows)
    });
    rows.map_or_else(Read::from, Read::Rows)
}

/// `None` where the process ended before all was read.
fn counted(process: &Process, place: usize, detail: Detail) -> Result<Option<Vec<Row>>, Error> {
    // What forbids it is told by the library.
    drop(process.smaps()?);
    let Ok(file) = Folder::of(process)?.open("smaps") else { return Ok(None) };
    let rows = thread::scope(|scope| {
        let mut smaps = Smaps::of_text(Ahead::start(scope, &file));
        rows_of(process, place, detail, &mut smaps)
    })?;
    // One that has ended tells no more, and half of it is not told as the whole.
    let is_whole = rows.is_empty() || matches!(file.read_at(&mut [0], 0), Ok(1..));
    Ok(is_whole.then_some(rows))
}

fn rows_of(
    process: &Process,
    place: usize,
    detail: Detail,
    smaps: &mut Smaps<'_>,
) -> Result<Vec<Row>, Error> {
    let (mut entry, mut usage) = (Entry::default(), Usage::default());
    let mut rows = Vec::new();
    while smaps.read_into(&mut entry, &mut usage)? {
        // The text of a newline is also that of a backslash and digits: asked for its address, the kernel tells.
        if entry.kernel_name().as_bytes().contains(&b'\n')
            && let Ok(Some(told)) = inspect::find(process, entry.addresses().start)
            && told.addresses() == entry.addresses()
        {
            entry = told;
        }
        let numbers = Numbers::of(&entry, &usage);
        let mut row = row(process, &entry, Kind::of(&entry, usage.flags()), numbers);
        row.process = place;
        if let (true, Some(place)) = (detail.flags, &mut row.place) {
            let mut flags = String::new();
            for flag in usage.flags().iter() {
                flags.push_str(if flags.is_empty() { "" } else { " " });
                flags.push_str(flag);
            }
            place.flags = flags.into();
        }
        rows.push(row);
    }
    Ok(rows)
}

fn uncounted(process: &Process, place: usize) -> Result<Vec<Row>, Error> {
    let (mut entry, mut maps, mut rows) = (Entry::default(), process.maps()?, Vec::new());
    while maps.read_into(&mut entry)? {
        let kind = Kind::of(&entry, Usage::default().flags());
        let mut row = row(process, &entry, kind, Numbers::uncounted(&entry));
        row.process = place;
        rows.push(row);
    }
    Ok(rows)
}

fn row(process: &Process, entry: &Entry, kind: Kind, numbers: Numbers) -> Row {
    // A file whose name ends in " (deleted)" reads like one that is deleted.
    let deleted = entry.is_deleted()
        && matches!(entry.name(), Name::File(_))
        && !process.still_has(entry).unwrap_or(false);
    let name = match entry.name() {
        Name::File(path) if deleted => path.as_os_str(),
        _ => entry.kernel_name(),
    };
    Row {
        numbers,
        name: name.as_bytes().into(),
        deleted,
        mappings: 1,
        processes: 1,
        place: Some(Place::of(entry)),
        nodes: Nodes::default(),
        kind,
        process: usize::MAX,
    }
}

fn add_nodes(process: &Process, rows: &mut [Row]) -> Result<(), Error> {
    let all = match inspect::numa_maps(process) {
        Ok(all) => all,
        // A kernel that knows no nodes: where pages are stays unknown.
        Err(error) if error.cause() == Cause::Kernel => return Ok(()),
        Err(error) => return Err(error),
    };
    let mut by_address = HashMap::new();
    for placement in all {
        let placement = placement?;
        by_address.insert(placement.address(), placement);
    }
    for row in rows {
        let Some(place) = &mut row.place else { continue };
        if let Some(placement) = by_address.get(&place.addresses.start) {
            place.policy = placement.policy().to_string_lossy().into();
            row.nodes = Nodes::of(placement);
        } else if row.kind == Kind::Kernel {
            row.nodes = Nodes(Some(Vec::new()));
        }
    }
    Ok(())
}

/// Why a process may not be looked at, with what everybody may know.
pub(crate) fn forbidden(about: &About, folder: &Folder) -> String {
    let status = folder.read("status").unwrap_or_default();
    let status = String::from_utf8_lossy(&status);
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        let kib: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
        Some(crate::output::units::Units::Iec.size(kib.checked_mul(1024)?))
    };
    let known = match (field("VmRSS"), field("VmSwap")) {
        (Some(rss), Some(swap)) => format!("; in all, {rss} in memory and {swap} in swap"),
        _ => String::new(),
    };
    let (label, user) = (about.label(), &about.user);
    let needs = super::holders::needs();
    format!("{label} of {user}: not permitted to look at its mappings ({needs}){known}")
}
