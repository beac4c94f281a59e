//! The calls that map, unmap and move memory, and those of them that typed memory is told of: what it maps is allocated, what
//! it unmaps or replaces is given back.
//!
//! - B1: an error of these functions says that nothing has changed: the owner of the memory goes on owning it. What fails
//!   after the kernel's call (the pool's table is damaged, or a stopped process holds its lock) is no error: what could
//!   not be given back is kept by the book, and given back by a later call. (Mapping over something with `FIXED`, the
//!   kernel may have emptied the place before it refused.)
#![expect(unsafe_code, reason = "makes memory calls for the owner of the memory")]

use super::Request;
use crate::error::ObjectKind;
use core::ffi::c_void;
use mman_sys as sys;
use mman_sys::{Errno, RemapFlags};
use mman_typed::{Cause, Failure};

/// The kernel's own answer.
pub(super) const fn kernel(errno: Errno) -> Failure {
    Failure { errno, cause: Cause::Kernel("a memory call") }
}

/// `mmap`, and nothing else.
///
/// # Safety
///
/// With `FIXED`, the caller owns what is at the address.
pub(super) unsafe fn map_plainly(request: &Request, address: usize) -> Result<*mut c_void, Errno> {
    let Request { len, prot, flags, fd, offset, .. } = *request;
    let hint = core::ptr::without_provenance_mut(address);
    // SAFETY: without FIXED the call takes nothing away; with it, the caller owns what is lost.
    unsafe { sys::mmap(hint, len, prot, flags, fd, offset) }
}

/// `mmap`: of typed memory, or where such may be, `by_book`.
///
/// # Safety
///
/// As [`map_plainly`].
pub(super) unsafe fn map(
    request: &Request,
    address: usize,
    by_book: bool,
) -> Result<*mut c_void, Failure> {
    let call = || {
        // SAFETY: the caller's promise.
        unsafe { map_plainly(request, address) }
    };
    if !by_book {
        return call().map_err(kernel);
    }
    let Request { kind, len, prot, flags, fd, offset, .. } = *request;
    if kind != ObjectKind::TypedMemory {
        return taking_away(address, len, call);
    }
    let hint = core::ptr::without_provenance_mut(address);
    // SAFETY: the caller's promise.
    unsafe { mman_typed::map(hint, len, prot, flags, fd, offset) }
}

/// `munmap`: where typed memory may be, `by_book`.
///
/// # Safety
///
/// The caller owns the range.
pub(super) unsafe fn unmap(start: *mut c_void, len: usize, by_book: bool) -> Result<(), Failure> {
    let call = || {
        // SAFETY: the caller's promise.
        unsafe { sys::munmap(start, len) }
    };
    if by_book { taking_away(start.addr(), len, call) } else { call().map_err(kernel) }
}

/// `mremap`: where typed memory may be, at either place, `by_book`.
///
/// # Safety
///
/// The caller owns the old range, and with `FIXED` the new one.
pub(super) unsafe fn remap(
    old: *mut c_void,
    old_len: usize,
    new_len: usize,
    flags: RemapFlags,
    new: *mut c_void,
    by_book: bool,
) -> Result<*mut c_void, Failure> {
    if by_book {
        // SAFETY: the caller's promise.
        return unsafe { mman_typed::remap(old, old_len, new_len, flags, new) };
    }
    // SAFETY: the caller's promise.
    unsafe { sys::mremap(old, old_len, new_len, flags, new) }.map_err(kernel)
}

/// B1: the answer of the call, if it was made.
fn taking_away<R: Copy>(
    address: usize,
    len: usize,
    call: impl FnOnce() -> Result<R, Errno>,
) -> Result<R, Failure> {
    let mut done = None;
    let told = mman_typed::taking_away(address, len, || {
        let answer = call()?;
        done = Some(answer);
        Ok(answer)
    });
    done.map_or(told, Ok)
}
