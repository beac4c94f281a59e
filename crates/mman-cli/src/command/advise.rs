//! `mman advise`: steer the memory of other processes, and count again.

mod act;
mod print;
mod targets;
mod verify;

use crate::args::{self, How};
use crate::failure::{Failure, report};
use crate::interrupt::Interrupt;
use crate::outcome::Outcome;
use crate::output::Printer;
use crate::processes::{self, About, Detail, Folder, Measure, Read, Row};
use act::Done;
use mman::process::Process;
use mman::{Cause, Error};
use std::collections::BTreeMap;
use std::process::ExitCode;
use targets::{Choice, Targets};
use verify::{Count, Swap};

/// What was done to a process, and what came of it.
struct Told {
    about: About,
    how: How,
    targets: Targets,
    done: Done,
    before: Count,
    after: Count,
    /// Why memory remains, where it was to go and whole mappings were asked for.
    remaining: BTreeMap<&'static str, u64>,
}

/// Does it.
pub(crate) fn run(args: &args::Advise) -> ExitCode {
    let interrupt = Interrupt::listen();
    let mut outcome = Outcome::Done;
    let failed = |failure: &Failure| {
        report(failure);
        Outcome::Error
    };
    let ready = Choice::new(args).and_then(|choice| {
        act::assert_possible(args.how)?;
        Ok(choice)
    });
    let choice = match ready {
        Ok(choice) => choice,
        Err(failure) => return failed(&failure).into(),
    };
    let (found, failures) = processes::find(std::slice::from_ref(&args.process));
    for failure in &failures {
        outcome = outcome.and(failed(failure));
    }
    let mut printer = Printer::new(args.output);
    for process in &found {
        let one = Job { args, choice: &choice, process, interrupt: &interrupt };
        match one.run(&mut printer) {
            Ok(one) => outcome = outcome.and(one),
            Err(Failure::ReaderGone) => return outcome.into(),
            Err(failure) => outcome = outcome.and(failed(&failure)),
        }
        if outcome == Outcome::Interrupted {
            break;
        }
    }
    if let Err(failure) = printer.finish() {
        outcome = outcome.and(failed(&failure));
    }
    outcome.into()
}

/// One process to be advised.
struct Job<'run> {
    args: &'run args::Advise,
    choice: &'run Choice,
    process: &'run Process,
    interrupt: &'run Interrupt,
}

impl Job<'_> {
    fn run(&self, printer: &mut Printer) -> Result<Outcome, Failure> {
        let gone = || Failure::line(format!("{}: the process has ended", self.process.pid()));
        let folder = Folder::of(self.process).map_err(|_| gone())?;
        let about = About::of(self.process.pid(), &folder);
        let rows = self.read(&about, &folder)?;
        let targets = self.choice.of(rows);
        if self.args.dry_run {
            print::dry_run(printer, self.args, &about, &targets)?;
            return Ok(Outcome::Done);
        }
        if targets.chosen.is_empty() && targets.left_out.is_empty() {
            print::nothing(printer, self.args, &about)?;
            return Ok(Outcome::False);
        }
        let how = self.args.how;
        let chosen: Vec<Row> = targets.chosen.iter().map(|target| target.row.clone()).collect();
        let before = Count::of(how, &folder, &targets.chosen, &chosen);
        let done = act::act(self.process, &targets, how, self.interrupt);
        let done = done.map_err(|error| refused(&about, &error))?;
        let rows = self.read(&about, &folder)?;
        let after = Count::of(how, &folder, &targets.chosen, &rows);
        let remaining = if how == How::Pageout && self.choice.range.is_none() {
            verify::remaining(&targets.chosen, &targets.left_out, &rows, Swap::now())
        } else {
            BTreeMap::new()
        };
        let told = Told { about, how, targets, done, before, after, remaining };
        print::print(printer, self.choice, &told)?;
        Ok(told.outcome())
    }

    fn read(&self, about: &About, folder: &Folder) -> Result<Vec<Row>, Failure> {
        match processes::read(self.process, 0, Detail { flags: true, nodes: false }) {
            Read::Rows(rows) => Ok(rows),
            Read::Gone => Err(Failure::line(format!("{}: the process has ended", about.label()))),
            Read::Forbidden => Err(Failure::line(processes::forbidden(about, folder))),
            Read::Failed(error) => Err(Failure::of(&about.label(), &error)),
        }
    }
}

fn refused(about: &About, error: &Error) -> Failure {
    let label = about.label();
    match error.cause() {
        Cause::NotPermitted => {
            let needed =
                "to advise another process takes CAP_SYS_NICE and the right to look into it";
            Failure::line(format!("{label}: not permitted: {needed}"))
        }
        Cause::NoProcess => Failure::line(format!("{label}: the process has ended")),
        _ => Failure::of(&label, error),
    }
}

impl Told {
    /// A number before and after.
    fn of(&self, measure: Measure) -> (Option<u64>, Option<u64>) {
        (self.before.numbers.get(measure), self.after.numbers.get(measure))
    }

    /// How much there was to change, and how much changed; `None` where it is not known.
    fn changed(&self) -> Option<(u64, u64)> {
        let fell = |measure| {
            let (before, after) = self.of(measure);
            Some((before?, before?.saturating_sub(after?)))
        };
        match self.how {
            How::Cold => fell(Measure::Referenced),
            How::Pageout => fell(Measure::Rss),
            How::Willneed => {
                let (before, after) = (self.before.cached?, self.after.cached?);
                let missing = self.before.file_bytes.saturating_sub(before);
                Some((missing, after.saturating_sub(before)))
            }
            How::Collapse => {
                let (before, after) = self.of(Measure::Huge);
                let (before, after) = (before?, after?);
                let rest = self.before.numbers.get(Measure::Rss)?.saturating_sub(before);
                Some((rest, after.saturating_sub(before)))
            }
        }
    }

    fn outcome(&self) -> Outcome {
        if self.done.interrupted {
            return Outcome::Interrupted;
        }
        let left_out =
            self.targets.left_out.iter().any(|(_, row)| row.numbers.get(Measure::Rss) > Some(0));
        match self.changed() {
            None => Outcome::Error,
            Some((_, 1..)) => Outcome::Done,
            Some((0, 0)) if !left_out => Outcome::Done,
            Some(_) => Outcome::False,
        }
    }
}
