//! Which processes have files mapped or open: all files in one pass over `/proc`.

use super::about::About;
use super::find;
use super::folder::Folder;
use super::holders::{FileId, Held, Holder, Holders, Part};
use super::state::State;
use super::wanted::{Match, Wanted};
use mman::inspect::{Entry, Usage};
use mman::process::Process;
use mman::{Cause, Error};
use rustix::fs::{AtFlags, Dir, Mode, OFlags, openat, statat};
use rustix::io::Errno;
use std::collections::BTreeMap;
use std::io;

/// Which processes have these files mapped or open, this one left out. A process that ends meanwhile has nothing.
/// Where threads of a process have descriptors of their own, those of the first are meant.
///
/// Fails where `/proc` cannot be read.
pub(crate) fn who_has(files: &[FileId]) -> io::Result<Holders> {
    let wanted = Wanted::new(files);
    let mut holders = Holders::default();
    // The first process is always there.
    holders.unseen.hidden = std::fs::metadata("/proc/1").is_err();
    let ours = std::process::id();
    for pid in find::all()?.into_iter().filter(|pid| *pid != ours) {
        let unseen = &mut holders.unseen;
        match look(pid, &wanted) {
            Ok(found) => {
                unseen.unsure = unseen.unsure.saturating_add(found.unsure.into());
                holders.processes.extend(found.holder);
            }
            Err(Stop::Gone) => {}
            Err(Stop::Forbidden) if has_nothing(pid) => {}
            Err(Stop::Forbidden) => unseen.forbidden = unseen.forbidden.saturating_add(1),
        }
    }
    Ok(holders)
}

/// What is known of a process.
struct Found {
    holder: Option<Holder>,
    /// Whether it maps a file that cannot be compared.
    unsure: bool,
}

/// Why a process was not looked at to the end.
enum Stop {
    Gone,
    Forbidden,
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        if error.cause() == Cause::NoProcess { Self::Gone } else { Self::Forbidden }
    }
}

impl From<Errno> for Stop {
    fn from(errno: Errno) -> Self {
        if matches!(errno, Errno::NOENT | Errno::SRCH) { Self::Gone } else { Self::Forbidden }
    }
}

/// Threads of the kernel and processes that have ended and wait to be waited for have nothing mapped or open, and
/// may not be looked at by others either.
fn has_nothing(pid: u32) -> bool {
    State::of(pid).is_none_or(|state| state.is_kernel || state.is_over)
}

fn look(pid: u32, wanted: &Wanted) -> Result<Found, Stop> {
    let process = Process::open(pid)?;
    let folder = Folder::of(&process)?;
    let (mut any, mut unsure) = (false, false);
    let (mut entry, mut maps) = (Entry::default(), process.maps()?);
    while maps.read_into(&mut entry)? {
        match wanted.matched(&entry, &folder) {
            Match::Yes(_) => any = true,
            Match::No => {}
            Match::Unsure => unsure = true,
        }
    }
    let mut held = BTreeMap::new();
    if any {
        mapped(&process, &folder, wanted, &mut held)?;
    }
    open(&folder, wanted, &mut held)?;
    if held.is_empty() {
        return Ok(Found { holder: None, unsure });
    }
    let holder = Holder { about: About::of(pid, &folder), held: held.into_values().collect() };
    Ok(Found { holder: Some(holder), unsure })
}

/// What it has mapped, and how much of that is in memory.
fn mapped(
    process: &Process,
    folder: &Folder,
    wanted: &Wanted,
    held: &mut BTreeMap<FileId, Held>,
) -> Result<(), Stop> {
    let (mut entry, mut usage) = (Entry::default(), Usage::default());
    let mut smaps = process.smaps()?;
    while smaps.read_into(&mut entry, &mut usage)? {
        let Match::Yes(file) = wanted.matched(&entry, folder) else { continue };
        let held = held.entry(file).or_insert_with(|| Held::nothing_of(file));
        held.parts.push(Part { addresses: entry.addresses(), offset: entry.offset() });
        held.mapped = held.mapped.saturating_add(entry.len() as u64);
        let copies = usage.anonymous().unwrap_or(0);
        let resident = usage.rss().map(|rss| rss.saturating_sub(copies));
        let locked = if usage.flags().contains("lo") { resident } else { Some(0) };
        let sum = |one: Option<u64>, other: Option<u64>| Some(one?.saturating_add(other?));
        held.resident = sum(held.resident, resident);
        held.locked = sum(held.locked, locked);
    }
    Ok(())
}

/// What it has open.
fn open(folder: &Folder, wanted: &Wanted, held: &mut BTreeMap<FileId, Held>) -> Result<(), Stop> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let descriptors = openat(folder, "fd", flags, Mode::empty())?;
    for entry in Dir::read_from(&descriptors)? {
        let entry = entry?;
        let name = entry.file_name();
        if name.to_bytes().starts_with(b".") {
            continue;
        }
        // It may have been closed since.
        let Ok(stat) = statat(&descriptors, name, AtFlags::empty()) else { continue };
        let file = FileId::of_stat(&stat);
        if wanted.contains(file) {
            let held = held.entry(file).or_insert_with(|| Held::nothing_of(file));
            held.open = held.open.saturating_add(1);
        }
    }
    Ok(())
}
