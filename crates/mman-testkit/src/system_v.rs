//! System V shared memory, attached for as long as the value lives.

use std::ffi::{c_int, c_void};
use std::ptr::{null, null_mut};

const CREATE_NEW: c_int = 0o1000 | 0o2000 | 0o600;
const REMOVE: c_int = 0;

// SAFETY: the C library's own declarations, in these types.
unsafe extern "C" {
    fn shmget(key: c_int, size: usize, flags: c_int) -> c_int;
    fn shmat(id: c_int, address: *const c_void, flags: c_int) -> *mut c_void;
    fn shmdt(address: *const c_void) -> c_int;
    fn shmctl(id: c_int, command: c_int, buffer: *mut c_void) -> c_int;
}

/// A new object that is attached, and has no name any more but the one that its mapping tells.
#[derive(Debug)]
pub struct SystemV {
    attached: *mut c_void,
}

impl SystemV {
    /// Of a key that nobody has; `None` where the kernel has no such thing.
    ///
    /// # Panics
    ///
    /// Where it cannot be attached.
    #[must_use]
    pub fn attach(key: u32, len: usize) -> Option<Self> {
        // SAFETY: makes an object; no memory changes.
        let id = unsafe { shmget(key.cast_signed(), len, CREATE_NEW) };
        if id < 0 {
            crate::require::skip("System V shared memory, and a free key");
            return None;
        }
        // SAFETY: maps it where the kernel likes.
        let attached = unsafe { shmat(id, null(), 0) };
        // SAFETY: it goes when the last mapping does.
        let removed = unsafe { shmctl(id, REMOVE, null_mut()) };
        assert!(removed == 0 && attached.addr() != usize::MAX, "shmat");
        Some(Self { attached })
    }

    /// Where it is.
    #[must_use]
    pub fn address(&self) -> usize {
        self.attached.addr()
    }
}

impl Drop for SystemV {
    fn drop(&mut self) {
        // SAFETY: attached by us, and nobody has a reference into it.
        let _detached = unsafe { shmdt(self.attached) };
    }
}
