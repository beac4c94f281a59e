//! Mapping files and devices: any offset, any length, and the bytes are those of the object.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::unwrap_used,
    reason = "a test may stop at what it does not expect"
)]

use mman::{
    Anonymous, FileObject, MapOptions, Mapping, MemoryObject, ObjectKind, PageSize, Protection,
};
use mman_testkit::files::{Folder, grow_with_pattern, open_read_write};
use mman_testkit::loop_device::LoopDevice;
use mman_testkit::{maps, object, page, pattern};
use std::fs::{self, File};
use std::io::{Read, Seek};
use std::os::unix::fs::FileExt;
use std::path::Path;

/// All bytes of a mapping.
fn bytes_of(mapping: &Mapping) -> Vec<u8> {
    let mut bytes = vec![0xEE; mapping.len()];
    mapping.read_at(0, &mut bytes).unwrap();
    bytes
}

/// All bytes of a mapping, by way of a pipe.
fn written_out(mapping: &Mapping) -> Vec<u8> {
    let (mut reader, writer) = std::io::pipe().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(move || mapping.write_out(writer, ..).unwrap());
        let mut bytes = Vec::new();
        reader.read_to_end(&mut bytes).unwrap();
        bytes
    })
}

/// The interesting numbers around page boundaries up to `len`.
fn around_pages(len: u64) -> Vec<u64> {
    let page = page() as u64;
    let mut all = vec![0, 1, page / 2, page - 1, page, page + 1];
    all.extend([2 * page - 1, 2 * page, 2 * page + 1, len - 1, len]);
    all
}

#[test]
fn every_offset_and_length_to_the_byte() {
    let folder = Folder::new();
    let len = 3 * page() as u64 + 77;
    let file = FileObject::open(folder.patterned("file", len as usize)).unwrap();
    for start in around_pages(len) {
        for end in around_pages(len) {
            if start >= end {
                continue;
            }
            for options in [MapOptions::shared(), MapOptions::private()] {
                let mapping = options.range(start..end).map(&file).unwrap();
                let expected = pattern::bytes(start, (end - start) as usize);
                assert_eq!(mapping.len() as u64, end - start);
                assert_eq!(bytes_of(&mapping), expected, "bytes {start}..{end}");
                assert_eq!(mapping.object_offset(), start);
                assert_eq!(mapping.as_ptr().addr() % page(), start as usize % page());
                let pages = (end.div_ceil(page() as u64) - start / page() as u64) as usize;
                assert_eq!(mapping.mapped_len(), pages * page(), "bytes {start}..{end}");
            }
        }
    }
}

#[test]
fn whole_files_of_every_length() {
    let folder = Folder::new();
    for len in around_pages(3 * page() as u64).into_iter().map(|len| len as usize) {
        let path = folder.patterned(&len.to_string(), len);
        let mapping = FileObject::open(path).unwrap().map().unwrap();
        assert_eq!((mapping.len(), mapping.is_empty()), (len, len == 0));
        assert_eq!(mapping.mapped_len(), len.next_multiple_of(page()));
        assert_eq!(mapping.page_size(), PageSize::base());
        assert_eq!((mapping.kind(), mapping.object_offset()), (ObjectKind::File, 0));
        assert_eq!(bytes_of(&mapping), pattern::bytes(0, len));
        assert_eq!(written_out(&mapping), pattern::bytes(0, len));
    }
}

#[test]
fn an_empty_file_is_an_empty_mapping_on_which_everything_works() {
    let folder = Folder::new();
    let file = FileObject::open_read_write(folder.patterned("file", 0)).unwrap();
    let writable = MapOptions::shared().read_write();
    for options in [MapOptions::shared(), writable, MapOptions::private(), writable.range(0..)] {
        let mut mapping = options.map(&file).unwrap();
        assert_eq!((mapping.len(), mapping.mapped_len(), mapping.is_empty()), (0, 0, true));
        mapping.read_at(0, &mut []).unwrap();
        mapping.write_at(0, &[]).unwrap();
        assert!(mapping.read_at(0, &mut [0]).is_err());
        assert!(mapping.write_at(0, &[0]).is_err());
        mapping.sync(.., mman::Sync::Data).unwrap();
        mapping.advise(.., mman::Hint::WillNeed).unwrap();
        mapping.protect(.., Protection::NONE).unwrap();
        mapping.discard(.., mman::Discard::Now).unwrap();
        mapping.write_out(std::io::stderr(), ..).unwrap();
        let taken = mapping.take_pages().unwrap();
        let alias = mapping.alias().unwrap();
        let (low, high) = mapping.split_at(0).unwrap();
        let all = low.merge(high).unwrap().merge(taken).unwrap().merge(alias).unwrap();
        let (low, high) = all.unmap_range(..).unwrap();
        low.merge(high).unwrap().unmap().unwrap();
    }
    // A file of /proc has no length either, though it can be read: an empty mapping, and no signal.
    assert!(FileObject::open("/proc/self/maps").unwrap().map().unwrap().is_empty());
}

#[test]
fn parts_are_read_and_written_where_they_are() {
    let folder = Folder::new();
    let len = 5 * page() + 10;
    let path = folder.patterned("file", len);
    let file = FileObject::open_read_write(&path).unwrap();
    let lead = 100;
    let mapping = MapOptions::shared().read_write().range(lead as u64..).map(&file).unwrap();
    for at in [0, 1, page() - lead - 1, page() - lead, page(), mapping.len() - 1] {
        for count in [0, 1, 2, page(), 2 * page() + 3] {
            let count = count.min(mapping.len() - at);
            let mut bytes = vec![0; count];
            mapping.read_at(at, &mut bytes).unwrap();
            pattern::assert_is(&bytes, (lead + at) as u64);
            let inverted: Vec<u8> = bytes.iter().map(|byte| !byte).collect();
            mapping.write_at(at, &inverted).unwrap();
            let now = fs::read(&path).unwrap();
            assert_eq!(now[lead + at..][..count], inverted);
            pattern::assert_is(&now[..lead + at], 0);
            pattern::assert_is(&now[lead + at + count..], (lead + at + count) as u64);
            mapping.write_at(at, &bytes).unwrap();
        }
    }
    mapping.read_at(mapping.len(), &mut []).unwrap();
    assert!(mapping.read_at(mapping.len() + 1, &mut []).is_err());
    assert!(mapping.read_at(mapping.len() - 1, &mut [0; 2]).is_err());
    assert!(mapping.read_at(usize::MAX, &mut [0; 2]).is_err());
    assert!(mapping.write_at(usize::MAX - 1, &[0; 2]).is_err());
    pattern::assert_is(&fs::read(&path).unwrap(), 0);
}

#[test]
fn bytes_go_out_to_files_pipes_and_sockets() {
    let folder = Folder::new();
    let len = 300 * 1024 + 5; // more than a pipe or a socket holds
    let file = FileObject::open(folder.patterned("file", len)).unwrap();
    let mapping = MapOptions::shared().range(3..).map(&file).unwrap();
    pattern::assert_is(&written_out(&mapping), 3);
    let copy = open_read_write(folder.patterned("copy", 0));
    mapping.write_out(&copy, 10..).unwrap();
    mapping.write_out(&copy, 5..=9).unwrap();
    let copied = fs::read(folder.name("copy")).unwrap();
    assert_eq!(copied.len(), mapping.len() - 10 + 5);
    pattern::assert_is(&copied[..mapping.len() - 10], 13);
    pattern::assert_is(&copied[mapping.len() - 10..], 8);
    let (ours, mut theirs) = std::os::unix::net::UnixStream::pair().unwrap();
    std::thread::scope(|scope| {
        let mapping = &mapping;
        scope.spawn(move || mapping.write_out(ours, ..).unwrap());
        let mut bytes = Vec::new();
        theirs.read_to_end(&mut bytes).unwrap();
        assert_eq!(bytes.len(), len - 3);
        pattern::assert_is(&bytes, 3);
    });
    let error = mapping.write_out(File::open("/dev/null").unwrap(), 5..50).unwrap_err();
    assert_eq!(error.errno(), Some(mman::Errno::EBADF));
    assert_eq!(error.range(), Some((5, 45)));
}

#[test]
fn a_store_to_a_shared_mapping_is_read_at_once_and_by_everybody() {
    let folders = [Folder::new(), Folder::in_shared_memory()];
    for folder in folders {
        let path = folder.patterned("file", 10_000);
        let file = FileObject::open_read_write(&path).unwrap();
        let writer = MapOptions::shared().read_write().range(4000..9000).map(&file).unwrap();
        let reader = file.map().unwrap();
        assert!(writer.is_shared());
        writer.write_at(1000, b"hello").unwrap();
        let mut bytes = [0; 5];
        file.file().read_at(&mut bytes, 5000).unwrap();
        assert_eq!(&bytes, b"hello", "by read");
        reader.read_at(5000, &mut bytes).unwrap();
        assert_eq!(&bytes, b"hello", "by another mapping");
        // And the other way round.
        file.file().write_at(b"there", 5000).unwrap();
        writer.read_at(1000, &mut bytes).unwrap();
        assert_eq!(&bytes, b"there");
    }
}

#[test]
fn a_store_to_a_private_mapping_stays_here() {
    let folder = Folder::new();
    let path = folder.patterned("file", 3 * page());
    let file = FileObject::open(&path).unwrap();
    let mapping = MapOptions::private().read_write().map(&file).unwrap();
    assert!(!mapping.is_shared());
    mapping.write_at(10, b"mine").unwrap();
    let mut bytes = [0; 4];
    mapping.read_at(10, &mut bytes).unwrap();
    assert_eq!(&bytes, b"mine");
    pattern::assert_is(&fs::read(&path).unwrap(), 0);
    // No snapshot: the page that was not stored to follows the file, the copied one does not.
    let other = open_read_write(&path);
    other.write_at(b"theirs", 100).unwrap();
    other.write_at(b"theirs", page() as u64 + 100).unwrap();
    let mut bytes = [0; 6];
    mapping.read_at(100, &mut bytes).unwrap();
    pattern::assert_is(&bytes, 100);
    mapping.read_at(page() + 100, &mut bytes).unwrap();
    assert_eq!(&bytes, b"theirs");
}

#[test]
fn bytes_past_the_end_in_the_last_page_never_reach_the_file() {
    let folder = Folder::new();
    let path = folder.patterned("file", 5000);
    let file = FileObject::open_read_write(&path).unwrap();
    let options = MapOptions::shared().read_write().past_end();
    let mapping = options.range(0..2 * page() as u64).map(&file).unwrap();
    let mut zeros = vec![1; 2 * page() - 5000];
    mapping.read_at(5000, &mut zeros).unwrap();
    assert!(zeros.iter().all(|byte| *byte == 0), "the rest of the last page is zeros");
    mapping.write_at(5000, b"beyond").unwrap();
    assert_eq!(file.size().unwrap(), Some(5000));
    assert_eq!(fs::read(&path).unwrap(), pattern::bytes(0, 5000));
}

#[test]
fn a_mapping_outlives_object_descriptor_and_name() {
    let folder = Folder::new();
    let path = folder.patterned("file", 10_000);
    let file = open_read_write(&path);
    let object = FileObject::new(file).unwrap();
    let mapping = MapOptions::shared().read_write().map(&object).unwrap();
    drop(object.into_file()); // closed
    fs::remove_file(&path).unwrap();
    drop(folder);
    pattern::assert_is(&bytes_of(&mapping), 0);
    mapping.write_at(0, b"still there").unwrap();
    let again = mapping.alias().unwrap();
    drop(mapping);
    assert_eq!(&bytes_of(&again)[..11], b"still there");
    pattern::assert_is(&bytes_of(&again)[11..], 11);
}

#[test]
fn renaming_and_replacing_the_name_changes_nothing() {
    let folder = Folder::new();
    let path = folder.patterned("file", 10_000);
    let mapping = FileObject::open(&path).unwrap().map().unwrap();
    fs::rename(&path, folder.name("elsewhere")).unwrap();
    fs::write(&path, vec![0; 20_000]).unwrap();
    pattern::assert_is(&bytes_of(&mapping), 0);
}

#[test]
fn objects_of_every_kind_of_descriptor_map_alike() {
    let folder = Folder::new();
    let path = folder.patterned("file", 9000);
    let file = open_read_write(&path);
    let owned = FileObject::open(&path).unwrap();
    let borrowed = FileObject::new(&file).unwrap();
    let memfd = FileObject::new(object::memfd(9000)).unwrap();
    let objects: [Mapping; 4] = [
        owned.map().unwrap(),
        borrowed.map().unwrap(),
        memfd.map().unwrap(),
        MapOptions::private().map(&&borrowed).unwrap(),
    ];
    for mapping in objects {
        assert_eq!(mapping.len(), 9000);
        pattern::assert_is(&bytes_of(&mapping), 0);
    }
    assert_eq!(borrowed.file().metadata().unwrap().len(), 9000);
}

#[test]
fn zeros_of_the_device_private_and_shared() {
    let zero = FileObject::open_read_write("/dev/zero").unwrap();
    assert_eq!((zero.kind(), zero.size().unwrap()), (ObjectKind::CharacterDevice, None));
    for options in [MapOptions::private(), MapOptions::shared()] {
        let mapping = options.read_write().range(0..5000).map(&zero).unwrap();
        assert_eq!((mapping.len(), mapping.mapped_len()), (5000, 2 * page()));
        assert!(bytes_of(&mapping).iter().all(|byte| *byte == 0));
        mapping.write_at(4999, b"x").unwrap();
        assert_eq!(bytes_of(&mapping)[4999], b'x');
        // Another mapping of it is other memory.
        let other = options.range(0..5000).map(&zero).unwrap();
        assert!(bytes_of(&other).iter().all(|byte| *byte == 0));
    }
}

#[test]
fn a_block_device_knows_its_size() {
    let folder = Folder::new();
    let len = 1 << 20;
    let image = folder.patterned("image", len);
    let Some(device) = LoopDevice::of(&image) else { return };
    let object = FileObject::open_read_write(device.path()).unwrap();
    assert_eq!(
        (object.kind(), object.size().unwrap()),
        (ObjectKind::BlockDevice, Some(len as u64))
    );
    let whole = object.map().unwrap();
    assert_eq!((whole.len(), whole.kind()), (len, ObjectKind::BlockDevice));
    pattern::assert_is(&bytes_of(&whole), 0);
    let part = MapOptions::shared().read_write().range(5000..6000).map(&object).unwrap();
    pattern::assert_is(&bytes_of(&part), 5000);
    let error = MapOptions::shared().range(0..len as u64 + 1).map(&object).unwrap_err();
    assert!(error.to_string().contains("the size is 1048576 bytes"), "{error}");
    part.write_at(0, b"to the disk").unwrap();
    part.sync(.., mman::Sync::Data).unwrap();
    let mut bytes = [0; 11];
    File::open(&image).unwrap().read_at(&mut bytes, 5000).unwrap();
    assert_eq!(&bytes, b"to the disk");
    let mut reader = File::open(device.path()).unwrap();
    reader.seek(std::io::SeekFrom::Start(5000)).unwrap();
    reader.read_exact(&mut bytes).unwrap();
    assert_eq!(&bytes, b"to the disk");
}

#[test]
fn offsets_beyond_four_gigabytes() {
    let folder = Folder::new();
    let len = (1_u64 << 33) + 12_345;
    let path = folder.sparse("file", len);
    let file = FileObject::open_read_write(&path).unwrap();
    let at = (1_u64 << 32) + 4097;
    file.file().write_all_at(&pattern::bytes(at, 10_000), at).unwrap();
    let mapping = MapOptions::shared().range(at..at + 10_000).map(&file).unwrap();
    pattern::assert_is(&bytes_of(&mapping), at);
    assert_eq!(mapping.object_offset(), at);
    let whole = file.map().unwrap();
    assert_eq!(whole.len() as u64, len);
    let mut bytes = vec![0; 10_000];
    whole.read_at(at as usize, &mut bytes).unwrap();
    pattern::assert_is(&bytes, at);
    let tail = MapOptions::shared().range(len - 1..).map(&file).unwrap();
    assert_eq!((tail.len(), bytes_of(&tail)), (1, vec![0]));
}

#[test]
fn a_mapping_made_past_the_end_sees_the_file_grow() {
    let folder = Folder::new();
    let path = folder.patterned("file", 100);
    let file = FileObject::open(&path).unwrap();
    let end = 3 * page() as u64;
    let mapping = MapOptions::shared().range(..end).past_end().map(&file).unwrap();
    assert_eq!(mapping.len() as u64, end);
    grow_with_pattern(&path, end);
    pattern::assert_is(&bytes_of(&mapping), 0);
}

#[test]
fn anonymous_memory_is_zeros_of_its_own() {
    for len in [1, page() - 1, page(), page() + 1, 10 * page() + 3] {
        let memory = Anonymous::new(len).map().unwrap();
        assert_eq!((memory.len(), memory.kind()), (len, ObjectKind::Anonymous));
        assert_eq!(memory.mapped_len(), len.next_multiple_of(page()));
        assert!(bytes_of(&memory).iter().all(|byte| *byte == 0));
        memory.write_at(0, &pattern::bytes(0, len)).unwrap();
        pattern::assert_is(&bytes_of(&memory), 0);
        assert!(bytes_of(&Anonymous::new(len).map().unwrap()).iter().all(|byte| *byte == 0));
    }
    assert!(Anonymous::new(0).map().unwrap().is_empty());
    let part = MapOptions::private().read_write().range(5000..9000).map(&Anonymous::new(10_000));
    let part = part.unwrap();
    assert_eq!((part.len(), part.mapped_len()), (4000, 2 * page()));
    part.write_at(3999, b"x").unwrap();
    assert_eq!(bytes_of(&part)[3999], b'x');
    let shared = MapOptions::shared().read_write().map(&Anonymous::new(100)).unwrap();
    assert!(shared.is_shared());
    assert_eq!(maps::accesses(addresses(&shared)), ["rw-s"]);
}

fn addresses(mapping: &Mapping) -> std::ops::Range<usize> {
    let start = mapping.as_ptr().addr();
    start..start + mapping.len()
}

#[test]
fn the_kernel_was_asked_for_what_the_options_say() {
    let folder = Folder::new();
    let file = FileObject::open_read_write(folder.patterned("file", 3 * page())).unwrap();
    let inode = inode_of(&folder.name("file"));
    let cases = [
        (MapOptions::shared(), "r--s"),
        (MapOptions::private(), "r--p"),
        (MapOptions::shared().read_write(), "rw-s"),
        (MapOptions::private().read_write(), "rw-p"),
        (MapOptions::shared().validate().read_write(), "rw-s"),
        (MapOptions::private().protection(Protection::NONE), "---p"),
        (MapOptions::private().protection(Protection::READ | Protection::EXEC), "r-xp"),
    ];
    for (options, access) in cases {
        let mapping = options.range(page() as u64 + 5..).map(&file).unwrap();
        let entries = maps::within(addresses(&mapping));
        assert_eq!(entries.len(), 1, "{entries:?}");
        assert_eq!((entries[0].access.as_str(), entries[0].inode), (access, inode));
    }
    let locked = MapOptions::private().read_write().locked().map(&Anonymous::new(100)).unwrap();
    assert!(maps::flags_at(locked.as_ptr().addr()).contains(&"lo".to_owned()));
    let unreserved = MapOptions::private().read_write().no_reserve();
    let unreserved = unreserved.map(&Anonymous::new(100)).unwrap();
    assert!(maps::flags_at(unreserved.as_ptr().addr()).contains(&"nr".to_owned()));
    let populated = MapOptions::private().read_write().populate().map(&Anonymous::new(9000));
    let populated = populated.unwrap();
    let resident = mman_testkit::memory::resident(populated.as_ptr().addr(), 3).unwrap();
    assert_eq!(resident, [true; 3]);
    let low = MapOptions::private().in_low_2_gib().map(&Anonymous::new(100));
    if cfg!(target_arch = "x86_64") {
        assert!(low.unwrap().as_ptr().addr() < 1 << 31);
        let high = MapOptions::private().above_4_gib().map(&Anonymous::new(100)).unwrap();
        assert!(high.as_ptr().addr() >= 1 << 32);
    }
    let near = MapOptions::private().near(0x2000_0000_0000).map(&Anonymous::new(100)).unwrap();
    let taken = MapOptions::private().near(near.as_ptr().addr()).map(&Anonymous::new(100)).unwrap();
    assert_ne!(near.as_ptr(), taken.as_ptr());
}

fn inode_of(path: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt;
    fs::metadata(path).unwrap().ino()
}
