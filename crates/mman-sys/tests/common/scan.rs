//! What `PAGEMAP_SCAN` says of our own pages.

use super::page;
use mman_sys::{Errno, PageCategories, PageRegion, ScanArg, ScanFlags, pagemap_scan};
use std::fs::File;
use std::ops::Range;
use std::os::fd::AsRawFd;

/// The pages of a range of addresses that have these categories, as runs of page numbers in it.
pub(crate) fn pages_with(range: Range<usize>, all: PageCategories) -> Vec<Range<usize>> {
    scan(range, all, ScanFlags::default()).unwrap()
}

/// The same, with flags.
pub(crate) fn scan(
    range: Range<usize>,
    all: PageCategories,
    flags: ScanFlags,
) -> Result<Vec<Range<usize>>, Errno> {
    let pagemap = File::open("/proc/self/pagemap").unwrap();
    let mut regions = [PageRegion::default(); 64];
    let mut argument = ScanArg {
        flags,
        start: range.start as u64,
        end: range.end as u64,
        category_mask: all,
        return_mask: all,
        ..ScanArg::default()
    };
    // SAFETY: the file is open.
    let count = unsafe { pagemap_scan(pagemap.as_raw_fd(), &mut argument, &mut regions) }?;
    assert_eq!(argument.walk_end, argument.end, "the walk went all the way");
    let page_of = |address: u64| (usize::try_from(address).unwrap() - range.start) / page();
    let filled = regions.iter().take(count);
    Ok(filled.map(|region| page_of(region.start)..page_of(region.end)).collect())
}
