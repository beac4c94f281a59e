//! What is on the disk after a crash. Seen in the wild: a failed write-back that is told once and then forgotten, so that the
//! second sync says all is well; one that is told to the other mapping of the same file; a new file without its name after
//! a loss of power; a file that was half old and half new; a full disk that left neither.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may stop at what it does not expect"
)]

use mman::{
    Anonymous, Cause, Errno, FileObject, MapOptions, Operation, SharedMut, Sync, write_file,
    write_file_with,
};
use mman_testkit::files::{Folder, open_read_write};
use mman_testkit::limits::{self, Resource};
use mman_testkit::loop_device::LoopDevice;
use mman_testkit::mount::{self, Mount};
use mman_testkit::{child, companion, line_of, page, pattern, require};
use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::thread;
use std::time::Duration;

/// Runs the body with a folder of an ext4 whose device loses what is written, from a moment on that the body chooses.
fn with_failing_disk(body: impl FnOnce(&Path, &dyn Fn())) {
    if !require::root() || !require::program("mkfs.ext4") {
        return;
    }
    mount::be_alone();
    let folder = Folder::new();
    let _tmpfs = Mount::new("tmpfs", folder.path(), c"size=40m").unwrap();
    let image = folder.sparse("image", 256 << 20);
    let mut command = std::process::Command::new("mkfs.ext4");
    let made = command.args(["-q", "-O", "^has_journal", "-m", "0"]).arg(&image).status();
    assert!(made.unwrap().success());
    let Some(device) = LoopDevice::of(&image) else { return };
    let place = Folder::new();
    let _mounted = Mount::of_device("ext4", device.path(), place.path()).unwrap();
    let fail = || {
        rustix::fs::sync();
        let filler = fs::write(folder.name("filler"), vec![1; 64 << 20]);
        assert_eq!(filler.unwrap_err().raw_os_error(), Some(Errno::ENOSPC.raw()));
    };
    body(place.path(), &fail);
}

#[test]
fn an_error_of_write_back_stays() {
    child::run(|| {
        with_failing_disk(|place, fail| {
            let path = place.join("file");
            File::create_new(&path).unwrap().set_len(8 << 20).unwrap();
            let file = FileObject::open_read_write(&path).unwrap();
            let view = SharedMut::new(&file).unwrap();
            let second = SharedMut::new(&file).unwrap(); // of the same open file
            view.sync(.., Sync::Data).unwrap();
            fail();
            view.fill(.., 7).unwrap();
            let first = view.sync(.., Sync::Data).unwrap_err();
            assert!(matches!(first.errno(), Some(Errno::EIO | Errno::ENOSPC)), "{first}");
            // What the kernel says then: all is well.
            assert_eq!(view.pages().sync(.., Sync::Data), Ok(()), "the kernel has forgotten it");
            for round in 2..5 {
                assert_eq!(view.sync(.., Sync::Data), Err(first), "call {round}");
                assert_eq!(view.sync(..1, Sync::Async), Err(first));
                assert_eq!(second.sync(.., Sync::Data), Err(first), "the other view");
            }
            let anew = SharedMut::open(&path).unwrap();
            anew.sync(..0, Sync::Async).unwrap();
        });
    });
}

#[test]
fn full_syncs_a_view_that_has_its_file() {
    let folder = Folder::new();
    let path = folder.patterned("file", 3 * page());
    let view = SharedMut::open(&path).unwrap();
    view.write_at(5, b"kept").unwrap();
    view.sync(5..9, Sync::Full).unwrap();
    view.sync(.., Sync::Full).unwrap();
    fs::rename(&path, folder.name("renamed")).unwrap();
    view.sync(.., Sync::Full).unwrap();
    let unnamed = SharedMut::open(folder.name("renamed")).unwrap();
    fs::remove_file(folder.name("renamed")).unwrap();
    unnamed.sync(.., Sync::Full).unwrap();

    let other = FileObject::open_read_write(folder.patterned("other", page())).unwrap();
    let error = SharedMut::new(&other).unwrap().sync(.., Sync::Full).unwrap_err();
    assert_eq!((error.operation(), error.cause()), (Operation::Sync, Cause::NoDescriptor));
    assert!(line_of(&error).contains("no descriptor"), "{error}");
    let memory = SharedMut::map(&MapOptions::shared(), &Anonymous::new(page())).unwrap();
    assert_eq!(memory.sync(.., Sync::Full).unwrap_err().cause(), Cause::NoDescriptor);
    memory.sync(.., Sync::Data).unwrap();
}

#[test]
fn what_is_written_through_is_in_the_view_and_in_the_file() {
    let folder = Folder::new();
    let path = folder.patterned("file", 4 * page());
    let options = MapOptions::shared().range(100..).random_access();
    let view = SharedMut::keeping(&options, FileObject::open_read_write(&path).unwrap()).unwrap();
    view.write_through(page(), b"through").unwrap();
    assert!(view.equals(page(), b"through").unwrap());
    assert_eq!(&fs::read(&path).unwrap()[page() + 100..][..7], b"through");
    view.sync(.., Sync::Data).unwrap();
    let past = view.write_through(view.len() - 3, b"through").unwrap_err();
    assert!(matches!(past.cause(), Cause::Range(_)), "{past}");
    assert_eq!(fs::metadata(&path).unwrap().len(), 4 * page() as u64);
    let without = SharedMut::new(&FileObject::open_read_write(&path).unwrap()).unwrap();
    assert_eq!(without.write_through(0, b"x").unwrap_err().cause(), Cause::NoDescriptor);
}

/// The kernel appends what is written at an offset to a file that is open for appending: it was not in the view, and the
/// file grew with each call.
#[test]
fn what_is_open_for_appending_is_not_written_through() {
    let folder = Folder::new();
    let path = folder.patterned("file", page());
    let file = File::options().read(true).append(true).open(&path).unwrap();
    let file = FileObject::new(file).unwrap();
    let view = SharedMut::keeping(&MapOptions::shared(), file).unwrap();
    let error = view.write_through(10, b"bytes").unwrap_err();
    assert_eq!((error.operation(), error.cause()), (Operation::Write, Cause::OpenForAppending));
    pattern::assert_is(&fs::read(&path).unwrap(), 0);
    assert_eq!(fs::metadata(&path).unwrap().len(), page() as u64);
}

/// The names in a folder.
fn names(folder: &Path) -> Vec<String> {
    let name = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name();
    fs::read_dir(folder).unwrap().map(name).map(|name| name.into_string().unwrap()).collect()
}

#[test]
fn a_file_is_replaced_with_its_permissions() {
    let folder = Folder::new();
    let path = folder.name("file");
    write_file(&path, b"new").unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"new");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    if require::root() {
        std::os::unix::fs::chown(&path, Some(65534), Some(12)).unwrap();
    }
    let before = fs::metadata(&path).unwrap();
    for len in [0, 1, 5 << 20] {
        write_file(&path, pattern::bytes(0, len)).unwrap();
        let after = fs::metadata(&path).unwrap();
        assert_eq!(
            (after.mode(), after.uid(), after.gid()),
            (before.mode(), before.uid(), before.gid())
        );
        assert_eq!(after.len(), len as u64);
        pattern::assert_is(&fs::read(&path).unwrap(), 0);
    }
    symlink("file", folder.name("link")).unwrap();
    write_file(folder.name("link"), b"by the link").unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"by the link");
    assert!(fs::symlink_metadata(folder.name("link")).unwrap().is_symlink());
    assert_eq!(names(folder.path()).len(), 2, "nothing else is left");
    let old = File::open(&path).unwrap();
    write_file(&path, b"again").unwrap();
    assert_eq!(std::io::read_to_string(old).unwrap(), "by the link", "who has it open");
}

/// An access control list (acl(5)), as an attribute: owner, one user, group, mask, others.
fn list(user: Option<u16>, group: u16, mask: u16) -> Vec<u8> {
    const ANYBODY: u32 = u32::MAX;
    let mut bytes = 2_u32.to_le_bytes().to_vec();
    let user = user.map(|rights| (0x02, rights, 65534));
    let others = [(0x04, group, ANYBODY), (0x10, mask, ANYBODY), (0x20, 0, ANYBODY)];
    for (tag, rights, id) in [(0x01, 6, ANYBODY)].into_iter().chain(user).chain(others) {
        bytes.extend([u16::to_le_bytes(tag), u16::to_le_bytes(rights)].concat());
        bytes.extend(u32::to_le_bytes(id));
    }
    bytes
}

const ACCESS: &str = "system.posix_acl_access";

/// Whether the file system knows such lists.
fn set_list(path: &Path, attribute: &str, list: &[u8]) -> bool {
    let set = rustix::fs::setxattr(path, attribute, list, rustix::fs::XattrFlags::empty());
    require::holds(set.is_ok(), "access control lists")
}

/// With a list, the permission bits of the group are the most that anybody of the list may. Copied without the list, they
/// gave a group the right that the list had refused it; and a list that the directory hands out was let loose by them.
#[test]
fn a_replaced_file_is_open_to_nobody_new() {
    for folder in [Folder::new(), Folder::in_shared_memory()] {
        let get = |path: &Path| {
            let mut bytes = vec![0; 1000];
            let len = rustix::fs::getxattr(path, ACCESS, bytes.as_mut_slice());
            len.map(|len| bytes[..len].to_vec())
        };
        let path = folder.name("file");
        write_file(&path, b"old").unwrap();
        let kept = list(Some(6), 0, 6); // the group may nothing
        if !set_list(&path, ACCESS, &kept) {
            return;
        }
        let mode = fs::metadata(&path).unwrap().mode();
        assert_eq!(mode & 0o777, 0o660);
        write_file(&path, b"new").unwrap();
        assert_eq!((get(&path), fs::metadata(&path).unwrap().mode()), (Ok(kept), mode));

        let plain = folder.name("plain");
        write_file(&plain, b"old").unwrap();
        fs::set_permissions(&plain, fs::Permissions::from_mode(0o660)).unwrap();
        assert!(set_list(folder.path(), "system.posix_acl_default", &list(Some(7), 7, 7)));
        write_file(&plain, b"new").unwrap();
        assert_eq!(get(&plain), Err(rustix::io::Errno::NODATA), "the one user of the directory");
        assert_eq!(fs::metadata(&plain).unwrap().mode() & 0o777, 0o660);
    }
}

/// `open` refuses such names; taken without the slash they were those of files.
#[test]
fn the_name_of_a_directory_is_no_files() {
    let folder = Folder::new();
    let path = folder.patterned("file", 100);
    for end in ["file/", "file/."] {
        let error = write_file(folder.name(end), b"bytes").unwrap_err();
        assert_eq!(error.errno(), Some(Errno::ENOTDIR), "{end}");
    }
    for end in ["new/", "new/."] {
        assert_eq!(write_file(folder.name(end), b"x").unwrap_err().cause(), Cause::BadName);
    }
    symlink("nothing", folder.name("link")).unwrap();
    let error = write_file(folder.name("link"), b"bytes").unwrap_err();
    assert_eq!(error.cause(), Cause::NotAFile);
    symlink("circle", folder.name("circle")).unwrap();
    assert!(write_file(folder.name("circle"), b"bytes").is_err());
    pattern::assert_is(&fs::read(path).unwrap(), 0);
    let longest = folder.name(&"x".repeat(255));
    write_file(&longest, b"long").unwrap();
    assert!(write_file(folder.name(&"x".repeat(256)), b"x").is_err());
    assert_eq!(fs::read(longest).unwrap(), b"long");
    assert_eq!(names(folder.path()).len(), 4);
}

#[test]
fn what_cannot_be_replaced_is_an_error() {
    let folder = Folder::new();
    let cause = |path: &Path| write_file(path, b"bytes").unwrap_err().cause();
    assert_eq!(cause(&folder.fifo("pipe")), Cause::NotAFile);
    assert_eq!(cause(folder.path()), Cause::NotAFile);
    assert_eq!(cause(Path::new("/")), Cause::BadName);
    let error = write_file(folder.name("none/file"), b"bytes").unwrap_err();
    assert_eq!((error.operation(), error.errno()), (Operation::WriteFile, Some(Errno::ENOENT)));
    assert_eq!(names(folder.path()), ["pipe"]);
}

#[test]
fn a_full_disk_leaves_the_old_content() {
    child::run(|| {
        if !require::root() {
            return;
        }
        mount::be_alone();
        let folder = Folder::new();
        let _tmpfs = Mount::new("tmpfs", folder.path(), c"size=256k").unwrap();
        let path = folder.patterned("file", 100_000);
        let error = write_file(&path, vec![1; 300_000]).unwrap_err();
        assert_eq!(error.cause(), Cause::NoSpace);
        pattern::assert_is(&fs::read(&path).unwrap(), 0);
        limits::set(Resource::Fsize, 1000);
        assert_eq!(write_file(&path, [2; 2000]).unwrap_err().cause(), Cause::TooLong);
        pattern::assert_is(&fs::read(&path).unwrap(), 0);
        assert_eq!(names(folder.path()), ["file"]);
        write_file(&path, [3; 900]).unwrap();
    });
}

#[test]
fn a_content_comes_in_pieces_or_not_at_all() {
    use std::io::{Error, Write};
    let folder = Folder::new();
    let path = folder.name("file");
    let in_pieces = |last: Result<u32, Error>| {
        write_file_with(&path, |new| {
            for piece in [&b"one "[..], b"two"] {
                new.write_all(piece)?;
            }
            assert!(!path.exists() || fs::read(&path)? == b"one two", "not half-way");
            last.map_err(Box::<dyn std::error::Error>::from)
        })
    };
    assert!(in_pieces(Err(Error::other("no"))).is_err() && names(folder.path()).is_empty());
    assert_eq!(in_pieces(Ok(5)).unwrap(), 5);
    assert_eq!(fs::read(&path).unwrap(), b"one two");
    assert_eq!(in_pieces(Err(Error::other("no"))).unwrap_err().to_string(), "no");
    assert_eq!((fs::read(&path).unwrap(), names(folder.path()).len()), (b"one two".into(), 1));
    let none = folder.name("none/file");
    let error = write_file_with(none, |_| -> Result<(), mman::Error> { Ok(()) }).unwrap_err();
    assert_eq!((error.operation(), error.errno()), (Operation::WriteFile, Some(Errno::ENOENT)));
}

#[test]
fn a_content_in_pieces_is_held_to_the_limit_of_files() {
    child::run(|| {
        use std::io::Write;
        let folder = Folder::new();
        let path = folder.patterned("file", 500);
        limits::set(Resource::Fsize, 1000);
        let written = write_file_with(&path, |new| -> Result<(), Box<dyn std::error::Error>> {
            new.write_all(&[1; 1000])?;
            Ok(new.write_all(&[1])?)
        });
        assert_eq!(written.unwrap_err().to_string(), "File too large (os error 27)");
        pattern::assert_is(&fs::read(&path).unwrap(), 0);
    });
}

/// Killed at 200 random moments while it writes one content after the other, of lengths of its own.
#[test]
fn who_is_killed_leaves_the_old_content_or_the_new() {
    const LENGTHS: [usize; 3] = [1000, 300_000, 70_001];
    let (mut seen, mut moments) = ([0; 3], 0x9e37_79b9_u64);
    for round in 0..200 {
        let companion = companion::start(|| {
            let folder = Folder::new();
            let path = folder.name("file");
            let name = path.display().to_string();
            write_file(&path, pattern::bytes(0, LENGTHS[0])).unwrap();
            thread::spawn(move || {
                for at in (0..3).cycle() {
                    write_file(&path, pattern::bytes(at as u64 * 7, LENGTHS[at])).unwrap();
                }
            });
            (folder, name)
        });
        let Some(mut companion) = companion else { return };
        moments = moments.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        thread::sleep(Duration::from_micros(moments >> 33 & 0x3fff));
        companion.kill();
        let path = Path::new(&companion.said);
        let found = fs::read(path).unwrap();
        let at = LENGTHS.iter().position(|len| *len == found.len());
        let at = at.unwrap_or_else(|| panic!("round {round}: {} bytes", found.len()));
        pattern::assert_is(&found, at as u64 * 7);
        seen[at] += 1;
        fs::remove_dir_all(path.parent().unwrap()).unwrap();
    }
    assert!(seen.iter().all(|count| *count > 0), "each was seen: {seen:?}");
}

/// A view that was made before, and one of the file that took its place, are two.
#[test]
fn a_view_stays_of_the_old_file() {
    let folder = Folder::new();
    let path = folder.patterned("file", page());
    let view = SharedMut::open(&path).unwrap();
    write_file(&path, b"new").unwrap();
    pattern::assert_is(&view.to_vec(..).unwrap(), 0);
    drop(open_read_write(&path));
    view.sync(.., Sync::Full).unwrap(); // it has no name any more
}
