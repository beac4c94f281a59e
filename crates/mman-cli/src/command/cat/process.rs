//! Writing the memory of a process, by address.

use super::PIECE;
use super::sink::Sink;
use crate::failure::{Failure, text_of};
use crate::object::Target;
use crate::range::Asked;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

/// Writes memory of a process, which goes on running: bytes are those of the moment they are read.
pub(crate) fn write(target: &Target, process: u32, hex: bool) -> Result<(), Failure> {
    let Asked::Between(start, end) = target.asked else {
        let name = &target.name;
        return Err(Failure::line(format!(
            "{name}: memory of a process has no end: say pid:{process}@ADDR+LEN"
        )));
    };
    let path: PathBuf = ["/proc", &process.to_string(), "mem"].iter().collect();
    let memory = File::open(path).map_err(|error| no_memory(target, &error))?;
    let mut sink = Sink::new(hex, start)?;
    let mut buffer = vec![0; PIECE];
    let mut at = start;
    while at < end {
        let left = usize::try_from(end.saturating_sub(at)).unwrap_or(PIECE);
        let bytes = buffer.get_mut(..left.min(PIECE)).unwrap_or_default();
        match memory.read_at(bytes, at) {
            Ok(0) => {
                sink.finish()?;
                return Err(Failure::line(format!("{}: the process is gone", target.name)));
            }
            Ok(read) => {
                sink.bytes(bytes.get(..read).unwrap_or_default())?;
                at = at.saturating_add(read as u64);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_unmapped) => {
                sink.finish()?;
                let name = &target.name;
                return Err(Failure::line(format!("{name}: nothing can be read at {at:#x}")));
            }
        }
    }
    sink.finish()
}

fn no_memory(target: &Target, error: &io::Error) -> Failure {
    let why = match error.kind() {
        io::ErrorKind::NotFound => "no such process",
        io::ErrorKind::PermissionDenied => {
            "not permitted: needs a process of the same user that may be traced, or CAP_SYS_PTRACE, or less of a sandbox"
        }
        _ => return Failure::line(format!("{}: {}", target.name, text_of(error))),
    };
    Failure::line(format!("{}: {why}", target.name))
}
