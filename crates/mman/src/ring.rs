//! A byte ring mapped twice, one copy after the other, so that every window of it is one slice.
#![expect(unsafe_code, reason = "lends slices of memory that it alone has, mapped twice")]

use crate::error::{Cause, Error, ObjectKind, Operation, Result};
use crate::mapping::fork::OnFork;
use crate::object::MemFd;
use crate::options::MapOptions;
use crate::page::{PageSize, RangeError};
use crate::reserve::Reservation;
use core::arch::asm;
use core::slice;
use std::io::{self, BufRead, Read, Write};

/// A queue of bytes whose content, and whose free room, are each one slice, wherever they begin.
///
/// The bytes are a memfd of its own that stands twice in the address space, one copy right behind the other: what runs
/// over the end of the first is in the second. So a parser sees whole what came in two parts, and nothing is ever moved
/// to the front.
///
/// ```
/// use mman::Ring;
/// use std::io::{BufRead, Read, Write};
///
/// let mut ring = Ring::new(4096)?;
/// ring.write_all(&[b'.'; 4000])?;
/// ring.consume(4000);
/// ring.write_all(&[b'x'; 200])?; // over the end of the buffer
/// assert_eq!(ring.readable(), [b'x'; 200]);
///
/// // Without a copy: into the free room, and from where it stands.
/// let came = std::fs::File::open("Cargo.toml")?.read(ring.spare())?;
/// ring.commit(came);
/// ring.consume(200);
/// let mut line = String::new();
/// ring.read_line(&mut line)?;
/// assert_eq!(line, "[package]\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// A window keeps the ring as it is:
///
/// ```compile_fail,E0502
/// let mut ring = mman::Ring::new(4096)?;
/// let window = ring.readable();
/// ring.spare()[0] = 1;
/// assert!(window.is_empty());
/// # Ok::<(), mman::Error>(())
/// ```
///
/// Reading takes bytes out, and finds the end where the ring is empty; writing puts in what fits, which is nothing where
/// the ring is full ([`WriteZero`](io::ErrorKind::WriteZero) of `write_all`). A child of a fork does not have the
/// memory: there the ring must not be used or dropped.
///
/// # Why the slices are sound
///
/// - R1: `space` is `2 * capacity` bytes, readable and writable. Bytes `at` and `capacity + at` are one byte of the
///   memfd, which nobody else has: its descriptor was closed when it was mapped. It is sealed against becoming shorter,
///   and its blocks are reserved, so a touch is no signal.
/// - R2: `start < capacity` and `filled <= capacity`. So each window is in the space, no longer than the capacity, and no
///   byte is in it twice; the window of the content and that of the free room have no byte in common.
/// - R3: For the compiler the two halves are different bytes. What was written through a window is copied to the other
///   half by assembly (`mirror`), before anything is read there: as the memory is one, that copy is no
///   instruction. Only `&mut self` lends a window for writing, and `mirror` comes after it and before the next one.
#[derive(Debug)]
pub struct Ring {
    space: Reservation,
    capacity: usize,
    start: usize,
    filled: usize,
}

impl Ring {
    /// A ring for at least so many bytes: the capacity is rounded up to pages. It is all in memory at once.
    ///
    /// # Errors
    ///
    /// [`Cause::Range`] for no byte, [`Cause::TooLong`]; those of [`Reservation::new`], [`MemFd::new`] and
    /// [`Reservation::place`].
    pub fn new(capacity: usize) -> Result<Self> {
        let refused = |cause| Error::new(Operation::Create, ObjectKind::MemFd, cause);
        if capacity == 0 {
            return Err(refused(Cause::Range(RangeError::Empty)));
        }
        let too_long = || refused(Cause::TooLong);
        let capacity = PageSize::base().round_up(capacity).ok_or_else(too_long)?;
        let twice = capacity.checked_mul(2).filter(|len| isize::try_from(*len).is_ok());
        let mut space = Reservation::new(twice.ok_or_else(too_long)?)?;
        let memory = MemFd::new(capacity as u64)?.fix_size()?;
        let options = MapOptions::shared().read_write().on_fork(OnFork::Leave);
        space.place(0, &options, &memory)?;
        space.place(capacity, &options, &memory)?;
        Ok(Self { space, capacity, start: 0, filled: 0 })
    }

    /// How many bytes it can hold.
    #[must_use]
    pub const fn capacity(&self) -> usize {
        self.capacity
    }

    /// How many bytes it holds.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.filled
    }

    /// Whether it holds none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.filled == 0
    }

    /// Where the free room begins, in the first half, and how long it is.
    const fn room(&self) -> (usize, usize) {
        let end = self.start.wrapping_add(self.filled); // R2: below 2 * capacity
        let at = if end < self.capacity { end } else { end.wrapping_sub(self.capacity) };
        (at, self.capacity.saturating_sub(self.filled))
    }

    /// All that it holds, the oldest byte first.
    #[must_use]
    #[inline]
    pub const fn readable(&self) -> &[u8] {
        let start = self.space.as_ptr().wrapping_add(self.start);
        // SAFETY: R1, R2: inside the space; R3: nothing is written while the ring is borrowed.
        unsafe { slice::from_raw_parts(start, self.filled) }
    }

    /// The free room. What is written to its beginning becomes content by [`commit`](Self::commit); what was there before
    /// is anything.
    #[must_use]
    #[inline]
    pub fn spare(&mut self) -> &mut [u8] {
        self.mirror();
        let (at, len) = self.room();
        let start = self.space.as_mut_ptr().wrapping_add(at);
        // SAFETY: R1, R2: inside the space, and no byte twice; borrowed from the ring alone. R3.
        unsafe { slice::from_raw_parts_mut(start, len) }
    }

    /// Makes the first bytes of the free room content, at most as many as there are.
    #[inline]
    pub fn commit(&mut self, count: usize) {
        self.mirror();
        self.filled = self.filled.saturating_add(count.min(self.room().1));
    }

    /// Takes the oldest bytes out, at most as many as there are.
    #[inline]
    pub const fn discard(&mut self, count: usize) {
        let count = if count < self.filled { count } else { self.filled };
        let start = self.start.wrapping_add(count); // R2: below 2 * capacity
        self.start = if start < self.capacity { start } else { start.wrapping_sub(self.capacity) };
        self.filled = self.filled.wrapping_sub(count);
    }

    /// Takes all bytes out.
    pub const fn clear(&mut self) {
        self.start = 0;
        self.filled = 0;
    }

    /// R3: copies what was written last to the other half. The memory is one, so it is there.
    #[inline]
    fn mirror(&mut self) {
        let space = self.space.as_mut_ptr();
        // SAFETY: no instruction. For the compiler it reads and writes the space, which the ring is borrowed for.
        unsafe { asm!("/* {0} */", in(reg) space, options(nostack, preserves_flags)) };
    }
}

impl Read for Ring {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.readable().read(into)?;
        self.discard(count);
        Ok(count)
    }
}

impl BufRead for Ring {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        Ok(self.readable())
    }

    fn consume(&mut self, count: usize) {
        self.discard(count);
    }
}

impl Write for Ring {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.spare().write(bytes)?;
        self.commit(count);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
