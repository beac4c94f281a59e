//! Strings of C programs, read so that one that cannot be read is an error and no crash.
#![expect(unsafe_code, reason = "reads strings of C programs")]

use core::ffi::c_char;
use mman_sys::{Errno, symlinkat};

/// Why a string could not be read.
pub(crate) enum Unreadable {
    /// Part of it cannot be.
    Fault,
    /// It has no room.
    TooLong,
}

/// Whether a string can be read, as far as the kernel reads a path.
///
/// # Safety
///
/// `name` ends with a zero, or cannot be read at all.
pub(crate) unsafe fn is_readable(name: *const c_char) -> bool {
    // The kernel reads the string first: where we would crash, it answers.
    // SAFETY: no link is made: -1 is nobody's descriptor. The target is copied before that is seen, and looked up never.
    let linked = unsafe { symlinkat(name, -1, c"x") };
    linked != Err(Errno::EFAULT)
}

/// Reads a string that is shorter than the room, which is no longer than a path.
///
/// # Safety
///
/// That of [`is_readable`].
pub(crate) unsafe fn read(name: *const c_char, room: &mut [u8]) -> Result<&[u8], Unreadable> {
    // SAFETY: the caller's promise.
    if !unsafe { is_readable(name) } {
        return Err(Unreadable::Fault);
    }
    let mut len = 0_usize;
    for place in room.iter_mut() {
        // SAFETY: the kernel read as far, and the loop ends at the zero.
        let byte = unsafe { name.cast::<u8>().wrapping_add(len).read() };
        if byte == 0 {
            return room.get(..len).ok_or(Unreadable::TooLong);
        }
        *place = byte;
        len = len.wrapping_add(1);
    }
    Err(Unreadable::TooLong)
}
