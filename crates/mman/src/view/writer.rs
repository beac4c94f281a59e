//! A view as a file that is written.

use super::reader::sought;
use super::shared_mut::SharedMut;
use std::io::{self, Seek, SeekFrom, Write};

/// Writes to a view from its start: [`SharedMut::writer`]. At the end of the view nothing more is taken.
#[derive(Debug)]
pub struct Writer<'view> {
    view: &'view SharedMut,
    at: usize,
}

impl<'view> Writer<'view> {
    pub(super) const fn new(view: &'view SharedMut) -> Self {
        Self { view, at: 0 }
    }
}

impl Write for Writer<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let len = bytes.len().min(self.view.len().saturating_sub(self.at));
        let Some(fitting) = bytes.get(..len) else { return Ok(0) };
        if len > 0 {
            self.view.write_at(self.at, fitting)?;
            self.at = self.at.saturating_add(len);
        }
        Ok(len)
    }

    /// Nothing is held back: what was written is the object's. [`SharedMut::sync`] is for the device.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for Writer<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.at = sought(to, self.at, self.view.len())?;
        Ok(self.at as u64)
    }
}
