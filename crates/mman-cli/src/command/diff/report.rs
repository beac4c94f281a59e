//! What differs, told: a line for each file, and the sums.

use super::common::Shares;
use crate::failure::Failure;
use crate::outcome::Outcome;
use crate::output::Printer;
use crate::output::json::{JsonPath, Record};
use crate::output::table::{Align, Cell, Table};
use crate::output::terminal::{Style, shown};
use crate::output::units::many;
use serde::Serialize;
use std::path::Path;

/// What became of a file itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// It is the file of before.
    Same,
    /// Its size or its time is another.
    Changed,
    Gone,
    New,
    /// What of it was, or is, in memory is not known, for this reason.
    Unknown(String),
}

impl State {
    const fn word(&self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Changed => "changed",
            Self::Gone => "gone",
            Self::New => "new",
            Self::Unknown(_) => "unknown",
        }
    }

    fn shown(&self) -> String {
        match self {
            Self::Same => String::new(),
            Self::Unknown(why) => why.clone(),
            other => other.word().to_owned(),
        }
    }
}

/// Gathers what differs.
pub(super) struct Report {
    printer: Printer,
    rows: Vec<(String, State, Shares)>,
    sums: Sums,
}

#[derive(Clone, Copy, Debug, Default, Serialize)]
struct Sums {
    /// Files that do not differ, and files that do.
    same: u64,
    differing: u64,
    /// Of those that differ.
    changed: u64,
    gone: u64,
    new: u64,
    unknown: u64,
    came: u64,
    went: u64,
    before: u64,
    after: u64,
}

impl Report {
    pub(super) fn new(printer: Printer) -> Self {
        Self { printer, rows: Vec::new(), sums: Sums::default() }
    }

    /// Adds a file.
    pub(super) fn file(
        &mut self,
        path: &Path,
        state: State,
        shares: Shares,
    ) -> Result<(), Failure> {
        let sums = &mut self.sums;
        let count = |to: &mut u64, more: u64| *to = to.saturating_add(more);
        let is_same = state == State::Same && shares.came() == 0 && shares.went() == 0;
        let is_unknown = matches!(state, State::Unknown(_));
        count(&mut sums.same, u64::from(is_same));
        count(&mut sums.differing, u64::from(!is_same && !is_unknown));
        count(&mut sums.changed, u64::from(state == State::Changed));
        count(&mut sums.gone, u64::from(state == State::Gone));
        count(&mut sums.new, u64::from(state == State::New));
        count(&mut sums.unknown, u64::from(is_unknown));
        count(&mut sums.came, shares.came());
        count(&mut sums.went, shares.went());
        count(&mut sums.before, shares.before);
        count(&mut sums.after, shares.after);
        if is_same {
            return Ok(());
        }
        if self.printer.is_json() {
            return self.printer.json(&FileLine {
                path: JsonPath::new(path),
                state: state.word(),
                came: (!is_unknown).then_some(shares.came()),
                went: (!is_unknown).then_some(shares.went()),
                before: (!is_unknown).then_some(shares.before),
                after: (!is_unknown).then_some(shares.after),
            });
        }
        if !self.printer.is_quiet() {
            self.rows.push((shown(path.as_os_str()), state, shares));
        }
        Ok(())
    }

    /// Prints all, and says how it ended.
    pub(super) fn finish(mut self, interrupted: bool) -> Result<Outcome, Failure> {
        self.rows.sort_by(|one, other| one.0.cmp(&other.0));
        let text = self.text(interrupted);
        self.printer.text(&text)?;
        self.printer.json(&Line { sums: self.sums, interrupted })?;
        self.printer.finish()?;
        let Sums { differing, unknown, .. } = self.sums;
        Ok(match (interrupted, unknown, differing) {
            (true, ..) => Outcome::Interrupted,
            (_, 1.., _) => Outcome::Error,
            (_, 0, 1..) => Outcome::False,
            (_, 0, 0) => Outcome::Done,
        })
    }

    fn text(&self, interrupted: bool) -> String {
        let (units, terminal) = (self.printer.units(), self.printer.terminal);
        let mut text = String::new();
        if !self.rows.is_empty() {
            let right = Align::Right;
            let mut table = Table::new(vec![
                ("CAME", right),
                ("WENT", right),
                ("NOW", right),
                ("", Align::Left),
                ("FILE", Align::Left),
            ]);
            for (name, state, shares) in &self.rows {
                let known = !matches!(state, State::Unknown(_));
                let size = |bytes| {
                    Cell::plain(if known { units.size_or_dash(bytes) } else { "?".to_owned() })
                };
                let style = if known { Style::Plain } else { Style::Warning };
                table.row(vec![
                    size(shares.came()),
                    size(shares.went()),
                    size(shares.after),
                    Cell::of(style, state.shown()),
                    Cell::plain(name.clone()),
                ]);
            }
            text.push_str(&table.render(terminal));
        }
        let sums = &self.sums;
        let size = |bytes| if bytes == 0 { "0".to_owned() } else { units.size(bytes) };
        let mut line = format!(
            "came {}, went {}; {} of {}",
            size(sums.came),
            size(sums.went),
            match sums.differing {
                1 => "1 differs".to_owned(),
                count => format!("{count} differ"),
            },
            many(sums.same.saturating_add(sums.differing).saturating_add(sums.unknown), "file"),
        );
        for (count, what) in [
            (sums.changed, "changed"),
            (sums.gone, "gone"),
            (sums.new, "new"),
            (sums.unknown, "unknown"),
        ] {
            if count > 0 {
                line.push_str(&format!("; {count} {what}"));
            }
        }
        if interrupted {
            line.insert_str(0, "interrupted: ");
        }
        text.push_str(&line);
        text.push('\n');
        text
    }
}

/// The line of JSON about a file that differs.
#[derive(Serialize)]
struct FileLine<'path> {
    #[serde(flatten)]
    path: JsonPath<'path>,
    state: &'static str,
    came: Option<u64>,
    went: Option<u64>,
    before: Option<u64>,
    after: Option<u64>,
}

impl Record for FileLine<'_> {
    const TYPE: &'static str = "diff_file";
}

/// The line of JSON about all of them.
#[derive(Serialize)]
struct Line {
    #[serde(flatten)]
    sums: Sums,
    interrupted: bool,
}

impl Record for Line {
    const TYPE: &'static str = "diff";
}
