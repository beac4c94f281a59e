//! Numbers of ioctls: direction, size, type and number in one word (`asm-generic/ioctl.h`).
#![expect(unsafe_code, reason = "makes system calls")]

use super::syscall::{call3, int, word};
use crate::{Errno, RawFd};
use linux_raw_sys::general as nr;

const WRITE: u32 = 1;
const READ: u32 = 2;

/// An argument is at most 16 KiB less one byte: 14 bits of the word.
const fn number(direction: u32, kind: u8, index: u8, size: usize) -> u32 {
    assert!(size < 1 << 14, "an ioctl argument is smaller than 16 KiB");
    #[expect(clippy::cast_possible_truncation, reason = "just checked")]
    let size = size as u32;
    direction << 30 | size << 16 | (kind as u32) << 8 | index as u32
}

/// `_IO`: no argument in memory.
pub(super) const fn io(kind: u8, index: u8) -> u32 {
    number(0, kind, index, 0)
}

/// `_IOR`: the kernel writes a `T`.
pub(super) const fn ior<T>(kind: u8, index: u8) -> u32 {
    number(READ, kind, index, size_of::<T>())
}

/// `_IOWR`: the kernel reads and writes a `T`.
pub(super) const fn iowr<T>(kind: u8, index: u8) -> u32 {
    number(READ | WRITE, kind, index, size_of::<T>())
}

/// Makes the call.
///
/// # Safety
///
/// `argument` is what the request reads and writes, and what it does is what the caller's contract allows.
#[inline]
pub(super) unsafe fn ioctl(fd: RawFd, request: u32, argument: usize) -> Result<usize, Errno> {
    // SAFETY: the caller's promise is that of this call.
    unsafe { call3(nr::__NR_ioctl, int(fd), word(request), argument) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use linux_raw_sys::{general, ioctl};

    #[test]
    fn numbers_are_those_of_the_headers() {
        assert_eq!(iowr::<general::uffdio_api>(0xaa, 0x3f), ioctl::UFFDIO_API);
        assert_eq!(ior::<general::uffdio_range>(0xaa, 1), ioctl::UFFDIO_UNREGISTER);
        assert_eq!(io(0xaa, 0), 0xaa00);
        assert_eq!(ior::<usize>(0x12, 114), ioctl::BLKGETSIZE64);
    }
}
