//! Words of shared memory, each step by one instruction of x86-64: atomics of Rust want memory that may be written, and
//! may not meet others of another size.
#![expect(unsafe_code, reason = "reaches words that others may change, by assembly")]

use core::arch::asm;

/// Fetches a line of the cache that will be written to soon. Any address will do.
#[inline]
pub(super) fn prefetch(at: *const u8) {
    // SAFETY: a hint, which never faults.
    unsafe {
        asm!("prefetchw [{at}]", at = in(reg) at, options(nostack, preserves_flags, readonly));
    }
}

/// # Safety
///
/// `from` is aligned, and can be read.
#[inline]
pub(super) unsafe fn load_8(from: *const u8) -> u8 {
    let value: u8;
    // SAFETY: reads the word, and nothing else.
    unsafe {
        asm!("mov {value}, byte ptr [{from}]", value = out(reg_byte) value, from = in(reg) from,
            options(nostack, preserves_flags, readonly));
    }
    value
}

/// # Safety
///
/// `to` is aligned, and can be written.
#[inline]
pub(super) unsafe fn store_8(to: *mut u8, value: u8) {
    // SAFETY: writes the word, and nothing else.
    unsafe {
        asm!("mov byte ptr [{to}], {value}", value = in(reg_byte) value, to = in(reg) to,
            options(nostack, preserves_flags));
    }
}

/// # Safety
///
/// `from` is aligned, and can be read.
#[inline]
pub(super) unsafe fn load_16(from: *const u8) -> u16 {
    let value: u16;
    // SAFETY: reads the word, and nothing else.
    unsafe {
        asm!("mov {value:x}, word ptr [{from}]", value = out(reg) value, from = in(reg) from,
            options(nostack, preserves_flags, readonly));
    }
    value
}

/// # Safety
///
/// `to` is aligned, and can be written.
#[inline]
pub(super) unsafe fn store_16(to: *mut u8, value: u16) {
    // SAFETY: writes the word, and nothing else.
    unsafe {
        asm!("mov word ptr [{to}], {value:x}", value = in(reg) value, to = in(reg) to,
            options(nostack, preserves_flags));
    }
}

/// # Safety
///
/// `from` is aligned, and can be read.
#[inline]
pub(super) unsafe fn load_32(from: *const u8) -> u32 {
    let value: u32;
    // SAFETY: reads the word, and nothing else.
    unsafe {
        asm!("mov {value:e}, dword ptr [{from}]", value = out(reg) value, from = in(reg) from,
            options(nostack, preserves_flags, readonly));
    }
    value
}

/// # Safety
///
/// `to` is aligned, and can be written.
#[inline]
pub(super) unsafe fn store_32(to: *mut u8, value: u32) {
    // SAFETY: writes the word, and nothing else.
    unsafe {
        asm!("mov dword ptr [{to}], {value:e}", value = in(reg) value, to = in(reg) to,
            options(nostack, preserves_flags));
    }
}

/// # Safety
///
/// `from` is aligned, and can be read.
#[inline]
pub(super) unsafe fn load_64(from: *const u8) -> u64 {
    let value: u64;
    // SAFETY: reads the word, and nothing else.
    unsafe {
        asm!("mov {value:r}, qword ptr [{from}]", value = out(reg) value, from = in(reg) from,
            options(nostack, preserves_flags, readonly));
    }
    value
}

/// # Safety
///
/// `to` is aligned, and can be written.
#[inline]
pub(super) unsafe fn store_64(to: *mut u8, value: u64) {
    // SAFETY: writes the word, and nothing else.
    unsafe {
        asm!("mov qword ptr [{to}], {value:r}", value = in(reg) value, to = in(reg) to,
            options(nostack, preserves_flags));
    }
}

/// Answers what was there.
///
/// # Safety
///
/// `at` is aligned, and can be read and written.
#[inline]
pub(super) unsafe fn swap_32(at: *mut u8, new: u32) -> u32 {
    let mut value = new;
    // SAFETY: reads and writes the word, and nothing else.
    unsafe {
        asm!("xchg dword ptr [{at}], {value:e}", value = inout(reg) value, at = in(reg) at,
            options(nostack, preserves_flags));
    }
    value
}

/// Adds, wrapping, and answers what was there.
///
/// # Safety
///
/// As for [`swap_32`].
#[inline]
pub(super) unsafe fn add_32(at: *mut u8, more: u32) -> u32 {
    let mut value = more;
    // SAFETY: reads and writes the word, and nothing else.
    unsafe {
        asm!("lock xadd dword ptr [{at}], {value:e}", value = inout(reg) value, at = in(reg) at,
            options(nostack));
    }
    value
}

/// Stores `new` where `old` stands. Answers what was there.
///
/// # Safety
///
/// As for [`swap_32`].
#[inline]
pub(super) unsafe fn exchange_32(at: *mut u8, old: u32, new: u32) -> u32 {
    let mut found = old;
    // SAFETY: reads and writes the word, and nothing else.
    unsafe {
        asm!("lock cmpxchg dword ptr [{at}], {new:e}", new = in(reg) new, at = in(reg) at,
            inout("eax") found, options(nostack));
    }
    found
}

/// Answers what was there.
///
/// # Safety
///
/// `at` is aligned, and can be read and written.
#[inline]
pub(super) unsafe fn swap_64(at: *mut u8, new: u64) -> u64 {
    let mut value = new;
    // SAFETY: reads and writes the word, and nothing else.
    unsafe {
        asm!("xchg qword ptr [{at}], {value:r}", value = inout(reg) value, at = in(reg) at,
            options(nostack, preserves_flags));
    }
    value
}

/// Adds, wrapping, and answers what was there.
///
/// # Safety
///
/// As for [`swap_64`].
#[inline]
pub(super) unsafe fn add_64(at: *mut u8, more: u64) -> u64 {
    let mut value = more;
    // SAFETY: reads and writes the word, and nothing else.
    unsafe {
        asm!("lock xadd qword ptr [{at}], {value:r}", value = inout(reg) value, at = in(reg) at,
            options(nostack));
    }
    value
}

/// Stores `new` where `old` stands. Answers what was there.
///
/// # Safety
///
/// As for [`swap_64`].
#[inline]
pub(super) unsafe fn exchange_64(at: *mut u8, old: u64, new: u64) -> u64 {
    let mut found = old;
    // SAFETY: reads and writes the word, and nothing else.
    unsafe {
        asm!("lock cmpxchg qword ptr [{at}], {new:r}", new = in(reg) new, at = in(reg) at,
            inout("rax") found, options(nostack));
    }
    found
}
