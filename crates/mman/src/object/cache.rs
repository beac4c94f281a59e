//! What of a file is in the page cache, and in which state.
#![expect(unsafe_code, reason = "lets the kernel fill a struct of its own")]

use crate::area::range_error;
use crate::error::{Cause, Error, ObjectKind, Operation, Result};
use crate::object::{FileObject, MemoryObject};
use crate::page::resolve;
use core::ops::RangeBounds;
use mman_sys as sys;
use mman_sys::{Cachestat, CachestatRange, Errno};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

/// What the page cache has of a range of a file, in pages of the machine's size. [cachestat(2)](https://man7.org/linux/man-pages/man2/cachestat.2.html)
///
/// All counts are 0 for a file of overlayfs: its pages belong to the file below, which the kernel does not ask. There
/// [`Pages::residency`](crate::Pages::residency) tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CacheStatus {
    /// Pages in the cache.
    pub cached: u64,
    /// Of those, changed and not written back.
    pub dirty: u64,
    /// Of those, being written back.
    pub writeback: u64,
    /// Pages that were reclaimed, and of which the cache remembers that.
    pub evicted: u64,
    /// Of those, reclaimed so recently that their return would mean that memory is short.
    pub recently_evicted: u64,
}

impl CacheStatus {
    /// What the page cache has of a range of an open file (6.5), by one system call: for who looks at many files.
    /// The range is not held against the size of the file. Of what lies past the end nothing is in the cache.
    ///
    /// ```
    /// use mman::CacheStatus;
    ///
    /// let file = std::fs::File::open("Cargo.toml")?;
    /// if let Ok(status) = CacheStatus::of(&file, ..) {
    ///     assert!(status.cached <= 1);
    ///     assert_eq!(CacheStatus::of(&file, 1 << 40..)?, CacheStatus::default());
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`FileObject::cache`].
    pub fn of(file: impl AsFd, range: impl RangeBounds<u64>) -> Result<Self> {
        cache(file.as_fd(), ObjectKind::File, None, &range)
    }
}

impl<F: AsFd> FileObject<F> {
    /// What the page cache has of a range of the file (6.5). Nothing is mapped, nothing is read in.
    ///
    /// ```
    /// use mman::{Cause, FileObject};
    ///
    /// let file = FileObject::open("Cargo.toml")?;
    /// match file.cache(..) {
    ///     Ok(status) => assert!(status.dirty <= status.cached),
    ///     Err(error) => assert!(matches!(error.cause(), Cause::NotSupported | Cause::Hidden)),
    /// }
    /// # Ok::<(), mman::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Cause::Range`]; [`Cause::NotSupported`] on older kernels and for files of huge pages; [`Cause::Hidden`]
    /// for a file that the caller neither owns nor may write to (since 6.14; `mincore` lies about those:
    /// [`residency_is_visible`](Self::residency_is_visible)).
    pub fn cache(&self, range: impl RangeBounds<u64>) -> Result<CacheStatus> {
        cache(self.file().as_fd(), self.kind(), self.size()?, &range)
    }
}

/// What the page cache has of an object of this size.
pub(crate) fn cache(
    fd: BorrowedFd<'_>,
    kind: ObjectKind,
    size: Option<u64>,
    range: &impl RangeBounds<u64>,
) -> Result<CacheStatus> {
    let end = size.unwrap_or(u64::MAX);
    let bytes = resolve(&(range.start_bound().cloned(), range.end_bound().cloned()), Some(end))
        .map_err(|error| range_error(Operation::Residency, kind, error))?;
    let len = bytes.end.saturating_sub(bytes.start);
    let mut counts = Cachestat::default();
    // Length 0 would mean all the rest.
    if len > 0 {
        let asked = CachestatRange { off: bytes.start, len };
        // SAFETY: the descriptor is borrowed, so open; the kernel writes the struct alone.
        let answer =
            unsafe { sys::cachestat(fd.as_raw_fd(), &raw const asked, &raw mut counts, 0) };
        answer.map_err(|errno| {
            let cause = match errno {
                Errno::ENOSYS | Errno::EOPNOTSUPP => Cause::NotSupported,
                Errno::EPERM => Cause::Hidden,
                _ => Cause::Kernel,
            };
            Error::kernel(Operation::Residency, kind, errno).because(cause).on(bytes.start, len)
        })?;
    }
    Ok(CacheStatus {
        cached: counts.nr_cache,
        dirty: counts.nr_dirty,
        writeback: counts.nr_writeback,
        evicted: counts.nr_evicted,
        recently_evicted: counts.nr_recently_evicted,
    })
}
