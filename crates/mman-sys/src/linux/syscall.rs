//! The trap, and the one place where the kernel's signed answer is decoded.
#![expect(unsafe_code, reason = "makes system calls")]

use crate::Errno;
use core::ffi::c_void;
use syscalls::raw;

/// The kernel answers with a result, or with minus an error number between 1 and 4095.
const MAX_ERRNO: usize = 4095;

/// Decodes the kernel's answer. A result is never in the last 4095 values: no address and no length is.
#[inline]
fn decode(answer: usize) -> Result<usize, Errno> {
    if answer <= usize::MAX - MAX_ERRNO {
        return Ok(answer);
    }
    // At most 4095: the conversion keeps the value.
    #[expect(clippy::cast_possible_truncation, clippy::cast_possible_wrap, reason = "1..=4095")]
    let number = answer.wrapping_neg() as i32;
    Err(Errno::from_raw(number))
}

/// A pointer as an argument. The kernel may use it: its provenance is exposed.
#[inline]
pub(super) fn pointer<T>(pointer: *const T) -> usize {
    pointer.expose_provenance()
}

/// A mutable pointer as an argument.
#[inline]
pub(super) fn pointer_mut<T>(pointer: *mut T) -> usize {
    pointer.expose_provenance()
}

/// An address that the kernel answered, as a pointer to the memory it mapped.
#[inline]
pub(super) fn address(answer: usize) -> *mut c_void {
    core::ptr::with_exposed_provenance_mut(answer)
}

/// A signed C `int`, as the kernel's `int` parameters read it.
#[inline]
pub(super) fn int(value: i32) -> usize {
    #[expect(clippy::cast_sign_loss, reason = "the register is sign-extended, as C does it")]
    let extended = value as isize as usize;
    extended
}

/// An unsigned 32-bit word. A register holds at least 32 bits.
#[inline]
pub(super) const fn word(value: u32) -> usize {
    value as usize
}

/// A 64-bit word. A register holds 64 bits on every machine of this backend.
#[inline]
pub(super) const fn long(value: u64) -> usize {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "both machines of this backend have 64 bits"
    )]
    let register = value as usize;
    register
}

/// An answer that is an `int`: a descriptor, a key, a signal, a process. The kernel has it as an `int`.
#[inline]
pub(super) fn as_int(answer: usize) -> i32 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_possible_wrap,
        reason = "the kernel's own type for this answer is int"
    )]
    let value = answer as i32;
    value
}

/// Makes a call without arguments.
///
/// # Safety
///
/// The call, with these arguments, is what the caller's own contract allows. The same holds for all below.
#[inline]
pub(super) unsafe fn call0(number: u32) -> Result<usize, Errno> {
    // SAFETY: passed on: see above.
    decode(unsafe { raw::syscall0(word(number)) })
}

/// Makes a call with one argument.
///
/// # Safety
///
/// See [`call0`].
#[inline]
pub(super) unsafe fn call1(number: u32, a: usize) -> Result<usize, Errno> {
    // SAFETY: passed on: see `call0`.
    decode(unsafe { raw::syscall1(word(number), a) })
}

/// Makes a call with two arguments.
///
/// # Safety
///
/// See [`call0`].
#[inline]
pub(super) unsafe fn call2(number: u32, a: usize, b: usize) -> Result<usize, Errno> {
    // SAFETY: passed on: see `call0`.
    decode(unsafe { raw::syscall2(word(number), a, b) })
}

/// Makes a call with three arguments.
///
/// # Safety
///
/// See [`call0`].
#[inline]
pub(super) unsafe fn call3(number: u32, a: usize, b: usize, c: usize) -> Result<usize, Errno> {
    // SAFETY: passed on: see `call0`.
    decode(unsafe { raw::syscall3(word(number), a, b, c) })
}

/// Makes a call with four arguments.
///
/// # Safety
///
/// See [`call0`].
#[inline]
pub(super) unsafe fn call4(number: u32, [a, b, c, d]: [usize; 4]) -> Result<usize, Errno> {
    // SAFETY: passed on: see `call0`.
    decode(unsafe { raw::syscall4(word(number), a, b, c, d) })
}

/// Makes a call with five arguments.
///
/// # Safety
///
/// See [`call0`].
#[inline]
pub(super) unsafe fn call5(number: u32, [a, b, c, d, e]: [usize; 5]) -> Result<usize, Errno> {
    // SAFETY: passed on: see `call0`.
    decode(unsafe { raw::syscall5(word(number), a, b, c, d, e) })
}

/// Makes a call with six arguments.
///
/// # Safety
///
/// See [`call0`].
#[inline]
pub(super) unsafe fn call6(number: u32, [a, b, c, d, e, f]: [usize; 6]) -> Result<usize, Errno> {
    // SAFETY: passed on: see `call0`.
    decode(unsafe { raw::syscall6(word(number), a, b, c, d, e, f) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_an_error_only_in_the_last_page_of_numbers() {
        assert_eq!(decode(0), Ok(0));
        assert_eq!(decode(4096), Ok(4096));
        assert_eq!(decode(usize::MAX), Err(Errno::EPERM));
        assert_eq!(decode(usize::MAX - 4094), Err(Errno::from_raw(4095)));
        // One below the last error number is a result: an address there is the kernel's to give.
        assert_eq!(decode(usize::MAX - 4095), Ok(usize::MAX - 4095));
        assert_eq!(decode(isize::MIN.unsigned_abs()), Ok(1 << 63));
    }

    #[test]
    fn a_negative_int_fills_the_register_as_in_c() {
        assert_eq!(int(-1), usize::MAX);
        assert_eq!(int(i32::MAX), 0x7fff_ffff);
    }
}
