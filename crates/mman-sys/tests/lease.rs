//! Leases on files: who is told, by which signal, and what a lease says of the mappings of a file.
#![allow(
    unsafe_code,
    clippy::arithmetic_side_effects,
    clippy::panic,
    clippy::unwrap_used,
    reason = "descriptors are plain numbers in the seam; a test may stop at what it does not expect"
)]

mod common;

use common::{Map, RW, in_child};
use mman_sys::{
    Errno, LeaseType, MaskHow, OpenFlags, Owner, OwnerType, Prot, SigInfo, SigSet, Signal,
    Timespec, get_lease, get_owner, get_signal, gettid, set_lease, set_owner, set_signal,
    sigprocmask, sigtimedwait,
};
use std::fs::{File, OpenOptions};
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;

/// A real-time signal that the C library leaves to programs.
const NEWS: Signal = Signal::from_raw(40);

fn take(file: &File, lease: LeaseType) -> Result<(), Errno> {
    // SAFETY: the file is open.
    unsafe { set_lease(file.as_raw_fd(), lease) }
}

fn lease_of(file: &File) -> LeaseType {
    // SAFETY: the file is open.
    unsafe { get_lease(file.as_raw_fd()) }.unwrap()
}

/// News on the file come to this thread as that signal, which it blocks and waits for.
fn tell_this_thread(file: &File) {
    let mine = Owner { kind: OwnerType::THREAD, id: gettid() };
    sigprocmask(MaskHow::BLOCK, Some(&SigSet::of(NEWS)), None).unwrap();
    // SAFETY: the file is open, and the signal is blocked.
    unsafe { set_signal(file.as_raw_fd(), NEWS) }.unwrap();
    // SAFETY: the file is open.
    unsafe { set_owner(file.as_raw_fd(), mine) }.unwrap();
}

/// The news, if they come within a minute.
fn news() -> Result<SigInfo, Errno> {
    sigtimedwait(&SigSet::of(NEWS), Some(&Timespec { tv_sec: 60, tv_nsec: 0 }))
}

/// That no news have come.
fn no_news() -> bool {
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    sigtimedwait(&SigSet::of(NEWS), Some(&now)).err() == Some(Errno::EAGAIN)
}

/// Opens without waiting for whoever has a lease.
fn open_at_once(path: &std::path::Path, options: &mut OpenOptions) -> Option<i32> {
    let not_waiting = OpenFlags::NONBLOCK.bits().cast_signed();
    options.custom_flags(not_waiting).open(path).err().and_then(|error| error.raw_os_error())
}

/// Without a lease there is none, and without a choice the signal is the plain one.
#[test]
fn a_new_descriptor_has_no_lease_and_no_signal() {
    let file = tempfile::tempfile().unwrap();
    assert_eq!(lease_of(&file), LeaseType::NONE);
    // SAFETY: the file is open.
    assert_eq!(unsafe { get_signal(file.as_raw_fd()) }, Ok(Signal::from_raw(0)));
}

/// Signal and owner are what was set.
#[test]
fn signal_and_owner_are_what_was_set() {
    in_child(|| {
        let file = tempfile::tempfile().unwrap();
        tell_this_thread(&file);
        // SAFETY: the file is open.
        assert_eq!(unsafe { get_signal(file.as_raw_fd()) }, Ok(NEWS));
        let mine = Owner { kind: OwnerType::THREAD, id: gettid() };
        // SAFETY: the file is open.
        assert_eq!(unsafe { get_owner(file.as_raw_fd()) }, Ok(mine));
    });
}

/// A read lease is broken by who opens to write: the holder gets the signal, with the descriptor, and the
/// lease tells what it must become; when it is given up the other may open.
#[test]
fn a_read_lease_is_broken_by_an_opener_who_writes() {
    in_child(|| {
        let named = tempfile::NamedTempFile::new().unwrap();
        let path = named.into_temp_path();
        let file = File::open(&path).unwrap();
        tell_this_thread(&file);
        take(&file, LeaseType::READ).unwrap();
        assert_eq!(lease_of(&file), LeaseType::READ);
        assert_eq!(open_at_once(&path, File::options().read(true)), None, "reading is no break");
        assert!(no_news());
        let refused = open_at_once(&path, File::options().write(true));
        assert_eq!(refused, Some(Errno::EAGAIN.raw()));
        let told = news().unwrap();
        assert_eq!((told.signal, told.descriptor()), (NEWS, file.as_raw_fd()));
        assert_eq!(lease_of(&file), LeaseType::NONE, "what it must become");
        take(&file, LeaseType::NONE).unwrap();
        assert_eq!(open_at_once(&path, File::options().write(true)), None);
        assert!(no_news(), "told once");
    });
}

/// A thread that opens without that flag waits until the lease is given up.
#[test]
fn an_opener_waits_for_the_lease() {
    in_child(|| {
        let path = tempfile::NamedTempFile::new().unwrap().into_temp_path();
        let file = File::open(&path).unwrap();
        tell_this_thread(&file);
        take(&file, LeaseType::READ).unwrap();
        let other = path.to_path_buf();
        let opener = std::thread::spawn(move || File::options().write(true).open(other).is_ok());
        assert_eq!(news().unwrap().descriptor(), file.as_raw_fd());
        take(&file, LeaseType::NONE).unwrap();
        assert!(opener.join().unwrap());
    });
}

/// A write lease is broken by any opener; who only reads leaves a read lease to become.
#[test]
fn a_write_lease_is_broken_by_a_reader_too() {
    in_child(|| {
        let path = tempfile::NamedTempFile::new().unwrap().into_temp_path();
        let file = File::options().read(true).write(true).open(&path).unwrap();
        tell_this_thread(&file);
        take(&file, LeaseType::WRITE).unwrap();
        let refused = open_at_once(&path, File::options().read(true));
        assert_eq!(refused, Some(Errno::EAGAIN.raw()));
        assert_eq!(news().unwrap().descriptor(), file.as_raw_fd());
        assert_eq!(lease_of(&file), LeaseType::READ);
    });
}

/// A lease is refused where somebody has the file open in a way that it would forbid.
#[test]
fn a_lease_on_what_others_have_open_is_eagain() {
    // In a child: another test that starts a program keeps our closed descriptor open for a moment.
    in_child(|| {
        let path = tempfile::NamedTempFile::new().unwrap().into_temp_path();
        let file = File::open(&path).unwrap();
        let writer = File::options().write(true).open(&path).unwrap();
        assert_eq!(take(&file, LeaseType::READ), Err(Errno::EAGAIN));
        drop(writer);
        let reader = File::open(&path).unwrap();
        assert_eq!(take(&file, LeaseType::READ), Ok(()));
        assert_eq!(take(&file, LeaseType::WRITE), Err(Errno::EAGAIN));
        drop(reader);
        assert_eq!(take(&file, LeaseType::WRITE), Ok(()));
        assert_eq!(take(&file, LeaseType::NONE), Ok(()));
    });
}

/// A mapping counts as an open file: no write lease is to be had as long as a page of it is mapped
/// anywhere, whole or in part, also when its descriptor is closed. So the kernel counts users for us.
#[test]
fn a_mapping_forbids_a_write_lease_until_its_last_page_goes() {
    in_child(|| {
        let path = tempfile::NamedTempFile::new_in("/dev/shm").unwrap().into_temp_path();
        let file = File::options().read(true).write(true).open(&path).unwrap();
        file.set_len(2 * common::page() as u64).unwrap();
        let other = File::options().read(true).write(true).open(&path).unwrap();
        let map = Map::of(&other, 2, RW, mman_sys::MapFlags::SHARED);
        drop(other);
        assert_eq!(take(&file, LeaseType::WRITE), Err(Errno::EAGAIN));
        map.unmap(0..1).unwrap();
        map.protect(1..2, Prot::NONE).unwrap();
        assert_eq!(take(&file, LeaseType::WRITE), Err(Errno::EAGAIN), "a page is left");
        map.unmap(1..2).unwrap();
        assert_eq!(take(&file, LeaseType::WRITE), Ok(()));
    });
}
