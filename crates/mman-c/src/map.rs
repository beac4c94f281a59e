//! `mmap`, `munmap`, `mprotect`, `mseal`, `map_shadow_stack`.
#![expect(unsafe_code, reason = "exports C functions")]

use crate::errno::{address, status};
use crate::typed;
use core::ffi::{c_int, c_ulong, c_void};
use mman_sys as sys;
use mman_sys::{MapFlags, Prot, ShadowStackFlags};
use mman_typed::may_be_in;

/// Maps. [mmap(2)](https://man7.org/linux/man-pages/man2/mmap.2.html)
///
/// The kernel checks what the C library has to: an offset that is no multiple of the page size is `EINVAL`, a length
/// beyond the address space (so beyond `PTRDIFF_MAX`) `ENOMEM`, an offset and length that overflow `EOVERFLOW`.
///
/// A descriptor of a typed memory object allocates from its pool, and what is replaced of such memory goes back to it, as
/// `munmap` gives it back.
///
/// # Safety
///
/// That of C: with `MAP_FIXED` what is at the address is the caller's to lose.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mmap(
    addr: *mut c_void,
    len: usize,
    prot: c_int,
    flags: c_int,
    fd: c_int,
    offset: i64,
) -> *mut c_void {
    let prot = Prot::from_bits(prot.cast_unsigned());
    let flags = MapFlags::from_bits(flags.cast_unsigned());
    if typed::may_concern(addr, len, flags, fd) {
        // SAFETY: the caller's promise.
        return unsafe { typed::map(addr, len, prot, flags, fd, offset.cast_unsigned()) };
    }
    // SAFETY: the caller's promise.
    address(unsafe { sys::mmap(addr, len, prot, flags, fd, offset.cast_unsigned()) })
}

/// The same: `off_t` has 64 bits.
///
/// # Safety
///
/// That of [`mmap`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mmap64(
    addr: *mut c_void,
    len: usize,
    prot: c_int,
    flags: c_int,
    fd: c_int,
    offset: i64,
) -> *mut c_void {
    // SAFETY: the caller's promise.
    unsafe { mmap(addr, len, prot, flags, fd, offset) }
}

/// Unmaps. [munmap(2)](https://man7.org/linux/man-pages/man2/mmap.2.html)
///
/// # Safety
///
/// That of C: the range is the caller's to lose.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn munmap(addr: *mut c_void, len: usize) -> c_int {
    if may_be_in(addr.addr(), len) {
        // SAFETY: the caller's promise.
        return unsafe { typed::unmap(addr, len) };
    }
    // SAFETY: the caller's promise.
    status(unsafe { sys::munmap(addr, len) })
}

/// Protects. [mprotect(2)](https://man7.org/linux/man-pages/man2/mprotect.2.html) An address that is no page boundary is
/// `EINVAL`, as for the kernel and glibc; musl rounds it down.
///
/// # Safety
///
/// That of C: access to the range is the caller's to change.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mprotect(addr: *mut c_void, len: usize, prot: c_int) -> c_int {
    // SAFETY: the caller's promise.
    status(unsafe { sys::mprotect(addr, len, Prot::from_bits(prot.cast_unsigned())) })
}

/// Seals. [mseal(2)](https://man7.org/linux/man-pages/man2/mseal.2.html)
///
/// # Safety
///
/// That of C: nobody will have to unmap the range.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mseal(addr: *mut c_void, len: usize, flags: c_ulong) -> c_int {
    // SAFETY: the caller's promise.
    status(unsafe { sys::mseal(addr, len, flags) })
}

/// Maps a shadow stack. [map_shadow_stack](https://docs.kernel.org/arch/x86/shstk.html)
///
/// # Safety
///
/// That of C.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn map_shadow_stack(
    addr: *mut c_void,
    len: usize,
    flags: u32,
) -> *mut c_void {
    let flags = ShadowStackFlags::from_bits(u64::from(flags));
    // SAFETY: the caller's promise.
    address(unsafe { sys::map_shadow_stack(addr, len, flags) })
}
