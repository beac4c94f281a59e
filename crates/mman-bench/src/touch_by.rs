//! A large file read into the cache in one way and no other: what `mman touch` is held against.

use crate::failure::Result;
use mman::{FileAdvice, FileObject, MapOptions, MemoryObject, Populate};
use std::fs::File;
use std::path::Path;

const PIECE: u64 = 16 << 20;

/// Runs as a child of the bench.
pub fn run(way: &str, path: &Path) -> Result<()> {
    let object = FileObject::open(path)?;
    let size = object.size()?.unwrap_or(0);
    let nowhere = File::options().write(true).open("/dev/null")?;
    let mut start = 0;
    while start < size {
        let end = (start + PIECE).min(size);
        match way {
            "populate" => {
                let mapping = MapOptions::shared().range(start..end).map(&object)?;
                mapping.pages().populate(.., Populate::ForReading)?;
            }
            "sendfile" => send(&nowhere, &object, start, end)?,
            // As far as one call goes here: 8 MiB.
            "willneed" => {
                let middle = start.midpoint(end);
                object.advise(start..middle, FileAdvice::WillNeed)?;
                object.advise(middle..end, FileAdvice::WillNeed)?;
            }
            _ => return Err(format!("{way}: no way").into()),
        }
        start = end;
    }
    // What was asked for is waited for.
    if way == "willneed" { send(&nowhere, &object, 0, size) } else { Ok(()) }
}

fn send(nowhere: &File, object: &FileObject, start: u64, end: u64) -> Result<()> {
    let mut at = start;
    while at < end {
        let len = usize::try_from((end - at).min(PIECE))?;
        if rustix::fs::sendfile(nowhere, object.file(), Some(&mut at), len)? == 0 {
            break;
        }
    }
    Ok(())
}
