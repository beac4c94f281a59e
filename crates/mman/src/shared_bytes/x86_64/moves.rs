//! Copying and filling shared bytes on x86-64.
#![expect(unsafe_code, reason = "copies and fills memory that others may change, by assembly")]

use super::has_avx2;
use core::arch::asm;

/// Up to how many bytes registers of 16 bytes hold it all.
const STRAIGHT: usize = 128;

/// See [`super::super::copy_out`].
#[inline]
pub(in crate::shared_bytes) unsafe fn copy(from: *const u8, to: *mut u8, len: usize) {
    match len {
        // SAFETY: the caller's promise, here and below.
        0..=16 => unsafe { copy_16(from, to, len) },
        // SAFETY: as above.
        17..=32 => unsafe { copy_32(from, to, len) },
        // SAFETY: as above.
        33..=64 => unsafe { copy_64(from, to, len) },
        // SAFETY: as above.
        _ => unsafe { copy_more(from, to, len) },
    }
}

/// Up to 16 bytes.
#[inline(always)]
unsafe fn copy_16(from: *const u8, to: *mut u8, len: usize) {
    match len {
        0 => {}
        // SAFETY: the caller's promise.
        1 => unsafe {
            asm!("movzx {a:e}, byte ptr [{from}]", "mov byte ptr [{to}], {a:l}",
                from = in(reg) from, to = in(reg) to, a = out(reg) _,
                options(nostack, preserves_flags));
        },
        // SAFETY: the first two and the last two bytes, which may be the same.
        2..=3 => unsafe {
            asm!("movzx {a:e}, word ptr [{from}]", "movzx {b:e}, word ptr [{from} + {len} - 2]",
                "mov word ptr [{to}], {a:x}", "mov word ptr [{to} + {len} - 2], {b:x}",
                from = in(reg) from, to = in(reg) to, len = in(reg) len,
                a = out(reg) _, b = out(reg) _, options(nostack, preserves_flags));
        },
        // SAFETY: the first four and the last four bytes.
        4..=7 => unsafe {
            asm!("mov {a:e}, dword ptr [{from}]", "mov {b:e}, dword ptr [{from} + {len} - 4]",
                "mov dword ptr [{to}], {a:e}", "mov dword ptr [{to} + {len} - 4], {b:e}",
                from = in(reg) from, to = in(reg) to, len = in(reg) len,
                a = out(reg) _, b = out(reg) _, options(nostack, preserves_flags));
        },
        // SAFETY: the first eight and the last eight bytes.
        _ => unsafe {
            asm!("mov {a}, qword ptr [{from}]", "mov {b}, qword ptr [{from} + {len} - 8]",
                "mov qword ptr [{to}], {a}", "mov qword ptr [{to} + {len} - 8], {b}",
                from = in(reg) from, to = in(reg) to, len = in(reg) len,
                a = out(reg) _, b = out(reg) _, options(nostack, preserves_flags));
        },
    }
}

/// 16 to 32 bytes.
#[inline(always)]
unsafe fn copy_32(from: *const u8, to: *mut u8, len: usize) {
    // SAFETY: the caller's promise: the first 16 and the last 16 bytes.
    unsafe {
        asm!("movups {a}, [{from}]", "movups {b}, [{from} + {len} - 16]",
            "movups [{to}], {a}", "movups [{to} + {len} - 16], {b}",
            from = in(reg) from, to = in(reg) to, len = in(reg) len,
            a = out(xmm_reg) _, b = out(xmm_reg) _, options(nostack, preserves_flags));
    }
}

/// 32 to 64 bytes.
#[inline(always)]
unsafe fn copy_64(from: *const u8, to: *mut u8, len: usize) {
    // SAFETY: the caller's promise: the first 32 and the last 32 bytes.
    unsafe {
        asm!("movups {a}, [{from}]", "movups {b}, [{from} + 16]",
            "movups {c}, [{from} + {len} - 32]", "movups {d}, [{from} + {len} - 16]",
            "movups [{to}], {a}", "movups [{to} + 16], {b}",
            "movups [{to} + {len} - 32], {c}", "movups [{to} + {len} - 16], {d}",
            from = in(reg) from, to = in(reg) to, len = in(reg) len,
            a = out(xmm_reg) _, b = out(xmm_reg) _, c = out(xmm_reg) _, d = out(xmm_reg) _,
            options(nostack, preserves_flags));
    }
}

/// 64 bytes or more.
#[inline(never)]
unsafe fn copy_more(from: *const u8, to: *mut u8, len: usize) {
    if len <= STRAIGHT {
        // SAFETY: the caller's promise.
        unsafe { copy_128(from, to, len) }
    } else if !has_avx2() {
        // SAFETY: the caller's promise.
        unsafe { copy_sse2(from, to, len) }
    } else if len <= 2 * STRAIGHT {
        // SAFETY: the caller's promise; AVX2 is there.
        unsafe { copy_256(from, to, len) }
    } else {
        // SAFETY: the caller's promise; AVX2 is there.
        unsafe { copy_avx2(from, to, len) }
    }
}

/// 64 to 128 bytes.
#[inline(always)]
unsafe fn copy_128(from: *const u8, to: *mut u8, len: usize) {
    // SAFETY: the caller's promise: the first 64 and the last 64 bytes.
    unsafe {
        asm!("movups xmm0, [{from}]", "movups xmm1, [{from} + 16]",
            "movups xmm2, [{from} + 32]", "movups xmm3, [{from} + 48]",
            "movups xmm4, [{from} + {len} - 64]", "movups xmm5, [{from} + {len} - 48]",
            "movups xmm6, [{from} + {len} - 32]", "movups xmm7, [{from} + {len} - 16]",
            "movups [{to}], xmm0", "movups [{to} + 16], xmm1",
            "movups [{to} + 32], xmm2", "movups [{to} + 48], xmm3",
            "movups [{to} + {len} - 64], xmm4", "movups [{to} + {len} - 48], xmm5",
            "movups [{to} + {len} - 32], xmm6", "movups [{to} + {len} - 16], xmm7",
            from = in(reg) from, to = in(reg) to, len = in(reg) len,
            out("xmm0") _, out("xmm1") _, out("xmm2") _, out("xmm3") _,
            out("xmm4") _, out("xmm5") _, out("xmm6") _, out("xmm7") _,
            options(nostack, preserves_flags));
    }
}

/// 128 to 256 bytes.
#[inline(always)]
unsafe fn copy_256(from: *const u8, to: *mut u8, len: usize) {
    // SAFETY: the caller's promise: the first 128 and the last 128 bytes.
    unsafe {
        asm!("vmovdqu ymm0, [{from}]", "vmovdqu ymm1, [{from} + 32]",
            "vmovdqu ymm2, [{from} + 64]", "vmovdqu ymm3, [{from} + 96]",
            "vmovdqu ymm4, [{from} + {len} - 128]", "vmovdqu ymm5, [{from} + {len} - 96]",
            "vmovdqu ymm6, [{from} + {len} - 64]", "vmovdqu ymm7, [{from} + {len} - 32]",
            "vmovdqu [{to}], ymm0", "vmovdqu [{to} + 32], ymm1",
            "vmovdqu [{to} + 64], ymm2", "vmovdqu [{to} + 96], ymm3",
            "vmovdqu [{to} + {len} - 128], ymm4", "vmovdqu [{to} + {len} - 96], ymm5",
            "vmovdqu [{to} + {len} - 64], ymm6", "vmovdqu [{to} + {len} - 32], ymm7",
            "vzeroupper",
            from = in(reg) from, to = in(reg) to, len = in(reg) len,
            clobber_abi("sysv64"), options(nostack, preserves_flags));
    }
}

/// How far a place is in front of the next one that is aligned to a power of two: 1 to all of it.
#[inline(always)]
fn to_aligned(to: *mut u8, alignment: usize) -> usize {
    alignment.wrapping_sub(to.addr() & alignment.wrapping_sub(1))
}

/// More than 128 bytes, without AVX.
#[inline(never)]
unsafe fn copy_sse2(from: *const u8, to: *mut u8, len: usize) {
    let at = to_aligned(to, 16);
    // SAFETY: the caller's promise: the first 16 and the last 64 bytes, and between them rows of 64, each of which
    // starts more than 64 bytes before the end. Stores of rows are aligned.
    unsafe {
        asm!("movups xmm4, [{from}]",
            "movups xmm5, [{from} + {len} - 64]", "movups xmm6, [{from} + {len} - 48]",
            "movups xmm7, [{from} + {len} - 32]", "movups xmm8, [{from} + {len} - 16]",
            "2:",
            "movups xmm0, [{from} + rax]", "movups xmm1, [{from} + rax + 16]",
            "movups xmm2, [{from} + rax + 32]", "movups xmm3, [{from} + rax + 48]",
            "movaps [{to} + rax], xmm0", "movaps [{to} + rax + 16], xmm1",
            "movaps [{to} + rax + 32], xmm2", "movaps [{to} + rax + 48], xmm3",
            "add rax, 64", "cmp rax, {end}", "jb 2b",
            "movups [{to}], xmm4",
            "movups [{to} + {len} - 64], xmm5", "movups [{to} + {len} - 48], xmm6",
            "movups [{to} + {len} - 32], xmm7", "movups [{to} + {len} - 16], xmm8",
            from = in(reg) from, to = in(reg) to, len = in(reg) len,
            inout("rax") at => _, end = in(reg) len.wrapping_sub(64),
            clobber_abi("sysv64"), options(nostack));
    }
}

/// More than 256 bytes.
#[inline(always)]
unsafe fn copy_avx2(from: *const u8, to: *mut u8, len: usize) {
    let at = to_aligned(to, 32);
    // SAFETY: the caller's promise: the first 32 and the last 128 bytes, and between them rows of 128, each of which
    // starts more than 128 bytes before the end. Stores of rows are aligned.
    unsafe {
        asm!("vmovdqu ymm4, [{from}]",
            "vmovdqu ymm5, [{from} + {len} - 128]", "vmovdqu ymm6, [{from} + {len} - 96]",
            "vmovdqu ymm7, [{from} + {len} - 64]", "vmovdqu ymm8, [{from} + {len} - 32]",
            "2:",
            "vmovdqu ymm0, [{from} + rax]", "vmovdqu ymm1, [{from} + rax + 32]",
            "vmovdqu ymm2, [{from} + rax + 64]", "vmovdqu ymm3, [{from} + rax + 96]",
            "vmovdqa [{to} + rax], ymm0", "vmovdqa [{to} + rax + 32], ymm1",
            "vmovdqa [{to} + rax + 64], ymm2", "vmovdqa [{to} + rax + 96], ymm3",
            "sub rax, -128", "cmp rax, {end}", "jb 2b",
            "vmovdqu [{to}], ymm4",
            "vmovdqu [{to} + {len} - 128], ymm5", "vmovdqu [{to} + {len} - 96], ymm6",
            "vmovdqu [{to} + {len} - 64], ymm7", "vmovdqu [{to} + {len} - 32], ymm8",
            "vzeroupper",
            from = in(reg) from, to = in(reg) to, len = in(reg) len,
            inout("rax") at => _, end = in(reg) len.wrapping_sub(128),
            clobber_abi("sysv64"), options(nostack));
    }
}

/// See [`super::super::fill`].
#[inline]
pub(in crate::shared_bytes) unsafe fn fill(to: *mut u8, byte: u8, len: usize) {
    let word = u64::from_ne_bytes([byte; 8]);
    if len < 16 {
        // SAFETY: the caller's promise.
        unsafe { fill_15(to, word, len) }
    } else if len <= STRAIGHT || !has_avx2() {
        // SAFETY: the caller's promise.
        unsafe { fill_sse2(to, word, len) }
    } else {
        // SAFETY: the caller's promise; AVX2 is there.
        unsafe { fill_avx2(to, word, len) }
    }
}

/// Fewer than 16 bytes.
#[inline(always)]
unsafe fn fill_15(to: *mut u8, word: u64, len: usize) {
    match len {
        0 => {}
        // SAFETY: the caller's promise: the first, the last and the middle byte, which may be the same.
        1..=3 => unsafe {
            asm!("mov byte ptr [{to}], {word:l}", "mov byte ptr [{to} + {middle}], {word:l}",
                "mov byte ptr [{to} + {len} - 1], {word:l}",
                to = in(reg) to, word = in(reg) word, len = in(reg) len, middle = in(reg) len >> 1,
                options(nostack, preserves_flags));
        },
        // SAFETY: the first four and the last four bytes.
        4..=7 => unsafe {
            asm!("mov dword ptr [{to}], {word:e}", "mov dword ptr [{to} + {len} - 4], {word:e}",
                to = in(reg) to, word = in(reg) word, len = in(reg) len,
                options(nostack, preserves_flags));
        },
        // SAFETY: the first eight and the last eight bytes.
        _ => unsafe {
            asm!("mov qword ptr [{to}], {word}", "mov qword ptr [{to} + {len} - 8], {word}",
                to = in(reg) to, word = in(reg) word, len = in(reg) len,
                options(nostack, preserves_flags));
        },
    }
}

/// 16 bytes or more, without AVX.
#[inline(never)]
unsafe fn fill_sse2(to: *mut u8, word: u64, len: usize) {
    let at = to_aligned(to, 16);
    // SAFETY: the caller's promise: the first 16 and the last 16 bytes, and between them aligned rows of 16, each of
    // which starts more than 16 bytes before the end.
    unsafe {
        asm!("movq {row}, {word}", "punpcklqdq {row}, {row}",
            "movups [{to}], {row}", "movups [{to} + {end}], {row}",
            "cmp {at}, {end}", "jae 3f",
            "2:",
            "movaps [{to} + {at}], {row}",
            "add {at}, 16", "cmp {at}, {end}", "jb 2b",
            "3:",
            to = in(reg) to, word = in(reg) word, row = out(xmm_reg) _,
            at = inout(reg) at => _, end = in(reg) len.wrapping_sub(16),
            options(nostack));
    }
}

/// More than 128 bytes.
#[inline(never)]
unsafe fn fill_avx2(to: *mut u8, word: u64, len: usize) {
    let at = to_aligned(to, 32);
    // SAFETY: the caller's promise: the first 32 and the last 128 bytes, and between them aligned rows of 128, each
    // of which starts more than 128 bytes before the end.
    unsafe {
        asm!("vmovq xmm0, {word}", "vpbroadcastq ymm0, xmm0",
            "vmovdqu [{to}], ymm0",
            "cmp rax, {end}", "jae 3f",
            "2:",
            "vmovdqa [{to} + rax], ymm0", "vmovdqa [{to} + rax + 32], ymm0",
            "vmovdqa [{to} + rax + 64], ymm0", "vmovdqa [{to} + rax + 96], ymm0",
            "sub rax, -128", "cmp rax, {end}", "jb 2b",
            "3:",
            "vmovdqu [{to} + {end}], ymm0", "vmovdqu [{to} + {end} + 32], ymm0",
            "vmovdqu [{to} + {end} + 64], ymm0", "vmovdqu [{to} + {end} + 96], ymm0",
            "vzeroupper",
            to = in(reg) to, word = in(reg) word,
            inout("rax") at => _, end = in(reg) len.wrapping_sub(128),
            clobber_abi("sysv64"), options(nostack));
    }
}
