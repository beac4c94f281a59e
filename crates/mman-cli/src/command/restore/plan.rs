//! What is to be restored: which files of a snapshot, and where they are now.

use super::engine::Sender;
use super::target::Target;
use crate::args;
use crate::failure::{Failure, report};
use crate::interrupt::Interrupt;
use crate::output::Printer;
use crate::output::json::{JsonPath, Record};
use crate::output::terminal::shown;
use crate::snapshot::{FileHead, Header, Item, SnapshotFile, Unusable, open};
use serde::Serialize;
use std::cell::RefCell;
use std::ffi::OsStr;
use std::ops::Range;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// So many files that are in the way are told by name.
const NAMED: u64 = 10;

/// What is to be restored.
pub(super) struct Plan<'args> {
    name: &'args Path,
    snapshot: RefCell<SnapshotFile>,
    first: u64,
    header: Header,
    /// Where files are now: the first that fits.
    rebase: Vec<(PathBuf, PathBuf)>,
    /// Only below these; everything where there are none.
    only: Vec<PathBuf>,
    /// Files that are to be restored, and those of which the snapshot knows nothing.
    pub(super) files: u64,
    pub(super) unknown: u64,
    /// Bytes that are to be in memory.
    pub(super) bytes: u64,
}

impl<'args> Plan<'args> {
    /// Reads the arguments and all of the snapshot.
    pub(super) fn new(args: &'args args::Restore) -> Result<Self, Failure> {
        let rebase = args.rebase.iter().map(|word| rebase(word)).collect::<Result<_, _>>()?;
        let only: Vec<PathBuf> = args.paths.iter().map(|path| from_root(path)).collect();
        let snapshot = open::snapshot(&args.snapshot)?;
        let header = snapshot.header().clone();
        let mut plan = Self {
            name: &args.snapshot,
            first: snapshot.position(),
            snapshot: RefCell::new(snapshot),
            header,
            rebase,
            only,
            files: 0,
            unknown: 0,
            bytes: 0,
        };
        let mut used = vec![false; plan.only.len()];
        let (mut files, mut unknown, mut bytes) = (0_u64, 0_u64, 0_u64);
        plan.items(|path, item| {
            match item {
                Part::File(head) => {
                    for (only, used) in plan.only.iter().zip(&mut used) {
                        *used |= path.starts_with(only) || head.path.starts_with(only);
                    }
                    files = files.saturating_add(1);
                    unknown = unknown.saturating_add(u64::from(!head.known));
                }
                Part::Runs(runs) => {
                    let of = |run: &Range<u64>| run.end.saturating_sub(run.start);
                    bytes = bytes.saturating_add(runs.iter().map(of).sum());
                }
            }
            Ok(true)
        })?;
        (plan.files, plan.unknown) = (files, unknown);
        plan.bytes = bytes.saturating_mul(plan.header.page);
        if let Some((path, _)) = args.paths.iter().zip(used).find(|(_, used)| !used) {
            let text = format!("{}: nothing of it is in the snapshot", shown(path.as_os_str()));
            return Err(Failure::line(text));
        }
        Ok(plan)
    }

    /// Where a file of the snapshot is now; `None` if it is not asked for.
    fn now(&self, path: &Path) -> Option<PathBuf> {
        let moved = self.rebase.iter().find_map(|(old, new)| {
            let below = path.strip_prefix(old).ok()?;
            // Joining nothing would add a slash.
            Some(if below.as_os_str().is_empty() { new.clone() } else { new.join(below) })
        });
        let now = moved.unwrap_or_else(|| path.to_owned());
        let asked = self.only.is_empty()
            || self.only.iter().any(|only| now.starts_with(only) || path.starts_with(only));
        asked.then_some(now)
    }

    /// Each file that is asked for and its runs, in bytes. Ends early where it is told to.
    fn items(
        &self,
        mut each: impl FnMut(&Path, Part<'_>) -> Result<bool, Failure>,
    ) -> Result<(), Failure> {
        let told = |error| open::malformed(self.name, &error);
        let mut snapshot = self.snapshot.borrow_mut();
        if snapshot.position() != self.first {
            snapshot.seek(self.first).map_err(told)?;
        }
        let mut path = None;
        while let Some(item) = snapshot.next().map_err(told)? {
            let go_on = match (item, &mut path) {
                (Item::Root(_), _) => true,
                (Item::File(head), path) => {
                    *path = self.now(&head.path);
                    match path {
                        Some(now) => each(now, Part::File(&head))?,
                        None => true,
                    }
                }
                (Item::Runs(_), None) => true,
                (Item::Runs(runs), Some(path)) => each(path, Part::Runs(&runs))?,
            };
            if !go_on {
                break;
            }
        }
        Ok(())
    }

    /// Hands each run to the readers.
    pub(super) fn each(
        &self,
        interrupt: &Interrupt,
        sender: &mut Sender<'_>,
    ) -> Result<(), Failure> {
        let page = self.header.page;
        let mut target: Option<Arc<Target>> = None;
        self.items(|path, part| {
            match part {
                Part::File(head) => {
                    if let Some(before) = target.take() {
                        sender.end(before);
                    }
                    target = Some(Arc::new(Target::new(path.to_owned(), head.clone())));
                }
                Part::Runs(runs) => {
                    for run in runs {
                        let bytes = run.start.saturating_mul(page)..run.end.saturating_mul(page);
                        if let Some(target) = &target {
                            sender.range(target, bytes);
                        }
                    }
                }
            }
            Ok(!interrupt.is_set())
        })?;
        if let Some(last) = target.take() {
            sender.end(last);
        }
        Ok(())
    }

    /// Tells the files that are not what they were, and whether there are any.
    pub(super) fn tell_changed(&self, printer: &mut Printer) -> Result<bool, Failure> {
        let mut found = 0_u64;
        self.items(|path, part| {
            let Part::File(head) = part else { return Ok(true) };
            if let Err(why) = open::check(path, head) {
                found = found.saturating_add(1);
                if found <= NAMED && !printer.is_json() {
                    let name = shown(path.as_os_str());
                    report(&Failure::line(format!("{name}: {}", why.text())));
                }
                printer.json(&Changed { path: JsonPath::new(path), state: state(why) })?;
            }
            Ok(true)
        })?;
        if found > NAMED {
            let more = found.saturating_sub(NAMED);
            report(&Failure::line(format!("{more} more files are changed or gone")));
        }
        if found > 0 {
            printer.text("nothing is restored (--strict)\n")?;
        }
        printer.finish()?;
        Ok(found > 0)
    }
}

/// A word for why a file cannot be used.
pub(super) const fn state(why: Unusable) -> &'static str {
    match why {
        Unusable::Changed => "changed",
        Unusable::Gone => "gone",
        Unusable::Error(_) => "unreadable",
    }
}

/// The line of JSON about a file that keeps a strict restore from being done.
#[derive(Serialize)]
struct Changed<'path> {
    #[serde(flatten)]
    path: JsonPath<'path>,
    state: &'static str,
}

impl Record for Changed<'_> {
    const TYPE: &'static str = "restore_refused";
}

/// What comes out of a snapshot for a file.
enum Part<'item> {
    File(&'item FileHead),
    Runs(&'item [Range<u64>]),
}

fn rebase(word: &OsStr) -> Result<(PathBuf, PathBuf), Failure> {
    let bytes = word.as_bytes();
    let at = bytes.iter().position(|byte| *byte == b'=');
    let halves = at.and_then(|at| Some((bytes.get(..at)?, bytes.get(at.checked_add(1)?..)?)));
    match halves {
        Some((old, new)) if !old.is_empty() && !new.is_empty() => {
            let path = |bytes| from_root(Path::new(OsStr::from_bytes(bytes)));
            Ok((path(old), path(new)))
        }
        _ => Err(Failure::line(format!("--rebase {}: expected OLD=NEW", shown(word)))),
    }
}

/// As snapshots name it: what is there by its real path, what is not as it is written.
fn from_root(path: &Path) -> PathBuf {
    let written = || std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    path.canonicalize().unwrap_or_else(|_| written())
}
