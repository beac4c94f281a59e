//! Writing changes back to the object.

use crate::error::{Cause, Error, Operation, Result};
use crate::mapping::Mapping;
use crate::pages::Pages;
use core::ops::RangeBounds;
use mman_sys::SyncFlags;

/// How far a [`Mapping::sync`] goes. [msync(2)](https://man7.org/linux/man-pages/man2/msync.2.html)
///
/// Stores to a shared mapping are seen by everybody at once, `read` included; this is about the device only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Sync {
    /// Starts nothing and waits for nothing: on Linux since 2.6.19 it only checks the range.
    Async,
    /// Writes the bytes back, and waits until the device has them.
    Data,
    /// As `Data`, and waits until the device has also what else is known of the file (its times), and, the first time,
    /// its name: a new file is found after a loss of power. For views that have the descriptor: [`SharedMut::open`] and
    /// [`SharedMut::keeping`], [`GrowableFile`]; else [`Cause::NoDescriptor`].
    ///
    /// [`SharedMut::open`]: crate::SharedMut::open
    /// [`SharedMut::keeping`]: crate::SharedMut::keeping
    /// [`GrowableFile`]: crate::GrowableFile
    Full,
    /// Writes nothing; tells whether a page of the range is locked
    /// ([`Cause::Locked`](crate::Cause::Locked)), which is all that `MS_INVALIDATE` does on Linux.
    Invalidate,
}

impl Pages<'_> {
    /// Writes changed bytes of a shared file mapping back. For any other mapping it does nothing.
    ///
    /// The range is rounded outwards to pages.
    ///
    /// # Errors
    ///
    /// The error of the write-back (`EIO`, `ENOSPC`) as [`Cause::Kernel`](crate::Cause::Kernel). The kernel tells
    /// it once: a later call may succeed although bytes were lost. ([`SharedMut::sync`](crate::SharedMut::sync) keeps it.)
    pub fn sync(&self, range: impl RangeBounds<usize>, how: Sync) -> Result<()> {
        let pages = self.covering(Operation::Sync, &range)?;
        let flags = match how {
            Sync::Async => SyncFlags::ASYNC,
            Sync::Data => SyncFlags::SYNC,
            Sync::Full => {
                return Err(Error::new(Operation::Sync, self.kind(), Cause::NoDescriptor));
            }
            Sync::Invalidate => SyncFlags::INVALIDATE,
        };
        self.area.sync(pages, flags).map_err(|error| self.told(error))
    }
}

impl Mapping {
    /// Writes changed bytes back: see [`Pages::sync`].
    ///
    /// # Errors
    ///
    /// Those of [`Pages::sync`].
    pub fn sync(&self, range: impl RangeBounds<usize>, how: Sync) -> Result<()> {
        self.pages().sync(range, how)
    }
}
