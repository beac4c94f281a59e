//! `pthread_atfork` on x86-64, by either of its names.
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
        "mov rax, [rip + __register_atfork@GOTPCREL]",
        "test rax, rax",
        "jz 2f",
        "mov rcx, [rip + __dso_handle@GOTPCREL]",
        "test rcx, rcx",
        "jz 3f",
        "mov rcx, [rcx]",
        "3:",
        "jmp rax",
        "2:",
        "mov rax, [rip + pthread_atfork@GOTPCREL]",
        "test rax, rax",
        "jz 4f",
        "jmp rax",
        "4:",
        "mov eax, -1",
        "ret",
    )
}
