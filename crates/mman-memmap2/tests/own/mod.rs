//! The unsafe functions on files and memory of a test's own, which nobody else writes to or makes shorter.
#![allow(dead_code, reason = "no test uses all of them")]
#![expect(unsafe_code, reason = "the functions under test are unsafe")]

use mman_memmap2::{Mmap, MmapAsRawDesc, MmapMut, MmapOptions, RemapOptions, UncheckedAdvice};
use std::io;

pub(crate) fn map(how: &MmapOptions, file: impl MmapAsRawDesc) -> io::Result<Mmap> {
    // SAFETY: the test's own file.
    unsafe { how.map(file) }
}

pub(crate) fn map_exec(how: &MmapOptions, file: impl MmapAsRawDesc) -> io::Result<Mmap> {
    // SAFETY: the test's own file.
    unsafe { how.map_exec(file) }
}

pub(crate) fn map_mut(how: &MmapOptions, file: impl MmapAsRawDesc) -> io::Result<MmapMut> {
    // SAFETY: the test's own file, of which it has one slice at a time.
    unsafe { how.map_mut(file) }
}

pub(crate) fn map_copy(how: &MmapOptions, file: impl MmapAsRawDesc) -> io::Result<MmapMut> {
    // SAFETY: the test's own file.
    unsafe { how.map_copy(file) }
}

pub(crate) fn map_copy_read_only(how: &MmapOptions, file: impl MmapAsRawDesc) -> io::Result<Mmap> {
    // SAFETY: the test's own file.
    unsafe { how.map_copy_read_only(file) }
}

pub(crate) fn remap(map: &mut MmapMut, len: usize, may_move: bool) -> io::Result<()> {
    // SAFETY: the tests touch nothing past the end of their files.
    unsafe { map.remap(len, RemapOptions::new().may_move(may_move)) }
}

pub(crate) fn drop_bytes(map: &MmapMut, offset: usize, len: usize) -> io::Result<()> {
    // SAFETY: no slice of the map is held meanwhile.
    unsafe { map.unchecked_advise_range(UncheckedAdvice::DontNeed, offset, len) }
}
