//! Canaries: known bytes before and behind the memory under test, which nothing may touch.

use crate::maps;
use crate::memory::{pointer, read};
use crate::pattern;
use mman::{MapOptions, Mapping, MemoryObject};
use mman_sys::{MapFlags, Prot, mmap, munmap};
use std::ops::Range;

/// Pages of canaries on each side.
const SIDE: usize = 4;

/// Room for one mapping between two ranges of canaries, which are unmapped when this is dropped.
///
/// The room is mapped, so that nobody else is given it, until a mapping takes its place; what the mapping leaves of
/// it is anybody's.
#[derive(Debug)]
pub struct Cage {
    start: usize,
    room: usize,
    taken: bool,
}

impl Cage {
    /// Room for so many pages.
    ///
    /// # Panics
    ///
    /// Where there is no memory.
    #[must_use]
    pub fn of(pages: usize) -> Self {
        let page = crate::page();
        let flags = MapFlags::PRIVATE | MapFlags::ANONYMOUS;
        let len = (pages + 2 * SIDE) * page;
        // SAFETY: nothing is replaced.
        let start = unsafe { mmap(pointer(0), len, Prot::READ | Prot::WRITE, flags, -1, 0) };
        let start = start.expect("a cage");
        let bytes = pattern::bytes(0, len);
        // SAFETY: all of it was just mapped, readable and writable.
        unsafe { start.cast::<u8>().copy_from(bytes.as_ptr(), len) };
        Self { start: start.addr(), room: pages * page, taken: false }
    }

    /// The addresses between the canaries.
    #[must_use]
    pub fn room(&self) -> Range<usize> {
        let start = self.start + side();
        start..start + self.room
    }

    /// Maps an object over the start of the room.
    ///
    /// # Errors
    ///
    /// Those of the library; the room is as it was.
    ///
    /// # Panics
    ///
    /// Where the room is too small, or taken.
    pub fn map(
        &mut self,
        options: MapOptions,
        object: &impl MemoryObject,
    ) -> mman::Result<Mapping> {
        assert!(!self.taken, "the room is taken");
        // SAFETY: the room is ours, and nobody has a reference into it.
        let mapping = unsafe { options.replacing(self.room().start) }.map(object)?;
        assert!(mapping.mapped_len() <= self.room, "room for the mapping");
        self.taken = true;
        let rest = self.room().start + mapping.mapped_len()..self.room().end;
        unmap(rest);
        Ok(mapping)
    }

    /// Asserts that no canary was touched: every byte is what it was, and can still be read and written.
    ///
    /// # Panics
    ///
    /// With the first byte that was touched.
    #[track_caller]
    pub fn assert_untouched(&self) {
        for side in self.sides() {
            let bytes = read(side.start, side.len()).expect("canaries that can be read");
            pattern::assert_is(&bytes, (side.start - self.start) as u64);
            assert_eq!(maps::accesses(side), ["rw-p"], "the protection of the canaries");
        }
    }

    fn sides(&self) -> [Range<usize>; 2] {
        let Range { start, end } = self.room();
        [self.start..start, end..end + side()]
    }
}

/// Bytes of canaries on each side.
fn side() -> usize {
    SIDE * crate::page()
}

fn unmap(range: Range<usize>) {
    if !range.is_empty() {
        // SAFETY: the range is the cage's own.
        unsafe { munmap(pointer(range.start), range.len()) }.expect("unmapping");
    }
}

impl Drop for Cage {
    fn drop(&mut self) {
        if !self.taken {
            unmap(self.room());
        }
        for side in self.sides() {
            unmap(side);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mman::Anonymous;

    #[test]
    fn canaries_stay_when_the_mapping_between_them_goes() {
        let mut cage = Cage::of(3);
        let room = cage.room();
        let mapping = cage.map(MapOptions::private().read_write(), &Anonymous::new(5000)).unwrap();
        assert_eq!(mapping.as_ptr().addr(), room.start);
        assert_eq!(maps::accesses(room.start..room.start + 8192), ["rw-p"]);
        cage.assert_untouched();
        drop(mapping);
        cage.assert_untouched();
    }

    #[test]
    #[should_panic(expected = "byte 7 is")]
    fn a_canary_that_was_touched_is_named() {
        let cage = Cage::of(1);
        // SAFETY: the page is the cage's own, and writable.
        unsafe { pointer(cage.start + 7).cast::<u8>().write(pattern::byte_at(7) ^ 1) };
        cage.assert_untouched();
    }
}
