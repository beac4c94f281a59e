//! Copying and filling shared bytes on x86-64.
#![expect(unsafe_code, reason = "copies and fills memory that others may change, by assembly")]

use super::processor::Processor;
use core::arch::asm;

/// From how many bytes on `rep movsb` is as fast as any loop, where it is fast at all.
const STRING: usize = 3072;

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

/// More than 64 bytes.
#[inline(never)]
unsafe fn copy_more(from: *const u8, to: *mut u8, len: usize) {
    match Processor::known() {
        // SAFETY: the caller's promise; this processor has it.
        Some(has) => unsafe { copy_with(has, from, to, len) },
        // SAFETY: the caller's promise.
        None => unsafe { copy_first(from, to, len) },
    }
}

/// The first copy of the process. Apart, so that the others need no registers saved for it.
#[cold]
#[inline(never)]
unsafe fn copy_first(from: *const u8, to: *mut u8, len: usize) {
    // SAFETY: the caller's promise; this processor has it.
    unsafe { copy_with(Processor::this(), from, to, len) }
}

/// More than 64 bytes, as a processor does it that has what is told, or more.
///
/// # Safety
///
/// That of [`super::super::copy_out`]; the processor has it.
#[inline(always)]
pub(super) unsafe fn copy_with(has: Processor, from: *const u8, to: *mut u8, len: usize) {
    match len {
        // SAFETY: the caller's promise, here and below.
        0..=128 if has.avx512() => unsafe { copy_128_avx512(from, to, len) },
        // SAFETY: as above.
        0..=128 if has.avx2() => unsafe { copy_128_avx2(from, to, len) },
        // SAFETY: as above.
        0..=128 => unsafe { copy_128_sse2(from, to, len) },
        // SAFETY: as above.
        STRING.. if has.fast_strings() => unsafe { copy_string(from, to, len) },
        // SAFETY: as above.
        129..=256 if has.avx512() => unsafe { copy_256_avx512(from, to, len) },
        // SAFETY: as above.
        129..=256 if has.avx2() => unsafe { copy_256_avx2(from, to, len) },
        // SAFETY: as above.
        _ if has.avx512() => unsafe { copy_rows_avx512(from, to, len) },
        // SAFETY: as above.
        _ if has.avx2() => unsafe { copy_rows_avx2(from, to, len) },
        // SAFETY: as above.
        _ => unsafe { copy_rows_sse2(from, to, len) },
    }
}

/// By the instruction for that, which keeps how far it is in its registers when it faults.
#[inline(always)]
unsafe fn copy_string(from: *const u8, to: *mut u8, len: usize) {
    // SAFETY: the caller's promise; the direction flag is clear.
    unsafe {
        asm!("rep movsb", inout("rcx") len => _, inout("rsi") from => _, inout("rdi") to => _,
            options(nostack, preserves_flags));
    }
}

/// 64 to 128 bytes. These registers leave nothing behind that slows older instructions.
#[inline(always)]
unsafe fn copy_128_avx512(from: *const u8, to: *mut u8, len: usize) {
    // SAFETY: the caller's promise: the first 64 and the last 64 bytes.
    unsafe {
        asm!("vmovdqu64 zmm16, [{from}]", "vmovdqu64 zmm17, [{from} + {len} - 64]",
            "vmovdqu64 [{to}], zmm16", "vmovdqu64 [{to} + {len} - 64], zmm17",
            from = in(reg) from, to = in(reg) to, len = in(reg) len,
            clobber_abi("sysv64"), options(nostack, preserves_flags));
    }
}

/// 128 to 256 bytes.
#[inline(always)]
unsafe fn copy_256_avx512(from: *const u8, to: *mut u8, len: usize) {
    // SAFETY: the caller's promise: the first 128 and the last 128 bytes.
    unsafe {
        asm!("vmovdqu64 zmm16, [{from}]", "vmovdqu64 zmm17, [{from} + 64]",
            "vmovdqu64 zmm18, [{from} + {len} - 128]", "vmovdqu64 zmm19, [{from} + {len} - 64]",
            "vmovdqu64 [{to}], zmm16", "vmovdqu64 [{to} + 64], zmm17",
            "vmovdqu64 [{to} + {len} - 128], zmm18", "vmovdqu64 [{to} + {len} - 64], zmm19",
            from = in(reg) from, to = in(reg) to, len = in(reg) len,
            clobber_abi("sysv64"), options(nostack, preserves_flags));
    }
}

/// More than 256 bytes, by rows of 256.
#[inline(always)]
unsafe fn copy_rows_avx512(from: *const u8, to: *mut u8, len: usize) {
    let at = to_aligned(to, 64);
    // SAFETY: the caller's promise: the first 64 and the last 256 bytes, and between them rows of 256, each of which
    // starts more than 256 bytes before the end. Stores of rows are aligned.
    unsafe {
        asm!("vmovdqu64 zmm20, [{from}]",
            "vmovdqu64 zmm21, [{from} + {len} - 256]", "vmovdqu64 zmm22, [{from} + {len} - 192]",
            "vmovdqu64 zmm23, [{from} + {len} - 128]", "vmovdqu64 zmm24, [{from} + {len} - 64]",
            "cmp rax, {end}", "jae 3f",
            "2:",
            "vmovdqu64 zmm16, [{from} + rax]", "vmovdqu64 zmm17, [{from} + rax + 64]",
            "vmovdqu64 zmm18, [{from} + rax + 128]", "vmovdqu64 zmm19, [{from} + rax + 192]",
            "vmovdqa64 [{to} + rax], zmm16", "vmovdqa64 [{to} + rax + 64], zmm17",
            "vmovdqa64 [{to} + rax + 128], zmm18", "vmovdqa64 [{to} + rax + 192], zmm19",
            "add rax, 256", "cmp rax, {end}", "jb 2b",
            "3:",
            "vmovdqu64 [{to}], zmm20",
            "vmovdqu64 [{to} + {len} - 256], zmm21", "vmovdqu64 [{to} + {len} - 192], zmm22",
            "vmovdqu64 [{to} + {len} - 128], zmm23", "vmovdqu64 [{to} + {len} - 64], zmm24",
            from = in(reg) from, to = in(reg) to, len = in(reg) len,
            inout("rax") at => _, end = in(reg) len.wrapping_sub(256),
            clobber_abi("sysv64"), options(nostack));
    }
}

/// 64 to 128 bytes.
#[inline(always)]
unsafe fn copy_128_avx2(from: *const u8, to: *mut u8, len: usize) {
    // SAFETY: the caller's promise: the first 64 and the last 64 bytes.
    unsafe {
        asm!("vmovdqu ymm0, [{from}]", "vmovdqu ymm1, [{from} + 32]",
            "vmovdqu ymm2, [{from} + {len} - 64]", "vmovdqu ymm3, [{from} + {len} - 32]",
            "vmovdqu [{to}], ymm0", "vmovdqu [{to} + 32], ymm1",
            "vmovdqu [{to} + {len} - 64], ymm2", "vmovdqu [{to} + {len} - 32], ymm3",
            "vzeroupper",
            from = in(reg) from, to = in(reg) to, len = in(reg) len,
            clobber_abi("sysv64"), options(nostack, preserves_flags));
    }
}

/// 64 to 128 bytes.
#[inline(always)]
unsafe fn copy_128_sse2(from: *const u8, to: *mut u8, len: usize) {
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
unsafe fn copy_256_avx2(from: *const u8, to: *mut u8, len: usize) {
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
#[inline(always)]
unsafe fn copy_rows_sse2(from: *const u8, to: *mut u8, len: usize) {
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
unsafe fn copy_rows_avx2(from: *const u8, to: *mut u8, len: usize) {
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
    } else {
        // SAFETY: the caller's promise.
        unsafe { fill_more(to, word, len) }
    }
}

/// 16 bytes or more.
#[inline(never)]
unsafe fn fill_more(to: *mut u8, word: u64, len: usize) {
    match Processor::known() {
        // SAFETY: the caller's promise; this processor has it.
        Some(has) => unsafe { fill_with(has, to, word, len) },
        // SAFETY: the caller's promise.
        None => unsafe { fill_first(to, word, len) },
    }
}

/// The first one of the process.
#[cold]
#[inline(never)]
unsafe fn fill_first(to: *mut u8, word: u64, len: usize) {
    // SAFETY: the caller's promise; this processor has it.
    unsafe { fill_with(Processor::this(), to, word, len) }
}

/// 16 bytes or more, as a processor does it that has what is told, or more.
///
/// # Safety
///
/// That of [`super::super::fill`]; the processor has it.
#[inline(always)]
pub(super) unsafe fn fill_with(has: Processor, to: *mut u8, word: u64, len: usize) {
    if len <= 128 || !has.avx2() {
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
#[inline(always)]
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
#[inline(always)]
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
