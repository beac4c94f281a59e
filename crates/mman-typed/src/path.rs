//! A path, or any short text, in a place of its own: nothing is allocated.

use core::ffi::CStr;
use core::fmt;

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
                room.copy_from_slice(part);
                self.len = end;
            }
            _ => self.is_whole = false,
        }
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

impl fmt::Write for Path {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.push(text.as_bytes());
        if self.is_whole { Ok(()) } else { Err(fmt::Error) }
    }
}
