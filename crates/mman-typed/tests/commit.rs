//! Memory that is promised at once: a pool of `commit=yes` on a file system that has less than the pool says.
#![allow(
    unsafe_code,
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    reason = "test code: it may panic, and maps memory of its own"
)]

mod common;

use common::{UNIT, allocate, fill, free, offset, open, try_map, unmap};
use mman_sys::Errno;
use mman_testkit::mount::{self, Mount};
use mman_testkit::{child, fork, require};
use mman_typed::{Cause, TypedFlags};
use std::os::unix::fs::MetadataExt;

/// What is allocated has its memory before it is touched, the lack of it is an error, and nothing is lost by that.
#[test]
fn what_is_not_there_is_an_error_and_no_signal() {
    if !require::root() {
        return;
    }
    child::run(|| {
        mount::be_alone();
        let folder = tempfile::tempdir().unwrap();
        let _mounted = Mount::new("tmpfs", folder.path(), c"size=1m,mode=755").unwrap();
        let conf = folder.path().join("conf");
        let lines = format!(
            "directory {}\ndefaults no\npool p kind=shm size=8M commit=yes\nport /p pool=p\n",
            folder.path().display()
        );
        std::fs::write(&conf, lines).unwrap();
        mman_typed::config::use_configuration(conf.to_str().unwrap().as_bytes()).unwrap();
        let fd = open("/p", TypedFlags::ALLOCATE).unwrap();
        let blocks = || std::fs::metadata(folder.path().join("p.pool")).unwrap().blocks();
        let (all, before) = (free(fd), blocks());

        let at = allocate(fd, 16);
        assert_eq!(blocks() - before, 16 * UNIT as u64 / 512);
        fill(at, 16, 1);
        let failure = try_map(fd, 1024, 0).unwrap_err();
        assert_eq!((failure.errno, failure.cause), (Errno::ENOMEM, Cause::NoMemory));
        assert_eq!(free(fd), (all.0 - 16, all.0 - 16));
        assert_eq!(blocks() - before, 16 * UNIT as u64 / 512);

        // Part of it was given meanwhile, and is there again.
        let more = allocate(fd, 64);
        fill(more, 64, 2);
        unmap(at, 16);
        unmap(more, 64);
        assert_eq!((free(fd), blocks()), (all, before));
    });
}

/// A unit that is mapped a second time needs a count in the table. Where the file system has no memory for that, it is an error,
/// and nobody dies of it: neither who asked, nor who comes later.
#[test]
fn no_memory_for_counts_is_an_error() {
    if !require::root() {
        return;
    }
    child::run(|| {
        mount::be_alone();
        let folder = tempfile::tempdir().unwrap();
        let _mounted = Mount::new("tmpfs", folder.path(), c"size=2m,mode=755").unwrap();
        let conf = folder.path().join("conf");
        let lines = format!(
            "directory {}\ndefaults no\npool p kind=shm size=64M\nport /p pool=p\n",
            folder.path().display()
        );
        std::fs::write(&conf, lines).unwrap();
        mman_typed::config::use_configuration(conf.to_str().unwrap().as_bytes()).unwrap();
        let (fd, reserves) =
            (open("/p", TypedFlags::ALLOCATE).unwrap(), open("/p", TypedFlags::NONE).unwrap());
        let at = allocate(fd, 100);
        let first = usize::try_from(offset(at, 1).offset).unwrap() / UNIT;
        let full = folder.path().join("full");
        let _full = std::fs::write(&full, vec![1; 4 << 20]).unwrap_err();
        let failure = try_map(reserves, 100, first).unwrap_err();
        assert_eq!((failure.errno, failure.cause), (Errno::ENOMEM, Cause::NoMemory));
        // A child that was told of shares all of it: without memory it has no slot, and dies of nothing.
        let child = fork::and_wait(|| {
            mman_typed::after_fork_in_child();
            let _free_or_none = mman_typed::info(fd).map(|info| info.free);
            0
        });
        assert!(child.success(), "{child}");
        std::fs::remove_file(&full).unwrap();
        let again = try_map(reserves, 100, first).unwrap();
        unmap(again, 100);
        unmap(at, 100);
        assert_eq!(free(fd), (16384, 16384));
    });
}
