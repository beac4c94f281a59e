//! Which mappings are advised, and which are not and why.

use crate::args::{self, How};
use crate::failure::Failure;
use crate::processes::{Kind, Measure, Row};
use crate::range::Asked;
use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use mman::PageSize;
use std::ffi::OsStr;
use std::ops::Range;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// A mapping that is to be advised.
pub(super) struct Target {
    /// What of it.
    pub(super) addresses: Range<usize>,
    pub(super) row: Row,
}

/// All mappings of a process, sorted out.
#[derive(Default)]
pub(super) struct Targets {
    pub(super) chosen: Vec<Target>,
    /// Those that were asked for and cannot be advised so, in this process or in any.
    pub(super) left_out: Vec<(Why, Row)>,
}

/// Why a mapping cannot be advised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Why {
    Locked,
    HugePagePool,
    Kernel,
    Small,
}

impl Why {
    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::Locked => "locked by the process (mlock)",
            Self::HugePagePool => "of the huge page pool",
            Self::Kernel => "of the kernel or a device",
            Self::Small => "smaller than a huge page",
        }
    }
}

/// Which mappings are meant.
pub(super) struct Choice {
    names: GlobSet,
    paths: GlobSet,
    /// In whole pages; `None` for all.
    pub(super) range: Option<Range<usize>>,
    /// Whether rounding to pages made it larger.
    pub(super) rounded: bool,
    how: How,
    /// Bytes of a transparent huge page.
    huge: u64,
}

impl Choice {
    pub(super) fn new(args: &args::Advise) -> Result<Self, Failure> {
        let [mut names, mut paths] = [GlobSetBuilder::new(), GlobSetBuilder::new()];
        for text in &args.file {
            let glob = GlobBuilder::new(text).literal_separator(true).build();
            let glob =
                glob.map_err(|error| Failure::line(format!("glob '{text}': {}", error.kind())))?;
            let _builder = if text.contains('/') { paths.add(glob) } else { names.add(glob) };
        }
        let set = |builder: GlobSetBuilder| {
            builder.build().map_err(|error| Failure::line(format!("globs: {error}")))
        };
        let asked = args.range.map(addresses).transpose()?.flatten();
        let (range, rounded) = match asked {
            Some(asked) => {
                let rounded = rounded(&asked)?;
                (Some(rounded.clone()), rounded != asked)
            }
            None => (None, false),
        };
        let huge = std::fs::read_to_string("/sys/kernel/mm/transparent_hugepage/hpage_pmd_size");
        let huge = huge.ok().and_then(|text| text.trim().parse().ok()).unwrap_or(2 << 20);
        let (names, paths) = (set(names)?, set(paths)?);
        Ok(Self { names, paths, range, rounded, how: args.how, huge })
    }

    pub(super) fn of(&self, rows: Vec<Row>) -> Targets {
        let mut targets = Targets::default();
        for row in rows {
            let Some(addresses) = self.part_of(&row) else { continue };
            match self.why_not(&row) {
                Some(why) => targets.left_out.push((why, row)),
                None if self.has_nothing_to_do(&row) => {}
                None => targets.chosen.push(Target { addresses, row }),
            }
        }
        targets
    }

    /// What of a mapping is meant.
    fn part_of(&self, row: &Row) -> Option<Range<usize>> {
        let addresses = &row.place.as_ref()?.addresses;
        let all = self.names.is_empty() && self.paths.is_empty();
        if !all && !self.matches(row) {
            return None;
        }
        let whole = 0..usize::MAX;
        let range = self.range.as_ref().unwrap_or(&whole);
        let part = addresses.start.max(range.start)..addresses.end.min(range.end);
        (!part.is_empty()).then_some(part)
    }

    fn matches(&self, row: &Row) -> bool {
        if !matches!(row.kind, Kind::File | Kind::SharedMemory | Kind::MemFd | Kind::Device) {
            return false;
        }
        let path = Path::new(OsStr::from_bytes(&row.name));
        self.paths.is_match(path) || path.file_name().is_some_and(|name| self.names.is_match(name))
    }

    fn why_not(&self, row: &Row) -> Option<Why> {
        let flags = row.place.as_ref().map(|place| &*place.flags).unwrap_or_default();
        let has = |wanted: &str| flags.split_ascii_whitespace().any(|flag| flag == wanted);
        if row.kind == Kind::Kernel || has("io") || has("pf") {
            return Some(Why::Kernel);
        }
        if row.kind == Kind::HugePages {
            return Some(Why::HugePagePool);
        }
        match self.how {
            How::Cold | How::Pageout => has("lo").then_some(Why::Locked),
            How::Collapse => {
                (row.numbers.get(Measure::Size) < Some(self.huge)).then_some(Why::Small)
            }
            How::Willneed => None,
        }
    }

    /// Memory without a file is only ever read in from swap.
    fn has_nothing_to_do(&self, row: &Row) -> bool {
        let file = matches!(row.kind, Kind::File | Kind::SharedMemory | Kind::MemFd);
        self.how == How::Willneed && !file && row.numbers.get(Measure::Swap) == Some(0)
    }
}

/// `None` is all.
fn addresses(asked: Asked) -> Result<Option<Range<usize>>, Failure> {
    let address = |number: u64| {
        usize::try_from(number).map_err(|_| Failure::line("range: no address is so large"))
    };
    Ok(match asked {
        Asked::Whole => None,
        Asked::Between(start, end) => Some(address(start)?..address(end)?),
        Asked::From(start) => Some(address(start)?..usize::MAX),
        Asked::Last(_) => {
            return Err(Failure::line(
                "range: addresses have no end to count from: A-B, A-, A+LEN",
            ));
        }
    })
}

fn rounded(asked: &Range<usize>) -> Result<Range<usize>, Failure> {
    if asked.is_empty() {
        return Err(Failure::line("range: no addresses"));
    }
    let page = PageSize::base();
    // There is no page above the last.
    let end = page.round_up(asked.end).unwrap_or(page.round_down(usize::MAX));
    Ok(page.round_down(asked.start)..end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_rounded_outwards() {
        let page = PageSize::base().bytes();
        assert_eq!(rounded(&(page + 1..page + 2)).unwrap(), page..2 * page);
        assert_eq!(rounded(&(0..usize::MAX)).unwrap().start, 0);
        assert!(rounded(&(page..page)).is_err());
        assert!(addresses(Asked::Last(5)).is_err());
        assert_eq!(addresses(Asked::Whole).unwrap(), None);
    }
}
