//! What an object can prove about itself, now and for good.

use rustix::fs::SealFlags;
use std::os::fd::AsFd;

/// What nobody can do to an object any more, as the kernel guarantees it. Less comes before more.
///
/// What was proved once stays true of that object: no seal is ever taken off.
///
/// ```
/// use mman::{Immutability, MemFd, MemoryObject};
///
/// let memory = MemFd::new(4096)?;
/// assert_eq!(memory.immutability()?, Immutability::Nothing);
/// assert_eq!(memory.freeze()?.immutability()?, Immutability::Bytes);
/// # Ok::<(), mman::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Immutability {
    /// Nothing is proved: the object may change and become shorter.
    Nothing,
    /// It does not become shorter: each byte that it has now stays in it.
    Size,
    /// It does not become shorter, and no byte that it has now changes.
    Bytes,
}

impl Immutability {
    /// Seals that keep the bytes. A seal against writing in the future (`F_SEAL_FUTURE_WRITE`) is none of them:
    /// mappings that exist go on writing.
    const BYTES: SealFlags = SealFlags::SHRINK.union(SealFlags::WRITE);

    /// What the seals of an object prove.
    const fn of(seals: SealFlags) -> Self {
        if seals.contains(Self::BYTES) {
            Self::Bytes
        } else if seals.contains(SealFlags::SHRINK) {
            Self::Size
        } else {
            Self::Nothing
        }
    }

    /// What the seals of an open object prove: nothing where it cannot have any.
    pub(super) fn of_descriptor(fd: impl AsFd) -> Self {
        rustix::fs::fcntl_get_seals(fd).map_or(Self::Nothing, Self::of)
    }
}
