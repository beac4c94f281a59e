//! The two accounts, compared line by line.

use std::collections::VecDeque;
use std::fmt;

/// How many calls before a difference are shown.
const BEFORE: usize = 5;
/// Calls of a batch, as in `driver.c`.
const BATCH: u64 = 256;

/// What was the same so far.
#[derive(Debug)]
pub(super) struct Account {
    seed: u64,
    batch: u64,
    calls: VecDeque<String>,
}

/// Where the accounts part.
#[derive(Debug)]
pub struct Difference {
    seed: u64,
    batch: u64,
    /// How many calls the batch had made in both twins.
    call: u64,
    before: Vec<String>,
    host: String,
    ours: String,
}

/// The number of a call in its batch, for a line that is of a call.
pub(super) fn call_number(line: &str) -> Option<u64> {
    line.split_once(' ')?.0.parse().ok()
}

impl Account {
    pub(super) fn new(seed: u64) -> Self {
        Self { seed, batch: 0, calls: VecDeque::new() }
    }

    /// Takes a line of each. `None` at the end of both.
    pub(super) fn compare<'line>(
        &mut self,
        host: &'line str,
        ours: &str,
    ) -> Result<Option<&'line str>, Box<Difference>> {
        if host != ours {
            return Err(Box::new(self.difference(host, ours)));
        }
        if host == "end" {
            return Ok(None);
        }
        let dead = host.is_empty() || host.starts_with("the batch ended");
        assert!(!dead, "both twins died: {}", self.difference(host, ours));
        if let Some(batch) = host.strip_prefix("batch ") {
            self.batch = batch.parse().expect("a number");
            self.calls.clear();
        } else if call_number(host).is_some() {
            if self.calls.len() == BEFORE {
                self.calls.pop_front();
            }
            self.calls.push_back(host.to_owned());
        }
        Ok(Some(host))
    }

    fn difference(&self, host: &str, ours: &str) -> Difference {
        let last = self.calls.back().and_then(|line| call_number(line));
        Difference {
            seed: self.seed,
            batch: self.batch,
            call: last.map_or(0, |last| last + 1),
            before: self.calls.iter().cloned().collect(),
            host: host.to_owned(),
            ours: ours.to_owned(),
        }
    }
}

impl Difference {
    /// How many calls show it again, from the first one of the seed.
    #[must_use]
    pub fn calls(&self) -> u64 {
        // The differing call itself, where it is one and not a line about what is mapped.
        self.batch * BATCH + self.call + u64::from(call_number(&self.ours).is_some())
    }

    /// What our twin wrote.
    #[must_use]
    pub fn ours(&self) -> &str {
        &self.ours
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "seed {}, batch {}, after {} calls of it:", self.seed, self.batch, self.call)?;
        for line in &self.before {
            writeln!(f, "  both: {line}")?;
        }
        writeln!(f, "  host: {}\n  ours: {}", self.host, self.ours)?;
        let (seed, calls) = (self.seed, self.calls());
        let test = "cargo test -p mman-c-tests --test differential";
        write!(f, "again with: MMAN_FUZZ_SEED={seed} MMAN_FUZZ_CALLS={calls} {test}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_shows_the_calls_before_it() {
        let mut account = Account::new(7);
        for line in ["batch 2", "0 a() = 0 -", "1 b() = 0 -", " 1000-2000 rw-p 0", "2 c() = -1 e22"]
        {
            assert!(account.compare(line, line).is_ok_and(|same| same == Some(line)));
        }
        let difference = account.compare("3 d() = 0 -", "3 d() = -1 e12").expect_err("they differ");
        assert_eq!(difference.calls(), 2 * BATCH + 4);
        let expected = "seed 7, batch 2, after 3 calls of it:\n  \
                        both: 0 a() = 0 -\n  both: 1 b() = 0 -\n  both: 2 c() = -1 e22\n  \
                        host: 3 d() = 0 -\n  ours: 3 d() = -1 e12\n\
                        again with: MMAN_FUZZ_SEED=7 MMAN_FUZZ_CALLS=516 \
                        cargo test -p mman-c-tests --test differential";
        assert_eq!(difference.to_string(), expected);
    }

    #[test]
    fn both_must_end_together() {
        assert_eq!(Account::new(1).compare("end", "end").expect("the same"), None);
        assert!(Account::new(1).compare("end", "0 a() = 0 -").is_err());
        assert!(Account::new(1).compare("0 a() = 0 -", "").is_err());
    }
}
