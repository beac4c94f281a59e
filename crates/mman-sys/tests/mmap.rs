//! What a mapping does: whole pages, past the end of a file, shared and private, fixed, its object's life.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may stop at what it does not expect"
)]

mod common;

use common::{
    Map, RW, dies_by, disk_file, in_child, last_words, memfd, page, refused, shm_file, vm_lck,
};
use mman_sys::{Errno, MapFlags, Prot, Signal};
use std::fs::File;
use std::io::Read;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;

/// The length counts in whole pages: a mapping of one byte is a mapping of a page.
#[test]
fn a_length_is_rounded_up_to_whole_pages() {
    in_child(|| {
        let room = Map::reserved(2);
        room.unmap(0..2).unwrap();
        let flags = MapFlags::PRIVATE | MapFlags::ANONYMOUS | MapFlags::FIXED;
        let map = Map::call(room.start(), 1, RW, flags, -1, 0).unwrap();
        common::poke(map.start() + page() - 1, 7);
        assert!(common::line_of(room.at(0)).is_some());
        assert_eq!(common::line_of(room.at(1)), None);
    });
}

/// A hint need not be the address of a page: it is rounded, and the mapping lies on one.
#[test]
fn a_hint_that_is_not_aligned_is_accepted() {
    in_child(|| {
        let around = Map::reserved(3);
        let hint = around.at(1) + 1;
        around.unmap(1..2).unwrap();
        let flags = MapFlags::PRIVATE | MapFlags::ANONYMOUS;
        let map = Map::call(hint, page(), RW, flags, -1, 0).unwrap();
        assert_eq!(map.start(), around.at(1), "the free page below the hint");
        map.disown();
    });
}

/// A hint where something is mapped is no command: the mapping goes elsewhere.
#[test]
fn a_hint_never_replaces_what_is_there() {
    let first = Map::private(1);
    first.set(0, 1);
    let flags = MapFlags::PRIVATE | MapFlags::ANONYMOUS;
    let second = Map::call(first.start(), page(), RW, flags, -1, 0).unwrap();
    second.set(0, 2);
    assert_ne!(second.start(), first.start());
    assert_eq!(first.get(0), 1);
}

/// Flags that the kernel does not know are ignored with the two old map types.
#[test]
fn unknown_flags_are_ignored_with_shared_and_private() {
    let unknown = MapFlags::from_bits(0x200);
    for kind in [MapFlags::SHARED, MapFlags::PRIVATE] {
        let map = Map::try_of(&memfd(1), 1, RW, kind | unknown).unwrap();
        map.set(0, 5);
        assert_eq!(map.get(0), 5);
    }
}

/// Protection bits that the kernel does not know are ignored too (mprotect refuses them).
#[test]
fn unknown_protection_bits_are_ignored() {
    let map = Map::anonymous(1, RW | Prot::from_bits(0x800), MapFlags::PRIVATE);
    map.set(0, 5);
    assert_eq!(map.get(0), 5);
}

/// The rest of a file's last page is zeros in the mapping.
#[test]
fn the_rest_of_the_last_page_is_zeros() {
    let file = memfd(0);
    file.write_all_at(b"abc", 0).unwrap();
    let map = Map::of(&file, 1, Prot::READ, MapFlags::SHARED);
    assert_eq!((map.byte(2), map.byte(3), map.byte(page() - 1)), (b'c', 0, 0));
}

/// What is stored behind the end of a file never gets into the file, nor does the file grow.
#[test]
fn bytes_behind_the_end_never_reach_the_file() {
    for file in disk_file(0).into_iter().chain([shm_file(0), memfd(0)]) {
        file.write_all_at(b"abc", 0).unwrap();
        let map = Map::of(&file, 1, RW, MapFlags::SHARED);
        common::poke(map.start() + 88, b'X');
        map.sync(0..1, mman_sys::SyncFlags::SYNC).unwrap();
        assert_eq!(file.metadata().unwrap().len(), 3);
        assert_eq!(file.read_at(&mut [0; 8], 88).unwrap(), 0, "nothing to read there");
    }
}

/// Linux keeps what is stored behind the end, in the last page, and shows it to every other mapping,
/// those made before and those made later.
#[test]
fn bytes_behind_the_end_are_seen_by_other_mappings() {
    for file in disk_file(0).into_iter().chain([shm_file(0)]) {
        file.write_all_at(b"abc", 0).unwrap();
        let before = Map::of(&file, 1, Prot::READ, MapFlags::SHARED);
        assert_eq!(before.byte(88), 0);
        let map = Map::of(&file, 1, RW, MapFlags::SHARED);
        // The page stays where it is as long as it is locked: a page read again would be clean.
        map.lock(0..1).unwrap();
        common::poke(map.start() + 88, b'X');
        let after = Map::of(&file, 1, Prot::READ, MapFlags::SHARED);
        assert_eq!((before.byte(88), after.byte(88)), (b'X', b'X'));
    }
}

/// A file system on a disk clears what was stored behind the end when the file is made longer.
#[test]
fn a_longer_file_on_a_disk_has_zeros_behind_the_old_end() {
    let Some(file) = disk_file(0) else { return };
    assert_eq!(stale_byte_after_growing(&file), 0);
}

/// On tmpfs, and so in a memfd, it shows up in the file itself when that is made longer.
#[test]
fn a_longer_file_on_tmpfs_has_the_stale_bytes_behind_the_old_end() {
    assert_eq!(stale_byte_after_growing(&shm_file(0)), b'X');
    assert_eq!(stale_byte_after_growing(&memfd(0)), b'X');
}

/// Stores behind the end of a file of three bytes, makes that longer, and reads the byte in the file.
fn stale_byte_after_growing(file: &File) -> u8 {
    file.write_all_at(b"abc", 0).unwrap();
    let map = Map::of(file, 1, RW, MapFlags::SHARED);
    map.lock(0..1).unwrap();
    common::poke(map.start() + 88, b'X');
    file.set_len(100).unwrap();
    let mut byte = [9];
    file.read_exact_at(&mut byte, 88).unwrap();
    assert_eq!(map.byte(88), byte[0], "the mapping shows what the file holds");
    byte[0]
}

/// Reading a page that lies wholly behind the end of the file is SIGBUS.
#[test]
fn reading_a_page_behind_the_end_is_sigbus() {
    dies_by(Signal::SIGBUS, || {
        let map = Map::of(&memfd(1), 2, RW, MapFlags::SHARED);
        map.get(0);
        last_words();
        map.get(1);
    });
}

/// So is writing it.
#[test]
fn writing_a_page_behind_the_end_is_sigbus() {
    dies_by(Signal::SIGBUS, || {
        let map = Map::of(&memfd(1), 2, RW, MapFlags::SHARED);
        map.set(0, 1);
        last_words();
        map.set(1, 1);
    });
}

/// On a disk as on tmpfs.
#[test]
fn reading_a_page_behind_the_end_on_a_disk_is_sigbus() {
    dies_by(Signal::SIGBUS, || {
        let Some(file) = disk_file(1) else { return };
        let map = Map::of(&file, 2, RW, MapFlags::SHARED);
        map.get(0);
        last_words();
        map.get(1);
    });
}

/// When the file has grown, the same mapping reaches the new pages.
#[test]
fn a_page_behind_the_end_is_there_when_the_file_has_grown() {
    for file in disk_file(1).into_iter().chain([memfd(1)]) {
        let map = Map::of(&file, 2, RW, MapFlags::SHARED);
        file.set_len(2 * page() as u64).unwrap();
        map.set(1, 6);
        let mut byte = [0];
        file.read_exact_at(&mut byte, page() as u64).unwrap();
        assert_eq!(byte, [6]);
    }
}

/// When the file has shrunk again, the page is gone, although it was there and touched.
#[test]
fn a_page_is_sigbus_again_when_the_file_has_shrunk() {
    dies_by(Signal::SIGBUS, || {
        let file = memfd(1);
        let map = Map::of(&file, 2, RW, MapFlags::SHARED);
        file.set_len(2 * page() as u64).unwrap();
        map.set(1, 6);
        file.set_len(page() as u64).unwrap();
        map.set(0, 6);
        last_words();
        map.get(1);
    });
}

/// A store to a shared mapping changes the object.
#[test]
fn a_shared_store_changes_the_object() {
    let file = memfd(1);
    Map::of(&file, 1, RW, MapFlags::SHARED).set(0, 9);
    let mut byte = [0];
    file.read_exact_at(&mut byte, 0).unwrap();
    assert_eq!(byte, [9]);
}

/// A store to a private mapping copies the page; the object and other mappings never see it.
#[test]
fn a_private_store_stays_private() {
    let file = memfd(1);
    let shared = Map::of(&file, 1, RW, MapFlags::SHARED);
    let private = Map::of(&file, 1, RW, MapFlags::PRIVATE);
    private.set(0, 9);
    assert_eq!((private.get(0), shared.get(0)), (9, 0));
}

/// A private page that was not written yet shows what is written to the file later.
#[test]
fn an_untouched_private_page_follows_the_file() {
    for file in disk_file(1).into_iter().chain([memfd(1)]) {
        let private = Map::of(&file, 1, RW, MapFlags::PRIVATE);
        assert_eq!(private.get(0), 0, "read, not written");
        file.write_all_at(b"n", 0).unwrap();
        assert_eq!(private.get(0), b'n');
    }
}

/// A private page that was written is a copy, which the file no longer changes.
#[test]
fn a_copied_private_page_no_longer_follows_the_file() {
    for file in disk_file(1).into_iter().chain([memfd(1)]) {
        let private = Map::of(&file, 1, RW, MapFlags::PRIVATE);
        common::poke(private.start() + 1, b'o');
        file.write_all_at(b"n", 0).unwrap();
        assert_eq!((private.get(0), private.byte(1)), (0, b'o'));
    }
}

/// A fixed mapping takes the place of what was there, as if that had been unmapped first.
#[test]
fn fixed_replaces_what_is_there() {
    let map = Map::private(3);
    map.fill(1);
    map.replace(1, MapFlags::empty()).unwrap();
    assert_eq!([map.get(0), map.get(1), map.get(2)], [1, 0, 1]);
}

/// The locks of the pages it replaces go with them.
#[test]
fn fixed_drops_the_locks_of_what_it_replaces() {
    in_child(|| {
        let map = Map::private(4);
        map.lock(0..4).unwrap();
        assert_eq!(vm_lck(), 4);
        map.replace(1, MapFlags::empty()).unwrap();
        assert_eq!(vm_lck(), 3);
    });
}

/// A fixed mapping that fails because of its descriptor leaves the old one as it was.
#[test]
fn fixed_keeps_the_old_mapping_when_the_descriptor_is_bad() {
    let map = Map::private(1);
    map.set(0, 3);
    let flags = MapFlags::SHARED | MapFlags::FIXED;
    let errno = refused(Map::call(map.start(), page(), RW, flags, -1, 0));
    assert_eq!((errno, map.get(0)), (Errno::EBADF, 3));
}

/// So does one that fails because its object cannot be mapped.
#[test]
fn fixed_keeps_the_old_mapping_when_the_object_cannot_be_mapped() {
    let (reader, _writer) = std::io::pipe().unwrap();
    let map = Map::private(1);
    map.set(0, 3);
    let flags = MapFlags::PRIVATE | MapFlags::FIXED;
    let errno = refused(Map::call(map.start(), page(), Prot::READ, flags, reader.as_raw_fd(), 0));
    assert_eq!((errno, map.get(0)), (Errno::ENODEV, 3));
}

/// A mapping keeps its object alive when the descriptor is closed.
#[test]
fn a_mapping_outlives_its_descriptor() {
    let file = memfd(1);
    file.write_all_at(b"m", 0).unwrap();
    let map = Map::of(&file, 1, RW, MapFlags::SHARED);
    drop(file);
    assert_eq!(map.get(0), b'm');
    map.set(0, b'n');
    assert_eq!(map.get(0), b'n');
}

/// And when its name is removed: the mapping is a reference like an open descriptor.
#[test]
fn a_mapping_outlives_the_name_of_its_file() {
    let named = tempfile::NamedTempFile::new().unwrap();
    named.as_file().write_all_at(b"m", 0).unwrap();
    let map = Map::of(named.as_file(), 1, RW, MapFlags::SHARED);
    let path = named.path().to_owned();
    named.close().unwrap();
    assert!(!path.exists());
    assert_eq!(map.get(0), b'm');
    assert!(common::line_of(map.start()).unwrap().name.ends_with("(deleted)"));
}

/// A descriptor that appends can be mapped to write: only the file's own append attribute forbids it.
#[test]
fn a_descriptor_that_appends_can_be_mapped_to_write() {
    let named = tempfile::NamedTempFile::new().unwrap();
    named.as_file().set_len(8).unwrap();
    let file = File::options().read(true).append(true).open(named.path()).unwrap();
    let map = Map::of(&file, 1, RW, MapFlags::SHARED);
    map.set(0, b'm');
    let mut byte = [0];
    (&file).read_exact(&mut byte).unwrap();
    assert_eq!(byte, [b'm']);
}

/// A mapping that is asked to be there at once is there, and one that is not is not.
#[test]
fn populate_brings_the_pages_in() {
    let populated = Map::anonymous(4, RW, MapFlags::PRIVATE | MapFlags::POPULATE);
    assert_eq!(populated.resident(0..4), Ok(vec![true; 4]));
    assert_eq!(Map::shared(4).resident(0..4), Ok(vec![false; 4]));
}

/// That pages could not be brought in is no error of mmap: here they lie behind the end of the file.
#[test]
fn populate_and_locked_never_fail_because_a_page_cannot_be_had() {
    for flag in [MapFlags::POPULATE, MapFlags::LOCKED] {
        let map = Map::try_of(&memfd(1), 2, RW, MapFlags::SHARED | flag);
        assert_eq!(map.unwrap().get(0), 0, "{flag:?}");
    }
}

/// Droppable memory (6.11) is memory, and a forked child finds zeros in it.
#[test]
fn droppable_memory_is_wiped_in_a_child() {
    in_child(|| {
        let Ok(map) = Map::try_anonymous(1, RW, MapFlags::DROPPABLE) else {
            return common::skip("Linux 6.11, for droppable memory");
        };
        map.set(0, 5);
        let status = common::fork_then(|| map.get(0)).wait();
        assert_eq!((status.code(), map.get(0)), (Some(0), 5));
    });
}

/// A forked child shares the shared mappings and has copies of the private ones.
#[test]
fn a_forked_child_has_the_mappings_and_their_types() {
    in_child(|| {
        let (shared, private) = (Map::shared(1), Map::private(1));
        private.set(0, 1);
        let child = common::fork_then(|| {
            let seen = private.get(0);
            shared.set(0, 2);
            private.set(0, 2);
            seen
        });
        assert_eq!(child.wait().code(), Some(1));
        assert_eq!((shared.get(0), private.get(0)), (2, 1));
    });
}
