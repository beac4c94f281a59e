//! Advice, in two kinds: what harms nobody, and what may destroy bytes or take access.

use mman::{Hint, kernel};

/// Advice that changes no byte and takes no access from this process. [madvise(2)](https://man7.org/linux/man-pages/man2/madvise.2.html)
///
/// The numbers are the kernel's. What pretends that memory broke is not here, as it is in memmap2, but with what is
/// unsafe ([`UncheckedAdvice::HwPoison`]): it takes pages away, with the bytes in them.
///
/// ```compile_fail,E0599
/// let memory = mman_memmap2::MmapMut::map_anon(4096)?;
/// memory.advise(mman_memmap2::Advice::HwPoison)?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Advice {
    /// No special treatment.
    Normal = mman::Advice::NORMAL.raw(),
    /// Access will be scattered: no read-ahead.
    Random = mman::Advice::RANDOM.raw(),
    /// Access will be in order: read ahead far, drop behind.
    Sequential = mman::Advice::SEQUENTIAL.raw(),
    /// Start reading in what is missing, without waiting.
    WillNeed = mman::Advice::WILLNEED.raw(),
    /// A child does not get these pages. Who forks, which is unsafe, answers for it that the child leaves the map alone.
    DontFork = mman::Advice::DONTFORK.raw(),
    /// Takes `DontFork` back.
    DoFork = mman::Advice::DOFORK.raw(),
    /// Equal pages may be merged.
    Mergeable = mman::Advice::MERGEABLE.raw(),
    /// Equal pages may not be merged.
    Unmergeable = mman::Advice::UNMERGEABLE.raw(),
    /// Transparent huge pages wanted.
    HugePage = mman::Advice::HUGEPAGE.raw(),
    /// Transparent huge pages not wanted.
    NoHugePage = mman::Advice::NOHUGEPAGE.raw(),
    /// Not in a core dump.
    DontDump = mman::Advice::DONTDUMP.raw(),
    /// In a core dump.
    DoDump = mman::Advice::DODUMP.raw(),
    /// Read in and map all pages, and say if that failed (5.14).
    PopulateRead = mman::Advice::POPULATE_READ.raw(),
    /// As `PopulateRead`, ready for writing: private pages are copied, shared ones made dirty (5.14).
    PopulateWrite = mman::Advice::POPULATE_WRITE.raw(),
}

/// Advice that destroys bytes, or memory. [madvise(2)](https://man7.org/linux/man-pages/man2/madvise.2.html)
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UncheckedAdvice {
    /// Drops the pages at once: private anonymous memory reads as zeros afterwards, a file is read again.
    DontNeed = mman::Advice::DONTNEED.raw(),
    /// Drops the pages when memory is short, unless they are written before (4.5). Private anonymous memory only.
    Free = mman::Advice::FREE.raw(),
    /// Frees the bytes of the object: it reads as zeros, for everybody. Shared writable maps only.
    Remove = mman::Advice::REMOVE.raw(),
    /// Pretends that the memory broke: it is taken from the machine, and a touch may be SIGBUS. For `CAP_SYS_ADMIN`, to
    /// test what happens then.
    HwPoison = mman::Advice::HWPOISON.raw(),
}

/// What an [`Advice`] is about.
pub(crate) enum About {
    /// This process.
    Pages(Hint),
    /// What a child gets.
    Children(mman::Advice),
}

impl Advice {
    /// Whether the kernel knows it.
    #[must_use]
    pub fn is_supported(self) -> bool {
        kernel::knows_advice(mman::Advice::from_raw(self as i32)).is_ok()
    }

    pub(crate) const fn about(self) -> About {
        About::Pages(match self {
            Self::Normal => Hint::Normal,
            Self::Random => Hint::Random,
            Self::Sequential => Hint::Sequential,
            Self::WillNeed => Hint::WillNeed,
            Self::Mergeable => Hint::Mergeable,
            Self::Unmergeable => Hint::Unmergeable,
            Self::HugePage => Hint::HugePages,
            Self::NoHugePage => Hint::NoHugePages,
            Self::DontDump => Hint::NoDump,
            Self::DoDump => Hint::Dump,
            Self::PopulateRead => Hint::PopulateRead,
            Self::PopulateWrite => Hint::PopulateWrite,
            Self::DontFork => return About::Children(mman::Advice::DONTFORK),
            Self::DoFork => return About::Children(mman::Advice::DOFORK),
        })
    }
}

impl UncheckedAdvice {
    /// Whether the kernel knows it, and lets this process give it.
    #[must_use]
    pub fn is_supported(self) -> bool {
        kernel::knows_advice(self.raw()).is_ok()
    }

    pub(crate) const fn raw(self) -> mman::Advice {
        mman::Advice::from_raw(self as i32)
    }
}
