//! Blocks of files: which of them are missing, and reserving those, so that a full disk is an error at the start.
#![expect(
    unsafe_code,
    reason = "asks by ioctl which blocks a file has, which rustix does not wrap"
)]

use super::descriptor::{grow_to, is_writable, length};
use super::{Backing, Described, FileObject, MemoryObject};
use crate::area::range_error;
use crate::error::{Cause, Error, ObjectKind, Operation, Result};
use crate::page::{PageSize, resolve};
use core::ops::{Range, RangeBounds};
use mman_sys::{Errno, Extent};
use rustix::fs::{FallocateFlags, StatFs};
use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

/// `f_type` of tmpfs (`linux/magic.h`).
const TMPFS_MAGIC: u64 = 0x0102_1994;
/// A call that signals interrupt again and again is made for less and less, down to this.
const SMALLEST_STEP: u64 = 1 << 20;
/// The unit of `st_blocks`.
const BLOCK: u64 = 512;

/// Bytes of a file that are to have blocks.
#[derive(Clone, Debug)]
pub(crate) struct Blocks<'object> {
    fd: BorrowedFd<'object>,
    kind: ObjectKind,
    page: PageSize,
    range: Range<u64>,
}

impl<'object> Blocks<'object> {
    /// Those under a shared writable mapping of a regular file, as far as the file goes. `None` for what has no
    /// blocks to lack, and for memory: what is to be there of it, its owner says.
    pub(crate) fn under(
        described: &Described<'object>,
        kind: ObjectKind,
        offset: u64,
        len: usize,
    ) -> Option<Self> {
        let Described { backing: Backing::Descriptor(fd), size: Some(size), .. } = *described
        else {
            return None;
        };
        let page = described.page;
        let range = offset..offset.saturating_add(len as u64).min(size);
        let is_memory = described.identity.map(|identity| identity.device)
            == super::memfd::device_of_memfds().ok();
        let wanted = kind == ObjectKind::File && page == PageSize::base() && !is_memory;
        (wanted && !range.is_empty()).then_some(Self { fd, kind, page, range })
    }

    /// Reserves what is missing. File systems that cannot do it, and descriptors that may not, go on as they are:
    /// the mapping itself tells what is wrong with them.
    pub(crate) fn reserve_if_possible(&self, operation: Operation) -> Result<()> {
        let missing = match self.missing() {
            Missing::Nothing => return Ok(()),
            Missing::Some { within, bytes } => {
                if !is_writable(self.fd) {
                    return Ok(());
                }
                // What is tried in vain stays behind on some file systems, and fills them.
                let room =
                    rustix::fs::fstatfs(self.fd).map_or(u64::MAX, |system| free_bytes(&system));
                if bytes > room {
                    return Err(self.error(operation, Cause::NoSpace));
                }
                within
            }
            Missing::Unknown => self.range.clone(),
        };
        match allocate(self.fd, missing) {
            Err(errno @ (Errno::ENOSPC | Errno::EDQUOT | Errno::EIO)) => {
                Err(self.refused(operation, errno))
            }
            _ => Ok(()),
        }
    }

    fn error(&self, operation: Operation, cause: Cause) -> Error {
        let len = self.range.end.saturating_sub(self.range.start);
        Error::new(operation, self.kind, cause).on(self.range.start, len)
    }

    fn refused(&self, operation: Operation, errno: Errno) -> Error {
        let cause = match errno {
            Errno::ENOSPC if self.page > PageSize::base() => {
                Cause::HugePagePool { page: self.page.bytes() }
            }
            Errno::ENOSPC | Errno::EDQUOT => Cause::NoSpace,
            Errno::EOPNOTSUPP | Errno::ENOSYS | Errno::ENODEV => Cause::NotSupported,
            Errno::EBADF if !is_writable(self.fd) => Cause::NotWritable,
            _ => Cause::Kernel,
        };
        let len = self.range.end.saturating_sub(self.range.start);
        Error::kernel(operation, self.kind, errno).because(cause).on(self.range.start, len)
    }

    /// Asks where the file has storage. That changes nothing, where reserving anew what is there changes the time
    /// of the last change.
    fn missing(&self) -> Missing {
        let mut extents = [Extent::default(); 64];
        let mut holes = Holes { at: self.range.start, within: None, bytes: 0 };
        while holes.at < self.range.end {
            let (at, left) = (holes.at, self.range.end.saturating_sub(holes.at));
            // SAFETY: the descriptor is borrowed, so open.
            let told = unsafe { mman_sys::fiemap(self.fd.as_raw_fd(), at, left, &mut extents) };
            match told {
                Ok(told) => {
                    for extent in extents.iter().take(told) {
                        holes.pass(extent, self.range.end);
                    }
                    if told == 0 {
                        holes.up_to(self.range.end);
                    } else if holes.at == at {
                        return Missing::Unknown; // no way forward
                    }
                }
                Err(Errno::EINTR) => {}
                Err(_) if self.is_full_in_memory() => return Missing::Nothing,
                Err(_) => return Missing::Unknown,
            }
        }
        match holes.within {
            None => Missing::Nothing,
            Some(within) => Missing::Some { within, bytes: holes.bytes },
        }
    }

    /// A file of tmpfs, which does not tell where it has storage, but counts nothing else: pages that were
    /// reserved past the end alone could take the place of missing ones.
    fn is_full_in_memory(&self) -> bool {
        let is_tmpfs = rustix::fs::fstatfs(self.fd)
            .is_ok_and(|system| u64::try_from(system.f_type) == Ok(TMPFS_MAGIC));
        let Ok(stat) = rustix::fs::fstat(self.fd) else { return false };
        let blocks = u64::try_from(stat.st_blocks).unwrap_or(0);
        let page = PageSize::base().bytes() as u64;
        let whole_pages = length(&stat).checked_next_multiple_of(page);
        is_tmpfs && whole_pages.is_some_and(|bytes| blocks.saturating_mul(BLOCK) >= bytes)
    }
}

/// What is known of the blocks of a range.
enum Missing {
    Nothing,
    Some { within: Range<u64>, bytes: u64 },
    Unknown,
}

/// The parts without storage, found from the start on.
struct Holes {
    /// How far it is known.
    at: u64,
    /// From the first to the last.
    within: Option<Range<u64>>,
    bytes: u64,
}

impl Holes {
    /// Goes on behind a part with storage.
    fn pass(&mut self, extent: &Extent, end: u64) {
        let behind = extent.logical.saturating_add(extent.length).min(end);
        // What is stored among other data gets blocks of its own when it is written.
        let has_blocks = extent.flags & Extent::INLINE == 0;
        self.up_to(if has_blocks { extent.logical.min(end) } else { behind });
        self.at = self.at.max(behind);
    }

    /// There is nothing up to here.
    fn up_to(&mut self, end: u64) {
        if self.at < end {
            let start = self.within.as_ref().map_or(self.at, |within| within.start);
            self.within = Some(start..end);
            self.bytes = self.bytes.saturating_add(end.saturating_sub(self.at));
            self.at = end;
        }
    }
}

#[allow(clippy::useless_conversion, reason = "the width of these fields differs between machines")]
fn free_bytes(system: &StatFs) -> u64 {
    let unit = u64::try_from(system.f_frsize).unwrap_or(0);
    match unit {
        0 => u64::MAX,
        unit => u64::from(system.f_bfree).saturating_mul(unit),
    }
}

/// Gives blocks to every byte of a range. The length of the file stays.
fn allocate(fd: BorrowedFd<'_>, range: Range<u64>) -> Result<(), Errno> {
    let mut at = range.start;
    let mut step = range.end.saturating_sub(at);
    while at < range.end {
        let len = step.min(range.end.saturating_sub(at));
        match rustix::fs::fallocate(fd, FallocateFlags::KEEP_SIZE, at, len) {
            Ok(()) => at = at.saturating_add(len),
            // Some file systems give up all that a call did when a signal comes.
            Err(rustix::io::Errno::INTR) => step = (len >> 1).max(SMALLEST_STEP),
            Err(errno) => return Err(Errno::from_raw(errno.raw_os_error())),
        }
    }
    Ok(())
}

/// Makes a file longer by bytes that have blocks. Where they cannot be had it stays as long as it is.
pub(crate) fn extend(file: &FileObject<File>, from: u64, to: u64) -> Result<()> {
    let (fd, kind) = (file.file().as_fd(), file.kind());
    let blocks = Blocks { fd, kind, page: PageSize::base(), range: from..to };
    match allocate(fd, from..to) {
        Ok(()) | Err(Errno::EOPNOTSUPP | Errno::ENOSYS) => {}
        Err(errno) => return Err(blocks.refused(Operation::SetSize, errno)),
    }
    grow_to(Operation::SetSize, fd, kind, to)
}

/// Gives memory to bytes of a pool that a mapping holds, as far as its store can: a device has it already.
pub(super) fn commit(
    operation: Operation,
    fd: BorrowedFd<'_>,
    kind: ObjectKind,
    range: Range<u64>,
) -> Result<()> {
    let blocks = Blocks { fd, kind, page: PageSize::base(), range };
    match allocate(fd, blocks.range.clone()) {
        Err(errno @ (Errno::ENOSPC | Errno::EDQUOT | Errno::EIO | Errno::ENOMEM)) => {
            Err(blocks.refused(operation, errno))
        }
        _ => Ok(()),
    }
}

/// Reserves the blocks of bytes of an object, because its owner asks for it.
pub(super) fn reserve(
    described: &Described<'_>,
    kind: ObjectKind,
    bounds: &impl RangeBounds<u64>,
) -> Result<()> {
    let bounds = (bounds.start_bound().cloned(), bounds.end_bound().cloned());
    let range = resolve(&bounds, described.size)
        .map_err(|error| range_error(Operation::Reserve, kind, error))?;
    let Backing::Descriptor(fd) = described.backing else {
        return Err(Error::new(Operation::Reserve, kind, Cause::NotSupported));
    };
    let blocks = Blocks { fd, kind, page: described.page, range: range.start..range.end };
    allocate(fd, blocks.range.clone()).map_err(|errno| blocks.refused(Operation::Reserve, errno))
}
