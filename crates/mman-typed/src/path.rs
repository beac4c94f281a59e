//! A path, or any short text, in a place of its own: nothing is allocated.

use core::ffi::CStr;

/// The longest, its zero included.
const ROOM: usize = 512;

/// A text with a zero behind it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Path {
    bytes: [u8; ROOM],
    len: usize,
    is_whole: bool,
}

impl Path {
    pub(crate) const fn new() -> Self {
        Self { bytes: [0; ROOM], len: 0, is_whole: true }
    }

    /// These parts, one behind the other.
    pub(crate) fn of(parts: &[&[u8]]) -> Self {
        let mut path = Self::new();
        parts.iter().for_each(|part| path.push(part));
        path
    }

    pub(crate) fn push(&mut self, part: &[u8]) {
        let end = self.len.saturating_add(part.len());
        let room = self.bytes.get_mut(self.len..end).filter(|_| end < ROOM);
        match room {
            Some(room) if !part.contains(&0) => {
                room.iter_mut().zip(part).for_each(|(place, byte)| *place = *byte);
                self.len = end;
            }
            _ => self.is_whole = false,
        }
    }

    /// A number, as decimal digits.
    pub(crate) fn push_number(&mut self, number: u64) {
        let mut digits = [0_u8; 20];
        let (mut left, mut len) = (number, 0_usize);
        for digit in digits.iter_mut().rev() {
            // 48 is the digit 0; what is added is less than 10.
            *digit = u8::try_from(left % 10).unwrap_or(0).wrapping_add(48);
            (left, len) = (left / 10, len.saturating_add(1));
            if left == 0 {
                break;
            }
        }
        self.push(digits.get(digits.len().saturating_sub(len)..).unwrap_or(&[]));
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or(&[])
    }

    /// As the kernel wants it; `None` where it did not fit.
    pub(crate) fn c(&self) -> Option<&CStr> {
        let with_zero = self.bytes.get(..self.len.saturating_add(1)).filter(|_| self.is_whole)?;
        CStr::from_bytes_with_nul(with_zero).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::Path;
    use std::string::ToString;

    #[test]
    fn numbers_have_their_digits() {
        for number in [0, 7, 10, 4096, 10_000_000_000, u64::MAX] {
            let mut path = Path::of(&[b"/a"]);
            path.push_number(number);
            assert_eq!(path.bytes(), [b"/a", number.to_string().as_bytes()].concat());
        }
    }
}
