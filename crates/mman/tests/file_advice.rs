//! Advice about files: what is dropped from the page cache and what stays there, what is read in, and that a wrong
//! range is an error. The kernel answers success to all of it; the counts tell what happened.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may stop at what it does not expect"
)]

use mman::kernel::Feature;
use mman::process::{IoClass, set_io_class};
use mman::{Cause, FileAdvice, FileObject, MemFd, Operation};
use mman_testkit::files::{Folder, open_read_write};
use mman_testkit::{page, require};
use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;
use std::time::{Duration, Instant};

fn cached(file: &FileObject) -> u64 {
    file.cache(..).unwrap().cached
}

/// All of the file in the cache, clean; the kernel may reclaim it at any moment.
fn warm(path: &Path) -> FileObject {
    File::open(path).unwrap().sync_all().unwrap();
    std::fs::read(path).unwrap();
    FileObject::open(path).unwrap()
}

/// Warms a file, does something, and counts, until the count is the expected one: others reclaim pages, and hold them
/// for a moment.
fn ends_with(expected: u64, path: &Path, act: impl Fn(&FileObject)) {
    let mut found = 0;
    for _ in 0..20 {
        let file = warm(path);
        act(&file);
        found = cached(&file);
        if found == expected {
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("{found} pages in the cache, and {expected} are expected");
}

#[test]
fn whole_pages_are_dropped_and_parts_of_pages_are_not() {
    if !require::feature(Feature::Cachestat) {
        return;
    }
    let folder = Folder::new();
    let size = 8 * page() as u64 - 100;
    let path = folder.patterned("file", size as usize);
    let page = page() as u64;
    let drop = |file: &FileObject, range: std::ops::Range<u64>| {
        file.advise(range, FileAdvice::DontNeed).unwrap();
    };
    ends_with(0, &path, |file| file.advise(.., FileAdvice::DontNeed).unwrap());
    ends_with(6, &path, |file| drop(file, page..3 * page));
    ends_with(7, &path, |file| drop(file, page - 1..3 * page - 1));
    ends_with(8, &path, |file| drop(file, page + 1..2 * page + 5));
    // The last page is whole where the range ends with the file, and only there.
    ends_with(7, &path, |file| drop(file, 7 * page..size));
    ends_with(8, &path, |file| drop(file, 7 * page..size - 1));
    ends_with(6, &path, |file| FileAdvice::DontNeed.tell(file.file(), page..3 * page).unwrap());
    ends_with(0, &path, |file| FileAdvice::DontNeed.tell(file.file(), 0..u64::MAX).unwrap());
    ends_with(8, &path, |file| FileAdvice::DontNeed.tell(file.file(), size + 1..).unwrap());
    // No byte is no page, not "to the end".
    ends_with(8, &path, |file| drop(file, 0..0));
    ends_with(8, &path, |file| drop(file, size..size));
}

/// Success is answered, and nothing is dropped.
#[test]
fn locked_and_dirty_pages_stay() {
    if !require::feature(Feature::Cachestat) {
        return;
    }
    let folder = Folder::new();
    let path = folder.patterned("file", 8 * page());
    let file = warm(&path);
    let mapping = file.map().unwrap();
    let held = mapping.pages().lock(2 * page()..4 * page()).unwrap();
    file.advise(.., FileAdvice::DontNeed).unwrap();
    assert!(cached(&file) >= 2);
    drop(held);
    drop(mapping);
    ends_with(3, &path, |file| {
        file.advise(.., FileAdvice::DontNeed).unwrap();
        open_read_write(&path).write_all(&vec![7; 3 * page()]).unwrap();
        file.advise(.., FileAdvice::DontNeed).unwrap();
    });
    ends_with(0, &path, |file| {
        open_read_write(&path).write_all(&vec![7; 3 * page()]).unwrap();
        file.file().sync_data().unwrap();
        file.advise(.., FileAdvice::DontNeed).unwrap();
    });
    assert!(std::fs::read(&path).unwrap().starts_with(&vec![7; 3 * page()]), "no byte is lost");
}

#[test]
fn will_need_reads_in_what_is_missing() {
    if !require::feature(Feature::Cachestat) {
        return;
    }
    let folder = Folder::new();
    let path = folder.patterned("file", 8 * page());
    let page = page() as u64;
    let (start, mut seen) = (Instant::now(), false);
    while !seen && start.elapsed() < Duration::from_secs(10) {
        let file = warm(&path);
        file.advise(.., FileAdvice::DontNeed).unwrap();
        file.advise(2 * page..5 * page, FileAdvice::WillNeed).unwrap();
        std::thread::sleep(Duration::from_millis(20));
        seen = cached(&file) == 3 && file.cache(2 * page..5 * page).unwrap().cached == 3;
    }
    assert!(seen);
    let file = FileObject::open(&path).unwrap();
    for about in
        [FileAdvice::Sequential, FileAdvice::Random, FileAdvice::NoReuse, FileAdvice::Normal]
    {
        file.advise(.., about).unwrap();
        file.advise(5..6, about).unwrap();
    }
}

/// What is nowhere else is not dropped.
#[test]
fn memory_stays() {
    let memory = MemFd::new(4 * page() as u64).unwrap();
    let mut file = File::from(std::os::fd::OwnedFd::from(memory));
    file.write_all(b"nowhere else").unwrap();
    let object = FileObject::new(&file).unwrap();
    object.advise(.., FileAdvice::DontNeed).unwrap();
    let mut bytes = [0; 12];
    std::os::unix::fs::FileExt::read_exact_at(&file, &mut bytes, 0).unwrap();
    assert_eq!(&bytes, b"nowhere else");
}

#[test]
fn ranges_are_checked() {
    let folder = Folder::new();
    let file = FileObject::open(folder.patterned("file", 100)).unwrap();
    for wrong in [0..101, 101..102, u64::MAX - 1..u64::MAX] {
        let error = file.advise(wrong, FileAdvice::DontNeed).unwrap_err();
        assert!(matches!(error.cause(), Cause::Range(_)), "{error}");
        assert_eq!((error.operation(), error.errno()), (Operation::Advise, None));
    }
    // A device that does not tell its size has bytes as far as offsets go.
    let zeros = FileObject::open("/dev/zero").unwrap();
    zeros.advise(.., FileAdvice::DontNeed).unwrap();
    zeros.advise(u64::MAX - 1.., FileAdvice::WillNeed).unwrap();
}

/// The class is that of the thread that asked, and of no other.
#[test]
fn a_thread_that_reads_when_idle() {
    if !require::program("ionice") {
        return;
    }
    let class = || {
        let thread = std::fs::read_link("/proc/thread-self").unwrap();
        let mut command = std::process::Command::new("ionice");
        command.arg("-p").arg(thread.file_name().unwrap()).stdout(std::process::Stdio::piped());
        let mut text = String::new();
        let mut child = command.spawn().unwrap();
        child.stdout.take().unwrap().read_to_string(&mut text).unwrap();
        child.wait().unwrap();
        text
    };
    std::thread::spawn(move || {
        set_io_class(IoClass::Idle).unwrap();
        assert_eq!(class(), "idle\n");
        set_io_class(IoClass::BestEffort).unwrap();
        assert_eq!(class(), "best-effort: prio 4\n");
        set_io_class(IoClass::Default).unwrap();
        assert!(class().starts_with("none"));
        set_io_class(IoClass::Idle).unwrap();
    })
    .join()
    .unwrap();
    assert!(class().starts_with("none"));
}
