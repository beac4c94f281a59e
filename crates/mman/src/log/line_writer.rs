//! A log as something that is written to: each line is a record.

use super::append_log::AppendLog;
use super::level::Level;
use crate::error::Result;
use std::io::{self, Write};

/// What is kept of a line that does not end; then it is a record.
const LONGEST_LINE: usize = 1 << 20;

/// A log as a [`Write`]: each line becomes a record, without its line break, however many calls bring it. A line over
/// a MiB, or over what a record of this log may have, becomes several.
///
/// The rest of a line that was not ended becomes a record by [`flush`](Write::flush), and when this is dropped (an
/// error is not seen then).
#[derive(Debug)]
pub struct LineWriter<'log> {
    log: &'log AppendLog,
    level: Option<Level>,
    line: Vec<u8>,
}

impl<'log> LineWriter<'log> {
    pub(crate) const fn new(log: &'log AppendLog, level: Option<Level>) -> Self {
        Self { log, level, line: Vec::new() }
    }

    fn append(&self, line: &[u8]) -> Result<()> {
        match self.level {
            Some(level) => self.log.append_at(level, line).map(drop),
            None => self.log.append(line).map(drop),
        }
    }

    fn append_rest(&mut self) -> Result<()> {
        if !self.line.is_empty() {
            self.append(&self.line)?;
            self.line.clear();
        }
        Ok(())
    }
}

impl Write for LineWriter<'_> {
    /// Takes one line, or what there is of it, or as much of it as a record may have.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let end = bytes.iter().position(|byte| *byte == b'\n');
        let part = bytes.get(..end.unwrap_or(bytes.len())).unwrap_or_default();
        let longest = LONGEST_LINE.min(self.log.longest());
        if self.line.len() >= longest && !part.is_empty() {
            self.append_rest()?;
        }
        let room = longest.saturating_sub(self.line.len());
        if let Some(first) = part.get(..room).filter(|first| first.len() < part.len()) {
            self.line.extend_from_slice(first);
            return Ok(first.len());
        }
        if end.is_none() {
            self.line.extend_from_slice(part);
            return Ok(part.len());
        }
        if self.line.is_empty() {
            self.append(part)?;
        } else {
            // Put together only for the append: one that fails may be tried again.
            let whole = [self.line.as_slice(), part].concat();
            self.append(&whole)?;
            self.line.clear();
        }
        Ok(part.len().saturating_add(1))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(self.append_rest()?)
    }
}

impl Drop for LineWriter<'_> {
    fn drop(&mut self) {
        let _nobody_to_tell = self.append_rest();
    }
}
