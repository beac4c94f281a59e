//! Memory objects: what can be mapped.

mod anonymous;
mod file;

pub use anonymous::Anonymous;
pub use file::FileObject;

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
    fn size(&self) -> Result<Option<u64>>;
}

/// What the kernel is given for an object.
#[derive(Clone, Copy, Debug)]
pub enum Backing<'object> {
    /// Memory without a file.
    Nothing,
    /// A descriptor, open as long as the object is borrowed.
    Descriptor(BorrowedFd<'object>),
}

/// A number that two mappings of the same object share, and mappings of different objects do not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
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

/// The sealed half of [`MemoryObject`].
pub trait Backed {
    /// What the kernel is given.
    fn backing(&self) -> Backing<'_>;

    /// Which object it is; `None` where each mapping is an object of its own.
    fn identity(&self) -> Option<Identity>;

    /// The size of its pages: larger than the machine's for files of huge pages.
    fn page_size(&self) -> PageSize;
}

impl<T: Backed + ?Sized> Backed for &T {
    fn backing(&self) -> Backing<'_> {
        (**self).backing()
    }

    fn identity(&self) -> Option<Identity> {
        (**self).identity()
    }

    fn page_size(&self) -> PageSize {
        (**self).page_size()
    }
}

impl<T: MemoryObject + ?Sized> MemoryObject for &T {
    fn kind(&self) -> ObjectKind {
        (**self).kind()
    }

    fn size(&self) -> Result<Option<u64>> {
        (**self).size()
    }
}
