//! A word of shared memory that threads wait on: what the calls answer, and that reading rights are enough to wait.
#![allow(
    unsafe_code,
    clippy::unwrap_used,
    reason = "memory and descriptors are plain numbers in the seam; a test may stop at what it does not expect"
)]

use mman_sys::{Errno, LeaseType, RecordLock, Timespec};
use mman_sys::{futex_wait, futex_wake, get_record_lock, set_record_lock};
use std::fs::OpenOptions;
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

#[test]
fn who_waits_is_woken_and_counted() {
    let word = AtomicU32::new(7);
    let at = word.as_ptr().cast_const();
    assert_eq!(futex_wait(at, 8, None), Err(Errno::EAGAIN));
    let soon = Timespec { tv_sec: 0, tv_nsec: 1_000_000 };
    assert_eq!(futex_wait(at, 7, Some(&soon)), Err(Errno::ETIMEDOUT));
    assert_eq!(futex_wait(at.wrapping_byte_add(1), 7, None), Err(Errno::EINVAL));
    assert_eq!(futex_wait(std::ptr::null(), 7, None), Err(Errno::EFAULT));
    assert_eq!(futex_wake(at, 1), Ok(0));
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| futex_wait(word.as_ptr().cast_const(), 7, None));
        while futex_wake(word.as_ptr().cast_const(), u32::MAX).unwrap() == 0 {
            std::thread::sleep(Duration::from_millis(1));
        }
        assert_eq!(waiter.join().unwrap(), Ok(()));
    });
    assert_eq!(word.load(Ordering::Relaxed), 7);
}

/// The lock of one description is seen through another, and ends when the last descriptor of the first is closed.
#[test]
fn a_lock_ends_with_its_description() {
    let file = tempfile_of_ours();
    let [first, second] =
        [&file, &file].map(|path| OpenOptions::new().read(true).write(true).open(path).unwrap());
    std::fs::remove_file(&file).unwrap();
    let kind = |kind: LeaseType| i16::try_from(kind.raw()).unwrap();
    let lock = |of: LeaseType| RecordLock {
        l_type: kind(of),
        l_whence: 0,
        l_start: 0,
        l_len: 1,
        l_pid: 0,
    };
    // SAFETY: the files are open.
    let get = || unsafe { get_record_lock(second.as_raw_fd(), lock(LeaseType::READ)) };
    // SAFETY: the files are open.
    let set = |fd| unsafe { set_record_lock(fd, lock(LeaseType::WRITE)) };
    assert_eq!(get().unwrap().l_type, kind(LeaseType::NONE));
    set(first.as_raw_fd()).unwrap();
    assert_eq!(get().unwrap().l_type, kind(LeaseType::WRITE));
    assert_eq!(set(second.as_raw_fd()), Err(Errno::EAGAIN));
    let twin = first.try_clone().unwrap();
    drop(first);
    assert_eq!(get().unwrap().l_type, kind(LeaseType::WRITE));
    drop(twin);
    assert_eq!(get().unwrap().l_type, kind(LeaseType::NONE));
}

fn tempfile_of_ours() -> std::path::PathBuf {
    let path = std::env::temp_dir().join(format!("mman-sys-lock-{}", std::process::id()));
    std::fs::write(&path, b"x").unwrap();
    path
}
