//! How memory objects and files are made, sealed, opened and leased.

use crate::names::{bit_flags, open_number};
use linux_raw_sys::general as raw;

/// Where the flags hold log2 of a huge page size: six bits from bit 26.
const HUGE_FIELD: u32 = raw::MFD_HUGE_MASK << raw::MFD_HUGE_SHIFT;

bit_flags! {
    /// How `memfd_create` creates. [memfd_create(2)](https://man7.org/linux/man-pages/man2/memfd_create.2.html)
    MemfdFlags(u32) {
        /// Closed by exec.
        CLOEXEC = raw::MFD_CLOEXEC;
        /// Seals may be added.
        ALLOW_SEALING = raw::MFD_ALLOW_SEALING;
        /// From the huge page pool.
        HUGETLB = raw::MFD_HUGETLB;
        /// Not executable, and sealed so (6.3).
        NOEXEC_SEAL = raw::MFD_NOEXEC_SEAL;
        /// Executable (6.3).
        EXEC = raw::MFD_EXEC;
        /// Huge pages of 64 KiB (with `HUGETLB`).
        HUGE_64KB = raw::MFD_HUGE_64KB, mask HUGE_FIELD;
        /// Huge pages of 512 KiB (with `HUGETLB`).
        HUGE_512KB = raw::MFD_HUGE_512KB, mask HUGE_FIELD;
        /// Huge pages of 1 MiB (with `HUGETLB`).
        HUGE_1MB = raw::MFD_HUGE_1MB, mask HUGE_FIELD;
        /// Huge pages of 2 MiB (with `HUGETLB`).
        HUGE_2MB = raw::MFD_HUGE_2MB, mask HUGE_FIELD;
        /// Huge pages of 8 MiB (with `HUGETLB`).
        HUGE_8MB = raw::MFD_HUGE_8MB, mask HUGE_FIELD;
        /// Huge pages of 16 MiB (with `HUGETLB`).
        HUGE_16MB = raw::MFD_HUGE_16MB, mask HUGE_FIELD;
        /// Huge pages of 32 MiB (with `HUGETLB`).
        HUGE_32MB = raw::MFD_HUGE_32MB, mask HUGE_FIELD;
        /// Huge pages of 256 MiB (with `HUGETLB`).
        HUGE_256MB = raw::MFD_HUGE_256MB, mask HUGE_FIELD;
        /// Huge pages of 512 MiB (with `HUGETLB`).
        HUGE_512MB = raw::MFD_HUGE_512MB, mask HUGE_FIELD;
        /// Huge pages of 1 GiB (with `HUGETLB`).
        HUGE_1GB = raw::MFD_HUGE_1GB, mask HUGE_FIELD;
        /// Huge pages of 2 GiB (with `HUGETLB`).
        HUGE_2GB = raw::MFD_HUGE_2GB, mask HUGE_FIELD;
        /// Huge pages of 16 GiB (with `HUGETLB`).
        HUGE_16GB = raw::MFD_HUGE_16GB, mask HUGE_FIELD;
    }
}

bit_flags! {
    /// How `memfd_secret` creates. [memfd_secret(2)](https://man7.org/linux/man-pages/man2/memfd_secret.2.html)
    SecretFlags(u32) {
        /// Closed by exec.
        CLOEXEC = raw::O_CLOEXEC;
    }
}

bit_flags! {
    /// What can no longer be done to a memfd. [fcntl(2)](https://man7.org/linux/man-pages/man2/F_GET_SEALS.2const.html)
    Seals(u32) {
        /// No seals added.
        SEAL = raw::F_SEAL_SEAL;
        /// Not made shorter.
        SHRINK = raw::F_SEAL_SHRINK;
        /// Not made longer.
        GROW = raw::F_SEAL_GROW;
        /// Not written.
        WRITE = raw::F_SEAL_WRITE;
        /// Not written but through mappings that exist (5.1).
        FUTURE_WRITE = raw::F_SEAL_FUTURE_WRITE;
        /// Execute permission not changed (6.3).
        EXEC = raw::F_SEAL_EXEC;
    }
}

bit_flags! {
    /// How a file is opened. [open(2)](https://man7.org/linux/man-pages/man2/open.2.html)
    ///
    /// The low two bits are one field, the access mode; `O_RDONLY` is 0.
    OpenFlags(u32) {
        /// Writing.
        WRONLY = raw::O_WRONLY, mask raw::O_ACCMODE;
        /// Both.
        RDWR = raw::O_RDWR, mask raw::O_ACCMODE;
        /// Create.
        CREAT = raw::O_CREAT;
        /// With `CREAT`: it must not exist.
        EXCL = raw::O_EXCL;
        /// Cut to length 0.
        TRUNC = raw::O_TRUNC;
        /// Writes go to the end.
        APPEND = raw::O_APPEND;
        /// Do not wait.
        NONBLOCK = raw::O_NONBLOCK;
        /// Around the page cache.
        DIRECT = raw::O_DIRECT;
        /// A directory or nothing.
        DIRECTORY = raw::O_DIRECTORY;
        /// Not through a symbolic link.
        NOFOLLOW = raw::O_NOFOLLOW;
        /// Closed by exec.
        CLOEXEC = raw::O_CLOEXEC;
        /// The name only: cannot be read or mapped.
        PATH = raw::O_PATH;
    }
}

bit_flags! {
    /// What `fallocate` does. [fallocate(2)](https://man7.org/linux/man-pages/man2/fallocate.2.html)
    FallocateFlags(u32) {
        /// The length stays.
        KEEP_SIZE = raw::FALLOC_FL_KEEP_SIZE;
        /// The blocks go, and zeros are read; with `KEEP_SIZE`.
        PUNCH_HOLE = raw::FALLOC_FL_PUNCH_HOLE;
    }
}

open_number! {
    /// A lease on a file. [fcntl(2)](https://man7.org/linux/man-pages/man2/F_SETLEASE.2const.html)
    LeaseType(u32) {
        /// Told before anybody writes or truncates.
        READ = raw::F_RDLCK;
        /// Told before anybody opens.
        WRITE = raw::F_WRLCK;
        /// No lease.
        NONE = raw::F_UNLCK;
    }
}

open_number! {
    /// Who gets a descriptor's signals. [fcntl(2)](https://man7.org/linux/man-pages/man2/F_SETOWN_EX.2const.html)
    OwnerType(i32) {
        /// One thread.
        THREAD = raw::F_OWNER_TID;
        /// A process.
        PROCESS = raw::F_OWNER_PID;
        /// A process group.
        GROUP = raw::F_OWNER_PGRP;
    }
}
