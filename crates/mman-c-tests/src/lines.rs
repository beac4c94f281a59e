//! What a test program prints: a line for each case, and the comparison of two runs.

use crate::differences::{DIFFERENCES, Difference, Host};
use std::collections::BTreeSet;

/// A case and what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Its name.
    pub case: String,
    /// The result and the name of the error.
    pub result: String,
}

impl Line {
    /// All lines of a run.
    ///
    /// # Panics
    ///
    /// If a line is no case.
    #[must_use]
    pub fn all(text: &str) -> Vec<Self> {
        let line = |line: &str| {
            let (case, result) =
                line.split_once(' ').unwrap_or_else(|| panic!("no case: {line} in\n{text}"));
            Self { case: case.to_owned(), result: result.to_owned() }
        };
        text.lines().map(line).collect()
    }

    /// A case that the C library of the host cannot have.
    fn is_skipped(&self) -> bool {
        self.result == "skipped -"
    }
}

/// Where two runs of a program differ.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    /// What no row of the table allows.
    pub found: Vec<String>,
    /// The cases of the rows that were needed.
    pub used: BTreeSet<&'static str>,
}

/// Compares our run with the host's, case by case.
#[must_use]
pub fn compare(ours: &[Line], theirs: &[Line], host: Host) -> Comparison {
    compare_by(DIFFERENCES, ours, theirs, host)
}

fn compare_by(
    table: &'static [Difference],
    ours: &[Line],
    theirs: &[Line],
    host: Host,
) -> Comparison {
    let mut comparison = Comparison::default();
    // A case that the host skips may stand for several of ours: those are left out.
    let shared = |line: &&Line| theirs.iter().any(|other| other.case == line.case);
    let mine: Vec<&Line> = ours.iter().filter(shared).collect();
    let skips = theirs.iter().any(Line::is_skipped);
    if !skips && mine.len() != ours.len() {
        let more = ours.iter().filter(|line| !shared(line)).map(|line| line.case.clone());
        comparison.found.extend(more.map(|case| format!("{case}: only ours has it")));
    }
    for other in theirs {
        let Some(line) = mine.iter().find(|line| line.case == other.case) else {
            if !other.is_skipped() {
                comparison.found.push(format!("{}: only the host has it", other.case));
            }
            continue;
        };
        if line.result == other.result || other.is_skipped() {
            continue;
        }
        let allows = |row: &&Difference| {
            row.host == host
                && row.case == line.case
                && row.ours == line.result
                && row.theirs == other.result
        };
        match table.iter().find(allows) {
            Some(row) => {
                comparison.used.insert(row.case);
            }
            None => comparison
                .found
                .push(format!("{}: ours `{}`, host `{}`", line.case, line.result, other.result)),
        }
    }
    comparison
}

#[cfg(test)]
mod tests {
    use super::{Difference, Host, Line, compare_by};

    static TABLE: &[Difference] = &[Difference {
        host: Host::Glibc,
        program: "p",
        case: "a",
        ours: "failure EFAULT",
        theirs: "killed SIGSEGV",
        reason: "",
        only_without: None,
    }];

    fn found(ours: &str, theirs: &str, host: Host) -> usize {
        let comparison = compare_by(TABLE, &Line::all(ours), &Line::all(theirs), host);
        comparison.found.len()
    }

    #[test]
    fn equal_runs_have_no_difference() {
        assert_eq!(found("a success -\nb is 1\n", "a success -\nb is 1\n", Host::Glibc), 0);
    }

    #[test]
    fn a_difference_is_found_unless_the_table_allows_it() {
        assert_eq!(found("b is 1\n", "b is 2\n", Host::Glibc), 1);
        let (ours, theirs) = ("a failure EFAULT\n", "a killed SIGSEGV\n");
        assert_eq!(found(ours, theirs, Host::Glibc), 0);
        assert_eq!(found(ours, theirs, Host::Musl), 1);
        assert_eq!(found("a failure EINVAL\n", theirs, Host::Glibc), 1);
        assert_eq!(found(ours, "a success -\n", Host::Glibc), 1);
    }

    #[test]
    fn a_case_that_is_missing_is_found() {
        assert_eq!(found("a is 1\n", "", Host::Glibc), 1);
        assert_eq!(found("", "a is 1\n", Host::Glibc), 1);
        assert_eq!(found("a is 1\nb is 2\n", "c skipped -\n", Host::Glibc), 0);
    }
}
