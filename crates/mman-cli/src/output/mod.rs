//! What every command prints with: sizes, shares, tables, objects of JSON, colours, progress.

pub(crate) mod json;
pub(crate) mod progress;
pub(crate) mod remarks;
pub(crate) mod table;
pub(crate) mod terminal;
pub(crate) mod units;

use crate::args;
use crate::failure::Failure;
use json::Record;
use std::io::{self, BufWriter, StdoutLock, Write};
use terminal::Terminal;
use units::Units;

/// Standard output of a command, as its user asked for it.
///
/// Text goes out in large pieces; what is held back is written by [`finish`](Self::finish).
pub(crate) struct Printer {
    out: BufWriter<StdoutLock<'static>>,
    asked: args::Output,
    pub(crate) terminal: Terminal,
}

impl Printer {
    pub(crate) fn new(asked: args::Output) -> Self {
        let terminal = Terminal::of_output(asked.color);
        Self { out: BufWriter::with_capacity(1 << 16, io::stdout().lock()), asked, terminal }
    }

    /// Whether objects of JSON are wanted.
    pub(crate) const fn is_json(&self) -> bool {
        self.asked.json
    }

    /// Whether nothing but errors is wanted.
    pub(crate) const fn is_quiet(&self) -> bool {
        self.asked.quiet
    }

    /// How sizes are written.
    pub(crate) const fn units(&self) -> Units {
        if self.asked.bytes { Units::Bytes } else { Units::Iec }
    }

    /// Writes text for people: nothing where JSON is wanted, or silence.
    pub(crate) fn text(&mut self, text: &str) -> Result<(), Failure> {
        if self.asked.quiet || self.asked.json {
            return Ok(());
        }
        self.out.write_all(text.as_bytes()).map_err(|error| Failure::writing(&error))
    }

    /// Writes lines that are made already, as text or as JSON: nothing where silence is wanted.
    pub(crate) fn lines(&mut self, lines: &[u8]) -> Result<(), Failure> {
        if self.asked.quiet {
            return Ok(());
        }
        self.out.write_all(lines).map_err(|error| Failure::writing(&error))
    }

    /// Writes an object of JSON, on a line of its own: nothing unless JSON is wanted.
    pub(crate) fn json(&mut self, record: &impl Record) -> Result<(), Failure> {
        if self.asked.quiet || !self.asked.json {
            return Ok(());
        }
        json::write(&mut self.out, record).map_err(|error| Failure::writing(&error))
    }

    /// Hands on what is still held back.
    pub(crate) fn finish(&mut self) -> Result<(), Failure> {
        self.out.flush().map_err(|error| Failure::writing(&error))
    }
}
