//! What was called, and how often it succeeded: a fuzzer whose calls are all refused finds nothing.

use super::account::call_number;
use std::collections::BTreeMap;
use std::fmt;

/// Calls, by function.
#[derive(Debug, Default)]
pub struct Tally {
    functions: BTreeMap<String, Counts>,
}

/// How the calls of one function ended.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    succeeded: u64,
    refused: u64,
    /// Those whose answer is the machine's, or is documented to differ.
    not_compared: u64,
}

impl Tally {
    /// Takes a line of an account.
    pub(super) fn take(&mut self, line: &str) {
        if call_number(line).is_none() {
            return;
        }
        let call = line.split_once(' ').map_or(line, |(_, call)| call);
        let name = call.split_once('(').map_or(call, |(name, _)| name);
        let answer = call.rsplit_once(" = ").map_or("", |(_, answer)| answer);
        if !self.functions.contains_key(name) {
            self.functions.insert(name.to_owned(), Counts::default());
        }
        let Some(counts) = self.functions.get_mut(name) else { return };
        match answer.split_once(' ') {
            Some(("huge" | "as", _)) => counts.not_compared += 1,
            // posix_madvise returns its error number and leaves errno alone.
            Some((number, "-")) if name != "posix_madvise" || number == "0" => {
                counts.succeeded += 1
            }
            _ => counts.refused += 1,
        }
    }

    /// All calls.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.functions.values().map(|of| of.succeeded + of.refused + of.not_compared).sum()
    }

    /// The functions that were called.
    #[must_use]
    pub fn functions(&self) -> usize {
        self.functions.len()
    }

    /// How many calls of a function succeeded, and how many were refused.
    #[must_use]
    pub fn of(&self, name: &str) -> (u64, u64) {
        let counts = self.functions.get(name).copied().unwrap_or_default();
        (counts.succeeded, counts.refused)
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (a, b, c, d) = ("function", "succeeded", "refused", "not compared");
        writeln!(f, "{a:<18} {b:>9} {c:>9} {d:>13}")?;
        for (name, Counts { succeeded, refused, not_compared }) in &self.functions {
            writeln!(f, "{name:<18} {succeeded:>9} {refused:>9} {not_compared:>13}")?;
        }
        write!(f, "{} calls", self.calls())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_told_apart() {
        let mut tally = Tally::default();
        tally.take("batch 1");
        tally.take("0 mmap(0, 0x1, 0x3, 0x22, -1, 0) = 0x7f0000000000 -");
        tally.take("1 mmap(0, 0, 0x3, 0x22, -1, 0) = -1 e22");
        tally.take("2 posix_madvise(0, 0x1, 1) = 12 -");
        tally.take("3 posix_madvise(0, 0x1, 4) = as documented");
        tally.take(" 1000-2000 rw-p 0");
        assert_eq!((tally.calls(), tally.functions()), (4, 2));
        assert_eq!((tally.of("mmap"), tally.of("posix_madvise")), ((1, 1), (0, 1)));
    }
}
