//! `PROCMAP_QUERY` about our own mappings.

use super::skip;
use mman_sys::{Errno, ProcmapFlags, ProcmapQuery, procmap_query};
use std::fs::File;
use std::os::fd::AsRawFd;

/// Asks about an address, with so much room for the name; answers the mapping and its name.
pub(crate) fn ask(
    flags: ProcmapFlags,
    address: usize,
    room: usize,
) -> Result<(ProcmapQuery, String), Errno> {
    ask_of("/proc/self/maps", flags, address, room)
}

/// The same, of another file.
pub(crate) fn ask_of(
    path: &str,
    flags: ProcmapFlags,
    address: usize,
    room: usize,
) -> Result<(ProcmapQuery, String), Errno> {
    let maps = File::open(path).unwrap();
    let mut name = vec![0; room];
    let mut query =
        ProcmapQuery { query_flags: flags, query_addr: address as u64, ..ProcmapQuery::default() };
    // SAFETY: the file is open.
    let length = unsafe { procmap_query(maps.as_raw_fd(), &mut query, &mut name) }?;
    name.truncate(length);
    Ok((query, String::from_utf8(name).unwrap()))
}

/// Whether the kernel answers such questions; where it does not, that is said.
pub(crate) fn can_ask() -> bool {
    let known = ask(ProcmapFlags::COVERING_OR_NEXT, 0, 0).is_ok();
    if !known {
        skip("Linux 6.11, for PROCMAP_QUERY");
    }
    known
}
