//! What is left, and why: the file system, locks, mappings, changes that are not written back.

use super::drop::{Left, Tally};
use crate::args;
use crate::cache::{Residency, look_at};
use crate::failure::text_of;
use crate::interrupt::Interrupt;
use crate::output::units::pages;
use crate::processes::{Holders, who_has};
use mman::FileAdvice;
use rustix::fs::{Mode, OFlags, open};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::time::Duration;

/// Why pages are left. The order is the one in which they are told.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Why {
    Mapped(Vec<String>),
    Locked(Vec<String>),
    Dirty,
    Writeback,
    InMemory(&'static str),
    /// Nobody that can be seen holds them.
    Unknown,
}

impl Why {
    /// In words.
    pub(super) fn text(&self) -> String {
        match self {
            Self::Mapped(who) if who.len() > 1 => {
                let only = "the kernel pages out only what one process maps";
                format!("mapped by {}: {only}", some_of(who))
            }
            Self::Mapped(who) => format!("mapped by {}", some_of(who)),
            Self::Locked(who) => format!("locked by {}", some_of(who)),
            Self::Dirty => "dirty".to_owned(),
            Self::Writeback => "being written back".to_owned(),
            Self::InMemory(system) => format!("in memory only ({system}): cannot be dropped"),
            Self::Unknown => "?".to_owned(),
        }
    }

    /// What helps, where it was not given already.
    pub(super) const fn flag(&self, args: &args::Evict) -> &'static str {
        match self {
            Self::Mapped(who) if !args.force_mapped && who.len() == 1 => "--force-mapped",
            Self::Dirty | Self::Writeback if !args.sync => "--sync",
            _ => "",
        }
    }

    pub(super) const fn code(&self) -> &'static str {
        match self {
            Self::Mapped(_) => "mapped",
            Self::Locked(_) => "locked",
            Self::Dirty => "dirty",
            Self::Writeback => "writeback",
            Self::InMemory(_) => "in_memory",
            Self::Unknown => "unknown",
        }
    }

    pub(super) fn who(&self) -> &[String] {
        match self {
            Self::Mapped(who) | Self::Locked(who) => who,
            _ => &[],
        }
    }
}

/// A line has room for so many names.
const SHOWN: usize = 4;

fn some_of(who: &[String]) -> String {
    let shown: Vec<&str> = who.iter().take(SHOWN).map(String::as_str).collect();
    match who.len().saturating_sub(SHOWN) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// How much is left for a reason, in how many files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Amount {
    pub(super) bytes: u64,
    pub(super) files: u64,
}

/// What is left for which reasons, and what of the reasons could not be seen.
#[derive(Debug, Default)]
pub(super) struct Reasons {
    pub(super) each: BTreeMap<Why, Amount>,
    pub(super) unseen: Vec<String>,
}

/// Opens a file of the list again, where it is still the same one.
pub(super) fn open_again(left: &Left) -> Option<File> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let quiet = open(&left.path, flags | OFlags::NOATIME, Mode::empty());
    let file = File::from(quiet.or_else(|_| open(&left.path, flags, Mode::empty())).ok()?);
    let metadata = file.metadata().ok()?;
    ((metadata.dev(), metadata.ino()) == (left.id.device, left.id.inode)).then_some(file)
}

/// Drops once more what is neither dirty nor of memory: the kernel passes over pages that are in use for a moment.
pub(super) fn try_again(files: &mut Vec<Left>, interrupt: &Interrupt) {
    const TRIES: u32 = 2;
    /// More files than this are not left by chance.
    const MOST: usize = 256;
    for _ in 0..TRIES {
        let is_clean = |left: &Left| {
            let unwritten = left.now.details.map_or(0, |details| details.dirty);
            left.memory.is_none() && left.now.cached > unwritten
        };
        if files.len() > MOST || !files.iter().any(is_clean) || interrupt.is_set() {
            return;
        }
        std::thread::sleep(Duration::from_millis(2));
        for left in files.iter_mut().filter(|left| is_clean(left) && left.dirty_before == 0) {
            let Some(file) = open_again(left) else { continue };
            // What is left is told all the same.
            let _counted_below = FileAdvice::DontNeed.tell(&file, left.bytes.clone());
            count_again(left, &file);
        }
        files.retain(|left| left.now.cached > 0);
    }
}

/// Counts what is left of a file now.
pub(super) fn count_again(left: &mut Left, file: &File) {
    if let Residency::Known(known) = look_at(file, &left.bytes) {
        left.now = known;
    }
}

/// Who has what is left; `None` where nothing is, or where `/proc` cannot be read, which is told.
pub(super) fn holders(files: &[Left], failures: &mut BTreeSet<String>) -> Option<Holders> {
    let ids: Vec<_> =
        files.iter().filter(|left| left.memory.is_none()).map(|left| left.id).collect();
    if ids.is_empty() {
        return None;
    }
    match who_has(&ids) {
        Ok(holders) => Some(holders),
        Err(error) => {
            failures.insert(format!("/proc: {}", text_of(&error)));
            None
        }
    }
}

/// Why each page is left.
pub(super) fn reasons(files: &[Left], holders: Option<&Holders>, args: &args::Evict) -> Reasons {
    let mut reasons = Reasons::default();
    for left in files {
        let mut rest = pages(left.now.cached);
        let mut because = |bytes: u64, why: Why| {
            let bytes = bytes.min(rest);
            if bytes > 0 {
                rest = rest.saturating_sub(bytes);
                let amount = reasons.each.entry(why).or_default();
                amount.bytes = amount.bytes.saturating_add(bytes);
                amount.files = amount.files.saturating_add(1);
            }
        };
        if let Some(system) = left.memory {
            because(u64::MAX, Why::InMemory(system));
            continue;
        }
        let details = left.now.details.unwrap_or_default();
        because(pages(details.dirty), Why::Dirty);
        because(pages(details.writeback), Why::Writeback);
        let held = Held::of(left, holders);
        because(held.locked, Why::Locked(held.lockers));
        because(held.mapped, Why::Mapped(held.mappers));
        // Dropping began their write-back, and did not wait for it.
        let written =
            left.dirty_before.saturating_sub(details.dirty.saturating_add(details.writeback));
        if !args.sync {
            because(pages(written), Why::Dirty);
        }
        if !args.dry_run {
            because(u64::MAX, Why::Unknown);
        }
    }
    let uncertain = reasons.each.contains_key(&Why::Unknown);
    if let Some(holders) = holders.filter(|_| uncertain) {
        reasons.unseen = holders.unseen.lines();
    }
    reasons
}

/// What processes have of a file. Two may have the same pages: then these are counted for the one who has most.
#[derive(Debug, Default)]
struct Held {
    locked: u64,
    lockers: Vec<String>,
    mapped: u64,
    mappers: Vec<String>,
}

impl Held {
    fn of(left: &Left, holders: Option<&Holders>) -> Self {
        let mut all = Self::default();
        let Some(holders) = holders else { return all };
        for (about, held) in holders.of(left.id) {
            let overlaps = held.parts.iter().any(|part| {
                let end = part.offset.saturating_add(part.addresses.len() as u64);
                part.offset < left.bytes.end && left.bytes.start < end
            });
            // Where the kernel does not tell how much is in memory, it may be all.
            let (locked, resident) =
                (held.locked.unwrap_or(0), held.resident.unwrap_or(held.mapped));
            if overlaps && locked > 0 {
                all.lockers.push(about.label());
                all.locked = all.locked.max(locked);
            } else if overlaps && resident > 0 {
                all.mappers.push(about.label());
                all.mapped = all.mapped.saturating_add(resident);
            }
        }
        all
    }
}

/// What is cached now, in pages.
pub(super) fn pages_left(tally: &Tally) -> u64 {
    tally.left.iter().map(|left| left.now.cached).fold(0, u64::saturating_add)
}
