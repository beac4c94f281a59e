//! fs-verity: files whose bytes the kernel lets nobody change, and verifies as it reads them.
#![expect(unsafe_code, reason = "makes system calls")]

use super::ioctl::{ioctl, iowr};
use super::syscall::pointer_mut;
use crate::{Errno, RawFd};

/// `FS_IOC_MEASURE_VERITY` (`linux/fsverity.h`), whose argument is the head alone.
const FS_IOC_MEASURE_VERITY: u32 = iowr::<VerityHead>(b'f', 134);

/// The head of an answer (`struct fsverity_digest`, `linux/fsverity.h`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
struct VerityHead {
    algorithm: u16,
    size: u16,
}

/// The longest digest that there is (`FS_VERITY_MAX_DIGEST_SIZE`, `linux/fsverity.h`, kernel source).
const LONGEST: usize = 64;

#[repr(C)]
struct Verity {
    head: VerityHead,
    digest: [u8; LONGEST],
}

/// The digest of a file that has fs-verity on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VerityDigest {
    /// `FS_VERITY_HASH_ALG_*`.
    pub algorithm: u16,
    /// How many bytes of `digest` there are.
    pub size: u16,
    /// The digest, and zeros.
    pub digest: [u8; LONGEST],
}

/// The digest of a file that has fs-verity on.
/// [FS_IOC_MEASURE_VERITY](https://docs.kernel.org/filesystems/fsverity.html#fs-ioc-measure-verity)
///
/// # Errors
///
/// `EBADF`, `ENODATA` (not on), `ENOTTY` (a file system without it), `EOPNOTSUPP` (a kernel or a file system where it
/// is switched off), `EOVERFLOW`.
///
/// # Safety
///
/// The rules of the crate for the descriptor.
#[inline]
pub unsafe fn measure_verity(fd: RawFd) -> Result<VerityDigest, Errno> {
    #[expect(clippy::cast_possible_truncation, reason = "64")]
    let head = VerityHead { algorithm: 0, size: LONGEST as u16 };
    let mut verity = Verity { head, digest: [0; LONGEST] };
    // SAFETY: the kernel reads the head, and writes it and as many bytes as it says there is room for.
    unsafe { ioctl(fd, FS_IOC_MEASURE_VERITY, pointer_mut(&raw mut verity)) }?;
    let VerityHead { algorithm, size } = verity.head;
    Ok(VerityDigest { algorithm, size, digest: verity.digest })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn number_and_sizes_are_those_of_the_headers() {
        assert_eq!(FS_IOC_MEASURE_VERITY, 0xc004_6686);
        assert_eq!((size_of::<VerityHead>(), core::mem::offset_of!(Verity, digest)), (4, 4));
    }

    #[test]
    fn what_has_no_verity_has_no_digest() {
        // SAFETY: standard input may be closed: then the number names nothing.
        assert!(unsafe { measure_verity(0) }.is_err());
    }
}
