//! Writing through a mapping, window by window.

use super::sink::{Sink, Stopped};
use super::{range_failure, stream};
use crate::failure::Failure;
use crate::object::Target;
use mman::{Cause, Errno, Error, FileObject, MapOptions, MemoryObject, RangeError};
use std::ops::Range;

/// How much of a file is mapped at once, at file offsets that are multiples of it.
const WINDOW: u64 = 2 << 20;

/// Writes bytes of a file or device.
pub(crate) fn write(
    target: &Target,
    object: &FileObject,
    range: Range<u64>,
    hex: bool,
) -> Result<(), Failure> {
    let mut sink = Sink::new(hex, range.start)?;
    let mut start = range.start;
    let mut size = size_now(target, object)?;
    while start < range.end {
        let boundary = start.saturating_add(1).checked_next_multiple_of(WINDOW);
        // A file that is being cut is written up to where it ended a moment ago.
        if size <= start {
            return Err(shorter(target, size));
        }
        let window = start..boundary.unwrap_or(u64::MAX).min(range.end).min(size);
        let mapping = match MapOptions::shared().range(window.clone()).map(object) {
            Ok(mapping) => mapping,
            Err(error) if start == range.start && only_readable(&error) => {
                return stream::write(target, object.file(), hex);
            }
            Err(error) => return Err(stopped(target, object, &window, &error)),
        };
        match sink.mapping(&mapping) {
            Ok(()) => {}
            Err(Stopped::Copying(error)) => {
                return Err(stopped(target, object, &window, &error));
            }
            Err(Stopped::Writing(failure)) => return Err(failure),
        }
        // In the last page of a file that became shorter, zeros stand where bytes were, and no call fails.
        size = size_now(target, object)?;
        if size < window.end {
            return Err(shorter(target, size));
        }
        start = window.end;
    }
    sink.finish()
}

/// What the file systems answer whose files can be read and not mapped: kernfs, procfs, direct I/O.
fn only_readable(error: &Error) -> bool {
    !matches!(error.cause(), Cause::Range(_))
        && matches!(error.errno(), Some(Errno::ENODEV | Errno::EIO | Errno::EINVAL | Errno::ENOSYS))
}

/// The size of the object; of a device that does not tell, as large as can be.
fn size_now(target: &Target, object: &FileObject) -> Result<u64, Failure> {
    let size = object.size().map_err(|error| Failure::of(&target.name, &error))?;
    Ok(size.unwrap_or(u64::MAX))
}

fn shorter(target: &Target, size: u64) -> Failure {
    let name = &target.name;
    Failure::line(format!(
        "{name}: the file became shorter while it was written out: {size} bytes now"
    ))
}

/// An error in a window, with the numbers of the file.
fn stopped(target: &Target, object: &FileObject, window: &Range<u64>, error: &Error) -> Failure {
    match (error.cause(), object.size()) {
        (Cause::Truncated { .. } | Cause::Range(_), Ok(Some(size))) if size < window.end => {
            shorter(target, size)
        }
        (Cause::Truncated { at }, _) => {
            let at = window.start.saturating_add(at);
            let name = &target.name;
            Failure::line(format!("{name}: byte {at} cannot be read: its storage failed"))
        }
        (Cause::Range(RangeError::Unbounded), _) => range_failure(target, RangeError::Unbounded),
        _ => Failure::of(&target.name, error),
    }
}
