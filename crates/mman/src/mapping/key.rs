//! Protection keys: what each thread may do with pages that carry one, changed without a system call.
#![expect(unsafe_code, reason = "frees keys, and sets the register of their rights")]

use crate::error::{Cause, Error, ObjectKind, Operation, Result};
use crate::mapping::Mapping;
use core::ops::RangeBounds;
use mman_sys as sys;
use mman_sys::{Errno, PkeyRights, Prot};

/// What a thread may do with the pages of a key, of what their protection allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyRights {
    /// Reading and writing.
    ReadWrite,
    /// Reading.
    ReadOnly,
    /// Nothing. Code there can still run.
    Nothing,
}

impl KeyRights {
    const fn denied(self) -> PkeyRights {
        match self {
            Self::ReadWrite => PkeyRights::UNRESTRICTED,
            Self::ReadOnly => PkeyRights::DISABLE_WRITE,
            Self::Nothing => PkeyRights::DISABLE_ACCESS,
        }
    }
}

/// A protection key of this process. [pkeys(7)](https://man7.org/linux/man-pages/man7/pkeys.7.html)
///
/// A processor that has them gives a process 15. Pages are given a key by [`Mapping::protect_with_key`]; what a thread
/// may do with them is in a register of the thread, changed in some 20 ns by [`set_rights`](Self::set_rights). A new
/// thread inherits the rights of the one that starts it; threads that run already when a key is allocated may do
/// nothing with it until they set their rights; a signal handler runs with rights of its own.
///
/// Only loads and stores heed keys. The copies of this crate ([`Mapping::read_at`], [`Mapping::write_at`]) are made by
/// the kernel on behalf of the process, and do not.
///
/// Dropping a key does not free it: the next owner of its number would decide over pages that still carry it. Keys
/// are thus never reused, unless somebody answers for it ([`free`](Self::free)).
///
/// ```
/// use mman::{Anonymous, Cause, KeyRights, Protection, ProtectionKey};
///
/// let key = match ProtectionKey::allocate(KeyRights::ReadWrite) {
///     Ok(key) => key,
///     Err(error) => {
///         assert_eq!(error.cause(), Cause::NotSupported); // most processors
///         return Ok(());
///     }
/// };
/// let mut secret = Anonymous::new(4096).map()?;
/// secret.protect_with_key(.., Protection::READ | Protection::WRITE, &key)?;
/// key.set_rights(KeyRights::Nothing)?; // of this thread, for all pages of the key
/// assert_eq!(key.rights()?, KeyRights::Nothing);
/// # Ok::<(), mman::Error>(())
/// ```
#[derive(Debug, PartialEq, Eq)]
pub struct ProtectionKey {
    /// K1: allocated by us, and freed by nobody.
    number: i32,
}

impl ProtectionKey {
    /// Allocates a key, with these rights for this thread.
    ///
    /// # Errors
    ///
    /// [`Cause::NotSupported`] without the processor or the kernel for it; [`Cause::Exhausted`] when all are in use.
    pub fn allocate(rights: KeyRights) -> Result<Self> {
        sys::pkey_alloc(0, rights.denied()).map(|number| Self { number }).map_err(failed)
    }

    /// The kernel's number for it.
    #[must_use]
    pub const fn number(&self) -> i32 {
        self.number
    }

    /// What this thread may do with the pages of the key from now on. Who reaches such pages by pointer meets
    /// SIGSEGV (`SEGV_PKUERR`) beyond that.
    ///
    /// # Errors
    ///
    /// [`Cause::NotSupported`].
    pub fn set_rights(&self, rights: KeyRights) -> Result<()> {
        // SAFETY: the key was allocated for us and is never reused (K1), and only `Mapping::protect_with_key` gives
        // it to pages: to those of a mapping, of which no reference is handed out.
        unsafe { sys::pkey_set(self.number, rights.denied()) }.map_err(failed)
    }

    /// What this thread may do with the pages of the key.
    ///
    /// # Errors
    ///
    /// [`Cause::NotSupported`].
    pub fn rights(&self) -> Result<KeyRights> {
        let denied = sys::pkey_get(self.number).map_err(failed)?;
        Ok(if denied.contains(PkeyRights::DISABLE_ACCESS) {
            KeyRights::Nothing
        } else if denied.contains(PkeyRights::DISABLE_WRITE) {
            KeyRights::ReadOnly
        } else {
            KeyRights::ReadWrite
        })
    }

    /// Frees the key, to be allocated again by anybody in the process.
    ///
    /// # Errors
    ///
    /// `EINVAL`: somebody has freed it already.
    ///
    /// # Safety
    ///
    /// No page of the process carries the key: every mapping that was given it is unmapped, or was given another
    /// ([`Mapping::remove_key`]). Else whoever allocates it next takes away or gives access to those pages.
    pub unsafe fn free(self) -> Result<()> {
        // SAFETY: the caller's promise.
        unsafe { sys::pkey_free(self.number) }
            .map_err(|errno| Error::kernel(Operation::Key, ObjectKind::Process, errno))
    }
}

impl Mapping {
    /// Sets the protection of pages and gives them a key. Bounds are page boundaries.
    /// [pkey_mprotect(2)](https://man7.org/linux/man-pages/man2/mprotect.2.html)
    ///
    /// The pages carry the key until they are given another or unmapped; a later [`protect`](Self::protect) leaves it.
    /// Who reaches the bytes through [`as_ptr`](Self::as_ptr) heeds the rights of the thread.
    ///
    /// # Errors
    ///
    /// Those of [`protect`](Self::protect), named as [`Operation::Key`].
    pub fn protect_with_key(
        &mut self,
        range: impl RangeBounds<usize>,
        protection: Prot,
        key: &ProtectionKey,
    ) -> Result<()> {
        let pages = self.exactly(Operation::Key, &range)?;
        self.area.protect_by_key(pages, protection, key.number).map_err(|error| self.told(error))
    }

    /// Sets the protection of pages and takes their key away: they heed no key again. Bounds are page boundaries. On a
    /// processor without keys it is [`protect`](Self::protect).
    ///
    /// # Errors
    ///
    /// Those of [`protect`](Self::protect), named as [`Operation::Key`].
    pub fn remove_key(&mut self, range: impl RangeBounds<usize>, protection: Prot) -> Result<()> {
        /// The key of pages that were given none.
        const NONE: i32 = 0;
        let pages = self.exactly(Operation::Key, &range)?;
        let answer = match self.area.protect_by_key(pages, protection, NONE) {
            // Without keys in the processor no number is one, and no page has one.
            Err(error) if matches!(error.errno(), Some(Errno::EINVAL | Errno::ENOSYS)) => {
                self.area.protect(Operation::Key, pages, protection)
            }
            answer => answer,
        };
        answer.map_err(|error| self.told(error))
    }
}

/// The error of a call on a key. A processor without keys answers `EINVAL` first and `ENOSPC` later.
fn failed(errno: Errno) -> Error {
    let has_register = sys::pkey_get(0).is_ok();
    let cause = match errno {
        Errno::ENOSPC if has_register => Cause::Exhausted,
        Errno::ENOSPC | Errno::EINVAL | Errno::ENOSYS => Cause::NotSupported,
        _ => Cause::Kernel,
    };
    Error::kernel(Operation::Key, ObjectKind::Process, errno).because(cause)
}
