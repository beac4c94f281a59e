//! `mman diff`: comparing two moments: two snapshots, or a snapshot and now.

mod common;
mod now;
mod report;
mod two;

use crate::args;
use crate::failure::{self, Failure};
use crate::interrupt::Interrupt;
use crate::outcome::Outcome;
use crate::output::Printer;
use crate::output::terminal::shown;
use crate::snapshot::{Index, open};
use report::Report;
use std::process::ExitCode;

/// Does it.
pub(crate) fn run(args: &args::Diff) -> ExitCode {
    match diff(args) {
        Ok(outcome) => outcome.into(),
        Err(failure) => {
            failure::report(&failure);
            Outcome::Error.into()
        }
    }
}

fn diff(args: &args::Diff) -> Result<Outcome, Failure> {
    let interrupt = Interrupt::listen();
    let mut reader = open::snapshot(&args.before)?;
    let told = |error| open::malformed(&args.before, &error);
    let before = Index::read(&mut reader, |_| {}).map_err(told)?;
    let mut report = Report::new(Printer::new(args.output));
    match &args.after {
        Some(path) => {
            let mut after = open::snapshot(path)?;
            if after.header().hot != before.header.hot {
                return Err(incomparable(args, "the other was not"));
            }
            let names = (args.before.as_path(), path.as_path());
            two::compare(names, (&before, &mut reader), &mut after, &mut report, &interrupt)?;
        }
        None if before.header.hot => return Err(incomparable(args, "name a second one")),
        None => now::compare(&args.before, &before, &mut reader, &mut report, &interrupt)?,
    }
    report.finish(interrupt.is_set())
}

fn incomparable(args: &args::Diff, what: &str) -> Failure {
    let name = shown(args.before.as_os_str());
    let name = if args.after.is_some() { "one of the snapshots".to_owned() } else { name };
    Failure::line(format!("{name} was saved with --hot, and holds only pages in use: {what}"))
}
