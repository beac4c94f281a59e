//! A row as a line of text: columns of one width from the first line on, so that lines can be written as they come.

use super::row::{Row, Sums};
use crate::args::{self, By};
use crate::cache::{Sizes, glyph};
use crate::output::table::middle_cut;
use crate::output::terminal::{Style, Terminal};
use crate::output::units::{Units, pages, percent};
use crate::select::Counts;
use std::time::Duration;
use unicode_width::UnicodeWidthStr;

/// How wide the picture is at most and at least, and how much of the line names are left.
const PICTURE: (usize, usize) = (10, 30);
const NAMES: usize = 24;

/// Narrower terminals have a picture only when it is asked for.
const NARROW: usize = 80;

/// How lines look.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    units: Units,
    terminal: Terminal,
    by: By,
    has_folios: bool,
    /// How many cells the picture has, where there is one.
    pub(super) picture: Option<usize>,
    /// How wide a column of sizes is.
    number: usize,
}

/// Of the column of shares: `≥99.9%`.
const SHARE: usize = 6;

impl Layout {
    pub(super) fn new(args: &args::Stat, units: Units, terminal: Terminal) -> Self {
        // Sizes in bytes have up to 13 digits below 10 TB.
        let number = if units == Units::Bytes { 13 } else { 8 };
        let by = args.by;
        let mut layout =
            Self { units, terminal, by, has_folios: args.folios, picture: None, number };
        let folios = if args.folios { FOLIOS + 2 } else { 0 };
        let narrow = NARROW.saturating_add(folios);
        let asked = args.map || terminal.width.is_some_and(|width| width >= narrow);
        if asked && by == By::File {
            let before = layout.before_picture().saturating_add(folios);
            let left = |width: usize| width.saturating_sub(before).saturating_sub(NAMES + 2);
            let cells = terminal.width.map_or(PICTURE.1, left);
            layout.picture = Some(cells.clamp(PICTURE.0, PICTURE.1));
        }
        layout
    }

    /// How wide the columns are that every line has, with the gap after them.
    const fn before_picture(&self) -> usize {
        self.number.saturating_mul(3).saturating_add(SHARE + 8)
    }

    pub(super) fn head(&self, out: &mut Vec<u8>) {
        let mut line = format!(
            "{:>number$}  {:>number$}  {:>SHARE$}  {:>number$}  ",
            "CACHED",
            "SIZE",
            "%",
            "DIRTY",
            number = self.number
        );
        if let Some(cells) = self.picture {
            line.push_str(&format!("{:cells$}  ", "MAP"));
        }
        if self.has_folios {
            line.push_str(&format!("{:FOLIOS$}  ", "FOLIOS"));
        }
        line.push_str(match self.by {
            By::File => "FILE",
            By::Dir => "FILES  DIRECTORY",
            By::Ext => "FILES  EXTENSION",
        });
        let painted = self.terminal.paint(Style::Heading, &line);
        out.extend_from_slice(painted.as_bytes());
        out.push(b'\n');
    }

    pub(super) fn row(&self, out: &mut Vec<u8>, row: &Row) {
        let mut used = self.numbers(out, &row.sums);
        if let Some(cells) = self.picture {
            used = used.saturating_add(self.picture(out, row, cells)).saturating_add(2);
        }
        if self.has_folios {
            let text = row.folios.as_ref().map_or_else(String::new, |sizes| self.folios(sizes));
            let text = format!("{text:FOLIOS$}  ");
            used = used.saturating_add(text.width());
            out.extend_from_slice(text.as_bytes());
        }
        if self.by != By::File {
            let text = format!("{:>5}  ", row.sums.files);
            used = used.saturating_add(text.width());
            out.extend_from_slice(text.as_bytes());
        }
        self.name(out, &row.name, used);
        out.push(b'\n');
    }

    /// The columns that every line has; how wide they came out.
    fn numbers(&self, out: &mut Vec<u8>, sums: &Sums) -> usize {
        let number = self.number;
        let is_unknown = sums.is_unknown();
        let cached = match is_unknown {
            true => "?".to_owned(),
            false => self.units.size_or_dash(pages(sums.cached)),
        };
        let size = match is_unknown && sums.size == 0 {
            true => "?".to_owned(),
            false => self.units.size(sums.size),
        };
        let share = match (is_unknown, sums.unknown) {
            (true, _) => "?".to_owned(),
            (_, 0) => percent(sums.cached, sums.pages),
            // At least: what is unknown may be there too.
            _ => {
                format!("≥{}", percent(sums.cached, sums.pages.max(sums.cached.saturating_add(1))))
            }
        };
        let dirty = match is_unknown || sums.half_known > 0 {
            true => "?".to_owned(),
            false => self.units.size_or_dash(pages(sums.unwritten())),
        };
        let mut used = 0_usize;
        for (text, width) in [(cached, number), (size, number), (share, SHARE), (dirty, number)] {
            let wide = text.chars().count();
            let pad = width.saturating_sub(wide);
            out.extend(std::iter::repeat_n(b' ', pad));
            if text == "?" {
                out.extend_from_slice(self.terminal.paint(Style::Warning, &text).as_bytes());
            } else {
                out.extend_from_slice(text.as_bytes());
            }
            out.extend_from_slice(b"  ");
            used = used.saturating_add(pad).saturating_add(wide).saturating_add(2);
        }
        used
    }

    /// The picture, or why there is none.
    fn picture(&self, out: &mut Vec<u8>, row: &Row, cells: usize) -> usize {
        let text: String = match (&row.picture, row.why) {
            (Some(picture), _) => picture.iter().map(|density| glyph(*density)).collect(),
            (None, Some(why)) => fitting(why.short(), cells),
            (None, None) => String::new(),
        };
        let wide = text.width();
        let pad = cells.saturating_sub(wide);
        let style = if row.why.is_some() { Style::Faint } else { Style::Plain };
        out.extend_from_slice(self.terminal.paint(style, &text).as_bytes());
        out.extend(std::iter::repeat_n(b' ', pad.saturating_add(2)));
        wide.saturating_add(pad)
    }

    /// Sizes of folios, the largest first: `2M×512 4K×3`.
    fn folios(&self, sizes: &Sizes) -> String {
        let one = |(size, count): (&u64, &u64)| {
            let size = self.units.size(pages(*size)).replace(".0", "").replace(" ", "");
            format!("{}×{count}", size.replace("iB", ""))
        };
        sizes.iter().rev().map(one).collect::<Vec<_>>().join(" ")
    }

    /// A name, so that a line stays a line: in a terminal cut to what is left of it.
    fn name(&self, out: &mut Vec<u8>, name: &[u8], used: usize) {
        let Some(width) = self.terminal.width else {
            return escaped(out, name);
        };
        let mut shown = Vec::with_capacity(name.len());
        escaped(&mut shown, name);
        let text = String::from_utf8_lossy(&shown);
        let room = width.saturating_sub(used).max(8);
        out.extend_from_slice(middle_cut(&text, room).as_bytes());
    }

    /// The last line: the sums, how many files, and how long it took.
    pub(super) fn total(&self, out: &mut Vec<u8>, total: &Total) {
        let _width = self.numbers(out, &total.sums);
        let (files, time) = (total.text(), format!("{:.2} s", total.took.as_secs_f64()));
        let before = match (self.picture, self.has_folios) {
            (Some(cells), true) => cells.saturating_add(FOLIOS + 2),
            (Some(cells), false) => cells,
            (None, _) => 0,
        };
        let text = match files.width() <= before {
            true => format!("{files:before$}  {time}\n"),
            false => format!("{files}, {time}\n"),
        };
        out.extend_from_slice(text.as_bytes());
    }
}

/// The width of the column of folios.
const FOLIOS: usize = 20;

/// What the last line says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Total {
    pub(super) sums: Sums,
    pub(super) counts: Counts,
    /// What could not be looked at or into, besides files, which are unknown.
    pub(super) problems: u64,
    pub(super) took: Duration,
}

impl Total {
    /// `3 files, 1 unknown`.
    fn text(&self) -> String {
        let files = if self.sums.files == 1 { "file" } else { "files" };
        let mut text = format!("{} {files}", self.sums.files);
        let problems = if self.problems == 1 { "problem" } else { "problems" };
        let further = [
            (self.sums.unknown, "unknown"),
            (self.counts.vanished, "vanished"),
            (self.problems, problems),
        ];
        for (count, word) in further.into_iter().filter(|(count, _)| *count > 0) {
            text.push_str(&format!(", {count} {word}"));
        }
        if self.counts.interrupted {
            text.push_str(", interrupted");
        }
        text
    }
}

/// A reason, without what stands in brackets where there is no room for it.
fn fitting(text: String, room: usize) -> String {
    match text.split_once(" (") {
        Some((short, _)) if text.width() > room => middle_cut(short, room),
        _ => text,
    }
}

/// A name as it is, but for control characters, which are shown: they could end the line or steer the terminal.
fn escaped(out: &mut Vec<u8>, name: &[u8]) {
    if !name.iter().any(u8::is_ascii_control) {
        out.extend_from_slice(name);
        return;
    }
    for byte in name {
        if byte.is_ascii_control() {
            out.extend(char::from(*byte).escape_default().map(|letter| letter as u8));
        } else {
            out.push(*byte);
        }
    }
}
