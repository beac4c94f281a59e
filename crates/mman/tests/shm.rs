//! Shared memory objects: names, what is made and what is found, rights, lengths that never shrink by opening.
//!
//! A second process that opened an object and set "its" length cut off what the first one had mapped. Opening one that
//! somebody else had made, with the flag that makes it, was forbidden by the kernel. A FIFO of the name hung the
//! program.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may stop at what it does not expect"
)]

use mman::{
    Cause, Errno, Immutability, MapOptions, MemoryObject, ObjectKind, Operation, RangeError,
    ShmObject, ShmOptions,
};
use mman_testkit::files::Folder;
use mman_testkit::{child, fork, limits, line_of, page, pattern};
use proptest::prelude::*;
use std::ffi::{OsStr, OsString};
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A name of this test's own, taken away when the test ends.
struct Name(String);

impl Name {
    fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        Self(format!("mman-test-{}-{number}", std::process::id()))
    }

    fn path(&self) -> PathBuf {
        Path::new("/dev/shm").join(&self.0)
    }
}

impl AsRef<OsStr> for Name {
    fn as_ref(&self) -> &OsStr {
        self.0.as_ref()
    }
}

impl Drop for Name {
    fn drop(&mut self) {
        let _gone = std::fs::remove_file(self.path());
    }
}

fn bytes_of(object: &ShmObject) -> Vec<u8> {
    let mapping = object.map().unwrap();
    let mut bytes = vec![0xEE; mapping.len()];
    mapping.read_at(0, &mut bytes).unwrap();
    bytes
}

#[test]
fn what_one_writes_another_reads() {
    let name = Name::new();
    let object = ShmObject::create_new(&name, 10_000).unwrap();
    assert_eq!((object.kind(), object.size().unwrap()), (ObjectKind::SharedMemory, Some(10_000)));
    assert_eq!(object.immutability().unwrap(), Immutability::Nothing);
    assert!(bytes_of(&object).iter().all(|byte| *byte == 0));
    object.map().unwrap().write_at(0, &pattern::bytes(0, 10_000)).unwrap();
    for name in [name.0.clone(), format!("/{}", name.0), format!("///{}", name.0)] {
        pattern::assert_is(&bytes_of(&ShmObject::open(&name).unwrap()), 0);
        pattern::assert_is(&bytes_of(&ShmObject::open_read_only(&name).unwrap()), 0);
    }
    let mut space = mman::Reservation::new(1 << 20).unwrap();
    let options = MapOptions::shared().range(5000..6000);
    let placed = space.place(0, &options, &ShmObject::open(&name).unwrap());
    let mut bytes = vec![0; 1000];
    space.read_at(placed.unwrap().start, &mut bytes).unwrap();
    pattern::assert_is(&bytes, 5000);
}

#[test]
fn another_process_finds_it_by_its_name() {
    child::run(|| {
        let name = Name::new();
        let object = ShmObject::create_new(&name, 100).unwrap();
        let mapping = object.map().unwrap();
        let ended = fork::and_wait(|| {
            let found = ShmObject::open(&name).unwrap();
            found.map().unwrap().write_at(99, b"c").unwrap();
            0
        });
        assert!(ended.success());
        let mut byte = [0];
        mapping.read_at(99, &mut byte).unwrap();
        assert_eq!(&byte, b"c");
    });
}

#[test]
fn what_is_there_and_what_is_not_is_told() {
    let name = Name::new();
    for (opened, operation) in [
        (ShmObject::open(&name).map(drop), Operation::Open),
        (ShmObject::open_read_only(&name).map(drop), Operation::Open),
        (ShmObject::unlink(&name), Operation::Unlink),
    ] {
        let error = opened.unwrap_err();
        assert_eq!((error.cause(), error.errno()), (Cause::NotFound, Some(Errno::ENOENT)));
        assert_eq!(error.operation(), operation);
    }
    ShmObject::create_new(&name, 1).unwrap();
    let error = ShmObject::create_new(&name, 1).unwrap_err();
    assert_eq!((error.cause(), error.errno()), (Cause::Exists, Some(Errno::EEXIST)));
    let expected =
        "create a shared memory object: there is an object of this name already (EEXIST)";
    assert_eq!(line_of(&error), expected);
}

#[test]
fn names_that_are_none() {
    let too_long = "n".repeat(256);
    let names = ["", "/", "///", ".", "..", "/.", "//..", "a/b", "/a/", "a\0b", &too_long];
    for name in names {
        for (answer, operation) in [
            (ShmObject::open(name).map(drop), Operation::Open),
            (ShmObject::open_read_only(name).map(drop), Operation::Open),
            (ShmObject::create(name, 1).map(drop), Operation::Create),
            (ShmObject::create_new(name, 1).map(drop), Operation::Create),
            (ShmObject::unlink(name), Operation::Unlink),
        ] {
            let error = answer.unwrap_err();
            assert_eq!((error.cause(), error.errno()), (Cause::BadName, None), "{name:?}");
            assert_eq!(error.operation(), operation, "{name:?}");
        }
    }
    let mut longest = Name::new();
    longest.0 = format!("{:n<255}", longest.0);
    ShmObject::create_new(&longest, 1).unwrap();
    ShmObject::unlink(format!("////{}", longest.0)).unwrap();
}

proptest! {
    /// Any bytes are a name or are none, as the rule says, and what was made is found under that name alone.
    #[test]
    fn names_follow_the_rule(
        tail in proptest::collection::vec(prop_oneof![Just(b'.'), Just(b'/'), Just(0), any::<u8>()], 0..8),
        slashes in 0_usize..3,
        own in any::<bool>(),
    ) {
        // With a beginning of its own a name is nobody else's; without, it is only looked for.
        let start = if own { Name::new().0.clone().into_bytes() } else { Vec::new() };
        let plain = [start.as_slice(), tail.as_slice()].concat();
        let name = [b"/".repeat(slashes), plain.clone()].concat();
        let name = OsStr::from_bytes(&name);
        let rest: &[u8] = &plain[plain.iter().take_while(|byte| **byte == b'/').count()..];
        let good = !rest.is_empty() && rest != b"." && rest != b".."
            && !rest.contains(&b'/') && !rest.contains(&0);
        if !own {
            let error = ShmObject::open_read_only(name).map(drop);
            let is_bad = error.is_err_and(|error| error.cause() == Cause::BadName);
            prop_assert_eq!(is_bad, !good);
        } else if good {
            let made = ShmObject::create_new(name, 3).unwrap();
            let there = std::fs::metadata(Path::new("/dev/shm").join(OsStr::from_bytes(rest)));
            ShmObject::unlink(name).unwrap();
            prop_assert_eq!(there.unwrap().len(), 3);
            prop_assert_eq!(made.size().unwrap(), Some(3));
            prop_assert_eq!(ShmObject::open(name).unwrap_err().cause(), Cause::NotFound);
        } else {
            prop_assert_eq!(ShmObject::create_new(name, 3).unwrap_err().cause(), Cause::BadName);
        }
    }
}

#[test]
fn creating_what_is_there_opens_it_and_cuts_nothing_off() {
    let name = Name::new();
    let first = ShmObject::create(&name, 10_000).unwrap();
    let mapping = first.map().unwrap();
    mapping.write_at(0, &pattern::bytes(0, 10_000)).unwrap();
    let shorter = ShmObject::create(&name, 100).unwrap();
    assert_eq!(shorter.size().unwrap(), Some(10_000));
    pattern::assert_is(&bytes_of(&shorter), 0);
    let longer = ShmObject::create(&name, 20_000).unwrap();
    assert_eq!((longer.size().unwrap(), first.size().unwrap()), (Some(20_000), Some(20_000)));
    ShmObject::create(&name, 0).unwrap();
    pattern::assert_is(&bytes_of(&first)[..10_000], 0);
    assert!(bytes_of(&first)[10_000..].iter().all(|byte| *byte == 0));
}

/// Whoever comes first and whoever comes last: the object has the greatest of the lengths in the end.
#[test]
fn many_that_create_it_at_once_get_one_object_of_the_greatest_length() {
    for _ in 0..50 {
        let name = Name::new();
        let together = Barrier::new(4);
        let inodes: Vec<u64> = std::thread::scope(|scope| {
            let threads: Vec<_> = (1..=4_u64)
                .map(|len| {
                    let (name, together) = (&name, &together);
                    scope.spawn(move || {
                        together.wait();
                        let object = ShmObject::create(name, len * 5000).unwrap();
                        assert!(object.size().unwrap().unwrap() >= len * 5000);
                        let file = std::fs::File::from(std::os::fd::OwnedFd::from(object));
                        file.metadata().unwrap().ino()
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(inodes.windows(2).all(|pair| pair[0] == pair[1]), "{inodes:?}");
        assert_eq!(ShmObject::open(&name).unwrap().size().unwrap(), Some(20_000));
    }
}

/// Asking for the length and then setting it cut off what another had made longer between the two.
#[test]
fn two_that_make_it_longer_never_make_it_shorter() {
    const ROUNDS: usize = 5000;
    let name = Name::new();
    let object = ShmObject::create(&name, 1).unwrap();
    let (begun, ended) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let wait_for = |count: &AtomicUsize, wanted| {
        while count.load(Ordering::Acquire) < wanted {
            std::hint::spin_loop();
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for round in 1..=ROUNDS {
                wait_for(&begun, round);
                let _told_by_the_length = ShmObject::create(&name, 5000);
                ended.store(round, Ordering::Release);
            }
        });
        let mut shorter = 0;
        for round in 1..=ROUNDS {
            object.set_size(1).unwrap();
            begun.store(round, Ordering::Release);
            for _ in 0..round % 64 {
                std::hint::spin_loop();
            }
            ShmObject::create(&name, 20_000).unwrap();
            wait_for(&ended, round);
            shorter += usize::from(object.size().unwrap() != Some(20_000));
        }
        assert_eq!(shorter, 0, "of {ROUNDS} rounds");
    });
}

#[test]
fn an_unlinked_object_lives_on_and_its_name_makes_a_new_one() {
    let name = Name::new();
    let old = ShmObject::create(&name, 100).unwrap();
    let mapping = old.map().unwrap();
    mapping.write_at(0, b"old").unwrap();
    ShmObject::unlink(&name).unwrap();
    assert_eq!(ShmObject::open(&name).unwrap_err().cause(), Cause::NotFound);
    let new = ShmObject::create(&name, 50).unwrap();
    assert_eq!(bytes_of(&new), [0; 50]);
    new.map().unwrap().write_at(0, b"new").unwrap();
    assert_eq!(&bytes_of(&old)[..3], b"old");
    drop(old);
    let mut bytes = [0; 3];
    mapping.read_at(0, &mut bytes).unwrap();
    assert_eq!(&bytes, b"old");
}

#[test]
fn one_opened_for_reading_cannot_be_written() {
    let name = Name::new();
    ShmObject::create_new(&name, 100).unwrap();
    let reader = ShmObject::open_read_only(&name).unwrap();
    let mapping = reader.map().unwrap();
    assert_eq!(mapping.write_at(0, b"x").unwrap_err().cause(), Cause::Denied);
    let error = MapOptions::shared().read_write().map(&reader).unwrap_err();
    assert_eq!((error.cause(), error.errno()), (Cause::NotWritable, Some(Errno::EACCES)));
    assert_eq!(reader.set_size(1).unwrap_err().cause(), Cause::NotWritable);
    assert_eq!(reader.reserve(..).unwrap_err().cause(), Cause::NotWritable);
    MapOptions::private().read_write().map(&reader).unwrap().write_at(0, b"mine").unwrap();
    assert_eq!(bytes_of(&reader), [0; 100]);
}

#[test]
fn lengths_are_set_and_memory_is_reserved() {
    let name = Name::new();
    let object = ShmObject::create_new(&name, 0).unwrap();
    assert!(object.map().unwrap().is_empty());
    object.set_size(1 << 20).unwrap();
    let blocks = || std::fs::metadata(name.path()).unwrap().blocks() * 512;
    let mapping = object.map().unwrap();
    assert_eq!(blocks(), 0, "mapping reserves none");
    object.reserve(..10_000).unwrap();
    assert_eq!(blocks(), 3 * page() as u64);
    object.set_size(5000).unwrap();
    let cut = mapping.read_at(8192, &mut [0]).unwrap_err();
    assert!(matches!(cut.cause(), Cause::Truncated { at: 8192 }), "{cut}");
    let error = object.reserve(..5001).unwrap_err();
    assert_eq!(error.cause(), Cause::Range(RangeError::EndsPastEnd { end: 5001, len: 5000 }));
    assert_eq!(object.set_size(u64::MAX).unwrap_err().cause(), Cause::TooLong);
    assert_eq!(object.size().unwrap(), Some(5000));
}

#[test]
fn one_that_cannot_have_its_length_is_not_left_behind() {
    child::run(|| {
        limits::set(limits::Resource::Fsize, 10_000);
        let name = Name::new();
        let error = ShmObject::create_new(&name, 10_001).unwrap_err(); // and no SIGXFSZ
        assert_eq!((error.errno(), error.operation()), (Some(Errno::EFBIG), Operation::Create));
        ShmObject::create(&name, 10_001).unwrap_err();
        assert_eq!(ShmObject::open(&name).unwrap_err().cause(), Cause::NotFound);
        let object = ShmObject::create(&name, 10_000).unwrap();
        ShmObject::create(&name, 10_001).unwrap_err();
        object.set_size(10_001).unwrap_err();
        assert_eq!(
            ShmObject::open(&name).unwrap().size().unwrap(),
            Some(10_000),
            "it was there before"
        );
    });
}

#[test]
fn permissions_follow_the_umask_when_made_and_not_when_set() {
    child::run(|| {
        let _before = limits::umask(0o027);
        for (mode, made) in
            [(0o600, 0o600), (0o666, 0o640), (0o777, 0o750), (0o7666, 0o640), (0, 0)]
        {
            for new in [true, false] {
                let name = Name::new();
                let options = ShmOptions::new().mode(mode);
                let made_of =
                    if new { options.create_new(&name, 10) } else { options.create(&name, 10) };
                let object = made_of.unwrap();
                assert_eq!(object.permissions().unwrap(), made, "{mode:o}");
                object.set_permissions(mode).unwrap();
                let now = std::fs::metadata(name.path()).unwrap().permissions().mode() & 0o7777;
                assert_eq!(now, mode & 0o777);
            }
        }
        let name = Name::new();
        assert_eq!(ShmObject::create(&name, 1).unwrap().permissions().unwrap(), 0o600);
    });
}

#[test]
fn the_list_shows_ours_with_size_owner_and_mode() {
    let (name, folder) = (Name::new(), Folder::in_shared_memory());
    let strange = Name(format!("{}-\u{e9} \n", Name::new().0));
    ShmOptions::new().mode(0o400).create_new(&name, 12_345).unwrap();
    ShmObject::create_new(&strange, 0).unwrap();
    let list = ShmObject::list().unwrap();
    let find = |name: &OsStr| list.iter().find(|entry| entry.name == name);
    let ours = find(name.as_ref()).unwrap();
    let file = std::fs::metadata(name.path()).unwrap();
    assert_eq!((ours.size, ours.mode, ours.owner), (12_345, 0o400, file.uid()));
    assert_eq!(find(strange.as_ref()).unwrap().size, 0);
    assert!(find(folder.path().file_name().unwrap()).is_none(), "a folder is no object");
    assert!(list.is_sorted_by(|one, other| one.name < other.name));
    ShmObject::unlink(&name).unwrap();
    let now: Vec<OsString> =
        ShmObject::list().unwrap().into_iter().map(|entry| entry.name).collect();
    assert!(!now.contains(&name.0.clone().into()) && now.contains(&strange.0.clone().into()));
}

#[test]
fn what_is_no_object_is_left_alone() {
    let folder = Folder::in_shared_memory();
    let file = folder.patterned("file", 100);
    let (fifo, link, dangling) = (Name::new(), Name::new(), Name::new());
    std::fs::rename(folder.fifo("fifo"), fifo.path()).unwrap();
    std::os::unix::fs::symlink(&file, link.path()).unwrap();
    std::os::unix::fs::symlink(folder.name("nothing"), dangling.path()).unwrap();
    // A reader waits at the FIFO. Whoever opened it for writing and closed it again would end its wait.
    let nonblock = 0o4000;
    let mut reader =
        std::fs::File::options().read(true).custom_flags(nonblock).open(fifo.path()).unwrap();
    let writer = std::fs::File::options().write(true).open(fifo.path()).unwrap();
    let folder_name: OsString = folder.path().file_name().unwrap().into();
    let others = [
        (OsString::from(&fifo.0), ObjectKind::Pipe),
        (OsString::from(&link.0), ObjectKind::NameOnly),
        (OsString::from(&dangling.0), ObjectKind::NameOnly),
        (folder_name, ObjectKind::Directory),
    ];
    for (name, kind) in &others {
        for answer in
            [ShmObject::open(name), ShmObject::open_read_only(name), ShmObject::create(name, 10)]
        {
            let error = answer.unwrap_err();
            assert_eq!((error.cause(), error.object()), (Cause::NotMappable, *kind), "{name:?}");
        }
        assert_eq!(ShmObject::create_new(name, 10).unwrap_err().cause(), Cause::Exists);
        assert!(ShmObject::list().unwrap().iter().all(|entry| entry.name != **name));
    }
    let error = reader.read(&mut [0]).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock, "its writer is still there");
    drop(writer);
    pattern::assert_is(&std::fs::read(file).unwrap(), 0);
    assert!(!folder.name("nothing").exists(), "a link is not followed");
}
