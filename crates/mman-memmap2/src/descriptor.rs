//! Descriptors as numbers, for the constructors that are unsafe anyway.
#![expect(unsafe_code, reason = "takes the caller's word that a number is an open descriptor")]

use mman::Errno;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};

/// The number of a descriptor, as [`MmapAsRawDesc`] gives it.
#[derive(Clone, Copy, Debug)]
pub struct MmapRawDescriptor(RawFd);

/// What the unsafe constructors map: a reference to something with a descriptor, or the number itself.
///
/// The safe ones ([`MmapOptions::map_if_safe`](crate::MmapOptions::map_if_safe),
/// [`MmapOptions::map_raw`](crate::MmapOptions::map_raw),
/// [`MmapOptions::map_raw_read_only`](crate::MmapOptions::map_raw_read_only)) want [`AsFd`](std::os::fd::AsFd), which
/// only what holds or borrows an open descriptor has. A number may be anybody's, or nobody's:
///
/// ```compile_fail,E0277
/// let file = std::fs::File::open("Cargo.toml")?;
/// let map = mman_memmap2::MmapRaw::map_raw(std::os::fd::AsRawFd::as_raw_fd(&file))?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub trait MmapAsRawDesc {
    /// The number.
    fn as_raw_desc(&self) -> MmapRawDescriptor;
}

impl MmapAsRawDesc for RawFd {
    fn as_raw_desc(&self) -> MmapRawDescriptor {
        MmapRawDescriptor(*self)
    }
}

impl<T: AsRawFd> MmapAsRawDesc for &T {
    fn as_raw_desc(&self) -> MmapRawDescriptor {
        MmapRawDescriptor(self.as_raw_fd())
    }
}

impl MmapRawDescriptor {
    /// The descriptor. A negative number is none: `EBADF`, as of the kernel.
    ///
    /// # Safety
    ///
    /// Nobody closes the descriptor while it is borrowed.
    pub(crate) unsafe fn borrow<'open>(self) -> io::Result<BorrowedFd<'open>> {
        if self.0 < 0 {
            return Err(io::Error::from_raw_os_error(Errno::EBADF.raw()));
        }
        // SAFETY: not -1; the rest is the caller's promise.
        Ok(unsafe { BorrowedFd::borrow_raw(self.0) })
    }
}
