//! Secret memory: pages that the kernel itself does not see.
#![expect(unsafe_code, reason = "owns the descriptor that memfd_secret makes")]

use super::descriptor;
use super::{Backed, Backing, Described, Immutability, MemoryObject};
use crate::error::{Cause, Error, ObjectKind, Operation, Result};
use crate::mapping::Mapping;
use crate::options::MapOptions;
use crate::page::PageSize;
use mman_sys::{Errno, SecretFlags};
use std::os::fd::{AsFd, FromRawFd, OwnedFd};

const KIND: ObjectKind = ObjectKind::Secret;

/// Memory that only who maps it can see: its pages are taken out of the kernel's own map, are never swapped, and
/// cannot be read through `/proc` or by a debugger. [memfd_secret(2)](https://man7.org/linux/man-pages/man2/memfd_secret.2.html)
///
/// It is locked, and counts towards `RLIMIT_MEMLOCK`, for root too. It lends no descriptor. A fork shares it. It can
/// be mapped shared only.
///
/// ```
/// use mman::{Cause, SecretMem};
///
/// match SecretMem::new(4096) {
///     Ok(secret) => secret.map()?.write_at(0, b"my key")?,
///     Err(error) => assert_eq!(error.cause(), Cause::NotSupported),
/// }
/// # Ok::<(), mman::Error>(())
/// ```
#[derive(Debug)]
pub struct SecretMem {
    /// S1: secret memory of `len` bytes, whose descriptor nobody else has.
    fd: OwnedFd,
    len: u64,
}

impl SecretMem {
    /// So many bytes of zeros. The length stays: the kernel lets it be set once.
    ///
    /// # Errors
    ///
    /// [`Cause::NotSupported`] where the kernel has none (before 5.14), or has it switched off
    /// (`secretmem.enable`); `EMFILE`, `ENFILE`, `ENOMEM`.
    pub fn new(len: usize) -> Result<Self> {
        let fd = mman_sys::memfd_secret(SecretFlags::CLOEXEC).map_err(|errno| {
            let error = Error::kernel(Operation::Create, KIND, errno);
            if errno == Errno::ENOSYS { error.because(Cause::NotSupported) } else { error }
        })?;
        // SAFETY: the kernel just made the descriptor for us, and nobody else knows it.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        let len = len as u64;
        if len > 0 {
            descriptor::set_size(Operation::Create, fd.as_fd(), KIND, len)?;
        }
        Ok(Self { fd, len })
    }

    /// Maps all of it, shared, for reading and writing.
    ///
    /// # Errors
    ///
    /// [`Cause::LockLimit`]; else those of [`MapOptions::map`].
    pub fn map(&self) -> Result<Mapping> {
        MapOptions::shared().read_write().map(self)
    }
}

impl MemoryObject for SecretMem {
    fn kind(&self) -> ObjectKind {
        KIND
    }

    fn immutability(&self) -> Result<Immutability> {
        Ok(if self.len > 0 { Immutability::Size } else { Immutability::Nothing })
    }
}

impl Backed for SecretMem {
    fn describe(&self) -> Result<Described<'_>> {
        let fd = self.fd.as_fd();
        let stat = descriptor::stat_of(Operation::Open, fd, KIND)?;
        Ok(Described {
            backing: Backing::Descriptor(fd),
            size: Some(self.len),
            identity: Some(descriptor::identity(&stat)),
            page: PageSize::base(),
        })
    }
}
