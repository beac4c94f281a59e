//! Secret memory: its length stays, its pages are locked and counted, its bytes are copied without a signal.
//!
//! The kernel does not take hold of these pages, so that it cannot be the far side of a copy: reading through
//! `process_vm_readv` answered that the object had become shorter.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    reason = "a test may stop at what it does not expect"
)]

use mman::kernel::Feature;
use mman::{
    Cause, Errno, Immutability, MapOptions, Memory, MemoryObject, ObjectKind, Operation,
    Protection, Reservation, SecretMem,
};
use mman_testkit::{child, descriptors, fork, limits, line_of, maps, page, pattern, require};
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::FileExt;

#[test]
fn bytes_go_in_and_out() {
    if !require::feature(Feature::SecretMemory) {
        return;
    }
    let secret = SecretMem::new(3 * page() + 5).unwrap();
    let len = 3 * page() + 5;
    assert_eq!((secret.kind(), secret.size().unwrap()), (ObjectKind::Secret, Some(len as u64)));
    let mapping = secret.map().unwrap();
    assert_eq!((mapping.len(), mapping.mapped_len()), (len, 4 * page()));
    assert!(mapping.is_shared());
    let mut bytes = vec![1; len];
    mapping.read_at(0, &mut bytes).unwrap();
    assert!(bytes.iter().all(|byte| *byte == 0));
    for (at, count) in [(0, len), (1, page()), (page() - 1, 2), (len - 1, 1), (len, 0)] {
        mapping.write_at(at, &pattern::bytes(7, count)).unwrap();
        let mut bytes = vec![0; count];
        mapping.read_at(at, &mut bytes).unwrap();
        pattern::assert_is(&bytes, 7);
    }
    let (mut reader, writer) = std::io::pipe().unwrap();
    mapping.write_out(writer, 1..100).unwrap();
    bytes.clear();
    reader.read_to_end(&mut bytes).unwrap();
    pattern::assert_is(&bytes, 7);
    mapping.read_at(len, &mut [0]).unwrap_err();
}

#[test]
fn what_is_forbidden_is_denied_also_where_the_copy_goes_the_other_way() {
    if !require::feature(Feature::SecretMemory) {
        return;
    }
    let mut mapping = SecretMem::new(2 * page()).unwrap().map().unwrap();
    mapping.write_at(0, b"key").unwrap();
    mapping.protect(.., Protection::READ).unwrap();
    assert_eq!(mapping.write_at(0, b"x").unwrap_err().cause(), Cause::Denied);
    let mut bytes = [0; 3];
    mapping.read_at(0, &mut bytes).unwrap();
    assert_eq!(&bytes, b"key");
    mapping.protect(.., Protection::NONE).unwrap();
    assert_eq!(mapping.read_at(0, &mut bytes).unwrap_err().cause(), Cause::Denied);
    assert_eq!(&bytes, b"key");
}

#[test]
fn it_goes_into_a_reservation_beside_other_memory() {
    if !require::feature(Feature::SecretMemory) {
        return;
    }
    let mut space = Reservation::new(4 * page()).unwrap();
    space.commit(..).unwrap();
    let options = MapOptions::shared().read_write();
    let secret = SecretMem::new(page()).unwrap();
    space.place(page(), &options, &secret).unwrap();
    space.write_at(10, &pattern::bytes(0, 3 * page())).unwrap();
    let mut bytes = vec![0; 3 * page()];
    space.read_at(10, &mut bytes).unwrap();
    pattern::assert_is(&bytes, 0);
    let mut own = vec![0; page()];
    secret.map().unwrap().read_at(0, &mut own).unwrap();
    pattern::assert_is(&own, page() as u64 - 10);
}

#[test]
fn the_kernel_shows_it_to_nobody() {
    if !require::feature(Feature::SecretMemory) {
        return;
    }
    let mapping = SecretMem::new(page()).unwrap().map().unwrap();
    mapping.write_at(0, b"secret").unwrap();
    let at = mapping.as_ptr().addr();
    let mut bytes = [0; 6];
    let memory = File::open("/proc/self/mem").unwrap();
    assert!(memory.read_at(&mut bytes, at as u64).is_err());
    assert_ne!(&bytes, b"secret");
    assert_eq!(mman_testkit::memory::read(at, 6), None);
    let flags = maps::flags_at(at);
    assert!(flags.contains(&"lo".to_owned()) && flags.contains(&"dd".to_owned()), "{flags:?}");
}

/// The length is set once: the object proves that it does not become shorter. The only descriptor is found by its
/// number here, since it is not lent.
#[test]
fn its_length_stays() {
    child::run(|| {
        if !require::feature(Feature::SecretMemory) {
            return;
        }
        let before = descriptors::all();
        let secret = SecretMem::new(5000).unwrap();
        assert_eq!(secret.immutability().unwrap(), Immutability::Size);
        let now = descriptors::all();
        let number = now.iter().find(|number| !before.contains(number)).unwrap();
        let file = File::options().write(true).open(format!("/proc/self/fd/{number}"));
        match file {
            Ok(file) => {
                for len in [0, 4999, 5000, 5001] {
                    let error = file.set_len(len).unwrap_err();
                    assert_eq!(error.raw_os_error(), Some(Errno::EINVAL.raw()), "{len}");
                }
            }
            Err(error) => assert_eq!(error.raw_os_error(), Some(Errno::ENXIO.raw())),
        }
        assert_eq!(secret.map().unwrap().len(), 5000);
        let empty = SecretMem::new(0).unwrap();
        assert_eq!(empty.immutability().unwrap(), Immutability::Nothing);
        assert!(empty.map().unwrap().is_empty());
    });
}

#[test]
fn it_is_locked_memory_when_it_is_mapped() {
    child::run(|| {
        if !require::feature(Feature::SecretMemory) {
            return;
        }
        limits::locked_memory(4 * page() as u64);
        let small = SecretMem::new(4 * page()).unwrap();
        let large = SecretMem::new(4 * page() + 1).unwrap(); // making it is no lack yet
        let error = large.map().unwrap_err();
        let limit = Cause::LockLimit { limit: 4 * page() as u64 };
        assert_eq!((error.cause(), error.errno()), (limit, Some(Errno::EAGAIN)));
        assert_eq!((error.operation(), error.object()), (Operation::Map, ObjectKind::Secret));
        assert!(line_of(&error).contains("of secret memory: over the limit of locked memory"));
        let all = small.map().unwrap();
        assert_eq!(small.map().unwrap_err().cause(), limit, "all of it is in use");
        drop(all);
        small.map().unwrap();
        let part = MapOptions::shared().range(..page() as u64).map(&large).unwrap();
        assert_eq!(part.mapped_len(), page());
    });
}

#[test]
fn it_is_shared_or_not_mapped_at_all() {
    if !require::feature(Feature::SecretMemory) {
        return;
    }
    let secret = SecretMem::new(page()).unwrap();
    let error = MapOptions::private().map(&secret).unwrap_err();
    assert_eq!((error.cause(), error.errno()), (Cause::NotShared, Some(Errno::EINVAL)));
    assert_eq!(error.object(), ObjectKind::Secret);
}

#[test]
fn lengths_that_no_object_has() {
    if !require::feature(Feature::SecretMemory) {
        return;
    }
    let error = SecretMem::new(usize::MAX).unwrap_err();
    assert_eq!((error.cause(), error.operation()), (Cause::TooLong, Operation::Create));
}

#[test]
fn a_kernel_without_it_says_so() {
    match (SecretMem::new(1), Feature::SecretMemory.support()) {
        (Ok(_), Ok(())) => {}
        (Err(error), Err(errno)) => {
            assert_eq!((error.cause(), error.errno()), (Cause::NotSupported, Some(errno)));
        }
        (made, feature) => unreachable!("{made:?} and {feature:?}"),
    }
}

/// A slice of secret memory is this process's alone: a child would share it, and two would write to one slice.
#[test]
fn a_slice_of_it_is_not_in_children() {
    if !require::feature(Feature::SecretMemory) {
        return;
    }
    child::run(|| {
        let mut secret = Memory::secret(page()).unwrap();
        secret.fill(7);
        let range = secret.as_ptr().addr()..secret.as_ptr().addr() + page();
        assert!(!maps::is_free(range.clone()));
        let child = fork::and_wait(|| u8::from(maps::is_free(range.clone())));
        assert_eq!(child.code(), Some(1), "nothing is there in the child");
        assert!(secret.iter().all(|byte| *byte == 7));
        assert!(matches!(secret.resize(2 * page()).unwrap_err().cause(), Cause::Range(_)));
        assert!(matches!(Memory::secret(0).unwrap_err().cause(), Cause::Range(_)));
    });
}
