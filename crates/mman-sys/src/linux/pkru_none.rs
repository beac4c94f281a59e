//! No register of protection keys that this crate knows: the calls say so.
#![expect(unsafe_code, reason = "has the shape of the other machine's function")]

use crate::{Errno, PkeyRights};

/// See [`crate::pkey_get`].
pub(super) const fn get(_key: i32) -> Result<PkeyRights, Errno> {
    Err(Errno::ENOSYS)
}

/// See [`crate::pkey_set`].
///
/// # Safety
///
/// None is needed: nothing happens.
pub(super) const unsafe fn set(_key: i32, _rights: PkeyRights) -> Result<(), Errno> {
    Err(Errno::ENOSYS)
}
