//! `fuzz [CALLS]`: random calls through libmman and through the host's C library, and of what copies and searches
//! bytes that others may change, and random snapshots: many more than CI makes.

use std::path::Path;

use crate::failure::{Done, Failure};
use crate::run;

/// Some minutes.
const CALLS: u64 = 10_000_000;

/// What selects a test of random calls, and what it is.
const TESTS: &[(&str, &[&str])] = &[
    ("the fuzzer of shared bytes", &["mman", "--lib"]),
    ("the fuzzer of snapshots", &["mman-cli", "--bin", "mman"]),
    ("the fuzzer", &["mman-c-tests", "--test", "differential"]),
];

pub(crate) fn run(root: &Path, arguments: &[String]) -> Done {
    let calls = calls(arguments)?;
    for (what, selection) in TESTS {
        let mut command = run::cargo(root);
        command.args(["test", "--release", "--locked", "--package"]).args(*selection);
        command.args(["--", "--nocapture", "random_calls"]);
        run::plain(what, command.env("MMAN_FUZZ_CALLS", calls.to_string()))?;
    }
    Ok(())
}

fn calls(arguments: &[String]) -> Done<u64> {
    match arguments {
        [] => Ok(CALLS),
        [calls] => {
            calls.parse().map_err(|_| Failure::new(format!("{calls} is no number of calls")))
        }
        _ => Err(Failure::new("fuzz takes nothing, or the number of calls")),
    }
}

#[cfg(test)]
mod tests {
    use super::{CALLS, calls};

    #[test]
    fn the_number_of_calls_is_read() {
        let read = |arguments: &[&str]| {
            let arguments: Vec<String> = arguments.iter().map(|one| (*one).to_owned()).collect();
            calls(&arguments).ok()
        };
        assert_eq!(read(&[]), Some(CALLS));
        assert_eq!(read(&["5"]), Some(5));
        assert_eq!(read(&["many"]), None);
        assert_eq!(read(&["5", "6"]), None);
    }
}
