//! Making the files of a log, and going from one to the next: who is first rotates, the others follow.

use super::clock::now;
use super::file::{self, Fresh};
use super::format::Header;
use super::lock::Alone;
use super::options::LogOptions;
use super::segment::{Segment, error};
use crate::error::{Cause, Operation, Result};
use crate::object::FileObject;
use core::hash::{BuildHasher, Hasher};
use std::fs::{self, File};
use std::io;
use std::path::Path;

/// A number that no other log has.
fn fresh_id() -> [u8; 16] {
    let random = || std::hash::RandomState::new().build_hasher().finish().to_le_bytes();
    let mut id = [0; 16];
    let (low, high) = id.split_at_mut(8);
    low.copy_from_slice(&random());
    high.copy_from_slice(&(now() ^ u64::from_le_bytes(random())).to_le_bytes());
    id
}

/// The file that `path` stands for, made if there is none.
pub(crate) fn open_current(
    path: &Path,
    options: LogOptions,
    before: Option<&Header>,
) -> Result<Segment> {
    let failed = |error: io::Error| file::io_error(Operation::Open, &error);
    loop {
        let opened = match File::options().read(true).write(true).open(path) {
            Ok(opened) => opened,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                // Another may be faster: then that one is the log.
                Fresh::beside(path, &first_header(path, options, before)?)?.link(path)?;
                continue;
            }
            Err(error) => return Err(failed(error)),
        };
        if !opened.metadata().map_err(failed)?.is_file() {
            return Err(error(Operation::Open, Cause::NotALog));
        }
        let alone = Alone::wait(&opened, Operation::Open)?;
        if file::is_at(&opened, path)? != Some(true) {
            continue; // rotated meanwhile
        }
        if opened.metadata().map_err(failed)?.len() == 0 {
            file::write_first(&opened, &first_header(path, options, before)?)?;
        }
        // The lock is of the open file, which the copy of the descriptor shares.
        let segment = Segment::map(opened.try_clone().map_err(failed)?)?;
        segment.recover()?;
        drop(alone);
        return Ok(segment);
    }
}

/// The header of a log's first file, or of one that comes after a file which somebody removed. Files of an earlier log of
/// this name keep their numbers.
fn first_header(path: &Path, options: LogOptions, before: Option<&Header>) -> Result<Header> {
    let last = file::numbers(path)?.last().copied().unwrap_or(0);
    let last = last.max(before.map_or(0, |before| before.segment));
    Ok(Header {
        capacity: options.capacity,
        segment: last.saturating_add(1),
        created: now(),
        id: before.map_or_else(fresh_id, |before| before.id),
    })
}

/// The file after one that is full.
pub(crate) fn turn(
    path: &Path,
    options: LogOptions,
    old: &Segment,
    ended: bool,
) -> Result<Segment> {
    let alone = Alone::wait(old.file(), Operation::Append)?;
    if file::is_at(old.file(), path)? == Some(true) {
        if !ended && options.keep.is_none() {
            let capacity = old.header().capacity;
            return Err(error(Operation::Append, Cause::LogFull { capacity }));
        }
        rotate(path, options, old)?;
    }
    let next = open_current(path, options, Some(old.header()))?;
    drop(alone);
    if let Some(keep) = options.keep {
        forget_old(path, next.header().segment, keep);
    }
    Ok(next)
}

/// Gives the full file its number and puts a new one in its place. At each moment there is a file of the log's name.
fn rotate(path: &Path, options: LogOptions, old: &Segment) -> Result<()> {
    let number = old.header().segment;
    let header = Header {
        capacity: options.capacity,
        segment: number.saturating_add(1),
        created: now(),
        id: old.header().id,
    };
    let fresh = Fresh::beside(path, &header)?; // a full disk is met here, before anything has changed
    old.end()?;
    let name = file::rotated(path, number);
    match fs::hard_link(path, &name) {
        Ok(()) => {}
        // By who died after this step.
        Err(_) if file::is_at(old.file(), &name)? == Some(true) => {}
        Err(error) => return Err(file::io_error(Operation::Append, &error)),
    }
    fresh.replace(path)
}

/// Whether a file is one of a log: another program may have put something else there.
fn is_a_log(path: &Path) -> bool {
    FileObject::open(path).is_ok_and(|object| file::read_header(object.file()).is_ok())
}

/// Removes the oldest files. One that cannot be removed is tried again the next time.
fn forget_old(path: &Path, current: u64, keep: u32) {
    let oldest_kept = current.saturating_sub(u64::from(keep));
    for number in file::numbers(path).unwrap_or_default() {
        let name = file::rotated(path, number);
        if number < oldest_kept && is_a_log(&name) {
            let _next_time = fs::remove_file(name);
        }
    }
}
