//! Large files: mapped window by window and populated. No byte is touched, so that nothing raises a signal.

use super::Run;
use super::read::Bad;
use super::tally::Work;
use crate::cache::{Residency, look_at};
use mman::{Cause, Error, FileObject, MapOptions, MemoryObject, PageSize, Populate};
use rustix::io::Errno;
use std::fs::File;
use std::ops::Range;

/// How much is mapped at once.
pub(super) const WINDOW: u64 = 16 << 20;

/// What became of a file.
pub(super) enum Populated {
    /// All that can be read is there.
    Done,
    /// This file, or this kernel, wants to be read in another way, from this byte on.
    Otherwise(u64),
}

/// Reads in what is missing of a file.
pub(super) fn populate(
    run: &Run,
    file: &File,
    work: &Work,
    bad: &mut Bad,
) -> mman::Result<Populated> {
    let object = FileObject::new(file)?;
    let mut start = work.bytes.start;
    while start < work.bytes.end && !run.interrupt.is_set() && !bad.is_enough() {
        let end = start.saturating_add(1).next_multiple_of(WINDOW).min(work.bytes.end);
        let missing = missing(file, start..end);
        if missing > 0 {
            match one_window(&object, start..end, bad) {
                Ok(()) => {}
                Err(error) => match what_to_do(&object, &error, end) {
                    Next::Shorter => return Ok(Populated::Done),
                    Next::Otherwise => return Ok(Populated::Otherwise(start)),
                },
            }
            run.progress.add(missing);
        }
        start = end;
    }
    Ok(Populated::Done)
}

/// Bytes of whole pages that are not there; all of them where that is not known.
pub(super) fn missing(file: &File, range: Range<u64>) -> u64 {
    let len = range.end.saturating_sub(range.start);
    match look_at(file, &range) {
        Residency::Known(known) => {
            crate::output::units::pages(known.pages.saturating_sub(known.cached)).min(len)
        }
        Residency::Unknown(_) => len,
    }
}

/// What is to be done after an error that is not of the storage.
enum Next {
    /// The file ends before the window does.
    Shorter,
    /// It cannot be mapped or populated.
    Otherwise,
}

fn what_to_do(object: &FileObject<&File>, error: &Error, end: u64) -> Next {
    let shorter = matches!(object.size(), Ok(Some(size)) if size < end);
    match error.cause() {
        Cause::Range(_) | Cause::Truncated { .. } if shorter => Next::Shorter,
        _ => Next::Otherwise,
    }
}

/// Populates a window, and goes on behind pages that cannot be read.
fn one_window(object: &FileObject<&File>, window: Range<u64>, bad: &mut Bad) -> mman::Result<()> {
    let mapping = MapOptions::shared().range(window.clone()).map(object)?;
    let page = PageSize::base().bytes();
    let mut from = 0;
    while from < mapping.len() && !bad.is_enough() {
        let Err(error) = mapping.pages().populate(from.., Populate::ForReading) else { break };
        let at = match error.cause() {
            Cause::Storage { at } | Cause::Truncated { at } => at,
            _ => return Err(error),
        };
        if matches!(object.size(), Ok(Some(size)) if size < window.end) {
            return Err(error);
        }
        let errno = error.errno().map_or(Errno::IO, |errno| match errno {
            // What a populating call answers where a page could not be read.
            mman::Errno::EFAULT => Errno::IO,
            other => Errno::from_raw_os_error(other.raw()),
        });
        bad.add(window.start.saturating_add(at), errno);
        from = usize::try_from(at).unwrap_or(usize::MAX).saturating_add(1).next_multiple_of(page);
    }
    Ok(())
}
