//! The free runs of a pool, counted by their length.

use super::Used;
use crate::output::table::{Align, Table};
use crate::output::terminal::{Style, Terminal};
use crate::output::units::{Units, percent, push_number};
use serde::Serialize;

/// Runs of lengths up to twice the least.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Group {
    /// The least length, in bytes.
    at_least: u64,
    /// No run of it is so long.
    below: u64,
    runs: u64,
    /// All of them, in bytes.
    bytes: u64,
}

/// The groups that have runs, the shortest first.
pub(super) fn groups(used: &Used) -> Vec<Group> {
    let unit = used.sizes.unit.max(1);
    let mut groups: Vec<Group> = Vec::new();
    used.look.free_runs(|run| add(&mut groups, unit, run.end.saturating_sub(run.start)));
    groups.retain(|group| group.runs > 0);
    groups
}

fn add(groups: &mut Vec<Group>, unit: u64, len: u64) {
    let place = len.checked_div(unit).and_then(u64::checked_ilog2).unwrap_or(0);
    for power in groups.len()..=place as usize {
        let power = u32::try_from(power).unwrap_or(0);
        let at_least = unit.checked_shl(power).unwrap_or(u64::MAX);
        groups.push(Group { at_least, below: at_least.saturating_mul(2), runs: 0, bytes: 0 });
    }
    if let Some(group) = groups.get_mut(place as usize) {
        group.runs = group.runs.saturating_add(1);
        group.bytes = group.bytes.saturating_add(len);
    }
}

/// The table for people.
pub(super) fn table(used: &Used, terminal: Terminal, units: Units) -> String {
    let columns = vec![
        ("RUNS", Align::Right),
        ("FREE", Align::Right),
        ("%", Align::Right),
        ("LENGTH", Align::Left),
    ];
    let mut table = Table::new(columns);
    for group in groups(used) {
        table.cell(Style::Plain, |text| push_number(text, group.runs));
        table.cell(Style::Plain, |text| units.push(text, group.bytes));
        table.cell(Style::Plain, |text| {
            text.push_str(&percent(group.bytes, used.sizes.free));
        });
        let is_one = group.at_least == used.sizes.unit;
        table.cell(Style::Plain, |text| {
            units.push(text, group.at_least);
            if !is_one {
                text.push_str(" to below ");
                units.push(text, group.below);
            }
        });
    }
    table.render(terminal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_fall_into_powers_of_two() {
        let mut groups = Vec::new();
        for len in [1, 1, 2, 3, 4, 7, 8, 1000] {
            add(&mut groups, 4096, len * 4096);
        }
        let told: Vec<_> = groups.iter().map(|group| (group.runs, group.bytes / 4096)).collect();
        assert_eq!(told[..4], [(2, 2), (2, 5), (2, 11), (1, 8)]);
        assert_eq!((groups.len(), told[9]), (10, (1, 1000)));
        assert_eq!((groups[1].at_least, groups[1].below), (8192, 16_384));
    }
}
