//! The bytes of a log file: its header, and the word and the frame of a record. `docs/log-format.md` says the same.

use super::crc::{self, Crc};
use crate::error::Cause;

/// Where the first record is.
pub(crate) const HEADER: u64 = 4096;
const MAGIC: &[u8; 8] = b"mman-log";
const VERSION: u32 = 1;
/// A record's bytes before its content.
pub(crate) const FRAME: u64 = 24;
/// The longest content.
pub(crate) const LONGEST: u32 = 64 << 20;
/// Records begin at multiples of it.
pub(crate) const ALIGN: u64 = 8;
/// The end of what the checksum of the header covers.
const CHECKED: usize = 60;

/// Where the changing words of the header are.
pub(crate) mod place {
    pub(crate) const TAIL: usize = 64;
    pub(crate) const ALLOCATED: usize = 128;
    pub(crate) const BOOT: usize = 136;
    pub(crate) const COMMITTED: usize = 192;
    pub(crate) const DURABLE: usize = 256;
}

/// What never changes of a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    /// The greatest length of the file.
    pub(crate) capacity: u64,
    /// Which file of its log it is, counted from 1.
    pub(crate) segment: u64,
    /// Nanoseconds since 1970.
    pub(crate) created: u64,
    /// The same in all files of a log.
    pub(crate) id: [u8; 16],
}

impl Header {
    /// The first page of a new file.
    pub(crate) fn encode(&self, allocated: u64, boot: [u8; 16]) -> Vec<u8> {
        let mut page = Vec::with_capacity(4096);
        page.extend_from_slice(MAGIC);
        page.extend_from_slice(&VERSION.to_le_bytes());
        page.extend_from_slice(&4096_u32.to_le_bytes());
        page.extend_from_slice(&self.capacity.to_le_bytes());
        page.extend_from_slice(&self.segment.to_le_bytes());
        page.extend_from_slice(&self.created.to_le_bytes());
        page.extend_from_slice(&self.id);
        page.extend_from_slice(&[0; 4]);
        let crc = Crc::new().add(&page).value();
        page.extend_from_slice(&crc.to_le_bytes());
        let words: [(usize, &[u8]); 5] = [
            (place::TAIL, &HEADER.to_le_bytes()),
            (place::ALLOCATED, &allocated.to_le_bytes()),
            (place::BOOT, &boot),
            (place::COMMITTED, &HEADER.to_le_bytes()),
            (place::DURABLE, &HEADER.to_le_bytes()),
        ];
        for (at, bytes) in words {
            page.resize(at, 0);
            page.extend_from_slice(bytes);
        }
        page.resize(4096, 0);
        page
    }

    /// Reads one, and believes nothing.
    pub(crate) fn decode(page: &[u8]) -> Result<Self, Cause> {
        let not_a_log = Cause::NotALog;
        let head = page.get(..CHECKED).ok_or(not_a_log)?;
        let known = head.starts_with(MAGIC) && number::<4>(head, 8) == VERSION.to_le_bytes();
        if !known || number::<4>(head, 12) != 4096_u32.to_le_bytes() {
            return Err(not_a_log);
        }
        if u32::from_le_bytes(number(page, CHECKED)) != Crc::new().add(head).value() {
            return Err(Cause::LogDamaged { at: 0 });
        }
        let header = Self {
            capacity: u64::from_le_bytes(number(head, 16)),
            segment: u64::from_le_bytes(number(head, 24)),
            created: u64::from_le_bytes(number(head, 32)),
            id: number(head, 40),
        };
        let fits = header.capacity > HEADER
            && header.capacity.is_multiple_of(ALIGN)
            && isize::try_from(header.capacity).is_ok();
        if fits { Ok(header) } else { Err(Cause::LogDamaged { at: 16 }) }
    }
}

fn number<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let from = bytes.get(at..).unwrap_or_default();
    from.first_chunk().copied().unwrap_or([0; N])
}

/// What has become of a place where a record begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum State {
    /// Nothing is there yet.
    Empty = 0,
    /// A writer has the place, and is not done.
    Claimed = 1,
    /// A record, whole.
    Committed = 2,
    /// A writer died there.
    Dead = 3,
    /// Nothing follows in this file.
    End = 4,
}

/// The first word of a record: bits 0-7 state, 8-15 level, 16-31 slot of the writer, 32-63 length of the content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Word(pub(crate) u64);

impl Word {
    pub(crate) const END: Self = Self(State::End as u64);

    pub(crate) fn claim(level: u8, slot: u16, len: u32) -> Self {
        let [a, b] = slot.to_le_bytes();
        let [c, d, e, f] = len.to_le_bytes();
        Self(u64::from_le_bytes([State::Claimed as u8, level, a, b, c, d, e, f]))
    }

    pub(crate) const fn with(self, state: State) -> Self {
        let [_, level, a, b, c, d, e, f] = self.0.to_le_bytes();
        Self(u64::from_le_bytes([state as u8, level, a, b, c, d, e, f]))
    }

    pub(crate) const fn level(self) -> u8 {
        let [_, level, ..] = self.0.to_le_bytes();
        level
    }

    pub(crate) const fn slot(self) -> u16 {
        let [_, _, a, b, ..] = self.0.to_le_bytes();
        u16::from_le_bytes([a, b])
    }

    pub(crate) const fn len(self) -> u32 {
        let [.., a, b, c, d] = self.0.to_le_bytes();
        u32::from_le_bytes([a, b, c, d])
    }

    /// What stands at `at`, and where the next record is: `None` for what no writer puts there.
    pub(crate) fn read(self, at: u64, limit: u64) -> Option<(State, u64)> {
        let [state, level, ..] = self.0.to_le_bytes();
        let state = match state {
            0 if self.0 == 0 => return Some((State::Empty, at)),
            4 if self == Self::END => return Some((State::End, at)),
            1 => State::Claimed,
            2 => State::Committed,
            3 => State::Dead,
            _ => return None,
        };
        let next = at.checked_add(size_of(u64::from(self.len()))?)?;
        let fits = self.len() <= LONGEST && next <= limit;
        (level <= 5 && fits).then_some((state, next))
    }
}

/// The bytes of a record with so much content.
pub(crate) fn size_of(len: u64) -> Option<u64> {
    len.checked_add(FRAME)?.checked_next_multiple_of(ALIGN)
}

/// The checksum of a record: of where it is, what it is, when, by whom, and of the checksums of its content's halves.
#[inline]
pub(crate) fn checksum(segment: u64, at: u64, word: Word, stamp: Stamp, content: &[u8]) -> u32 {
    let mut head = [0; 36];
    let words = [segment, at, word.with(State::Empty).0, stamp.time];
    let (numbers, rest) = head.as_chunks_mut::<8>();
    for (place, word) in numbers.iter_mut().zip(words) {
        *place = word.to_le_bytes();
    }
    rest.copy_from_slice(&stamp.process.to_le_bytes());
    crc::of_record(&head, content)
}

/// When and by whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// Nanoseconds since 1970.
    pub(crate) time: u64,
    pub(crate) process: u32,
}

/// The bytes 8 to 24 of a record.
pub(crate) fn frame(stamp: Stamp, checksum: u32) -> [u8; 16] {
    let [a, b, c, d] = checksum.to_le_bytes();
    let [e, f, g, h] = stamp.process.to_le_bytes();
    let [i, j, k, l, m, n, o, p] = stamp.time.to_le_bytes();
    [i, j, k, l, m, n, o, p, a, b, c, d, e, f, g, h]
}

/// Reads what [`frame`] wrote.
pub(crate) fn read_frame(frame: &[u8; 16]) -> (Stamp, u32) {
    let stamp = Stamp {
        time: u64::from_le_bytes(number(frame, 0)),
        process: u32::from_le_bytes(number(frame, 12)),
    };
    (stamp, u32::from_le_bytes(number(frame, 8)))
}
