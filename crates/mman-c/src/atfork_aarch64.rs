//! `pthread_atfork` on aarch64, by either of its names.
#![expect(unsafe_code, reason = "a naked function that calls what may not be there")]

use core::arch::naked_asm;
use core::ffi::c_int;

/// Registers three functions, if the C library has one for that; else it answers -1.
///
/// glibc has `pthread_atfork` in a part that only programs are linked with, and `__register_atfork` in the library, which
/// takes the library's handle too, so that the functions go when it is unloaded. musl has the first alone. Both are weak.
///
/// # Safety
///
/// The functions can be called at any fork from now on.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn register(
    before: extern "C" fn(),
    in_parent: extern "C" fn(),
    in_child: extern "C" fn(),
) -> c_int {
    naked_asm!(
        ".weak __register_atfork",
        ".weak pthread_atfork",
        ".weak __dso_handle",
        ".hidden __dso_handle",
        "adrp x8, :got:__register_atfork",
        "ldr x8, [x8, :got_lo12:__register_atfork]",
        "cbz x8, 2f",
        "adrp x3, :got:__dso_handle",
        "ldr x3, [x3, :got_lo12:__dso_handle]",
        "cbz x3, 3f",
        "ldr x3, [x3]",
        "3:",
        "br x8",
        "2:",
        "adrp x8, :got:pthread_atfork",
        "ldr x8, [x8, :got_lo12:pthread_atfork]",
        "cbz x8, 4f",
        "br x8",
        "4:",
        "mov w0, #-1",
        "ret",
    )
}
