//! `mman log cat` and `mman log tail`: records as they are, and as they come.

use super::line;
use crate::args::{LogCat, LogTail};
use crate::failure::{Failure, report};
use mman::log::{LogReader, Position};
use std::collections::VecDeque;
use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

/// How much is written at once.
const PIECE: usize = 1 << 16;
/// How long is waited for a record at once.
const WAIT: Duration = Duration::from_millis(200);

/// Every record of a file; or of all files that are kept.
pub(super) fn cat(file: &Path, args: &LogCat) -> Result<(), Failure> {
    let name = file.display().to_string();
    let opened = if args.all { LogReader::open_oldest(file) } else { LogReader::open(file) };
    let mut reader = opened.map_err(|error| Failure::of(&name, &error))?;
    // Where the file is not the last of its log, only its own records are asked for.
    let first = reader.position().segment;
    let mut lines = Vec::new();
    let result = records(
        &name,
        &mut reader,
        |reader_line| {
            let Shown { position, line } = reader_line;
            if !args.all && position.segment != first {
                return Ok(false);
            }
            lines.extend_from_slice(line);
            if lines.len() >= PIECE {
                write_out(&lines)?;
                lines.clear();
            }
            Ok(true)
        },
        args.raw,
    );
    write_out(&lines)?;
    result
}

/// The last records, and what follows.
pub(super) fn tail(args: &LogTail) -> Result<(), Failure> {
    let name = args.file.display().to_string();
    let failed = |error: mman::Error| Failure::of(&name, &error);
    let mut reader = LogReader::open(&args.file).map_err(failed)?;
    let mut last: VecDeque<Vec<u8>> = VecDeque::new();
    let result = records(
        &name,
        &mut reader,
        |Shown { line, .. }| {
            last.push_back(line.to_vec());
            if last.len() > args.lines {
                last.pop_front();
            }
            Ok(true)
        },
        args.raw,
    );
    write_out(&last.into_iter().collect::<Vec<_>>().concat())?;
    result?;
    if args.follow { follow(&name, &mut reader, args.raw) } else { Ok(()) }
}

/// What comes, until the reader of our output goes away.
fn follow(name: &str, reader: &mut LogReader, raw: bool) -> Result<(), Failure> {
    let mut text = Vec::new();
    loop {
        text.clear();
        let next = reader.wait_entry(WAIT).map_err(|error| Failure::of(name, &error))?;
        if let Some(entry) = next {
            line::add(&mut text, &entry, raw);
        }
        write_out(&text)?;
    }
}

/// One record, as it is to be shown.
struct Shown<'line> {
    position: Position,
    line: &'line [u8],
}

/// Hands on every record that is there. A damaged one is told, and the next one comes; one that hides those behind it
/// is the end.
fn records(
    name: &str,
    reader: &mut LogReader,
    mut show: impl FnMut(Shown<'_>) -> Result<bool, Failure>,
    raw: bool,
) -> Result<(), Failure> {
    let mut text = Vec::new();
    let mut damaged = None;
    loop {
        let before = reader.position();
        match reader.next_entry() {
            Ok(None) => break,
            Ok(Some(entry)) => {
                text.clear();
                line::add(&mut text, &entry, raw);
                if !show(Shown { position: entry.position, line: &text })? {
                    break;
                }
            }
            Err(error) => {
                let failure = Failure::of(name, &error);
                if reader.position() == before {
                    return Err(failure);
                }
                if let Some(earlier) = damaged.replace(failure) {
                    report(&earlier);
                }
            }
        }
    }
    damaged.map_or(Ok(()), Err)
}

fn write_out(bytes: &[u8]) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(bytes).and_then(|()| out.flush()).map_err(|error| Failure::writing(&error))
}
