//! A snapshot and what is in memory now.

use super::common::{Beside, Shares};
use super::report::{Report, State};
use super::two;
use crate::args;
use crate::cache::{Residency, look};
use crate::failure::{self, Failure, text_of};
use crate::interrupt::Interrupt;
use crate::output::terminal::shown;
use crate::output::units::pages;
use crate::select::{Found, Problem, Selection, Visitor};
use crate::snapshot::look::{Stop, runs};
use crate::snapshot::place::Names;
use crate::snapshot::{FileHead, Index, Malformed, SnapshotFile, Unusable, open};
use mman::PageSize;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// Compares them. New files are looked for where the snapshot looked through all.
pub(super) fn compare(
    name: &Path,
    before: &Index,
    reader: &mut SnapshotFile,
    report: &mut Report,
    interrupt: &Interrupt,
) -> Result<(), Failure> {
    let told = |error| open::malformed(name, &error);
    reader.seek(before.first).map_err(told)?;
    while let Some(head) = reader.next_file().map_err(told)? {
        if interrupt.is_set() {
            return Ok(());
        }
        let (state, shares) = one(reader, &head).map_err(told)?;
        report.file(&head.path, state, shares)?;
    }
    let roots = before.roots.iter().filter(|root| root.exists()).cloned().collect::<Vec<_>>();
    if roots.is_empty() {
        return Ok(());
    }
    let select = args::Select { paths: roots, ..args::Select::default() };
    let snapshot = name.canonicalize().ok();
    let reader = Mutex::new(reader);
    let newcomer = || Newcomer {
        before,
        reader: &reader,
        snapshot: snapshot.as_deref(),
        names: Names::default(),
        found: Vec::new(),
        failed: None,
    };
    let (visitors, _) = Selection::new(&select)?.visit(interrupt, newcomer);
    for visitor in visitors {
        if let Some(error) = visitor.failed {
            return Err(told(error));
        }
        for (path, state, shares) in visitor.found {
            report.file(&path, state, shares)?;
        }
    }
    Ok(())
}

/// A file of the snapshot, whose runs come next.
fn one(reader: &mut SnapshotFile, head: &FileHead) -> Result<(State, Shares), Malformed> {
    let unknown = |why: String| (State::Unknown(why), Shares::default());
    let (file, is_same) = match open::any_file(&head.path, head) {
        Ok(opened) => opened,
        Err(Unusable::Gone | Unusable::Changed) => {
            let Shares { after, .. } = two::all(reader, head)?;
            return Ok((State::Gone, Shares { before: after, after: 0, both: 0 }));
        }
        Err(error @ Unusable::Error(_)) => return Ok(unknown(error.text())),
    };
    if !head.known {
        return Ok(unknown("not known when it was saved".to_owned()));
    }
    // A device does not tell its size here: it is the one of before.
    let size = if is_same { Ok(head.size) } else { file.metadata().map(|about| about.len()) };
    let size = match size {
        Ok(size) => size,
        Err(error) => return Ok(unknown(text_of(&error))),
    };
    let log2 = PageSize::base().log2();
    let mut beside = Beside::new(reader);
    let mut malformed = None;
    let looked = runs(&file, size, &mut |run| {
        let bytes = run.start << log2..run.end << log2;
        beside.after(&bytes).map_err(|error| {
            malformed = Some(error);
            io::Error::other("malformed")
        })
    });
    if let Some(error) = malformed {
        return Err(error);
    }
    let shares = beside.finish()?;
    Ok(match looked {
        Err(Stop::Unknown(why)) => unknown(why.short()),
        Err(Stop::Told(error)) => unknown(error.to_string()),
        Ok(()) if is_same => (State::Same, shares),
        Ok(()) => (State::Changed, shares),
    })
}

/// Looks for files that are not in the snapshot.
struct Newcomer<'diff, 'reader> {
    before: &'diff Index,
    reader: &'diff Mutex<&'reader mut SnapshotFile>,
    /// The snapshot itself, which is no news.
    snapshot: Option<&'diff Path>,
    names: Names,
    found: Vec<(PathBuf, State, Shares)>,
    failed: Option<Malformed>,
}

impl Visitor for Newcomer<'_, '_> {
    fn file(&mut self, found: Found<'_>) {
        let Some(path) = self.names.of(&found) else { return };
        if self.failed.is_some() || self.snapshot == Some(path.as_path()) {
            return;
        }
        let mut reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        match self.before.find(&mut reader, &path) {
            Ok(Some(_)) => {}
            Ok(None) => {
                drop(reader);
                let (state, after) = match look(&found, &(0..found.size)) {
                    Residency::Known(known) => (State::New, pages(known.cached)),
                    Residency::Unknown(why) => (State::Unknown(why.short()), 0),
                };
                self.found.push((path, state, Shares { before: 0, after, both: 0 }));
            }
            Err(error) => self.failed = Some(error),
        }
    }

    fn problem(&mut self, problem: &Problem<'_>) {
        let name = shown(problem.path.as_os_str());
        failure::report(&Failure::line(format!("{name}: {}", problem.what)));
        let state = State::Unknown(problem.what.short());
        self.found.push((problem.path.to_owned(), state, Shares::default()));
    }
}
