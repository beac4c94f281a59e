//! Prints a slice of a file: the example of the manual page mmap(2), in safe code.
//!
//! `cargo run --release -p mman --example slice -- FILE OFFSET [LENGTH]`
//!
//! The mapping begins at the page that holds the offset (the library rounds it down and remembers where the
//! slice starts in it). An offset past the end is refused; a length past the end is cut there.
#![allow(clippy::print_stderr, reason = "a program tells its user")]

use mman::{Errno, FileObject, MapOptions, MemoryObject};
use std::error::Error;
use std::process::ExitCode;

fn main() -> ExitCode {
    match slice() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("slice: {error}");
            ExitCode::from(2)
        }
    }
}

fn slice() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let words = (arguments.next(), arguments.next(), arguments.next(), arguments.next());
    let (Some(path), Some(offset), length, None) = words else {
        return Err("usage: slice FILE OFFSET [LENGTH]".into());
    };
    let offset: u64 = offset.parse().map_err(|_| format!("{offset} is no offset"))?;
    let file = FileObject::open(&path).map_err(|error| format!("{path}: {error}"))?;
    let size = file.size()?.ok_or("a device that does not tell its size")?;
    let end = match length {
        Some(length) => {
            let length: u64 = length.parse().map_err(|_| format!("{length} is no length"))?;
            offset.saturating_add(length).min(size)
        }
        None => size,
    };
    if offset >= size {
        return Err(format!("{path}: offset {offset} is past the end: it has {size} bytes").into());
    }
    let mapping = MapOptions::shared().range(offset..end).map(&file)?;
    match mapping.write_out(std::io::stdout(), ..) {
        Err(error) if error.errno() == Some(Errno::EPIPE) => Ok(()), // the reader has enough
        written => Ok(written?),
    }
}
