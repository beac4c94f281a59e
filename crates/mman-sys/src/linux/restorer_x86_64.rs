//! Where a signal handler returns to on x86-64, whose kernel asks the program for it.
#![expect(unsafe_code, reason = "a naked function that makes a system call")]

use crate::{ActionFlags, SigAction};
use core::arch::naked_asm;

/// Gives the action a restorer unless it has one.
pub(super) fn complete(action: SigAction) -> SigAction {
    if action.flags.contains(ActionFlags::RESTORER) {
        return action;
    }
    let entry: unsafe extern "C" fn() = restore;
    SigAction {
        flags: action.flags | ActionFlags::RESTORER,
        restorer: (entry as *const ()).expose_provenance(),
        ..action
    }
}

/// `rt_sigreturn`, in the bytes by which debuggers and unwinders know the end of a handler.
///
/// # Safety
///
/// Only the kernel enters it, at the return of a handler, with the signal frame on the stack.
#[unsafe(naked)]
unsafe extern "C" fn restore() {
    naked_asm!("mov rax, 15", "syscall")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_are_the_ones_unwinders_look_for() {
        let entry: unsafe extern "C" fn() = restore;
        let bytes = entry as *const u8;
        // SAFETY: the function is nine bytes of code, which are readable.
        let code: [u8; 9] = unsafe { bytes.cast::<[u8; 9]>().read_unaligned() };
        assert_eq!(code, [0x48, 0xc7, 0xc0, 0x0f, 0, 0, 0, 0x0f, 0x05]);
    }
}
