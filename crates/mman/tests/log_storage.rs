//! The kernel tells once that it could not write a page back, and forgets: a program that called `fsync` again was told
//! that all was well, and threw away the only copy. Here the device lies on a tmpfs that is too small for it.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    reason = "a test may stop at what it does not expect"
)]

use mman::log::{AppendLog, LogReader};
use mman_testkit::files::Folder;
use mman_testkit::loop_device::LoopDevice;
use mman_testkit::mount::{self, Mount};
use mman_testkit::{child, require};
use std::process::Command;

const RECORDS: u64 = 3000;

#[test]
fn a_sync_that_failed_goes_on_failing() {
    child::run(|| {
        if !require::root() || !require::program("mkfs.ext4") {
            return;
        }
        mount::be_alone();
        let (small, place) = (Folder::new(), Folder::new());
        let _tmpfs = Mount::new("tmpfs", small.path(), c"size=8m").unwrap();
        let image = small.sparse("image", 64 << 20);
        let mut command = Command::new("mkfs.ext4");
        let flags = ["-q", "-O", "^has_journal", "-m", "0", "-E", "nodiscard"];
        assert!(command.args(flags).arg(&image).status().unwrap().success());
        let Some(device) = LoopDevice::of(&image) else { return };
        let _mounted = Mount::of_device("ext4", device.path(), place.path()).unwrap();
        let path = place.name("log");
        let log = AppendLog::open(&path).unwrap();
        log.append(&[1; 100]).unwrap();
        log.sync().unwrap();
        let record = |number: u64| number.to_le_bytes().repeat(1000);
        for number in 0..RECORDS {
            log.append(&record(number)).unwrap(); // the file system promised room for 24 MB
        }
        let error = log.sync().unwrap_err();
        assert!(error.errno().is_some(), "{error}");
        for _ in 0..3 {
            assert_eq!(log.sync().unwrap_err(), error);
        }
        // Nothing is lost as long as the machine runs.
        let mut reader = LogReader::open(&path).unwrap();
        assert_eq!(reader.next_entry().unwrap().unwrap().bytes, [1; 100]);
        for number in 0..RECORDS {
            assert_eq!(reader.next_entry().unwrap().unwrap().bytes, record(number));
        }
    });
}

/// A copy of the device, taken when a sync has returned, is what a power loss at that moment leaves. A reader of it found
/// the first 64 KiB of the log only: no sync but the first wrote the header.
#[test]
fn what_was_synced_is_there_for_a_reader_after_a_power_loss() {
    child::run(|| {
        if !require::root() || !require::program("mkfs.ext4") {
            return;
        }
        mount::be_alone();
        let (small, place) = (Folder::new(), Folder::new());
        let _tmpfs = Mount::new("tmpfs", small.path(), c"size=100m").unwrap();
        let image = small.sparse("image", 48 << 20);
        let mut command = Command::new("mkfs.ext4");
        assert!(command.arg("-q").arg(&image).status().unwrap().success());
        let Some(device) = LoopDevice::of(&image) else { return };
        let mounted = Mount::of_device("ext4", device.path(), place.path()).unwrap();
        let record = |number: u64| number.to_le_bytes().repeat(100);
        let log = AppendLog::open(place.name("log")).unwrap();
        for number in 0..4000 {
            log.append(&record(number)).unwrap();
            if number % 1000 == 10 {
                log.sync().unwrap();
            }
        }
        log.sync().unwrap();
        let copy = small.name("copy");
        std::fs::copy(&image, &copy).unwrap();
        drop((log, mounted));
        let Some(after) = LoopDevice::of(&copy) else { return };
        let _mounted = Mount::of_device("ext4", after.path(), place.path()).unwrap();
        let mut reader = LogReader::open(place.name("log")).unwrap();
        for number in 0..4000 {
            assert_eq!(reader.next_entry().unwrap().unwrap().bytes, record(number));
        }
        assert!(reader.next_entry().unwrap().is_none());
    });
}
