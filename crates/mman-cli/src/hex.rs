//! Bytes as text: offset, hexadecimal, characters.

use std::io::{self, Write};

/// Bytes in a line.
const COLUMNS: usize = 16;

/// Writes lines of sixteen bytes, the last one shorter, whatever pieces the bytes come in.
pub(crate) struct HexWriter<W> {
    to: W,
    /// Where in the object the line begins.
    offset: u64,
    line: Vec<u8>,
}

impl<W: Write> HexWriter<W> {
    pub(crate) fn new(to: W, offset: u64) -> Self {
        Self { to, offset, line: Vec::with_capacity(COLUMNS) }
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let room = COLUMNS.saturating_sub(self.line.len());
            let (now, later) = rest.split_at(room.min(rest.len()));
            self.line.extend_from_slice(now);
            rest = later;
            if self.line.len() == COLUMNS {
                self.end_line()?;
            }
        }
        Ok(())
    }

    /// Ends the last line, and hands everything on.
    pub(crate) fn finish(&mut self) -> io::Result<()> {
        if !self.line.is_empty() {
            self.end_line()?;
        }
        self.to.flush()
    }

    fn end_line(&mut self) -> io::Result<()> {
        let mut text = format!("{:08x} ", self.offset);
        for column in 0..COLUMNS {
            let gap = if column == COLUMNS / 2 { "  " } else { " " };
            text.push_str(gap);
            match self.line.get(column) {
                Some(byte) => text.push_str(&format!("{byte:02x}")),
                None => text.push_str("  "),
            }
        }
        text.push_str("  |");
        text.extend(self.line.iter().map(|&byte| match byte {
            b' '..=b'~' => char::from(byte),
            _ => '.',
        }));
        text.push_str("|\n");
        self.offset = self.offset.saturating_add(self.line.len() as u64);
        self.line.clear();
        self.to.write_all(text.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_do_not_depend_on_the_pieces() {
        let bytes: Vec<u8> = (0..40_u8).map(|n| n.wrapping_mul(7)).collect();
        let mut whole = Vec::new();
        let mut writer = HexWriter::new(&mut whole, 5);
        writer.write(&bytes).unwrap();
        writer.finish().unwrap();
        let mut pieces = Vec::new();
        let mut writer = HexWriter::new(&mut pieces, 5);
        for piece in bytes.chunks(3) {
            writer.write(piece).unwrap();
        }
        writer.finish().unwrap();
        assert_eq!(whole, pieces);
    }

    #[test]
    fn a_line_looks_as_expected() {
        let mut text = Vec::new();
        let mut writer = HexWriter::new(&mut text, 0x1000);
        writer.write(b"mapped\n\xff").unwrap();
        writer.finish().unwrap();
        let expected = "00001000  6d 61 70 70 65 64 0a ff                           |mapped..|\n";
        assert_eq!(String::from_utf8(text).unwrap(), expected);
    }
}
