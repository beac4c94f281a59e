//! The words of `PAGEMAP_SCAN` and `PROCMAP_QUERY`.

use crate::names::bit_flags;

bit_flags! {
    /// What `PAGEMAP_SCAN` asks and tells of pages (`linux/fs.h`, 6.7).
    PageCategories(u64) {
        /// Write-protected asynchronously.
        WPALLOWED = 1u64 << 0;
        /// Written since it was protected.
        WRITTEN = 1u64 << 1;
        /// Of a file or shared memory.
        FILE = 1u64 << 2;
        /// In memory.
        PRESENT = 1u64 << 3;
        /// In swap.
        SWAPPED = 1u64 << 4;
        /// The zero page.
        PFNZERO = 1u64 << 5;
        /// Mapped as a huge page.
        HUGE = 1u64 << 6;
        /// Soft-dirty.
        SOFT_DIRTY = 1u64 << 7;
        /// In a guard region (6.15).
        GUARD = 1u64 << 8;
    }
}

bit_flags! {
    /// What `PAGEMAP_SCAN` does besides (`linux/fs.h`, 6.7).
    ScanFlags(u64) {
        /// Write-protect the pages that match.
        WP_MATCHING = 1u64 << 0;
        /// `EPERM` where a range is not in asynchronous write-protect mode.
        CHECK_WPASYNC = 1u64 << 1;
    }
}

bit_flags! {
    /// What `PROCMAP_QUERY` asks and tells of a mapping (`linux/fs.h`, 6.11).
    ProcmapFlags(u64) {
        /// Readable.
        READABLE = 0x01u64;
        /// Writable.
        WRITABLE = 0x02u64;
        /// Executable.
        EXECUTABLE = 0x04u64;
        /// Shared.
        SHARED = 0x08u64;
        /// Ask for the mapping that covers the address, or the next one.
        COVERING_OR_NEXT = 0x10u64;
        /// Ask for mappings of files only.
        FILE_BACKED = 0x20u64;
    }
}
