//! `msync` on aarch64, during which the thread can be cancelled at any instruction.
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
    // The frame: x29 and x30 saved; at sp + 16 the three arguments, the first place later for the answer; at
    // sp + 40 the old type (an int). The calls go by the table of addresses and not by a stub of the linker, which
    // may have no unwind information.
    naked_asm!(
        ".cfi_startproc",
        "stp x29, x30, [sp, #-48]!",
        ".cfi_def_cfa_offset 48",
        ".cfi_offset x29, -48",
        ".cfi_offset x30, -40",
        "mov x29, sp",
        "stp x0, x1, [sp, #16]",
        "str x2, [sp, #32]",
        "mov w0, #1", // PTHREAD_CANCEL_ASYNCHRONOUS, in glibc and musl
        "add x1, sp, #40",
        "adrp x16, :got:{set_type}",
        "ldr x16, [x16, :got_lo12:{set_type}]",
        "blr x16",
        "ldp x0, x1, [sp, #16]",
        "ldrsw x2, [sp, #32]",
        "mov x8, #227", // __NR_msync
        "svc #0",
        "str x0, [sp, #16]",
        "ldr w0, [sp, #40]",
        "mov x1, xzr",
        "adrp x16, :got:{set_type}",
        "ldr x16, [x16, :got_lo12:{set_type}]",
        "blr x16",
        "ldr x0, [sp, #16]",
        "ldp x29, x30, [sp], #48",
        ".cfi_def_cfa_offset 0",
        ".cfi_restore x29",
        ".cfi_restore x30",
        "b {finish}",
        ".cfi_endproc",
        set_type = sym pthread_setcanceltype,
        finish = sym finish,
    )
}
