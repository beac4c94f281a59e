//! Calls about processes and policies, with their pointers.

use super::{Map, ptr};
use mman_sys::{
    Advice, Errno, IoVec, MemPolicy, MempolicyFlags, ShadowStackFlags, get_mempolicy,
    map_shadow_stack, pidfd_open, process_madvise, process_mrelease,
};
use std::fs::File;
use std::ops::Range;
use std::os::fd::AsRawFd;

/// A descriptor of a process.
pub(crate) fn pidfd(pid: i32) -> File {
    super::files::own(pidfd_open(pid, 0).unwrap())
}

/// Pages of a map as a range of a list.
pub(crate) fn part(map: &Map, pages: Range<usize>) -> IoVec {
    IoVec {
        iov_base: ptr(map.at(pages.start)).cast(),
        iov_len: (pages.len() * super::page()).try_into().unwrap(),
    }
}

/// The plain call: `process_madvise` with exactly these arguments.
pub(crate) fn advise_process(
    process: &impl AsRawFd,
    ranges: &[IoVec],
    advice: Advice,
    flags: u32,
) -> Result<usize, Errno> {
    // SAFETY: the descriptor is open, or refused; the ranges are the test's own.
    unsafe { process_madvise(process.as_raw_fd(), ranges.as_ptr(), ranges.len(), advice, flags) }
}

/// The same with a list that cannot be read.
pub(crate) fn advise_from_nowhere(process: &impl AsRawFd, advice: Advice) -> Result<usize, Errno> {
    let fd = process.as_raw_fd();
    // SAFETY: the descriptor is open; the list is refused.
    unsafe { process_madvise(fd, std::ptr::without_provenance(1 << 63), 1, advice, 0) }
}

/// The plain call: `process_mrelease`.
pub(crate) fn release(process: &impl AsRawFd, flags: u32) -> Result<(), Errno> {
    // SAFETY: the descriptor is open, or refused.
    unsafe { process_mrelease(process.as_raw_fd(), flags) }
}

/// A shadow stack where the kernel likes it.
pub(crate) fn shadow_stack(len: usize, flags: ShadowStackFlags) -> Result<Map, Errno> {
    // SAFETY: no address is given, so nothing is replaced.
    let start = unsafe { map_shadow_stack(ptr(0), len, flags) }?;
    Ok(Map::adopt(start.expose_provenance(), len))
}

/// The policy of a map's first page and its nodes.
pub(crate) fn policy_of(map: &Map) -> Result<(MemPolicy, u64), Errno> {
    policy(MempolicyFlags::ADDR, map.start())
}

/// What `get_mempolicy` answers with these flags: a policy (or a node in its place) and nodes.
pub(crate) fn policy(flags: MempolicyFlags, address: usize) -> Result<(MemPolicy, u64), Errno> {
    // Room for as many nodes as a kernel may be built for.
    const WORDS: usize = 16;
    let (mut mode, mut nodes) = (0, [0_u64; WORDS]);
    let bits = nodes.len() * 64;
    // SAFETY: the mode is one word, and the nodes have as many bits as is said.
    unsafe { get_mempolicy(&raw mut mode, nodes.as_mut_ptr(), bits, ptr(address), flags) }?;
    assert!(nodes.iter().skip(1).all(|word| *word == 0), "more than 64 nodes");
    Ok((MemPolicy::from_raw(mode), nodes[0]))
}
