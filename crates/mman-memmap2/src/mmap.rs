//! The map for reading: a slice.
#![expect(unsafe_code, reason = "is a slice, and exports unsafe functions")]

use crate::advice::{Advice, UncheckedAdvice};
use crate::descriptor::MmapAsRawDesc;
use crate::held::Held;
use crate::if_safe::MapIfSafeError;
use crate::mmap_mut::MmapMut;
use crate::options::MmapOptions;
use crate::remap::RemapOptions;
use core::fmt;
use core::ops::Deref;
use mman::Protection;
use std::io;
use std::os::fd::AsFd;

/// Bytes of a file, or of anonymous memory, as `&[u8]`. Unmapped when it is dropped; the file may be closed before.
///
/// ```
/// use mman_memmap2::Mmap;
/// use std::fs::File;
///
/// let file = File::open("Cargo.toml")?;
/// // SAFETY: nobody writes to the file, or makes it shorter, while it is mapped.
/// let manifest = unsafe { Mmap::map(&file)? };
/// assert_eq!(&manifest[..], std::fs::read("Cargo.toml")?);
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct Mmap {
    /// R1: readable. Nobody writes to the bytes or takes them away: memory that nobody else has, or proved of the file,
    /// or promised by who called a constructor that is unsafe.
    held: Held,
}

impl Mmap {
    /// R1 is the caller's.
    pub(crate) const fn new(held: Held) -> Self {
        Self { held }
    }

    pub(crate) fn into_held(self) -> Held {
        self.held
    }

    /// Maps all of a file for reading.
    ///
    /// # Errors
    ///
    /// Those of [`MmapOptions::map`].
    ///
    /// # Safety
    ///
    /// That of [`MmapOptions::map`].
    pub unsafe fn map<T: MmapAsRawDesc>(file: T) -> io::Result<Self> {
        // SAFETY: the caller's promise.
        unsafe { MmapOptions::new().map(file) }
    }

    /// Maps all of a file for reading, if it is proved that its bytes stay as they are.
    ///
    /// # Errors
    ///
    /// Those of [`MmapOptions::map_if_safe`].
    pub fn map_if_safe<T: AsFd>(file: T) -> Result<Self, MapIfSafeError> {
        MmapOptions::new().map_if_safe(file)
    }

    /// Makes the map writable. A file that is mapped shared must be open for writing.
    ///
    /// # Errors
    ///
    /// What the kernel answers, with its number. The map is gone then.
    pub fn make_mut(mut self) -> io::Result<MmapMut> {
        self.held.protect(Protection::READ | Protection::WRITE)?;
        Ok(MmapMut::new(self.held))
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
unsafe impl stable_deref_trait::StableDeref for Mmap {}

impl Deref for Mmap {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        // SAFETY: R1: so many bytes are mapped (H1 of what is held), for reading, and nobody changes them.
        unsafe { core::slice::from_raw_parts(self.held.as_ptr(), self.held.len()) }
    }
}

impl AsRef<[u8]> for Mmap {
    #[inline]
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl fmt::Debug for Mmap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (ptr, len) = (self.held.as_ptr(), self.held.len());
        f.debug_struct("Mmap").field("ptr", &ptr).field("len", &len).finish()
    }
}
