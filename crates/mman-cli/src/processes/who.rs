//! Which processes have files mapped or open: all files in one pass over `/proc`.

use super::about::About;
use super::find;
use super::folder::Folder;
use super::holders::{FileId, Held, Holder, Holders, Part};
use super::state::State;
use super::users;
use super::wanted::{Match, Wanted};
use mman::inspect::{Entry, Usage, file_pages};
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
    let (mut places, mut unsure) = (Vec::new(), false);
    let (mut entry, mut maps) = (Entry::default(), process.maps()?);
    while maps.read_into(&mut entry)? {
        match wanted.matched(&entry, &folder) {
            Match::Yes(file) => {
                let part = Part { addresses: entry.addresses(), offset: entry.offset() };
                places.push((file, part));
            }
            Match::No => {}
            Match::Unsure => unsure = true,
        }
    }
    let mut held = BTreeMap::new();
    open(&folder, wanted, &mut held)?;
    if held.is_empty() && places.is_empty() {
        return Ok(Found { holder: None, unsure });
    }
    let status = folder.read("status").unwrap_or_default();
    // Nothing is locked, and what is in memory is told of these mappings alone: that costs far less.
    let is_told = !places.is_empty()
        && !users::has_locked(&status)
        && resident(&process, &places, &mut held).is_some();
    if !is_told && !places.is_empty() {
        counted(&process, &folder, wanted, &mut held)?;
    }
    if held.is_empty() {
        return Ok(Found { holder: None, unsure });
    }
    let about = About::of_user(pid, &folder, users::in_status(&status));
    Ok(Found { holder: Some(Holder { about, held: held.into_values().collect() }), unsure })
}

/// How much of these mappings is in memory. `None`, and nothing is changed, where the kernel does not tell it so.
fn resident(
    process: &Process,
    places: &[(FileId, Part)],
    held: &mut BTreeMap<FileId, Held>,
) -> Option<()> {
    let count = |(_, part): &(FileId, Part)| file_pages(process, part.addresses.clone()).ok();
    let counts: Vec<u64> = places.iter().map(count).collect::<Option<_>>()?;
    for ((file, part), resident) in places.iter().zip(counts) {
        let held = held.entry(*file).or_insert_with(|| Held::nothing_of(*file));
        held.add(part.clone(), Some(resident), Some(0));
    }
    Some(())
}

/// The same with what is locked, as the kernel counts it for every mapping that there is.
fn counted(
    process: &Process,
    folder: &Folder,
    wanted: &Wanted,
    held: &mut BTreeMap<FileId, Held>,
) -> Result<(), Stop> {
    let (mut entry, mut usage) = (Entry::default(), Usage::default());
    let mut smaps = process.smaps()?;
    while smaps.read_into(&mut entry, &mut usage)? {
        let Match::Yes(file) = wanted.matched(&entry, folder) else { continue };
        let copies = usage.anonymous().unwrap_or(0);
        let resident = usage.rss().map(|rss| rss.saturating_sub(copies));
        let locked = if usage.flags().contains("lo") { resident } else { Some(0) };
        let part = Part { addresses: entry.addresses(), offset: entry.offset() };
        let held = held.entry(file).or_insert_with(|| Held::nothing_of(file));
        held.add(part, resident, locked);
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
