//! Where the bytes go: to standard output as they are, or as lines of hexadecimal.

use super::PIECE;
use crate::failure::Failure;
use crate::hex::HexWriter;
use mman::Mapping;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::fd::AsFd;

/// Standard output, without the line buffer of the standard library.
pub(crate) enum Sink {
    Raw(File),
    Hex { writer: HexWriter<BufWriter<File>>, piece: Vec<u8> },
}

/// Why bytes of a mapping did not arrive.
pub(crate) enum Stopped {
    /// The mapping had them no longer, or the output did not take them: the library says which.
    Copying(mman::Error),
    /// The output did not take the text.
    Writing(Failure),
}

impl Sink {
    /// For bytes from `offset` of an object on.
    pub(crate) fn new(hex: bool, offset: u64) -> Result<Self, Failure> {
        let output = io::stdout().as_fd().try_clone_to_owned();
        let output = File::from(output.map_err(|error| Failure::writing(&error))?);
        if hex {
            let writer = HexWriter::new(BufWriter::with_capacity(PIECE, output), offset);
            Ok(Self::Hex { writer, piece: vec![0; PIECE] })
        } else {
            Ok(Self::Raw(output))
        }
    }

    /// Writes bytes of ours.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        match self {
            Self::Raw(output) => output.write_all(bytes),
            Self::Hex { writer, .. } => writer.write(bytes),
        }
        .map_err(|error| Failure::writing(&error))
    }

    /// Writes the bytes of a mapping.
    pub(crate) fn mapping(&mut self, mapping: &Mapping) -> Result<(), Stopped> {
        match self {
            Self::Raw(output) => mapping.write_out(output, ..).map_err(Stopped::Copying),
            Self::Hex { writer, piece } => {
                let mut at = 0_usize;
                while at < mapping.len() {
                    let room = mapping.len().saturating_sub(at).min(PIECE);
                    let bytes = piece.get_mut(..room).unwrap_or_default();
                    mapping.read_at(at, bytes).map_err(Stopped::Copying)?;
                    writer
                        .write(bytes)
                        .map_err(|error| Stopped::Writing(Failure::writing(&error)))?;
                    at = at.saturating_add(room);
                }
                Ok(())
            }
        }
    }

    /// Hands on what is still held back.
    pub(crate) fn finish(&mut self) -> Result<(), Failure> {
        match self {
            Self::Raw(_) => Ok(()),
            Self::Hex { writer, .. } => writer.finish().map_err(|error| Failure::writing(&error)),
        }
    }
}
