//! Loads of one word, by one instruction: an atomic reference would need memory that can be written.
#![expect(
    unsafe_code,
    reason = "loads words that others may change, from memory that may be read-only"
)]

use core::arch::asm;

/// # Safety
///
/// `from` can be read.
#[inline]
pub(super) unsafe fn load_8(from: *const u8) -> u8 {
    let value: u32;
    // SAFETY: reads the byte, and nothing else.
    unsafe {
        asm!("movzx {value:e}, byte ptr [{from}]", value = out(reg) value, from = in(reg) from,
            options(nostack, preserves_flags, readonly));
    }
    low_8(value)
}

/// # Safety
///
/// `from` is aligned, and can be read.
#[inline]
pub(super) unsafe fn load_16(from: *const u8) -> u16 {
    let value: u32;
    // SAFETY: reads the word, and nothing else.
    unsafe {
        asm!("movzx {value:e}, word ptr [{from}]", value = out(reg) value, from = in(reg) from,
            options(nostack, preserves_flags, readonly));
    }
    low_16(value)
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
/// `from` is aligned, and can be read.
#[inline]
pub(super) unsafe fn load_64(from: *const u8) -> u64 {
    let value: u64;
    // SAFETY: reads the word, and nothing else.
    unsafe {
        asm!("mov {value}, qword ptr [{from}]", value = out(reg) value, from = in(reg) from,
            options(nostack, preserves_flags, readonly));
    }
    value
}

const fn low_8(value: u32) -> u8 {
    let [low, ..] = value.to_le_bytes();
    low
}

const fn low_16(value: u32) -> u16 {
    let [low, high, ..] = value.to_le_bytes();
    u16::from_le_bytes([low, high])
}
