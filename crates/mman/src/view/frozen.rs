//! The view of bytes that nobody can change: a slice, for all threads, cheap to clone.
#![expect(unsafe_code, reason = "lends slices of bytes that are proved not to change")]

use super::memory::Memory;
use super::shared::Shared;
use crate::advise::Hint;
use crate::error::{Cause, Error, Operation, Refused, Result};
use crate::mapping::Mapping;
use crate::object::{Anonymous, Backed, Backing, FileObject, MemoryObject};
use crate::options::MapOptions;
use crate::page::{HugePageSize, resolve_memory};
use crate::pages::Pages;
use core::fmt;
use core::ops::{Deref, RangeBounds};
use core::ptr::NonNull;
use rustix::io::Errno;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::sync::Arc;

/// Why the bytes of a [`Frozen`] cannot change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Proof {
    /// A memfd that is sealed against writing and shrinking, for ever and for everybody.
    Sealed,
    /// A copy that nobody else has.
    Copied,
    /// Memory of this process that was made read-only.
    Ours,
    /// Somebody's word: [`Shared::assume_immutable`].
    Assumed,
}

/// How many bytes may be copied to have them frozen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CopyLimit(u64);

impl CopyLimit {
    /// Any number.
    pub const NONE: Self = Self(u64::MAX);
    /// No copy: only what is immutable already.
    pub const NO_COPY: Self = Self(0);

    /// So many.
    #[must_use]
    pub const fn bytes(limit: u64) -> Self {
        Self(limit)
    }
}

/// Bytes that nobody can change while this is held, by one of the proofs of [`Proof`]: a plain `&[u8]`.
///
/// A file can be written by others whatever its permissions say, so a file is copied, large ones into huge pages: that
/// takes a third of the time of reading it into a vector. What is immutable already is mapped and not copied.
///
/// ```
/// use mman::{CopyLimit, Frozen, Proof};
///
/// let manifest = Frozen::open("Cargo.toml")?;
/// assert_eq!(manifest.proof(), Proof::Copied);
/// let name = manifest.slice(1..8).unwrap(); // shares the bytes
/// let reader = std::thread::spawn(move || assert_eq!(&name[..], b"package"));
/// reader.join().unwrap();
/// assert!(Frozen::open_within("Cargo.toml", CopyLimit::bytes(10)).is_err());
/// # Ok::<(), mman::Error>(())
/// ```
///
/// A slice of it does not outlive it; a part ([`slice`](Self::slice)) does:
///
/// ```compile_fail,E0505
/// let frozen = mman::Frozen::open("Cargo.toml")?;
/// let bytes = &frozen[..];
/// drop(frozen);
/// assert!(bytes.starts_with(b"[package]"));
/// # Ok::<(), mman::Error>(())
/// ```
#[derive(Clone)]
pub struct Frozen {
    /// F1: `start` and `len` are bytes that `held` keeps where they are, and that nobody changes.
    start: NonNull<u8>,
    len: usize,
    held: Arc<Held>,
}

// SAFETY: bytes that nobody changes (F1) can be read by any thread; `held` is `Send` and `Sync`.
unsafe impl Send for Frozen {}
// SAFETY: as above.
unsafe impl core::marker::Sync for Frozen {}

/// Keeps the bytes.
#[derive(Debug)]
struct Held {
    bytes: Bytes,
    proof: Proof,
}

#[derive(Debug)]
enum Bytes {
    Mapped(Mapping),
    Allocated(Box<[u8]>),
}

/// From this length on a copy goes into huge pages; below, an allocation is faster.
const HUGE_FROM: u64 = 4 << 20;

impl Frozen {
    /// Opens a file and freezes its bytes: mapped where it is proved immutable, else copied.
    ///
    /// The copy is no snapshot: what others write while it is made may be in it in part.
    ///
    /// # Errors
    ///
    /// Those of [`FileObject::open`]; what `read` answers.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::open_within(path, CopyLimit::NONE)
    }

    /// As [`open`](Self::open), copying so many bytes at most.
    ///
    /// # Errors
    ///
    /// Those of [`open`](Self::open); [`Cause::CopyLimit`].
    pub fn open_within(path: impl AsRef<Path>, limit: CopyLimit) -> Result<Self> {
        Self::copy_within(&FileObject::open(path)?, limit)
    }

    /// Copies a file.
    ///
    /// # Errors
    ///
    /// What `read` answers; those of [`Memory::new`].
    pub fn copy<F: AsFd>(file: &FileObject<F>) -> Result<Self> {
        Self::copy_within(file, CopyLimit::NONE)
    }

    /// As [`copy`](Self::copy), so many bytes at most.
    ///
    /// # Errors
    ///
    /// Those of [`copy`](Self::copy); [`Cause::CopyLimit`].
    pub fn copy_within<F: AsFd>(file: &FileObject<F>, limit: CopyLimit) -> Result<Self> {
        let described = file.describe()?;
        let refuse = |cause| Error::new(Operation::Freeze, file.kind(), cause);
        let (Backing::Descriptor(fd), Some(size)) = (described.backing, described.size) else {
            return Err(refuse(Cause::NotSupported)); // a device has no end
        };
        if size > limit.0 {
            return Err(refuse(Cause::CopyLimit { limit: limit.0 }));
        }
        let failed = |errno: Errno| {
            Error::kernel(
                Operation::Freeze,
                file.kind(),
                crate::Errno::from_raw(errno.raw_os_error()),
            )
        };
        if size >= HUGE_FROM {
            let len = usize::try_from(size).map_err(|_| refuse(Cause::TooLong))?;
            let mut memory = huge_memory(len)?;
            let copied = read_into(fd, &mut memory).map_err(failed)?;
            if copied < len {
                memory.shorten(copied); // the file became shorter meanwhile
            }
            return Ok(memory.freeze_as(Proof::Copied)?);
        }
        let bytes = read_all(fd, size, limit.0).map_err(failed)?;
        if bytes.len() as u64 > limit.0 {
            return Err(refuse(Cause::CopyLimit { limit: limit.0 }));
        }
        Ok(Self::new(Bytes::Allocated(bytes.into_boxed_slice()), Proof::Copied))
    }

    /// F1 is the caller's: nobody can change or take away the bytes of the mapping, all of which can be read.
    pub(super) fn mapped(mapping: Mapping, proof: Proof) -> Self {
        Self::new(Bytes::Mapped(mapping), proof)
    }

    fn new(bytes: Bytes, proof: Proof) -> Self {
        let held = Arc::new(Held { bytes, proof });
        // Taken where the box stays: moving a box ends what was borrowed from it.
        let (start, len) = match &held.bytes {
            Bytes::Mapped(mapping) => (mapping.as_ptr(), mapping.len()),
            Bytes::Allocated(bytes) => (bytes.as_ptr(), bytes.len()),
        };
        // Neither is null.
        let start = NonNull::new(start.cast_mut()).unwrap_or(NonNull::dangling());
        Self { start, len, held }
    }

    /// Why the bytes cannot change.
    #[must_use]
    pub fn proof(&self) -> Proof {
        self.held.proof
    }

    /// A part of the bytes, kept as long as the whole. `None` for a range that is not in it.
    #[must_use]
    pub fn slice(&self, range: impl RangeBounds<usize>) -> Option<Self> {
        let range = resolve_memory(&range, self.len).ok()?;
        let part = self.get(range)?;
        Some(Self {
            start: NonNull::from(part).cast(),
            len: part.len(),
            held: Arc::clone(&self.held),
        })
    }

    /// The pages: to lock them, ask for their residency, give hints. `None` where the bytes were few, and stand in
    /// allocated memory. The pages are those of the whole, where this is a part.
    #[must_use]
    pub fn pages(&self) -> Option<Pages<'_>> {
        match &self.held.bytes {
            Bytes::Mapped(mapping) => Some(mapping.pages()),
            Bytes::Allocated(_) => None,
        }
    }
}

impl Shared {
    /// Takes somebody's word that the bytes do not change, as other libraries do for every file.
    ///
    /// # Errors
    ///
    /// The view comes back where it has lost bytes.
    ///
    /// # Safety
    ///
    /// As long as the result or a clone or part of it lives, nobody in any process writes to the mapped bytes of the
    /// object, or makes it shorter, and its storage does not fail: the first is undefined behaviour, the others are
    /// SIGBUS.
    pub unsafe fn assume_immutable(self) -> Result<Frozen, Refused<Self>> {
        // F1 is the caller's promise.
        self.into_mapping().map(|mapping| Frozen::mapped(mapping, Proof::Assumed))
    }
}

impl Deref for Frozen {
    type Target = [u8];
    #[inline]
    fn deref(&self) -> &[u8] {
        // SAFETY: F1.
        unsafe { core::slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }
}

impl AsRef<[u8]> for Frozen {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl fmt::Debug for Frozen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Frozen").field("len", &self.len).field("proof", &self.proof()).finish()
    }
}

/// Memory for a large copy: a whole number of huge pages, so that the kernel begins it at one, of which all but the
/// last are filled.
fn huge_memory(len: usize) -> Result<Memory> {
    let huge = HugePageSize::MIB_2.page_size();
    let rounded = huge.round_up(len).unwrap_or(len);
    let mut mapping = MapOptions::private().read_write().map(&Anonymous::new(rounded))?;
    let _without_huge_pages_it_is_slower = mapping.advise(.., Hint::HugePages);
    mapping.set_len(len);
    Ok(Memory::of(mapping))
}

/// Fills the memory from the start of a file, and answers how far it came.
fn read_into(fd: BorrowedFd<'_>, memory: &mut [u8]) -> Result<usize, Errno> {
    let mut filled = 0_usize;
    while let Some(rest) = memory.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match rustix::io::pread(fd, rest, filled as u64) {
            Ok(0) => break,
            Ok(read) => filled = filled.saturating_add(read),
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(filled)
}

/// Reads a small file, or one that does not tell its size: that one to its end, or just past the limit.
fn read_all(fd: BorrowedFd<'_>, size: u64, limit: u64) -> Result<Vec<u8>, Errno> {
    const AT_ONCE: usize = 64 * 1024;
    let known = usize::try_from(size).unwrap_or(0);
    let mut bytes = Vec::new();
    while known == 0 || bytes.len() < known {
        let room = if known == 0 { AT_ONCE } else { known.saturating_sub(bytes.len()) };
        bytes.try_reserve_exact(room).map_err(|_| Errno::NOMEM)?;
        let at = bytes.len() as u64;
        match rustix::io::pread(fd, rustix::buffer::spare_capacity(&mut bytes), at) {
            Ok(0) => break,
            Ok(_) if bytes.len() as u64 > limit => break,
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(bytes)
}
