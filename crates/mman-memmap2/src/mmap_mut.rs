//! The map for reading and writing: a slice.
#![expect(unsafe_code, reason = "is a slice, and exports unsafe functions")]

use crate::advice::{Advice, UncheckedAdvice};
use crate::descriptor::MmapAsRawDesc;
use crate::held::Held;
use crate::mmap::Mmap;
use crate::options::MmapOptions;
use crate::remap::RemapOptions;
use core::fmt;
use core::ops::{Deref, DerefMut};
use mman::{Protection, Sync};
use std::io;

/// Bytes of a file, or anonymous memory, as `&mut [u8]`. Unmapped when it is dropped; the file may be closed before.
///
/// ```
/// use mman_memmap2::MmapMut;
///
/// let mut memory = MmapMut::map_anon(4096)?;
/// memory[..5].copy_from_slice(b"hello");
/// assert!(memory.starts_with(b"hello\0"));
///
/// let file = tempfile::tempfile()?;
/// file.set_len(5)?;
/// // SAFETY: nobody else has the file.
/// let mut map = unsafe { MmapMut::map_mut(&file)? };
/// map.copy_from_slice(b"hello");
/// map.flush()?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct MmapMut {
    /// W1: readable and writable. Nobody else reads, writes or takes the bytes away: memory that nobody else has, or
    /// promised by who called a constructor that is unsafe.
    held: Held,
}

impl MmapMut {
    /// W1 is the caller's.
    pub(crate) const fn new(held: Held) -> Self {
        Self { held }
    }

    pub(crate) fn into_held(self) -> Held {
        self.held
    }

    /// Maps all of a file for reading and writing.
    ///
    /// # Errors
    ///
    /// Those of [`MmapOptions::map_mut`].
    ///
    /// # Safety
    ///
    /// That of [`MmapOptions::map_mut`].
    pub unsafe fn map_mut<T: MmapAsRawDesc>(file: T) -> io::Result<Self> {
        // SAFETY: the caller's promise.
        unsafe { MmapOptions::new().map_mut(file) }
    }

    /// So many bytes of anonymous memory: zeros, that nobody else has.
    ///
    /// # Errors
    ///
    /// Those of [`MmapOptions::map_anon`].
    pub fn map_anon(length: usize) -> io::Result<Self> {
        MmapOptions::new().len(length).map_anon()
    }

    /// Makes the map read-only.
    ///
    /// # Errors
    ///
    /// What the kernel answers, with its number. The map is gone then.
    pub fn make_read_only(mut self) -> io::Result<Mmap> {
        self.held.protect(Protection::READ)?;
        Ok(Mmap::new(self.held))
    }

    /// Makes the map readable and executable, and not writable. On aarch64 new code must be made visible to the processor
    /// before it is run.
    ///
    /// # Errors
    ///
    /// What the kernel answers, with its number. The map is gone then.
    pub fn make_exec(mut self) -> io::Result<Mmap> {
        self.held.protect(Protection::READ | Protection::EXEC)?;
        Ok(Mmap::new(self.held))
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
    /// Bytes past the end of the file are not touched (SIGBUS); the file's other promises hold for what is added.
    pub unsafe fn remap(&mut self, new_len: usize, options: RemapOptions) -> io::Result<()> {
        self.held.remap(new_len, options)
    }
}

#[cfg(feature = "stable_deref_trait")]
// SAFETY: the bytes are in pages of their own, which stay where they are when the map is moved.
unsafe impl stable_deref_trait::StableDeref for MmapMut {}

impl Deref for MmapMut {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        // SAFETY: W1: so many bytes are mapped (H1 of what is held), for reading, and nobody else changes them.
        unsafe { core::slice::from_raw_parts(self.held.as_ptr(), self.held.len()) }
    }
}

impl DerefMut for MmapMut {
    #[inline]
    fn deref_mut(&mut self) -> &mut [u8] {
        let len = self.held.len();
        // SAFETY: W1: so many bytes are mapped (H1 of what is held), for writing too, and `self` is borrowed alone.
        unsafe { core::slice::from_raw_parts_mut(self.held.as_mut_ptr(), len) }
    }
}

impl AsRef<[u8]> for MmapMut {
    #[inline]
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl AsMut<[u8]> for MmapMut {
    #[inline]
    fn as_mut(&mut self) -> &mut [u8] {
        self
    }
}

impl fmt::Debug for MmapMut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (ptr, len) = (self.held.as_ptr(), self.held.len());
        f.debug_struct("MmapMut").field("ptr", &ptr).field("len", &len).finish()
    }
}
