//! `mman watch`: what is in memory, live, and what comes and goes.

mod files;
mod process;
mod screen;

use crate::args;
use crate::failure::{Failure, report};
use crate::interrupt::Interrupt;
use crate::outcome::Outcome;
use crate::output::Printer;
use crate::output::units::Units;
use screen::{Key, Screen};
use std::ops::ControlFlow;
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

/// Looks no closer together than this, and no further apart than a week.
const SHORTEST: f64 = 0.05;
const LONGEST: f64 = 7.0 * 86_400.0;

/// How long is slept at once: so fast a Ctrl-C is heeded.
const NAP: Duration = Duration::from_millis(50);

/// What is watched.
trait Watched {
    /// Looks. Breaks where there is nothing left to look at.
    fn look(&mut self, interrupt: &Interrupt) -> ControlFlow<Outcome, Outcome>;

    /// The line above all lines in a pipe.
    fn heading(&self) -> String;

    /// The last look in a line.
    fn line(&self, units: Units) -> String;

    /// The last look in so many columns and lines of a terminal.
    fn page(&self, units: Units, columns: usize, lines: usize) -> Vec<String>;

    /// The last look as JSON.
    fn json(&self, printer: &mut Printer) -> Result<(), Failure>;
}

/// Does it.
pub(crate) fn run(args: &args::Watch) -> ExitCode {
    match watch(args) {
        Ok(outcome) => outcome.into(),
        Err(Failure::ReaderGone) => Outcome::Done.into(),
        Err(failure) => {
            report(&failure);
            Outcome::Error.into()
        }
    }
}

fn watch(args: &args::Watch) -> Result<Outcome, Failure> {
    if !(SHORTEST..=LONGEST).contains(&args.interval) {
        let line = format!("-n {}: expected seconds from {SHORTEST} to a week", args.interval);
        return Err(Failure::line(line));
    }
    let interrupt = Interrupt::listen();
    match &args.process {
        Some(word) => looks(args, &mut process::Processes::new(word)?, &interrupt),
        None => looks(args, &mut files::Files::new(&args.select)?, &interrupt),
    }
}

/// Looks again and again, and shows it.
fn looks(
    args: &args::Watch,
    watched: &mut impl Watched,
    interrupt: &Interrupt,
) -> Result<Outcome, Failure> {
    let interval = Duration::from_secs_f64(args.interval);
    let units = if args.output.bytes { Units::Bytes } else { Units::Iec };
    let wants_screen = !args.output.json && !args.output.quiet && args.count.is_none();
    let mut screen = None;
    let mut outcome = Outcome::Done;
    let mut count = 0_u64;
    let mut due = Instant::now();
    while !interrupt.is_set() {
        match watched.look(interrupt) {
            ControlFlow::Continue(of_look) => outcome = outcome.and(of_look),
            ControlFlow::Break(of_look) => return Ok(outcome.and(of_look)),
        }
        if interrupt.is_set() {
            break;
        }
        // After the first look, so that what it tells is seen.
        if count == 0 && wants_screen {
            screen = Screen::open();
        }
        match &screen {
            Some(screen) => screen.show(|columns, lines| watched.page(units, columns, lines))?,
            None => print(args, watched, units, count == 0)?,
        }
        count = count.saturating_add(1);
        if args.count.is_some_and(|most| count >= most) {
            return Ok(outcome);
        }
        // Looks are as far apart as was asked, however long each takes; one that is missed is left out.
        due = due.checked_add(interval).unwrap_or(due).max(Instant::now());
        let ended = match &screen {
            Some(screen) => wait_for_keys(screen, due, interrupt, |columns, lines| {
                watched.page(units, columns, lines)
            })?,
            None => wait(due, interrupt),
        };
        if ended {
            break;
        }
    }
    drop(screen);
    Ok(if interrupt.is_set() { Outcome::Interrupted } else { outcome })
}

fn print(
    args: &args::Watch,
    watched: &impl Watched,
    units: Units,
    first: bool,
) -> Result<(), Failure> {
    let mut printer = Printer::new(args.output);
    if first {
        printer.text(&watched.heading())?;
    }
    printer.text(&watched.line(units))?;
    watched.json(&mut printer)?;
    printer.finish()
}

/// Sleeps; says whether it was ended.
fn wait(due: Instant, interrupt: &Interrupt) -> bool {
    loop {
        let left = due.saturating_duration_since(Instant::now());
        if left.is_zero() || interrupt.is_set() {
            return interrupt.is_set();
        }
        thread::sleep(left.min(NAP));
    }
}

/// Waits for the next look, and meanwhile for keys and for another size of the terminal.
fn wait_for_keys(
    screen: &Screen,
    due: Instant,
    interrupt: &Interrupt,
    page: impl Fn(usize, usize) -> Vec<String>,
) -> Result<bool, Failure> {
    let mut size = screen.size();
    loop {
        let left = due.saturating_duration_since(Instant::now());
        if left.is_zero() || interrupt.is_set() {
            return Ok(interrupt.is_set());
        }
        match screen.key(left.min(NAP)) {
            Some(Key::Quit) => return Ok(true),
            Some(Key::Look) => return Ok(false),
            None => {}
        }
        if screen.size() != size {
            size = screen.size();
            screen.show(&page)?;
        }
    }
}

/// A rate: how much in how long.
fn per_second(amount: u64, time: Duration) -> u64 {
    let nanoseconds = time.as_nanos().max(1);
    let rate = u128::from(amount).saturating_mul(1_000_000_000).checked_div(nanoseconds);
    u64::try_from(rate.unwrap_or(0)).unwrap_or(u64::MAX)
}
