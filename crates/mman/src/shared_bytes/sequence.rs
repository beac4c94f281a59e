//! Finding a sequence of bytes in memory that others may change, in time that grows with its length only.
//!
//! Two rare bytes of the needle are looked for at their distance, by vectors, and where both stand the rest is
//! compared. Where that goes wrong too often, the search goes on by the method of Knuth, Morris and Pratt ("Fast
//! pattern matching in strings", SIAM Journal on Computing 6, 1977), which takes each byte once, in order: it needs
//! nothing to stay as it was.
#![expect(
    unsafe_code,
    reason = "reads memory that others may change, through this module's own functions"
)]

use super::machine::{copy, equals, find};
use super::vector::{Byte, Pair};

/// How many bytes are compared first: the rest only where these are the same.
const HEAD: usize = 64;
/// What a place that is looked at costs besides, in bytes compared.
const LOOK: usize = 64;
/// How many bytes may be compared before it is asked whether that was too much.
const FREE: usize = 4096;
/// How many bytes may be compared for each one passed.
const RATE: usize = 8;
/// How many bytes are copied at once, to be taken one by one.
const WINDOW: usize = 1024;

/// See [`super::find_sequence`].
pub(super) unsafe fn find_sequence(start: *const u8, len: usize, needle: &[u8]) -> Option<usize> {
    let places = len.checked_sub(needle.len())?.saturating_add(1);
    match needle {
        [] => return Some(0),
        // SAFETY: the caller's promise.
        [byte] => return unsafe { find(start, len, Byte(*byte)) },
        _ => {}
    }
    let pair = rare_pair(needle);
    let mut passed = 0_usize;
    let mut compared = 0_usize;
    while passed < places {
        let rest = places.wrapping_sub(passed);
        // SAFETY: the caller's promise: the last of the places is the whole needle before the end, so both bytes
        // are in the range at each.
        let found = unsafe { find(start.wrapping_add(passed), rest, pair) }?;
        let place = passed.saturating_add(found);
        passed = place.saturating_add(1);
        let (head, tail) = needle.split_at(needle.len().min(HEAD));
        let at = start.wrapping_add(place);
        compared = compared.saturating_add(LOOK);
        // SAFETY: as above.
        if unsafe { equals(at, head.as_ptr(), head.len()) } {
            compared = compared.saturating_add(tail.len());
            // SAFETY: as above; the tail follows the head.
            if unsafe { equals(at.wrapping_add(head.len()), tail.as_ptr(), tail.len()) } {
                return Some(place);
            }
        }
        if compared > passed.saturating_mul(RATE).saturating_add(FREE) {
            let rest = len.saturating_sub(passed);
            // SAFETY: the caller's promise: what is left of the range.
            let found = unsafe { find_in_order(start.wrapping_add(passed), rest, needle) };
            return found.map(|found| passed.saturating_add(found));
        }
    }
    None
}

/// [`commonness`] of each byte.
static COMMONNESS: [u8; 256] = {
    let mut table = [0; 256];
    let mut rest = table.as_mut_slice();
    let mut byte = 0_u8;
    while let Some((first, tail)) = rest.split_first_mut() {
        *first = commonness(byte);
        byte = byte.wrapping_add(1);
        rest = tail;
    }
    table
};

/// How common a byte is where sequences are searched: text, markup, numbers in binary. Larger is more common.
const fn commonness(byte: u8) -> u8 {
    match byte {
        0 => 12,
        b' ' => 11,
        b'e' | b't' | b'a' | b'i' | b'n' | b'o' | b'r' | b's' => 10,
        0xff | b'\n' | b'l' | b'd' | b'c' | b'u' | b'm' | b'p' | b'h' => 9,
        b'0' | b'1' | b'f' | b'g' | b'b' | b'y' | b'.' | b',' | b'"' | b'/' | b'_' => 8,
        b'-' | b'=' | b':' | b'(' | b')' | b'<' | b'>' | b';' | b'w' | b'v' | b'\'' => 7,
        b'2'..=b'9' | b'k' | b'x' => 6,
        b'A'..=b'Z' | b'*' | b'#' | b'\t' | b'\r' => 5,
        0x01..=0x08 | 0x80 | b'j' | b'q' | b'z' => 4,
        0xc2..=0xc3 | b'[' | b']' | b'{' | b'}' | b'&' | b'!' | b'+' => 3,
        0x0b..=0x1f | b'$'..=b'@' | b'\\'..=b'~' => 2,
        _ => 1,
    }
}

/// Two rare bytes of a needle of two bytes or more, different ones where there are. Only its head is looked at.
fn rare_pair(needle: &[u8]) -> Pair {
    let mut first = (0, 0, u8::MAX);
    let mut second = first;
    for (at, byte) in needle.iter().copied().enumerate().take(HEAD) {
        let common = COMMONNESS.get(usize::from(byte)).copied().unwrap_or_default();
        if common < first.2 {
            second = first;
            first = (at, byte, common);
        } else if common < second.2 && byte != first.1 {
            second = (at, byte, common);
        }
    }
    if second.2 == u8::MAX {
        // One byte over and over: both ends of what was looked at.
        second = (needle.len().min(HEAD).saturating_sub(1), first.1, first.2);
    }
    Pair { bytes: [first.1, second.1], distances: [first.0, second.0] }
}

/// How much of the needle's start is matched after one more byte.
fn matched_after(needle: &[u8], borders: &[usize], mut matched: usize, byte: u8) -> usize {
    loop {
        if needle.get(matched) == Some(&byte) {
            return matched.saturating_add(1);
        }
        match matched.checked_sub(1) {
            None => return 0,
            Some(last) => matched = borders.get(last).copied().unwrap_or_default(),
        }
    }
}

/// For each start of the needle, how long its longest end is that is a start of it too.
fn borders_of(needle: &[u8]) -> Vec<usize> {
    let mut borders = Vec::with_capacity(needle.len());
    borders.push(0);
    let mut matched = 0;
    for byte in needle.iter().skip(1) {
        matched = matched_after(needle, &borders, matched, *byte);
        borders.push(matched);
    }
    borders
}

/// Finds a sequence by taking each byte once, in order.
///
/// # Safety
///
/// That of [`super::find_sequence`].
#[cold]
unsafe fn find_in_order(start: *const u8, len: usize, needle: &[u8]) -> Option<usize> {
    let borders = borders_of(needle);
    let mut window = [0_u8; WINDOW];
    let mut matched = 0_usize;
    for passed in (0..len).step_by(WINDOW) {
        let bytes = window.get_mut(..len.saturating_sub(passed).min(WINDOW))?;
        // SAFETY: the caller's promise: `bytes` is no longer than what is left of the range, and is ours.
        unsafe { copy(start.wrapping_add(passed), bytes.as_mut_ptr(), bytes.len()) };
        for (at, byte) in bytes.iter().enumerate() {
            matched = matched_after(needle, &borders, matched, *byte);
            if matched == needle.len() {
                let end = passed.saturating_add(at).saturating_add(1);
                return end.checked_sub(matched);
            }
        }
    }
    None
}
