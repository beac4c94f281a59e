//! `mman lock`: holding files in memory as long as it runs, in the foreground.
//!
//! Everything is checked before anything is locked. No byte of a file is ever touched, so that a file that is truncated
//! raises no signal.

mod check;
mod held;
mod pidfile;
mod ready;
mod target;
mod unit;
mod wait;

use crate::args;
use crate::failure::{Failure, exit_code, report as tell};
use crate::interrupt::Interrupt;
use crate::outcome::Outcome;
use crate::output::Printer;
use crate::output::json::Record;
use crate::output::progress::Progress;
use crate::output::remarks::rounding;
use crate::select::Selection;
use held::Held;
use pidfile::PidFile;
use serde::Serialize;
use std::process::ExitCode;
use target::{Scan, scan};
use wait::{Event, Waker};

/// What is locked, as JSON: when all is, after each change, and at the end.
#[derive(Serialize)]
struct Lock {
    files: u64,
    bytes: u64,
    dry_run: bool,
    /// `locked`, `changed`, `released`, `interrupted`.
    state: &'static str,
}

impl Record for Lock {
    const TYPE: &'static str = "lock";
}

/// Does it.
pub(crate) fn run(args: &args::Lock) -> ExitCode {
    let result = if args.systemd_unit { unit::print(args) } else { lock(args) };
    match result {
        Ok(outcome) => outcome.into(),
        Err(failure) => exit_code([Err(failure)]),
    }
}

fn lock(args: &args::Lock) -> Result<Outcome, Failure> {
    args.select.must_name("lock")?;
    let selection = Selection::new(&args.select)?;
    let waker = Waker::new(args.until)?;
    let interrupt = Interrupt::listen();
    let found = scan(&selection, &interrupt, args);
    let mut printer = Printer::new(args.output);
    if interrupt.is_set() {
        return interrupted(&mut printer);
    }
    if !found.failures.is_empty() {
        for line in &found.failures {
            tell(&Failure::line(line.clone()));
        }
        return Ok(Outcome::Error);
    }
    check::limits(&found, args.on_fault)?;
    let pidfile = args.pidfile.as_deref().map(PidFile::check).transpose()?;
    printer.text(&rounding(found.example.as_ref(), found.rounded, "outwards"))?;
    if args.dry_run {
        return dry_run(&mut printer, &found);
    }
    let progress = Progress::bytes(found.bytes, "locking", args.output.quiet);
    let mut held = Held::new(args.on_fault);
    for target in &found.targets {
        if interrupt.is_set() {
            drop((progress, held));
            return interrupted(&mut printer);
        }
        held.lock(target).map_err(|error| check::explained(&target.path, &error))?;
        progress.add(target.len());
    }
    drop(progress);
    hold(args, &selection, &interrupt, &waker, held, pidfile, &mut printer)
}

/// Tells that all is locked, and waits for the end.
fn hold(
    args: &args::Lock,
    selection: &Selection,
    interrupt: &Interrupt,
    waker: &Waker,
    mut held: Held,
    pidfile: Option<PidFile>,
    printer: &mut Printer,
) -> Result<Outcome, Failure> {
    let written = pidfile.map(PidFile::write).transpose()?;
    say(printer, &held, args.on_fault, "locked")?;
    let notice = ready::tell(&format!("READY=1\nSTATUS={}\n", status(printer, &held)));
    let mut outcome = Outcome::Done;
    if let Err(failure) = notice {
        tell(&failure);
        outcome = Outcome::Error;
    }
    let mut scan_time = std::time::Duration::ZERO;
    while !interrupt.is_set() {
        let pause = args.follow_changes.then(|| wait::pause(scan_time));
        match waker.wait(pause)? {
            Event::Asked | Event::Gone => break,
            Event::Time if !args.follow_changes => {}
            Event::Time => {
                let start = std::time::Instant::now();
                if held.follow(&scan(selection, interrupt, args), interrupt) {
                    say(printer, &held, args.on_fault, "changed")?;
                    let _nobody_listens =
                        ready::tell(&format!("STATUS={}\n", status(printer, &held)));
                }
                scan_time = start.elapsed();
            }
        }
    }
    let _nobody_listens = ready::tell("STOPPING=1\n");
    let (files, bytes) = (held.files(), held.bytes());
    drop(held);
    drop(written);
    let size = printer.units().size(bytes);
    printer.text(&format!("let go of {size}\n"))?;
    printer.json(&Lock { files, bytes, dry_run: false, state: "released" })?;
    printer.finish()?;
    Ok(outcome)
}

fn dry_run(printer: &mut Printer, found: &Scan) -> Result<Outcome, Failure> {
    let files = found.targets.len() as u64;
    let (size, of) = (printer.units().size(found.bytes), files_text(files));
    let missing = printer.units().size(found.missing);
    printer.text(&format!("would lock {size} of {of}; {missing} to be read in\n"))?;
    printer.json(&Lock { files, bytes: found.bytes, dry_run: true, state: "locked" })?;
    printer.finish()?;
    Ok(Outcome::Done)
}

fn interrupted(printer: &mut Printer) -> Result<Outcome, Failure> {
    printer.text("interrupted: nothing is locked\n")?;
    printer.json(&Lock { files: 0, bytes: 0, dry_run: false, state: "interrupted" })?;
    printer.finish()?;
    Ok(Outcome::Interrupted)
}

/// A line at once: whoever waits for it is to see it.
fn say(
    printer: &mut Printer,
    held: &Held,
    on_fault: bool,
    state: &'static str,
) -> Result<(), Failure> {
    let status = status(printer, held);
    let how = if on_fault { " as they come" } else { "" };
    let end = if state == "locked" { "; Ctrl-C lets go" } else { "" };
    printer.text(&format!("{status}{how}{end}\n"))?;
    printer.json(&Lock { files: held.files(), bytes: held.bytes(), dry_run: false, state })?;
    printer.finish()
}

fn status(printer: &Printer, held: &Held) -> String {
    format!("locked {} of {}", printer.units().size(held.bytes()), files_text(held.files()))
}

fn files_text(files: u64) -> String {
    if files == 1 { "1 file".to_owned() } else { format!("{files} files") }
}
