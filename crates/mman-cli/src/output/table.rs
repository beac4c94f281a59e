//! Tables: columns as wide as their widest cell, the last one ragged.

use super::terminal::{Style, Terminal};
use std::fmt::Write;
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
#[derive(Debug)]
pub(crate) struct Table {
    columns: Vec<(&'static str, Align)>,
    rows: Vec<Vec<Cell>>,
}

impl Table {
    pub(crate) const fn new(columns: Vec<(&'static str, Align)>) -> Self {
        Self { columns, rows: Vec::new() }
    }

    pub(crate) fn row(&mut self, cells: Vec<Cell>) {
        self.rows.push(cells);
    }

    /// All of it as text.
    pub(crate) fn render(&self, terminal: Terminal) -> String {
        let widths = self.widths();
        let last = self.columns.len().saturating_sub(1);
        let before: usize = widths.iter().take(last).map(|width| width.saturating_add(2)).sum();
        let room = terminal.width.map(|width| width.saturating_sub(before).max(8));
        let mut text = String::new();
        let heads = self.columns.iter().map(|(name, _)| Cell::of(Style::Heading, *name)).collect();
        for cells in std::iter::once(&heads).chain(&self.rows) {
            let mut line = String::new();
            for (at, cell) in cells.iter().enumerate() {
                let (_, align) = self.columns.get(at).copied().unwrap_or(("", Align::Left));
                let width = widths.get(at).copied().unwrap_or(0);
                let is_last = at == last;
                let shown = match room {
                    Some(room) if is_last => middle_cut(&cell.text, room),
                    _ => cell.text.clone(),
                };
                let pad = " ".repeat(width.saturating_sub(shown.width()));
                let painted = terminal.paint(cell.style, &shown);
                // Writing to a string cannot fail.
                let _always_ok = match align {
                    Align::Right => write!(line, "{pad}{painted}"),
                    Align::Left if is_last => write!(line, "{painted}"),
                    Align::Left => write!(line, "{painted}{pad}"),
                };
                if !is_last {
                    line.push_str("  ");
                }
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }

    fn widths(&self) -> Vec<usize> {
        let width_of = |(at, (name, _)): (usize, &(&str, Align))| {
            let cells =
                self.rows.iter().filter_map(|row| row.get(at)).map(|cell| cell.text.width());
            cells.chain([name.width()]).max().unwrap_or(0)
        };
        self.columns.iter().enumerate().map(width_of).collect()
    }
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

    #[test]
    fn colours_take_no_room() {
        let colored = Terminal { width: None, colors: true };
        let text = table().render(colored);
        let bare = text.replace("\x1b[1m", "").replace("\x1b[0m", "");
        assert_eq!(bare, table().render(PIPE));
    }
}
