//! One line of `/proc/PID/maps`, parsed where it stands: no byte is copied and nothing is allocated.

use core::ops::Range;
use mman_sys::Prot;

/// The columns of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line<'text> {
    /// Never empty and never backwards.
    pub(crate) addresses: Range<usize>,
    pub(crate) protection: Prot,
    pub(crate) shared: bool,
    pub(crate) offset: u64,
    pub(crate) device: (u32, u32),
    pub(crate) inode: u64,
    /// As the kernel prints it: a newline in it is `\012`.
    pub(crate) name: &'text [u8],
}

/// The columns of a line without its newline; `None` where no kernel prints it.
#[inline]
pub(crate) fn parse(line: &[u8]) -> Option<Line<'_>> {
    let (start, rest) = hex(line, b'-')?;
    let (end, rest) = hex(rest, b' ')?;
    let addresses = usize::try_from(start).ok()?..usize::try_from(end).ok()?;
    if addresses.is_empty() {
        return None;
    }
    let ([r, w, x, sharing, b' '], rest) = rest.split_first_chunk::<5>()? else { return None };
    let protection =
        right(*r, b'r', Prot::READ)? | right(*w, b'w', Prot::WRITE)? | right(*x, b'x', Prot::EXEC)?;
    let shared = match *sharing {
        b's' => true,
        b'p' => false,
        _ => return None,
    };
    let (offset, rest) = hex(rest, b' ')?;
    let (major, rest) = hex(rest, b':')?;
    let (minor, rest) = hex(rest, b' ')?;
    let device = (u32::try_from(major).ok()?, u32::try_from(minor).ok()?);
    let digits = rest.iter().position(|byte| *byte == b' ').unwrap_or(rest.len());
    let (inode, rest) = rest.split_at_checked(digits)?;
    let inode = decimal(inode)?;
    let padding = rest.iter().position(|byte| *byte != b' ').unwrap_or(rest.len());
    let name = rest.get(padding..)?;
    Some(Line { addresses, protection, shared, offset, device, inode, name })
}

fn right(letter: u8, allowed: u8, protection: Prot) -> Option<Prot> {
    match letter {
        b'-' => Some(Prot::NONE),
        letter if letter == allowed => Some(protection),
        _ => None,
    }
}

/// A number in small hexadecimal digits, what ends it, and what comes after.
#[inline]
fn hex(text: &[u8], end: u8) -> Option<(u64, &[u8])> {
    /// Of 64 bits.
    const DIGITS: usize = 16;
    let mut value = 0_u64;
    for (at, byte) in text.iter().enumerate() {
        let digit = match byte {
            b'0'..=b'9' => byte.wrapping_sub(b'0'),
            b'a'..=b'f' => byte.wrapping_sub(b'a').wrapping_add(10),
            _ if *byte == end && at > 0 => return Some((value, text.get(at.wrapping_add(1)..)?)),
            _ => return None,
        };
        if at >= DIGITS {
            return None;
        }
        value = value << 4 | u64::from(digit);
    }
    None
}

/// A number in decimal digits and nothing else.
#[inline]
pub(super) fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |value, byte| {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value.checked_mul(10)?.checked_add(u64::from(digit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_parsed_whole() {
        let line = parse(b"7f00-8f00 r-xs 00003000 fe:01 77                 /a b").unwrap();
        assert_eq!((line.addresses, line.shared), (0x7f00..0x8f00, true));
        assert_eq!((line.protection, line.offset), (Prot::READ | Prot::EXEC, 0x3000));
        assert_eq!((line.device, line.inode, line.name), ((0xfe, 1), 77, &b"/a b"[..]));
        let top = parse(b"ffffffffff600000-ffffffffffffffff --xp 00000000 00:00 0 ").unwrap();
        assert_eq!((top.addresses.end, top.name), (usize::MAX, &b""[..]));
    }

    #[test]
    fn what_no_kernel_prints_is_none() {
        let wrong = [
            "",
            "zz-1 r",
            "12345",
            "1-2",
            "1-2 r--p",
            "1-2 r--p 0 0:0",
            "1-2 r--p 0 0:0 ",
            "2-1 r--p 0 0:0 0",
            "1-1 r--p 0 0:0 0",
            "-2 r--p 0 0:0 0",
            "1- r--p 0 0:0 0",
            "1-2 w--p 0 0:0 0",
            "1-2 r--x 0 0:0 0",
            "1-2 r---p 0 0:0 0",
            "1-2 r--p 0 0:0 0x",
            "1-11112222333344445 r--p 0 0:0 0",
            "1-2 r--p 0 100000000:0 0",
            "1-A r--p 0 0:0 0",
            "1-2 r--p 0 0:0 18446744073709551616",
            "1-2 r--p 0 0:0 -1",
            "1-2  r--p 0 0:0 1",
        ];
        for line in wrong {
            assert_eq!(parse(line.as_bytes()), None, "{line}");
        }
        assert!(parse(b"1-2 r--p 0 0:0 18446744073709551615").is_some());
    }
}
