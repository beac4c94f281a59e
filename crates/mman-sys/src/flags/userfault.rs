//! The words of userfaultfd.

use crate::names::bit_flags;
use linux_raw_sys::general as raw;

bit_flags! {
    /// How `userfaultfd` creates. [userfaultfd(2)](https://man7.org/linux/man-pages/man2/userfaultfd.2.html)
    UserfaultFlags(u32) {
        /// Closed by exec.
        CLOEXEC = raw::O_CLOEXEC;
        /// Reads do not wait.
        NONBLOCK = raw::O_NONBLOCK;
        /// Faults of the kernel are not served (5.11).
        USER_MODE_ONLY = raw::UFFD_USER_MODE_ONLY;
    }
}

bit_flags! {
    /// What a userfaultfd is asked for and can do (`linux/userfaultfd.h`).
    UserfaultFeatures(u64) {
        /// Write-protect faults are reported.
        PAGEFAULT_FLAG_WP = raw::UFFD_FEATURE_PAGEFAULT_FLAG_WP;
        /// Forks are reported.
        EVENT_FORK = raw::UFFD_FEATURE_EVENT_FORK;
        /// `mremap` is reported.
        EVENT_REMAP = raw::UFFD_FEATURE_EVENT_REMAP;
        /// Dropped and punched pages are reported.
        EVENT_REMOVE = raw::UFFD_FEATURE_EVENT_REMOVE;
        /// Missing pages of hugetlb memory.
        MISSING_HUGETLBFS = raw::UFFD_FEATURE_MISSING_HUGETLBFS;
        /// Missing pages of shared memory.
        MISSING_SHMEM = raw::UFFD_FEATURE_MISSING_SHMEM;
        /// `munmap` is reported.
        EVENT_UNMAP = raw::UFFD_FEATURE_EVENT_UNMAP;
        /// SIGBUS in the faulting thread instead of an event.
        SIGBUS = raw::UFFD_FEATURE_SIGBUS;
        /// Events name their thread.
        THREAD_ID = raw::UFFD_FEATURE_THREAD_ID;
        /// Minor faults of hugetlb memory (5.13).
        MINOR_HUGETLBFS = raw::UFFD_FEATURE_MINOR_HUGETLBFS;
        /// Minor faults of shared memory (5.14).
        MINOR_SHMEM = raw::UFFD_FEATURE_MINOR_SHMEM;
        /// Addresses are not rounded down (5.18).
        EXACT_ADDRESS = raw::UFFD_FEATURE_EXACT_ADDRESS;
        /// Write-protect on hugetlb and shared memory (5.19).
        WP_HUGETLBFS_SHMEM = raw::UFFD_FEATURE_WP_HUGETLBFS_SHMEM;
        /// Write-protect of pages not there yet (6.4).
        WP_UNPOPULATED = raw::UFFD_FEATURE_WP_UNPOPULATED;
        /// `POISON` (6.6).
        POISON = raw::UFFD_FEATURE_POISON;
        /// Write-protect faults resolve themselves; `PAGEMAP_SCAN` reads what was written (6.7).
        WP_ASYNC = raw::UFFD_FEATURE_WP_ASYNC;
        /// `MOVE` (6.8).
        MOVE = raw::UFFD_FEATURE_MOVE;
    }
}

bit_flags! {
    /// Which faults a registered range reports (`linux/userfaultfd.h`).
    RegisterMode(u64) {
        /// Pages that are not there.
        MISSING = raw::UFFDIO_REGISTER_MODE_MISSING;
        /// Writes to write-protected pages.
        WP = raw::UFFDIO_REGISTER_MODE_WP;
        /// Pages that are in the object but not in the page table (5.13).
        MINOR = raw::UFFDIO_REGISTER_MODE_MINOR;
    }
}

bit_flags! {
    /// What kind of fault an event reports (`linux/userfaultfd.h`).
    FaultFlags(u64) {
        /// A write.
        WRITE = raw::UFFD_PAGEFAULT_FLAG_WRITE;
        /// A write to a write-protected page.
        WP = raw::UFFD_PAGEFAULT_FLAG_WP;
        /// A minor fault.
        MINOR = raw::UFFD_PAGEFAULT_FLAG_MINOR;
    }
}

bit_flags! {
    /// How `UFFDIO_COPY` installs (`linux/userfaultfd.h`).
    CopyMode(u64) {
        /// Leaves the faulting thread asleep.
        DONTWAKE = raw::UFFDIO_COPY_MODE_DONTWAKE;
        /// Write-protected.
        WP = raw::UFFDIO_COPY_MODE_WP;
    }
}

bit_flags! {
    /// How `UFFDIO_ZEROPAGE` installs (`linux/userfaultfd.h`).
    ZeropageMode(u64) {
        /// Leaves the faulting thread asleep.
        DONTWAKE = raw::UFFDIO_ZEROPAGE_MODE_DONTWAKE;
    }
}

bit_flags! {
    /// What `UFFDIO_WRITEPROTECT` does (`linux/userfaultfd.h`).
    WriteprotectMode(u64) {
        /// Protects; without it, unprotects.
        WP = 1u64;
        /// Leaves the faulting thread asleep.
        DONTWAKE = 2u64;
    }
}

bit_flags! {
    /// How `UFFDIO_CONTINUE` installs (`linux/userfaultfd.h`).
    ContinueMode(u64) {
        /// Leaves the faulting thread asleep.
        DONTWAKE = 1u64;
        /// Write-protected (6.4).
        WP = 2u64;
    }
}

bit_flags! {
    /// How `UFFDIO_POISON` poisons (`linux/userfaultfd.h`, 6.6).
    PoisonMode(u64) {
        /// Leaves the faulting thread asleep.
        DONTWAKE = 1u64;
    }
}

bit_flags! {
    /// How `UFFDIO_MOVE` moves (`linux/userfaultfd.h`, 6.8).
    MoveMode(u64) {
        /// Leaves the faulting thread asleep.
        DONTWAKE = 1u64;
        /// Pages missing in the source are passed over.
        ALLOW_SRC_HOLES = 2u64;
    }
}
