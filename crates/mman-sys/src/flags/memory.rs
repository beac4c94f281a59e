//! How memory is mapped, protected, synchronized, locked and moved.

use crate::names::{bit_flags, open_number};
use linux_raw_sys::general as raw;

/// Where the flags hold log2 of a huge page size: six bits from bit 26.
const HUGE_FIELD: u32 = raw::MAP_HUGE_MASK << raw::MAP_HUGE_SHIFT;

/// Where `MAP_HUGE_*` and `MFD_HUGE_*` stand: log2 of the page size, shifted so far.
pub const HUGE_SHIFT: u32 = raw::MAP_HUGE_SHIFT;
/// How wide that field is, before it is shifted.
pub const HUGE_MASK: u32 = raw::MAP_HUGE_MASK;
/// `MAP_FAILED`: what the C library's `mmap` answers for an error. The kernel's answer is an errno instead.
pub const MAP_FAILED: *mut core::ffi::c_void = core::ptr::without_provenance_mut(usize::MAX);
/// `PKEY_ACCESS_MASK`: every right that a protection key can deny (`asm-generic/mman-common.h`).
#[cfg(not(target_arch = "aarch64"))]
pub const PKEY_ACCESS_MASK: PkeyRights = PkeyRights(0x3);
/// `PKEY_ACCESS_MASK`: every right that a protection key can deny (arm64 `asm/mman.h`, 6.12).
#[cfg(target_arch = "aarch64")]
pub const PKEY_ACCESS_MASK: PkeyRights = PkeyRights(0xf);

bit_flags! {
    /// What a page may be used for. [mmap(2)](https://man7.org/linux/man-pages/man2/mmap.2.html)
    Prot(u32) {
        /// No access.
        NONE = raw::PROT_NONE;
        /// Reading.
        READ = raw::PROT_READ;
        /// Writing.
        WRITE = raw::PROT_WRITE;
        /// Executing.
        EXEC = raw::PROT_EXEC;
        /// In the kernel's header only; no architecture uses it.
        SEM = raw::PROT_SEM;
        /// Branch targets are checked (aarch64 only; `asm/mman.h`).
        BTI = 0x10u32;
        /// Memory tags are checked (aarch64 only; `asm/mman.h`).
        MTE = 0x20u32;
        /// `mprotect` only: to the start of a mapping that grows down.
        GROWSDOWN = raw::PROT_GROWSDOWN;
        /// `mprotect` only: to the end of a mapping that grows up.
        GROWSUP = raw::PROT_GROWSUP;
    }
}

bit_flags! {
    /// How `mmap` maps. [mmap(2)](https://man7.org/linux/man-pages/man2/mmap.2.html)
    ///
    /// The low four bits are one field, the map type; bits 26 to 31 are another, log2 of the huge page size.
    MapFlags(u32) {
        /// Stores reach the object and every other mapping of it. Unknown flags are ignored.
        SHARED = raw::MAP_SHARED, mask raw::MAP_TYPE;
        /// Stores copy the page; the object never sees them.
        PRIVATE = raw::MAP_PRIVATE, mask raw::MAP_TYPE;
        /// As `SHARED`, and an unknown flag is `EOPNOTSUPP` (4.15).
        SHARED_VALIDATE = raw::MAP_SHARED_VALIDATE, mask raw::MAP_TYPE;
        /// Memory that the kernel may turn to zeros under pressure (6.11).
        DROPPABLE = raw::MAP_DROPPABLE, mask raw::MAP_TYPE;
        /// Exactly at the address; what was there is replaced.
        FIXED = raw::MAP_FIXED;
        /// No file: zeros.
        ANONYMOUS = raw::MAP_ANONYMOUS;
        /// In the first 2 GiB of the address space (x86 only).
        MAP_32BIT = 0x40u32;
        /// Above the first 4 GiB (x86 only, 6.6).
        ABOVE4G = 0x80u32;
        /// Grows towards lower addresses when touched below, as a stack does.
        GROWSDOWN = raw::MAP_GROWSDOWN;
        /// Ignored since Linux 2.0.
        DENYWRITE = raw::MAP_DENYWRITE;
        /// Ignored.
        EXECUTABLE = raw::MAP_EXECUTABLE;
        /// Locked into memory, weaker than `mlock`: a failed prefault is not an error.
        LOCKED = raw::MAP_LOCKED;
        /// No swap space, and for huge pages no pool pages, reserved.
        NORESERVE = raw::MAP_NORESERVE;
        /// Prefaulted; that this failed is not an error.
        POPULATE = raw::MAP_POPULATE;
        /// With `POPULATE`: does nothing at all since 2.6.23.
        NONBLOCK = raw::MAP_NONBLOCK;
        /// Fit for a stack; no effect today, but for switching huge pages off.
        STACK = raw::MAP_STACK;
        /// From the huge page pool.
        HUGETLB = raw::MAP_HUGETLB;
        /// Synchronous page faults of a DAX file; only with `SHARED_VALIDATE`.
        SYNC = raw::MAP_SYNC;
        /// Exactly at the address, or `EEXIST` (4.17).
        FIXED_NOREPLACE = raw::MAP_FIXED_NOREPLACE;
        /// Huge pages of 16 KiB (with `HUGETLB`).
        HUGE_16KB = raw::MAP_HUGE_16KB, mask HUGE_FIELD;
        /// Huge pages of 64 KiB (with `HUGETLB`).
        HUGE_64KB = raw::MAP_HUGE_64KB, mask HUGE_FIELD;
        /// Huge pages of 512 KiB (with `HUGETLB`).
        HUGE_512KB = raw::MAP_HUGE_512KB, mask HUGE_FIELD;
        /// Huge pages of 1 MiB (with `HUGETLB`).
        HUGE_1MB = raw::MAP_HUGE_1MB, mask HUGE_FIELD;
        /// Huge pages of 2 MiB (with `HUGETLB`).
        HUGE_2MB = raw::MAP_HUGE_2MB, mask HUGE_FIELD;
        /// Huge pages of 8 MiB (with `HUGETLB`).
        HUGE_8MB = raw::MAP_HUGE_8MB, mask HUGE_FIELD;
        /// Huge pages of 16 MiB (with `HUGETLB`).
        HUGE_16MB = raw::MAP_HUGE_16MB, mask HUGE_FIELD;
        /// Huge pages of 32 MiB (with `HUGETLB`).
        HUGE_32MB = raw::MAP_HUGE_32MB, mask HUGE_FIELD;
        /// Huge pages of 256 MiB (with `HUGETLB`).
        HUGE_256MB = raw::MAP_HUGE_256MB, mask HUGE_FIELD;
        /// Huge pages of 512 MiB (with `HUGETLB`).
        HUGE_512MB = raw::MAP_HUGE_512MB, mask HUGE_FIELD;
        /// Huge pages of 1 GiB (with `HUGETLB`).
        HUGE_1GB = raw::MAP_HUGE_1GB, mask HUGE_FIELD;
        /// Huge pages of 2 GiB (with `HUGETLB`).
        HUGE_2GB = raw::MAP_HUGE_2GB, mask HUGE_FIELD;
        /// Huge pages of 16 GiB (with `HUGETLB`).
        HUGE_16GB = raw::MAP_HUGE_16GB, mask HUGE_FIELD;
        /// Not cleared (a build option of kernels without an MMU; shares its bit with the huge page size field).
        UNINITIALIZED = 0x0400_0000u32, mask HUGE_FIELD;
    }
}

impl MapFlags {
    /// `MAP_TYPE`: the bits of the map type.
    pub const TYPE: Self = Self(raw::MAP_TYPE);
    /// `MAP_FILE`: no bit; what is not anonymous is a file.
    pub const FILE: Self = Self(0);

    /// The map type alone.
    #[must_use]
    #[inline]
    pub const fn map_type(self) -> Self {
        Self(self.0 & raw::MAP_TYPE)
    }

    /// The huge page size field for pages of `2^log2` bytes.
    #[must_use]
    #[inline]
    pub const fn huge_log2(log2: u32) -> Self {
        Self((log2 & raw::MAP_HUGE_MASK) << raw::MAP_HUGE_SHIFT)
    }
}

bit_flags! {
    /// How `msync` synchronizes. [msync(2)](https://man7.org/linux/man-pages/man2/msync.2.html)
    SyncFlags(u32) {
        /// Start nothing, wait for nothing (a no-op since 2.6.19).
        ASYNC = raw::MS_ASYNC;
        /// On Linux only a check: `EBUSY` where a page is locked.
        INVALIDATE = raw::MS_INVALIDATE;
        /// Write back and wait.
        SYNC = raw::MS_SYNC;
    }
}

bit_flags! {
    /// How `mlock2` locks. [mlock2(2)](https://man7.org/linux/man-pages/man2/mlock.2.html)
    LockFlags(u32) {
        /// Lock each page when it is first touched.
        ONFAULT = raw::MLOCK_ONFAULT;
    }
}

bit_flags! {
    /// What `mlockall` locks. [mlockall(2)](https://man7.org/linux/man-pages/man2/mlock.2.html)
    LockAllFlags(u32) {
        /// All that is mapped now.
        CURRENT = raw::MCL_CURRENT;
        /// All that will be mapped.
        FUTURE = raw::MCL_FUTURE;
        /// With one of the others: lock pages when they are touched (4.4).
        ONFAULT = raw::MCL_ONFAULT;
    }
}

bit_flags! {
    /// How `mremap` moves. [mremap(2)](https://man7.org/linux/man-pages/man2/mremap.2.html)
    RemapFlags(u32) {
        /// The mapping may go elsewhere.
        MAYMOVE = raw::MREMAP_MAYMOVE;
        /// To exactly the new address; what is there is unmapped.
        FIXED = raw::MREMAP_FIXED;
        /// The old range stays mapped, without its pages (5.7).
        DONTUNMAP = raw::MREMAP_DONTUNMAP;
    }
}

bit_flags! {
    /// What a protection key denies. [pkeys(7)](https://man7.org/linux/man-pages/man7/pkeys.7.html)
    PkeyRights(u32) {
        /// Nothing.
        UNRESTRICTED = raw::PKEY_UNRESTRICTED;
        /// Reading and writing.
        DISABLE_ACCESS = raw::PKEY_DISABLE_ACCESS;
        /// Writing.
        DISABLE_WRITE = raw::PKEY_DISABLE_WRITE;
        /// Executing (aarch64 only; `asm/mman.h`, 6.12).
        DISABLE_EXECUTE = 0x4u32;
        /// Reading (aarch64 only; `asm/mman.h`, 6.12).
        DISABLE_READ = 0x8u32;
    }
}

bit_flags! {
    /// How `map_shadow_stack` prepares the stack (`asm/mman.h`, 6.6).
    ShadowStackFlags(u64) {
        /// With a restore token at its top.
        SET_TOKEN = raw::SHADOW_STACK_SET_TOKEN;
        /// With an end marker (aarch64).
        SET_MARKER = raw::SHADOW_STACK_SET_MARKER;
    }
}

open_number! {
    /// What `vm.overcommit_memory` holds (`linux/mman.h`).
    Overcommit(u32) {
        /// Refuse only what is obviously too much.
        GUESS = raw::OVERCOMMIT_GUESS;
        /// Refuse nothing.
        ALWAYS = raw::OVERCOMMIT_ALWAYS;
        /// Refuse what is over the limit.
        NEVER = raw::OVERCOMMIT_NEVER;
    }
}
