//! What `PROCMAP_QUERY` tells of mappings, beside what `/proc/self/maps` prints.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may stop at what it does not expect"
)]

mod common;

use common::procmap::{ask, can_ask};
use common::{Map, RW, in_child, line_of, page};
use mman_sys::{Errno, MapFlags, ProcmapFlags, Prot};
use std::os::unix::fs::MetadataExt;

const NONE: ProcmapFlags = ProcmapFlags::empty();

/// Of a mapping of a file: where it is, what may be done with it, which part of which file, by what name.
#[test]
fn a_mapping_of_a_file_is_told_in_full() {
    if !can_ask() {
        return;
    }
    let named = tempfile::NamedTempFile::new().unwrap();
    named.as_file().set_len(4 * page() as u64).unwrap();
    let fd = std::os::fd::AsRawFd::as_raw_fd(named.as_file());
    let map = Map::call(0, 3 * page(), RW, MapFlags::SHARED, fd, page() as u64).unwrap();
    let (told, name) = ask(NONE, map.at(1), 4096).unwrap();
    assert_eq!([told.vma_start, told.vma_end], [map.start() as u64, map.end() as u64]);
    let access = ProcmapFlags::READABLE | ProcmapFlags::WRITABLE | ProcmapFlags::SHARED;
    assert_eq!((told.vma_flags, told.vma_page_size), (access, page() as u64));
    assert_eq!(told.vma_offset, page() as u64);
    let file = named.as_file().metadata().unwrap();
    assert_eq!(told.inode, file.ino());
    // The old form of a device number: 8 bits of the minor number, 12 of the major, then the rest.
    let device = file.dev();
    let (major, minor) = (device >> 8 & 0xfff, device & 0xff | device >> 12 & 0xff_ff00);
    assert_eq!([told.dev_major, told.dev_minor].map(u64::from), [major, minor]);
    assert_eq!(name, named.path().to_str().unwrap());
}

/// The same as `/proc/self/maps` has, for memory without a file and without access too.
#[test]
fn it_agrees_with_the_printed_list() {
    if !can_ask() {
        return;
    }
    let maps = [Map::private(1), Map::shared(1), Map::reserved(1)];
    for map in &maps {
        let (told, name) = ask(NONE, map.start(), 4096).unwrap();
        let line = line_of(map.start()).unwrap();
        let letter = |flag, letter| if told.vma_flags.contains(flag) { letter } else { '-' };
        let access: String = [
            letter(ProcmapFlags::READABLE, 'r'),
            letter(ProcmapFlags::WRITABLE, 'w'),
            letter(ProcmapFlags::EXECUTABLE, 'x'),
        ]
        .into_iter()
        .collect();
        assert_eq!(access, line.access[..3]);
        assert_eq!(told.vma_flags.contains(ProcmapFlags::SHARED), line.access.ends_with('s'));
        assert_eq!((told.inode, name.as_str()), (line.inode, line.name.as_str()));
    }
}

/// Without the flag for the next one, an address where nothing is mapped has no answer; with it the
/// answer is the mapping above.
#[test]
fn an_unmapped_address_is_enoent_or_the_next_mapping() {
    in_child(|| {
        if !can_ask() {
            return;
        }
        let map = Map::anonymous(3, Prot::READ, MapFlags::SHARED);
        map.unmap(0..2).unwrap();
        assert_eq!(ask(NONE, map.at(0), 0).unwrap_err(), Errno::ENOENT);
        let (next, _) = ask(ProcmapFlags::COVERING_OR_NEXT, map.at(0), 0).unwrap();
        assert_eq!(next.vma_start, map.at(2) as u64);
        let (covering, _) = ask(ProcmapFlags::COVERING_OR_NEXT, map.at(2), 0).unwrap();
        assert_eq!(covering.vma_start, map.at(2) as u64);
    });
}

/// Above all mappings there is no next one. (The kernel's own page at the top of the list is none.)
#[test]
fn above_all_mappings_is_enoent() {
    if !can_ask() {
        return;
    }
    let flags = ProcmapFlags::COVERING_OR_NEXT;
    assert_eq!(ask(flags, usize::MAX - page(), 0).unwrap_err(), Errno::ENOENT);
    let top = 1 << 63;
    assert_eq!(ask(flags, top, 0).unwrap_err(), Errno::ENOENT);
}

/// A condition passes over what does not meet it: the next mapping of a file, the next one that can be
/// executed.
#[test]
fn conditions_pass_over_what_does_not_meet_them() {
    if !can_ask() {
        return;
    }
    let next = ProcmapFlags::COVERING_OR_NEXT;
    let (file, name) = ask(next | ProcmapFlags::FILE_BACKED, 0, 4096).unwrap();
    assert_ne!(file.inode, 0);
    assert!(name.starts_with('/'), "{name}");
    let (code, _) = ask(next | ProcmapFlags::EXECUTABLE, 0, 4096).unwrap();
    assert!(code.vma_flags.contains(ProcmapFlags::EXECUTABLE));
    let map = Map::private(1);
    let executable = ask(ProcmapFlags::EXECUTABLE, map.start(), 0);
    assert_eq!(executable.unwrap_err(), Errno::ENOENT);
}

/// A name that does not fit is refused; room for nothing asks for no name.
#[test]
fn a_name_that_does_not_fit_is_enametoolong() {
    if !can_ask() {
        return;
    }
    let named = tempfile::NamedTempFile::new().unwrap();
    named.as_file().set_len(page() as u64).unwrap();
    let map = Map::of(named.as_file(), 1, Prot::READ, MapFlags::PRIVATE);
    let length = named.path().to_str().unwrap().len();
    assert_eq!(ask(NONE, map.start(), length).unwrap_err(), Errno::ENAMETOOLONG);
    assert_eq!(ask(NONE, map.start(), length + 1).unwrap().1.len(), length, "and its zero");
    assert_eq!(ask(NONE, map.start(), 0).unwrap().1, "");
}

/// A flag that does not exist, and a file that is no list of mappings, are refused.
#[test]
fn unknown_flags_are_einval_and_other_files_enotty() {
    if !can_ask() {
        return;
    }
    let unknown = ask(ProcmapFlags::from_bits(1 << 40), 0, 0);
    assert_eq!(unknown.unwrap_err(), Errno::EINVAL);
    let other = common::procmap::ask_of("/dev/null", NONE, 0, 0);
    assert_eq!(other.unwrap_err(), Errno::ENOTTY);
}
