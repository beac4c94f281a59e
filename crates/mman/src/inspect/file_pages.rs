//! How much of a range of a process's addresses is in memory and of files: asked of the kernel by ioctl.
#![expect(unsafe_code, reason = "asks by ioctl on a file of /proc")]

use crate::error::{Operation, Result};
use crate::process::{self, Process};
use core::ops::Range;
use mman_sys::{Errno, PageCategories, PageRegion, ScanArg, pagemap_scan};
use std::os::fd::AsRawFd;

/// Runs of pages that are asked for at once.
const RUNS: usize = 128;

/// Bytes of a range of a process's addresses that are mapped, in memory, and pages of files or of shared memory;
/// private copies are not. What is not mapped counts as nothing.
///
/// It is what [`Usage`](super::Usage) tells as `rss` less `anonymous`, and pages of the huge page pool besides,
/// at the cost of this range only. [PAGEMAP_SCAN](https://docs.kernel.org/admin-guide/mm/pagemap.html)
///
/// # Errors
///
/// Those of [`maps`](super::maps); `ENOTTY` before Linux 6.7; `EINVAL` where an end of the range is no multiple
/// of the page size.
///
/// ```
/// use mman::{Anonymous, MapOptions, inspect, process::Process};
///
/// let shared = MapOptions::shared().read_write().populate().map(&Anonymous::new(8192))?;
/// let start = shared.as_ptr().addr();
/// match inspect::file_pages(&Process::myself(), start..start + shared.len()) {
///     Ok(bytes) => assert_eq!(bytes, 8192),
///     Err(error) => assert!(mman::kernel::Feature::PagemapScan.support().is_err(), "{error}"),
/// }
/// # Ok::<(), mman::Error>(())
/// ```
pub fn file_pages(process: &Process, addresses: Range<usize>) -> Result<u64> {
    let file = process.file("pagemap")?;
    let wanted = PageCategories::PRESENT | PageCategories::FILE;
    let mut start = addresses.start as u64;
    let (end, mut bytes) = (addresses.end as u64, 0_u64);
    while start < end {
        let mut argument = ScanArg {
            start,
            end,
            category_mask: wanted,
            return_mask: wanted,
            ..ScanArg::default()
        };
        let mut runs = [PageRegion::default(); RUNS];
        // SAFETY: the file is open.
        let found = match unsafe { pagemap_scan(file.as_raw_fd(), &mut argument, &mut runs) } {
            Ok(found) => found,
            Err(Errno::EINTR) => continue,
            Err(errno) => return Err(process::error(Operation::Inspect, errno)),
        };
        for run in runs.iter().take(found) {
            bytes = bytes.saturating_add(run.end.saturating_sub(run.start));
        }
        if argument.walk_end <= start {
            break;
        }
        start = argument.walk_end;
    }
    Ok(bytes)
}
