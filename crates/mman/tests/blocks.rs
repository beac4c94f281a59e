//! A full disk is an error when a file is mapped, and not a signal when it is written.
//!
//! A file with holes takes its blocks when a page of it is first written. Where the disk is full then, a store to a
//! mapping finds none, and the process dies of SIGBUS.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    reason = "a test may stop at what it does not expect"
)]

use mman::{
    Cause, Errno, FileObject, MapOptions, MemoryObject, Operation, RangeError, Reservation,
};
use mman_testkit::files::{Folder, open_read_write};
use mman_testkit::loop_device::LoopDevice;
use mman_testkit::mount::{self, Mount};
use mman_testkit::{child, line_of, object, page, pattern, require};
use std::fs::{self, File};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::process::Command;

const MIB: u64 = 1 << 20;

fn shared() -> MapOptions {
    MapOptions::shared().read_write()
}

/// Bytes of storage that a file has.
fn stored(path: &Path) -> u64 {
    fs::metadata(path).unwrap().blocks() * 512
}

/// When a file was last changed: its bytes, and anything of it.
fn changed(path: &Path) -> [i64; 4] {
    let about = fs::metadata(path).unwrap();
    [about.mtime(), about.mtime_nsec(), about.ctime(), about.ctime_nsec()]
}

/// Calls the body with a tmpfs of 4 MiB of its own; only in a child.
fn on_small_tmpfs(body: impl FnOnce(&Folder)) {
    if !require::root() {
        return;
    }
    mount::be_alone();
    let folder = Folder::new();
    let mounted = Mount::new("tmpfs", folder.path(), c"size=4m").unwrap();
    body(&folder);
    drop(mounted);
}

/// Calls the body with an ext4 of 16 MiB of its own, on a device made of a file; only in a child.
fn on_small_ext4(body: impl FnOnce(&Folder)) {
    if !require::root() || !require::program("mkfs.ext4") {
        return;
    }
    mount::be_alone();
    let (images, folder) = (Folder::new(), Folder::new());
    let image = images.sparse("image", 16 * MIB);
    let made = Command::new("mkfs.ext4").args(["-q", "-F", "-m", "0"]).arg(&image).output();
    assert!(made.unwrap().status.success());
    let Some(device) = LoopDevice::of(&image) else { return };
    let mounted = Mount::of_device("ext4", device.path(), folder.path()).unwrap();
    body(&folder);
    drop((mounted, device));
}

/// What holds on every file system: a file that does not fit, one that does, parts of it, reservations, private and
/// read-only mappings, and what `sparse` leaves to chance.
fn a_full_disk_is_an_error(folder: &Folder) {
    let path = folder.sparse("large", 64 * MIB);
    let before = stored(&path);
    let file = FileObject::open_read_write(&path).unwrap();
    let error = shared().map(&file).unwrap_err();
    assert_eq!((error.cause(), error.operation()), (Cause::NoSpace, Operation::Map));
    assert_eq!(error.range(), Some((0, 64 * MIB)));
    let told = "map bytes 0..67108864 of a regular file: the file system has no room";
    assert!(line_of(&error).starts_with(told), "{error}");
    assert_eq!(stored(&path), before, "what cannot be is not tried: nothing of it stays behind");
    let mut space = Reservation::new(128 << 20).unwrap();
    let error = space.place(0, &shared(), &file).unwrap_err();
    assert_eq!((error.cause(), error.operation()), (Cause::NoSpace, Operation::Place));
    let error = file.reserve(..).unwrap_err();
    assert_eq!((error.cause(), error.operation()), (Cause::NoSpace, Operation::Reserve));
    assert_eq!(error.errno(), Some(Errno::ENOSPC));
    open_read_write(&path).set_len(0).unwrap(); // gives back what that one took
    open_read_write(&path).set_len(64 * MIB).unwrap();

    // These reserve nothing.
    drop(file.map().unwrap());
    drop(MapOptions::private().read_write().map(&file).unwrap());
    assert_eq!(stored(&path), before);
    let sparse = shared().sparse().map(&file).unwrap();
    let page_of_bytes = pattern::bytes(0, page());
    let mut written = 0_u64;
    let error = loop {
        match sparse.write_at(usize::try_from(written).unwrap(), &page_of_bytes) {
            Ok(()) => written += page() as u64,
            Err(error) => break error, // and no signal
        }
        assert!(written < 64 * MIB, "all of it found room");
    };
    assert_eq!((error.operation(), error.errno()), (Operation::Write, Some(Errno::EFAULT)));
    assert!(matches!(error.cause(), Cause::Truncated { at } if at == written), "{error}");
    assert!(written > 0);
    drop(sparse);
    fs::remove_file(&path).unwrap();
}

fn a_mapping_that_fits_can_be_written_whatever_comes(folder: &Folder) {
    let path = folder.sparse("file", MIB + 100);
    let file = FileObject::open_read_write(&path).unwrap();
    let mapping = shared().map(&file).unwrap();
    assert!(stored(&path) >= MIB + 100, "also the last byte");
    assert_eq!(fs::metadata(&path).unwrap().len(), MIB + 100, "its length stays");
    // Somebody takes all that is left.
    let hog = File::create_new(folder.name("hog")).unwrap();
    let mut at = 0;
    for step in [1 << 16, 1 << 12] {
        while hog.write_all_at(&vec![7; step], at).and_then(|()| hog.sync_data()).is_ok() {
            at += step as u64;
        }
    }
    mapping.write_at(0, &pattern::bytes(0, mapping.len())).unwrap();
    mapping.sync(.., mman::Sync::Data).unwrap();
    pattern::assert_is(&fs::read(&path).unwrap(), 0);
    // All of it is there: it can be mapped again on the full disk.
    drop(mapping);
    let again = shared().map(&file).unwrap();
    again.write_at(0, b"x").unwrap();
    drop(again);
    fs::remove_file(&path).unwrap();
    fs::remove_file(folder.name("hog")).unwrap();
}

fn only_what_is_mapped_and_in_the_file_is_reserved(folder: &Folder) {
    let path = folder.sparse("file", MIB);
    let file = FileObject::open_read_write(&path).unwrap();
    let page = page() as u64;
    let before = stored(&path);
    drop(shared().range(5 * page + 1..6 * page + 1).map(&file).unwrap());
    assert_eq!(stored(&path) - before, 2 * page, "the pages of the mapping");
    drop(shared().range(MIB - page..2 * MIB).past_end().map(&file).unwrap());
    assert_eq!(stored(&path) - before, 3 * page, "up to the end of the file");
    drop(shared().range(2 * MIB..3 * MIB).past_end().map(&file).unwrap());
    let mut space = Reservation::new(1 << 20).unwrap();
    space.place(0, &shared().range(10 * page..11 * page).sparse(), &file).unwrap();
    assert_eq!(stored(&path) - before, 3 * page);
    space.place(0, &shared().range(10 * page..11 * page), &file).unwrap();
    assert_eq!(stored(&path) - before, 4 * page);
    // What is refused reserves nothing.
    space.place(1, &shared().range(20 * page..21 * page), &file).unwrap_err();
    shared().range(20 * page..21 * page).at(5).map(&file).unwrap_err();
    let reader = FileObject::open(&path).unwrap();
    let error = shared().range(20 * page..21 * page).map(&reader).unwrap_err();
    assert_eq!(error.cause(), Cause::NotWritable);
    assert_eq!(reader.reserve(..).unwrap_err().cause(), Cause::NotWritable);
    assert_eq!(stored(&path) - before, 4 * page);
    file.reserve(20 * page..22 * page).unwrap();
    assert_eq!(stored(&path) - before, 6 * page);
    let error = file.reserve(..=MIB).unwrap_err();
    assert_eq!(error.cause(), Cause::Range(RangeError::EndsPastEnd { end: MIB + 1, len: MIB }));
    assert_eq!(fs::metadata(&path).unwrap().len(), MIB);
    fs::remove_file(&path).unwrap();
}

/// Reserving what is there would change the time of the last change: `make` and backups believe it.
fn a_file_that_lacks_nothing_is_not_changed(folder: &Folder) {
    for (name, len) in [("one", 5000), ("many", 300_000)] {
        let path = folder.patterned(name, len);
        let before = changed(&path);
        std::thread::sleep(std::time::Duration::from_millis(20));
        let file = FileObject::open_read_write(&path).unwrap();
        drop(shared().map(&file).unwrap());
        drop(shared().range(100..4000).map(&file).unwrap());
        assert_eq!(changed(&path), before, "{name}");
        File::open(&path).unwrap().sync_all().unwrap();
        drop(shared().map(&file).unwrap());
        assert_eq!(changed(&path), before, "{name}, on storage");
        drop(file);
        fs::remove_file(&path).unwrap();
    }
}

/// Holes anywhere: every second page, more of them than one answer of the kernel tells.
fn every_hole_is_found(folder: &Folder) {
    let path = folder.sparse("file", MIB);
    let writer = open_read_write(&path);
    for page_number in (0..256).step_by(2) {
        writer.write_all_at(&[1; 4096], page_number * 4096).unwrap();
    }
    writer.sync_all().unwrap();
    assert!(stored(&path) < MIB / 2 + 64 * 1024);
    let file = FileObject::open_read_write(&path).unwrap();
    drop(shared().map(&file).unwrap());
    assert!(stored(&path) >= MIB, "{} bytes", stored(&path));
    let bytes = fs::read(&path).unwrap();
    let expected = |at: usize| u8::from((at / 4096).is_multiple_of(2));
    assert!(bytes.iter().enumerate().all(|(at, byte)| *byte == expected(at)));
    fs::remove_file(&path).unwrap();
}

#[test]
fn tmpfs_full() {
    child::run(|| on_small_tmpfs(a_full_disk_is_an_error));
}

#[test]
fn tmpfs_room_taken_by_others() {
    child::run(|| on_small_tmpfs(a_mapping_that_fits_can_be_written_whatever_comes));
}

#[test]
fn tmpfs_parts() {
    child::run(|| on_small_tmpfs(only_what_is_mapped_and_in_the_file_is_reserved));
}

#[test]
fn tmpfs_nothing_missing() {
    child::run(|| on_small_tmpfs(a_file_that_lacks_nothing_is_not_changed));
}

#[test]
fn tmpfs_holes() {
    child::run(|| on_small_tmpfs(every_hole_is_found));
}

#[test]
fn ext4_full() {
    child::run(|| on_small_ext4(a_full_disk_is_an_error));
}

#[test]
fn ext4_room_taken_by_others() {
    child::run(|| on_small_ext4(a_mapping_that_fits_can_be_written_whatever_comes));
}

#[test]
fn ext4_parts() {
    child::run(|| on_small_ext4(only_what_is_mapped_and_in_the_file_is_reserved));
}

#[test]
fn ext4_nothing_missing() {
    child::run(|| on_small_ext4(a_file_that_lacks_nothing_is_not_changed));
}

#[test]
fn ext4_holes() {
    child::run(|| on_small_ext4(every_hole_is_found));
}

/// Blocks past the end count in `st_blocks` as those in it do: they are no proof that nothing is missing.
#[test]
fn blocks_past_the_end_stand_for_none_in_the_file() {
    child::run(|| {
        on_small_ext4(|folder| {
            let path = folder.sparse("file", MIB);
            let file = FileObject::open_read_write(&path).unwrap();
            file.reserve(..).unwrap();
            object::blocks_past_the_end(file.file(), 2 * MIB, 4 * MIB);
            object::punch(file.file(), 65_536, 65_536);
            let before = stored(&path);
            assert!(before > MIB);
            drop(shared().map(&file).unwrap());
            assert_eq!(stored(&path) - before, 65_536);
        });
    });
}

#[test]
fn a_memfd_behind_a_file_object_is_memory_and_reserves_nothing() {
    let file = object::memfd(0);
    file.set_len(MIB).unwrap();
    let object = FileObject::new(&file).unwrap();
    let mapping = shared().map(&object).unwrap();
    assert_eq!(file.metadata().unwrap().blocks(), 0);
    object.reserve(..4096).unwrap();
    assert_eq!(file.metadata().unwrap().blocks() * 512, 4096);
    drop(mapping);
}

#[test]
fn devices_have_no_blocks_to_reserve() {
    let zero = FileObject::open_read_write("/dev/zero").unwrap();
    drop(shared().range(..4096).map(&zero).unwrap());
    let error = zero.reserve(..4096).unwrap_err();
    assert_eq!((error.cause(), error.object()), (Cause::NotSupported, zero.kind()), "{error}");
}
