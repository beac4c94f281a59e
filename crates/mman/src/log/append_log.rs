//! The log as a writer has it.

use super::clock::Clock;
use super::file;
use super::format::{FRAME, HEADER, LONGEST, Stamp};
use super::level::Level;
use super::line_writer::LineWriter;
use super::options::LogOptions;
use super::seats::Seats;
use super::segment::{Appended, Run, Segment, error};
use super::turn;
use crate::error::{Cause, Error, Operation, Result};
use core::sync::atomic::Ordering::Relaxed;
use core::sync::atomic::{AtomicBool, AtomicU8, AtomicU64};
use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

/// How many files may wait for a sync before the oldest is synced without being asked.
const PENDING: usize = 16;

/// Where a record is: which file of the log, and at which byte of it. Later records are greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// The number of the file, counted from 1.
    pub segment: u64,
    /// The first byte of the record.
    pub offset: u64,
}

/// A log in a mapped file, appended to by any number of threads and processes.
///
/// When an append returns, the record is in the page cache: it survives the death of the process, `kill -9` too.
/// What a [`sync`](Self::sync) has covered survives a power loss. A record is there whole or not at all; records of
/// one thread are in the order in which it appended them. A full disk is [`Cause::NoSpace`], and nothing is lost.
///
/// The bytes of the file are described in `docs/log-format.md`, for programs in other languages.
///
/// ```
/// # let folder = std::env::temp_dir().join(format!("mman-doc-log-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder)?;
/// use mman::log::{AppendLog, Level, LogReader};
///
/// let log = AppendLog::open(folder.join("app.log"))?;
/// log.append(b"started")?;
/// log.append_at(Level::Warn, b"low on memory")?;
/// log.sync()?;
///
/// let mut reader = LogReader::open(folder.join("app.log"))?; // here, or in another process
/// assert_eq!(reader.next_entry()?.unwrap().bytes, b"started");
/// assert_eq!(reader.next_entry()?.unwrap().level, Some(Level::Warn));
/// assert!(reader.next_entry()?.is_none());
/// # std::fs::remove_dir_all(&folder)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// A child that was forked shares the writer's slot with its parent: what the parent was just writing when it was
/// killed is passed over only when the child has ended too. A child that logs opens the log itself.
#[derive(Debug)]
pub struct AppendLog {
    path: PathBuf,
    options: LogOptions,
    current: Seats<Segment, Writer>,
    /// One thread at a time goes to the next file.
    turning: Mutex<()>,
    /// Earlier files with records that were not synced.
    pending: Mutex<Vec<File>>,
    /// Whether the present file's name and length are on the device.
    is_named: AtomicBool,
    /// The first sync that failed: it stays an error.
    failed: OnceLock<Error>,
    level: AtomicU8,
    failures: AtomicU64,
    process: u32,
}

/// What one who appends keeps from record to record.
struct Writer {
    clock: Clock,
    run: Run,
}

impl Writer {
    fn new() -> Self {
        Self { clock: Clock::new(), run: Run::default() }
    }
}

impl AppendLog {
    /// Opens a log, or makes it, as [`LogOptions::new`] says. What dead writers left is settled.
    ///
    /// # Errors
    ///
    /// What `open` answers; [`Cause::NotALog`], [`Cause::LogDamaged`], [`Cause::Truncated`] for a file that is none
    /// or was harmed; [`Cause::NoSpace`]; [`Cause::NotSupported`] where the file system cannot reserve blocks;
    /// [`Cause::SignalTaken`] where SIGBUS is somebody else's; [`Cause::TooManyWriters`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::open_with(path.as_ref(), LogOptions::new())
    }

    pub(crate) fn open_with(path: &Path, options: LogOptions) -> Result<Self> {
        // The next files stand beside this one, wherever the process works by then.
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let current = turn::open_current(&path, options, None)?;
        Ok(Self {
            path,
            options,
            current: Seats::new(current, Writer::new),
            turning: Mutex::new(()),
            pending: Mutex::new(Vec::new()),
            is_named: AtomicBool::new(false),
            failed: OnceLock::new(),
            level: AtomicU8::new(Level::Trace.number()),
            failures: AtomicU64::new(0),
            process: std::process::id(),
        })
    }

    /// Appends a record without a level. Answers where it is.
    ///
    /// # Errors
    ///
    /// [`Cause::NoSpace`]: the disk is full, nothing was lost, and a later append may succeed; [`Cause::LogFull`];
    /// [`Cause::RecordTooLong`]: over 64 MiB, or over what fits into a file; [`Cause::Truncated`],
    /// [`Cause::Storage`]: somebody shortened the file, or the disk failed; [`Cause::LogDamaged`].
    pub fn append(&self, record: &[u8]) -> Result<Position> {
        self.append_raw(0, record)
    }

    /// The longest record, as the present file has it, or a later one may.
    pub(crate) fn longest(&self) -> usize {
        let mut seat = self.current.sit();
        let (segment, _) = seat.get();
        let capacity = segment.header().capacity.min(self.options.capacity);
        usize::try_from(limit_of(capacity)).unwrap_or(usize::MAX)
    }

    /// Appends a record of a level; `None` if the level is filtered out.
    ///
    /// # Errors
    ///
    /// Those of [`append`](Self::append).
    pub fn append_at(&self, level: Level, record: &[u8]) -> Result<Option<Position>> {
        if self.is_enabled(level) {
            return self.append_raw(level.number(), record).map(Some);
        }
        Ok(None)
    }

    fn append_raw(&self, level: u8, record: &[u8]) -> Result<Position> {
        loop {
            let (number, ended) = {
                let mut seat = self.current.sit();
                let (segment, writer) = seat.get();
                check_length(record.len() as u64, segment.header().capacity)?;
                let number = segment.header().segment;
                let stamp = Stamp { time: writer.clock.now(), process: self.process };
                match segment.append(level, stamp, record, &mut writer.run)? {
                    Appended::At(offset) => return Ok(Position { segment: number, offset }),
                    Appended::Full { ended } => (number, ended),
                }
            };
            self.turn(number, ended)?;
        }
    }

    /// Goes to the file after this one, unless another thread has.
    #[cold]
    fn turn(&self, number: u64, ended: bool) -> Result<()> {
        let _one_at_a_time = self.turning.lock().unwrap_or_else(PoisonError::into_inner);
        let next = {
            let mut seat = self.current.sit();
            let (old, _) = seat.get();
            if old.header().segment != number {
                return Ok(());
            }
            let next = turn::turn(&self.path, self.options, old, ended)?;
            let copy = old.file().try_clone();
            self.put_off(copy.map_err(|error| file::io_error(Operation::Append, &error))?);
            next
        };
        self.current.replace(next);
        self.is_named.store(false, Relaxed);
        Ok(())
    }

    /// Remembers a file that a later sync is to cover.
    fn put_off(&self, file: File) {
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        // What was removed meanwhile needs no sync, and has its blocks as long as it is open.
        pending.retain(|file| file.metadata().is_ok_and(|about| about.nlink() > 0));
        pending.push(file);
        if pending.len() > PENDING {
            let oldest = pending.remove(0);
            self.sync_file(&oldest).unwrap_or_default(); // it is remembered, and told by the next sync
        }
    }

    fn sync_file(&self, file: &File) -> Result<()> {
        let synced = file.sync_data();
        self.remember(synced.map_err(|error| file::io_error(Operation::Sync, &error)))
    }

    fn remember(&self, synced: Result<()>) -> Result<()> {
        synced.map_err(|error| *self.failed.get_or_init(|| error))
    }

    /// Puts on the device what was appended before, by all threads of this log: when it returns, those records
    /// survive a power loss.
    ///
    /// # Errors
    ///
    /// What the device answers. Such an error stays: the kernel tells it once and forgets, so each later call
    /// answers it too.
    pub fn sync(&self) -> Result<()> {
        if let Some(failed) = self.failed.get() {
            return Err(*failed);
        }
        // No turn meanwhile: the files that wait and the present one are all.
        let _one_at_a_time = self.turning.lock().unwrap_or_else(PoisonError::into_inner);
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        for file in pending.drain(..) {
            self.sync_file(&file)?;
        }
        drop(pending);
        let mut seat = self.current.sit();
        let (current, _) = seat.get();
        let is_named = self.is_named.load(Relaxed);
        self.remember(current.sync(!is_named))?;
        if !is_named {
            self.remember(file::sync_folder(&self.path))?;
            self.is_named.store(true, Relaxed);
        }
        Ok(())
    }

    /// Lets only records of this level and more important ones in, from now on, through this log; `None` lets none in
    /// that has a level.
    pub fn set_level(&self, level: Option<Level>) {
        self.level.store(level.map_or(0, Level::number), Relaxed);
    }

    /// Whether records of a level are let in.
    #[must_use]
    #[inline]
    pub fn is_enabled(&self, level: Level) -> bool {
        level.number() <= self.level.load(Relaxed)
    }

    /// The log as a [`Write`](std::io::Write): each line becomes a record.
    #[must_use]
    pub const fn writer(&self) -> LineWriter<'_> {
        LineWriter::new(self, None)
    }

    /// The same, each record with a level.
    #[must_use]
    pub const fn writer_at(&self, level: Level) -> LineWriter<'_> {
        LineWriter::new(self, Some(level))
    }

    /// How many records were lost that came by the crate `log` or `tracing`, which have no way to tell of errors; and
    /// by the former, how many syncs failed.
    #[must_use]
    pub fn failures(&self) -> u64 {
        self.failures.load(Relaxed)
    }

    #[cfg(any(feature = "log", feature = "tracing"))]
    pub(crate) fn count_failure(&self) {
        self.failures.fetch_add(1, Relaxed);
    }

    /// The name under which it was opened, as an absolute one.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Whether a record fits into a file of so many bytes.
fn check_length(len: u64, capacity: u64) -> Result<()> {
    let limit = limit_of(capacity);
    if len > limit {
        return Err(error(Operation::Append, Cause::RecordTooLong { limit }));
    }
    Ok(())
}

fn limit_of(capacity: u64) -> u64 {
    capacity.saturating_sub(HEADER).saturating_sub(FRAME).min(u64::from(LONGEST))
}
