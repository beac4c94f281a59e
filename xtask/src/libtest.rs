//! Reading a test log: the output of passing tests is left out, but what they skipped is kept.

use crate::log::Log;

/// The state of one stream of `cargo test -- --show-output`.
#[derive(Debug, Default)]
pub(crate) struct Filter {
    in_successes: bool,
    test: String,
}

/// What a line of a test log is.
#[derive(Debug, PartialEq, Eq)]
enum Line<'a> {
    Successes,
    SectionEnd,
    TestHeader(&'a str),
    Skipped(&'a str),
    Other,
}

impl Filter {
    /// Takes the next line: prints it if it is worth it, remembers it if something was skipped.
    pub(crate) fn take(&mut self, line: &str, log: &Log) {
        match classify(line) {
            Line::Successes => self.in_successes = true,
            Line::SectionEnd => {
                self.in_successes = false;
                self.test.clear();
                log.line(line);
            }
            Line::TestHeader(name) => {
                name.clone_into(&mut self.test);
                if !self.in_successes {
                    log.line(line);
                }
            }
            Line::Skipped(reason) => log.skip(reason, &self.test),
            Line::Other if self.in_successes => {}
            Line::Other => log.line(line),
        }
    }
}

fn classify(line: &str) -> Line<'_> {
    if line == "successes:" {
        return Line::Successes;
    }
    if line == "failures:" || line.starts_with("test result: ") {
        return Line::SectionEnd;
    }
    if let Some(name) = line.strip_prefix("---- ")
        && let Some(name) = name.strip_suffix(" stdout ----")
    {
        return Line::TestHeader(name);
    }
    match reason(line) {
        Some(reason) => Line::Skipped(reason),
        None => Line::Other,
    }
}

/// The test whose output the lines after this one are, given the one before it.
pub(crate) fn test_after<'a>(line: &'a str, before: &'a str) -> &'a str {
    match classify(line) {
        Line::TestHeader(name) => name,
        Line::Successes | Line::SectionEnd => "",
        Line::Skipped(_) | Line::Other => before,
    }
}

/// The reason in a line that says `skipped: REASON`. A test that is not captured may say it behind
/// its own name.
pub(crate) fn reason(line: &str) -> Option<&str> {
    let line = line.trim();
    let rest = line.split_once(" ... ").map_or(line, |(_, rest)| rest);
    rest.strip_prefix("skipped: ").or_else(|| line.strip_prefix("skipped: "))
}

#[cfg(test)]
mod tests {
    use super::{Filter, Line, classify, reason};
    use crate::log::Log;

    #[test]
    fn what_passing_tests_skipped_is_collected_under_their_names() {
        let log = Log::quiet();
        let mut filter = Filter::default();
        let lines = "running 2 tests\ntest a ... ok\ntest b ... ok\n\nsuccesses:\n\n\
                     ---- a stdout ----\nnoise\nskipped: needs huge pages\n\nsuccesses:\n    a\n    b\n\n\
                     test result: ok. 2 passed; 0 failed";
        for line in lines.lines() {
            filter.take(line, &log);
        }
        assert_eq!(log.skipped(), ["skipped: needs huge pages [a]"]);
        assert!(!filter.in_successes);
    }

    #[test]
    fn failures_are_not_left_out() {
        let log = Log::quiet();
        let mut filter = Filter { in_successes: true, test: String::new() };
        filter.take("failures:", &log);
        assert!(!filter.in_successes);
    }

    #[test]
    fn a_line_is_a_skip_only_when_it_says_so_itself() {
        assert_eq!(reason("skipped: needs root"), Some("needs root"));
        assert_eq!(reason("test a ... skipped: needs root"), Some("needs root"));
        assert_eq!(reason("it was skipped: no"), None);
        assert_eq!(classify("test a ... ok"), Line::Other);
    }
}
