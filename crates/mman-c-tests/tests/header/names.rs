//! Every name of the header: whom it is shown to, and its number in `mman-sys`.

use mman_sys::PkeyRights;

use crate::compiler::Arch;

/// Who sees a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shown {
    /// Everybody: POSIX's, and what glibc and musl show with it.
    Always,
    /// POSIX's since Issue 8, Linux's before.
    Issue8,
    /// `MAP_*` of Linux: with `_DEFAULT_SOURCE` for glibc, always for musl.
    Map,
    /// `_DEFAULT_SOURCE`.
    Default,
    /// `_GNU_SOURCE`.
    Gnu,
    /// `_LARGEFILE64_SOURCE`.
    Large,
}

/// A constant of the header.
#[derive(Debug)]
pub(crate) struct Constant {
    /// What it is in `mman-sys`: `Type::NAME`.
    pub(crate) ours: &'static str,
    pub(crate) c: String,
    pub(crate) value: i128,
    pub(crate) shown: Shown,
    /// The one machine that has it.
    pub(crate) only: Option<Arch>,
}

pub(crate) const FUNCTIONS: &[(&str, Shown)] = &[
    ("mmap", Shown::Always),
    ("mmap64", Shown::Large),
    ("munmap", Shown::Always),
    ("mprotect", Shown::Always),
    ("msync", Shown::Always),
    ("mlock", Shown::Always),
    ("mlock2", Shown::Gnu),
    ("munlock", Shown::Always),
    ("mlockall", Shown::Always),
    ("munlockall", Shown::Always),
    ("mremap", Shown::Gnu),
    ("remap_file_pages", Shown::Gnu),
    ("madvise", Shown::Default),
    ("posix_madvise", Shown::Always),
    ("mincore", Shown::Default),
    ("memfd_create", Shown::Gnu),
    ("memfd_secret", Shown::Gnu),
    ("shm_open", Shown::Always),
    ("shm_unlink", Shown::Always),
    ("posix_typed_mem_open", Shown::Always),
    ("posix_typed_mem_get_info", Shown::Always),
    ("posix_mem_offset", Shown::Always),
    ("pkey_alloc", Shown::Gnu),
    ("pkey_free", Shown::Gnu),
    ("pkey_mprotect", Shown::Gnu),
    ("pkey_get", Shown::Gnu),
    ("pkey_set", Shown::Gnu),
    ("process_madvise", Shown::Gnu),
    ("process_mrelease", Shown::Gnu),
    ("mseal", Shown::Gnu),
    ("cachestat", Shown::Gnu),
    ("map_shadow_stack", Shown::Gnu),
];

/// Constants of one type: `names!(all, Prot.bits(), "PROT_", Always on Aarch64: BTI, ...)`.
macro_rules! names {
    ($constants:ident, $type:ident.$read:ident(), $prefix:literal, $shown:ident on $only:ident:
     $($name:ident $(as $c:literal)?),+ $(,)?) => {
        $(
            $constants.push(Constant {
                ours: concat!(stringify!($type), "::", stringify!($name)),
                c: names!(@c $prefix, $name $(, $c)?).to_owned(),
                value: i128::from(mman_sys::$type::$name.$read()),
                shown: Shown::$shown,
                only: names!(@only $only),
            });
        )+
    };
    (@c $prefix:literal, $name:ident) => { concat!($prefix, stringify!($name)) };
    (@c $prefix:literal, $name:ident, $c:literal) => { $c };
    (@only Any) => { None };
    (@only $only:ident) => { Some(Arch::$only) };
}

/// The whole table.
pub(crate) fn constants() -> Vec<Constant> {
    let mut all = Vec::new();
    protection(&mut all);
    mapping(&mut all);
    names!(all, SyncFlags.bits(), "MS_", Always on Any: ASYNC, INVALIDATE, SYNC);
    names!(all, LockFlags.bits(), "MLOCK_", Gnu on Any: ONFAULT);
    names!(all, LockAllFlags.bits(), "MCL_", Always on Any: CURRENT, FUTURE, ONFAULT);
    names!(all, RemapFlags.bits(), "MREMAP_", Gnu on Any: MAYMOVE, FIXED, DONTUNMAP);
    names!(all, PosixAdvice.raw(), "POSIX_MADV_", Always on Any:
        NORMAL, RANDOM, SEQUENTIAL, WILLNEED, DONTNEED);
    names!(all, Advice.raw(), "MADV_", Default on Any:
        NORMAL, RANDOM, SEQUENTIAL, WILLNEED, DONTNEED, FREE, REMOVE, DONTFORK, DOFORK, MERGEABLE,
        UNMERGEABLE, HUGEPAGE, NOHUGEPAGE, DONTDUMP, DODUMP, WIPEONFORK, KEEPONFORK, COLD, PAGEOUT,
        POPULATE_READ, POPULATE_WRITE, DONTNEED_LOCKED, COLLAPSE, HWPOISON, SOFT_OFFLINE,
        GUARD_INSTALL, GUARD_REMOVE);
    names!(all, MemfdFlags.bits(), "MFD_", Gnu on Any:
        CLOEXEC, ALLOW_SEALING, HUGETLB, NOEXEC_SEAL, EXEC);
    names!(all, MemfdFlags.bits(), "MFD_", Gnu on Any:
        HUGE_64KB, HUGE_512KB, HUGE_1MB, HUGE_2MB, HUGE_8MB, HUGE_16MB, HUGE_32MB, HUGE_256MB,
        HUGE_512MB, HUGE_1GB, HUGE_2GB, HUGE_16GB);
    names!(all, PkeyRights.bits(), "PKEY_", Gnu on Any: UNRESTRICTED, DISABLE_ACCESS, DISABLE_WRITE);
    names!(all, PkeyRights.bits(), "PKEY_", Gnu on Aarch64: DISABLE_EXECUTE, DISABLE_READ);
    names!(all, ShadowStackFlags.bits(), "SHADOW_STACK_", Gnu on Any: SET_TOKEN, SET_MARKER);
    names!(all, Overcommit.raw(), "OVERCOMMIT_", Gnu on Any: GUESS, ALWAYS, NEVER);
    typed(&mut all);
    fields(&mut all);
    all
}

fn protection(all: &mut Vec<Constant>) {
    names!(all, Prot.bits(), "PROT_", Always on Any: NONE, READ, WRITE, EXEC, GROWSDOWN, GROWSUP);
    names!(all, Prot.bits(), "PROT_", Always on Aarch64: BTI, MTE);
    names!(all, Prot.bits(), "PROT_", Default on Any: SEM);
}

fn mapping(all: &mut Vec<Constant>) {
    names!(all, MapFlags.bits(), "MAP_", Always on Any: SHARED, PRIVATE, FIXED);
    names!(all, MapFlags.bits(), "MAP_", Issue8 on Any: ANONYMOUS);
    names!(all, MapFlags.bits(), "", Issue8 on Any: ANONYMOUS as "MAP_ANON");
    names!(all, MapFlags.bits(), "MAP_", Map on Any:
        SHARED_VALIDATE, DROPPABLE, TYPE, FILE, GROWSDOWN, DENYWRITE, EXECUTABLE, LOCKED, NORESERVE,
        POPULATE, NONBLOCK, STACK, HUGETLB, SYNC, FIXED_NOREPLACE, UNINITIALIZED);
    names!(all, MapFlags.bits(), "MAP_", Map on X86: MAP_32BIT as "MAP_32BIT", ABOVE4G);
    names!(all, MapFlags.bits(), "MAP_", Map on Any:
        HUGE_16KB, HUGE_64KB, HUGE_512KB, HUGE_1MB, HUGE_2MB, HUGE_8MB, HUGE_16MB, HUGE_32MB,
        HUGE_256MB, HUGE_512MB, HUGE_1GB, HUGE_2GB, HUGE_16GB);
}

fn typed(all: &mut Vec<Constant>) {
    use mman_typed::TypedFlags;
    for (c, flag) in [
        ("POSIX_TYPED_MEM_ALLOCATE", TypedFlags::ALLOCATE),
        ("POSIX_TYPED_MEM_ALLOCATE_CONTIG", TypedFlags::ALLOCATE_CONTIG),
        ("POSIX_TYPED_MEM_MAP_ALLOCATABLE", TypedFlags::MAP_ALLOCATABLE),
    ] {
        let value = flag.bits().into();
        assert_ne!(value, 0, "{c} would be no flag");
        all.push(Constant { ours: c, c: c.to_owned(), value, shown: Shown::Always, only: None });
    }
}

/// Constants of no type's table.
fn fields(all: &mut Vec<Constant>) {
    let mut add = |ours, c: &str, value: u32, shown, only| {
        all.push(Constant { ours, c: c.to_owned(), value: value.into(), shown, only });
    };
    for (object, shown) in [("MAP", Shown::Map), ("MFD", Shown::Gnu)] {
        add("HUGE_SHIFT", &format!("{object}_HUGE_SHIFT"), mman_sys::HUGE_SHIFT, shown, None);
        add("HUGE_MASK", &format!("{object}_HUGE_MASK"), mman_sys::HUGE_MASK, shown, None);
    }
    // Here it is that of the machine of the test; the other's is made of the same rights.
    let two = PkeyRights::DISABLE_ACCESS | PkeyRights::DISABLE_WRITE;
    let four = two | PkeyRights::DISABLE_READ | PkeyRights::DISABLE_EXECUTE;
    for (mask, machine) in [(two, Arch::X86), (four, Arch::Aarch64)] {
        let name = "PKEY_ACCESS_MASK";
        if machine == Arch::of_this_test() {
            assert_eq!(mman_sys::PKEY_ACCESS_MASK, mask, "{name}");
        }
        add(name, name, mask.bits(), Shown::Gnu, Some(machine));
    }
    all.push(Constant {
        ours: "MAP_FAILED",
        c: "MAP_FAILED".to_owned(),
        value: mman_sys::MAP_FAILED.addr().cast_signed() as i128,
        shown: Shown::Always,
        only: None,
    });
}
