//! Tables: columns as wide as their widest cell, the last one ragged.

use super::terminal::{Style, Terminal};
use std::borrow::Cow;
use unicode_width::UnicodeWidthStr;

/// Where a column's text stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Align {
    Left,
    Right,
}

/// What stands in one place.
#[derive(Clone, Debug)]
pub(crate) struct Cell {
    pub(crate) text: String,
    pub(crate) style: Style,
}

impl Cell {
    pub(crate) fn plain(text: impl Into<String>) -> Self {
        Self { text: text.into(), style: Style::Plain }
    }

    pub(crate) fn of(style: Style, text: impl Into<String>) -> Self {
        Self { text: text.into(), style }
    }
}

/// Rows of cells under headings. In a terminal the last column is cut in its middle where it is too wide; nothing else is.
///
/// The text of all cells is in one piece of memory: a table may have many thousands.
#[derive(Debug)]
pub(crate) struct Table {
    columns: Vec<Column>,
    text: String,
    /// Row by row, one for each column.
    cells: Vec<Placed>,
}

#[derive(Debug)]
struct Column {
    name: Cow<'static, str>,
    align: Align,
    hidden: bool,
}

/// A cell, whose text begins where the one before ends.
#[derive(Clone, Copy, Debug)]
struct Placed {
    end: u32,
    width: u32,
    style: Style,
}

/// Bytes that are written at once.
const PIECE: usize = 32 << 10;
/// Spaces between columns.
const GAP: usize = 2;

impl Table {
    pub(crate) fn new<N: Into<Cow<'static, str>>>(columns: Vec<(N, Align)>) -> Self {
        let column = |(name, align): (N, _)| Column { name: name.into(), align, hidden: false };
        let columns = columns.into_iter().map(column).collect();
        Self { columns, text: String::new(), cells: Vec::new() }
    }

    /// Adds a row, which has a cell for each column.
    pub(crate) fn row(&mut self, cells: Vec<Cell>) {
        for cell in cells {
            self.cell(cell.style, |text| text.push_str(&cell.text));
        }
    }

    /// Adds the next cell of a row: `write` puts its text behind what is there.
    pub(crate) fn cell(&mut self, style: Style, write: impl FnOnce(&mut String)) {
        let start = self.text.len();
        write(&mut self.text);
        let width = width_of(self.text.get(start..).unwrap_or_default());
        // No table has 4 GiB of text.
        let [end, width] =
            [self.text.len(), width].map(|number| u32::try_from(number).unwrap_or(u32::MAX));
        self.cells.push(Placed { end, width, style });
    }

    /// In a terminal, leaves out as many of these columns, in this order, as it takes for the last to have two fifths
    /// of the width, or all that it needs. Answers the names of those that are left out.
    pub(crate) fn hide_to_fit(&mut self, terminal: Terminal, order: &[usize]) -> Vec<String> {
        let mut names = Vec::new();
        let Some(width) = terminal.width else { return names };
        let widths = self.widths();
        let Some(needed) = widths.last() else { return names };
        let wanted = (width.saturating_mul(2) / 5).min(*needed);
        for place in order {
            if self.before_last(&widths).saturating_add(wanted) <= width {
                break;
            }
            if let Some(column) = self.columns.get_mut(*place) {
                column.hidden = true;
                names.push(column.name.to_string());
            }
        }
        names
    }

    /// All of it as text.
    pub(crate) fn render(&self, terminal: Terminal) -> String {
        let mut text = String::new();
        let Ok(()) = self.write(terminal, |piece| {
            text.push_str(piece);
            Ok::<(), std::convert::Infallible>(())
        });
        text
    }

    /// All of it as text, in pieces of whole lines.
    pub(crate) fn write<E>(
        &self,
        terminal: Terminal,
        mut put: impl FnMut(&str) -> Result<(), E>,
    ) -> Result<(), E> {
        let widths = self.widths();
        let room =
            terminal.width.map(|width| width.saturating_sub(self.before_last(&widths)).max(8));
        let mut page = Page { text: String::with_capacity(PIECE << 1), terminal, room };
        let heads = self
            .columns
            .iter()
            .map(|column| (&*column.name, width_of(&column.name), Style::Heading));
        page.line(&self.columns, &widths, heads);
        let mut start = 0;
        for row in self.cells.chunks(self.columns.len().max(1)) {
            let cells = row.iter().map(|cell| {
                let end = cell.end as usize;
                let text = self.text.get(start..end).unwrap_or_default();
                start = end;
                (text, cell.width as usize, cell.style)
            });
            page.line(&self.columns, &widths, cells);
            if page.text.len() >= PIECE {
                put(&page.text)?;
                page.text.clear();
            }
        }
        put(&page.text)
    }

    /// How much of a line is before the last column.
    fn before_last(&self, widths: &[usize]) -> usize {
        let others = widths.split_last().map_or(widths, |(_, others)| others);
        let shown = others.iter().zip(&self.columns).filter(|(_, column)| !column.hidden);
        shown.map(|(width, _)| width.saturating_add(GAP)).sum()
    }

    fn widths(&self) -> Vec<usize> {
        let mut widths: Vec<_> = self.columns.iter().map(|column| width_of(&column.name)).collect();
        for row in self.cells.chunks(self.columns.len().max(1)) {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (cell.width as usize).max(*width);
            }
        }
        widths
    }
}

/// Lines that are being written.
struct Page {
    text: String,
    terminal: Terminal,
    /// For the last column.
    room: Option<usize>,
}

impl Page {
    /// A line of cells: text, width, style.
    fn line<'text>(
        &mut self,
        columns: &[Column],
        widths: &[usize],
        cells: impl Iterator<Item = (&'text str, usize, Style)>,
    ) {
        let start = self.text.len();
        let last = columns.len().saturating_sub(1);
        for (at, ((cell, column), width)) in cells.zip(columns).zip(widths).enumerate() {
            if at == last {
                self.last(cell, column.align, *width);
            } else if !column.hidden {
                let (text, taken, style) = cell;
                let pad = width.saturating_sub(taken);
                let (before, after) =
                    if column.align == Align::Right { (pad, 0) } else { (0, pad) };
                self.spaces(before);
                self.put(text, style);
                self.spaces(after.saturating_add(GAP));
            }
        }
        let line = self.text.get(start..).unwrap_or_default();
        self.text.truncate(start.saturating_add(line.trim_end().len()));
        self.text.push('\n');
    }

    fn last(&mut self, (text, taken, style): (&str, usize, Style), align: Align, width: usize) {
        match self.room.filter(|room| taken > *room) {
            Some(room) => self.put(&middle_cut(text, room), style),
            None => {
                let room = self.room.map_or(width, |room| room.min(width));
                self.spaces(if align == Align::Right { room.saturating_sub(taken) } else { 0 });
                self.put(text, style);
            }
        }
    }

    fn put(&mut self, text: &str, style: Style) {
        match style {
            Style::Plain => self.text.push_str(text),
            _ => self.text.push_str(&self.terminal.paint(style, text)),
        }
    }

    fn spaces(&mut self, count: usize) {
        const SPACES: &str = "                                ";
        let mut rest = count;
        while rest > 0 {
            let some = SPACES.get(..rest).unwrap_or(SPACES);
            self.text.push_str(some);
            rest = rest.saturating_sub(some.len());
        }
    }
}

/// How many columns a text takes.
fn width_of(text: &str) -> usize {
    // What stands for nothing, and in most cells of a table of sizes.
    if text == "–" {
        return 1;
    }
    let is_plain = text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    if is_plain { text.len() } else { text.width() }
}

/// A text in so many columns: what is cut away is in its middle, since both ends of a path tell most.
pub(crate) fn middle_cut(text: &str, room: usize) -> String {
    if text.width() <= room {
        return text.to_owned();
    }
    let each = room.saturating_sub(1);
    let (front, back) = (each / 3, each.saturating_sub(each / 3));
    let mut head = String::new();
    for letter in text.chars() {
        head.push(letter);
        if head.width() > front {
            head.pop();
            break;
        }
    }
    let mut tail: Vec<char> = Vec::new();
    let mut width = 0_usize;
    for letter in text.chars().rev() {
        let with = unicode_width::UnicodeWidthChar::width(letter).unwrap_or(0);
        width = width.saturating_add(with);
        if width > back {
            break;
        }
        tail.push(letter);
    }
    let tail: String = tail.into_iter().rev().collect();
    format!("{head}…{tail}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const PIPE: Terminal = Terminal { width: None, colors: false };

    fn table() -> Table {
        let mut table = Table::new(vec![("SIZE", Align::Right), ("FILE", Align::Left)]);
        table.row(vec![Cell::plain("1.0 KiB"), Cell::plain("short")]);
        table.row(vec![Cell::plain("–"), Cell::plain("a/long/path/of/many/words")]);
        table
    }

    #[test]
    fn columns_line_up_whatever_the_letters() {
        let expected = "   SIZE  FILE\n1.0 KiB  short\n      –  a/long/path/of/many/words\n";
        assert_eq!(table().render(PIPE), expected);
    }

    #[test]
    fn the_last_column_is_cut_in_a_terminal() {
        let narrow = Terminal { width: Some(24), colors: false };
        let text = table().render(narrow);
        assert!(text.lines().all(|line| line.width() <= 24), "{text}");
        assert!(text.contains('…') && text.ends_with("words\n"), "{text}");
    }

    /// The names of things tell more than a number that is left out, and what is left out is said.
    #[test]
    fn columns_give_way_to_the_last() {
        let full = |width| {
            let columns = ["A", "B", "NAME"].map(|name| (name, Align::Right));
            let mut table = Table::new(columns.to_vec());
            table.row(["123456", "1234567890", "a-name-of-20-letters"].map(Cell::plain).to_vec());
            let hidden = table.hide_to_fit(Terminal { width: Some(width), colors: false }, &[1, 0]);
            (hidden, table.render(Terminal { width: Some(width), colors: false }))
        };
        assert!(full(40).0.is_empty());
        assert!(full(35).0.is_empty()); // 15 columns are left, and two fifths are 14
        let (hidden, text) = full(30);
        assert_eq!(hidden, ["B"]);
        assert_eq!(text, "     A                  NAME\n123456  a-name-of-20-letters\n");
        assert_eq!(full(11).0, ["B", "A"]);
        assert!(table().hide_to_fit(PIPE, &[0]).is_empty());
    }

    #[test]
    fn colours_take_no_room() {
        let colored = Terminal { width: None, colors: true };
        let text = table().render(colored);
        let bare = text.replace("\x1b[1m", "").replace("\x1b[0m", "");
        assert_eq!(bare, table().render(PIPE));
    }
}
