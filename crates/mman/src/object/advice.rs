//! Telling the kernel how a file will be read: what to read in, and what to drop from the page cache.

use super::{FileObject, MemoryObject};
use crate::area::range_error;
use crate::error::{Cause, Error, ObjectKind, Operation, Result};
use crate::page::resolve;
use core::num::NonZeroU64;
use core::ops::{Range, RangeBounds};
use mman_sys::Errno;
use rustix::fs::Advice;
use std::os::fd::AsFd;

/// How bytes of a file will be read. It changes no byte. [posix_fadvise(2)](https://man7.org/linux/man-pages/man2/posix_fadvise.2.html)
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FileAdvice {
    /// Read ahead as the storage's setting says. Of the whole open file, whatever the range.
    Normal,
    /// Read ahead twice as far. Of the whole open file, whatever the range.
    Sequential,
    /// Read ahead nothing. Of the whole open file, whatever the range.
    Random,
    /// Reading counts as no use of the pages (6.3; before, nothing). Of the whole open file, whatever the range.
    NoReuse,
    /// Start reading in what is missing, without waiting. One window of read-ahead at most: for more, ask piece by piece.
    WillNeed,
    /// Drop the pages that lie wholly in the range; the last page of the file too where the range ends there.
    ///
    /// What is dirty is not dropped, but its write-back begins: [`sync_data`](std::fs::File::sync_data) first. What is
    /// mapped by a process, locked, or in use by the kernel stays. On file systems in memory it does nothing.
    /// The kernel says nothing of all that: [`FileObject::cache`] counts what is left.
    DontNeed,
}

impl FileAdvice {
    const fn advice(self) -> Advice {
        match self {
            Self::Normal => Advice::Normal,
            Self::Sequential => Advice::Sequential,
            Self::Random => Advice::Random,
            Self::NoReuse => Advice::NoReuse,
            Self::WillNeed => Advice::WillNeed,
            Self::DontNeed => Advice::DontNeed,
        }
    }
}

impl FileAdvice {
    /// Tells the kernel how bytes of an open file will be read, by one system call: for who looks at many files. The
    /// range is not held against the size of the file; there is nothing past the end.
    ///
    /// ```
    /// use mman::FileAdvice;
    ///
    /// let file = std::fs::File::open("Cargo.toml")?;
    /// FileAdvice::WillNeed.tell(&file, ..)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`FileObject::advise`].
    pub fn tell(self, file: impl AsFd, range: impl RangeBounds<u64>) -> Result<()> {
        let bounds = (range.start_bound().cloned(), range.end_bound().cloned());
        let bytes = resolve(&bounds, Some(u64::MAX))
            .map_err(|error| range_error(Operation::Advise, ObjectKind::File, error))?;
        tell(&file, ObjectKind::File, bytes, self)
    }
}

impl<F: AsFd> FileObject<F> {
    /// Tells the kernel how bytes of the file will be read. Nothing is mapped. A range without a page of its own does
    /// nothing.
    ///
    /// ```
    /// use mman::{FileAdvice, FileObject};
    ///
    /// let file = FileObject::open("Cargo.toml")?;
    /// file.advise(.., FileAdvice::WillNeed)?;
    /// # Ok::<(), mman::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Cause::Range`]; what `posix_fadvise` answers. That nothing was read in, or that nothing was dropped, is none.
    pub fn advise(&self, range: impl RangeBounds<u64>, about: FileAdvice) -> Result<()> {
        let bounds = (range.start_bound().cloned(), range.end_bound().cloned());
        let end = self.size()?.unwrap_or(u64::MAX);
        let bytes = resolve(&bounds, Some(end))
            .map_err(|error| range_error(Operation::Advise, self.kind(), error))?;
        tell(&self.file().as_fd(), self.kind(), bytes, about)
    }
}

/// One call, for a range that is one.
fn tell(file: &impl AsFd, kind: ObjectKind, bytes: Range<u64>, about: FileAdvice) -> Result<()> {
    // Length 0 would mean all the rest. Offsets of files are signed.
    let len = bytes.end.min(i64::MAX.cast_unsigned()).saturating_sub(bytes.start);
    let Some(len) = NonZeroU64::new(len) else { return Ok(()) };
    rustix::fs::fadvise(file, bytes.start, Some(len), about.advice()).map_err(|errno| {
        let errno = Errno::from_raw(errno.raw_os_error());
        let cause = match errno {
            Errno::ENOSYS | Errno::EOPNOTSUPP => Cause::NotSupported,
            _ => Cause::Kernel,
        };
        Error::kernel(Operation::Advise, kind, errno).because(cause).on(bytes.start, len.get())
    })
}
