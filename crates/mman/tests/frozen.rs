//! Bytes that nobody can change: copies of files of every size, while others write to the file.
//!
//! The map of a file as `&[u8]` changes under its reader, which is undefined behaviour; a copy that trusts the length it
//! asked for first loses the end of a file that grows, and reads nothing of one in `/proc`; opening a FIFO waits for ever.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may stop at what it does not expect"
)]

use mman::{
    Anonymous, Cause, CopyLimit, FileObject, Frozen, Immutable, MapOptions, MemFd, Memory, Proof,
    Shared, SharedMut,
};
use mman_testkit::files::{Folder, open_read_write};
use mman_testkit::{maps, object, page, pattern, require, unchecked};
use std::fs;
use std::io::Write;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::FileExt;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;

const MIB: usize = 1 << 20;
/// From this length on a copy has pages of its own.
const LARGE: usize = 32 * MIB;
const SIZES: [usize; 8] = [0, 1, 4095, 4096, 5 * MIB + 7, LARGE - 1, LARGE, LARGE + MIB + 7];

#[test]
fn a_copy_is_the_file_whatever_its_length() {
    let folder = Folder::new();
    for len in SIZES {
        let path = folder.patterned("file", len);
        let frozen = Frozen::open(&path).unwrap();
        assert_eq!((frozen.len(), frozen.proof()), (len, Proof::Copied));
        pattern::assert_is(&frozen, 0);
        let object = FileObject::open(&path).unwrap();
        pattern::assert_is(&Frozen::copy(&object).unwrap(), 0);
        // Who changes the file afterwards, changes the file.
        open_read_write(&path).write_all(b"something else").unwrap();
        open_read_write(&path).set_len(1).unwrap();
        fs::remove_file(&path).unwrap();
        pattern::assert_is(&frozen, 0);
        assert_eq!(frozen.as_ref() as &[u8], &frozen[..]);
    }
}

#[test]
fn the_limit_is_exact() {
    let folder = Folder::new();
    for len in SIZES {
        let path = folder.patterned("file", len);
        let within = |limit| Frozen::open_within(&path, CopyLimit::bytes(limit));
        assert_eq!(within(len as u64).unwrap().len(), len);
        assert_eq!(within(u64::MAX).unwrap().len(), len);
        if let Some(less) = (len as u64).checked_sub(1) {
            assert_eq!(within(less).unwrap_err().cause(), Cause::CopyLimit { limit: less });
            let error = Frozen::open_within(&path, CopyLimit::NO_COPY).unwrap_err();
            assert_eq!(error.cause(), Cause::CopyLimit { limit: 0 });
        }
    }
    assert!(Frozen::open_within(folder.patterned("0", 0), CopyLimit::NO_COPY).unwrap().is_empty());
    // Of a file that does not tell its length too.
    let version = fs::read("/proc/version").unwrap();
    let len = version.len() as u64;
    let within = |limit| Frozen::open_within("/proc/version", CopyLimit::bytes(limit));
    assert_eq!(within(len).unwrap()[..], version);
    assert_eq!(within(len - 1).unwrap_err().cause(), Cause::CopyLimit { limit: len - 1 });
    assert!(Frozen::open_within("/proc/version", CopyLimit::NO_COPY).is_err());
}

#[test]
fn files_of_the_kernel_are_read_to_their_end() {
    for path in
        ["/proc/version", "/proc/filesystems", "/sys/kernel/mm/transparent_hugepage/enabled"]
    {
        if require::file(path) {
            assert_eq!(Frozen::open(path).unwrap()[..], fs::read(path).unwrap());
        }
    }
    // Longer than what is read at once, and another one each time.
    let maps = Frozen::open("/proc/self/smaps").unwrap();
    assert!(maps.ends_with(b"\n") && maps.windows(8).any(|part| part == b"[stack]\n"));
}

/// None of these may wait for anybody.
#[test]
fn what_has_no_bytes_to_copy_is_an_error_at_once() {
    let folder = Folder::new();
    assert!(Frozen::open(folder.path()).is_err());
    assert_eq!(Frozen::open(folder.fifo("fifo")).unwrap_err().cause(), Cause::NotMappable);
    for device in ["/dev/zero", "/dev/null", "/dev/full", "/dev/tty", "/dev/urandom"] {
        assert!(Frozen::open(device).is_err(), "{device}");
    }
    let error = Frozen::open("/dev/zero").unwrap_err();
    assert_eq!(error.cause(), Cause::NoSuchView);
    for path in ["/does/not/exist", "/proc/self/mem", "/proc/kmsg", "/proc/kcore"] {
        assert!(Frozen::open_within(path, CopyLimit::bytes(1 << 30)).is_err(), "{path}");
    }
}

/// Every byte is one that stood there, and all that was there throughout is in it.
#[test]
fn a_file_that_changes_while_it_is_copied() {
    let folder = Folder::new();
    for (small, large) in
        [(1000, 3 * MIB), (4 * MIB, 9 * MIB), (0, 5 * MIB), (4 * MIB - 1, 4 * MIB)]
    {
        let path = folder.patterned("file", large);
        let stop = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                let file = open_read_write(&path);
                let bytes = pattern::bytes(0, large);
                while !stop.load(Relaxed) {
                    file.set_len(small as u64).unwrap();
                    file.write_all_at(&bytes[small..], small as u64).unwrap();
                }
            });
            let bytes = pattern::bytes(0, large);
            for _ in 0..6 {
                let frozen = Frozen::open(&path).unwrap();
                assert!(frozen.len() >= small && frozen.len() <= large, "{}", frozen.len());
                assert!(frozen[..small] == bytes[..small], "what nobody changed");
                for (part, wanted) in frozen.chunks(512).zip(bytes.chunks(512)) {
                    let is_there = |(byte, wanted): (&u8, &u8)| *byte == 0 || byte == wanted;
                    assert!(wanted.starts_with(part) || part.iter().zip(wanted).all(is_there));
                }
                let before = frozen.to_vec();
                thread::yield_now();
                assert!(frozen[..] == before, "frozen bytes");
            }
            stop.store(true, Relaxed);
        });
    }
}

#[test]
fn parts_share_the_bytes_and_keep_them() {
    let folder = Folder::new();
    for len in [100, LARGE + MIB + 7] {
        let frozen = Frozen::open(folder.patterned("file", len)).unwrap();
        let start = frozen.as_ptr();
        let part = frozen.slice(10..len - 10).unwrap();
        assert_eq!(part.as_ptr().addr(), start.addr() + 10);
        let inner = part.slice(5..=9).unwrap();
        assert_eq!((inner.as_ptr().addr(), inner.len()), (start.addr() + 15, 5));
        let end = frozen.slice(len..).unwrap();
        assert!(end.is_empty() && end.slice(..).is_some() && end.slice(1..).is_none());
        assert!(part.slice(..len - 19).is_none() && part.slice(usize::MAX..).is_none());
        let backwards = (std::ops::Bound::Included(3), std::ops::Bound::Excluded(2));
        assert!(frozen.slice(backwards).is_none() && frozen.slice(..=usize::MAX).is_none());
        let pages = frozen.pages().map(|pages| pages.count());
        assert_eq!(part.pages().map(|pages| pages.count()), pages);
        assert_eq!(pages.is_some(), len > LARGE);
        drop((frozen, part));
        pattern::assert_is(&inner, 15);
        let threads: Vec<_> = (0..4)
            .map(|_| inner.clone())
            .map(|inner| thread::spawn(move || pattern::assert_is(&inner, 15)))
            .collect();
        drop(inner);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    }
}

#[test]
fn large_copies_are_read_only_and_unmapped_with_the_last_part() {
    let folder = Folder::new();
    let frozen = Frozen::open(folder.patterned("file", LARGE + 1)).unwrap();
    let range = frozen.as_ptr().addr()..frozen.as_ptr().addr() + LARGE + 2 * MIB;
    assert_eq!(maps::accesses(range.clone()), ["r--p"]);
    assert_eq!(frozen.pages().unwrap().count(), (LARGE + 2 * MIB) / page());
}

#[test]
fn large_copies_are_in_huge_pages() {
    const WHEN: &str = "/sys/kernel/mm/transparent_hugepage/enabled";
    let when = fs::read_to_string(WHEN).unwrap_or_default();
    if !require::holds(!when.is_empty() && !when.contains("[never]"), "transparent huge pages") {
        return;
    }
    let folder = Folder::new();
    let frozen = Frozen::open(folder.patterned("file", 32 * MIB)).unwrap();
    let start = frozen.as_ptr().addr();
    let (mut huge, mut inside) = (0, false);
    for line in fs::read_to_string("/proc/self/smaps").unwrap().lines() {
        if let Some((range, _)) = line.split_once(' ').filter(|(range, _)| range.contains('-')) {
            let (first, end) = range.split_once('-').unwrap();
            let number = |hex| usize::from_str_radix(hex, 16).unwrap();
            inside = (number(first)..number(end)).contains(&start);
        } else if inside && let Some(size) = line.strip_prefix("AnonHugePages:") {
            huge = size.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024;
        }
    }
    // The kernel gives what it has in one piece.
    assert!(huge >= 16 * MIB, "{huge} bytes of {} in huge pages", frozen.len());
    assert!(start.is_multiple_of(2 * MIB), "the first of them is whole");
}

#[test]
fn other_proofs() {
    let ours = Memory::new(0).unwrap().freeze().unwrap();
    assert!(ours.is_empty() && ours.proof() == Proof::Ours && ours.slice(..).is_some());
    let folder = Folder::new();
    let path = folder.patterned("file", 3 * page() + 9);
    let view = Shared::map(&MapOptions::shared().range(9..), &FileObject::open(&path).unwrap());
    let assumed = unchecked::assume_immutable(view.unwrap()).unwrap();
    assert_eq!((assumed.len(), assumed.proof()), (3 * page(), Proof::Assumed));
    pattern::assert_is(&assumed, 9);
    drop(assumed);
    let view = Shared::open(&path).unwrap();
    open_read_write(&path).set_len(0).unwrap();
    assert!(view.read_at(0, &mut [0]).is_err());
    let refused = unchecked::assume_immutable(view).unwrap_err();
    assert_eq!(refused.error.cause(), Cause::Truncated { at: 0 });
    assert_eq!(refused.given.len(), 3 * page() + 9);
    let memory = Shared::map(&MapOptions::shared(), &Anonymous::new(0)).unwrap();
    assert!(unchecked::assume_immutable(memory).unwrap().is_empty());
}

#[test]
fn memfds_and_borrowed_files() {
    let memfd = object::memfd(5 * MIB);
    let file = FileObject::new(&memfd).unwrap();
    let frozen = Frozen::copy(&file).unwrap();
    memfd.write_all_at(&[0; 100], 0).unwrap();
    pattern::assert_is(&frozen, 0);
    let error = Frozen::copy_within(&file, CopyLimit::NO_COPY).unwrap_err();
    assert_eq!(error.cause(), Cause::CopyLimit { limit: 0 });
}

#[test]
fn a_memfd_without_seals_is_copied() {
    let memfd = MemFd::new((2 * page() + 9) as u64).unwrap();
    let view = SharedMut::new(&memfd).unwrap();
    view.write_at(0, &pattern::bytes(0, view.len())).unwrap();
    let path = format!("/proc/self/fd/{}", memfd.as_fd().as_raw_fd());
    let copied = Frozen::open(&path).unwrap();
    assert_eq!(copied.proof(), Proof::Copied, "it can still be written");
    let refused = memfd.freeze().unwrap_err();
    assert_eq!(refused.error.cause(), Cause::MappedWritable);
    let unsealed = MemFd::<Immutable>::from_fd(refused.given.into());
    assert_eq!(unsealed.unwrap_err().error.cause(), Cause::NotImmutable);
    assert_eq!(view.len(), copied.len());
}

/// Without a copy, by the object or by the name that the descriptor has in `/proc`.
#[test]
fn a_sealed_memfd_is_mapped() {
    let memfd = MemFd::new((2 * page() + 9) as u64).unwrap();
    let bytes = pattern::bytes(0, 2 * page() + 9);
    memfd.map().unwrap().write_at(0, &bytes).unwrap();
    let sealed = memfd.freeze().unwrap();
    let frozen = Frozen::sealed(&sealed).unwrap();
    let path = format!("/proc/self/fd/{}", sealed.as_fd().as_raw_fd());
    let by_name = Frozen::open_within(&path, CopyLimit::NO_COPY).unwrap();
    drop(sealed);
    for frozen in [frozen, by_name] {
        assert_eq!((frozen.proof(), frozen.len()), (Proof::Sealed, 2 * page() + 9));
        pattern::assert_is(&frozen, 0);
    }
}
