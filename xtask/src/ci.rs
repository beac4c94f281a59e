//! `ci`: all that the machines run, in order, and what came of it.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::failure::{Done, Failure};
use crate::log::Log;
use crate::{check, cross, libtest, run, san};

/// How a step ended that did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Passed,
    Skipped,
}

/// One line of the table at the end.
struct Row {
    step: &'static str,
    result: &'static str,
    time: Duration,
}

/// What the caller has done already.
#[derive(Debug, PartialEq, Eq)]
struct Options<'a> {
    tests_ran: bool,
    /// The log of those tests, to list what they skipped.
    log: Option<&'a str>,
}

/// A run in progress.
struct Run<'a> {
    root: &'a Path,
    log: Log,
    rows: Vec<Row>,
}

/// Runs every step, also after one has failed. `--tests-ran [LOG]` leaves the tests out.
pub(crate) fn run(root: &Path, arguments: &[String]) -> Done {
    let options = options(arguments)?;
    let mut run = Run { root, log: Log::default(), rows: Vec::new() };
    if let Some(path) = options.log {
        collect_skipped(path, &run.log)?;
    }
    for (step, part) in check::PARTS {
        run.step(step, |root, _| part(root).map(|()| Verdict::Passed));
    }
    run.step("build", |root, _| build(root));
    if !options.tests_ran {
        run.step("test", test);
    }
    run.step("cross", cross::run);
    run.step("san", san::run);
    run.finish()
}

fn options(arguments: &[String]) -> Done<Options<'_>> {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        [] => Ok(Options { tests_ran: false, log: None }),
        ["--tests-ran"] => Ok(Options { tests_ran: true, log: None }),
        ["--tests-ran", log] => Ok(Options { tests_ran: true, log: Some(log) }),
        _ => Err(Failure::new("ci takes nothing, or `--tests-ran` and the log of those tests")),
    }
}

fn collect_skipped(path: &str, log: &Log) -> Done {
    let bytes = fs::read(path)
        .map_err(|error| Failure::new(format!("the test log {path} cannot be read: {error}")))?;
    let text = String::from_utf8_lossy(&bytes);
    let mut test = "";
    for line in text.lines() {
        test = libtest::test_after(line, test);
        if let Some(reason) = libtest::reason(line) {
            log.remember(reason, test);
        }
    }
    Ok(())
}

fn build(root: &Path) -> Done<Verdict> {
    run::plain("cargo build", run::cargo(root).args(["build", "--release", "--locked"]))?;
    Ok(Verdict::Passed)
}

fn test(root: &Path, log: &Log) -> Done<Verdict> {
    // A passing test's output is captured; this shows it at the end, where the log reader finds it.
    let arguments = ["test", "--workspace", "--locked", "--no-fail-fast", "--", "--show-output"];
    run::tests("cargo test", run::cargo(root).args(arguments), log)?;
    Ok(Verdict::Passed)
}

impl Run<'_> {
    fn step(&mut self, step: &'static str, work: impl FnOnce(&Path, &Log) -> Done<Verdict>) {
        println!("\n== {step}");
        let start = Instant::now();
        let result = match work(self.root, &self.log) {
            Ok(Verdict::Passed) => "passed",
            Ok(Verdict::Skipped) => "skipped",
            Err(failure) => {
                println!("{failure}");
                "failed"
            }
        };
        let time = start.elapsed();
        println!("== {step} {result} in {:.1} s", time.as_secs_f64());
        self.rows.push(Row { step, result, time });
    }

    fn finish(self) -> Done {
        println!("\n{:<10} {:<8} {:>8}", "step", "result", "seconds");
        for Row { step, result, time } in &self.rows {
            println!("{step:<10} {result:<8} {:>8.1}", time.as_secs_f64());
        }
        let skipped = self.log.skipped();
        if !skipped.is_empty() {
            println!();
        }
        for line in skipped {
            println!("{line}");
        }
        let failed: Vec<&str> =
            self.rows.iter().filter(|row| row.result == "failed").map(|row| row.step).collect();
        if failed.is_empty() {
            return Ok(());
        }
        Err(Failure::new(format!("ci failed: {}", failed.join(", "))))
    }
}

#[cfg(test)]
mod tests {
    use super::{Options, options};

    fn read(arguments: &[&str]) -> Option<(bool, Option<String>)> {
        let arguments: Vec<String> = arguments.iter().map(|one| (*one).to_owned()).collect();
        let Options { tests_ran, log } = options(&arguments).ok()?;
        Some((tests_ran, log.map(str::to_owned)))
    }

    #[test]
    fn options_are_read() {
        assert_eq!(read(&[]), Some((false, None)));
        assert_eq!(read(&["--tests-ran"]), Some((true, None)));
        assert_eq!(read(&["--tests-ran", "log"]), Some((true, Some("log".into()))));
        assert_eq!(read(&["--fast"]), None);
    }
}
