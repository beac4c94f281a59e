//! Maps of files: every constructor, offsets that are no page boundaries, lengths past the end, empty files, and errors
//! with the numbers that programs compare.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    reason = "a test may stop at what it does not expect"
)]

mod own;

use mman_memmap2::{Mmap, MmapMut, MmapOptions};
use mman_testkit::files::{Folder, open_read_write};
use mman_testkit::object::write_only;
use mman_testkit::{maps, page, pattern, require};
use std::fs::File;
use std::io::ErrorKind;
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;

/// `EACCES`, `EBADF`, `ENODEV`.
const DENIED: i32 = 13;
const BAD_DESCRIPTOR: i32 = 9;
const NO_DEVICE: i32 = 19;

fn access(map: &[u8]) -> String {
    let start = map.as_ptr().addr();
    maps::accesses(start..start + 1).concat()
}

#[test]
fn each_constructor_has_its_protection_and_sharing() {
    let folder = Folder::new();
    let file = open_read_write(folder.patterned("file", 5000));
    let how = MmapOptions::new();
    assert_eq!(access(&own::map(&how, &file).unwrap()), "r--s");
    assert_eq!(access(&own::map_exec(&how, &file).unwrap()), "r-xs");
    assert_eq!(access(&own::map_mut(&how, &file).unwrap()), "rw-s");
    assert_eq!(access(&own::map_copy(&how, &file).unwrap()), "rw-p");
    assert_eq!(access(&own::map_copy_read_only(&how, &file).unwrap()), "r--p");
    assert_eq!(access(&MmapMut::map_anon(1).unwrap()), "rw-p");
}

#[test]
fn any_offset_and_length_show_the_bytes_that_are_there() {
    let folder = Folder::new();
    let len = 3 * page() + 100;
    let file = File::open(folder.patterned("file", len)).unwrap();
    let bytes = pattern::bytes(0, len);
    for offset in [0, 1, 77, page() - 1, page(), page() + 1, 2 * page() + 99, len - 1, len] {
        let map = own::map(MmapOptions::new().offset(offset as u64), &file).unwrap();
        assert!(map[..] == bytes[offset..], "from {offset}");
        let part = (len - offset) / 2;
        let map = own::map(MmapOptions::new().offset(offset as u64).len(part), &file).unwrap();
        assert!(map[..] == bytes[offset..offset + part], "{part} from {offset}");
    }
    let whole = own::map(&MmapOptions::new(), file.as_raw_fd()).unwrap();
    drop(file);
    assert!(whole[..] == bytes[..], "by number, and the file closed meanwhile");
}

#[test]
fn what_is_no_range_is_told_by_kind() {
    let folder = Folder::new();
    let file = File::open(folder.patterned("file", 100)).unwrap();
    let refused = |offset: u64, len: Option<usize>| {
        let mut how = MmapOptions::new();
        how.offset(offset);
        if let Some(len) = len {
            how.len(len);
        }
        own::map(&how, &file).unwrap_err()
    };
    let kind = |offset, len| refused(offset, len).kind();
    assert_eq!(kind(101, None), ErrorKind::InvalidData, "past the end");
    assert_eq!(kind(0, Some(usize::MAX)), ErrorKind::InvalidData, "more than a slice can have");
    for (offset, len) in [(u64::MAX, 1), (u64::MAX - 5000, 5001), (1 << 63, 1)] {
        let error = refused(offset, Some(len));
        assert_eq!(error.raw_os_error(), Some(75), "EOVERFLOW, as of the kernel");
    }
    let long = own::map(MmapOptions::new().len(50_000), &file).unwrap();
    assert_eq!(long.len(), 50_000, "a length that was said is believed");
    assert_eq!(long[..100], pattern::bytes(0, 100));
}

#[test]
fn empty_files_are_empty_slices_that_can_grow() {
    let folder = Folder::new();
    let path = folder.patterned("file", 0);
    let file = open_read_write(&path);
    let map = own::map(&MmapOptions::new(), &file).unwrap();
    assert!(map.is_empty());
    assert!(map.as_ptr().addr().is_multiple_of(page()));
    map.advise(mman_memmap2::Advice::Random).unwrap();
    let map = map.make_mut().unwrap();
    map.flush().unwrap();
    map.lock().unwrap();
    map.unlock().unwrap();
    let mut map = map;
    file.set_len(10).unwrap();
    own::remap(&mut map, 10, true).unwrap();
    map.copy_from_slice(b"0123456789");
    assert_eq!(std::fs::read(&path).unwrap(), b"0123456789");
    own::remap(&mut map, 0, false).unwrap();
    assert_eq!(&map[..], b"");

    let reading = File::open(&path).unwrap();
    let error = own::map_mut(MmapOptions::new().len(0), &reading).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(DENIED), "the right is asked for no byte too");
}

#[test]
fn errors_have_the_kernels_number() {
    let folder = Folder::new();
    let path = folder.patterned("file", 100);
    let number = |error: std::io::Error| error.raw_os_error();
    let how = MmapOptions::new();
    let reading = File::open(&path).unwrap();
    assert_eq!(number(own::map_mut(&how, &reading).unwrap_err()), Some(DENIED));
    let map = own::map(&how, &reading).unwrap();
    assert_eq!(number(map.make_mut().unwrap_err()), Some(DENIED));
    assert_eq!(number(own::map(&how, &write_only(&path)).unwrap_err()), Some(DENIED));
    assert_eq!(number(own::map(&how, -1).unwrap_err()), Some(BAD_DESCRIPTOR));
    assert_eq!(number(own::map(&how, i32::MIN).unwrap_err()), Some(BAD_DESCRIPTOR));
    assert_eq!(number(own::map(&how, 1_000_000).unwrap_err()), Some(BAD_DESCRIPTOR));
    let folder = File::open(folder.path()).unwrap();
    assert_eq!(number(own::map(&how, &folder).unwrap_err()), Some(NO_DEVICE));
}

#[test]
fn shared_stores_reach_the_file_and_private_ones_do_not() {
    let folder = Folder::new();
    let path = folder.sparse("file", 5000);
    let file = open_read_write(&path);
    let mut map = own::map_mut(MmapOptions::new().offset(4095).len(3), &file).unwrap();
    map.copy_from_slice(b"abc");
    map.flush_range(1, 2).unwrap();
    map.flush_async_range(0, 3).unwrap();
    map.flush_async().unwrap();
    drop(map);
    assert_eq!(&std::fs::read(&path).unwrap()[4094..4099], b"\0abc\0");

    let mut copy = own::map_copy(MmapOptions::new().offset(4095), &file).unwrap();
    copy[0] = b'X';
    copy.flush().unwrap();
    assert_eq!(&copy[..3], b"Xbc");
    let read_only = own::map_copy_read_only(&MmapOptions::new(), &file).unwrap();
    let mut made_mut = read_only.make_mut().unwrap();
    made_mut[4096] = b'Y';
    assert_eq!(&std::fs::read(&path).unwrap()[4095..4098], b"abc");
}

/// memmap2 leaves holes; the library below it reserves blocks for shared writable mappings unless it is told not to.
#[test]
fn holes_stay_holes() {
    let folder = Folder::new();
    let file = open_read_write(folder.sparse("file", 1 << 30));
    let map = own::map_mut(&MmapOptions::new(), &file).unwrap();
    let raw = MmapOptions::new().map_raw(&file).unwrap();
    assert_eq!((map.len(), raw.len(), file.metadata().unwrap().blocks()), (1 << 30, 1 << 30, 0));
}

#[test]
fn a_block_device_is_as_long_as_it_is() {
    let folder = Folder::new();
    let path = folder.patterned("image", 64 * 1024);
    let Some(device) = mman_testkit::loop_device::LoopDevice::of(&path) else { return };
    let file = File::open(device.path()).unwrap();
    let map = own::map(&MmapOptions::new(), &file).unwrap();
    assert!(map[..] == pattern::bytes(0, 64 * 1024));
}

#[test]
fn populated_pages_are_there_at_once() {
    let folder = Folder::in_shared_memory();
    let file = File::open(folder.patterned("file", 8 * page())).unwrap();
    let map = own::map(MmapOptions::new().populate().no_probe_handle(), &file).unwrap();
    let start = map.as_ptr().addr();
    assert_eq!(mman_testkit::smaps::bytes(start..start + map.len(), "Rss:"), 8 * page());
    let lazy = own::map(MmapOptions::new().no_reserve_swap(), &file).unwrap();
    assert!(require::holds(
        maps::flags_at(lazy.as_ptr().addr()).contains(&"nr".into()),
        "overcommit"
    ));
}

#[test]
fn mapping_by_name_of_the_type_is_mapping_all() {
    let folder = Folder::new();
    let file = File::open(folder.patterned("file", 100)).unwrap();
    #[expect(unsafe_code, reason = "the function under test is unsafe")]
    // SAFETY: the test's own file.
    let map = unsafe { Mmap::map(&file) }.unwrap();
    assert_eq!(map.as_ref(), pattern::bytes(0, 100));
}
