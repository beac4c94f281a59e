//! What of a pool is used: rows of cells, each as dense as its part of the pool.

use super::Used;
use crate::cache::{density, glyph};
use crate::output::terminal::Terminal;
use crate::output::units::Units;
use std::ops::Range;

/// Cells in a row: as many as there is room for, a power of two, so that rows begin at round places.
const CELLS: [u64; 3] = [64, 32, 16];
/// Rows at most.
const ROWS: u64 = 16;

/// The picture, with the place of each row before it, and a line that says how it is to be read.
pub(super) fn draw(used: &Used, terminal: Terminal, units: Units) -> String {
    let (size, unit) = (used.sizes.size, used.sizes.unit.max(1));
    let all = size.checked_div(unit).unwrap_or(0);
    let label = whole(size, units).len().max(8);
    let room = terminal.width.unwrap_or(80).saturating_sub(label.saturating_add(4)) as u64;
    let cells = CELLS.into_iter().find(|cells| *cells <= room).unwrap_or(16);
    let in_a_cell = all.div_ceil(cells.saturating_mul(ROWS)).max(1).next_power_of_two();
    let filled = fill(used, unit.saturating_mul(in_a_cell), size);
    let in_a_row = cells.saturating_mul(in_a_cell).saturating_mul(unit);
    let mut text = String::new();
    let mut rows = filled.chunks(usize::try_from(cells).unwrap_or(16)).zip(0_u64..).peekable();
    while let Some((row, number)) = rows.next() {
        let begin = whole(number.saturating_mul(in_a_row), units);
        let picture: String = row.iter().map(|cell| glyph(density(cell.0, cell.1))).collect();
        text.push_str(&format!("  {begin:>label$}  {picture}\n"));
        let Some(same) = uniform(row) else { continue };
        let mut last = number;
        while let Some((_, next)) = rows.next_if(|(next, _)| uniform(next) == Some(same)) {
            last = next;
        }
        if last > number {
            let end = whole(last.saturating_add(1).saturating_mul(in_a_row).min(size), units);
            text.push_str(&format!("  {:>label$}  the same to {end}\n", "⋮"));
        }
    }
    let each = units.size(unit.saturating_mul(in_a_cell));
    let word = if in_a_cell == 1 { ", a unit" } else { "" };
    text.push_str(&format!("  {:>label$}  █ used, ▁ free; each {each}{word}\n", ""));
    text
}

/// A place: in the largest unit that keeps it whole.
fn whole(bytes: u64, units: Units) -> String {
    let names = [(30_u32, "GiB"), (20, "MiB"), (10, "KiB")];
    let fits = |(shift, _): &(u32, &str)| bytes != 0 && bytes.trailing_zeros() >= *shift;
    match names.into_iter().find(fits) {
        Some((shift, name)) if units == Units::Iec => format!("{} {name}", bytes >> shift),
        _ => units.size(bytes),
    }
}

/// Whether all cells of a row are full, or none has anything; `None` for any other row.
fn uniform(row: &[(u64, u64)]) -> Option<bool> {
    let is_full = row.iter().all(|(used, all)| used == all);
    let is_empty = row.iter().all(|(used, _)| *used == 0);
    (is_full || is_empty).then_some(is_full)
}

/// Used bytes and bytes of each cell.
fn fill(used: &Used, each: u64, size: u64) -> Vec<(u64, u64)> {
    let count = size.div_ceil(each.max(1));
    let cell = |at: u64| {
        let start = at.saturating_mul(each);
        let bytes = each.min(size.saturating_sub(start));
        (bytes, bytes)
    };
    let mut cells: Vec<(u64, u64)> = (0..count).map(cell).collect();
    used.look.free_runs(|run| take_out(&mut cells, each.max(1), &run));
    cells
}

/// Takes a free run out of the cells that it is in.
fn take_out(cells: &mut [(u64, u64)], each: u64, run: &Range<u64>) {
    let mut start = run.start;
    while start < run.end {
        let at = start.checked_div(each).unwrap_or(0);
        let end = at.saturating_add(1).saturating_mul(each).min(run.end);
        if let Some((used, _)) = usize::try_from(at).ok().and_then(|at| cells.get_mut(at)) {
            *used = used.saturating_sub(end.saturating_sub(start));
        }
        start = end.max(start.saturating_add(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_taken_out_of_every_cell_that_it_is_in() {
        let mut cells = vec![(10, 10), (10, 10), (10, 10), (5, 5)];
        take_out(&mut cells, 10, &(5..35));
        assert_eq!(cells, [(5, 10), (0, 10), (0, 10), (0, 5)]);
        take_out(&mut cells, 10, &(0..0));
        take_out(&mut cells, 10, &(1000..1010));
        assert_eq!(cells[0], (5, 10));
    }

    #[test]
    fn places_are_not_rounded() {
        let told = [0, 4096, 5 << 28, 1 << 40].map(|at| whole(at, Units::Iec));
        assert_eq!(told, ["0 B", "4 KiB", "1280 MiB", "1024 GiB"]);
        assert_eq!(whole(5 << 28, Units::Bytes), "1342177280");
    }

    #[test]
    fn rows_are_alike_where_all_of_them_is() {
        assert_eq!(uniform(&[(8, 8), (3, 3)]), Some(true));
        assert_eq!(uniform(&[(0, 8), (0, 3)]), Some(false));
        assert_eq!(uniform(&[(8, 8), (0, 8)]), None);
    }
}
