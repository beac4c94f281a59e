//! `mman evict`: dropping files from the page cache, counting again, and saying what is left and why.

mod drop;
mod left;
mod mapped;
mod report;

use crate::args;
use crate::failure::{Failure, exit_code, report as tell};
use crate::interrupt::Interrupt;
use crate::outcome::Outcome;
use crate::output::Printer;
use crate::output::progress::Progress;
use crate::range::Asked;
use crate::select::Selection;
use drop::{Evicter, Tally};
use std::process::ExitCode;

/// What all threads of a run share.
struct Run {
    asked: Asked,
    keep_tail: Option<u64>,
    sync: bool,
    dry_run: bool,
    progress: Progress,
}

/// Does it.
pub(crate) fn run(args: &args::Evict) -> ExitCode {
    match evict(args) {
        Ok(outcome) => outcome.into(),
        Err(failure) => exit_code([Err(failure)]),
    }
}

fn evict(args: &args::Evict) -> Result<Outcome, Failure> {
    args.select.must_name("evict")?;
    let selection = Selection::new(&args.select)?;
    let interrupt = Interrupt::listen();
    let run = Run {
        asked: args.range.unwrap_or(Asked::Whole),
        keep_tail: args.keep_tail.map(|tail| tail.0),
        sync: args.sync,
        dry_run: args.dry_run,
        progress: Progress::bytes(0, "dropping", args.output.quiet || args.dry_run),
    };
    let (visitors, counts) = selection.visit(&interrupt, || Evicter::new(&run));
    let mut tally = Tally::default();
    for visitor in visitors {
        tally.add(visitor.finish());
    }
    tally.left.sort_by(|one, other| one.path.cmp(&other.path));
    if !args.dry_run && !interrupt.is_set() {
        // Pages that another processor just used are free a moment later.
        left::try_again(&mut tally.left, &interrupt);
    }
    let holders = left::holders(&tally.left, &mut tally.failures);
    let holders = match holders {
        Some(holders) if args.force_mapped && !args.dry_run => {
            mapped::page_out(&mut tally, &holders, &interrupt);
            left::holders(&tally.left, &mut tally.failures)
        }
        holders => holders,
    };
    std::mem::drop(run);
    for line in &tally.failures {
        tell(&Failure::line(line.clone()));
    }
    let interrupted = interrupt.is_set();
    let reasons = left::reasons(&tally.left, holders.as_ref(), args);
    let mut printer = Printer::new(args.output);
    let ended = report::Ended { interrupted, vanished: counts.vanished };
    report::write(&mut printer, args, &tally, &reasons, &ended)?;
    printer.finish()?;
    Ok(match (interrupted, tally.failures.is_empty() && tally.unknown.is_empty()) {
        (true, _) => Outcome::Interrupted,
        (false, false) => Outcome::Error,
        (false, true) if !args.dry_run && !tally.left.is_empty() => Outcome::False,
        _ => Outcome::Done,
    })
}
