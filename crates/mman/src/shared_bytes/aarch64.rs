//! Shared bytes on aarch64, by NEON, which every such processor that runs Linux has.
#![expect(unsafe_code, reason = "reaches memory that others may change, by assembly")]

use super::vector::{self, Vector, Wanted};
use super::words;
use core::arch::aarch64::{
    uint8x16_t, vandq_u8, vdupq_n_u8, vget_lane_u64, vorrq_u8, vreinterpret_u64_u8,
    vreinterpretq_u16_u8, vshrn_n_u16,
};
use core::arch::asm;

/// # Safety
///
/// A byte at `at` may be loaded.
#[inline(always)]
pub(super) unsafe fn load_1(at: *const u8) -> u8 {
    let value: u32;
    // SAFETY: the caller's promise; one load of it.
    unsafe {
        asm!("ldrb {value:w}, [{at}]", at = in(reg) at, value = lateout(reg) value,
            options(nostack, preserves_flags));
    }
    // The upper bytes are 0.
    let [byte, ..] = value.to_le_bytes();
    byte
}

/// # Safety
///
/// 4 bytes from `at` on may be loaded.
#[inline(always)]
pub(super) unsafe fn load_4(at: *const u8) -> u32 {
    let value: u32;
    // SAFETY: the caller's promise; one load of them.
    unsafe {
        asm!("ldr {value:w}, [{at}]", at = in(reg) at, value = lateout(reg) value,
            options(nostack, preserves_flags));
    }
    value
}

/// # Safety
///
/// 8 bytes from `at` on may be loaded.
#[inline(always)]
pub(super) unsafe fn load_8(at: *const u8) -> u64 {
    let value: u64;
    // SAFETY: the caller's promise; one load of them.
    unsafe {
        asm!("ldr {value:x}, [{at}]", at = in(reg) at, value = lateout(reg) value,
            options(nostack, preserves_flags));
    }
    value
}

/// 16 bytes.
#[derive(Clone, Copy, Debug)]
struct Neon(uint8x16_t);

impl Vector for Neon {
    const LEN: usize = 16;
    const SHIFT: u32 = 2;
    const FULL: u64 = u64::MAX;

    #[inline(always)]
    unsafe fn splat(byte: u8) -> Self {
        // SAFETY: the target has NEON.
        Self(unsafe { vdupq_n_u8(byte) })
    }

    #[inline(always)]
    unsafe fn matches(self, at: *const u8) -> Self {
        let hits;
        // SAFETY: the caller's promise: one load of 16 bytes.
        unsafe {
            asm!("ldr {hits:q}, [{at}]", "cmeq {hits:v}.16b, {hits:v}.16b, {byte:v}.16b",
                at = in(reg) at, byte = in(vreg) self.0, hits = out(vreg) hits,
                options(nostack, preserves_flags));
        }
        Self(hits)
    }

    #[inline(always)]
    unsafe fn matches_4(self, at: *const u8) -> [Self; 4] {
        let (a, b, c, d);
        // SAFETY: the caller's promise: two loads of 32 bytes.
        unsafe {
            asm!("ldp {a:q}, {b:q}, [{at}]", "ldp {c:q}, {d:q}, [{at}, #32]",
                "cmeq {a:v}.16b, {a:v}.16b, {byte:v}.16b",
                "cmeq {b:v}.16b, {b:v}.16b, {byte:v}.16b",
                "cmeq {c:v}.16b, {c:v}.16b, {byte:v}.16b",
                "cmeq {d:v}.16b, {d:v}.16b, {byte:v}.16b",
                at = in(reg) at, byte = in(vreg) self.0,
                a = out(vreg) a, b = out(vreg) b, c = out(vreg) c, d = out(vreg) d,
                options(nostack, preserves_flags));
        }
        [Self(a), Self(b), Self(c), Self(d)]
    }

    #[inline(always)]
    unsafe fn same(one: *const u8, other: *const u8) -> Self {
        let hits;
        // SAFETY: the caller's promise: a load of 16 bytes from either.
        unsafe {
            asm!("ldr {hits:q}, [{one}]", "ldr {more:q}, [{other}]",
                "cmeq {hits:v}.16b, {hits:v}.16b, {more:v}.16b",
                one = in(reg) one, other = in(reg) other,
                hits = out(vreg) hits, more = out(vreg) _,
                options(nostack, preserves_flags));
        }
        Self(hits)
    }

    #[inline(always)]
    fn and(self, other: Self) -> Self {
        // SAFETY: the target has NEON.
        Self(unsafe { vandq_u8(self.0, other.0) })
    }

    #[inline(always)]
    fn or(self, other: Self) -> Self {
        // SAFETY: the target has NEON.
        Self(unsafe { vorrq_u8(self.0, other.0) })
    }

    /// Each pair of bytes is shifted by four and narrowed, which leaves four bits of each byte.
    #[inline(always)]
    fn mask(self) -> u64 {
        // SAFETY: the target has NEON.
        let pairs = unsafe { vreinterpretq_u16_u8(self.0) };
        // SAFETY: as above.
        let narrow = unsafe { vshrn_n_u16::<4>(pairs) };
        // SAFETY: as above.
        let word = unsafe { vreinterpret_u64_u8(narrow) };
        // SAFETY: as above.
        unsafe { vget_lane_u64::<0>(word) }
    }
}

/// See [`super::find`].
pub(super) unsafe fn find(start: *const u8, len: usize, wanted: impl Wanted) -> Option<usize> {
    if len < words::LIMIT {
        // SAFETY: the caller's promise.
        unsafe { words::find(start, len, wanted) }
    } else {
        // SAFETY: the caller's promise; there is a vector of bytes.
        unsafe { vector::find::<Neon>(start, len, wanted) }
    }
}

/// See [`super::rfind`].
pub(super) unsafe fn rfind(start: *const u8, len: usize, wanted: impl Wanted) -> Option<usize> {
    if len < words::LIMIT {
        // SAFETY: the caller's promise.
        unsafe { words::rfind(start, len, wanted) }
    } else {
        // SAFETY: the caller's promise; there is a vector of bytes.
        unsafe { vector::rfind::<Neon>(start, len, wanted) }
    }
}

/// See [`super::equals`].
pub(super) unsafe fn equals(one: *const u8, other: *const u8, len: usize) -> bool {
    if len < words::LIMIT {
        // SAFETY: the caller's promise.
        unsafe { words::equals(one, other, len) }
    } else {
        // SAFETY: the caller's promise; there is a vector of bytes.
        unsafe { vector::equals::<Neon>(one, other, len) }
    }
}

/// See [`super::copy_out`].
#[inline]
pub(super) unsafe fn copy(from: *const u8, to: *mut u8, len: usize) {
    match len {
        // SAFETY: the caller's promise, here and below.
        0..=15 => unsafe { copy_15(from, to, len) },
        // SAFETY: as above.
        16..=32 => unsafe { copy_32(from, to, len) },
        // SAFETY: as above.
        33..=64 => unsafe { copy_64(from, to, len) },
        // SAFETY: as above.
        _ => unsafe { copy_more(from, to, len) },
    }
}

/// Up to 15 bytes: first those of one end, then those of the other, which may overlap.
#[inline(always)]
unsafe fn copy_15(from: *const u8, to: *mut u8, len: usize) {
    let end = |size: usize| {
        (from.wrapping_add(len).wrapping_sub(size), to.wrapping_add(len).wrapping_sub(size))
    };
    match len {
        0 => {}
        1..=3 => {
            let (from_end, to_end) = end(1);
            let (from_middle, to_middle) = (from.wrapping_add(len >> 1), to.wrapping_add(len >> 1));
            // SAFETY: the caller's promise: the first, the middle and the last byte, which may be the same.
            unsafe {
                asm!("ldrb {a:w}, [{from}]", "ldrb {b:w}, [{from_middle}]",
                    "ldrb {c:w}, [{from_end}]", "strb {a:w}, [{to}]",
                    "strb {b:w}, [{to_middle}]", "strb {c:w}, [{to_end}]",
                    from = in(reg) from, from_middle = in(reg) from_middle,
                    from_end = in(reg) from_end, to = in(reg) to,
                    to_middle = in(reg) to_middle, to_end = in(reg) to_end,
                    a = out(reg) _, b = out(reg) _, c = out(reg) _,
                    options(nostack, preserves_flags));
            }
        }
        4..=7 => {
            let (from_end, to_end) = end(4);
            // SAFETY: the caller's promise: the first four and the last four bytes.
            unsafe {
                asm!("ldr {a:w}, [{from}]", "ldr {b:w}, [{from_end}]",
                    "str {a:w}, [{to}]", "str {b:w}, [{to_end}]",
                    from = in(reg) from, from_end = in(reg) from_end,
                    to = in(reg) to, to_end = in(reg) to_end,
                    a = out(reg) _, b = out(reg) _, options(nostack, preserves_flags));
            }
        }
        _ => {
            let (from_end, to_end) = end(8);
            // SAFETY: the caller's promise: the first eight and the last eight bytes.
            unsafe {
                asm!("ldr {a:x}, [{from}]", "ldr {b:x}, [{from_end}]",
                    "str {a:x}, [{to}]", "str {b:x}, [{to_end}]",
                    from = in(reg) from, from_end = in(reg) from_end,
                    to = in(reg) to, to_end = in(reg) to_end,
                    a = out(reg) _, b = out(reg) _, options(nostack, preserves_flags));
            }
        }
    }
}

/// 16 to 32 bytes.
#[inline(always)]
unsafe fn copy_32(from: *const u8, to: *mut u8, len: usize) {
    // SAFETY: the caller's promise: the first 16 and the last 16 bytes.
    unsafe {
        asm!("ldr {a:q}, [{from}]", "ldur {b:q}, [{from_end}, #-16]",
            "str {a:q}, [{to}]", "stur {b:q}, [{to_end}, #-16]",
            from = in(reg) from, from_end = in(reg) from.wrapping_add(len),
            to = in(reg) to, to_end = in(reg) to.wrapping_add(len),
            a = out(vreg) _, b = out(vreg) _, options(nostack, preserves_flags));
    }
}

/// 32 to 64 bytes.
#[inline(always)]
unsafe fn copy_64(from: *const u8, to: *mut u8, len: usize) {
    // SAFETY: the caller's promise: the first 32 and the last 32 bytes.
    unsafe {
        asm!("ldp {a:q}, {b:q}, [{from}]", "ldp {c:q}, {d:q}, [{from_end}, #-32]",
            "stp {a:q}, {b:q}, [{to}]", "stp {c:q}, {d:q}, [{to_end}, #-32]",
            from = in(reg) from, from_end = in(reg) from.wrapping_add(len),
            to = in(reg) to, to_end = in(reg) to.wrapping_add(len),
            a = out(vreg) _, b = out(vreg) _, c = out(vreg) _, d = out(vreg) _,
            options(nostack, preserves_flags));
    }
}

/// More than 64 bytes.
#[inline(never)]
unsafe fn copy_more(from: *const u8, to: *mut u8, len: usize) {
    let to_aligned = 16_usize.wrapping_sub(to.addr() & 15);
    // SAFETY: the caller's promise: the first 16 and the last 64 bytes, and between them rows of 64, each of which
    // starts more than 64 bytes before the end. Stores of rows are aligned.
    unsafe {
        asm!("ldr q16, [{from}]",
            "ldp q4, q5, [{from_end}, #-64]", "ldp q6, q7, [{from_end}, #-32]",
            "str q16, [{to}]",
            "cmp {at}, {row_end}", "b.hs 3f",
            "2:",
            "ldp q0, q1, [{from_at}]", "ldp q2, q3, [{from_at}, #32]",
            "add {from_at}, {from_at}, #64",
            "stp q0, q1, [{at}]", "stp q2, q3, [{at}, #32]",
            "add {at}, {at}, #64",
            "cmp {at}, {row_end}", "b.lo 2b",
            "3:",
            "stp q4, q5, [{to_end}, #-64]", "stp q6, q7, [{to_end}, #-32]",
            from = in(reg) from, from_end = in(reg) from.wrapping_add(len),
            from_at = inout(reg) from.wrapping_add(to_aligned) => _,
            to = in(reg) to, to_end = in(reg) to.wrapping_add(len),
            at = inout(reg) to.wrapping_add(to_aligned) => _,
            row_end = in(reg) to.wrapping_add(len.wrapping_sub(64)),
            out("v0") _, out("v1") _, out("v2") _, out("v3") _, out("v4") _, out("v5") _,
            out("v6") _, out("v7") _, out("v16") _, options(nostack));
    }
}

/// See [`super::fill`].
pub(super) unsafe fn fill(to: *mut u8, byte: u8, len: usize) {
    let word = u64::from_ne_bytes([byte; 8]);
    match len {
        0 => {}
        // SAFETY: the caller's promise: the first, the middle and the last byte, which may be the same.
        1..=3 => unsafe {
            asm!("strb {word:w}, [{to}]", "strb {word:w}, [{middle}]", "strb {word:w}, [{last}]",
                to = in(reg) to, middle = in(reg) to.wrapping_add(len >> 1),
                last = in(reg) to.wrapping_add(len.wrapping_sub(1)), word = in(reg) word,
                options(nostack, preserves_flags));
        },
        // SAFETY: the first four and the last four bytes.
        4..=7 => unsafe {
            asm!("str {word:w}, [{to}]", "str {word:w}, [{last}]",
                to = in(reg) to, last = in(reg) to.wrapping_add(len.wrapping_sub(4)),
                word = in(reg) word, options(nostack, preserves_flags));
        },
        // SAFETY: the first eight and the last eight bytes.
        8..=15 => unsafe {
            asm!("str {word:x}, [{to}]", "str {word:x}, [{last}]",
                to = in(reg) to, last = in(reg) to.wrapping_add(len.wrapping_sub(8)),
                word = in(reg) word, options(nostack, preserves_flags));
        },
        // SAFETY: 16 bytes or more.
        _ => unsafe { fill_16(to, word, len) },
    }
}

/// 16 bytes or more.
unsafe fn fill_16(to: *mut u8, word: u64, len: usize) {
    let to_aligned = 16_usize.wrapping_sub(to.addr() & 15);
    // SAFETY: the caller's promise: the first 16 and the last 16 bytes, and between them aligned rows of 16, each of
    // which starts more than 16 bytes before the end.
    unsafe {
        asm!("dup {row:v}.2d, {word:x}",
            "str {row:q}, [{to}]", "str {row:q}, [{last}]",
            "cmp {at}, {last}", "b.hs 3f",
            "2:",
            "str {row:q}, [{at}], #16",
            "cmp {at}, {last}", "b.lo 2b",
            "3:",
            to = in(reg) to, last = in(reg) to.wrapping_add(len.wrapping_sub(16)),
            at = inout(reg) to.wrapping_add(to_aligned) => _,
            word = in(reg) word, row = out(vreg) _, options(nostack));
    }
}

/// The one way there is.
#[cfg(test)]
pub(super) fn ways() -> Vec<super::tests::Way> {
    vec![super::tests::Way {
        name: "neon".to_owned(),
        // SAFETY: the test's promise, here and below.
        copy: Box::new(|from, to, len| unsafe { copy(from, to, len) }),
        // SAFETY: as above.
        fill: Box::new(|to, byte, len| unsafe { fill(to, byte, len) }),
        // SAFETY: as above.
        find: Box::new(|start, len, wanted| unsafe { find(start, len, wanted) }),
        // SAFETY: as above.
        rfind: Box::new(|start, len, wanted| unsafe { rfind(start, len, wanted) }),
        // SAFETY: as above.
        either: Box::new(|start, len, wanted| unsafe { find(start, len, wanted) }),
        // SAFETY: as above.
        pair: Box::new(|start, len, wanted| unsafe { find(start, len, wanted) }),
        // SAFETY: as above.
        equals: Box::new(|one, other, len| unsafe { equals(one, other, len) }),
    }]
}
