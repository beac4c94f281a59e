//! A mapping that a test owns, and the calls on it in pages.

use super::{page, peek, poke, ptr};
use mman_sys::{
    Advice, Errno, LockFlags, MapFlags, PkeyRights, Prot, RawFd, RemapFlags, SyncFlags, madvise,
    mincore, mlock, mlock2, mmap, mprotect, mremap, mseal, msync, munlock, munmap, pkey_free,
    pkey_mprotect, pkey_set, remap_file_pages,
};
use std::ops::Range;
use std::os::fd::AsRawFd;

/// Readable and writable.
pub(crate) const RW: Prot = Prot::READ.union(Prot::WRITE);

/// A mapping. Dropping it unmaps all of its range, holes too.
#[derive(Debug)]
pub(crate) struct Map {
    start: usize,
    len: usize,
}

impl Map {
    /// The plain call: `mmap` with exactly these arguments.
    pub(crate) fn call(
        address: usize,
        len: usize,
        prot: Prot,
        flags: MapFlags,
        fd: RawFd,
        offset: u64,
    ) -> Result<Self, Errno> {
        // SAFETY: the address is the test's own, or it is a hint, or the call is refused.
        let start = unsafe { mmap(ptr(address), len, prot, flags, fd, offset) }?;
        Ok(Self { start: start.expose_provenance(), len })
    }

    /// Private zeros to read and write.
    pub(crate) fn private(pages: usize) -> Self {
        Self::anonymous(pages, RW, MapFlags::PRIVATE)
    }

    /// Shared zeros to read and write.
    pub(crate) fn shared(pages: usize) -> Self {
        Self::anonymous(pages, RW, MapFlags::SHARED)
    }

    /// Address space without access.
    pub(crate) fn reserved(pages: usize) -> Self {
        Self::anonymous(pages, Prot::NONE, MapFlags::PRIVATE)
    }

    /// Zeros with these flags besides `ANONYMOUS`.
    pub(crate) fn anonymous(pages: usize, prot: Prot, flags: MapFlags) -> Self {
        Self::try_anonymous(pages, prot, flags).unwrap()
    }

    /// Zeros with these flags besides `ANONYMOUS`, or the error.
    pub(crate) fn try_anonymous(pages: usize, prot: Prot, flags: MapFlags) -> Result<Self, Errno> {
        Self::call(0, pages * page(), prot, flags | MapFlags::ANONYMOUS, -1, 0)
    }

    /// The first pages of a file.
    pub(crate) fn of(file: &impl AsRawFd, pages: usize, prot: Prot, flags: MapFlags) -> Self {
        Self::try_of(file, pages, prot, flags).unwrap()
    }

    /// The first pages of a file, or the error.
    pub(crate) fn try_of(
        file: &impl AsRawFd,
        pages: usize,
        prot: Prot,
        flags: MapFlags,
    ) -> Result<Self, Errno> {
        Self::call(0, pages * page(), prot, flags, file.as_raw_fd(), 0)
    }

    /// What a call answered, owned from here on.
    pub(crate) const fn adopt(start: usize, len: usize) -> Self {
        Self { start, len }
    }

    /// No longer owned: another map has the range now.
    pub(crate) fn disown(mut self) {
        self.len = 0;
    }

    pub(crate) const fn start(&self) -> usize {
        self.start
    }

    pub(crate) const fn end(&self) -> usize {
        self.start + self.len
    }

    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    /// The address of a page.
    pub(crate) fn at(&self, index: usize) -> usize {
        self.start + index * page()
    }

    /// The first byte of a page.
    pub(crate) fn get(&self, index: usize) -> u8 {
        peek(self.at(index))
    }

    /// Writes the first byte of a page.
    pub(crate) fn set(&self, index: usize, value: u8) {
        poke(self.at(index), value);
    }

    /// The byte at a distance from the start.
    pub(crate) fn byte(&self, distance: usize) -> u8 {
        peek(self.start + distance)
    }

    /// The first bytes as a slice, for a call that takes one. Nobody else writes them meanwhile.
    pub(crate) fn with_bytes<T>(&self, count: usize, use_them: impl FnOnce(&[u8]) -> T) -> T {
        assert!(count <= self.len);
        // SAFETY: the map's own bytes, which stay as they are as long as the slice lives.
        use_them(unsafe { std::slice::from_raw_parts(ptr(self.start).cast(), count) })
    }

    /// Writes the first byte of every page.
    pub(crate) fn fill(&self, value: u8) {
        for index in 0..self.len / page() {
            self.set(index, value);
        }
    }

    /// Puts zeros over a page of the map, with these flags besides `FIXED`, `PRIVATE`, `ANONYMOUS`.
    pub(crate) fn replace(&self, index: usize, flags: MapFlags) -> Result<(), Errno> {
        let flags = flags | MapFlags::PRIVATE | MapFlags::FIXED | MapFlags::ANONYMOUS;
        Self::call(self.at(index), page(), RW, flags, -1, 0).map(Self::disown)
    }

    pub(crate) fn unmap(&self, pages: Range<usize>) -> Result<(), Errno> {
        // SAFETY: the range is the map's own.
        unsafe { munmap(ptr(self.at(pages.start)), pages.len() * page()) }
    }

    pub(crate) fn protect(&self, pages: Range<usize>, prot: Prot) -> Result<(), Errno> {
        // SAFETY: the range is the map's own.
        unsafe { mprotect(ptr(self.at(pages.start)), pages.len() * page(), prot) }
    }

    pub(crate) fn advise(&self, pages: Range<usize>, advice: Advice) -> Result<(), Errno> {
        // SAFETY: the range is the map's own.
        unsafe { madvise(ptr(self.at(pages.start)), pages.len() * page(), advice) }
    }

    pub(crate) fn seal(&self, pages: Range<usize>) -> Result<(), Errno> {
        // SAFETY: the range is the map's own; that it stays until the end is what the test is about.
        unsafe { mseal(ptr(self.at(pages.start)), pages.len() * page(), 0) }
    }

    pub(crate) fn lock(&self, pages: Range<usize>) -> Result<(), Errno> {
        mlock(ptr(self.at(pages.start)), pages.len() * page())
    }

    pub(crate) fn lock2(&self, pages: Range<usize>, flags: LockFlags) -> Result<(), Errno> {
        mlock2(ptr(self.at(pages.start)), pages.len() * page(), flags)
    }

    pub(crate) fn unlock(&self, pages: Range<usize>) -> Result<(), Errno> {
        munlock(ptr(self.at(pages.start)), pages.len() * page())
    }

    pub(crate) fn sync(&self, pages: Range<usize>, flags: SyncFlags) -> Result<(), Errno> {
        msync(ptr(self.at(pages.start)), pages.len() * page(), flags)
    }

    /// Which pages are in memory.
    pub(crate) fn resident(&self, pages: Range<usize>) -> Result<Vec<bool>, Errno> {
        let mut answer = vec![0_u8; pages.len()];
        let start = ptr(self.at(pages.start));
        // SAFETY: the vector has one byte for each page.
        unsafe { mincore(start, pages.len() * page(), answer.as_mut_ptr()) }?;
        Ok(answer.into_iter().map(|byte| byte & 1 == 1).collect())
    }

    /// Resizes or moves the whole map with `mremap`.
    pub(crate) fn remap(&mut self, len: usize, flags: RemapFlags, to: usize) -> Result<(), Errno> {
        self.start = remap(self.start, self.len, len, flags, to)?;
        self.len = len;
        Ok(())
    }
}

/// The plain call: `mremap` with exactly these arguments.
pub(crate) fn remap(
    old: usize,
    old_len: usize,
    len: usize,
    flags: RemapFlags,
    to: usize,
) -> Result<usize, Errno> {
    // SAFETY: both ranges are the test's own, or the call is refused.
    let answer = unsafe { mremap(ptr(old), old_len, len, flags, ptr(to)) }?;
    Ok(answer.expose_provenance())
}

impl Drop for Map {
    fn drop(&mut self) {
        if self.len != 0 {
            // SAFETY: the map's own range, which no one uses after it. Sealed memory refuses, and stays.
            unsafe { munmap(ptr(self.start), self.len) }.ok();
        }
    }
}

/// The plain call: `munmap` with exactly these arguments.
pub(crate) fn unmap(address: usize, len: usize) -> Result<(), Errno> {
    // SAFETY: the range is the test's own, or the call is refused.
    unsafe { munmap(ptr(address), len) }
}

/// The plain call: `mprotect` with exactly these arguments.
pub(crate) fn protect(address: usize, len: usize, prot: Prot) -> Result<(), Errno> {
    // SAFETY: the range is the test's own, or the call is refused.
    unsafe { mprotect(ptr(address), len, prot) }
}

/// The plain call: `madvise` with exactly these arguments.
pub(crate) fn advise(address: usize, len: usize, advice: Advice) -> Result<(), Errno> {
    // SAFETY: the range is the test's own, or the call is refused.
    unsafe { madvise(ptr(address), len, advice) }
}

/// The plain call: `mseal` with exactly these arguments.
pub(crate) fn seal(address: usize, len: usize, flags: u64) -> Result<(), Errno> {
    // SAFETY: the range is the test's own, or the call is refused.
    unsafe { mseal(ptr(address), len, flags) }
}

/// The plain call: `remap_file_pages` with exactly these arguments.
pub(crate) fn remap_pages(
    address: usize,
    len: usize,
    prot: Prot,
    page_offset: usize,
    flags: MapFlags,
) -> Result<(), Errno> {
    // SAFETY: the range is the test's own, or the call is refused.
    unsafe { remap_file_pages(ptr(address), len, prot, page_offset, flags) }
}

/// The plain call: `mincore` with an answer of this room, or with nowhere to write.
pub(crate) fn in_core(address: usize, len: usize, answer: Option<&mut [u8]>) -> Result<(), Errno> {
    let answer = answer.map_or(std::ptr::null_mut(), <[u8]>::as_mut_ptr);
    // SAFETY: the answer has room for the pages of the range, or the call is refused.
    unsafe { mincore(ptr(address), len, answer) }
}

/// The plain call: `pkey_mprotect` with exactly these arguments.
pub(crate) fn pkey_protect(address: usize, len: usize, prot: Prot, key: i32) -> Result<(), Errno> {
    // SAFETY: the range is the test's own, or the call is refused.
    unsafe { pkey_mprotect(ptr(address), len, prot, key) }
}

/// The plain call: `pkey_free`.
pub(crate) fn free_key(key: i32) -> Result<(), Errno> {
    // SAFETY: the key is the test's own, or the call is refused.
    unsafe { pkey_free(key) }
}

/// The plain call: `pkey_set`.
pub(crate) fn set_key(key: i32, rights: PkeyRights) -> Result<(), Errno> {
    // SAFETY: the key is the test's own, and so are its pages, to which there are no references.
    unsafe { pkey_set(key, rights) }
}
