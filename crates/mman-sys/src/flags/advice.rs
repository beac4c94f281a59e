//! What the kernel is told about memory.

use crate::names::open_number;
use linux_raw_sys::general as raw;

open_number! {
    /// What `madvise` and `process_madvise` are told. [madvise(2)](https://man7.org/linux/man-pages/man2/madvise.2.html)
    ///
    /// Some of these destroy data: see each.
    Advice(i32) {
        /// No special treatment.
        NORMAL = raw::MADV_NORMAL;
        /// Random access: no read-ahead.
        RANDOM = raw::MADV_RANDOM;
        /// Sequential access: read ahead far, drop behind.
        SEQUENTIAL = raw::MADV_SEQUENTIAL;
        /// Read in now, without waiting.
        WILLNEED = raw::MADV_WILLNEED;
        /// Drop the pages at once. Destructive: private anonymous memory reads as zeros afterwards.
        DONTNEED = raw::MADV_DONTNEED;
        /// Drop the pages when memory is short (4.5). Destructive until written again.
        FREE = raw::MADV_FREE;
        /// Punch a hole in the object (2.6.16). Destructive.
        REMOVE = raw::MADV_REMOVE;
        /// A child does not get this range.
        DONTFORK = raw::MADV_DONTFORK;
        /// Undoes `DONTFORK`.
        DOFORK = raw::MADV_DOFORK;
        /// Same-page merging may merge it (2.6.32).
        MERGEABLE = raw::MADV_MERGEABLE;
        /// Undoes `MERGEABLE`.
        UNMERGEABLE = raw::MADV_UNMERGEABLE;
        /// Transparent huge pages wanted (2.6.38).
        HUGEPAGE = raw::MADV_HUGEPAGE;
        /// Transparent huge pages not wanted.
        NOHUGEPAGE = raw::MADV_NOHUGEPAGE;
        /// Not in a core dump (3.4).
        DONTDUMP = raw::MADV_DONTDUMP;
        /// Undoes `DONTDUMP`.
        DODUMP = raw::MADV_DODUMP;
        /// A child finds zeros here (4.14).
        WIPEONFORK = raw::MADV_WIPEONFORK;
        /// Undoes `WIPEONFORK`.
        KEEPONFORK = raw::MADV_KEEPONFORK;
        /// Reclaim these pages first (5.4).
        COLD = raw::MADV_COLD;
        /// Reclaim these pages now (5.4).
        PAGEOUT = raw::MADV_PAGEOUT;
        /// Prefault for reading, with a result (5.14).
        POPULATE_READ = raw::MADV_POPULATE_READ;
        /// Prefault for writing, with a result (5.14).
        POPULATE_WRITE = raw::MADV_POPULATE_WRITE;
        /// As `DONTNEED`, on locked memory too (5.18).
        DONTNEED_LOCKED = raw::MADV_DONTNEED_LOCKED;
        /// Make huge pages of this range now (6.1).
        COLLAPSE = raw::MADV_COLLAPSE;
        /// Pretend the memory broke (CAP_SYS_ADMIN).
        HWPOISON = raw::MADV_HWPOISON;
        /// Take the memory out of use, its content moved (CAP_SYS_ADMIN).
        SOFT_OFFLINE = raw::MADV_SOFT_OFFLINE;
        /// Guard region: a touch is SIGSEGV (6.13). Destructive.
        GUARD_INSTALL = raw::MADV_GUARD_INSTALL;
        /// Undoes `GUARD_INSTALL`; the pages read as zeros or from the file.
        GUARD_REMOVE = raw::MADV_GUARD_REMOVE;
    }
}

open_number! {
    /// What `posix_madvise` is told. On Linux the numbers are those of [`Advice`], but `DONTNEED` must
    /// not destroy anything. [posix_madvise(3)](https://man7.org/linux/man-pages/man3/posix_madvise.3.html)
    PosixAdvice(i32) {
        /// No special treatment.
        NORMAL = 0;
        /// Random access.
        RANDOM = 1;
        /// Sequential access.
        SEQUENTIAL = 2;
        /// Wanted soon.
        WILLNEED = 3;
        /// Not wanted soon; the bytes stay.
        DONTNEED = 4;
    }
}
