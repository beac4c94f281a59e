//! Where the bytes of a file are on its storage, and where it has none.
#![expect(unsafe_code, reason = "makes system calls")]

use super::ioctl::{ioctl, iowr};
use super::syscall::pointer_mut;
use crate::{Errno, RawFd};

/// `FS_IOC_FIEMAP` (`linux/fs.h`), whose argument is the head alone.
const FS_IOC_FIEMAP: u32 = iowr::<FiemapHead>(b'f', 11);

/// The head of a question (`struct fiemap`, `linux/fiemap.h`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
struct FiemapHead {
    start: u64,
    length: u64,
    flags: u32,
    mapped_extents: u32,
    extent_count: u32,
    reserved: u32,
}

/// A part of a file that has storage (`struct fiemap_extent`, `linux/fiemap.h`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Extent {
    /// First byte in the file.
    pub logical: u64,
    /// First byte on the device.
    pub physical: u64,
    /// Length in bytes.
    pub length: u64,
    reserved: [u64; 2],
    /// `FIEMAP_EXTENT_*`.
    pub flags: u32,
    reserved_too: [u32; 3],
}

impl Extent {
    /// The last part of the file (`FIEMAP_EXTENT_LAST`).
    pub const LAST: u32 = 0x1;
    /// Stored among other data, or together with that of other files (`FIEMAP_EXTENT_NOT_ALIGNED`,
    /// `_DATA_INLINE`, `_DATA_TAIL`).
    pub const INLINE: u32 = 0x100 | 0x200 | 0x400;
}

/// How many extents one call tells of at most.
const EXTENTS: usize = COUNT as usize;
const COUNT: u32 = 64;

/// A question with room for its answer.
#[repr(C)]
struct Fiemap {
    head: FiemapHead,
    extents: [Extent; EXTENTS],
}

/// Tells which parts of a range have storage, in order, 64 at most, and how many it told of.
/// [fiemap](https://docs.kernel.org/filesystems/fiemap.html)
///
/// # Errors
///
/// `EBADF`, `EFBIG`, `EINTR`, `EINVAL` (length 0), `ENOTTY` (no file), `EOPNOTSUPP` (file systems without it).
///
/// # Safety
///
/// The rules of the crate for the descriptor.
#[inline]
pub unsafe fn fiemap(
    fd: RawFd,
    start: u64,
    length: u64,
    answer: &mut [Extent; 64],
) -> Result<usize, Errno> {
    let head = FiemapHead { start, length, extent_count: COUNT, ..FiemapHead::default() };
    let mut map = Fiemap { head, extents: *answer };
    // SAFETY: the kernel reads and writes one head and as many extents as it says; `map` has them.
    unsafe { ioctl(fd, FS_IOC_FIEMAP, pointer_mut(&raw mut map)) }?;
    *answer = map.extents;
    Ok((map.head.mapped_extents as usize).min(EXTENTS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn number_and_sizes_are_those_of_the_headers() {
        assert_eq!(FS_IOC_FIEMAP, 0xc020_660b);
        assert_eq!((size_of::<FiemapHead>(), size_of::<Extent>()), (32, 56));
        assert_eq!(core::mem::offset_of!(Extent, flags), 40);
    }
}
