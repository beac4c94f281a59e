//! `msync` on x86-64, during which the thread can be cancelled at any instruction.
#![expect(unsafe_code, reason = "a naked function that makes a system call")]

use super::{finish, pthread_setcanceltype};
use core::arch::naked_asm;
use core::ffi::{c_int, c_void};

/// Writes changes back. [msync(2)](https://man7.org/linux/man-pages/man2/msync.2.html)
///
/// The thread's cancellation type is asynchronous while the kernel works: a request that is pending, or comes
/// meanwhile, is acted on then. POSIX lets a cancelled call have done its work or not.
///
/// # Safety
///
/// None beyond C's: no byte of memory is changed.
#[unsafe(naked)]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msync(addr: *mut c_void, len: usize, flags: c_int) -> c_int {
    // The frame: rbx saved for the answer; at rsp + 8 the old type (an int), then the three arguments. The stack
    // is aligned to 16 at both calls. They go by the table of addresses and not by a stub of the linker: not
    // every linker writes unwind information for its stubs, and a thread may be cancelled in one.
    naked_asm!(
        ".cfi_startproc",
        "push rbx",
        ".cfi_adjust_cfa_offset 8",
        ".cfi_rel_offset rbx, 0",
        "sub rsp, 32",
        ".cfi_adjust_cfa_offset 32",
        "mov [rsp + 8], rdi",
        "mov [rsp + 16], rsi",
        "mov [rsp + 24], rdx",
        "mov edi, 1", // PTHREAD_CANCEL_ASYNCHRONOUS, in glibc and musl
        "mov rsi, rsp",
        "call [rip + {set_type}@GOTPCREL]",
        "mov rdi, [rsp + 8]",
        "mov rsi, [rsp + 16]",
        "movsxd rdx, dword ptr [rsp + 24]",
        "mov eax, 26", // __NR_msync
        "syscall",
        "mov rbx, rax",
        "mov edi, [rsp]",
        "xor esi, esi",
        "call [rip + {set_type}@GOTPCREL]",
        "mov rdi, rbx",
        "add rsp, 32",
        ".cfi_adjust_cfa_offset -32",
        "pop rbx",
        ".cfi_adjust_cfa_offset -8",
        ".cfi_restore rbx",
        "jmp {finish}",
        ".cfi_endproc",
        set_type = sym pthread_setcanceltype,
        finish = sym finish,
    )
}
