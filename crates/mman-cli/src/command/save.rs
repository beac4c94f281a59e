//! `mman save`: remembering which pages of files are in memory.

mod hot;

use crate::args;
use crate::cache::{Residency, Unknown, look};
use crate::failure::{Failure, report, text_of};
use crate::interrupt::Interrupt;
use crate::outcome::Outcome;
use crate::output::Printer;
use crate::output::json::{JsonPath, Record};
use crate::output::terminal::shown;
use crate::output::units::{many, pages};
use crate::select::{Counts, Found, Problem, Selection, Visitor};
use crate::snapshot::look::{Stop, runs};
use crate::snapshot::place::Names;
use crate::snapshot::{FileHead, Header, Modified, Totals, Writer};
use hot::Hot;
use mman::{NewContent, PageSize};
use rustix::fs::{AtFlags, CWD, fstat, statat};
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Does it.
pub(crate) fn run(args: &args::Save) -> ExitCode {
    match save(args) {
        Ok(outcome) => outcome.into(),
        Err(failure) => {
            report(&failure);
            Outcome::Error.into()
        }
    }
}

/// How it ended early, from within the writing of the file.
enum Ended {
    Failed(Failure),
    Interrupted,
}

impl From<mman::Error> for Ended {
    fn from(error: mman::Error) -> Self {
        Self::Failed(Failure::line(error.to_string()))
    }
}

fn save(args: &args::Save) -> Result<Outcome, Failure> {
    let interrupt = Interrupt::listen();
    let selection = Selection::new(&args.select)?;
    let hot = args.hot.then(Hot::new).transpose()?;
    let saving = Saving { selection, hot, roots: roots(&args.select), interrupt };
    let begin = Instant::now();
    let name = shown(args.out.as_os_str());
    let to_output = args.out.as_os_str() == "-";
    let result = if to_output {
        to_standard_output(&saving)
    } else {
        let previous = statat(CWD, &args.out, AtFlags::empty()).ok();
        let previous = previous.map(|stat| (u64_of(stat.st_dev), u64_of(stat.st_ino)));
        mman::write_file_with(&args.out, |new: &mut NewContent<'_>| {
            let mut ours: Vec<(u64, u64)> = previous.into_iter().collect();
            if let Ok(stat) = fstat(&*new) {
                ours.push((u64_of(stat.st_dev), u64_of(stat.st_ino)));
            }
            let out = BufWriter::with_capacity(1 << 16, new);
            saving.write(out, &ours)
        })
    };
    let saved = match result {
        Ok(saved) => saved,
        Err(Ended::Interrupted) => {
            let line = format!("interrupted: nothing is saved, {name} is as it was");
            report(&Failure::line(if to_output { "interrupted".into() } else { line }));
            return Ok(Outcome::Interrupted);
        }
        Err(Ended::Failed(Failure::Line(text))) if !to_output => {
            return Err(Failure::line(format!("{name}: {text}")));
        }
        Err(Ended::Failed(failure)) => return Err(failure),
    };
    // With the snapshot on standard output, there is no room for words.
    if !to_output {
        saved.tell(args, &name, begin.elapsed())?;
    }
    Ok(saved.outcome())
}

fn u64_of(number: impl TryInto<u64>) -> u64 {
    number.try_into().unwrap_or(0)
}

fn to_standard_output(saving: &Saving) -> Result<Saved, Ended> {
    if io::stdout().is_terminal() {
        let line = "a snapshot is no text: standard output is a terminal";
        return Err(Ended::Failed(Failure::line(line)));
    }
    saving.write(BufWriter::with_capacity(1 << 16, io::stdout()), &[])
}

/// The places that are looked through whole: none where something was left out on purpose.
fn roots(select: &args::Select) -> Vec<PathBuf> {
    let whole = select.glob.is_empty()
        && select.exclude.is_empty()
        && select.size.is_empty()
        && select.max_depth.is_none()
        && select.files_from.is_none()
        && !(select.ignore || select.one_file_system || select.follow);
    if !whole {
        return Vec::new();
    }
    let here = [PathBuf::from(".")];
    let paths = if select.paths.is_empty() { &here[..] } else { &select.paths };
    paths.iter().filter_map(|path| path.canonicalize().ok()).collect()
}

/// What is to be saved.
struct Saving {
    selection: Selection,
    hot: Option<Hot>,
    roots: Vec<PathBuf>,
    interrupt: Interrupt,
}

impl Saving {
    /// Writes all of it. Files of ours are left out: the snapshot itself.
    fn write<W: Write + Send>(&self, out: W, ours: &[(u64, u64)]) -> Result<Saved, Ended> {
        let told = |error: &io::Error| Ended::Failed(Failure::writing_to_snapshot(error));
        let taken = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        let header = Header {
            taken: u64::try_from(taken.as_nanos()).unwrap_or(0),
            page: PageSize::base().bytes() as u64,
            hot: self.hot.is_some(),
        };
        let roots = self.roots.iter().map(PathBuf::as_path);
        let writer = Writer::new(out, &header, roots).map_err(|error| told(&error))?;
        let looker = || Looker {
            writer: &writer,
            hot: self.hot.as_ref(),
            ours,
            names: Names::default(),
            seen: Seen::default(),
        };
        let (lookers, counts) = self.selection.visit(&self.interrupt, looker);
        let mut saved = Saved { counts, ..Saved::default() };
        for looker in lookers {
            saved.seen.add(looker.seen);
        }
        if let Some(error) = &saved.seen.failed {
            return Err(told(error));
        }
        if self.interrupt.is_set() {
            return Err(Ended::Interrupted);
        }
        let (mut out, totals) = writer.finish().map_err(|error| told(&error))?;
        out.flush().map_err(|error| told(&error))?;
        saved.totals = totals;
        Ok(saved)
    }
}

/// What the threads of the search saw.
#[derive(Debug, Default)]
struct Seen {
    /// Bytes of the files.
    size: u64,
    /// Why pages of files are not known, and of how many files.
    unknown: BTreeMap<String, u64>,
    /// Files that were left out: theirs is a name that no file can be opened by again.
    unnamed: u64,
    /// The error of writing the snapshot.
    failed: Option<io::Error>,
}

impl Seen {
    fn add(&mut self, more: Self) {
        self.size = self.size.saturating_add(more.size);
        self.unnamed = self.unnamed.saturating_add(more.unnamed);
        for (why, count) in more.unknown {
            let sum = self.unknown.entry(why).or_default();
            *sum = sum.saturating_add(count);
        }
        self.failed = self.failed.take().or(more.failed);
    }
}

/// Looks at files as they are found.
struct Looker<'save, W> {
    writer: &'save Writer<W>,
    hot: Option<&'save Hot>,
    ours: &'save [(u64, u64)],
    names: Names,
    seen: Seen,
}

impl<W: Write + Send> Visitor for Looker<'_, W> {
    fn file(&mut self, found: Found<'_>) {
        if self.seen.failed.is_some() || self.ours.contains(&(found.device, found.inode)) {
            return;
        }
        let Some(path) = self.names.of(&found) else {
            self.seen.unnamed = self.seen.unnamed.saturating_add(1);
            return;
        };
        let result = self.save(&found, path);
        self.seen.failed = result.err();
    }

    fn problem(&mut self, problem: &Problem<'_>) {
        report(&Failure::line(format!("{}: {}", shown(problem.path.as_os_str()), problem.what)));
    }
}

impl<W: Write> Looker<'_, W> {
    fn save(&mut self, found: &Found<'_>, path: PathBuf) -> io::Result<()> {
        const SECOND: i128 = 1_000_000_000;
        let modified = Modified {
            seconds: i64::try_from(found.modified.div_euclid(SECOND)).unwrap_or(0),
            nanoseconds: u32::try_from(found.modified.rem_euclid(SECOND)).unwrap_or(0),
        };
        let (size, device, inode) = (found.size, found.device, found.inode);
        self.seen.size = self.seen.size.saturating_add(size);
        // A file of which nothing may be known is found out before anything of it is written.
        let whole = look(found, &(0..size));
        let head = |known| FileHead { path, size, modified, device, inode, known };
        let why = match whole {
            Residency::Unknown(why) => why,
            Residency::Known(known) if known.cached == 0 => {
                return self.writer.file(&head(true)).finish().map(drop);
            }
            Residency::Known(_) => {
                let mut writer = self.writer.file(&head(true));
                let mut tell = |run| writer.run(run);
                let result = match self.hot {
                    None => runs(&found.file, size, &mut tell),
                    Some(hot) => hot.runs(&found.file, size, &mut tell),
                };
                let ended = match result {
                    Err(Stop::Told(error)) => return Err(error),
                    Err(Stop::Unknown(why)) => Some(why),
                    Ok(()) => None,
                };
                writer.finish()?;
                let Some(why) = ended else { return Ok(()) };
                self.count(why);
                return Ok(());
            }
        };
        self.count(why);
        self.writer.file(&head(false)).finish().map(drop)
    }

    fn count(&mut self, why: Unknown) {
        let count = self.seen.unknown.entry(why.short()).or_default();
        *count = count.saturating_add(1);
    }
}

/// What was saved.
#[derive(Debug, Default)]
struct Saved {
    totals: Totals,
    seen: Seen,
    counts: Counts,
}

impl Saved {
    fn unknown(&self) -> u64 {
        self.seen.unknown.values().fold(0, |sum, count| sum.saturating_add(*count))
    }

    fn outcome(&self) -> Outcome {
        let whole = self.unknown() == 0 && self.counts.problems == 0 && self.seen.unnamed == 0;
        if whole { Outcome::Done } else { Outcome::Error }
    }

    fn tell(&self, args: &args::Save, name: &str, time: Duration) -> Result<(), Failure> {
        let mut printer = Printer::new(args.output);
        let units = printer.units();
        let length = std::fs::metadata(&args.out).map_or(0, |about| about.len());
        let mut text = format!(
            "saved {} of {} in {} to {name} ({}) in {:.2} s",
            units.size(pages(self.totals.pages)),
            units.size(self.seen.size),
            many(self.totals.files, "file"),
            units.size(length),
            time.as_secs_f64(),
        );
        for (why, count) in &self.seen.unknown {
            text.push_str(&format!("; {count} unknown: {why}"));
        }
        for (count, what) in [
            (self.counts.problems, "not looked at"),
            (self.seen.unnamed, "left out: path too long, or gone"),
            (self.counts.vanished, "vanished meanwhile"),
        ] {
            if count > 0 {
                text.push_str(&format!("; {count} {what}"));
            }
        }
        text.push('\n');
        printer.text(&text)?;
        printer.json(&SaveRecord {
            path: JsonPath::new(&args.out),
            files: self.totals.files,
            size: self.seen.size,
            saved: pages(self.totals.pages),
            unknown: self.unknown(),
            problems: self.counts.problems.saturating_add(self.seen.unnamed),
            vanished: self.counts.vanished,
            hot: args.hot,
            seconds: time.as_secs_f64(),
        })?;
        printer.finish()
    }
}

/// The line of JSON about a snapshot that was written.
#[derive(Serialize)]
struct SaveRecord<'path> {
    #[serde(flatten)]
    path: JsonPath<'path>,
    files: u64,
    size: u64,
    saved: u64,
    unknown: u64,
    problems: u64,
    vanished: u64,
    hot: bool,
    seconds: f64,
}

impl Record for SaveRecord<'_> {
    const TYPE: &'static str = "save";
}

impl Failure {
    /// An error of writing a snapshot, whose name is known by who tells it.
    fn writing_to_snapshot(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::ReaderGone,
            _ => Self::line(format!("write: {}", text_of(error))),
        }
    }
}
