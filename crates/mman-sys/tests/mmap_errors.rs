//! What mmap refuses, and with which error.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may stop at what it does not expect"
)]

mod common;

use common::files::seal as add_seal;
use common::huge::Pool;
use common::rights::{drop_raw_io, limit, limit_locked};
use common::{Map, RW, disk_file, in_child, memfd, page, refused, sealable, skip};
use linux_raw_sys::general as raw;
use mman_sys::{Errno, MapFlags, OpenFlags, Prot, Seals};
use std::fs::File;
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::process::Command;

const ANONYMOUS: MapFlags = MapFlags::PRIVATE.union(MapFlags::ANONYMOUS);

/// Asks for a page without a file with these flags alone; the answer must be an error.
fn anonymous(flags: MapFlags) -> Errno {
    refused(Map::call(0, page(), RW, flags | MapFlags::ANONYMOUS, -1, 0))
}

/// Asks for the first page of a file; the answer must be an error.
fn of(file: &impl AsRawFd, prot: Prot, flags: MapFlags) -> Errno {
    refused(Map::try_of(file, 1, prot, flags))
}

/// A temporary file of a page, opened with these options by its name.
fn opened(options: &mut std::fs::OpenOptions) -> File {
    let named = tempfile::NamedTempFile::new().unwrap();
    named.as_file().set_len(page() as u64).unwrap();
    options.open(named.path()).unwrap()
}

/// A descriptor that cannot read cannot be mapped, whatever the protection.
#[test]
fn a_descriptor_that_cannot_read_is_eacces() {
    let file = opened(File::options().write(true));
    for prot in [Prot::NONE, Prot::READ, Prot::WRITE] {
        assert_eq!(of(&file, prot, MapFlags::SHARED), Errno::EACCES, "{prot:?}");
        assert_eq!(of(&file, prot, MapFlags::PRIVATE), Errno::EACCES, "{prot:?}");
    }
}

/// A descriptor that cannot write cannot be mapped shared to write; privately it can.
#[test]
fn a_shared_writable_map_of_a_descriptor_that_cannot_write_is_eacces() {
    let file = opened(File::options().read(true));
    assert_eq!(of(&file, RW, MapFlags::SHARED), Errno::EACCES);
    Map::of(&file, 1, RW, MapFlags::PRIVATE).set(0, 1);
}

/// A file with the append attribute cannot be mapped shared to write, even by a descriptor that writes.
#[test]
fn a_shared_writable_map_of_a_file_that_can_only_grow_is_eacces() {
    let named = tempfile::NamedTempFile::new().unwrap();
    named.as_file().set_len(page() as u64).unwrap();
    let attribute = |sign: &str| {
        let done = Command::new("chattr").arg(sign).arg(named.path()).output();
        done.is_ok_and(|output| output.status.success())
    };
    if !attribute("+a") {
        return skip("root and a file system with an append attribute");
    }
    let answer = Map::try_of(named.as_file(), 1, RW, MapFlags::SHARED);
    assert!(attribute("-a"));
    assert_eq!(refused(answer), Errno::EACCES);
}

/// A locked mapping over the limit of locked memory is refused as something to try again later.
#[test]
fn a_locked_map_over_the_limit_is_eagain() {
    in_child(|| {
        limit_locked(2 * page());
        Map::anonymous(2, RW, MapFlags::PRIVATE | MapFlags::LOCKED).set(0, 1);
        let three = Map::try_anonymous(3, RW, MapFlags::PRIVATE | MapFlags::LOCKED);
        assert_eq!(refused(three), Errno::EAGAIN);
    });
}

/// Where the limit is nothing, a locked mapping is forbidden altogether.
#[test]
fn a_locked_map_without_any_right_to_lock_is_eperm() {
    in_child(|| {
        limit_locked(0);
        assert_eq!(anonymous(MapFlags::PRIVATE | MapFlags::LOCKED), Errno::EPERM);
    });
}

/// A number that is no descriptor is EBADF; without a file the number is not looked at.
#[test]
fn a_bad_descriptor_is_ebadf() {
    assert_eq!(of(&-1, Prot::READ, MapFlags::SHARED), Errno::EBADF);
    assert!(Map::call(0, page(), RW, ANONYMOUS, 12345, 0).is_ok());
}

/// A descriptor of a name alone (`O_PATH`) is as good as none.
#[test]
fn a_descriptor_of_a_path_is_ebadf() {
    let path_only = OpenFlags::PATH.bits().cast_signed();
    let file = opened(File::options().read(true).custom_flags(path_only));
    assert_eq!(of(&file, Prot::READ, MapFlags::PRIVATE), Errno::EBADF);
}

/// What is there already is not replaced by the flag that says so.
#[test]
fn fixed_noreplace_over_a_mapping_is_eexist() {
    let map = Map::private(2);
    map.set(1, 4);
    let flags = ANONYMOUS | MapFlags::FIXED_NOREPLACE;
    let errno = refused(Map::call(map.at(1), page(), RW, flags, -1, 0));
    assert_eq!((errno, map.get(1)), (Errno::EEXIST, 4));
}

/// Not even when the flag that replaces is given too.
#[test]
fn fixed_noreplace_wins_over_fixed() {
    let map = Map::private(1);
    map.set(0, 4);
    let flags = ANONYMOUS | MapFlags::FIXED_NOREPLACE | MapFlags::FIXED;
    let errno = refused(Map::call(map.start(), page(), RW, flags, -1, 0));
    assert_eq!((errno, map.get(0)), (Errno::EEXIST, 4));
}

/// A length of nothing is refused.
#[test]
fn length_0_is_einval() {
    assert_eq!(refused(Map::call(0, 0, RW, ANONYMOUS, -1, 0)), Errno::EINVAL);
}

/// A mapping is shared or private: one of the two must be said, and a map type must be a known one.
#[test]
fn a_missing_or_unknown_map_type_is_einval() {
    assert_eq!(anonymous(MapFlags::empty()), Errno::EINVAL);
    assert_eq!(of(&memfd(1), RW, MapFlags::empty()), Errno::EINVAL);
    assert_eq!(anonymous(MapFlags::from_bits(5)), Errno::EINVAL);
}

/// The offset must be the start of a page.
#[test]
fn an_unaligned_offset_is_einval() {
    let fd = memfd(1);
    let errno = refused(Map::call(0, page(), RW, MapFlags::SHARED, fd.as_raw_fd(), 1));
    assert_eq!(errno, Errno::EINVAL);
}

/// Even where there is no file and the offset means nothing.
#[test]
fn an_unaligned_offset_is_einval_without_a_file_too() {
    assert_eq!(refused(Map::call(0, page(), RW, ANONYMOUS, -1, 1)), Errno::EINVAL);
    assert!(Map::call(0, page(), RW, ANONYMOUS, -1, page() as u64).is_ok());
}

/// The address of a fixed mapping must be the start of a page.
#[test]
fn an_unaligned_fixed_address_is_einval() {
    let map = Map::private(2);
    for fixed in [MapFlags::FIXED, MapFlags::FIXED_NOREPLACE] {
        let errno = refused(Map::call(map.start() + 1, page(), RW, ANONYMOUS | fixed, -1, 0));
        assert_eq!(errno, Errno::EINVAL, "{fixed:?}");
    }
}

/// Only private memory without a file can grow down.
#[test]
fn growsdown_with_a_file_or_shared_is_einval() {
    let grows = MapFlags::GROWSDOWN;
    assert_eq!(of(&memfd(1), RW, MapFlags::PRIVATE | grows), Errno::EINVAL);
    assert_eq!(of(&memfd(1), RW, MapFlags::SHARED | grows), Errno::EINVAL);
    assert_eq!(anonymous(MapFlags::SHARED | grows), Errno::EINVAL);
    assert!(Map::try_anonymous(1, RW, MapFlags::PRIVATE | grows).is_ok());
}

/// A huge page size that the machine does not have is refused.
#[test]
fn an_unknown_huge_page_size_is_einval() {
    let flags = MapFlags::PRIVATE | MapFlags::HUGETLB | MapFlags::huge_log2(17);
    assert_eq!(anonymous(flags), Errno::EINVAL);
}

/// An ordinary file does not come from the pool of huge pages.
#[test]
fn huge_pages_of_an_ordinary_file_are_einval() {
    assert_eq!(of(&memfd(1), RW, MapFlags::SHARED | MapFlags::HUGETLB), Errno::EINVAL);
}

/// The map type that checks its flags is for files only.
#[test]
fn shared_validate_without_a_file_is_einval() {
    assert_eq!(anonymous(MapFlags::SHARED_VALIDATE), Errno::EINVAL);
    Map::of(&memfd(1), 1, RW, MapFlags::SHARED_VALIDATE).set(0, 1);
}

/// Droppable memory is a map type of its own, has no file, and cannot be locked.
#[test]
fn droppable_memory_of_a_file_or_private_or_locked_is_einval() {
    let droppable = MapFlags::DROPPABLE;
    if Map::try_anonymous(1, RW, droppable).is_err() {
        return skip("Linux 6.11, for droppable memory");
    }
    assert_eq!(of(&memfd(1), RW, droppable), Errno::EINVAL);
    assert_eq!(anonymous(droppable | MapFlags::PRIVATE), Errno::EINVAL);
    assert_eq!(anonymous(droppable | MapFlags::LOCKED), Errno::EINVAL);
}

/// A directory and a pipe have no pages.
#[test]
fn a_directory_and_a_pipe_are_enodev() {
    let (reader, _writer) = std::io::pipe().unwrap();
    assert_eq!(of(&reader, Prot::READ, MapFlags::PRIVATE), Errno::ENODEV);
    let folder = File::open("/").unwrap();
    assert_eq!(of(&folder, Prot::READ, MapFlags::PRIVATE), Errno::ENODEV);
}

/// A fixed address above what a program may have is no room.
#[test]
fn fixed_above_the_address_space_is_enomem() {
    let top = 1 << 63;
    let errno = refused(Map::call(top, page(), RW, ANONYMOUS | MapFlags::FIXED, -1, 0));
    assert_eq!(errno, Errno::ENOMEM);
}

/// A length that no room holds is refused.
#[test]
fn a_length_without_room_is_enomem() {
    assert_eq!(refused(Map::call(0, 1 << 62, RW, ANONYMOUS, -1, 0)), Errno::ENOMEM);
    assert_eq!(refused(Map::call(0, usize::MAX, RW, ANONYMOUS, -1, 0)), Errno::ENOMEM);
}

/// A process may have so many mappings (`vm.max_map_count`); one more is refused.
#[test]
fn more_mappings_than_the_limit_is_enomem() {
    in_child(|| {
        let most = common::proc::number("/proc/sys/vm/max_map_count");
        let room = Map::reserved(2 * most);
        // Every second page with another protection: two mappings more each time.
        let split = (0..most).map(|n| room.protect(2 * n..2 * n + 1, Prot::READ));
        assert_eq!(split.filter_map(Result::err).next(), Some(Errno::ENOMEM));
        let protections = [Prot::READ, RW, Prot::READ, RW];
        let answers = protections.map(|prot| Map::try_anonymous(1, prot, MapFlags::SHARED));
        let errno = answers.iter().find_map(|answer| answer.as_ref().err());
        assert_eq!(errno, Some(&Errno::ENOMEM));
    });
}

/// The address space of a process can be limited (`RLIMIT_AS`).
#[test]
fn more_address_space_than_the_limit_is_enomem() {
    in_child(|| {
        limit(raw::RLIMIT_AS, 1 << 30);
        let flags = MapFlags::PRIVATE | MapFlags::NORESERVE;
        let answer = Map::try_anonymous((2 << 30) / page(), Prot::NONE, flags);
        assert_eq!(refused(answer), Errno::ENOMEM);
        assert!(Map::try_anonymous(1, Prot::NONE, flags).is_ok());
    });
}

/// So can its private writable memory (`RLIMIT_DATA`); shared and read-only memory does not count.
#[test]
fn more_private_memory_than_the_limit_is_enomem() {
    in_child(|| {
        limit(raw::RLIMIT_DATA, 64 << 20);
        let pages = (128 << 20) / page();
        let answer = Map::try_anonymous(pages, RW, MapFlags::PRIVATE);
        assert_eq!(refused(answer), Errno::ENOMEM);
        assert!(Map::try_anonymous(pages, RW, MapFlags::SHARED).is_ok());
        assert!(Map::try_anonymous(pages, Prot::READ, MapFlags::PRIVATE).is_ok());
    });
}

/// Huge pages come from a pool, and when that is empty there are none.
#[test]
fn an_empty_pool_of_huge_pages_is_enomem() {
    let Some(_pool) = Pool::of(0) else { return };
    let flags = ANONYMOUS | MapFlags::HUGETLB;
    assert_eq!(refused(Map::call(0, Pool::page_size(), RW, flags, -1, 0)), Errno::ENOMEM);
}

/// With a page in the pool it is mapped, and its size is the huge one.
#[test]
fn a_pool_with_a_page_gives_it() {
    let Some(_pool) = Pool::of(1) else { return };
    let size = Pool::page_size();
    let flags = ANONYMOUS | MapFlags::HUGETLB;
    let map = Map::call(0, size, RW, flags, -1, 0).unwrap();
    map.set(0, 1);
    assert_eq!(map.start() % size, 0);
    assert_eq!(refused(Map::call(0, size, RW, flags, -1, 0)), Errno::ENOMEM, "the only one");
}

/// Offset and length together must be an offset that a file can have.
#[test]
fn an_end_over_the_largest_offset_is_eoverflow() {
    let file = memfd(1);
    let last = 0_u64.wrapping_sub(page() as u64);
    let errno = refused(Map::call(0, 2 * page(), RW, MapFlags::SHARED, file.as_raw_fd(), last));
    assert_eq!(errno, Errno::EOVERFLOW);
    let Some(file) = disk_file(1) else { return };
    let errno = refused(Map::call(0, page(), RW, MapFlags::SHARED, file.as_raw_fd(), 1 << 63));
    assert_eq!(errno, Errno::EOVERFLOW);
}

/// The map type that checks its flags refuses one that it does not know.
#[test]
fn an_unknown_flag_with_shared_validate_is_eopnotsupp() {
    let flags = MapFlags::SHARED_VALIDATE | MapFlags::from_bits(0x200);
    assert_eq!(of(&memfd(1), RW, flags), Errno::EOPNOTSUPP);
}

/// Only a file of persistent memory (DAX) can be mapped with synchronous faults.
#[test]
fn synchronous_faults_without_persistent_memory_are_eopnotsupp() {
    let flags = MapFlags::SHARED_VALIDATE | MapFlags::SYNC;
    for file in disk_file(1).into_iter().chain([memfd(1)]) {
        assert_eq!(of(&file, RW, flags), Errno::EOPNOTSUPP);
    }
}

/// A memfd sealed against writing cannot be mapped shared to write; to read, and privately, it can.
#[test]
fn a_shared_writable_map_of_a_sealed_memfd_is_eperm() {
    for seal in [Seals::WRITE, Seals::FUTURE_WRITE] {
        let file = sealable(1);
        add_seal(&file, seal).unwrap();
        assert_eq!(of(&file, RW, MapFlags::SHARED), Errno::EPERM, "{seal:?}");
        Map::of(&file, 1, Prot::READ, MapFlags::SHARED).get(0);
        Map::of(&file, 1, RW, MapFlags::PRIVATE).set(0, 1);
    }
}

/// The lowest addresses (`vm.mmap_min_addr`) are for the privileged.
#[test]
fn fixed_below_the_lowest_address_is_eperm_without_privilege() {
    if common::proc::number("/proc/sys/vm/mmap_min_addr") == 0 {
        return skip("vm.mmap_min_addr above 0");
    }
    in_child(|| {
        drop_raw_io();
        let errno = refused(Map::call(0, page(), RW, ANONYMOUS | MapFlags::FIXED, -1, 0));
        assert_eq!(errno, Errno::EPERM);
    });
}
