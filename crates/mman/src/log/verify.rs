//! Checking every record of one file of a log.

use super::format::{HEADER, place};
use super::scan::{Found, Scan};
use crate::error::{Cause, Result};
use std::path::Path;

/// How many bad places are named.
const NAMED: usize = 1000;

/// What a file of a log holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verification {
    /// The number of the file.
    pub segment: u64,
    /// Whole records.
    pub records: u64,
    /// The bytes of their contents.
    pub bytes: u64,
    /// Places that dead writers left.
    pub dead: u64,
    /// Places with a wrong checksum, or with what no writer puts there.
    pub damaged: u64,
    /// Where the first thousand of those are.
    pub damaged_at: Vec<u64>,
    /// Where the next record would be; where it cannot go on, the place that stops it.
    pub end: u64,
    /// Whether nothing will follow in this file.
    pub ended: bool,
    /// Up to where all records are finished, as the header has it. It may lag behind.
    pub committed: u64,
    /// Up to where all records were synced, as the header has it.
    pub durable: u64,
}

impl Verification {
    fn bad(&mut self, at: u64) {
        self.damaged = self.damaged.saturating_add(1);
        if self.damaged_at.len() < NAMED {
            self.damaged_at.push(at);
        }
    }
}

/// Reads every record of the file of this name, and counts. A file that is being written to may be verified.
///
/// # Errors
///
/// Those of [`LogReader::open`](super::LogReader::open); [`Cause::Truncated`], [`Cause::Storage`] for bytes that
/// cannot be read. Damage is no error here, but counted.
pub fn verify(path: impl AsRef<Path>) -> Result<Verification> {
    let mut scan = Scan::open(path.as_ref())?;
    let mut found = Verification {
        segment: scan.header().segment,
        committed: scan.header_word(place::COMMITTED)?,
        durable: scan.header_word(place::DURABLE)?,
        end: HEADER,
        ..Verification::default()
    };
    let mut content = Vec::new();
    loop {
        let at = found.end;
        match scan.look(at) {
            Ok(Found::Nothing | Found::Unfinished) => break,
            Ok(Found::End) => {
                found.ended = true;
                break;
            }
            Ok(Found::Dead { next }) => {
                found.dead = found.dead.saturating_add(1);
                found.end = next;
            }
            Ok(Found::Record { word, next }) => {
                match scan.read(at, word, &mut content) {
                    Ok(_) => {
                        found.records = found.records.saturating_add(1);
                        found.bytes = found.bytes.saturating_add(u64::from(word.len()));
                    }
                    Err(error) if is_damage(&error) => found.bad(at),
                    Err(error) => return Err(error),
                }
                found.end = next;
            }
            Err(error) if is_damage(&error) => {
                found.bad(at);
                return Ok(found);
            }
            Err(error) => return Err(error),
        }
    }
    // A gap: the header knows of more than can be found.
    if !found.ended && found.end < found.committed.max(found.durable) {
        found.bad(found.end);
    }
    Ok(found)
}

fn is_damage(error: &crate::Error) -> bool {
    matches!(error.cause(), Cause::LogDamaged { .. })
}
