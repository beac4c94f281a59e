//! `mman who`: which processes map a file, lock it or hold it open.
//!
//! Exit codes: somebody has it is true, also where not everybody could be looked at; nobody has it is only said where
//! everybody was, and is unknown otherwise.

mod print;
mod record;

use crate::args;
use crate::failure::{Failure, exit_code, text_of};
use crate::outcome::Outcome;
use crate::output::Printer;
use crate::processes::{About, FileId, Held, Unseen, who_has};
use std::path::Path;
use std::process::ExitCode;

/// A process that has one of the files.
struct Line<'told> {
    file: &'told Path,
    about: &'told About,
    held: &'told Held,
}

/// Does it.
pub(crate) fn run(args: &args::Who) -> ExitCode {
    let (mut files, mut failures) = (Vec::new(), Vec::new());
    for path in &args.files {
        match id_of(path) {
            Ok(id) => files.push((path.as_path(), id)),
            Err(failure) => failures.push(Err(failure)),
        }
    }
    let answer = if files.is_empty() { Ok(Outcome::Done) } else { tell(args, &files) };
    let outcome = match answer {
        Ok(outcome) => outcome,
        Err(failure) => {
            failures.push(Err(failure));
            Outcome::Error
        }
    };
    if failures.is_empty() { outcome.into() } else { exit_code(failures) }
}

fn id_of(path: &Path) -> Result<FileId, Failure> {
    let failed = |why: &str| Failure::line(format!("{}: {why}", path.display()));
    let metadata = std::fs::metadata(path).map_err(|error| failed(&text_of(&error)))?;
    if metadata.is_dir() {
        return Err(failed("a directory: name files of it"));
    }
    Ok(FileId::of(&metadata))
}

fn tell(args: &args::Who, files: &[(&Path, FileId)]) -> Result<Outcome, Failure> {
    let ids: Vec<FileId> = files.iter().map(|(_, id)| *id).collect();
    let holders =
        who_has(&ids).map_err(|error| Failure::line(format!("/proc: {}", text_of(&error))))?;
    let mut lines = Vec::new();
    for (file, id) in files {
        let wanted = |held: &Held| !args.locked || held.locked.is_none_or(|bytes| bytes > 0);
        let of_it = holders.of(*id).filter(|(_, held)| wanted(held));
        lines.extend(of_it.map(|(about, held)| Line { file, about, held }));
    }
    lines.sort_by(|one, other| {
        let size = |line: &Line<'_>| (line.held.resident, line.held.mapped, line.held.open);
        size(other).cmp(&size(one)).then(one.about.pid.cmp(&other.about.pid))
    });
    let mut printer = Printer::new(args.output);
    if printer.is_json() {
        record::print(&mut printer, &lines, holders.unseen)?;
    } else if !lines.is_empty() {
        print::print(&mut printer, &lines, files.len() > 1, holders.unseen)?;
    }
    let mut outcome = Outcome::Done;
    for (file, id) in files {
        if !lines.iter().any(|line| line.held.file == *id) {
            outcome = outcome.and(nobody(&mut printer, file, args.locked, holders.unseen)?);
        }
    }
    printer.finish()?;
    Ok(outcome)
}

/// Nobody has it, or nobody that could be looked at.
fn nobody(
    printer: &mut Printer,
    file: &Path,
    locked: bool,
    unseen: Unseen,
) -> Result<Outcome, Failure> {
    let does = if locked { "has it locked" } else { "maps it or has it open" };
    if unseen.is_nothing() {
        let shown = crate::output::terminal::shown(file.as_os_str());
        printer.text(&format!("{shown}: nobody {does}\n"))?;
        return Ok(Outcome::False);
    }
    let (file, why) = (file.display(), unseen.lines().join("; "));
    crate::failure::report(&Failure::line(format!("{file}: nobody seen {does}, but {why}")));
    Ok(Outcome::Error)
}
