//! Frames: what a snapshot is made of. A kind, a length, the payload, and the checksum of all three.

use super::check::crc;

/// The longest payload: no more is ever held of a snapshot at once.
pub(super) const LONGEST: usize = 1 << 16;

/// A payload of runs is closed when it has grown so long: the longest run still has room.
pub(super) const FULL: usize = LONGEST - 64;

/// Kind and length.
pub(super) const HEAD: usize = 5;
/// The checksum.
pub(super) const TAIL: usize = 4;

/// What a frame holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// About the snapshot: the first frame.
    Header,
    /// A place that was looked through: no file below it is missing in the snapshot.
    Root,
    /// A file.
    File,
    /// Which pages of the file before were in memory; as many frames as it takes.
    Runs,
    /// How much there was: the last frame.
    End,
}

impl Kind {
    const ALL: [Self; 5] = [Self::Header, Self::Root, Self::File, Self::Runs, Self::End];

    pub(super) const fn byte(self) -> u8 {
        match self {
            Self::Header => b'H',
            Self::Root => b'D',
            Self::File => b'F',
            Self::Runs => b'R',
            Self::End => b'E',
        }
    }

    pub(super) fn of(byte: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.byte() == byte)
    }
}

/// Adds a frame. Payloads are made here and are never longer than [`LONGEST`].
pub(super) fn put(out: &mut Vec<u8>, kind: Kind, payload: &[u8]) {
    let len = u32::try_from(payload.len()).unwrap_or(u32::MAX).to_le_bytes();
    let kind = [kind.byte()];
    out.extend_from_slice(&kind);
    out.extend_from_slice(&len);
    out.extend_from_slice(payload);
    out.extend_from_slice(&crc(&[&kind, &len, payload]).to_le_bytes());
}
