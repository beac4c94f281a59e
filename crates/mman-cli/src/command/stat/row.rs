//! What is said of a file, of several, and of all.

use crate::cache::{Density, Known, Residency, Sizes, Unknown};
use crate::select::What;
use std::cmp::Ordering;

/// A line: a file, or all files of a directory or of an extension.
#[derive(Debug)]
pub(super) struct Row {
    /// The path as bytes, as it is to be shown; or the extension.
    pub(super) name: Box<[u8]>,
    pub(super) sums: Sums,
    /// Why nothing is known of a file.
    pub(super) why: Option<Why>,
    pub(super) picture: Option<Box<[Density]>>,
    pub(super) folios: Option<Box<Sizes>>,
}

/// Why nothing is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    Unopened(What),
    Uncounted(Unknown),
}

impl Why {
    pub(super) fn short(self) -> String {
        match self {
            Self::Unopened(what) => what.short(),
            Self::Uncounted(unknown) => unknown.short(),
        }
    }
}

/// Numbers that add up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sums {
    pub(super) files: u64,
    /// Of those, how many are not known.
    pub(super) unknown: u64,
    /// Of those that are known, how many only `mincore` tells of: not what is dirty.
    pub(super) half_known: u64,
    /// In bytes, of the unknown too.
    pub(super) size: u64,
    /// In pages, of the unknown too.
    pub(super) pages: u64,
    /// In pages.
    pub(super) cached: u64,
    pub(super) dirty: u64,
    pub(super) writeback: u64,
    pub(super) evicted: u64,
    pub(super) recently_evicted: u64,
}

impl Sums {
    /// Of one file.
    pub(super) fn known(known: &Known) -> Self {
        let details = known.details.unwrap_or_default();
        Self {
            files: 1,
            unknown: 0,
            half_known: known.details.is_none().into(),
            size: known.bytes,
            pages: known.pages,
            cached: known.cached,
            dirty: details.dirty,
            writeback: details.writeback,
            evicted: details.evicted,
            recently_evicted: details.recently_evicted,
        }
    }

    /// Of one file of which only the size is known, if that.
    pub(super) fn unknown(size: u64, pages: u64) -> Self {
        Self { files: 1, unknown: 1, size, pages, ..Self::default() }
    }

    pub(super) fn add(&mut self, more: &Self) {
        let fields = [
            (&mut self.files, more.files),
            (&mut self.unknown, more.unknown),
            (&mut self.half_known, more.half_known),
            (&mut self.size, more.size),
            (&mut self.pages, more.pages),
            (&mut self.cached, more.cached),
            (&mut self.dirty, more.dirty),
            (&mut self.writeback, more.writeback),
            (&mut self.evicted, more.evicted),
            (&mut self.recently_evicted, more.recently_evicted),
        ];
        for (sum, more) in fields {
            *sum = sum.saturating_add(more);
        }
    }

    /// Changed pages that are not on the disk yet.
    pub(super) const fn unwritten(&self) -> u64 {
        self.dirty.saturating_add(self.writeback)
    }

    /// Whether nothing at all is known.
    pub(super) const fn is_unknown(&self) -> bool {
        self.unknown >= self.files && self.files > 0
    }

    /// The share that is cached, compared without rounding. What is unknown counts as not cached; nothing of nothing
    /// is all.
    fn share(&self, other: &Self) -> Ordering {
        let product = |part: u64, whole: u64| u128::from(part).saturating_mul(whole.max(1).into());
        product(self.cached, other.pages).cmp(&product(other.cached, self.pages))
    }
}

impl From<Residency> for Sums {
    fn from(residency: Residency) -> Self {
        match residency {
            Residency::Known(known) => Self::known(&known),
            Residency::Unknown(_) => Self::unknown(0, 0),
        }
    }
}

/// In the order that was asked for: the largest first, but for names, which also decide between equals. What is
/// unknown comes last.
pub(super) fn compare(sort: crate::args::Sort, a: &Row, b: &Row) -> Ordering {
    use crate::args::Sort;
    let by = |key: fn(&Sums) -> u64| key(&b.sums).cmp(&key(&a.sums));
    let first = match sort {
        Sort::Path | Sort::None => Ordering::Equal,
        Sort::Size => by(|sums| sums.size),
        Sort::Cached | Sort::Share | Sort::Dirty => {
            let unknown = a.sums.is_unknown().cmp(&b.sums.is_unknown());
            unknown.then_with(|| match sort {
                Sort::Cached => by(|sums| sums.cached),
                Sort::Dirty => by(Sums::unwritten),
                _ => b.sums.share(&a.sums),
            })
        }
    };
    first.then_with(|| by_path(&a.name, &b.name))
}

/// Paths part by part: what is in a directory stays together.
fn by_path(a: &[u8], b: &[u8]) -> Ordering {
    // Paths begin alike for long: that is skipped a word at a time.
    let (words, _) = a.as_chunks::<8>();
    let (others, _) = b.as_chunks::<8>();
    let alike = words.iter().zip(others).take_while(|(a, b)| a == b).count().saturating_mul(8);
    let (a, b) = (a.get(alike..).unwrap_or_default(), b.get(alike..).unwrap_or_default());
    let part = |byte: &u8| if *byte == b'/' { 0 } else { *byte };
    a.iter().map(part).cmp(b.iter().map(part))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::Sort;

    fn row(name: &str, cached: u64, pages: u64) -> Row {
        let sums = Sums { files: 1, cached, pages, size: pages * 4096, ..Sums::default() };
        Row { name: name.as_bytes().into(), sums, why: None, picture: None, folios: None }
    }

    fn order(sort: Sort, rows: Vec<Row>) -> Vec<String> {
        let mut rows = rows;
        rows.sort_by(|a, b| compare(sort, a, b));
        rows.iter().map(|row| String::from_utf8_lossy(&row.name).into_owned()).collect()
    }

    #[test]
    fn the_largest_comes_first_and_the_unknown_last() {
        let rows = || {
            let mut unknown = row("d", 0, 1 << 40);
            unknown.sums.unknown = 1;
            vec![unknown, row("a", 1, 1), row("c", 5, 10), row("b", 5, 100)]
        };
        assert_eq!(order(Sort::Cached, rows()), ["b", "c", "a", "d"]);
        assert_eq!(order(Sort::Share, rows()), ["a", "c", "b", "d"]);
        assert_eq!(order(Sort::Size, rows()), ["d", "b", "c", "a"]);
        assert_eq!(order(Sort::Path, rows()), ["a", "b", "c", "d"]);
    }

    #[test]
    fn what_is_in_a_directory_stays_together() {
        let rows = vec![row("a-b", 0, 0), row("a/z", 0, 0), row("a.c", 0, 0), row("a/b", 0, 0)];
        assert_eq!(order(Sort::Path, rows), ["a/b", "a/z", "a-b", "a.c"]);
    }
}
