//! Sealing the pages of a mapping: what is mapped there stays mapped, as it is, until the process ends.

use crate::error::{Cause, ObjectKind, Refused, Result};
use crate::mapping::Mapping;
use crate::page::PageSize;
use crate::pages::Pages;
use core::mem::ManuallyDrop;
use mman_sys::Errno;

/// A mapping that nobody can unmap, move, resize, replace or protect any more, also not by calls of the C library
/// (6.10). [mseal](https://docs.kernel.org/userspace-api/mseal.html)
///
/// It is for what an attacker of the process must not exchange: tables of code addresses, configuration that was
/// checked. It lasts until the process ends or executes another program: dropping it unmaps nothing, and
/// [`leaked`](crate::leaked) does not count it.
///
/// What the kernel refuses afterwards, with `EPERM`: `munmap`, `mremap`, `mprotect` (even to the protection that there
/// is) and `pkey_mprotect`, a fixed mapping over it; and where the pages are private anonymous and cannot be written,
/// the advice that drops bytes or installs guards. What it allows: reading and writing as the protection says,
/// locking, and every harmless hint. Protect the mapping first, then seal it.
///
/// ```
/// use mman::{Anonymous, Cause, Protection};
///
/// let mut table = Anonymous::new(4096).map()?;
/// table.write_at(0, b"checked")?;
/// table.protect(.., Protection::READ)?;
/// match table.seal() {
///     Ok(sealed) => {
///         let mut bytes = [0; 7];
///         sealed.read_at(0, &mut bytes)?;
///         assert_eq!(&bytes, b"checked");
///     }
///     Err(refused) => assert_eq!(refused.error.cause(), Cause::NotSupported), // before Linux 6.10
/// }
/// # Ok::<(), mman::Error>(())
/// ```
#[derive(Debug)]
pub struct Sealed {
    /// Never dropped: dropping would try to unmap.
    mapping: ManuallyDrop<Mapping>,
}

impl Mapping {
    /// Seals the mapping. There is no way back.
    ///
    /// # Errors
    ///
    /// [`Cause::NotSupported`]; [`Cause::NotMapped`]; [`Cause::MapCountLimit`] where a mapping would have to be cut for
    /// it, in which case a part may be sealed already. The mapping comes back.
    pub fn seal(mut self) -> Result<Sealed, Refused<Self>> {
        match self.area.seal() {
            Ok(()) => Ok(Sealed { mapping: ManuallyDrop::new(self) }),
            Err(error) => {
                let error = match error.errno() {
                    // 32-bit kernels say EPERM.
                    Some(Errno::ENOSYS | Errno::EPERM) => error.because(Cause::NotSupported),
                    _ => error,
                };
                Err(Refused { error: self.told(error), given: self })
            }
        }
    }
}

impl Sealed {
    /// The length in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.mapping.len()
    }

    /// Whether there is no byte in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.mapping.is_empty()
    }

    /// The size of the pages.
    #[must_use]
    pub fn page_size(&self) -> PageSize {
        self.mapping.page_size()
    }

    /// What is mapped.
    #[must_use]
    pub fn kind(&self) -> ObjectKind {
        self.mapping.kind()
    }

    /// The address of byte 0: see [`Mapping::as_ptr`]. It stays this address.
    #[must_use]
    pub fn as_ptr(&self) -> *const u8 {
        self.mapping.as_ptr()
    }

    /// The pages, lent.
    #[must_use]
    pub fn pages(&self) -> Pages<'_> {
        self.mapping.pages()
    }

    /// Copies bytes out: see [`Mapping::read_at`].
    ///
    /// # Errors
    ///
    /// Those of [`Mapping::read_at`].
    pub fn read_at(&self, at: usize, bytes: &mut [u8]) -> Result<()> {
        self.mapping.read_at(at, bytes)
    }

    /// Copies bytes in, where the protection allows it: see [`Mapping::write_at`].
    ///
    /// # Errors
    ///
    /// Those of [`Mapping::write_at`].
    pub fn write_at(&self, at: usize, bytes: &[u8]) -> Result<()> {
        self.mapping.write_at(at, bytes)
    }
}
