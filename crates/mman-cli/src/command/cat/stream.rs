//! Writing what can only be read: files whose size is known when they end.

use super::sink::Sink;
use super::{PIECE, range_failure};
use crate::failure::{Failure, text_of};
use crate::object::Target;
use crate::range::Asked;
use mman::RangeError;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// Offsets are signed for the kernel, and a piece must fit behind them: no file has bytes there.
const LAST_OFFSET: u64 = (i64::MAX as u64) - (PIECE as u64);

/// Writes bytes of a file, which ends where reading it does.
pub(crate) fn write(target: &Target, file: &File, hex: bool) -> Result<(), Failure> {
    let (start, end) = match target.asked {
        Asked::Whole => (0, None),
        Asked::From(start) => (start, None),
        Asked::Between(start, end) => (start, Some(end)),
        Asked::Last(count) => {
            let size = size_by_reading(target, file)?;
            (size.saturating_sub(count), Some(size))
        }
    };
    let mut sink = Sink::new(hex, start)?;
    let mut buffer = vec![0; PIECE];
    let mut at = start;
    loop {
        let left = end.map_or(u64::MAX, |end| end.saturating_sub(at));
        let room = usize::try_from(left).unwrap_or(PIECE).min(PIECE);
        let read = read(target, file, buffer.get_mut(..room).unwrap_or_default(), at)?;
        if read == 0 {
            break;
        }
        sink.bytes(buffer.get(..read).unwrap_or_default())?;
        at = at.saturating_add(read as u64);
    }
    sink.finish()?;
    if at == start && start > 0 {
        let len = size_by_reading(target, file)?;
        if start > len {
            return Err(range_failure(target, RangeError::StartsPastEnd { start, len }));
        }
    }
    match end {
        Some(end) if at < end => {
            Err(range_failure(target, RangeError::EndsPastEnd { end, len: at }))
        }
        _ => Ok(()),
    }
}

/// How long a file is whose size nobody tells: read it all, and count.
fn size_by_reading(target: &Target, file: &File) -> Result<u64, Failure> {
    let mut buffer = vec![0; PIECE];
    let mut size = 0_u64;
    loop {
        match read(target, file, &mut buffer, size)? {
            0 => return Ok(size),
            read => size = size.saturating_add(read as u64),
        }
    }
}

fn read(target: &Target, file: &File, bytes: &mut [u8], at: u64) -> Result<usize, Failure> {
    if at > LAST_OFFSET {
        return Ok(0);
    }
    loop {
        match file.read_at(bytes, at) {
            Ok(read) => return Ok(read),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => {
                return Err(Failure::line(format!("{}: {}", target.name, text_of(&error))));
            }
        }
    }
}
