//! Memory objects: what can be mapped.

pub(crate) mod cache;

mod advice;
mod anonymous;
mod blocks;
mod descriptor;
mod file;
mod immutability;
mod memfd;
mod secret;
mod shm;
pub(crate) mod typed;

pub use advice::FileAdvice;
pub use anonymous::Anonymous;
pub(crate) use blocks::{Blocks, extend};
pub use file::FileObject;
pub use immutability::Immutability;
pub use memfd::{FixedSize, Immutable, MemFd, MemFdOptions, SealState, Unsealed};
pub use secret::SecretMem;
pub use shm::{ShmEntry, ShmObject, ShmOptions};
pub use typed::{TypedAllocatable, TypedAllocation, TypedInfo, TypedMemory};

use crate::error::{ObjectKind, Result};
use crate::page::PageSize;
use core::sync::atomic::{AtomicU64, Ordering};
use std::os::fd::BorrowedFd;

/// Something that can be mapped: see [`crate::MapOptions::map`].
///
/// The trait is sealed. What an object promises about its bytes decides what may be done with a mapping of
/// it, so each kind is a type of this crate.
pub trait MemoryObject: Backed {
    /// What it is.
    fn kind(&self) -> ObjectKind;

    /// How long it is now, in bytes; `None` for a device that does not tell.
    ///
    /// # Errors
    ///
    /// What `fstat` answers.
    fn size(&self) -> Result<Option<u64>> {
        Ok(self.describe()?.size)
    }

    /// What it proves about itself, for now and for good.
    ///
    /// A [`FileObject`] answers for the descriptor that it was lent this time: a type that lends another one each
    /// time proves nothing of what is mapped next.
    ///
    /// # Errors
    ///
    /// What the kernel answers.
    fn immutability(&self) -> Result<Immutability> {
        Ok(Immutability::Nothing)
    }
}

/// What the kernel is given for an object.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Backing<'object> {
    /// Memory without a file.
    Nothing,
    /// A descriptor, open as long as the object is borrowed.
    Descriptor(BorrowedFd<'object>),
    /// Memory of a pool, by a descriptor that says what a mapping does to the pool.
    Typed {
        /// Open as long as the object is borrowed.
        fd: BorrowedFd<'object>,
        /// A mapping takes any free memory, instead of a range that it names.
        allocates: bool,
        /// A mapping holds the memory, so that it may be made to be there.
        holds: bool,
    },
}

impl<'object> Backing<'object> {
    /// The descriptor, if there is one.
    pub(crate) const fn fd(&self) -> Option<BorrowedFd<'object>> {
        match self {
            Self::Nothing => None,
            Self::Descriptor(fd) | Self::Typed { fd, .. } => Some(*fd),
        }
    }

    /// Whether each mapping is new memory, which has no place in an object yet.
    pub(crate) const fn is_new(&self) -> bool {
        matches!(self, Self::Nothing | Self::Typed { allocates: true, .. })
    }

    /// The store of memory that a mapping holds.
    pub(crate) const fn held(&self) -> Option<BorrowedFd<'object>> {
        match self {
            Self::Typed { fd, holds: true, .. } => Some(*fd),
            _ => None,
        }
    }
}

/// A number that two mappings of the same object share, and mappings of different objects do not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) device: u64,
    pub(crate) inode: u64,
}

impl Identity {
    /// A number that no device has, and a new one each time.
    pub(crate) fn fresh() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self { device: u64::MAX, inode: NEXT.fetch_add(1, Ordering::Relaxed) }
    }
}

/// All that mapping an object needs to know of it, found out at one moment and of one descriptor.
///
/// A type that lends descriptors may lend another one each time it is asked. What is true of one of them must not be
/// believed of the next: the length of a mapping depends on it.
#[derive(Clone, Copy, Debug)]
pub struct Described<'object> {
    pub(crate) backing: Backing<'object>,
    /// Length in bytes; `None` for a device that does not tell.
    pub(crate) size: Option<u64>,
    /// Which object it is; `None` where each mapping is an object of its own.
    pub(crate) identity: Option<Identity>,
    /// The size of its pages: larger than the machine's for files of huge pages.
    pub(crate) page: PageSize,
}

/// The sealed half of [`MemoryObject`].
pub trait Backed {
    /// Looks at the object.
    ///
    /// # Errors
    ///
    /// What `fstat` answers.
    fn describe(&self) -> Result<Described<'_>>;
}

impl<T: Backed + ?Sized> Backed for &T {
    fn describe(&self) -> Result<Described<'_>> {
        (**self).describe()
    }
}

impl<T: MemoryObject + ?Sized> MemoryObject for &T {
    fn kind(&self) -> ObjectKind {
        (**self).kind()
    }

    fn immutability(&self) -> Result<Immutability> {
        (**self).immutability()
    }
}
