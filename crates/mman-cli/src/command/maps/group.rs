//! Mappings put together by file or by kind, and their order.

use super::column::What;
use crate::args::Grouping;
use crate::processes::{About, Kind, Row};
use std::cmp::{Ordering, Reverse};
use std::collections::HashMap;

/// Puts rows together.
pub(super) fn group(rows: Vec<Row>, by: Grouping) -> Vec<Row> {
    if by == Grouping::Mapping {
        return rows;
    }
    let mut groups: HashMap<(Kind, Box<[u8]>, bool), Row> = HashMap::new();
    for row in rows {
        let named = matches!(row.kind, Kind::File | Kind::Device | Kind::SharedMemory)
            || matches!(row.kind, Kind::MemFd | Kind::HugePages | Kind::Other);
        let name = match by {
            Grouping::File if named => row.name.clone(),
            _ => Box::default(),
        };
        let deleted = by == Grouping::File && row.deleted;
        let new = || Row::nothing(row.kind, name.clone());
        groups.entry((row.kind, name.clone(), deleted)).or_insert_with(new).add(&row);
    }
    groups.into_values().collect()
}

/// All of them together.
pub(super) fn total(rows: &[Row]) -> Row {
    let mut total = Row::nothing(Kind::Other, Box::default());
    rows.iter().for_each(|row| total.add(row));
    total
}

/// The largest first, or the alphabet; what is not known comes last, and what is equal is in the order of addresses.
pub(super) fn order(rows: &[Row], by: What, processes: &[About]) -> Vec<usize> {
    let number = |row: &Row| match by {
        What::Bytes(measure) => row.numbers.get(measure),
        What::Node(node) => row.nodes.get(node),
        What::Mappings => Some(row.mappings),
        What::Processes => Some(row.processes),
        What::Inode => row.place.as_ref().map(|place| place.inode),
        _ => None,
    };
    let place = |row: &Row| row.place.as_ref().map(|place| place.addresses.start);
    let words = |one: &Row, other: &Row| match by {
        What::Name => one.name.cmp(&other.name),
        What::Kind => one.kind.word().cmp(other.kind.word()),
        What::Command => {
            let command = |row: &Row| processes.get(row.process).map(|about| &about.command);
            command(one).cmp(&command(other))
        }
        What::Permissions | What::Flags | What::Policy | What::Offset | What::Device => {
            let key = |row: &Row| {
                row.place.as_ref().map(|place| match by {
                    What::Permissions => (place.permissions.to_vec(), 0),
                    What::Flags => (place.flags.as_bytes().to_vec(), 0),
                    What::Policy => (place.policy.as_bytes().to_vec(), 0),
                    What::Offset => (Vec::new(), place.offset),
                    _ => (Vec::new(), u64::from(place.device.0) << 32 | u64::from(place.device.1)),
                })
            };
            key(one).cmp(&key(other))
        }
        _ => Ordering::Equal,
    };
    let is_number = matches!(by, What::Bytes(_) | What::Node(_) | What::Mappings | What::Processes);
    let listed = |row: &Row| (row.process, place(row));
    if is_number && rows.iter().all(|row| row.place.is_some()) && rows.is_sorted_by_key(listed) {
        // As they were listed is how equals are ordered below.
        let mut keys: Vec<_> =
            rows.iter().enumerate().map(|(at, row)| (Reverse(number(row)), at)).collect();
        keys.sort_unstable();
        return keys.into_iter().map(|(_, at)| at).collect();
    }
    let mut keys: Vec<_> =
        rows.iter().enumerate().map(|(at, row)| (number(row), at, row)).collect();
    keys.sort_unstable_by(|(number, _, one), (larger, _, other)| {
        larger
            .cmp(number)
            .then_with(|| words(one, other))
            .then_with(|| one.process.cmp(&other.process))
            .then_with(|| place(one).cmp(&place(other)))
            .then_with(|| one.name.cmp(&other.name))
            .then_with(|| one.kind.cmp(&other.kind))
    });
    keys.into_iter().map(|(_, at, _)| at).collect()
}
