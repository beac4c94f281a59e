//! Questions about mappings and pages, by ioctl on the files of `/proc`.
#![expect(unsafe_code, reason = "makes system calls")]

use super::ioctl::{ioctl, iowr};
use super::syscall::pointer_mut;
use crate::{Errno, PageRegion, ProcmapQuery, RawFd, ScanArg};

/// `_IOWR('f', 16, struct pm_scan_arg)` (`linux/fs.h`, 6.7).
const PAGEMAP_SCAN: u32 = iowr::<ScanArg>(b'f', 16);
/// `_IOWR('f', 17, struct procmap_query)` (`linux/fs.h`, 6.11).
const PROCMAP_QUERY: u32 = iowr::<ProcmapQuery>(b'f', 17);

/// Finds runs of pages of the wanted categories, and write-protects them if asked (6.7); `fd` is
/// `/proc/PID/pagemap`. Answers how many of `regions` were filled; `argument.walk_end` is where it stopped.
/// [pagemap](https://docs.kernel.org/admin-guide/mm/pagemap.html)
///
/// # Errors
///
/// `EINVAL`, `EFAULT`, `ENOMEM`, `EPERM`, `EINTR`, `ENOTTY` (an older kernel).
///
/// # Safety
///
/// The rules of the crate for the descriptor.
#[inline]
pub unsafe fn pagemap_scan(
    fd: RawFd,
    argument: &mut ScanArg,
    regions: &mut [PageRegion],
) -> Result<usize, Errno> {
    argument.size = size_of::<ScanArg>() as u64;
    argument.vec = if regions.is_empty() { 0 } else { pointer_mut(regions.as_mut_ptr()) as u64 };
    argument.vec_len = regions.len() as u64;
    // SAFETY: the kernel writes at most `vec_len` regions and the argument; write-protecting a page in
    // asynchronous mode changes neither its bytes nor access to it.
    unsafe { ioctl(fd, PAGEMAP_SCAN, pointer_mut(core::ptr::from_mut(argument))) }
}

/// Finds the mapping of an address (6.11); `fd` is `/proc/PID/maps`. Answers the length of the name,
/// written to `name` without its zero byte; a name that does not fit is `ENAMETOOLONG`.
/// [procfs](https://docs.kernel.org/filesystems/proc.html)
///
/// # Errors
///
/// `ENOENT` (no such mapping), `EINVAL`, `ENAMETOOLONG`, `ESRCH`, `ENOTTY` (an older kernel).
///
/// # Safety
///
/// The rules of the crate for the descriptor.
#[inline]
pub unsafe fn procmap_query(
    fd: RawFd,
    query: &mut ProcmapQuery,
    name: &mut [u8],
) -> Result<usize, Errno> {
    query.size = size_of::<ProcmapQuery>() as u64;
    query.vma_name_size = u32::try_from(name.len()).unwrap_or(u32::MAX);
    query.vma_name_addr = if name.is_empty() { 0 } else { pointer_mut(name.as_mut_ptr()) as u64 };
    query.build_id_size = 0;
    query.build_id_addr = 0;
    // SAFETY: the kernel writes the query and at most `vma_name_size` bytes of the name.
    unsafe { ioctl(fd, PROCMAP_QUERY, pointer_mut(core::ptr::from_mut(query))) }?;
    Ok((query.vma_name_size as usize).saturating_sub(1))
}
