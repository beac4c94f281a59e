//! A file of `/proc` that another thread reads, while this one works on what was read before: the kernel takes most
//! of the time that telling of mappings takes.

use std::fs::File;
use std::io::{self, Read};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::Scope;

/// Bytes of a piece: waking the other thread for each costs about as much as reading this much again would.
const PIECE: usize = 256 << 10;
/// Pieces that are on their way: who works on one is done before the other has been read.
const PIECES: usize = 2;

/// A piece, and how much of it is filled.
type Piece = (Vec<u8>, usize);

/// What another thread reads.
pub(super) struct Ahead {
    filled: Receiver<io::Result<Piece>>,
    empty: Sender<Vec<u8>>,
    piece: Piece,
    at: usize,
}

impl Ahead {
    /// Reads from now on, until the file ends or nobody wants more.
    pub(super) fn start<'scope>(scope: &'scope Scope<'scope, '_>, file: &'scope File) -> Self {
        let (fill, filled) = channel();
        let (empty, empties) = channel::<Vec<u8>>();
        for _ in 0..PIECES {
            // The other end is below.
            let _sent = empty.send(vec![0; PIECE]);
        }
        scope.spawn(move || {
            for mut piece in empties {
                let answer = read_full(file, &mut piece);
                let goes_on = matches!(answer, Ok(1..));
                if fill.send(answer.map(|len| (piece, len))).is_err() || !goes_on {
                    break;
                }
            }
        });
        Self { filled, empty, piece: (Vec::new(), 0), at: 0 }
    }
}

/// Fills a piece as far as the file reaches.
fn read_full(mut file: &File, piece: &mut [u8]) -> io::Result<usize> {
    let mut len = 0;
    while let Some(room) = piece.get_mut(len..).filter(|room| !room.is_empty()) {
        match file.read(room) {
            Ok(0) => break,
            Ok(count) => len = len.saturating_add(count),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // What was read before it is told first: the error comes again.
            Err(_) if len > 0 => break,
            Err(error) => return Err(error),
        }
    }
    Ok(len)
}

impl Read for Ahead {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let (piece, len) = &self.piece;
        if self.at >= *len {
            let used = std::mem::take(&mut self.piece.0);
            if !used.is_empty() {
                // The thread may have come to its end.
                let _sent = self.empty.send(used);
            }
            (self.piece, self.at) = match self.filled.recv() {
                Ok(answer) => (answer?, 0),
                Err(_) => return Ok(0),
            };
            return if self.piece.1 == 0 { Ok(0) } else { self.read(room) };
        }
        let rest = piece.get(self.at..*len).unwrap_or_default();
        let count = rest.len().min(room.len());
        if let (Some(room), Some(rest)) = (room.get_mut(..count), rest.get(..count)) {
            room.copy_from_slice(rest);
        }
        self.at = self.at.saturating_add(count);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn every_byte_comes_in_order() {
        let bytes: Vec<u8> = (0..1_000_003_u32).map(|at| (at % 251) as u8).collect();
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(&bytes).unwrap();
        let file = File::open(file.path()).unwrap();
        let mut read = Vec::new();
        std::thread::scope(|scope| Ahead::start(scope, &file).read_to_end(&mut read).unwrap());
        assert!(read == bytes);
    }

    /// Nobody who leaves early has to wait for ever.
    #[test]
    fn a_reader_may_leave() {
        let file = File::open("/dev/zero").unwrap();
        std::thread::scope(|scope| {
            let mut some = [1; 100];
            Ahead::start(scope, &file).read_exact(&mut some).unwrap();
            assert_eq!(some, [0; 100]);
        });
    }

    #[test]
    fn an_error_is_told() {
        let folder = File::open("/").unwrap();
        let read =
            std::thread::scope(|scope| Ahead::start(scope, &folder).read_to_end(&mut Vec::new()));
        assert!(read.is_err());
    }
}
