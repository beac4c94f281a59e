//! Files to map: on disk, on tmpfs, in a memfd; none has a name that could be left behind.

use super::{page, skip};
use mman_sys::{
    Cachestat, CachestatRange, Errno, MemfdFlags, RawFd, Seals, add_seals, cachestat, get_seals,
    memfd_create,
};
use std::ffi::CStr;
use std::fs::File;
use std::os::fd::{AsRawFd, FromRawFd};
use std::os::unix::fs::MetadataExt;

/// A file without a name on a file system with a device behind it; `None`, and said so, where the
/// folder for temporary files is none.
pub(crate) fn disk_file(pages: usize) -> Option<File> {
    let file = tempfile::tempfile().unwrap();
    // Major number 0 (the bits from 8 on): a file system without a block device, as tmpfs.
    if file.metadata().unwrap().dev() >> 8 == 0 {
        skip("a folder for temporary files on a disk");
        return None;
    }
    file.set_len((pages * page()) as u64).unwrap();
    Some(file)
}

/// A file without a name on the tmpfs of shared memory.
pub(crate) fn shm_file(pages: usize) -> File {
    let file = tempfile::tempfile_in("/dev/shm").unwrap();
    file.set_len((pages * page()) as u64).unwrap();
    file
}

/// A memfd that cannot be sealed.
pub(crate) fn memfd(pages: usize) -> File {
    memfd_with(pages, MemfdFlags::CLOEXEC)
}

/// A memfd that can be sealed.
pub(crate) fn sealable(pages: usize) -> File {
    memfd_with(pages, MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)
}

/// A memfd made with these flags.
pub(crate) fn memfd_with(pages: usize, flags: MemfdFlags) -> File {
    let file = try_memfd(Some(c"mman-sys test"), flags).unwrap();
    file.set_len((pages * page()) as u64).unwrap();
    file
}

/// The plain call: `memfd_create` with exactly these arguments; no name is a null pointer.
pub(crate) fn try_memfd(name: Option<&CStr>, flags: MemfdFlags) -> Result<File, Errno> {
    let name = name.map_or(std::ptr::null(), CStr::as_ptr);
    // SAFETY: the name ends with a zero, or is null, which the kernel cannot read.
    unsafe { memfd_create(name, flags) }.map(own)
}

/// A descriptor that a call has just made, as a file.
pub(crate) fn own(fd: RawFd) -> File {
    // SAFETY: the descriptor is new and nobody else's.
    unsafe { File::from_raw_fd(fd) }
}

/// Adds seals.
pub(crate) fn seal(file: &impl AsRawFd, seals: Seals) -> Result<(), Errno> {
    // SAFETY: the file is open.
    unsafe { add_seals(file.as_raw_fd(), seals) }
}

/// The seals that are there.
pub(crate) fn seals_of(file: &impl AsRawFd) -> Result<Seals, Errno> {
    // SAFETY: the file is open.
    unsafe { get_seals(file.as_raw_fd()) }
}

/// What `cachestat` says of a range of a file in pages.
pub(crate) fn cached(file: &impl AsRawFd, first: usize, pages: usize) -> Cachestat {
    let range = CachestatRange { off: (first * page()) as u64, len: (pages * page()) as u64 };
    try_cachestat(file, Some(range), true, 0).unwrap()
}

/// The plain call: `cachestat`, with no range (a null pointer) or nowhere to write the answer if so asked.
pub(crate) fn try_cachestat(
    file: &impl AsRawFd,
    range: Option<CachestatRange>,
    has_room: bool,
    flags: u32,
) -> Result<Cachestat, Errno> {
    let mut answer = Cachestat {
        nr_cache: 0,
        nr_dirty: 0,
        nr_writeback: 0,
        nr_evicted: 0,
        nr_recently_evicted: 0,
    };
    let range = range.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
    let room = if has_room { &raw mut answer } else { std::ptr::null_mut() };
    // SAFETY: the file is open, or refused; the kernel writes one `Cachestat`, or is refused.
    unsafe { cachestat(file.as_raw_fd(), range, room, flags) }?;
    Ok(answer)
}

/// How many pages of a range are written to and not yet on the way to the device.
pub(crate) fn dirty_pages(file: &impl AsRawFd, first: usize, pages: usize) -> u64 {
    cached(file, first, pages).nr_dirty
}

/// Whether one of twenty attempts succeeds. For "nothing was written back", which somebody else on the
/// machine can make untrue at any moment (`sync`) but not every time.
pub(crate) fn attempts_until(mut attempt: impl FnMut() -> bool) -> bool {
    (0..20).any(|_| attempt())
}
