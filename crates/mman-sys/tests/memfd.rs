//! Memory objects without a path: what memfd_create and memfd_secret make, seals, and what they refuse.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may stop at what it does not expect"
)]

mod common;

use common::files::{memfd_with, seal, seals_of, try_memfd};
use common::huge::Pool;
use common::rights::limit_locked;
use common::{Map, RW, disk_file, in_child, memfd, page, refused, sealable, skip, vm_lck};
use mman_sys::{Errno, MapFlags, MemfdFlags, OpenFlags, Prot, Seals, SecretFlags, memfd_secret};
use std::ffi::CString;
use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};

/// The permission bits of a memfd made with these flags.
fn mode(flags: MemfdFlags) -> u32 {
    memfd_with(0, flags).metadata().unwrap().mode() & 0o7777
}

/// A name that cannot be read is refused.
#[test]
fn a_name_that_cannot_be_read_is_efault() {
    assert_eq!(refused(try_memfd(None, MemfdFlags::CLOEXEC)), Errno::EFAULT);
}

/// A flag that does not exist is refused.
#[test]
fn an_unknown_flag_is_einval() {
    assert_eq!(refused(try_memfd(Some(c"a"), MemfdFlags::from_bits(0x80))), Errno::EINVAL);
}

/// Executable, and sealed against becoming so: not both.
#[test]
fn exec_and_noexec_seal_together_is_einval() {
    let both = MemfdFlags::EXEC | MemfdFlags::NOEXEC_SEAL;
    assert_eq!(refused(try_memfd(Some(c"a"), both)), Errno::EINVAL);
}

/// A name has 249 bytes at most.
#[test]
fn a_name_of_249_bytes_is_accepted_and_of_250_is_einval() {
    let named = |len: usize| {
        let name = CString::new(vec![b'n'; len]).unwrap();
        try_memfd(Some(name.as_c_str()), MemfdFlags::CLOEXEC)
    };
    assert!(named(249).is_ok());
    assert_eq!(refused(named(250)), Errno::EINVAL);
}

/// A new object is empty, and can be read and written.
#[test]
fn a_new_object_is_empty_and_can_be_written() {
    let mut file = memfd(0);
    assert_eq!(file.metadata().unwrap().len(), 0);
    file.write_all(b"abc").unwrap();
    let mut bytes = [0; 3];
    file.read_exact_at(&mut bytes, 0).unwrap();
    assert_eq!(&bytes, b"abc");
}

/// The name is a label: two objects may have the same one, and are two.
#[test]
fn the_name_is_only_a_label() {
    let (first, second) = (memfd(1), memfd(1));
    first.write_all_at(b"f", 0).unwrap();
    let map = Map::of(&second, 1, Prot::READ, MapFlags::SHARED);
    assert_eq!(map.get(0), 0);
    assert_eq!(common::line_of(map.start()).unwrap().name, "/memfd:mman-sys test (deleted)");
}

/// Without the flag for sealing the object is sealed against seals.
#[test]
fn without_allow_sealing_no_seal_can_be_added() {
    let file = memfd(1);
    assert_eq!(seals_of(&file), Ok(Seals::SEAL));
    assert_eq!(seal(&file, Seals::WRITE), Err(Errno::EPERM));
}

/// With it there are no seals yet.
#[test]
fn with_allow_sealing_there_are_no_seals_yet() {
    assert_eq!(seals_of(&sealable(1)), Ok(Seals::empty()));
}

/// The flag that seals against executing adds this seal alone, which means that others can follow.
#[test]
fn noexec_seal_sets_the_exec_seal_alone() {
    let file = memfd_with(1, MemfdFlags::NOEXEC_SEAL);
    assert_eq!(seals_of(&file), Ok(Seals::EXEC));
    assert_eq!(seal(&file, Seals::SHRINK), Ok(()));
}

/// It makes an object that nobody can execute, and the others are made executable.
#[test]
fn the_mode_is_0777_and_0666_with_noexec_seal() {
    assert_eq!(mode(MemfdFlags::NOEXEC_SEAL), 0o666);
    assert_eq!(mode(MemfdFlags::EXEC), 0o777);
    if common::proc::number("/proc/sys/vm/memfd_noexec") != 0 {
        return skip("vm.memfd_noexec 0");
    }
    assert_eq!(mode(MemfdFlags::CLOEXEC), 0o777);
}

/// An object cannot be sealed against writing while a shared mapping can write it.
#[test]
fn a_write_seal_over_a_shared_writable_map_is_ebusy() {
    let file = sealable(1);
    let map = Map::of(&file, 1, RW, MapFlags::SHARED);
    assert_eq!(seal(&file, Seals::WRITE), Err(Errno::EBUSY));
    drop(map);
    assert_eq!(seal(&file, Seals::WRITE), Ok(()));
    assert!(file.write_at(b"x", 0).is_err());
}

/// It can be sealed against writing in the future: the mapping goes on writing, nobody else does.
#[test]
fn a_future_write_seal_leaves_a_mapping_its_access() {
    let file = sealable(1);
    let map = Map::of(&file, 1, RW, MapFlags::SHARED);
    seal(&file, Seals::FUTURE_WRITE).unwrap();
    map.set(0, 4);
    let mut byte = [0];
    file.read_exact_at(&mut byte, 0).unwrap();
    assert_eq!(byte, [4]);
    assert!(file.write_at(b"x", 0).is_err());
}

/// The size can be sealed in either direction.
#[test]
fn size_seals_hold() {
    let file = sealable(2);
    seal(&file, Seals::SHRINK | Seals::GROW).unwrap();
    assert!(file.set_len(page() as u64).is_err());
    assert!(file.set_len(3 * page() as u64).is_err());
    assert_eq!(file.metadata().unwrap().len(), 2 * page() as u64);
}

/// An object of huge pages has pages of that size.
#[test]
fn an_object_of_huge_pages_has_huge_pages() {
    let Some(_pool) = Pool::of(1) else { return };
    let file = memfd_with(0, MemfdFlags::CLOEXEC | MemfdFlags::HUGETLB);
    assert_eq!(file.metadata().unwrap().blksize(), Pool::page_size() as u64);
    file.set_len(Pool::page_size() as u64).unwrap();
    let map = Map::of(&file, Pool::page_size() / page(), RW, MapFlags::SHARED);
    map.set(0, 3);
    assert_eq!(map.get(0), 3);
}

/// Secret memory of some pages; `None`, and said so, where it is switched off.
fn secret(pages: usize) -> Option<File> {
    match memfd_secret(SecretFlags::CLOEXEC) {
        Ok(fd) => {
            let file = common::files::own(fd);
            file.set_len((pages * page()) as u64).unwrap();
            Some(file)
        }
        Err(errno) => {
            assert_eq!(errno, Errno::ENOSYS);
            skip("memfd_secret, switched on");
            None
        }
    }
}

/// Secret memory is closed by exec or not; there is no other flag.
#[test]
fn an_unknown_flag_of_secret_memory_is_einval() {
    if secret(1).is_some() {
        assert_eq!(memfd_secret(SecretFlags::from_bits(1)), Err(Errno::EINVAL));
    }
}

/// Secret memory is memory: it is mapped, stored to and read.
#[test]
fn secret_memory_is_mapped_and_used() {
    let Some(file) = secret(2) else { return };
    let map = Map::of(&file, 2, RW, MapFlags::SHARED);
    map.fill(7);
    assert_eq!([map.get(0), map.get(1)], [7, 7]);
    assert_eq!(refused(Map::try_of(&file, 1, RW, MapFlags::PRIVATE)), Errno::EINVAL);
}

/// A plain call copies its bytes by way of the process's own page tables, as from any memory.
#[test]
fn secret_memory_is_copied_by_a_plain_write() {
    let Some(file) = secret(1) else { return };
    let map = Map::of(&file, 1, RW, MapFlags::SHARED);
    map.set(0, 7);
    let (mut reader, mut writer) = std::io::pipe().unwrap();
    map.with_bytes(1, |bytes| writer.write_all(bytes)).unwrap();
    let mut byte = [0];
    reader.read_exact(&mut byte).unwrap();
    assert_eq!(byte, [7]);
}

/// The kernel's own map does not have it: whatever takes hold of the page itself is refused, as a
/// debugger's way to memory is.
#[test]
fn secret_memory_cannot_be_reached_but_by_its_own_map() {
    let Some(file) = secret(1) else { return };
    let (map, other) = (Map::of(&file, 1, RW, MapFlags::SHARED), Map::private(1));
    map.set(0, 7);
    other.set(0, 8);
    let memory = File::open("/proc/self/mem").unwrap();
    let mut byte = [0];
    memory.read_exact_at(&mut byte, other.start() as u64).unwrap();
    assert_eq!(byte, [8]);
    let error = memory.read_exact_at(&mut byte, map.start() as u64).unwrap_err();
    assert_eq!((error.raw_os_error(), byte), (Some(Errno::EIO.raw()), [8]));
}

/// A read or a write that goes around the page cache takes hold of the page, and is refused.
#[test]
fn secret_memory_is_no_buffer_of_direct_io() {
    let (Some(secret), Some(_disk)) = (secret(1), disk_file(0)) else { return };
    let named = tempfile::NamedTempFile::new().unwrap();
    let direct = OpenFlags::DIRECT.bits().cast_signed();
    let Ok(mut file) = File::options().write(true).custom_flags(direct).open(named.path()) else {
        return skip("a file system with direct input and output");
    };
    let (map, other) = (Map::of(&secret, 1, RW, MapFlags::SHARED), Map::private(1));
    assert_eq!(other.with_bytes(page(), |bytes| file.write(bytes)).unwrap(), page());
    let error = map.with_bytes(page(), |bytes| file.write(bytes)).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(Errno::EFAULT.raw()));
}

/// It is charged as locked memory, and the limit holds.
#[test]
fn secret_memory_is_charged_as_locked() {
    in_child(|| {
        let Some(file) = secret(3) else { return };
        limit_locked(2 * page());
        assert_eq!(refused(Map::try_of(&file, 3, RW, MapFlags::SHARED)), Errno::EAGAIN);
        let map = Map::of(&file, 2, RW, MapFlags::SHARED);
        assert_eq!((map.len(), vm_lck()), (2 * page(), 2));
    });
}
