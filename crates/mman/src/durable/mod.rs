//! What survives a crash: errors of write-back that stay, whole files, names, files that grow under their mapping.

pub(crate) mod directory;
pub(crate) mod growable;
pub(crate) mod sticky;
pub(crate) mod write_file;

use crate::error::{Cause, Error, ObjectKind, Operation};
use mman_sys::Errno;

/// The error of a call on a file.
fn failed(operation: Operation, errno: rustix::io::Errno) -> Error {
    let cause = match errno {
        rustix::io::Errno::NOSPC | rustix::io::Errno::DQUOT => Cause::NoSpace,
        rustix::io::Errno::FBIG => Cause::TooLong,
        _ => Cause::Kernel,
    };
    let errno = Errno::from_raw(errno.raw_os_error());
    Error::kernel(operation, ObjectKind::File, errno).because(cause)
}
