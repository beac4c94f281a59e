//! `mman restore`: reading in again what a snapshot remembers.

mod engine;
mod plan;
mod target;
mod tell;

use crate::args;
use crate::failure::{Failure, report};
use crate::interrupt::Interrupt;
use crate::outcome::Outcome;
use crate::output::Printer;
use crate::output::progress::Progress;
use engine::{Engine, Work};
use plan::Plan;
use std::process::ExitCode;
use std::time::Instant;
use tell::Tally;

/// So many readers keep a disk busy, whatever its latency is.
const READERS: usize = 32;

/// Does it.
pub(crate) fn run(args: &args::Restore) -> ExitCode {
    match restore(args) {
        Ok(outcome) => outcome.into(),
        Err(failure) => {
            report(&failure);
            Outcome::Error.into()
        }
    }
}

fn restore(args: &args::Restore) -> Result<Outcome, Failure> {
    let interrupt = Interrupt::listen();
    let begin = Instant::now();
    // All of the snapshot is looked at before anything is read in: a damaged one changes nothing.
    let plan = Plan::new(args)?;
    if args.strict && plan.tell_changed(&mut Printer::new(args.output))? {
        return Ok(Outcome::False);
    }
    let readers = args.threads.map_or(READERS, std::num::NonZeroUsize::get);
    let silent = args.output.quiet || args.output.json || args.dry_run;
    let progress = Progress::bytes(plan.bytes, "reading", silent);
    let work = if args.dry_run { Work::Count } else { Work::Read };
    let tally = Tally::new(args.output.json && !args.output.quiet);
    let budget = args.budget.map_or(u64::MAX, |budget| budget.0);
    let engine = Engine::new(work, budget, &tally, &progress, &interrupt);
    engine.run(readers, |sender| plan.each(&interrupt, sender))?;
    // What came in first may have gone again since: all is counted once more.
    let after = Tally::new(false);
    let look_again = work == Work::Read && !interrupt.is_set() && tally.restored() > 0;
    if look_again {
        let progress = Progress::bytes(0, "counting", true);
        let engine = Engine::new(Work::Count, u64::MAX, &after, &progress, &interrupt);
        engine.run(readers, |sender| plan.each(&interrupt, sender))?;
    }
    drop(progress);
    let after = look_again.then_some(&after).filter(|_| !interrupt.is_set());
    tally.tell(args, &plan, after, begin.elapsed(), interrupt.is_set())
}
