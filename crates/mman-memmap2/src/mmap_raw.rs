//! The map by pointer: no reference is ever formed.
#![expect(unsafe_code, reason = "exports unsafe functions")]

use crate::advice::{Advice, UncheckedAdvice};
use crate::held::Held;
use crate::mmap::Mmap;
use crate::mmap_mut::MmapMut;
use crate::options::MmapOptions;
use crate::remap::RemapOptions;
use core::fmt;
use mman::Sync;
use std::io;
use std::os::fd::AsFd;

/// A map that hands out pointers, for bytes that others change: what is done through them is the caller's proof.
///
/// A touch past the end of the file is SIGBUS, also where the file became shorter since. [`mman::Shared`] reads and
/// writes such bytes in safe code, with an error in place of the signal.
///
/// ```
/// use mman_memmap2::MmapRaw;
///
/// let file = tempfile::tempfile()?;
/// file.set_len(4096)?;
/// let map = MmapRaw::map_raw(&file)?;
/// // SAFETY: byte 0 is in the file, which nobody makes shorter or writes to.
/// assert_eq!(unsafe { map.as_ptr().read_volatile() }, 0);
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct MmapRaw {
    held: Held,
}

impl MmapRaw {
    pub(crate) const fn new(held: Held) -> Self {
        Self { held }
    }

    /// Maps all of a file for reading and writing.
    ///
    /// # Errors
    ///
    /// Those of [`MmapOptions::map_raw`].
    pub fn map_raw<T: AsFd>(file: T) -> io::Result<Self> {
        MmapOptions::new().map_raw(file)
    }

    /// The address of byte 0.
    #[inline]
    #[must_use]
    pub fn as_ptr(&self) -> *const u8 {
        self.held.as_ptr()
    }

    /// The address of byte 0, for writing, where the map is writable.
    #[inline]
    #[must_use]
    pub fn as_mut_ptr(&self) -> *mut u8 {
        self.held.as_ptr().cast_mut()
    }

    /// The length in bytes. The file may have become shorter since.
    #[inline]
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "memmap2 has none")]
    pub fn len(&self) -> usize {
        self.held.len()
    }

    /// Writes changed bytes back, and waits until the device has them. [msync(2)](https://man7.org/linux/man-pages/man2/msync.2.html)
    ///
    /// # Errors
    ///
    /// What the kernel answers, with its number: `EIO`, `ENOSPC`. It tells that once.
    pub fn flush(&self) -> io::Result<()> {
        self.held.sync(0, self.held.len(), Sync::Data)
    }

    /// Asks for changed bytes to be written back, and waits for nothing. Linux does that by itself: nothing happens.
    ///
    /// # Errors
    ///
    /// What the kernel answers, with its number.
    pub fn flush_async(&self) -> io::Result<()> {
        self.held.sync(0, self.held.len(), Sync::Async)
    }

    /// As [`flush`](Self::flush), for a part. Rounded outwards to pages.
    ///
    /// # Errors
    ///
    /// `InvalidInput` for bytes that are not in the map; those of [`flush`](Self::flush).
    pub fn flush_range(&self, offset: usize, len: usize) -> io::Result<()> {
        self.held.sync(offset, len, Sync::Data)
    }

    /// As [`flush_async`](Self::flush_async), for a part.
    ///
    /// # Errors
    ///
    /// `InvalidInput` for bytes that are not in the map; those of [`flush_async`](Self::flush_async).
    pub fn flush_async_range(&self, offset: usize, len: usize) -> io::Result<()> {
        self.held.sync(offset, len, Sync::Async)
    }

    /// Tells the kernel how the map will be used. [madvise(2)](https://man7.org/linux/man-pages/man2/madvise.2.html)
    ///
    /// # Errors
    ///
    /// What the kernel answers, with its number.
    pub fn advise(&self, advice: Advice) -> io::Result<()> {
        self.held.advise(advice, 0, self.held.len())
    }

    /// As [`advise`](Self::advise), for a part. Rounded outwards to pages.
    ///
    /// # Errors
    ///
    /// `InvalidInput` for bytes that are not in the map; what the kernel answers, with its number.
    pub fn advise_range(&self, advice: Advice, offset: usize, len: usize) -> io::Result<()> {
        self.held.advise(advice, offset, len)
    }

    /// Gives the kernel advice that may take bytes away.
    ///
    /// # Errors
    ///
    /// What the kernel answers, with its number.
    ///
    /// # Safety
    ///
    /// No reference into the map is used afterwards, and nobody relies on what the advice takes away.
    pub unsafe fn unchecked_advise(&self, advice: UncheckedAdvice) -> io::Result<()> {
        // SAFETY: the caller's promise.
        unsafe { self.held.unchecked_advise(advice, 0, self.held.len()) }
    }

    /// As [`unchecked_advise`](Self::unchecked_advise), for a part. Rounded outwards to pages; for no byte, nothing
    /// happens.
    ///
    /// # Errors
    ///
    /// `InvalidInput` for bytes that are not in the map; what the kernel answers, with its number.
    ///
    /// # Safety
    ///
    /// That of [`unchecked_advise`](Self::unchecked_advise), for all bytes of the pages.
    pub unsafe fn unchecked_advise_range(
        &self,
        advice: UncheckedAdvice,
        offset: usize,
        len: usize,
    ) -> io::Result<()> {
        // SAFETY: the caller's promise.
        unsafe { self.held.unchecked_advise(advice, offset, len) }
    }

    /// Reads the pages in and keeps them in memory, until they are unlocked or unmapped. [mlock(2)](https://man7.org/linux/man-pages/man2/mlock.2.html)
    ///
    /// # Errors
    ///
    /// What the kernel answers, with its number. Nothing is locked then that was not before.
    pub fn lock(&self) -> io::Result<()> {
        self.held.lock()
    }

    /// Unlocks all pages, however often they were locked.
    ///
    /// # Errors
    ///
    /// What the kernel answers, with its number.
    pub fn unlock(&self) -> io::Result<()> {
        self.held.unlock()
    }

    /// Makes the map longer or shorter. [mremap(2)](https://man7.org/linux/man-pages/man2/mremap.2.html)
    ///
    /// # Errors
    ///
    /// `InvalidData` for more bytes than a slice can have; what the kernel answers, with its number: `ENOMEM` where there
    /// is no room and the map may not move.
    ///
    /// # Safety
    ///
    /// Pointers into the map are not used afterwards. Bytes past the end of the file are not touched (SIGBUS).
    pub unsafe fn remap(&mut self, new_len: usize, options: RemapOptions) -> io::Result<()> {
        self.held.remap(new_len, options)
    }
}

impl fmt::Debug for MmapRaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (ptr, len) = (self.held.as_ptr(), self.held.len());
        f.debug_struct("MmapRaw").field("ptr", &ptr).field("len", &len).finish()
    }
}

impl From<Mmap> for MmapRaw {
    fn from(map: Mmap) -> Self {
        Self::new(map.into_held())
    }
}

impl From<MmapMut> for MmapRaw {
    fn from(map: MmapMut) -> Self {
        Self::new(map.into_held())
    }
}
