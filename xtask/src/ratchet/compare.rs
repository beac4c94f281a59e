//! What changed between the recorded numbers and those of the tree.

use super::counts::{Counts, Key, Numbers};
use super::record::Record;
use crate::finding::Finding;

/// A number that is not the recorded one.
#[derive(Debug)]
pub(super) struct Change {
    key: Key,
    what: &'static str,
    now: usize,
    recorded: usize,
    line: usize,
}

impl Change {
    pub(super) fn is_rise(&self) -> bool {
        self.now > self.recorded
    }

    pub(super) fn finding(&self, file: &str) -> Finding {
        let Self { key: (package, side), what, now, recorded, .. } = self;
        let advice = if self.is_rise() {
            format!(
                "write it without, or raise the number on purpose: \
                 `cargo xtask ratchet --raise {package} \"why\"`"
            )
        } else {
            "run `cargo xtask ratchet --write`, so that it cannot rise again".to_owned()
        };
        let message = format!(
            "{package} {} holds {now} unsafe {what}, {recorded} recorded: {advice}",
            side.name()
        );
        Finding::new(file, self.line, message)
    }
}

/// All numbers that differ, in either direction.
pub(super) fn changes(current: &Counts, record: &Record) -> Vec<Change> {
    let recorded = record.counts();
    let mut keys: Vec<&Key> = current.keys().chain(recorded.keys()).collect();
    keys.sort();
    keys.dedup();
    let mut changes = Vec::new();
    for key in keys {
        let of = |counts: &Counts| counts.get(key).copied().unwrap_or_default();
        let pairs = Numbers::named(of(current)).into_iter().zip(Numbers::named(of(&recorded)));
        for ((what, now), (_, recorded)) in pairs.filter(|((_, now), (_, then))| now != then) {
            let (key, line) = (key.clone(), record.line(key));
            changes.push(Change { key, what, now, recorded, line });
        }
    }
    changes
}

#[cfg(test)]
mod tests {
    use super::super::counts::{Counts, Numbers, Side};
    use super::super::record::Record;
    use super::changes;

    fn counts(blocks: usize) -> Counts {
        let numbers = Numbers { blocks, ..Numbers::default() };
        Counts::from([(("a".to_owned(), Side::Src), numbers)])
    }

    fn rises(now: usize, recorded: usize) -> Vec<bool> {
        let record = Record::parse(&format!("[a.src]\nblocks = {recorded}\nfns = 0\nimpls = 0\n"));
        changes(&counts(now), &record.unwrap()).iter().map(super::Change::is_rise).collect()
    }

    #[test]
    fn a_number_may_stay_and_nothing_else() {
        assert!(rises(2, 2).is_empty());
        assert_eq!(rises(3, 2), [true]);
        assert_eq!(rises(1, 2), [false]);
    }

    #[test]
    fn what_is_not_recorded_is_zero() {
        let found = changes(&counts(1), &Record::default());
        assert!(found.iter().all(super::Change::is_rise) && found.len() == 1);
        let line = found.first().map(|change| change.finding("ratchet.toml").to_string());
        assert!(line.is_some_and(|line| line.contains("cargo xtask ratchet --raise a")));
    }
}
