//! The view of bytes that nobody can change: a slice, for all threads, cheap to clone.
#![expect(unsafe_code, reason = "lends slices of bytes that are proved not to change")]

use super::leased::Holding;
use super::memory::Memory;
use super::policy::{CopyLimit, CopyPolicy};
use super::shared::Shared;
use super::verity::Seen;
use crate::advise::Hint;
use crate::error::{Cause, Error, Operation, Refused, Result};
use crate::mapping::Mapping;
use crate::object::{Anonymous, Backed, Backing, FileObject, Immutability, Immutable};
use crate::object::{MemFd, MemoryObject};
use crate::options::MapOptions;
use crate::page::{HugePageSize, PageSize, resolve_memory};
use crate::pages::Pages;
use core::fmt;
use core::mem::MaybeUninit;
use core::ops::{Deref, RangeBounds};
use core::ptr::NonNull;
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, SeekFrom, StatxAttributes, StatxFlags};
use rustix::io::Errno;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::path::Path;
use std::sync::Arc;

/// Why the bytes of a [`Frozen`] cannot change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Proof {
    /// A memfd that is sealed against writing and shrinking, for ever and for everybody.
    Sealed,
    /// A file with fs-verity on, which nobody can write to any more. Its storage can still fail: see
    /// [`Frozen::verity`].
    Verity,
    /// A copy that nobody else has.
    Copied,
    /// Memory of this process that was made read-only.
    Ours,
    /// Somebody's word: [`Shared::assume_immutable`], [`Leased::assume_not_stopped`](crate::Leased::assume_not_stopped).
    Assumed,
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
    proof: Proof,
    held: Held,
}

// SAFETY: bytes that nobody changes (F1) can be read by any thread; `held` is `Send` and `Sync`.
unsafe impl Send for Frozen {}
// SAFETY: as above.
unsafe impl core::marker::Sync for Frozen {}

/// Keeps the bytes.
#[derive(Clone, Debug)]
enum Held {
    Mapped(Arc<Mapping>),
    Leased(Arc<Holding>),
    Allocated(Arc<[u8]>),
}

/// From this length on a copy goes into huge pages of its own. Below, allocators hand out memory that was in use
/// before, which is faster than any new page (glibc's does so up to 32 MiB).
const HUGE_FROM: u64 = 32 << 20;

/// Smaller files are copied, also where fs-verity keeps them: that is less work than a mapping.
const VERITY_FROM: u64 = 1 << 20;

impl Frozen {
    /// Opens a file and freezes its bytes: mapped where it is proved immutable, else copied.
    ///
    /// The proofs of [`Proof`] are tried in their order: [`sealed`](Self::sealed), [`verity`](Self::verity),
    /// [`copy`](Self::copy).
    ///
    /// The copy is no snapshot: what others write while it is made may be in it in part.
    ///
    /// # Errors
    ///
    /// Those of [`FileObject::open`]; what `read` answers.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::open_within(path, CopyLimit::NONE)
    }

    /// As [`open`](Self::open), copying what the policy allows: a [`CopyLimit`], or more words in a [`CopyPolicy`].
    ///
    /// # Errors
    ///
    /// Those of [`open`](Self::open); [`Cause::CopyLimit`].
    pub fn open_within(path: impl AsRef<Path>, policy: impl Into<CopyPolicy>) -> Result<Self> {
        let policy = policy.into();
        match read_small(path.as_ref(), policy) {
            Some(bytes) => Ok(Self::new(Held::Allocated(bytes), Proof::Copied)),
            None => Self::of_file(FileObject::open(path)?, policy, Seen::of),
        }
    }

    /// Maps a file that is a sealed memfd, as one from `/proc/PID/fd` may be, or one that fs-verity keeps; else copies
    /// it. `look` is [`Seen::of`], or says what a test wants to be seen.
    fn of_file(
        file: FileObject,
        policy: CopyPolicy,
        look: impl FnOnce(BorrowedFd<'_>) -> Option<Seen>,
    ) -> Result<Self> {
        if file.immutability()? != Immutability::Bytes {
            let fd = file.file().as_fd();
            let is_kept = !policy.verity_too && look(fd).is_some_and(Seen::proves);
            return match is_kept {
                true => Ok(Self::mapped(MapOptions::shared().map(&file)?, Proof::Verity)),
                false => Self::copy_within(&file, policy.limit),
            };
        }
        Self::of_sealed(&file, file.file().as_fd()) // the seals are for ever, the descriptor ours
    }

    /// The bytes of a memfd that is sealed against writing and shrinking, without a copy.
    ///
    /// # Errors
    ///
    /// Those of [`MapOptions::map`].
    pub fn sealed(memfd: &MemFd<Immutable>) -> Result<Self> {
        Self::of_sealed(memfd, memfd.as_fd())
    }

    /// The caller has asked for the seals against writing and shrinking.
    fn of_sealed(memfd: &impl MemoryObject, fd: BorrowedFd<'_>) -> Result<Self> {
        let mut options = MapOptions::shared();
        // A hole gets its page when it is read, and there may be none: that would be SIGBUS.
        if has_holes(fd) {
            options = options.populate_checked();
        }
        let mapping = match options.map(memfd) {
            // Kernels before 6.7 refuse a shared mapping of what nobody may write. A private one of huge pages takes as
            // many from the pool again, so it is the second choice.
            Err(error) if error.errno() == Some(crate::Errno::EPERM) => {
                MapOptions::private().populate_checked().map(memfd)?
            }
            mapped => mapped?,
        };
        Ok(Self::mapped(mapping, Proof::Sealed))
    }

    /// The bytes of a file that has fs-verity on, without a copy.
    ///
    /// Nobody can write to such a file or shorten it any more. But its storage can fail, and then a touch of a page that is
    /// not in memory is SIGBUS: no error can be told to who has a slice. This is the one exception of this library;
    /// [`copy`](Self::copy) avoids it. [fs-verity](https://docs.kernel.org/filesystems/fsverity.html)
    ///
    /// # Errors
    ///
    /// [`Cause::NotImmutable`] for a file without it, and for one of another file system than ext4, f2fs and btrfs: what
    /// others say they have from somebody else. Those of [`MapOptions::map`].
    pub fn verity<F: AsFd>(file: &FileObject<F>) -> Result<Self> {
        // One descriptor, once lent: it is looked at, and it is mapped.
        let file = FileObject::new(file.file().as_fd())?;
        if !Seen::of(*file.file()).is_some_and(Seen::proves) {
            return Err(Error::new(Operation::Freeze, file.kind(), Cause::NotImmutable));
        }
        // Its length is what it was when verity was switched on.
        Ok(Self::mapped(MapOptions::shared().map(&file)?, Proof::Verity))
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
            return Err(refuse(Cause::NoSuchView)); // a device has no end
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
        let bytes = match size {
            0 => read_to_end(fd, limit.0).map_err(failed)?,
            _ => read_so_many(fd, size).map_err(failed)?,
        };
        if bytes.len() as u64 > limit.0 {
            return Err(refuse(Cause::CopyLimit { limit: limit.0 }));
        }
        Ok(Self::new(Held::Allocated(bytes), Proof::Copied))
    }

    /// F1 is the caller's: nobody can change or take away the bytes of the mapping, all of which can be read.
    pub(super) fn mapped(mapping: Mapping, proof: Proof) -> Self {
        Self::new(Held::Mapped(Arc::new(mapping)), proof)
    }

    /// F1 is the caller's: the lease is never broken, and what it keeps can be copied.
    pub(super) fn leased(holding: Arc<Holding>) -> Self {
        Self::new(Held::Leased(holding), Proof::Assumed)
    }

    fn new(held: Held, proof: Proof) -> Self {
        let (start, len) = match &held {
            Held::Mapped(mapping) => (mapping.as_ptr(), mapping.len()),
            Held::Leased(holding) => (holding.shared().as_ptr(), holding.shared().len()),
            Held::Allocated(bytes) => (bytes.as_ptr(), bytes.len()),
        };
        // Neither is null; and an `Arc` does not move what it points to.
        let start = NonNull::new(start.cast_mut()).unwrap_or(NonNull::dangling());
        Self { start, len, proof, held }
    }

    /// Why the bytes cannot change.
    #[must_use]
    pub const fn proof(&self) -> Proof {
        self.proof
    }

    /// A part of the bytes, kept as long as the whole. `None` for a range that is not in it.
    #[must_use]
    pub fn slice(&self, range: impl RangeBounds<usize>) -> Option<Self> {
        let range = resolve_memory(&range, self.len).ok()?;
        let part = self.get(range)?;
        Some(Self { start: NonNull::from(part).cast(), len: part.len(), ..self.clone() })
    }

    /// The pages: to lock them, ask for their residency, give hints. `None` where the bytes were few, and stand in
    /// allocated memory. The pages are those of the whole, where this is a part.
    #[must_use]
    pub fn pages(&self) -> Option<Pages<'_>> {
        match &self.held {
            Held::Mapped(mapping) => Some(mapping.pages()),
            Held::Leased(holding) => Some(holding.shared().pages()),
            Held::Allocated(_) => None,
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

/// Reads a small regular file in as few calls as that takes: it is as long as it was when it was looked at, or
/// shorter. `None` for all else, also for whatever went wrong: the long way finds out what.
fn read_small(path: &Path, policy: CopyPolicy) -> Option<Arc<[u8]>> {
    let stat = rustix::fs::stat(path).ok()?;
    let size = u64::try_from(stat.st_size).ok()?;
    let is_small = size > 0 && size < HUGE_FROM.min(policy.limit.0.saturating_add(1));
    // Without a name it may be a memfd, which needs no copy. What is no file may wait, or never end.
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile
        || stat.st_nlink == 0
        || !is_small
        || (size >= VERITY_FROM && !policy.verity_too && is_kept(path))
    {
        return None;
    }
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let file = rustix::fs::open(path, flags, Mode::empty()).ok()?;
    read_so_many(file.as_fd(), size).ok()
}

/// Whether the file may be one that fs-verity keeps: then it is looked at more closely.
fn is_kept(path: &Path) -> bool {
    let stat = rustix::fs::statx(CWD, path, AtFlags::empty(), StatxFlags::empty());
    stat.is_ok_and(|stat| stat.stx_attributes.contains(StatxAttributes::VERITY))
}

/// Whether parts of a memfd have no memory, or may have none. Huge pages do not tell.
fn has_holes(fd: BorrowedFd<'_>) -> bool {
    // A descriptor of our own: looking for holes moves the place at which others read.
    let path = format!("/proc/self/fd/{}", fd.as_raw_fd());
    let whole =
        rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).and_then(|own| {
            let stat = rustix::fs::fstat(&own)?;
            let is_base = usize::try_from(stat.st_blksize) == Ok(PageSize::base().bytes());
            let first_hole = rustix::fs::seek(&own, SeekFrom::Hole(0))?;
            Ok(is_base && i64::try_from(first_hole) == Ok(stat.st_size))
        });
    whole != Ok(true)
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

/// Fills the memory from the start of a file, and answers how far it came. New pages are cleared before they are
/// filled, which keeps a processor busy: a second one takes the other half.
fn read_into(fd: BorrowedFd<'_>, memory: &mut [u8]) -> Result<usize, Errno> {
    let half = HugePageSize::MIB_2.page_size().round_down(memory.len() / 2);
    let (low, high) = memory.split_at_mut(half);
    let several = std::thread::available_parallelism().is_ok_and(|count| count.get() > 1);
    let mut second = None;
    let first = std::thread::scope(|scope| {
        let helper = std::thread::Builder::new().name("mman-copy".into());
        let helper = several
            .then(|| helper.spawn_scoped(scope, || read_part(fd, high, half)))
            .and_then(Result::ok);
        let first = read_part(fd, low, 0);
        second = helper.and_then(|helper| helper.join().ok());
        first
    })?;
    if first < low.len() {
        return Ok(first);
    }
    let second = match second {
        Some(read) => read?,
        None => read_part(fd, high, half)?, // no thread could be had
    };
    Ok(first.saturating_add(second))
}

/// Fills a part of the memory from a place in the file, and answers how far it came.
fn read_part(fd: BorrowedFd<'_>, part: &mut [u8], from: usize) -> Result<usize, Errno> {
    let mut filled = 0_usize;
    while let Some(rest) = part.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match rustix::io::pread(fd, rest, from.saturating_add(filled) as u64) {
            Ok(0) => break,
            Ok(read) => filled = filled.saturating_add(read),
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(filled)
}

/// Reads a small file up to a size, or to its end.
fn read_so_many(fd: BorrowedFd<'_>, size: u64) -> Result<Arc<[u8]>, Errno> {
    let len = usize::try_from(size).map_err(|_| Errno::FBIG)?;
    let mut bytes: Arc<[MaybeUninit<u8>]> = Arc::new_uninit_slice(len);
    let room = Arc::get_mut(&mut bytes).unwrap_or_default(); // nobody else has it yet
    let mut filled = 0_usize;
    while let Some(rest) = room.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match rustix::io::pread(fd, rest, filled as u64) {
            Ok(([], _)) => break,
            Ok((read, _)) => filled = filled.saturating_add(read.len()),
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
    }
    for byte in room.iter_mut().skip(filled) {
        byte.write(0);
    }
    // SAFETY: `filled` bytes were read, and the rest was written.
    let bytes = unsafe { bytes.assume_init() };
    match bytes.get(..filled) {
        Some(read) if filled < len => Ok(Arc::from(read)), // the file became shorter meanwhile
        _ => Ok(bytes),
    }
}

/// Reads a file that does not tell its size: to its end, or just past the limit.
fn read_to_end(fd: BorrowedFd<'_>, limit: u64) -> Result<Arc<[u8]>, Errno> {
    const AT_ONCE: usize = 64 * 1024;
    let mut bytes = Vec::new();
    loop {
        bytes.try_reserve(AT_ONCE).map_err(|_| Errno::NOMEM)?;
        let at = bytes.len() as u64;
        match rustix::io::pread(fd, rustix::buffer::spare_capacity(&mut bytes), at) {
            Ok(0) => break,
            Ok(_) if bytes.len() as u64 > limit => break,
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(Arc::from(bytes))
}

#[cfg(test)]
mod tests {
    use super::super::verity::ON;
    use super::*;

    fn manifest() -> FileObject {
        FileObject::open("Cargo.toml").unwrap()
    }

    /// Verity cannot be switched on where this is tested: what the kernel would say is said by the test.
    #[test]
    fn what_verity_keeps_is_mapped_and_not_copied() {
        let frozen = Frozen::of_file(manifest(), CopyLimit::NO_COPY.into(), |_| Some(ON)).unwrap();
        assert_eq!(frozen.proof(), Proof::Verity);
        assert_eq!(*frozen, *std::fs::read("Cargo.toml").unwrap());
        assert!(frozen.pages().is_some(), "mapped");
        let kept = frozen.slice(1..8).unwrap();
        drop(frozen);
        assert_eq!(&kept[..], b"package");
    }

    #[test]
    fn what_it_does_not_keep_is_copied_as_far_as_allowed() {
        let unproved = Seen { measured: false, ..ON };
        for seen in [None, Some(unproved)] {
            let copy = Frozen::of_file(manifest(), CopyLimit::NONE.into(), |_| seen).unwrap();
            assert_eq!(copy.proof(), Proof::Copied);
            let refused = Frozen::of_file(manifest(), CopyLimit::NO_COPY.into(), |_| seen);
            assert_eq!(refused.unwrap_err().cause(), Cause::CopyLimit { limit: 0 });
        }
        let policy = CopyPolicy::within(CopyLimit::NONE).verity_too();
        let copy = Frozen::of_file(manifest(), policy, |_| Some(ON)).unwrap();
        assert_eq!(copy.proof(), Proof::Copied);
        let refused = Frozen::verity(&manifest()).unwrap_err();
        assert_eq!(
            (refused.operation(), refused.cause()),
            (Operation::Freeze, Cause::NotImmutable)
        );
    }

    /// A sealed memfd comes first: it is not asked for verity.
    #[test]
    fn a_sealed_memfd_comes_first() {
        let memfd = MemFd::new(4096).unwrap();
        let path = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&memfd.as_fd()));
        let _sealed = memfd.freeze().unwrap();
        let frozen =
            Frozen::of_file(FileObject::open(path).unwrap(), CopyLimit::NO_COPY.into(), |_| {
                unreachable!("it is sealed")
            });
        assert_eq!(frozen.unwrap().proof(), Proof::Sealed);
    }
}
