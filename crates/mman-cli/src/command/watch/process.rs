//! Processes that are watched.

use super::files::clock;
use super::{Watched, per_second};
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::outcome::Outcome;
use crate::output::Printer;
use crate::output::json::Record;
use crate::output::units::Units;
use crate::processes::{About, Folder, find};
use mman::PageSize;
use mman::process::Process;
use serde::Serialize;
use std::ops::ControlFlow;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The processes of a name, or the one of a number.
pub(super) struct Processes {
    all: Vec<One>,
    looked: Option<Instant>,
    time: Option<Duration>,
}

struct One {
    process: Process,
    folder: Folder,
    about: About,
    before: Option<Faults>,
    now: Now,
}

/// Of one process at one moment, in bytes.
#[derive(Clone, Copy, Debug, Default)]
struct Now {
    rss: u64,
    /// What the kernel tells only who may trace the process.
    rollup: Option<Rollup>,
    faults: Faults,
    /// Since the look before.
    minor: u64,
    major: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Rollup {
    pss: u64,
    swap: u64,
    dirty: u64,
    locked: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Faults {
    minor: u64,
    major: u64,
}

impl Processes {
    pub(super) fn new(word: &str) -> Result<Self, Failure> {
        let (found, mut failures) = find(&[word.to_owned()]);
        if let Some(failure) = failures.pop() {
            return Err(failure);
        }
        let mut all = Vec::new();
        for process in found {
            // One that ended since is no process of the name any more.
            let Ok(folder) = Folder::of(&process) else { continue };
            let about = About::of(process.pid(), &folder);
            all.push(One { process, folder, about, before: None, now: Now::default() });
        }
        Ok(Self { all, looked: None, time: None })
    }

    fn sum(&self, of: impl Fn(&Now) -> u64) -> u64 {
        self.all.iter().map(|one| of(&one.now)).fold(0, u64::saturating_add)
    }

    /// Known only where it is known of each process.
    fn known(&self, of: impl Fn(&Rollup) -> u64) -> Option<u64> {
        let each = self.all.iter().map(|one| one.now.rollup.as_ref().map(&of));
        each.collect::<Option<Vec<u64>>>()
            .map(|all| all.iter().copied().fold(0, u64::saturating_add))
    }

    fn rate(&self, count: u64) -> String {
        self.time.map_or_else(|| "–".to_owned(), |time| per_second(count, time).to_string())
    }
}

fn size(units: Units, bytes: Option<u64>) -> String {
    bytes.map_or_else(|| "?".to_owned(), |bytes| units.size_or_dash(bytes))
}

impl Watched for Processes {
    fn look(&mut self, _interrupt: &Interrupt) -> ControlFlow<Outcome, Outcome> {
        let begin = Instant::now();
        self.all.retain_mut(One::look);
        if self.all.is_empty() {
            return ControlFlow::Break(Outcome::Done);
        }
        self.time = self.looked.map(|before| begin.saturating_duration_since(before));
        self.looked = Some(begin);
        let all_known = self.all.iter().all(|one| one.now.rollup.is_some());
        ControlFlow::Continue(if all_known { Outcome::Done } else { Outcome::Error })
    }

    fn heading(&self) -> String {
        format!(
            "{:>8}  {:>10}  {:>10}  {:>10}  {:>10}  {:>10}  {:>8}  {:>8}  {:>9}\n",
            "TIME", "RSS", "PSS", "SWAP", "DIRTY", "LOCKED", "MINOR/s", "MAJOR/s", "PROCESSES"
        )
    }

    fn line(&self, units: Units) -> String {
        format!(
            "{:>8}  {:>10}  {:>10}  {:>10}  {:>10}  {:>10}  {:>8}  {:>8}  {:>9}\n",
            clock(),
            units.size_or_dash(self.sum(|now| now.rss)),
            size(units, self.known(|all| all.pss)),
            size(units, self.known(|all| all.swap)),
            size(units, self.known(|all| all.dirty)),
            size(units, self.known(|all| all.locked)),
            self.rate(self.sum(|now| now.minor)),
            self.rate(self.sum(|now| now.major)),
            self.all.len(),
        )
    }

    fn page(&self, units: Units, columns: usize, lines: usize) -> Vec<String> {
        /// All columns, and room for a name.
        const WIDE: usize = 92;
        let is_wide = columns >= WIDE;
        let row = |cells: [&str; 7], name: &str| {
            let [rss, pss, swap, dirty, locked, minor, major] = cells;
            let detail = format!("{swap:>9}  {dirty:>9}  {locked:>9}  ");
            let detail = if is_wide { detail.as_str() } else { "" };
            format!("{rss:>9}  {pss:>9}  {detail}{minor:>8}  {major:>8}  {name}")
        };
        let count = self.all.len();
        let plural = if count == 1 { "" } else { "es" };
        let mut page = vec![
            format!("mman watch   {count} process{plural}   {}   q ends", clock()),
            String::new(),
            row(["RSS", "PSS", "SWAP", "DIRTY", "LOCKED", "MINOR/s", "MAJOR/s"], "PROCESS"),
        ];
        let mut ordered: Vec<&One> = self.all.iter().collect();
        ordered.sort_by_key(|one| std::cmp::Reverse(one.now.rss));
        for one in ordered.into_iter().take(lines.saturating_sub(5)) {
            let Now { rss, rollup, minor, major, .. } = &one.now;
            let of = |get: fn(&Rollup) -> u64| size(units, rollup.as_ref().map(get));
            let cells = [
                units.size_or_dash(*rss),
                of(|all| all.pss),
                of(|all| all.swap),
                of(|all| all.dirty),
                of(|all| all.locked),
                self.rate(*minor),
                self.rate(*major),
            ];
            page.push(row(cells.each_ref().map(String::as_str), &one.about.label()));
        }
        if self.all.iter().any(|one| one.now.rollup.is_none()) {
            let why = "  ?  not permitted: told only to root and to who may trace the process";
            page.extend([String::new(), why.to_owned()]);
        }
        page
    }

    fn json(&self, printer: &mut Printer) -> Result<(), Failure> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        for one in &self.all {
            let Now { rss, rollup, minor, major, .. } = one.now;
            printer.json(&Line {
                time: now.as_secs_f64(),
                interval: self.time.map(|time| time.as_secs_f64()),
                pid: one.process.pid(),
                command: one.about.command.to_string_lossy().into_owned(),
                rss,
                pss: rollup.map(|all| all.pss),
                swap: rollup.map(|all| all.swap),
                dirty: rollup.map(|all| all.dirty),
                locked: rollup.map(|all| all.locked),
                minor_faults: self.time.map(|_| minor),
                major_faults: self.time.map(|_| major),
            })?;
        }
        Ok(())
    }
}

impl One {
    /// Looks at the process; `false` where it has ended.
    fn look(&mut self) -> bool {
        let Some(faults) = self.folder.read("stat").ok().and_then(|text| faults(&text)) else {
            return false;
        };
        let Some(rss) = self.folder.read("statm").ok().and_then(|text| resident(&text)) else {
            return false;
        };
        let rollup = self.process.smaps_rollup().ok().map(|usage| {
            let sum = |one: Option<u64>, other: Option<u64>| {
                one.unwrap_or(0).saturating_add(other.unwrap_or(0))
            };
            Rollup {
                pss: usage.pss().unwrap_or(0),
                swap: usage.swap().unwrap_or(0),
                dirty: sum(usage.private_dirty(), usage.shared_dirty()),
                locked: usage.locked().unwrap_or(0),
            }
        });
        let before = self.before.unwrap_or(faults);
        self.now = Now {
            rss,
            rollup,
            faults,
            minor: faults.minor.saturating_sub(before.minor),
            major: faults.major.saturating_sub(before.major),
        };
        self.before = Some(self.now.faults);
        true
    }
}

/// Of `/proc/PID/stat`, whose second field is the name in parentheses; `None` of a process that has ended.
fn faults(text: &[u8]) -> Option<Faults> {
    let end = text.iter().rposition(|byte| *byte == b')')?;
    let rest = str::from_utf8(text.get(end.checked_add(1)?..)?).ok()?;
    let mut fields = rest.split_ascii_whitespace();
    let state = fields.next()?;
    let minor = fields.nth(6)?.parse().ok()?;
    let major = fields.nth(1)?.parse().ok()?;
    (!matches!(state, "Z" | "X")).then_some(Faults { minor, major })
}

/// Of `/proc/PID/statm`: the second number, in pages.
fn resident(text: &[u8]) -> Option<u64> {
    let text = str::from_utf8(text).ok()?;
    let count: u64 = text.split_ascii_whitespace().nth(1)?.parse().ok()?;
    Some(count << PageSize::base().log2())
}

/// The line of JSON about a process at a look.
#[derive(Serialize)]
struct Line {
    time: f64,
    interval: Option<f64>,
    pid: u32,
    command: String,
    rss: u64,
    pss: Option<u64>,
    swap: Option<u64>,
    dirty: Option<u64>,
    locked: Option<u64>,
    minor_faults: Option<u64>,
    major_faults: Option<u64>,
}

impl Record for Line {
    const TYPE: &'static str = "watch_process";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_behind_a_name_that_may_be_anything() {
        let text = b"7 (a) b) S 1 7 7 0 -1 4194304 100 5 20 6 0 0 0 0";
        let found = faults(text).unwrap();
        assert_eq!((found.minor, found.major), (100, 20));
        assert!(faults(b"7 (a) Z 1 7 7 0 -1 4194304 100 5 20 6 0").is_none());
        assert_eq!(resident(b"100 7 3 1 0 9 0\n"), Some(7 << PageSize::base().log2()));
    }
}
