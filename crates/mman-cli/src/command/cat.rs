//! `mman cat`: a slice of an object on standard output, exact to the byte.
//!
//! What can be mapped is mapped, in windows, and the kernel writes from the mapped pages. What cannot be (the
//! files of /proc and /sys, some file systems) is read. Either way memory stays small and constant, and a
//! file that becomes shorter meanwhile is an error.

mod mapped;
mod process;
mod sink;
mod stream;

use crate::args;
use crate::failure::{Failure, exit_code};
use crate::object::{self, Object, Target};
use crate::range::Asked;
use mman::{FileObject, MemoryObject, RangeError};
use std::ops::Range;
use std::path::Path;
use std::process::ExitCode;

/// How much is copied at once where bytes are read.
const PIECE: usize = 128 << 10;

/// Writes each object in its turn. One that fails does not keep the next from being written.
pub(crate) fn run(args: &args::Cat) -> ExitCode {
    exit_code(args.objects.iter().map(|word| cat(&object::parse(word)?, args.hex)))
}

fn cat(target: &Target, hex: bool) -> Result<(), Failure> {
    if matches!(target.asked, Asked::Between(start, end) if start == end)
        || target.asked == Asked::Last(0)
    {
        return Err(range_failure(target, RangeError::Empty));
    }
    match &target.object {
        Object::Path(path) => file(target, path, hex),
        Object::Process(process) => process::write(target, *process, hex),
    }
}

fn file(target: &Target, path: &Path, hex: bool) -> Result<(), Failure> {
    let failed = |error: mman::Error| Failure::of(&target.name, &error);
    let object = FileObject::open(path).map_err(failed)?;
    match object.size().map_err(failed)? {
        // The files of /proc say so too, and have bytes all the same.
        Some(0) => stream::write(target, object.file(), hex),
        Some(size) => {
            let range = target.asked.of(size);
            check(&range, size).map_err(|error| range_failure(target, error))?;
            mapped::write(target, &object, range, hex)
        }
        None => match target.asked {
            Asked::Between(start, end) => mapped::write(target, &object, start..end, hex),
            _ => Err(range_failure(target, RangeError::Unbounded)),
        },
    }
}

/// Whether a range lies in an object of this size.
const fn check(range: &Range<u64>, size: u64) -> Result<(), RangeError> {
    if range.start > size {
        return Err(RangeError::StartsPastEnd { start: range.start, len: size });
    }
    if range.end > size {
        return Err(RangeError::EndsPastEnd { end: range.end, len: size });
    }
    Ok(())
}

fn range_failure(target: &Target, error: RangeError) -> Failure {
    Failure::line(format!("{}: {error}", target.name))
}
