//! Objects without a name: memfds, pipes, sockets, descriptors opened in odd ways.

use crate::pattern;
use mman_sys::{Errno, MemfdFlags, RawFd, Seals, add_seals, get_seals, memfd_create};
use rustix::fs::{FallocateFlags, Mode, OFlags, fallocate, open};
use std::fs::File;
use std::io::Write;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::path::Path;

/// A memfd that can be sealed, filled with so many bytes of the pattern.
///
/// # Panics
///
/// Where it cannot be made.
#[must_use]
pub fn memfd(len: usize) -> File {
    let mut file = memfd_with(MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING);
    file.write_all(&pattern::bytes(0, len)).expect("room in a memfd");
    file
}

/// An empty memfd, made with flags.
///
/// # Panics
///
/// Where it cannot be made.
#[must_use]
pub fn memfd_with(flags: MemfdFlags) -> File {
    // SAFETY: the name ends with a zero.
    let made = unsafe { memfd_create(c"mman-testkit".as_ptr(), flags) };
    own(made.expect("a memfd"))
}

/// The seals of a memfd.
///
/// # Errors
///
/// What the kernel answers.
pub fn seals(fd: impl AsFd) -> Result<Seals, Errno> {
    // SAFETY: the descriptor is borrowed, so open.
    unsafe { get_seals(fd.as_fd().as_raw_fd()) }
}

/// A memfd of so many bytes in pages of the huge page pool.
///
/// # Panics
///
/// Where it cannot be made.
#[must_use]
pub fn huge_memfd(len: usize) -> File {
    // SAFETY: the name ends with a zero.
    let made =
        unsafe { memfd_create(c"big one".as_ptr(), MemfdFlags::HUGETLB | MemfdFlags::CLOEXEC) };
    let file = own(made.expect("a memfd of huge pages"));
    file.set_len(len as u64).expect("a length");
    file
}

/// Adds seals to a memfd.
///
/// # Errors
///
/// What the kernel answers.
pub fn seal(file: &File, seals: Seals) -> Result<(), Errno> {
    // SAFETY: the file is open.
    unsafe { add_seals(file.as_raw_fd(), seals) }
}

/// A descriptor that a call has just made, closed when it is dropped.
#[must_use]
pub fn own(fd: RawFd) -> File {
    // SAFETY: the kernel just made it, and nobody else knows it.
    unsafe { File::from_raw_fd(fd) }
}

/// A descriptor for the name of a file only (`O_PATH`).
///
/// # Panics
///
/// Where it cannot be opened.
#[must_use]
pub fn name_only(path: impl AsRef<Path>) -> OwnedFd {
    open(path.as_ref(), OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).expect("a name")
}

/// A file opened for writing only.
///
/// # Panics
///
/// Where it cannot be opened.
#[must_use]
pub fn write_only(path: impl AsRef<Path>) -> File {
    File::options().write(true).open(path).expect("a file to write")
}

/// Gives a file blocks past its end, which stays.
///
/// # Panics
///
/// Where the file system cannot.
pub fn blocks_past_the_end(file: &File, from: u64, to: u64) {
    fallocate(file, FallocateFlags::KEEP_SIZE, from, to - from).expect("blocks past the end");
}

/// Punches a hole in a file.
///
/// # Panics
///
/// Where the file system cannot.
pub fn punch(file: &File, at: u64, len: u64) {
    let hole = FallocateFlags::KEEP_SIZE | FallocateFlags::PUNCH_HOLE;
    fallocate(file, hole, at, len).expect("a hole");
}
