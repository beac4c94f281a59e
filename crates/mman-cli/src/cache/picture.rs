//! Where in a file the cached pages are: a row of cells, each as dense as its part of the file.

use super::{Known, by_mapping};
use crate::select::Found;
use mman::{CacheStatus, Errno, PageSize};
use std::fs::File;
use std::ops::Range;

/// How dense a cell is: [`NONE`] of its pages are cached, [`ALL`], or so many eighths, of which the first and the last
/// stand for none and for all and for nothing else.
pub(crate) type Density = u8;

pub(crate) const NONE: Density = 0;
pub(crate) const ALL: Density = 8;

/// Draws a range of a file in so many cells. What is `known` of it spares asking where all or nothing is cached; else
/// each cell is counted by itself, so that no memory is needed and nothing is mapped. `None` where the kernel does
/// not count parts.
pub(crate) fn picture(
    found: &Found<'_>,
    range: &Range<u64>,
    known: &Known,
    cells: usize,
) -> Option<Box<[Density]>> {
    if known.cached == 0 || known.cached >= known.pages {
        let all = if known.cached == 0 { NONE } else { ALL };
        return Some(vec![all; cells].into());
    }
    let first = range.start >> PageSize::base().log2();
    let mut told: Option<(Range<u64>, Density)> = None;
    let mut drawn = Vec::with_capacity(cells);
    for cell in 0..cells as u64 {
        let part = part_of(known.pages, cell, cells as u64);
        let density = match &told {
            Some((before, density)) if *before == part => *density,
            _ => {
                let pages = first.saturating_add(part.start)..first.saturating_add(part.end);
                density(cached(&found.file, &pages, known)?, part.end.saturating_sub(part.start))
            }
        };
        told = Some((part, density));
        drawn.push(density);
    }
    Some(drawn.into())
}

/// The pages of a cell: at least one. Where there are more cells than pages, several show the same page.
fn part_of(pages: u64, cell: u64, cells: u64) -> Range<u64> {
    let edge = |cell: u64| {
        let scaled = u128::from(pages).saturating_mul(cell.into());
        let at = scaled.checked_div(cells.into()).unwrap_or(0);
        u64::try_from(at).unwrap_or(pages).min(pages)
    };
    let start = edge(cell);
    start..edge(cell.saturating_add(1)).max(start.saturating_add(1))
}

/// How many of these pages are cached.
fn cached(file: &File, pages: &Range<u64>, known: &Known) -> Option<u64> {
    let shift = PageSize::base().log2();
    let bytes = pages.start << shift..pages.end << shift;
    match CacheStatus::of(file, bytes.clone()) {
        Ok(status) if known.details.is_some() => Some(status.cached),
        Ok(_) => by_mapping(file, &bytes).ok(),
        Err(error) if error.errno() == Some(Errno::ENOSYS) => by_mapping(file, &bytes).ok(),
        Err(_) => None,
    }
}

/// How dense so many of so many are.
pub(crate) fn density(cached: u64, pages: u64) -> Density {
    if cached == 0 || pages == 0 {
        return NONE;
    }
    if cached >= pages {
        return ALL;
    }
    let eighths = u128::from(cached).saturating_mul(8).checked_div(pages.into()).unwrap_or(0);
    u8::try_from(eighths).unwrap_or(ALL).clamp(1, 7)
}

/// A cell as a letter.
pub(crate) const fn glyph(density: Density) -> char {
    match density {
        NONE => '▁',
        1 | 2 => '▂',
        3 => '▃',
        4 => '▄',
        5 => '▅',
        6 => '▆',
        7 => '▇',
        ALL.. => '█',
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_cover_all_pages_and_overlap_only_where_there_are_too_few() {
        for (pages, cells) in [(30, 30), (31, 30), (1000, 30), (1 << 50, 7)] {
            let mut next = 0;
            for cell in 0..cells {
                let part = part_of(pages, cell, cells);
                assert_eq!(part.start, next, "{pages} {cells}");
                next = part.end;
            }
            assert_eq!(next, pages);
        }
        let few: Vec<_> = (0..6).map(|cell| part_of(3, cell, 6).start).collect();
        assert_eq!(few, [0, 0, 1, 1, 2, 2]);
    }

    #[test]
    fn a_full_cell_is_full_and_an_empty_one_empty() {
        assert_eq!((density(0, 1000), density(1000, 1000)), (NONE, ALL));
        assert_eq!((density(1, 1000), density(999, 1000)), (1, 7));
        assert_eq!(density(500, 1000), 4);
    }
}
