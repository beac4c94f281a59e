//! Bad input to opening and mapping: each has its one clear line, and nothing is lost by it.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    reason = "a test may stop at what it does not expect"
)]

use mman::{
    Anonymous, Cause, Errno, Error, FileObject, HugePageSize, MapFlags, MapOptions, MemoryObject,
    ObjectKind, Operation, PageSize, Protection, RangeError, Reservation,
};
use mman_sys::Seals;
use mman_testkit::files::{Folder, open_read_write};
use mman_testkit::huge::Pool;
use mman_testkit::limits::{self, Resource};
use mman_testkit::mount::{self, Mount};
use mman_testkit::{child, descriptors, line_of, maps, object, page, pattern, require, unchecked};
use std::fs::{self, File};
use std::io::{Read, Seek};
use std::os::unix::net::UnixStream;

/// What an error must be: operation, cause, error number, and parts of its one line.
#[track_caller]
fn assert_error(
    error: &Error,
    operation: Operation,
    cause: Cause,
    errno: Option<Errno>,
    words: &[&str],
) {
    let line = line_of(error);
    assert_eq!(error.cause(), cause, "{line}");
    assert_eq!((error.operation(), error.errno()), (operation, errno), "{line}");
    assert!(line.starts_with(&operation.to_string()), "the operation first: {line}");
    for word in words {
        assert!(line.contains(word), "{word:?} is not in: {line}");
    }
    if let Some(errno) = errno {
        let name = errno.to_string();
        assert!(line.contains(&name), "{name} is not in: {line}");
    }
}

/// Asserts that a file is as it was made, and its descriptor where it was.
#[track_caller]
fn assert_whole(mut file: &File, len: usize) {
    assert_eq!(file.stream_position().unwrap(), 0, "the position of the descriptor");
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).unwrap();
    file.rewind().unwrap();
    assert_eq!(bytes.len(), len);
    pattern::assert_is(&bytes, 0);
}

const RANGE_EMPTY: Cause = Cause::Range(RangeError::Empty);
const RANGE_OVERFLOW: Cause = Cause::Range(RangeError::Overflow);

#[test]
fn length_0() {
    let folder = Folder::new();
    let file = open_read_write(folder.patterned("file", 10_000));
    let object = FileObject::new(&file).unwrap();
    for range in [0..0, 5..5, 4096..4096, 10_000..10_000] {
        let error = MapOptions::shared().range(range.clone()).map(&object).unwrap_err();
        let words = [format!("bytes {}..{} of a regular file", range.start, range.end)];
        assert_error(&error, Operation::Map, RANGE_EMPTY, None, &[&words[0], "length 0"]);
    }
    let error = MapOptions::shared().range(0..0).past_end().map(&object).unwrap_err();
    assert_eq!(error.cause(), RANGE_EMPTY);
    let error = MapOptions::private().range(7..7).map(&Anonymous::new(10)).unwrap_err();
    assert_error(&error, Operation::Map, RANGE_EMPTY, None, &["anonymous memory", "length 0"]);
    let error = Reservation::new(0).unwrap_err();
    assert_error(&error, Operation::Reserve, RANGE_EMPTY, None, &["length 0"]);
    let mut memory = Anonymous::new(5000).map().unwrap();
    memory.write_at(0, &pattern::bytes(0, 5000)).unwrap();
    let error = memory.resize(0, mman::Growth::MayMove).unwrap_err();
    assert_error(&error, Operation::Remap, RANGE_EMPTY, None, &["anonymous memory", "length 0"]);
    let mut bytes = vec![0; 5000];
    memory.read_at(0, &mut bytes).unwrap();
    pattern::assert_is(&bytes, 0);
    assert_whole(&file, 10_000);
}

#[test]
fn offset_and_length_overflow() {
    let folder = Folder::new();
    let file = open_read_write(folder.patterned("file", 10_000));
    let object = FileObject::new(&file).unwrap();
    let shared = MapOptions::shared();
    for options in [shared.range(..=u64::MAX), shared.range(5..=u64::MAX)] {
        for options in [options, options.past_end()] {
            let error = options.map(&object).unwrap_err();
            let words = ["a regular file", "offset + length is past the largest offset"];
            assert_error(&error, Operation::Map, RANGE_OVERFLOW, None, &words);
        }
    }
    // Numbers that only the kernel finds too large: its offsets have 63 bits.
    for start in [1_u64 << 63, i64::MAX as u64 - 4095, u64::MAX - 8191] {
        let options = shared.range(start..start + 8190).past_end();
        let error = options.map(&object).unwrap_err();
        let words = ["offset + length is past the largest offset"];
        assert_error(&error, Operation::Map, RANGE_OVERFLOW, Some(Errno::EOVERFLOW), &words);
    }
    // Lengths that no address space has.
    for end in [u64::MAX, u64::MAX - 1, 1 << 63] {
        let error = shared.range(0..end).past_end().map(&object).unwrap_err();
        assert_error(&error, Operation::Map, Cause::TooLong, None, &["longer than the address"]);
    }
    let error = Reservation::new(usize::MAX).unwrap_err();
    assert_error(&error, Operation::Reserve, Cause::TooLong, None, &["longer than the address"]);
    let error = Reservation::new(1 << 62).unwrap_err();
    assert_eq!((error.cause(), error.errno()), (Cause::NoAddressSpace, Some(Errno::ENOMEM)));
    assert_whole(&file, 10_000);
}

#[test]
fn offset_past_the_end_says_the_size() {
    let folder = Folder::new();
    let file = open_read_write(folder.patterned("file", 10_000));
    let object = FileObject::new(&file).unwrap();
    let shared = MapOptions::shared();
    let starts = Cause::Range(RangeError::StartsPastEnd { start: 10_001, len: 10_000 });
    let error = shared.range(10_001..).map(&object).unwrap_err();
    let words = ["a regular file", "10001", "past the end", "the size is 10000 bytes"];
    assert_error(&error, Operation::Map, starts, None, &words);
    let error = shared.range(10_001..20_000).map(&object).unwrap_err();
    assert_error(&error, Operation::Map, starts, None, &words);
    let error = shared.range(0..10_001).map(&object).unwrap_err();
    let ends = Cause::Range(RangeError::EndsPastEnd { end: 10_001, len: 10_000 });
    assert_error(&error, Operation::Map, ends, None, &words);
    // The byte after the last is no byte of the file either.
    let error = shared.range(10_000..).map(&object).unwrap_err();
    assert!(line_of(&error).contains("length 0"), "{error}");
    #[expect(clippy::reversed_empty_ranges, reason = "what is tested")]
    let error = shared.range(9..3).map(&object).unwrap_err();
    let backwards = Cause::Range(RangeError::Backwards { start: 9, end: 3 });
    assert_error(&error, Operation::Map, backwards, None, &["ends at 3, before its start at 9"]);
    assert_whole(&file, 10_000);
    // The size is that of now, not of when the object was made.
    file.set_len(20_000).unwrap();
    assert_eq!(shared.range(10_001..).map(&object).unwrap().len(), 9_999);
}

#[test]
fn a_fixed_address_that_is_unaligned_taken_or_out_of_bounds() {
    let memory = Anonymous::new(1);
    let private = MapOptions::private();
    for address in [1, page() + 1, page() * 1000 - 1, usize::MAX] {
        let error = private.at(address).map(&memory).unwrap_err();
        let unaligned = RangeError::Unaligned { value: address as u64, page: page() };
        let words = [format!("{address:#x} is not a multiple of the page size")];
        assert_error(&error, Operation::Map, Cause::Range(unaligned), None, &[&words[0]]);
    }
    let mapping = Anonymous::new(page()).map().unwrap();
    mapping.write_at(0, &pattern::bytes(0, page())).unwrap();
    let error = private.at(mapping.as_ptr().addr()).map(&memory).unwrap_err();
    let words = ["bytes 0..1 of anonymous memory", "something is mapped at the address"];
    assert_error(&error, Operation::Map, Cause::AddressTaken, Some(Errno::EEXIST), &words);
    let mut bytes = vec![0; page()];
    mapping.read_at(0, &mut bytes).unwrap();
    pattern::assert_is(&bytes, 0);
    // Above the address space.
    let error = private.at(1 << 60).map(&memory).unwrap_err();
    let words = ["outside what may be mapped"];
    assert_error(&error, Operation::Map, Cause::AddressOutOfBounds, Some(Errno::ENOMEM), &words);
}

/// Address 0 is no place for memory: a mapping there makes null pointers readable. Root may ask the kernel for it
/// and gets it; the library answered with an error and left the page mapped.
#[test]
fn address_0_is_refused_and_nothing_stays_mapped_there() {
    child::run(|| {
        let answer = MapOptions::private().read_write().at(0).map(&Anonymous::new(page()));
        assert!(answer.is_err(), "{answer:?}");
        assert!(maps::is_free(0..page()), "a page stays mapped at address 0");
    });
}

#[test]
fn what_is_no_file_of_bytes_cannot_be_mapped() {
    let folder = Folder::new();
    let name = folder.patterned("file", 10);
    let (reader, writer) = std::io::pipe().unwrap();
    let (socket, _other_end) = UnixStream::pair().unwrap();
    let directory = File::open(folder.path()).unwrap();
    let results = [
        (FileObject::new(&directory).map(drop), ObjectKind::Directory, "a directory"),
        (FileObject::open(folder.path()).map(drop), ObjectKind::Directory, "a directory"),
        (FileObject::new(&reader).map(drop), ObjectKind::Pipe, "a pipe"),
        (FileObject::new(&writer).map(drop), ObjectKind::Pipe, "a pipe"),
        (FileObject::new(&socket).map(drop), ObjectKind::Socket, "a socket"),
        (FileObject::new(object::name_only(name)).map(drop), ObjectKind::NameOnly, "O_PATH"),
    ];
    for (result, kind, words) in results {
        let error = result.unwrap_err();
        assert_eq!(error.object(), kind);
        let words = [words, "cannot be mapped"];
        assert_error(&error, Operation::Open, Cause::NotMappable, None, &words);
    }
    let error = FileObject::open_read_write(folder.path()).unwrap_err();
    assert_eq!(error.errno(), Some(Errno::EISDIR), "{error}");
    assert!(line_of(&error).to_lowercase().contains("is a directory"), "{error}");
}

/// Opening a FIFO waits until somebody writes to it. A program that was given one as a file hung.
#[test]
fn a_fifo_is_refused_without_waiting_for_a_writer() {
    let folder = Folder::new();
    let fifo = folder.fifo("fifo");
    for open in [FileObject::open, FileObject::open_read_write] {
        let error = open(&fifo).unwrap_err();
        assert_eq!(error.object(), ObjectKind::Pipe);
        let words = ["a pipe", "cannot be mapped"];
        assert_error(&error, Operation::Open, Cause::NotMappable, None, &words);
    }
    // The descriptor of a device, which heeds the flag, waits again as it usually does.
    let zero = FileObject::open("/dev/zero").unwrap();
    assert_eq!(status_flags(zero.file()) & O_NONBLOCK, 0);
}

const O_NONBLOCK: u32 = 0o4000;

fn status_flags(file: &File) -> u32 {
    use std::os::fd::AsRawFd;
    let info = fs::read_to_string(format!("/proc/self/fdinfo/{}", file.as_raw_fd())).unwrap();
    let flags = info.lines().find_map(|line| line.strip_prefix("flags:")).unwrap();
    u32::from_str_radix(flags.trim(), 8).unwrap()
}

#[test]
fn a_device_that_cannot_be_mapped() {
    let null = FileObject::open("/dev/null").unwrap();
    assert_eq!((null.kind(), null.size().unwrap()), (ObjectKind::CharacterDevice, None));
    let error = MapOptions::shared().range(0..10).map(&null).unwrap_err();
    let words = ["bytes 0..10 of a character device", "cannot be mapped"];
    assert_error(&error, Operation::Map, Cause::NotMappable, Some(Errno::ENODEV), &words);
    let error = null.map().unwrap_err();
    let words = ["a character device", "does not tell its size"];
    let unbounded = Cause::Range(RangeError::Unbounded);
    assert_error(&error, Operation::Map, unbounded, None, &words);
}

#[test]
fn a_write_only_descriptor() {
    let folder = Folder::new();
    let path = folder.patterned("file", 100);
    let file = object::write_only(&path);
    let error = FileObject::new(&file).unwrap_err();
    let words = ["a regular file", "not open for reading"];
    assert_error(&error, Operation::Open, Cause::NotReadable, None, &words);
    (&file).rewind().unwrap();
    pattern::assert_is(&fs::read(path).unwrap(), 0);
}

#[test]
fn a_read_only_file_mapped_shared_and_writable() {
    let folder = Folder::new();
    let file = File::open(folder.read_only("file", 5000)).unwrap();
    let object = FileObject::new(&file).unwrap();
    let error = MapOptions::shared().read_write().range(10..20).map(&object).unwrap_err();
    let words = ["bytes 10..20 of a regular file", "not open for writing"];
    assert_error(&error, Operation::Map, Cause::NotWritable, Some(Errno::EACCES), &words);
    // What the message proposes works.
    let private = MapOptions::private().read_write().range(10..20).map(&object).unwrap();
    private.write_at(0, b"mine").unwrap();
    assert_whole(&file, 5000);
    // To ask later is refused the same.
    let mut mapping = object.map().unwrap();
    let error = mapping.protect(.., Protection::READ | Protection::WRITE).unwrap_err();
    let words = ["a regular file", "the protection"];
    assert_error(&error, Operation::Protect, Cause::Denied, Some(Errno::EACCES), &words);
    let mut bytes = vec![0; 5000];
    mapping.read_at(0, &mut bytes).unwrap();
    pattern::assert_is(&bytes, 0);
}

#[test]
fn a_missing_file() {
    let folder = Folder::new();
    for open in [FileObject::open, FileObject::open_read_write] {
        let error = open(folder.name("missing")).unwrap_err();
        assert!(line_of(&error).to_lowercase().contains("no such file"), "{error}");
        assert_error(&error, Operation::Open, Cause::Kernel, Some(Errno::ENOENT), &[]);
    }
    let error = FileObject::open(folder.patterned("file", 3).join("below")).unwrap_err();
    assert_eq!(error.errno(), Some(Errno::ENOTDIR));
    assert!(!folder.name("missing").exists());
}

#[test]
fn the_limit_of_locked_memory() {
    child::run(|| {
        let limit = 16 * page() as u64;
        limits::locked_memory(limit);
        let locked = MapOptions::private().read_write().locked();
        let kept = locked.map(&Anonymous::new(4 * page())).unwrap();
        let before = maps::all();
        let error = locked.map(&Anonymous::new(20 * page())).unwrap_err();
        let words = ["anonymous memory", "the limit of locked memory", "65536 bytes"];
        let cause = Cause::LockLimit { limit };
        assert_error(&error, Operation::Map, cause, Some(Errno::EAGAIN), &words);
        // Growing what is locked counts too.
        let mut growing = kept;
        let error = growing.resize(20 * page(), mman::Growth::MayMove).unwrap_err();
        let words = ["anonymous memory", "the limit of locked memory"];
        assert_error(&error, Operation::Remap, cause, Some(Errno::EAGAIN), &words);
        assert_eq!((growing.len(), maps::all().len()), (4 * page(), before.len()));
        drop(growing);
        limits::locked_memory(0);
        let error = locked.map(&Anonymous::new(1)).unwrap_err();
        let cause = Cause::LockLimit { limit: 0 };
        assert_error(&error, Operation::Map, cause, Some(Errno::EPERM), &["locked memory"]);
    });
}

#[test]
fn the_limits_of_address_space_and_of_data() {
    child::run(|| {
        let limit = limits::address_space_used() + (64 << 20);
        limits::set(Resource::As, limit);
        let error = Anonymous::new(128 << 20).map().unwrap_err();
        let cause = Cause::AddressSpaceLimit { limit };
        let words = ["bytes 0..134217728 of anonymous memory", "RLIMIT_AS"];
        assert_error(&error, Operation::Map, cause, Some(Errno::ENOMEM), &words);
        let error = Reservation::new(128 << 20).unwrap_err();
        assert_error(&error, Operation::Reserve, cause, Some(Errno::ENOMEM), &["RLIMIT_AS"]);
    });
}

#[test]
fn growing_over_the_limit_of_address_space_says_so() {
    child::run(|| {
        let mut memory = Anonymous::new(page()).map().unwrap();
        let limit = limits::address_space_used() + (64 << 20);
        limits::set(Resource::As, limit);
        let error = memory.resize(128 << 20, mman::Growth::MayMove).unwrap_err();
        let cause = Cause::AddressSpaceLimit { limit };
        assert_error(&error, Operation::Remap, cause, Some(Errno::ENOMEM), &["RLIMIT_AS"]);
        assert_eq!(memory.len(), page());
    });
}

#[test]
fn the_limit_of_data() {
    child::run(|| {
        let mut space = Reservation::new(128 << 20).unwrap();
        let limit = limits::data_used() + (64 << 20);
        limits::set(Resource::Data, limit);
        let error = Anonymous::new(128 << 20).map().unwrap_err();
        let cause = Cause::DataLimit { limit };
        assert_error(&error, Operation::Map, cause, Some(Errno::ENOMEM), &["RLIMIT_DATA"]);
        let error = space.commit(..).unwrap_err();
        assert_error(&error, Operation::Commit, cause, Some(Errno::ENOMEM), &["RLIMIT_DATA"]);
        assert_eq!(maps::accesses(space.address()..space.address() + space.len()), ["---p"]);
    });
}

#[test]
fn more_memory_than_the_kernel_promises() {
    let mode = fs::read_to_string("/proc/sys/vm/overcommit_memory").unwrap();
    if !require::holds(mode.trim() == "0", "vm.overcommit_memory 0") {
        return;
    }
    let much = 1_usize << 45;
    let error = Anonymous::new(much).map().unwrap_err();
    let words = ["anonymous memory", "more memory than the kernel promises"];
    assert_error(&error, Operation::Map, Cause::Overcommit, Some(Errno::ENOMEM), &words);
    // What the message proposes works.
    let options = MapOptions::private().read_write().no_reserve();
    assert_eq!(options.map(&Anonymous::new(much)).unwrap().len(), much);
    let error = options.map(&Anonymous::new(1 << 48)).unwrap_err();
    assert_error(&error, Operation::Map, Cause::NoAddressSpace, Some(Errno::ENOMEM), &["no gap"]);
}

#[test]
fn seals_flags_and_mounts_that_forbid() {
    let sealed = object::memfd(5000);
    object::seal(&sealed, Seals::WRITE).unwrap();
    let object = FileObject::new(&sealed).unwrap();
    let error = MapOptions::shared().read_write().map(&object).unwrap_err();
    let words = ["bytes 0..5000 of a regular file", "sealed"];
    assert_error(&error, Operation::Map, Cause::Sealed, Some(Errno::EPERM), &words);
    let mut bytes = vec![0; 5000];
    object.map().unwrap().read_at(0, &mut bytes).unwrap();
    pattern::assert_is(&bytes, 0);
    // A flag of the future, and one for another file system.
    let folder = Folder::new();
    let file = FileObject::open_read_write(folder.patterned("file", 100)).unwrap();
    let validated = MapOptions::shared().validate();
    let unknown = unchecked::flags(validated, MapFlags::from_bits(0x0200_0000));
    for options in [unknown, MapOptions::shared().dax_sync()] {
        let error = options.map(&file).unwrap_err();
        let words = ["bytes 0..100 of a regular file", "a flag that"];
        assert_error(&error, Operation::Map, Cause::UnknownFlag, Some(Errno::EOPNOTSUPP), &words);
    }
    pattern::assert_is(&fs::read(folder.name("file")).unwrap(), 0);
}

#[test]
fn a_file_system_without_execution() {
    child::run(|| {
        if !require::root() {
            return;
        }
        mount::be_alone();
        let folder = Folder::new();
        let _mount = Mount::without_execution(folder.path()).unwrap();
        let file = FileObject::open(folder.patterned("file", 100)).unwrap();
        let options = MapOptions::private().protection(Protection::READ | Protection::EXEC);
        let error = options.map(&file).unwrap_err();
        let words = ["bytes 0..100 of a regular file", "noexec"];
        assert_error(&error, Operation::Map, Cause::NoExec, Some(Errno::EPERM), &words);
    });
}

#[test]
fn huge_pages_that_are_not_there() {
    let Some(_alone_with_it) = Pool::with(0) else { return };
    let before = (Pool::total(), Pool::free(), Pool::promised());
    let size = PageSize::new(Pool::page_size()).unwrap();
    let options = MapOptions::private().read_write().huge_pages(HugePageSize::new(size));
    let many = (before.1 + 1) * size.bytes();
    let error = options.map(&Anonymous::new(many)).unwrap_err();
    let cause = Cause::HugePagePool { page: size.bytes() };
    let words = ["anonymous memory", "too few free huge pages of 2097152 bytes"];
    assert_error(&error, Operation::Map, cause, Some(Errno::ENOMEM), &words);
    assert_eq!((Pool::total(), Pool::free(), Pool::promised()), before);
    let absent = HugePageSize::MIB_16;
    if require::holds(!HugePageSize::available().contains(&absent), "no pages of 16 MiB") {
        let options = MapOptions::private().huge_pages(absent);
        let error = options.map(&Anonymous::new(1)).unwrap_err();
        let cause = Cause::HugePageSize { page: 16 << 20 };
        let words = ["this machine has no huge pages of 16777216 bytes"];
        assert_error(&error, Operation::Map, cause, Some(Errno::EINVAL), &words);
    }
}

/// Huge pages were asked for on an ordinary file, and the error blamed the machine, which has them.
#[test]
fn huge_pages_of_a_file_that_has_none_are_not_blamed_on_the_machine() {
    let size = PageSize::new(Pool::page_size()).map(HugePageSize::new).unwrap();
    if !require::holds(HugePageSize::available().contains(&size), "huge pages in the kernel") {
        return;
    }
    let folder = Folder::new();
    let file = FileObject::open(folder.patterned("file", 100)).unwrap();
    let error = MapOptions::shared().huge_pages(size).map(&file).unwrap_err();
    let said = line_of(&error);
    assert!(!matches!(error.cause(), Cause::HugePageSize { .. }), "{said}");
}

/// `private().validate()` is the union of two map types, and the number of a third: shared. A store to a mapping
/// that was asked for as private reached the file.
#[test]
fn validating_a_private_mapping_never_makes_it_shared() {
    let folder = Folder::new();
    let path = folder.patterned("file", 5000);
    let file = FileObject::open_read_write(&path).unwrap();
    let private = MapOptions::private().read_write();
    for options in [private.validate(), private.dax_sync()] {
        if let Ok(mapping) = options.map(&file) {
            assert!(!mapping.is_shared(), "a private mapping is shared");
            mapping.write_at(0, &[0; 100]).unwrap();
        }
        pattern::assert_is(&fs::read(&path).unwrap(), 0);
    }
}

#[test]
fn no_refusal_leaves_a_descriptor_or_a_mapping_behind() {
    child::run(|| {
        let folder = Folder::new();
        let path = folder.patterned("file", 10_000);
        let fifo = folder.fifo("fifo");
        let all = || {
            FileObject::open(folder.path()).unwrap_err();
            FileObject::open(folder.name("missing")).unwrap_err();
            FileObject::open(&fifo).unwrap_err();
            FileObject::new(object::write_only(&path)).unwrap_err();
            let file = FileObject::open(&path).unwrap();
            MapOptions::shared().read_write().map(&file).unwrap_err();
            MapOptions::shared().range(0..0).map(&file).unwrap_err();
            MapOptions::shared().range(20_000..).map(&file).unwrap_err();
            MapOptions::shared().dax_sync().map(&file).unwrap_err();
            MapOptions::shared().at(12_345).map(&file).unwrap_err();
            Reservation::new(usize::MAX).unwrap_err();
            Reservation::new(1 << 60).unwrap_err();
        };
        all(); // what the process allocates for it is there from here on
        let before = (maps::all(), descriptors::all());
        for _ in 0..50 {
            all();
        }
        assert_eq!((maps::all(), descriptors::all()), before);
        assert_eq!(mman::leaked(), 0);
    });
}
