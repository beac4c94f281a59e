//! Locks of open file descriptions: each byte alone, gone with the last descriptor, told to others and not to oneself.
#![allow(clippy::unwrap_used, unsafe_code, reason = "test code: calls on descriptors of its own")]

use mman_sys::{
    Errno, MapFlags, Prot, is_byte_locked, lock_byte, mmap, munmap, try_lock_byte, unlock_byte,
};
use std::fs::File;
use std::os::fd::AsRawFd;
use std::ptr::null_mut;

/// Far behind any end.
const AT: i64 = 1 << 62;

fn opened(file: &tempfile::NamedTempFile) -> File {
    File::options().read(true).write(true).open(file.path()).unwrap()
}

fn is_locked(file: &File, at: i64) -> bool {
    // SAFETY: the descriptor is open.
    unsafe { is_byte_locked(file.as_raw_fd(), at) }.unwrap()
}

#[test]
fn a_byte_is_one_descriptions_until_it_is_closed() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let (one, other) = (opened(&file), opened(&file));
    // SAFETY: the descriptors are open.
    let try_lock = |file: &File, at| unsafe { try_lock_byte(file.as_raw_fd(), at) };
    assert!(!is_locked(&other, AT));
    assert_eq!(try_lock(&one, AT), Ok(()));
    assert_eq!(try_lock(&other, AT), Err(Errno::EAGAIN));
    assert_eq!(try_lock(&other, AT + 1), Ok(()));
    assert!(is_locked(&other, AT) && is_locked(&one, AT + 1));
    assert!(!is_locked(&one, AT), "one's own is none that stands in the way");
    let copy = one.try_clone().unwrap();
    drop(one);
    assert!(is_locked(&other, AT), "the copy keeps it");
    drop(copy);
    assert!(!is_locked(&other, AT));
    let reader = File::open(file.path()).unwrap();
    assert!(is_locked(&reader, AT + 1), "who only reads may ask");
    assert_eq!(try_lock(&reader, AT), Err(Errno::EBADF), "and not lock");
    // SAFETY: the descriptor is open.
    unsafe { unlock_byte(other.as_raw_fd(), AT + 1) }.unwrap();
    assert!(!is_locked(&reader, AT + 1));
}

/// A mapping keeps the open file description, and so its locks: they end with the last mapping, not with the descriptor.
#[test]
fn a_mapping_keeps_the_lock_of_its_closed_descriptor() {
    let file = tempfile::NamedTempFile::new_in("/dev/shm").unwrap();
    file.as_file().set_len(4096).unwrap();
    let (one, other) = (opened(&file), opened(&file));
    // SAFETY: the descriptor is open.
    unsafe { try_lock_byte(one.as_raw_fd(), AT) }.unwrap();
    let flags = MapFlags::SHARED;
    // SAFETY: the kernel chooses the place: nothing is taken away.
    let at = unsafe { mmap(null_mut(), 4096, Prot::READ, flags, one.as_raw_fd(), 0) }.unwrap();
    drop(one);
    assert!(is_locked(&other, AT), "the mapping keeps it");
    // SAFETY: mapped above, and nobody has a reference into it.
    unsafe { munmap(at, 4096) }.unwrap();
    assert!(!is_locked(&other, AT));
}

#[test]
fn who_waits_gets_it() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let (one, other) = (opened(&file), opened(&file));
    // SAFETY: the descriptors are open.
    let lock = |file: &File| unsafe { lock_byte(file.as_raw_fd(), AT) }.unwrap();
    lock(&one);
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| lock(&other));
        drop(one);
        waiting.join().unwrap();
    });
    assert!(is_locked(&opened(&file), AT));
}
