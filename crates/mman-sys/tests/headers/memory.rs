//! Mapping, protection, locking, advice, protection keys, memory policy.

use crate::row::{KERNEL, LIBRARY, Row, Set, When, names};
use mman_sys::{HUGE_PAGE_LOG2, MapFlags};

pub(crate) fn add(rows: &mut Vec<Row>) {
    names!(rows, When::Defined, Prot.bits(), "PROT_":
        NONE, READ, WRITE, EXEC, SEM, BTI, MTE, GROWSDOWN, GROWSUP);
    names!(rows, When::Defined, MapFlags.bits(), "MAP_":
        SHARED, PRIVATE, SHARED_VALIDATE, DROPPABLE, FIXED, ANONYMOUS, MAP_32BIT as "MAP_32BIT",
        ABOVE4G, GROWSDOWN, DENYWRITE, EXECUTABLE, LOCKED, NORESERVE, POPULATE, NONBLOCK, STACK,
        HUGETLB, SYNC, FIXED_NOREPLACE, UNINITIALIZED, TYPE, FILE);
    names!(rows, When::Defined, MapFlags.bits(), "MAP_":
        HUGE_16KB, HUGE_64KB, HUGE_512KB, HUGE_1MB, HUGE_2MB, HUGE_8MB, HUGE_16MB, HUGE_32MB,
        HUGE_256MB, HUGE_512MB, HUGE_1GB, HUGE_2GB, HUGE_16GB);
    names!(rows, When::Defined, SyncFlags.bits(), "MS_": ASYNC, INVALIDATE, SYNC);
    names!(rows, When::Defined, LockFlags.bits(), "MLOCK_": ONFAULT);
    names!(rows, When::Defined, LockAllFlags.bits(), "MCL_": CURRENT, FUTURE, ONFAULT);
    names!(rows, When::Defined, RemapFlags.bits(), "MREMAP_": MAYMOVE, FIXED, DONTUNMAP);
    names!(rows, When::Defined, PkeyRights.bits(), "PKEY_":
        UNRESTRICTED, DISABLE_ACCESS, DISABLE_WRITE, DISABLE_EXECUTE, DISABLE_READ);
    names!(rows, When::Defined, ShadowStackFlags.bits(), "SHADOW_STACK_": SET_TOKEN, SET_MARKER);
    names!(rows, When::Defined, Overcommit.raw(), "OVERCOMMIT_": GUESS, ALWAYS, NEVER);
    names!(rows, When::Defined, Advice.raw(), "MADV_":
        NORMAL, RANDOM, SEQUENTIAL, WILLNEED, DONTNEED, FREE, REMOVE, DONTFORK, DOFORK, MERGEABLE,
        UNMERGEABLE, HUGEPAGE, NOHUGEPAGE, DONTDUMP, DODUMP, WIPEONFORK, KEEPONFORK, COLD, PAGEOUT,
        POPULATE_READ, POPULATE_WRITE, DONTNEED_LOCKED, COLLAPSE, HWPOISON, SOFT_OFFLINE,
        GUARD_INSTALL, GUARD_REMOVE);
    names!(rows, When::Defined, PosixAdvice.raw(), "POSIX_MADV_":
        NORMAL, RANDOM, SEQUENTIAL, WILLNEED, DONTNEED);
    // Enumerators: the preprocessor does not know them.
    names!(rows, KERNEL, MemPolicy.raw(), "MPOL_": DEFAULT, PREFERRED, BIND, INTERLEAVE, LOCAL);
    names!(rows, since("LINUX_VERSION_CODE >= KERNEL_VERSION(5, 15, 0)"), MemPolicy.raw(), "MPOL_":
        PREFERRED_MANY);
    names!(rows, since("LINUX_VERSION_CODE >= KERNEL_VERSION(6, 9, 0)"), MemPolicy.raw(), "MPOL_":
        WEIGHTED_INTERLEAVE);
    names!(rows, When::Defined, MbindFlags.bits(), "MPOL_MF_": STRICT, MOVE, MOVE_ALL);
    names!(rows, When::Defined, MempolicyFlags.bits(), "MPOL_F_": NODE, ADDR, MEMS_ALLOWED);
    huge_page_sizes(rows);
    alone(rows);
    signals(rows);
}

const fn since(condition: &'static str) -> When {
    When::In(Set::Kernel, condition)
}

fn huge_page_sizes(rows: &mut Vec<Row>) {
    let sizes = ["16KB", "64KB", "512KB", "1MB", "2MB", "8MB", "16MB", "32MB", "256MB", "512MB"];
    let sizes = sizes.into_iter().chain(["1GB", "2GB", "16GB"]);
    assert_eq!(sizes.clone().count(), HUGE_PAGE_LOG2.len(), "one name for each huge page size");
    for (index, (size, log2)) in sizes.zip(HUGE_PAGE_LOG2).enumerate() {
        let name = format!("MAP_HUGE_{size}");
        let ours = format!("HUGE_PAGE_LOG2[{index}]");
        rows.push(Row::new(&ours, &format!("({name} >> MAP_HUGE_SHIFT)"), log2, KERNEL));
        let ours = format!("MapFlags::huge_log2({log2})");
        rows.push(Row::new(&ours, &name, MapFlags::huge_log2(log2).bits(), When::Defined));
    }
}

/// Constants of no type's table.
fn alone(rows: &mut Vec<Row>) {
    for object in ["MAP", "MFD"] {
        let c = format!("{object}_HUGE_SHIFT");
        rows.push(Row::new("HUGE_SHIFT", &c, mman_sys::HUGE_SHIFT, When::Defined));
        let c = format!("{object}_HUGE_MASK");
        rows.push(Row::new("HUGE_MASK", &c, mman_sys::HUGE_MASK, When::Defined));
    }
    let failed = mman_sys::MAP_FAILED.addr().cast_signed();
    rows.push(Row::new("MAP_FAILED", "MAP_FAILED", failed, When::Defined));
    // On aarch64 older headers have the generic mask, which lacks two rights.
    let when = if cfg!(target_arch = "aarch64") {
        since("defined PKEY_DISABLE_READ")
    } else {
        When::Defined
    };
    let mask = mman_sys::PKEY_ACCESS_MASK.bits();
    rows.push(Row::new("PKEY_ACCESS_MASK", "PKEY_ACCESS_MASK", mask, when));
}

fn signals(rows: &mut Vec<Row>) {
    names!(rows, When::Defined, ActionFlags.bits(), "SA_":
        NOCLDSTOP, NOCLDWAIT, SIGINFO, RESTORER, ONSTACK, RESTART, NODEFER, RESETHAND);
    names!(rows, When::Defined, MaskHow.raw(), "SIG_": BLOCK, UNBLOCK, SETMASK);
    names!(rows, When::Defined, Signal.raw(), "":
        SIGBUS, SIGSEGV, SIGIO, SIGKILL, SIGSTOP, SIGCONT, SIGABRT, SIGUSR1, SIGUSR2);
    let ours = mman_sys::SigInfo::BUS_ADRERR;
    rows.push(Row::new("SigInfo::BUS_ADRERR", "BUS_ADRERR", ours, When::Defined));
    // A set has bit n - 1 for signal n; the C library's is longer, and the same in its first word.
    rows.push(Row::new(
        "size of SigSet",
        "sizeof(sigset_t)",
        size_of::<mman_sys::SigSet>(),
        KERNEL,
    ));
    let bit = mman_sys::SigSet::of(mman_sys::Signal::SIGBUS).0;
    rows.push(Row::new("SigSet::of(SIGBUS)", "(1ULL << (SIGBUS - 1))", bit, LIBRARY));
}
