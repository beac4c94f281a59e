//! Counting again: what the advice changed, what it did not, and why not.

use super::targets::{Target, Why};
use crate::args::How;
use crate::cache::{Residency, look_at};
use crate::output::units::pages;
use crate::processes::{FileId, Folder, Kind, Measure, Numbers, Row, sum};
use rustix::fs::fstat;
use std::collections::BTreeMap;
use std::fs::File;
use std::ops::Range;
use std::os::unix::ffi::OsStrExt;

/// What was counted once.
#[derive(Clone)]
pub(super) struct Count {
    /// Over all mappings that were chosen.
    pub(super) numbers: Numbers,
    /// Of their files in the page cache; `None` where it is not known, or not asked.
    pub(super) cached: Option<u64>,
    /// Of their files in all.
    pub(super) file_bytes: u64,
}

/// Counts over mappings. What a mapping was split into since, or put together with, is counted where it overlaps.
pub(super) fn count(targets: &[Target], rows: &[Row]) -> Numbers {
    let mut numbers = Numbers::NOTHING;
    for row in overlapping(targets, rows) {
        numbers.add(&row.numbers);
    }
    numbers
}

fn overlapping<'rows>(
    targets: &'rows [Target],
    rows: &'rows [Row],
) -> impl Iterator<Item = &'rows Row> {
    rows.iter().filter(|row| {
        let Some(place) = &row.place else { return false };
        // Targets are in the order of their addresses.
        let after = targets.partition_point(|target| target.addresses.end <= place.addresses.start);
        targets.get(after).is_some_and(|target| target.addresses.start < place.addresses.end)
    })
}

/// What remains in memory, by the reason.
pub(super) fn remaining(
    targets: &[Target],
    left_out: &[(Why, Row)],
    rows: &[Row],
    swap: Swap,
) -> BTreeMap<&'static str, u64> {
    let mut all = BTreeMap::new();
    let mut add = |why, bytes: u64| {
        if bytes > 0 {
            let sum: &mut u64 = all.entry(why).or_default();
            *sum = sum.saturating_add(bytes);
        }
    };
    for (why, row) in left_out {
        add(why.words(), row.numbers.get(Measure::Rss).unwrap_or(0));
    }
    for row in overlapping(targets, rows) {
        let get = |measure| row.numbers.get(measure).unwrap_or(0);
        let rss = get(Measure::Rss);
        let shared = get(Measure::Shared).min(rss);
        add("mapped by other processes too", shared);
        let own = rss.saturating_sub(shared);
        let in_swap_only = matches!(row.kind, Kind::SharedMemory | Kind::MemFd);
        let homeless = if in_swap_only { own } else { get(Measure::Anonymous).min(own) };
        add(swap.words(), homeless);
        let rest = own.saturating_sub(homeless);
        let dirty = get(Measure::Dirty).saturating_sub(homeless).min(rest);
        add("changed, and not written to its file yet", dirty);
        add("in use, or of a file that you may not write", rest.saturating_sub(dirty));
    }
    all
}

/// What swap can take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Swap {
    None,
    Full,
    Some,
}

impl Swap {
    pub(super) fn now() -> Self {
        let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
        let field = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name))?;
            line.trim().strip_suffix(" kB")?.parse::<u64>().ok()
        };
        match (field("SwapTotal:"), field("SwapFree:")) {
            (Some(0), _) => Self::None,
            (Some(_), Some(free)) if free < 1024 => Self::Full,
            _ => Self::Some,
        }
    }

    const fn words(self) -> &'static str {
        match self {
            Self::None => "without a file, and there is no swap",
            Self::Full => "without a file, and swap is full",
            Self::Some => "without a file: in use, or its cgroup may not swap more",
        }
    }
}

/// How much of the mapped parts of files is in the page cache, and how much they are. `None` where that of one is not
/// known.
pub(super) fn cached(folder: &Folder, targets: &[Target]) -> (Option<u64>, u64) {
    let mut parts: BTreeMap<FileId, (File, Vec<Range<u64>>)> = BTreeMap::new();
    let mut known = true;
    for target in targets {
        if !matches!(target.row.kind, Kind::File | Kind::SharedMemory | Kind::MemFd) {
            continue;
        }
        let Some((id, file)) = opened(folder, target) else {
            known = false;
            continue;
        };
        let Some(place) = &target.row.place else { continue };
        let into = target.addresses.start.saturating_sub(place.addresses.start) as u64;
        let start = place.offset.saturating_add(into);
        let range = start..start.saturating_add(target.addresses.len() as u64);
        parts.entry(id).or_insert_with(|| (file, Vec::new())).1.push(range);
    }
    let (mut cached, mut all) = (Some(0), 0_u64);
    for (file, ranges) in parts.into_values() {
        for range in merged(ranges) {
            match look_at(&file, &range) {
                Residency::Known(known) => {
                    cached = sum([cached, Some(pages(known.cached))]);
                    all = all.saturating_add(pages(known.pages));
                }
                Residency::Unknown(_) => cached = None,
            }
        }
    }
    (cached.filter(|_| known), all)
}

/// The mapped file, opened: by its mapping, which root may, or by its path.
fn opened(folder: &Folder, target: &Target) -> Option<(FileId, File)> {
    let place = target.row.place.as_ref()?;
    let link = format!("map_files/{:x}-{:x}", place.addresses.start, place.addresses.end);
    let file = folder.open(&link).ok().or_else(|| {
        let path = [b"root", &*target.row.name].concat();
        let file = folder.open(std::ffi::OsStr::from_bytes(&path)).ok()?;
        // Another file may have the path now.
        (fstat(&file).ok()?.st_ino == place.inode).then_some(file)
    })?;
    let id = FileId::of(&file.metadata().ok()?);
    Some((id, file))
}

/// Ranges that do not overlap.
fn merged(mut ranges: Vec<Range<u64>>) -> Vec<Range<u64>> {
    ranges.sort_by_key(|range| range.start);
    let mut merged: Vec<Range<u64>> = Vec::new();
    for range in ranges {
        match merged.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => merged.push(range),
        }
    }
    merged
}

impl Count {
    pub(super) fn of(how: How, folder: &Folder, targets: &[Target], rows: &[Row]) -> Self {
        let numbers = count(targets, rows);
        let (cached, file_bytes) = match how {
            How::Willneed => cached(folder, targets),
            _ => (None, 0),
        };
        Self { numbers, cached, file_bytes }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_byte_of_a_file_is_counted_twice() {
        assert_eq!(merged(vec![8..12, 0..4, 2..6, 6..7, 20..30]), [0..7, 8..12, 20..30]);
    }
}
