//! Errors as memmap2 has them: the kernel's number where there is one, so that `raw_os_error` tells it.

use std::io::{self, ErrorKind};

/// An error of `mman`. What it knows of the cause gives way to the number, which `std`'s type cannot hold beside it.
pub(crate) fn os(error: impl Into<mman::Error>) -> io::Error {
    let error = error.into();
    match error.errno() {
        Some(errno) => io::Error::from_raw_os_error(errno.raw()),
        None => error.into(),
    }
}

/// A range that is not in the map.
pub(crate) fn out_of_range(offset: usize, len: usize, of: usize) -> io::Error {
    let what = format!("{len} bytes from {offset} are not in a map of {of} bytes");
    io::Error::new(ErrorKind::InvalidInput, what)
}

/// An argument that no map can be made of.
pub(crate) fn bad_input(what: &'static str) -> io::Error {
    io::Error::new(ErrorKind::InvalidInput, what)
}

/// Lengths that no map can have.
pub(crate) fn bad_length(what: &'static str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, what)
}
