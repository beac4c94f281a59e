//! Memory that is promised at once: a pool of `commit=yes` on a file system that has less than the pool says.
#![allow(
    unsafe_code,
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    reason = "test code: it may panic, and maps memory of its own"
)]

mod common;

use common::{UNIT, allocate, fill, free, open, try_map, unmap};
use mman_sys::Errno;
use mman_testkit::mount::{self, Mount};
use mman_testkit::{child, require};
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
