//! Files that are watched.

use super::{Watched, per_second};
use crate::args;
use crate::cache::{Known, Residency, look};
use crate::failure::{Failure, report};
use crate::interrupt::Interrupt;
use crate::outcome::Outcome;
use crate::output::Printer;
use crate::output::json::Record;
use crate::output::table::middle_cut;
use crate::output::terminal::shown;
use crate::output::units::{Units, many, pages, percent};
use crate::select::{Counts, Found, Problem, Selection, Visitor};
use serde::Serialize;
use std::collections::{HashMap, VecDeque};
use std::ops::ControlFlow;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// So many files that change most are kept of a look.
const KEPT: usize = 64;

/// So many looks are kept for the graph.
const HISTORY: usize = 512;

/// What is remembered of a file from one look to the next: pages in the cache, and reclaimed.
type Before = HashMap<(u64, u64), (u64, u64)>;

/// The files, and the last look at them.
pub(super) struct Files {
    selection: Selection,
    before: Option<(Before, Instant)>,
    last: Look,
    history: VecDeque<(u64, u64)>,
}

/// One look, in bytes.
#[derive(Clone, Debug, Default)]
struct Look {
    sums: Sums,
    /// Since the look before; `None` for the first.
    time: Option<Duration>,
    /// Files of which something came or went, the most first.
    moved: Vec<Moved>,
}

#[derive(Clone, Copy, Debug, Default, Serialize)]
struct Sums {
    files: u64,
    /// Files of which nothing is known.
    unknown: u64,
    size: u64,
    cached: u64,
    dirty: u64,
    writeback: u64,
    /// Since the look before. What came and went in one file between two looks, in equal parts, is not seen.
    came: u64,
    went: u64,
    reclaimed: u64,
}

#[derive(Clone, Debug)]
struct Moved {
    name: String,
    size: u64,
    cached: u64,
    came: u64,
    went: u64,
}

impl Files {
    pub(super) fn new(args: &args::Select) -> Result<Self, Failure> {
        let selection = Selection::new(args)?;
        Ok(Self { selection, before: None, last: Look::default(), history: VecDeque::new() })
    }

    fn rate(&self, bytes: u64, units: Units) -> String {
        let time = self.last.time;
        time.map_or_else(|| "–".to_owned(), |time| units.size_or_dash(per_second(bytes, time)))
    }
}

impl Watched for Files {
    fn look(&mut self, interrupt: &Interrupt) -> ControlFlow<Outcome, Outcome> {
        let begin = Instant::now();
        let before = self.before.as_ref().map(|(before, _)| before);
        let looker = || Looker { before, ..Looker::default() };
        let (parts, counts) = self.selection.visit(interrupt, looker);
        let mut next = Before::new();
        let mut look = Look::default();
        for part in parts {
            look.add(part, &mut next);
        }
        if let Some((before, at)) = &self.before {
            // What is not there any more has gone, and its pages with it.
            for (_, (cached, _)) in before.iter().filter(|(file, _)| !next.contains_key(*file)) {
                look.sums.went = look.sums.went.saturating_add(pages(*cached));
            }
            look.time = Some(begin.saturating_duration_since(*at));
        }
        look.moved.sort_by_key(|file| std::cmp::Reverse(file.came.saturating_add(file.went)));
        look.moved.truncate(KEPT);
        if self.history.len() >= HISTORY {
            self.history.pop_front();
        }
        self.history.push_back((look.sums.cached, look.sums.size));
        let nothing_known = look.sums.unknown > 0 || counts.problems > 0;
        self.last = look;
        let nothing_there = self.before.is_none() && is_nothing(&counts);
        self.before = Some((next, begin));
        let outcome = if nothing_known { Outcome::Error } else { Outcome::Done };
        // The search has said why.
        if nothing_there { ControlFlow::Break(outcome) } else { ControlFlow::Continue(outcome) }
    }

    fn heading(&self) -> String {
        format!(
            "{:>8}  {:>10}  {:>5}  {:>10}  {:>10}  {:>10}  {:>11}  {:>7}\n",
            "TIME", "CACHED", "%", "CAME/s", "WENT/s", "DIRTY", "RECLAIMED/s", "FILES"
        )
    }

    fn line(&self, units: Units) -> String {
        let sums = &self.last.sums;
        let unknown = match sums.unknown {
            0 => String::new(),
            count => format!("  {count} unknown"),
        };
        format!(
            "{:>8}  {:>10}  {:>5}  {:>10}  {:>10}  {:>10}  {:>11}  {:>7}{unknown}\n",
            clock(),
            units.size(sums.cached),
            percent(sums.cached, sums.size),
            self.rate(sums.came, units),
            self.rate(sums.went, units),
            units.size_or_dash(sums.dirty),
            self.rate(sums.reclaimed, units),
            sums.files,
        )
    }

    fn page(&self, units: Units, columns: usize, lines: usize) -> Vec<String> {
        let sums = &self.last.sums;
        let unknown = match sums.unknown {
            0 => String::new(),
            count => format!(", {count} unknown (not permitted, or not counted)"),
        };
        let mut page = vec![
            format!("mman watch   {}{unknown}   {}   q ends", many(sums.files, "file"), clock()),
            String::new(),
            format!(
                "  cached     {:>9} of {}   {}",
                units.size(sums.cached),
                units.size(sums.size),
                percent(sums.cached, sums.size)
            ),
            format!("  came in    {:>9} a second", self.rate(sums.came, units)),
            format!("  went out   {:>9} a second", self.rate(sums.went, units)),
            format!("  reclaimed  {:>9} a second", self.rate(sums.reclaimed, units)),
            format!(
                "  dirty      {:>9}, being written back {}",
                units.size_or_dash(sums.dirty),
                units.size_or_dash(sums.writeback)
            ),
            String::new(),
            format!("  {}", self.graph(columns.saturating_sub(4))),
            String::new(),
        ];
        if self.last.moved.is_empty() {
            return page;
        }
        page.push(format!("{:>9}  {:>5}  {:>9}  {:>9}  FILE", "CACHED", "%", "CAME/s", "WENT/s"));
        let room = columns.saturating_sub(40).max(8);
        let left = lines.saturating_sub(page.len());
        for file in self.last.moved.iter().take(left) {
            page.push(format!(
                "{:>9}  {:>5}  {:>9}  {:>9}  {}",
                units.size(file.cached),
                percent(file.cached, file.size),
                self.rate(file.came, units),
                self.rate(file.went, units),
                middle_cut(&file.name, room)
            ));
        }
        page
    }

    fn json(&self, printer: &mut Printer) -> Result<(), Failure> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        printer.json(&Line {
            time: now.as_secs_f64(),
            interval: self.last.time.map(|time| time.as_secs_f64()),
            sums: self.last.sums,
        })
    }
}

impl Files {
    /// The share that was cached at the last looks.
    fn graph(&self, columns: usize) -> String {
        const LEVELS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
        let skipped = self.history.len().saturating_sub(columns);
        let level = |(cached, size): &(u64, u64)| {
            let share = cached.saturating_mul(8).checked_div(*size).unwrap_or(0);
            // Something is shown as something, and all only where it is all.
            let shown = if *cached > 0 { share.max(1) } else { 0 };
            let shown = usize::try_from(shown).unwrap_or(8);
            LEVELS.get(shown).copied().unwrap_or('█')
        };
        self.history.iter().skip(skipped).map(level).collect()
    }
}

impl Look {
    fn add(&mut self, part: Looker<'_>, next: &mut Before) {
        let (to, from) = (&mut self.sums, part.sums);
        for (to, from) in [
            (&mut to.files, from.files),
            (&mut to.unknown, from.unknown),
            (&mut to.size, from.size),
            (&mut to.cached, from.cached),
            (&mut to.dirty, from.dirty),
            (&mut to.writeback, from.writeback),
            (&mut to.came, from.came),
            (&mut to.went, from.went),
            (&mut to.reclaimed, from.reclaimed),
        ] {
            *to = to.saturating_add(from);
        }
        next.extend(part.seen);
        self.moved.extend(part.moved);
    }
}

fn is_nothing(counts: &Counts) -> bool {
    counts.files == 0 && counts.directories == 0
}

/// Looks at files as they are found.
#[derive(Default)]
struct Looker<'watch> {
    before: Option<&'watch Before>,
    seen: Vec<((u64, u64), (u64, u64))>,
    sums: Sums,
    moved: Vec<Moved>,
}

impl Visitor for Looker<'_> {
    fn file(&mut self, found: Found<'_>) {
        let sums = &mut self.sums;
        sums.files = sums.files.saturating_add(1);
        match look(&found, &(0..found.size)) {
            Residency::Known(known) => self.known(&found, &known),
            Residency::Unknown(_) => sums.unknown = sums.unknown.saturating_add(1),
        }
    }

    fn problem(&mut self, problem: &Problem<'_>) {
        // Later looks would say it again and again.
        if self.before.is_none() {
            let name = shown(problem.path.as_os_str());
            report(&Failure::line(format!("{name}: {}", problem.what)));
        }
        self.sums.unknown = self.sums.unknown.saturating_add(1);
    }
}

impl Looker<'_> {
    fn known(&mut self, found: &Found<'_>, known: &Known) {
        let details = known.details.unwrap_or_default();
        let file = (found.device, found.inode);
        self.seen.push((file, (known.cached, details.evicted)));
        let add = |to: &mut u64, count: u64| *to = to.saturating_add(pages(count));
        let sums = &mut self.sums;
        // Whole pages, so that a share is of the same kind as what it is a share of.
        add(&mut sums.size, known.pages);
        add(&mut sums.cached, known.cached);
        add(&mut sums.dirty, details.dirty);
        add(&mut sums.writeback, details.writeback);
        let Some(before) = self.before else { return };
        let (cached, evicted) = before.get(&file).copied().unwrap_or((0, details.evicted));
        let came = known.cached.saturating_sub(cached);
        let went = cached.saturating_sub(known.cached);
        add(&mut sums.came, came);
        add(&mut sums.went, went);
        add(&mut sums.reclaimed, details.evicted.saturating_sub(evicted));
        if came == 0 && went == 0 {
            return;
        }
        self.moved.push(Moved {
            name: shown(found.path.as_os_str()),
            size: pages(known.pages),
            cached: pages(known.cached),
            came: pages(came),
            went: pages(went),
        });
        if self.moved.len() >= 4 * KEPT {
            self.moved.sort_by_key(|file| std::cmp::Reverse(file.came.max(file.went)));
            self.moved.truncate(KEPT);
        }
    }
}

/// The time of day, in UTC.
pub(super) fn clock() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    let second = now.as_secs() % 86_400;
    format!("{:02}:{:02}:{:02}", second / 3600, second / 60 % 60, second % 60)
}

/// The line of JSON about a look.
#[derive(Serialize)]
struct Line {
    time: f64,
    interval: Option<f64>,
    #[serde(flatten)]
    sums: Sums,
}

impl Record for Line {
    const TYPE: &'static str = "watch";
}
