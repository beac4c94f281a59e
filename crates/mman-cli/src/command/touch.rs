//! `mman touch`: reading files into the page cache, only what is missing, and counting again whether it is there.
//!
//! Small files are asked for many at once and then waited for; large ones are populated window by window, which costs
//! the least processor time. Where the number of bytes or their order matters (`--range`, `--budget`, `--rate`) they are
//! asked for exactly, piece by piece.

mod batch;
mod exact;
mod large;
mod limits;
mod read;
mod report;
mod tally;
mod visitor;
mod window;

use crate::args;
use crate::failure::{Failure, exit_code, report as tell};
use crate::interrupt::Interrupt;
use crate::memory;
use crate::outcome::Outcome;
use crate::output::Printer;
use crate::output::progress::Progress;
use crate::range::Asked;
use crate::select::{Counts, Selection};
use limits::{Budget, Pace};
use mman::process::{IoClass, set_io_class};
use read::Waiting;
use std::process::ExitCode;
use std::time::Instant;
use tally::Tally;
use visitor::Toucher;

/// What all threads of a run share.
struct Run {
    asked: Asked,
    budget: Option<Budget>,
    pace: Option<Pace>,
    interrupt: Interrupt,
    progress: Progress,
    waiting: Waiting,
    no_wait: bool,
    dry_run: bool,
    /// How many bytes may be on their way at once: in a small control group all of its memory could be taken by them.
    at_once: u64,
    /// How many files a thread keeps open at most.
    batch: usize,
}

impl Run {
    fn new(args: &args::Touch, interrupt: Interrupt) -> Self {
        let quiet = args.output.quiet || args.dry_run;
        let threads = args.select.threads.map_or(2, std::num::NonZeroUsize::get);
        Self {
            asked: args.range.unwrap_or(Asked::Whole),
            budget: args.budget.map(|budget| Budget::new(budget.0)),
            pace: args.rate.map(|rate| Pace::new(rate.0)),
            interrupt,
            progress: Progress::bytes(0, "reading", quiet),
            waiting: Waiting::new(),
            no_wait: args.no_wait,
            dry_run: args.dry_run,
            at_once: memory::group().map_or(u64::MAX, |group| group.limit / 16),
            batch: batch::files_at_once(threads),
        }
    }

    /// Whether just these bytes are to be read, and no others with them.
    fn is_exact(&self) -> bool {
        self.asked != Asked::Whole || self.budget.is_some() || self.pace.is_some()
    }
}

/// Does it.
pub(crate) fn run(args: &args::Touch) -> ExitCode {
    match touch(args) {
        Ok(outcome) => outcome.into(),
        Err(failure) => exit_code([Err(failure)]),
    }
}

/// How often what is missing is read in. The kernel may reclaim pages as soon as they are there.
const ROUNDS: u32 = 3;

/// Looks at all files, and reads in what is missing.
fn round(selection: &Selection, run: &Run, again: bool) -> (Tally, Counts) {
    let (visitors, counts) = selection.visit(&run.interrupt, || Toucher::new(run, again));
    let mut tally = Tally::default();
    for visitor in visitors {
        tally.add(visitor.finish());
    }
    (tally, counts)
}

fn touch(args: &args::Touch) -> Result<Outcome, Failure> {
    if args.rate.is_some_and(|rate| rate.0 == 0) {
        return Err(Failure::line("--rate 0: nothing would ever be read"));
    }
    args.select.must_name("touch")?;
    let selection = Selection::new(&args.select)?;
    if args.idle {
        // Before threads are started: they take it over.
        set_io_class(IoClass::Idle).map_err(|error| Failure::of("--idle", &error))?;
    }
    let run = Run::new(args, Interrupt::listen());
    let (start, group) = (Instant::now(), memory::group());
    let (mut tally, counts) = round(&selection, &run, false);
    if !args.dry_run && !args.no_wait {
        // Counting all again at the end, and reading in again what has gone meanwhile.
        for _ in 1..ROUNDS {
            let (next, _) = round(&selection, &run, true);
            if run.interrupt.is_set() {
                break;
            }
            let was_complete = next.before == next.pages;
            tally.counted_again(next);
            if was_complete {
                break;
            }
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    let interrupted = run.interrupt.is_set();
    drop(run);
    for line in &tally.failures {
        tell(&Failure::line(line.clone()));
    }
    let ended = report::Ended { seconds, interrupted, group, counts };
    let mut printer = Printer::new(args.output);
    report::write(&mut printer, args, &tally, &ended)?;
    printer.finish()?;
    Ok(report::outcome(args, &tally, &ended))
}
