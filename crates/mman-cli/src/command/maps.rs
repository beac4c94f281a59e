//! `mman maps`: what processes have mapped.

mod column;
mod group;
mod print;
mod record;

use crate::args;
use crate::failure::{Failure, exit_code};
use crate::output::Printer;
use crate::processes::{self, About, Detail, Folder, Measure, Read, Row};
use mman::process::Process;
use std::process::ExitCode;

/// What is told: rows, what they sum up to, and the processes that they are of.
struct Told {
    rows: Vec<Row>,
    /// Places of those that are shown, in their order.
    shown: Vec<usize>,
    total: Row,
    processes: Vec<About>,
    /// How many processes ended before they were read.
    ended: usize,
}

/// Does it.
pub(crate) fn run(args: &args::Maps) -> ExitCode {
    let mut printer = Printer::new(args.output);
    if args.columns.iter().any(|column| column == "help") {
        return exit_code([printer.text(&column::help()).and_then(|()| printer.finish())]);
    }
    let (found, mut failures) = match asked(args) {
        Ok(found) => found,
        Err(failure) => return exit_code([Err(failure)]),
    };
    let told = read_all(args, &found, &mut failures);
    let told = told.and_then(|told| match told {
        Some(told) => print(args, &mut printer, told).and_then(|()| printer.finish()),
        None => Ok(()),
    });
    exit_code(std::iter::once(told).chain(failures.into_iter().map(Err)))
}

/// The processes, once it is known that what is asked of them makes sense.
fn asked(args: &args::Maps) -> Result<(Vec<Process>, Vec<Failure>), Failure> {
    if args.processes.is_empty() {
        return Err(Failure::line("which process? say its number or its name"));
    }
    column::sorting(args.sort.as_deref())?;
    column::chosen(args, false)?;
    Ok(processes::find(&args.processes))
}

/// Reads them; `None` where there is nothing to tell, since none could be read.
fn read_all(
    args: &args::Maps,
    found: &[Process],
    failures: &mut Vec<Failure>,
) -> Result<Option<Told>, Failure> {
    let columns = column::chosen(args, false)?;
    let has = |what| columns.iter().any(|column| column.what == what);
    let sorting = column::sorting(args.sort.as_deref())?;
    let flags = has(column::What::Flags) || sorting == column::What::Flags || args.output.json;
    let nodes = args.numa || has(column::What::Policy);
    let detail = Detail { flags, nodes };
    let (mut rows, mut processes, mut ended) = (Vec::new(), Vec::new(), 0_usize);
    for process in found {
        let Ok(folder) = Folder::of(process) else { continue };
        let about = About::of(process.pid(), &folder);
        match processes::read(process, processes.len(), detail) {
            Read::Rows(read) => {
                // Of one process, which may have very many, nothing is copied.
                if rows.is_empty() {
                    rows = read;
                } else {
                    rows.extend(read);
                }
                processes.push(about);
            }
            Read::Gone => ended = ended.saturating_add(1),
            Read::Forbidden => failures.push(Failure::line(processes::forbidden(&about, &folder))),
            Read::Failed(error) => failures.push(Failure::of(&about.label(), &error)),
        }
    }
    if processes.is_empty() {
        if failures.is_empty() {
            failures.push(Failure::line("the process ended before its mappings were read"));
        }
        return Ok(None);
    }
    let total = group::total(&rows);
    Ok(Some(Told { rows, shown: Vec::new(), total, processes, ended }))
}

fn print(args: &args::Maps, printer: &mut Printer, told: Told) -> Result<(), Failure> {
    let rows = group::group(told.rows, args.by);
    let sorting = column::sorting(args.sort.as_deref())?;
    let mut shown = group::order(&rows, sorting, &told.processes);
    if let Some(least) = args.min {
        let rss = |at: &usize| rows.get(*at).and_then(|row| row.numbers.get(Measure::Rss));
        shown.retain(|at| rss(at).is_none_or(|bytes| bytes >= least.0));
    }
    let told = Told { rows, shown, ..told };
    if printer.is_json() {
        return record::print(printer, &told);
    }
    print::print(args, printer, &told)
}

impl Told {
    fn shown(&self) -> impl Iterator<Item = &Row> {
        self.shown.iter().filter_map(|at| self.rows.get(*at))
    }
}
