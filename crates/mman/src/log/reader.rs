//! Reading a log, while it is written too, and across its files.

use super::append_log::Position;
use super::file;
use super::format::{HEADER, Stamp, Word};
use super::level::Level;
use super::scan::{Found, Scan};
use super::segment::error;
use crate::error::{Cause, Operation, Result};
use core::time::Duration;
use mman_sys::Errno;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// How often it is looked whether something new is there.
const PAUSE: Duration = Duration::from_millis(5);

/// One record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Entry<'reader> {
    /// Where it is.
    pub position: Position,
    /// How much it matters, if it was said.
    pub level: Option<Level>,
    /// When it was appended, in nanoseconds since 1970, by the clock of the writer's machine. A thread that appends
    /// more than 64 records in a tick of the kernel (1 to 10 ms) stamps up to 16 in a row with the time of the first.
    pub nanoseconds: u64,
    /// The number of the process that opened the log to write it.
    pub process: u32,
    /// The content.
    pub bytes: &'reader [u8],
}

impl Entry<'_> {
    /// When it was appended.
    #[must_use]
    pub fn time(&self) -> SystemTime {
        UNIX_EPOCH.checked_add(Duration::from_nanos(self.nanoseconds)).unwrap_or(UNIX_EPOCH)
    }
}

/// Reads the records of a log in their order, while others append to it. It needs to read the files only, changes
/// nothing and keeps no writer waiting.
///
/// What a dead writer did not finish is passed over; what a living one has not finished is waited for, and hides what
/// comes behind it until then, so that the order stays.
///
/// ```
/// # let folder = std::env::temp_dir().join(format!("mman-doc-reader-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder)?;
/// # let path = folder.join("app.log");
/// # mman::log::AppendLog::open(&path)?.append(b"started")?;
/// let mut reader = mman::log::LogReader::open(&path)?;
/// while let Some(entry) = reader.next_entry()? {
///     println!("{:?} {}", entry.time(), String::from_utf8_lossy(entry.bytes));
/// }
/// # std::fs::remove_dir_all(&folder)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct LogReader {
    path: PathBuf,
    scan: Scan,
    at: u64,
    content: Vec<u8>,
    missed: u64,
}

impl LogReader {
    /// From the first record of the file of this name on: the present file of a log, or one that was rotated.
    ///
    /// # Errors
    ///
    /// What `open` answers; [`Cause::NotALog`](crate::Cause::NotALog),
    /// [`Cause::LogDamaged`](crate::Cause::LogDamaged) for a bad header.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let scan = Scan::open(&path)?;
        Ok(Self { path, scan, at: HEADER, content: Vec::new(), missed: 0 })
    }

    /// From the first record of the oldest file that is kept on.
    ///
    /// # Errors
    ///
    /// Those of [`open`](Self::open).
    pub fn open_oldest(path: impl AsRef<Path>) -> Result<Self> {
        let mut reader = Self::open(path)?;
        let id = reader.scan.header().id;
        for number in file::numbers(&reader.path)? {
            // Of an earlier log, or gone meanwhile: the next one.
            if let Ok(scan) = Scan::open(&file::rotated(&reader.path, number))
                && scan.header().id == id
            {
                reader.scan = scan;
                break;
            }
        }
        Ok(reader)
    }

    /// The next record; `None` if there is none yet.
    ///
    /// # Errors
    ///
    /// [`Cause::LogDamaged`](crate::Cause::LogDamaged): a record whose checksum is wrong is told once and passed over
    /// by the next call; where the next record cannot be found, it is told once and the next file is gone on with, or, in
    /// the present file, each call answers the same.
    /// [`Cause::Truncated`](crate::Cause::Truncated), [`Cause::Storage`](crate::Cause::Storage).
    pub fn next_entry(&mut self) -> Result<Option<Entry<'_>>> {
        loop {
            match self.look()? {
                Found::Nothing | Found::Unfinished => return Ok(None),
                Found::Dead { next } => self.at = next,
                Found::End => {
                    if !self.go_to_next_file()? {
                        return Ok(None);
                    }
                }
                Found::Record { word, next } => {
                    let offset = self.at;
                    let segment = self.scan.header().segment;
                    self.at = next;
                    let stamp = self.scan.read(offset, word, &mut self.content)?;
                    return Ok(Some(entry(
                        Position { segment, offset },
                        word,
                        stamp,
                        &self.content,
                    )));
                }
            }
        }
    }

    /// The next record; waits for one so long, and is `None` then.
    ///
    /// # Errors
    ///
    /// Those of [`next_entry`](Self::next_entry).
    pub fn wait_entry(&mut self, at_most: Duration) -> Result<Option<Entry<'_>>> {
        let begin = Instant::now();
        loop {
            let found = self.look()?;
            let is_news = match found {
                Found::Record { .. } | Found::Dead { .. } => true,
                Found::End => self.go_to_next_file()?,
                Found::Nothing | Found::Unfinished => false,
            };
            if is_news {
                if let Found::Dead { next } = found {
                    self.at = next;
                } else if matches!(found, Found::Record { .. }) {
                    return self.next_entry();
                }
                continue;
            }
            let left = at_most.saturating_sub(begin.elapsed());
            if left.is_zero() {
                return Ok(None);
            }
            thread::sleep(left.min(PAUSE));
        }
    }

    /// What stands at the place. A file after which another was begun has an end: one without it lost its last pages
    /// in a power loss, or was harmed, which is told once. Then the next file's turn has come.
    fn look(&mut self) -> Result<Found> {
        let found = self.scan.look(self.at);
        let is_stuck = match &found {
            Ok(found) => *found == Found::Nothing,
            Err(error) => matches!(error.cause(), Cause::LogDamaged { .. }),
        };
        if !is_stuck || !self.is_left() {
            return found;
        }
        // Its end was there before the other had the name.
        let found = self.scan.look(self.at);
        let lost = match found {
            Ok(Found::Nothing) => error(Operation::Read, Cause::LogDamaged { at: self.at }),
            Err(error) if matches!(error.cause(), Cause::LogDamaged { .. }) => error,
            found => return found,
        };
        if matches!(self.go_to_next_file(), Ok(true)) { Err(lost) } else { found }
    }

    /// Whether a later file of this log has the name. What cannot be asked is none.
    fn is_left(&self) -> bool {
        let ours = self.scan.header();
        matches!(file::is_at(self.scan.file(), &self.path), Ok(Some(false)))
            && Scan::open(&self.path).is_ok_and(|current| {
                current.header().id == ours.id && current.header().segment > ours.segment
            })
    }

    /// Where the next record is looked for.
    #[must_use]
    pub const fn position(&self) -> Position {
        Position { segment: self.scan.header().segment, offset: self.at }
    }

    /// How many files were removed before they could be read.
    #[must_use]
    pub const fn missed_files(&self) -> u64 {
        self.missed
    }

    /// Goes to the file after the one that has ended, if it is there.
    fn go_to_next_file(&mut self) -> Result<bool> {
        let ended = *self.scan.header();
        let next = ended.segment.saturating_add(1);
        let current = match Scan::open(&self.path) {
            Err(error) if error.errno() == Some(Errno::ENOENT) => return Ok(false),
            opened => opened?,
        };
        let of_current = *current.header();
        if of_current.id != ended.id || of_current.segment == next {
            self.go_to(current);
            return Ok(true);
        }
        if of_current.segment < next {
            return Ok(false);
        }
        // The first that is still there; each may be removed while it is being opened.
        let numbers = file::numbers(&self.path)?;
        let behind = numbers.into_iter().filter(|number| *number >= next);
        let kept = behind.filter_map(|number| Scan::open(&file::rotated(&self.path, number)).ok());
        let scan = kept.into_iter().find(|scan| scan.header().id == ended.id).unwrap_or(current);
        let missed = scan.header().segment.saturating_sub(next);
        self.missed = self.missed.saturating_add(missed);
        self.go_to(scan);
        Ok(true)
    }

    fn go_to(&mut self, scan: Scan) {
        self.scan = scan;
        self.at = HEADER;
    }
}

fn entry(position: Position, word: Word, stamp: Stamp, bytes: &[u8]) -> Entry<'_> {
    let level = Level::of_number(word.level());
    Entry { position, level, nanoseconds: stamp.time, process: stamp.process, bytes }
}
