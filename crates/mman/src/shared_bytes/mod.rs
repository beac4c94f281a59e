//! Placeholder until the assembly comes.
#![expect(unsafe_code, reason = "copies bytes that others may change")]
pub(crate) unsafe fn copy_out(from: *const u8, to: *mut u8, len: usize) {
    for at in 0..len {
        // SAFETY: the caller's promise.
        let byte = unsafe { from.wrapping_add(at).read_volatile() };
        // SAFETY: the caller's promise.
        unsafe { to.wrapping_add(at).write(byte) };
    }
}
pub(crate) unsafe fn copy_in(from: *const u8, to: *mut u8, len: usize) {
    for at in 0..len {
        // SAFETY: the caller's promise.
        let byte = unsafe { from.wrapping_add(at).read() };
        // SAFETY: the caller's promise.
        unsafe { to.wrapping_add(at).write_volatile(byte) };
    }
}
pub(crate) unsafe fn fill(to: *mut u8, byte: u8, len: usize) {
    for at in 0..len {
        // SAFETY: the caller's promise.
        unsafe { to.wrapping_add(at).write_volatile(byte) };
    }
}
pub(crate) unsafe fn find(start: *const u8, len: usize, byte: u8) -> Option<usize> {
    // SAFETY: the caller's promise.
    (0..len).find(|at| unsafe { start.wrapping_add(*at).read_volatile() } == byte)
}
pub(crate) unsafe fn rfind(start: *const u8, len: usize, byte: u8) -> Option<usize> {
    // SAFETY: the caller's promise.
    (0..len).rev().find(|at| unsafe { start.wrapping_add(*at).read_volatile() } == byte)
}
pub(crate) unsafe fn equals(shared: *const u8, ours: *const u8, len: usize) -> bool {
    // SAFETY: the caller's promise.
    (0..len).all(|at| unsafe {
        shared.wrapping_add(at).read_volatile() == ours.wrapping_add(at).read()
    })
}
pub(crate) unsafe fn find_sequence(start: *const u8, len: usize, needle: &[u8]) -> Option<usize> {
    let last = len.checked_sub(needle.len())?;
    // SAFETY: the caller's promise.
    (0..=last).find(|at| unsafe { equals(start.wrapping_add(*at), needle.as_ptr(), needle.len()) })
}
