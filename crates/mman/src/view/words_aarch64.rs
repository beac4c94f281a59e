//! Words of shared memory, each step by the instructions of aarch64 for it: atomics of Rust want memory that may be
//! written, and may not meet others of another size.
#![expect(unsafe_code, reason = "reaches words that others may change, by assembly")]

use core::arch::asm;

/// Fetches a line of the cache that will be written to soon. Any address will do.
#[inline]
pub(super) fn prefetch(at: *const u8) {
    // SAFETY: a hint, which never faults.
    unsafe {
        asm!("prfm pstl1keep, [{at}]", at = in(reg) at,
            options(nostack, preserves_flags, readonly));
    }
}

/// # Safety
///
/// `from` is aligned, and can be read.
#[inline]
pub(super) unsafe fn load_8(from: *const u8) -> u8 {
    let value: u32;
    // SAFETY: reads the word, and nothing else.
    unsafe {
        asm!("ldrb {value:w}, [{from}]", value = out(reg) value, from = in(reg) from,
            options(nostack, preserves_flags, readonly));
    }
    let [low, ..] = value.to_le_bytes();
    u8::from_le_bytes([low])
}

/// # Safety
///
/// `to` is aligned, and can be written.
#[inline]
pub(super) unsafe fn store_8(to: *mut u8, value: u8) {
    // SAFETY: writes the word, and nothing else.
    unsafe {
        asm!("strb {value:w}, [{to}]", value = in(reg) u32::from(value), to = in(reg) to,
            options(nostack, preserves_flags));
    }
}

/// # Safety
///
/// `from` is aligned, and can be read.
#[inline]
pub(super) unsafe fn load_16(from: *const u8) -> u16 {
    let value: u32;
    // SAFETY: reads the word, and nothing else.
    unsafe {
        asm!("ldrh {value:w}, [{from}]", value = out(reg) value, from = in(reg) from,
            options(nostack, preserves_flags, readonly));
    }
    let [low, high, ..] = value.to_le_bytes();
    u16::from_le_bytes([low, high])
}

/// # Safety
///
/// `to` is aligned, and can be written.
#[inline]
pub(super) unsafe fn store_16(to: *mut u8, value: u16) {
    // SAFETY: writes the word, and nothing else.
    unsafe {
        asm!("strh {value:w}, [{to}]", value = in(reg) u32::from(value), to = in(reg) to,
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
        asm!("ldr {value:w}, [{from}]", value = out(reg) value, from = in(reg) from,
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
        asm!("str {value:w}, [{to}]", value = in(reg) value, to = in(reg) to,
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
        asm!("ldr {value:x}, [{from}]", value = out(reg) value, from = in(reg) from,
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
        asm!("str {value:x}, [{to}]", value = in(reg) value, to = in(reg) to,
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
    let found: u32;
    // SAFETY: reads and writes the word, and nothing else.
    unsafe {
        asm!("2:", "ldaxr {found:w}, [{at}]", "stlxr {failed:w}, {new:w}, [{at}]",
            "cbnz {failed:w}, 2b", found = out(reg) found, failed = out(reg) _,
            new = in(reg) new, at = in(reg) at, options(nostack, preserves_flags));
    }
    found
}

/// Adds, wrapping, and answers what was there.
///
/// # Safety
///
/// As for [`swap_32`].
#[inline]
pub(super) unsafe fn add_32(at: *mut u8, more: u32) -> u32 {
    let found: u32;
    // SAFETY: reads and writes the word, and nothing else.
    unsafe {
        asm!("2:", "ldaxr {found:w}, [{at}]", "add {sum:w}, {found:w}, {more:w}",
            "stlxr {failed:w}, {sum:w}, [{at}]", "cbnz {failed:w}, 2b",
            found = out(reg) found, sum = out(reg) _, failed = out(reg) _,
            more = in(reg) more, at = in(reg) at, options(nostack, preserves_flags));
    }
    found
}

/// Stores `new` where `old` stands. Answers what was there.
///
/// # Safety
///
/// As for [`swap_32`].
#[inline]
pub(super) unsafe fn exchange_32(at: *mut u8, old: u32, new: u32) -> u32 {
    let found: u32;
    // SAFETY: reads and writes the word, and nothing else.
    unsafe {
        asm!("2:", "ldaxr {found:w}, [{at}]", "cmp {found:w}, {old:w}", "b.ne 3f",
            "stlxr {failed:w}, {new:w}, [{at}]", "cbnz {failed:w}, 2b", "b 4f",
            "3:", "clrex", "4:", found = out(reg) found, failed = out(reg) _,
            old = in(reg) old, new = in(reg) new, at = in(reg) at, options(nostack));
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
    let found: u64;
    // SAFETY: reads and writes the word, and nothing else.
    unsafe {
        asm!("2:", "ldaxr {found:x}, [{at}]", "stlxr {failed:w}, {new:x}, [{at}]",
            "cbnz {failed:w}, 2b", found = out(reg) found, failed = out(reg) _,
            new = in(reg) new, at = in(reg) at, options(nostack, preserves_flags));
    }
    found
}

/// Adds, wrapping, and answers what was there.
///
/// # Safety
///
/// As for [`swap_64`].
#[inline]
pub(super) unsafe fn add_64(at: *mut u8, more: u64) -> u64 {
    let found: u64;
    // SAFETY: reads and writes the word, and nothing else.
    unsafe {
        asm!("2:", "ldaxr {found:x}, [{at}]", "add {sum:x}, {found:x}, {more:x}",
            "stlxr {failed:w}, {sum:x}, [{at}]", "cbnz {failed:w}, 2b",
            found = out(reg) found, sum = out(reg) _, failed = out(reg) _,
            more = in(reg) more, at = in(reg) at, options(nostack, preserves_flags));
    }
    found
}

/// Stores `new` where `old` stands. Answers what was there.
///
/// # Safety
///
/// As for [`swap_64`].
#[inline]
pub(super) unsafe fn exchange_64(at: *mut u8, old: u64, new: u64) -> u64 {
    let found: u64;
    // SAFETY: reads and writes the word, and nothing else.
    unsafe {
        asm!("2:", "ldaxr {found:x}, [{at}]", "cmp {found:x}, {old:x}", "b.ne 3f",
            "stlxr {failed:w}, {new:x}, [{at}]", "cbnz {failed:w}, 2b", "b 4f",
            "3:", "clrex", "4:", found = out(reg) found, failed = out(reg) _,
            old = in(reg) old, new = in(reg) new, at = in(reg) at, options(nostack));
    }
    found
}
