//! Memory objects, seals, opening, leases, owners, and the ioctls on files of `/proc`.

use crate::row::{KERNEL, LIBRARY, Row, Set, When, names};

pub(crate) fn add(rows: &mut Vec<Row>) {
    names!(rows, When::Defined, MemfdFlags.bits(), "MFD_":
        CLOEXEC, ALLOW_SEALING, HUGETLB, NOEXEC_SEAL, EXEC, HUGE_64KB, HUGE_512KB, HUGE_1MB,
        HUGE_2MB, HUGE_8MB, HUGE_16MB, HUGE_32MB, HUGE_256MB, HUGE_512MB, HUGE_1GB, HUGE_2GB,
        HUGE_16GB);
    names!(rows, When::Defined, SecretFlags.bits(), "O_": CLOEXEC);
    names!(rows, When::Defined, Seals.bits(), "F_SEAL_":
        SEAL, SHRINK, GROW, WRITE, FUTURE_WRITE, EXEC);
    names!(rows, When::Defined, OpenFlags.bits(), "O_":
        WRONLY, RDWR, CREAT, EXCL, TRUNC, APPEND, NONBLOCK, DIRECT, DIRECTORY, NOFOLLOW, CLOEXEC,
        PATH);
    names!(rows, When::Defined, LeaseType.raw(), "F_":
        READ as "F_RDLCK", WRITE as "F_WRLCK", NONE as "F_UNLCK");
    names!(rows, When::Defined, FallocateFlags.bits(), "FALLOC_FL_": KEEP_SIZE, PUNCH_HOLE);
    for (name, value) in [
        ("IPC_PRIVATE", mman_sys::IPC_PRIVATE),
        ("IPC_CREAT", mman_sys::IPC_CREAT),
        ("IPC_RMID", mman_sys::IPC_RMID),
        ("IPC_STAT", mman_sys::IPC_STAT),
    ] {
        rows.push(Row::new(name, name, value, When::Defined));
    }
    // `O_EXCL` of the C library, by its own word.
    rows.push(Row::new("PIDFD_THREAD", "O_EXCL", mman_sys::PIDFD_THREAD, When::Defined));
    rows.push(Row::new("SHM_STAT", "SHM_STAT", mman_sys::SHM_STAT, KERNEL));
    rows.push(Row::new("SHM_INFO", "SHM_INFO", mman_sys::SHM_INFO, KERNEL));
    rows.push(Row::new("shm_last_index: its room", "sizeof(struct shm_info)", 48, KERNEL));
    // Macros in the kernel's headers, enumerators in glibc's.
    for when in [When::In(Set::Kernel, "defined F_OWNER_TID"), LIBRARY] {
        names!(rows, when, OwnerType.raw(), "F_OWNER_":
            THREAD as "F_OWNER_TID", PROCESS as "F_OWNER_PID", GROUP as "F_OWNER_PGRP");
    }
    let last = mman_sys::Extent::LAST;
    rows.push(Row::new("Extent::LAST", "FIEMAP_EXTENT_LAST", last, KERNEL));
    let inline =
        "(FIEMAP_EXTENT_NOT_ALIGNED | FIEMAP_EXTENT_DATA_INLINE | FIEMAP_EXTENT_DATA_TAIL)";
    rows.push(Row::new("Extent::INLINE", inline, mman_sys::Extent::INLINE, KERNEL));
    rows.push(Row::new("AT_FDCWD", "AT_FDCWD", mman_sys::AT_FDCWD, When::Defined));
    names!(rows, When::Defined, PageCategories.bits(), "PAGE_IS_":
        WPALLOWED, WRITTEN, FILE, PRESENT, SWAPPED, PFNZERO, HUGE, SOFT_DIRTY, GUARD);
    names!(rows, When::Defined, ScanFlags.bits(), "PM_SCAN_": WP_MATCHING, CHECK_WPASYNC);
    let query = When::In(Set::Kernel, "defined PROCMAP_QUERY");
    names!(rows, query, ProcmapFlags.bits(), "PROCMAP_QUERY_VMA_":
        READABLE, WRITABLE, EXECUTABLE, SHARED,
        COVERING_OR_NEXT as "PROCMAP_QUERY_COVERING_OR_NEXT_VMA",
        FILE_BACKED as "PROCMAP_QUERY_FILE_BACKED_VMA");
}
