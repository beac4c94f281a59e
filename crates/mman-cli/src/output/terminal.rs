//! Where output goes: into a terminal of a width, with colours or without, or into a pipe.

use crate::args::When;
use std::ffi::OsStr;
use std::io::{self, IsTerminal};
use std::os::unix::ffi::OsStrExt;

/// What standard output can show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Terminal {
    /// Columns of the terminal; `None` for a pipe or a file, whose lines may be as long as they are.
    pub(crate) width: Option<usize>,
    pub(crate) colors: bool,
}

/// How a part of a line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    Plain,
    Heading,
    Faint,
    Warning,
}

impl Terminal {
    pub(crate) fn of_output(colors: When) -> Self {
        let output = io::stdout();
        let is_terminal = output.is_terminal();
        let width = || terminal_size::terminal_size_of(&output).map(|(width, _)| width.0.into());
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let colors = match colors {
            When::Always => true,
            When::Never => false,
            When::Auto => is_terminal && !no_color && !dumb,
        };
        Self { width: if is_terminal { Some(width().unwrap_or(80)) } else { None }, colors }
    }

    /// A text in a style.
    pub(crate) fn paint(self, style: Style, text: &str) -> String {
        let code = match style {
            Style::Plain => return text.to_owned(),
            Style::Heading => "1",
            Style::Faint => "2",
            Style::Warning => "33",
        };
        if self.colors { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// A name as it may be printed: control characters, which could steer the terminal, are shown.
pub(crate) fn shown(name: &OsStr) -> String {
    let mut text = String::new();
    push_shown(&mut text, name);
    text
}

/// The same behind what is in a text.
pub(crate) fn push_shown(text: &mut String, name: &OsStr) {
    let is_plain = name.as_bytes().iter().all(|byte| matches!(byte, b' '..=b'~'));
    let name = name.to_string_lossy();
    if is_plain {
        return text.push_str(&name);
    }
    for letter in name.chars() {
        if letter.is_control() {
            text.extend(letter.escape_default());
        } else {
            text.push(letter);
        }
    }
}
