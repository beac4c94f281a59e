//! Memfds: what is sealed is the type, and what comes from another process is believed only as far as its seals go.
//!
//! A reader that asked the length first and the seals afterwards mapped more than there was: the sender cut the object
//! between the two questions. One that took `F_SEAL_FUTURE_WRITE` for a proof saw bytes change, since mappings that
//! exist go on writing.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may stop at what it does not expect"
)]

use mman::kernel::Feature;
use mman::{
    Anonymous, Cause, Errno, FileObject, FixedSize, HugePageSize, Immutability, Immutable,
    MapOptions, MemFd, MemFdOptions, MemoryObject, ObjectKind, Operation, Protection, RangeError,
    Reservation, SealState, Unsealed,
};
use mman_sys::{MemfdFlags, Seals};
use mman_testkit::files::Folder;
use mman_testkit::{child, fork, limits, line_of, maps, object, page, pattern, require};
use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::sync::atomic::{AtomicBool, Ordering};

/// The seals that the kernel has for a descriptor.
fn seals_of(fd: impl AsFd) -> Seals {
    object::seals(fd).unwrap()
}

/// A second descriptor of the same object.
fn again(fd: impl AsFd) -> File {
    File::from(fd.as_fd().try_clone_to_owned().unwrap())
}

/// The object, opened anew for reading only.
fn read_only(fd: impl AsFd) -> File {
    File::open(format!("/proc/self/fd/{}", fd.as_fd().as_raw_fd())).unwrap()
}

fn memfd(len: u64) -> MemFd {
    MemFd::new(len).unwrap()
}

#[test]
fn a_new_one_is_zeros_of_its_length_that_can_be_sealed_and_not_executed() {
    let memory = memfd(5000);
    assert_eq!((memory.size().unwrap(), memory.kind()), (Some(5000), ObjectKind::MemFd));
    let mapping = memory.map().unwrap();
    assert_eq!((mapping.len(), mapping.mapped_len()), (5000, 2 * page()));
    assert!(mapping.is_shared());
    let mut bytes = vec![1; 5000];
    mapping.read_at(0, &mut bytes).unwrap();
    assert!(bytes.iter().all(|byte| *byte == 0));
    mapping.write_at(4000, b"seen").unwrap();
    let file = again(&memory);
    file.read_exact_at(&mut bytes[..4], 4000).unwrap();
    assert_eq!(&bytes[..4], b"seen");
    assert_ne!(flags_of(&memory) & 0o2_000_000, 0, "closed by exec");
    if Feature::MemfdNoExec.support().is_ok() {
        assert_eq!(seals_of(&memory), Seals::EXEC);
        assert_eq!(file.metadata().unwrap().mode() & 0o777, 0o666);
    }
    assert!(memfd(0).map().unwrap().is_empty());
}

/// The flags that `/proc/self/fdinfo` shows.
fn flags_of(fd: impl AsFd) -> u32 {
    let path = format!("/proc/self/fdinfo/{}", fd.as_fd().as_raw_fd());
    let text = std::fs::read_to_string(path).unwrap();
    let flags = text.lines().find_map(|line| line.strip_prefix("flags:")).unwrap();
    u32::from_str_radix(flags.trim(), 8).unwrap()
}

#[test]
fn an_executable_one_can_be_executed() {
    let memory = MemFdOptions::new(1).executable().create().unwrap();
    assert_eq!(again(&memory).metadata().unwrap().mode() & 0o777, 0o777);
    assert_eq!(seals_of(&memory), Seals::empty());
    let options = MapOptions::private().protection(Protection::READ | Protection::EXEC);
    options.map(&memory).unwrap();
}

#[test]
fn names_are_labels_of_249_bytes() {
    let named = |name: &str| MemFdOptions::new(1).name(name).create();
    let longest = "n".repeat(249);
    let memory = named(&longest).unwrap();
    let mapping = memory.map().unwrap();
    let start = mapping.as_ptr().addr();
    let shown = &maps::within(start..start + page())[0].name;
    assert_eq!(*shown, format!("/memfd:{longest} (deleted)"));
    for name in ["n".repeat(250), "a\0b".to_owned()] {
        let error = named(&name).unwrap_err();
        assert_eq!((error.operation(), error.cause()), (Operation::Create, Cause::BadName));
        assert_eq!(line_of(&error), "create a memfd: the name cannot be that of an object");
    }
    let (first, second) = (named("same").unwrap(), named("same").unwrap());
    first.map().unwrap().write_at(0, b"f").unwrap();
    let mut byte = [9];
    second.map().unwrap().read_at(0, &mut byte).unwrap();
    assert_eq!(byte, [0], "two objects of one name");
    named("").unwrap();
}

#[test]
fn lengths_that_no_object_has_are_refused_without_a_signal() {
    for len in [1 << 63, u64::MAX] {
        let error = MemFd::new(len).unwrap_err();
        assert_eq!((error.cause(), error.operation()), (Cause::TooLong, Operation::Create));
    }
    let sparse = memfd((1 << 40) + 1);
    assert_eq!(sparse.size().unwrap(), Some((1 << 40) + 1));
    child::run(|| {
        limits::set(limits::Resource::Fsize, 10_000);
        let memory = memfd(10_000);
        let error = memory.set_size(10_001).unwrap_err(); // the kernel alone would send SIGXFSZ
        assert_eq!(error.errno(), Some(Errno::EFBIG));
        memory.set_size(5).unwrap();
        assert_eq!(memory.size().unwrap(), Some(5));
    });
}

#[test]
fn the_length_is_set_until_it_is_fixed() {
    let memory = memfd(100);
    memory.set_size(20_000).unwrap();
    let mapping = memory.map().unwrap();
    mapping.write_at(0, &pattern::bytes(0, 20_000)).unwrap();
    memory.set_size(7000).unwrap();
    assert!(matches!(
        mapping.read_at(15_000, &mut [0]).unwrap_err().cause(),
        Cause::Truncated { .. }
    ));
    let fixed = memory.fix_size().unwrap(); // a writable mapping is no hindrance
    assert!(seals_of(&fixed).contains(Seals::SHRINK | Seals::GROW));
    let file = again(&fixed);
    for len in [0, 6999, 7001] {
        assert_eq!(
            file.set_len(len).unwrap_err().raw_os_error(),
            Some(Errno::EPERM.raw()),
            "{len}"
        );
    }
    fixed.map().unwrap().write_at(6999, b"w").unwrap();
    assert_eq!(fixed.size().unwrap(), Some(7000));
}

#[test]
fn frozen_bytes_can_be_written_by_nobody() {
    let memory = memfd(9000);
    memory.map().unwrap().write_at(0, &pattern::bytes(0, 9000)).unwrap();
    let private = MapOptions::private().read_write().map(&memory).unwrap(); // no hindrance
    let (file, frozen) = (again(&memory), memory.freeze().unwrap());
    drop(private);
    let all = Seals::SHRINK | Seals::GROW | Seals::WRITE | Seals::SEAL;
    assert!(seals_of(&frozen).contains(all));
    assert!(file.write_at(b"x", 0).is_err() && file.set_len(1).is_err());
    let error = MapOptions::shared().read_write().map(&frozen).unwrap_err();
    assert_eq!((error.cause(), error.errno()), (Cause::Sealed, Some(Errno::EPERM)));
    let mut mapping = frozen.map().unwrap();
    assert!(!mapping.is_shared(), "older kernels refuse a shared one");
    mapping.write_at(0, b"x").unwrap_err();
    mapping.protect(.., Protection::READ | Protection::WRITE).unwrap();
    mapping.write_at(0, b"my own copy").unwrap();
    let mut bytes = vec![0; 9000];
    frozen.map().unwrap().read_at(0, &mut bytes).unwrap();
    pattern::assert_is(&bytes, 0);
}

#[test]
fn a_shared_writable_mapping_keeps_it_from_being_frozen() {
    let memory = memfd(100);
    let mapping = memory.map().unwrap();
    let refused = memory.freeze().unwrap_err();
    assert_eq!(refused.error.cause(), Cause::MappedWritable);
    assert_eq!(
        (refused.error.operation(), refused.error.errno()),
        (Operation::Seal, Some(Errno::EBUSY))
    );
    assert!(line_of(&refused).starts_with("seal a memfd: a shared writable mapping"), "{refused}");
    let memory = refused.given;
    assert!(!seals_of(&memory).contains(Seals::SHRINK), "none of the seals was added");
    // Nor one that could be made writable again: it is not the protection that counts.
    let mut mapping = mapping;
    mapping.protect(.., Protection::READ).unwrap();
    let fixed = memory.freeze().unwrap_err().given.fix_size().unwrap();
    assert_eq!(fixed.immutability().unwrap(), Immutability::Size);
    let fixed = fixed.freeze().unwrap_err().given;
    drop(mapping);
    // One that was made of a descriptor for reading never can.
    let reader = MapOptions::shared().map(&FileObject::new(read_only(&fixed)).unwrap()).unwrap();
    let frozen = fixed.freeze().unwrap();
    drop(reader);
    assert_eq!(frozen.immutability().unwrap(), Immutability::Bytes);
}

#[test]
fn who_may_not_seal_is_told_why() {
    let memory = memfd(10);
    let reader = MemFd::<Unsealed>::from_fd(read_only(&memory).into()).unwrap();
    let refused = reader.freeze().unwrap_err();
    assert_eq!(
        (refused.error.cause(), refused.error.errno()),
        (Cause::NotWritable, Some(Errno::EPERM))
    );
    let error = refused.given.set_size(5).unwrap_err();
    assert_eq!((error.cause(), error.operation()), (Cause::NotWritable, Operation::SetSize));
    // Sealed against seals: what is no memfd made for sealing comes so.
    object::seal(&again(&memory), Seals::SEAL).unwrap();
    assert_eq!(memory.fix_size().unwrap_err().error.cause(), Cause::Sealed);
    let sealed = memfd(10);
    object::seal(&again(&sealed), Seals::GROW).unwrap();
    assert_eq!(sealed.set_size(11).unwrap_err().cause(), Cause::Sealed);
    sealed.set_size(9).unwrap();
}

/// What `from_fd` says to a file with the seals.
fn judged<S: SealState>(seals: Seals) -> Result<(), Cause> {
    let file = object::memfd(5000);
    object::seal(&file, seals).unwrap();
    match MemFd::<S>::from_fd(file.into()) {
        Ok(_) => Ok(()),
        Err(refused) => {
            assert_eq!(refused.error.operation(), Operation::Open);
            assert_eq!(File::from(refused.given).metadata().unwrap().len(), 5000);
            Err(refused.error.cause())
        }
    }
}

fn immutability_of(object: impl MemoryObject) -> Immutability {
    object.immutability().unwrap()
}

#[test]
fn every_set_of_seals_is_believed_as_far_as_it_goes() {
    for bits in 0..0x20 {
        let seals = Seals::from_bits(bits); // SEAL, SHRINK, GROW, WRITE, FUTURE_WRITE
        let has =
            |wanted: Seals| if seals.contains(wanted) { Ok(()) } else { Err(Cause::NotImmutable) };
        let size = Seals::SHRINK | Seals::GROW;
        assert_eq!(judged::<Unsealed>(seals), Ok(()), "{seals:?}");
        assert_eq!(judged::<FixedSize>(seals), has(size), "{seals:?}");
        assert_eq!(judged::<Immutable>(seals), has(size | Seals::WRITE), "{seals:?}");
        let file = object::memfd(1);
        object::seal(&file, seals).unwrap();
        let expected = match (seals.contains(Seals::SHRINK), seals.contains(Seals::WRITE)) {
            (false, _) => Immutability::Nothing,
            (true, false) => Immutability::Size,
            (true, true) => Immutability::Bytes,
        };
        let object = FileObject::new(&file).unwrap();
        assert_eq!(object.immutability().unwrap(), expected, "{seals:?}");
        assert_eq!(immutability_of(&object), expected, "{seals:?} by reference");
    }
}

#[test]
fn a_seal_of_the_future_proves_nothing_about_now() {
    let file = object::memfd(5000);
    let writer = MapOptions::shared().read_write().map(&FileObject::new(&file).unwrap()).unwrap();
    object::seal(&file, Seals::SHRINK | Seals::GROW | Seals::FUTURE_WRITE).unwrap();
    let reader = FileObject::new(&file).unwrap();
    assert_eq!(reader.immutability().unwrap(), Immutability::Size);
    let refused = MemFd::<Immutable>::from_fd(file.try_clone().unwrap().into()).unwrap_err();
    assert_eq!(refused.error.cause(), Cause::NotImmutable);
    let mapping = reader.map().unwrap();
    writer.write_at(0, b"changed").unwrap(); // which is why
    let mut bytes = [0; 7];
    mapping.read_at(0, &mut bytes).unwrap();
    assert_eq!(&bytes, b"changed");
}

/// The sender cuts the object as often as it can and seals it in the end. Whatever moment the receiver asks at: where
/// it is told that the object is sealed, the length that it is told stays.
#[test]
fn a_sender_that_lies_about_the_length_is_not_believed() {
    for round in 0..200_u64 {
        let sent = object::memfd(64 << 12);
        let received = sent.try_clone().unwrap();
        let go = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !go.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
                for _ in 0..round % 16 {
                    std::hint::spin_loop();
                }
                sent.set_len(100).unwrap();
                object::seal(&sent, Seals::SHRINK | Seals::GROW | Seals::WRITE).unwrap();
            });
            go.store(true, Ordering::Relaxed);
            let mut fd = OwnedFd::from(received);
            let mut asked = 0;
            let memory = loop {
                match MemFd::<Immutable>::from_fd(fd) {
                    Ok(memory) => break memory,
                    Err(refused) => fd = refused.given,
                }
                asked += 1;
                assert!(asked < 1_000_000, "it is never believed");
            };
            let mapping = memory.map().unwrap();
            assert_eq!((memory.size().unwrap(), mapping.len()), (Some(100), 100));
            let mut bytes = [0; 100];
            mapping.read_at(0, &mut bytes).unwrap();
            pattern::assert_is(&bytes, 0);
        });
    }
}

/// The same with a process on the other side, which cuts between the two questions for certain: it is asked to.
#[test]
fn what_another_process_sends_is_examined() {
    child::run(|| {
        let memory = memfd(50_000);
        memory.map().unwrap().write_at(0, &pattern::bytes(0, 50_000)).unwrap();
        let file = again(&memory);
        let believed = memory.size().unwrap(); // asked too early: nothing is sealed yet
        let ended = fork::and_wait(|| {
            let done = file.set_len(10).and_then(|()| {
                let seals = Seals::SHRINK | Seals::GROW | Seals::WRITE;
                object::seal(&file, seals)
                    .map_err(|errno| std::io::Error::from_raw_os_error(errno.raw()))
            });
            u8::from(done.is_err())
        });
        assert!(ended.success());
        let received = MemFd::<Immutable>::from_fd(memory.into()).unwrap();
        assert_ne!(received.size().unwrap(), believed);
        assert_eq!(received.map().unwrap().len(), 10);
    });
}

#[test]
fn what_is_no_memfd_is_refused() {
    let folder = Folder::new();
    let tmpfs = Folder::in_shared_memory();
    let (_reader, pipe) = std::io::pipe().unwrap();
    let (socket, _other) = std::os::unix::net::UnixStream::pair().unwrap();
    let unlinked =
        File::options().read(true).write(true).create_new(true).open(tmpfs.name("memfd:x"));
    std::fs::remove_file(tmpfs.name("memfd:x")).unwrap();
    let memory = memfd(1);
    let path_only = object::name_only(format!("/proc/self/fd/{}", memory.as_fd().as_raw_fd()));
    let others: [(OwnedFd, ObjectKind); 8] = [
        (File::open(folder.patterned("file", 100)).unwrap().into(), ObjectKind::File),
        (File::open(tmpfs.patterned("file", 100)).unwrap().into(), ObjectKind::File),
        (unlinked.unwrap().into(), ObjectKind::File),
        (File::open(folder.path()).unwrap().into(), ObjectKind::Directory),
        (File::open("/dev/null").unwrap().into(), ObjectKind::CharacterDevice),
        (pipe.into(), ObjectKind::Pipe),
        (socket.into(), ObjectKind::Socket),
        (path_only, ObjectKind::NameOnly),
    ];
    for (fd, kind) in others {
        let refused = MemFd::<Unsealed>::from_fd(fd).unwrap_err();
        assert_eq!((refused.error.cause(), refused.error.object()), (Cause::NotMappable, kind));
        let refused = MemFd::<Immutable>::from_fd(refused.given).unwrap_err();
        assert_eq!((refused.error.cause(), refused.error.object()), (Cause::NotMappable, kind));
    }
}

#[test]
fn one_that_is_open_for_writing_only_cannot_be_mapped() {
    let memory = memfd(10);
    let writer = object::write_only(format!("/proc/self/fd/{}", memory.as_fd().as_raw_fd()));
    let refused = MemFd::<Unsealed>::from_fd(writer.into()).unwrap_err();
    assert_eq!(
        (refused.error.cause(), refused.error.object()),
        (Cause::NotReadable, ObjectKind::MemFd)
    );
    MemFd::<Unsealed>::from_fd(read_only(&memory).into()).unwrap().map().unwrap_err();
    // Without the flag for sealing it is a memfd all the same.
    let plain = object::memfd_with(MemfdFlags::CLOEXEC);
    let plain = MemFd::<Unsealed>::from_fd(plain.into()).unwrap();
    assert_eq!(plain.immutability().unwrap(), Immutability::Nothing);
    assert_eq!(plain.fix_size().unwrap_err().error.cause(), Cause::Sealed);
}

#[test]
fn memory_of_it_can_be_reserved() {
    let memory = memfd(1 << 20);
    let blocks = || again(&memory).metadata().unwrap().blocks() * 512;
    let mapping = memory.map().unwrap();
    assert_eq!(blocks(), 0, "mapping reserves none");
    memory.reserve(8192..8192 + 65_536).unwrap();
    assert_eq!(blocks(), 65_536);
    memory.reserve(..).unwrap();
    memory.reserve(5..5).unwrap();
    assert_eq!((blocks(), memory.size().unwrap()), (1 << 20, Some(1 << 20)));
    let error = memory.reserve(0..(1 << 20) + 1).unwrap_err();
    let outside = RangeError::EndsPastEnd { end: (1 << 20) + 1, len: 1 << 20 };
    assert_eq!((error.cause(), error.operation()), (Cause::Range(outside), Operation::Reserve));
    drop(mapping);
    memory.freeze().unwrap().reserve(..).unwrap();
}

#[test]
fn it_goes_where_other_objects_go() {
    let memory = memfd(10_000);
    memory.map().unwrap().write_at(0, &pattern::bytes(0, 10_000)).unwrap();
    let mut space = Reservation::new(1 << 20).unwrap();
    let bytes = space.place(page(), &MapOptions::shared(), &memory).unwrap();
    let mut found = vec![0; 10_000];
    space.read_at(bytes.start, &mut found).unwrap();
    pattern::assert_is(&found, 0);
    let mapping = MapOptions::shared().read_write().range(5000..6000).map(&memory).unwrap();
    drop(memory);
    mapping.write_at(0, b"outlives the descriptor").unwrap();
    space.read_at(bytes.start + 5000, &mut found[..8]).unwrap();
    assert_eq!(&found[..8], b"outlives");
    assert_eq!(Anonymous::new(1).immutability().unwrap(), Immutability::Nothing);
}

#[test]
fn page_sizes_that_no_machine_has_are_refused() {
    for size in [1 << 10, page(), 1 << 20, 1 << 45] {
        let size = HugePageSize::new(mman::PageSize::new(size).unwrap());
        if HugePageSize::available().contains(&size) {
            continue;
        }
        let error = MemFdOptions::new(1).huge_pages(size).create().unwrap_err();
        let bytes = size.page_size().bytes();
        assert_eq!(
            (error.cause(), error.operation()),
            (Cause::HugePageSize { page: bytes }, Operation::Create)
        );
    }
    let _said = require::holds(!HugePageSize::available().is_empty(), "huge pages in the kernel");
}
