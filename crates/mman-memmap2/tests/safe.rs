//! What safe code can map: bytes that are proved to stay, and anything by pointer; never a number.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::needless_borrows_for_generic_args,
    reason = "a test may stop at what it does not expect"
)]

mod own;

use mman::{MemFd, MemFdOptions};
use mman_memmap2::{MapIfSafeError, Mmap, MmapOptions, MmapRaw};
use mman_testkit::files::{Folder, open_read_write};
use mman_testkit::object::{memfd, write_only};
use mman_testkit::{maps, page, pattern};
use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::os::fd::AsFd;

fn sealed(len: usize) -> MemFd<mman::Immutable> {
    let memory = MemFdOptions::new(len as u64).create().unwrap();
    memory.map().unwrap().write_at(0, &pattern::bytes(0, len)).unwrap();
    memory.freeze().unwrap()
}

#[test]
fn sealed_bytes_are_a_slice_from_any_offset_on() {
    let len = 2 * page() + 10;
    let object = sealed(len);
    let bytes = pattern::bytes(0, len);
    for offset in [0, 1, page(), page() + 7, len - 1, len] {
        let map = MmapOptions::new().offset(offset as u64).map_if_safe(&object).unwrap();
        assert!(map[..] == bytes[offset..], "from {offset}");
    }
    let whole = Mmap::map_if_safe(object.as_fd()).unwrap();
    let error = whole.make_mut().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied, "sealed bytes stay as they are");
}

#[test]
fn what_is_wrong_is_told_apart() {
    let object = sealed(100);
    let map = |offset, len| MmapOptions::new().offset(offset).len(len).map_if_safe(&object);
    assert!(map(0, 101).unwrap_err().not_safe());
    assert!(map(100, 1).unwrap_err().not_safe());
    assert!(map(u64::MAX, 1).unwrap_err().map_failed());
    assert!(map(0, usize::MAX).unwrap_err().map_failed());
    assert!(map(100, 0).unwrap().is_empty());
    let past = MmapOptions::new().offset(101).map_if_safe(&object).unwrap_err();
    assert!(past.map_failed() && !past.not_safe() && !past.not_supported());
    assert_eq!(io::Error::from(past).kind(), ErrorKind::InvalidData);
}

#[test]
fn what_may_change_is_refused() {
    let folder = Folder::new();
    let path = folder.patterned("file", 100);
    let shrink = memfd(100);
    rustix::fs::fcntl_add_seals(&shrink, rustix::fs::SealFlags::SHRINK).unwrap();
    let (reader, _writer) = io::pipe().unwrap();
    let refused = |answer: Result<Mmap, MapIfSafeError>| {
        let error = answer.unwrap_err();
        assert!(error.not_safe() && !error.map_failed(), "{error:?}");
        let line = mman_testkit::line_of(&error);
        assert_eq!(io::Error::from(error).to_string(), line);
    };
    refused(Mmap::map_if_safe(&File::open(&path).unwrap()));
    refused(Mmap::map_if_safe(&memfd(100)));
    refused(Mmap::map_if_safe(&shrink));
    refused(Mmap::map_if_safe(&File::open(folder.path()).unwrap()));
    refused(Mmap::map_if_safe(&reader));
    assert!(Mmap::map_if_safe(&write_only(&path)).unwrap_err().map_failed());
}

#[test]
#[expect(unsafe_code, reason = "the bytes are reached by pointer")]
fn by_pointer_both_ways() {
    let folder = Folder::new();
    let path = folder.patterned("file", 5000);
    let map = MmapOptions::new().offset(4000).map_raw(&open_read_write(&path)).unwrap();
    assert_eq!(map.len(), 1000);
    // SAFETY: a byte of the test's own file.
    unsafe { map.as_mut_ptr().wrapping_add(999).write_volatile(b'!') };
    map.flush().unwrap();
    map.flush_async().unwrap();
    assert_eq!(std::fs::read(&path).unwrap()[4999], b'!');
    assert_eq!(MmapRaw::map_raw(&open_read_write(&path)).unwrap().len(), 5000);

    let reading = MmapOptions::new().map_raw_read_only(File::open(&path).unwrap()).unwrap();
    let start = reading.as_ptr().addr();
    assert_eq!(maps::accesses(start..start + 1).concat(), "r--s");
    let error = MmapRaw::map_raw(&File::open(&path).unwrap()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
}

/// A file that another process truncates: the slice of memmap2's contract is not formed, and the pages are just not there.
#[test]
#[expect(unsafe_code, reason = "the functions under test are unsafe")]
fn by_pointer_a_map_outlives_its_bytes_and_grows_with_them() {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&vec![1; page()]).unwrap();
    let mut map = MmapRaw::map_raw(&file).unwrap();
    file.set_len(0).unwrap();
    assert_eq!(map.len(), page());
    file.set_len(2 * page() as u64).unwrap();
    // SAFETY: the file has so many bytes.
    unsafe { map.remap(2 * page(), mman_memmap2::RemapOptions::new().may_move(true)) }.unwrap();
    // SAFETY: as above, and nobody else writes.
    assert_eq!(unsafe { map.as_ptr().wrapping_add(page()).read_volatile() }, 0);
}

/// Descriptors that have no type (of performance events, of buffers that devices share) are the kernel's to judge.
#[test]
fn a_descriptor_of_no_type_reaches_the_kernel() {
    let event = rustix::event::eventfd(0, rustix::event::EventfdFlags::CLOEXEC).unwrap();
    let error = MmapOptions::new().len(1).map_raw(&event).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(19), "ENODEV");
    let error = own::map(MmapOptions::new().len(1), &event).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(19), "ENODEV");
}
