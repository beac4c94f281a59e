//! What the library tells of mappings is what the kernel prints: names that look like something else, lists that
//! are long, processes that end while they are looked at, and texts that no kernel wrote.
//!
//! Programs that split a line of `maps` at white space lose the end of "/my files/a", take "a\nb" for two
//! files, and print half a list as if it were whole when the process ends.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test may stop at what it does not expect"
)]

use mman::inspect::{self, Entry, Maps, Name};
use mman::kernel::Feature;
use mman::process::Process;
use mman::{
    Anonymous, Cause, Errno, FileObject, HugePageSize, MapOptions, Mapping, ObjectKind, Operation,
    Protection, Reservation,
};
use mman_sys::SecretFlags;
use mman_testkit::files::Folder;
use mman_testkit::huge::Pool;
use mman_testkit::system_v::SystemV;
use mman_testkit::{child, companion, line_of, maps as lines, object, page, require};
use proptest::prelude::*;
use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Command, Stdio};

/// The entry of a mapping of ours: from the list, by its address, and with its memory, which must be the same.
#[track_caller]
fn entry_of(mapping: &Mapping) -> Entry {
    let address = mapping.as_ptr().addr();
    let mut tries = 0;
    loop {
        let [listed, found, detailed] = told_of(address);
        // Other tests map beside it meanwhile, and private memory joins its neighbour.
        if (listed == found && listed == detailed) || tries == 100 {
            assert_eq!((&found, &detailed), (&listed, &listed));
            return listed;
        }
        tries += 1;
    }
}

/// What the three ways of asking tell of an address.
fn told_of(address: usize) -> [Entry; 3] {
    let myself = Process::myself();
    let has = |entry: &Entry| entry.addresses().contains(&address);
    let listed = myself.maps().unwrap().map(Result::unwrap).find(has).unwrap();
    let found = inspect::find(&myself, address).unwrap().expect("it is mapped");
    let mut smaps = myself.smaps().unwrap().map(Result::unwrap);
    let (detailed, usage) = smaps.find(|(entry, _)| has(entry)).unwrap();
    assert_eq!(usage.size(), Some(detailed.len() as u64));
    [listed, found, detailed]
}

#[test]
fn every_column_is_told() {
    let folder = Folder::new();
    let path = folder.patterned("file", 3 * page());
    let file = FileObject::open_read_write(&path).unwrap();
    let options = MapOptions::shared().read_write().range(page() as u64..);
    let mapping = options.map(&file).unwrap();
    let entry = entry_of(&mapping);
    let start = mapping.as_ptr().addr();
    assert_eq!((entry.addresses(), entry.len()), (start..start + 2 * page(), 2 * page()));
    assert_eq!(entry.protection(), Protection::READ | Protection::WRITE);
    assert!(entry.is_shared() && !entry.is_deleted());
    let meta = fs::metadata(&path).unwrap();
    assert_eq!((entry.offset(), entry.inode()), (page() as u64, meta.ino()));
    let (major, minor) = (rustix::fs::major(meta.dev()), rustix::fs::minor(meta.dev()));
    assert_eq!(entry.device(), (major, minor));
    assert_eq!((entry.name(), entry.object()), (Name::File(&path), ObjectKind::File));
    let private = MapOptions::private().protection(Protection::NONE).map(&file).unwrap();
    let entry = entry_of(&private);
    assert_eq!((entry.protection(), entry.is_shared()), (Protection::NONE, false));
}

#[test]
fn file_names_come_as_they_are() {
    let folder = Folder::new();
    let names = [
        "two words",
        " first",
        "last ",
        "tab\t",
        "a\nb",
        "\n",
        "back\\slash",
        "end\\",
        "\\01",
        "x (deleted) y",
        "[heap]",
        "1000-2000 r--p 0 0:0 0 x",
        "Size: 4 kB",
        "\u{e4}\u{1f980}",
        "*[?",
    ];
    for name in names {
        let path = folder.patterned(name, 1);
        let mapping = FileObject::open(&path).unwrap().map().unwrap();
        let entry = entry_of(&mapping);
        assert_eq!(entry.name(), Name::File(&path), "{name:?}");
        assert_eq!(entry.kernel_name(), path.as_os_str(), "{name:?}");
        assert!(!entry.is_deleted() && Process::myself().still_has(&entry).unwrap(), "{name:?}");
        fs::remove_file(&path).unwrap();
        let entry = entry_of(&mapping);
        assert_eq!(entry.name(), Name::File(&path), "{name:?}");
        assert!(entry.is_deleted() && !Process::myself().still_has(&entry).unwrap(), "{name:?}");
    }
}

/// The text prints both of these names alike.
#[test]
fn a_newline_is_told_from_the_four_characters_that_stand_for_it() {
    if !require::feature(Feature::ProcmapQuery) {
        return;
    }
    let folder = Folder::new();
    let paths = ["a\nb\\012c", "a\\012b\nc", "a\\012b\\012c"].map(|name| folder.patterned(name, 1));
    let mappings = paths.clone().map(|path| FileObject::open(path).unwrap().map().unwrap());
    for (path, mapping) in paths.iter().zip(&mappings) {
        assert_eq!(entry_of(mapping).name(), Name::File(path));
    }
    // In a text that was kept nobody can be asked.
    let kept = "1000-2000 r--p 00000000 00:00 1 /a\\012b\\c\n";
    let entry = Maps::of_text(kept.as_bytes()).next().unwrap().unwrap();
    assert_eq!(entry.kernel_name(), "/a\nb\\c");
}

/// And nothing in it tells a deleted file from one of that name: the file system does.
#[test]
fn a_file_whose_name_says_deleted_is_still_there() {
    let folder = Folder::new();
    let path = folder.patterned("x (deleted)", 1);
    let mapping = FileObject::open(&path).unwrap().map().unwrap();
    let entry = entry_of(&mapping);
    assert_eq!(entry.kernel_name(), path.as_os_str());
    assert!(Process::myself().still_has(&entry).unwrap());
    let ourselves = Process::open(std::process::id()).unwrap();
    assert!(ourselves.still_has(&entry).unwrap(), "seen from its root");
    // Another file takes the place.
    fs::remove_file(&path).unwrap();
    assert_eq!(folder.patterned("x (deleted)", 1), path);
    let entry = entry_of(&mapping);
    assert_eq!(entry.name(), Name::File(&path));
    assert!(entry.is_deleted() && !ourselves.still_has(&entry).unwrap());
    let memory = Anonymous::new(1).map().unwrap();
    assert!(!ourselves.still_has(&entry_of(&memory)).unwrap());
}

#[test]
fn memory_without_a_file_has_its_kind() {
    let private = Anonymous::new(1).map().unwrap();
    assert!(matches!(entry_of(&private).name(), Name::None));
    assert_eq!(entry_of(&private).object(), ObjectKind::Anonymous);
    let shared = MapOptions::shared().read_write().map(&Anonymous::new(1)).unwrap();
    let entry = entry_of(&shared);
    assert_eq!((entry.name(), entry.object()), (Name::SharedAnonymous, ObjectKind::Anonymous));
    assert!(entry.is_shared() && entry.is_deleted() && entry.inode() != 0);
    let memfd = FileObject::new(object::memfd(page())).unwrap().map().unwrap();
    let entry = entry_of(&memfd);
    assert_eq!(entry.name(), Name::MemFd(OsStr::new("mman-testkit")));
    assert_eq!(entry.object(), ObjectKind::MemFd);
    let folder = Folder::in_shared_memory();
    let path = folder.patterned("shm", 1);
    let shm = FileObject::open(&path).unwrap().map().unwrap();
    assert_eq!(entry_of(&shm).name(), Name::File(&path));
    assert_eq!(entry_of(&shm).object(), ObjectKind::SharedMemory);
    if require::feature(Feature::SecretMemory) {
        let file = object::own(mman_sys::memfd_secret(SecretFlags::CLOEXEC).unwrap());
        file.set_len(page() as u64).unwrap();
        let secret = MapOptions::shared().map(&FileObject::new(file).unwrap()).unwrap();
        assert_eq!(
            (entry_of(&secret).name(), entry_of(&secret).object()),
            (Name::Secret, ObjectKind::Secret)
        );
    }
    if require::feature(Feature::AnonymousNames) {
        let named = Anonymous::new(1).map().unwrap();
        let start = named.as_ptr().cast();
        mman_sys::set_anonymous_name(start, page(), Some(c"a name")).unwrap();
        assert_eq!(entry_of(&named).name(), Name::Anonymous(OsStr::new("a name")));
    }
}

#[test]
fn what_the_kernel_maps_by_itself_has_its_word() {
    let all: Vec<Entry> = Process::myself().maps().unwrap().map(Result::unwrap).collect();
    for name in [Name::Heap, Name::Stack, Name::Vdso] {
        assert_eq!(all.iter().filter(|entry| entry.name() == name).count(), 1, "{name:?}");
    }
    // The page at the top of all is in the list, and is found there.
    if let Some(top) = all.iter().find(|entry| entry.kernel_name() == "[vsyscall]") {
        let found = inspect::find(&Process::myself(), top.addresses().start).unwrap();
        assert_eq!(found.as_ref(), Some(top));
    }
    for nothing in [0, page() - 1, usize::MAX, isize::MAX.cast_unsigned(), 1 << 63] {
        assert_eq!(inspect::find(&Process::myself(), nothing).unwrap(), None, "{nothing:#x}");
    }
}

#[test]
fn huge_pages_have_their_names() {
    let Some(_pool) = Pool::with(2) else { return };
    let mut size = HugePageSize::available().into_iter();
    let size = size.find(|size| size.page_size().bytes() == Pool::page_size()).unwrap();
    let huge = MapOptions::private().read_write().huge_pages(size).map(&Anonymous::new(1)).unwrap();
    assert_eq!(entry_of(&huge).name(), Name::AnonymousHuge);
    let file = object::huge_memfd(Pool::page_size());
    let memfd = MapOptions::shared().map(&FileObject::new(file).unwrap()).unwrap();
    let entry = entry_of(&memfd);
    assert_eq!(entry.name(), Name::MemFd(OsStr::new("big one")));
    assert_eq!(entry.len(), Pool::page_size());
}

#[test]
fn system_v_memory_is_told_by_its_key() {
    let key = 0x6d6d_0000 | (std::process::id() & 0xffff);
    let Some(memory) = SystemV::attach(key, page()) else { return };
    let entry = inspect::find(&Process::myself(), memory.address()).unwrap().unwrap();
    assert_eq!((entry.name(), entry.object()), (Name::SystemV { key }, ObjectKind::SharedMemory));
}

/// The parser of the test kit is another one: both must tell the same of ten thousand mappings.
#[test]
fn ten_thousand_mappings_are_all_told() {
    child::run(|| {
        let mut space = Reservation::new(10_002 * page()).unwrap();
        for at in (1..10_001).step_by(2) {
            space.protect(at * page()..(at + 1) * page(), Protection::READ).unwrap();
        }
        let range = space.address()..space.address() + space.len();
        let inside = |at: &std::ops::Range<usize>| at.start < range.end && range.start < at.end;
        let ours: Vec<_> = Process::myself().maps().unwrap().map(Result::unwrap).collect();
        let theirs = lines::all();
        let ours: Vec<_> = ours.iter().filter(|entry| inside(&entry.addresses())).collect();
        let theirs: Vec<_> = theirs.iter().filter(|entry| inside(&entry.range)).collect();
        assert!(ours.len() > 10_000 && ours.len() == theirs.len());
        for (ours, theirs) in ours.iter().zip(&theirs) {
            assert_eq!(ours.addresses(), theirs.range);
            assert_eq!(access(ours), theirs.access);
        }
        let (mut smaps, mut entry) = (Process::myself().smaps().unwrap(), Entry::default());
        let mut usage = inspect::Usage::default();
        let mut count = 0;
        while smaps.read_into(&mut entry, &mut usage).unwrap() {
            count += usize::from(inside(&entry.addresses()));
        }
        assert_eq!(count, ours.len());
        let middle = range.start + 5001 * page();
        assert_eq!(
            inspect::find(&Process::myself(), middle).unwrap().unwrap().addresses(),
            middle..middle + page()
        );
    });
}

fn access(entry: &Entry) -> String {
    let letter = |right, letter| if entry.protection().contains(right) { letter } else { '-' };
    let sharing = if entry.is_shared() { 's' } else { 'p' };
    [
        letter(Protection::READ, 'r'),
        letter(Protection::WRITE, 'w'),
        letter(Protection::EXEC, 'x'),
        sharing,
    ]
    .into_iter()
    .collect()
}

/// Half a list is no list: the end of the process is an error, though the kernel prints it as an end of text.
#[test]
fn a_process_that_ends_while_it_is_read_is_an_error() {
    let started = companion::start(|| {
        let mut space = Reservation::new(10_002 * page()).unwrap();
        for at in (1..10_001).step_by(2) {
            space.protect(at * page()..(at + 1) * page(), Protection::READ).unwrap();
        }
        (space, "mapped".to_owned())
    });
    let Some(mut other) = started else { return };
    let process = Process::open(other.pid()).unwrap();
    let mut maps = process.maps().unwrap();
    let mut smaps = process.smaps().unwrap();
    for _ in 0..10 {
        assert!(maps.next().unwrap().is_ok() && smaps.next().unwrap().is_ok());
    }
    other.kill();
    other.wait();
    let error = maps.find_map(Result::err).expect("an error, not a short list");
    assert_eq!((error.cause(), error.errno()), (Cause::NoProcess, Some(Errno::ESRCH)));
    assert_eq!((error.operation(), error.object()), (Operation::Inspect, ObjectKind::Process));
    assert!(maps.next().is_none() && maps.next().is_none(), "and then nothing");
    let error = smaps.find_map(Result::err).expect("an error, not a short list");
    assert_eq!(error.cause(), Cause::NoProcess);
    assert!(smaps.next().is_none());
    let line = line_of(&error);
    assert!(line.starts_with("inspect a process: ") && line.contains("ended"), "{line}");
}

/// A program that is replaced takes its mappings with it.
#[test]
fn a_process_that_runs_another_program_while_it_is_read_is_an_error() {
    if !require::program("sh") {
        return;
    }
    let mut command = Command::new("sh");
    command.args(["-c", "read x; exec cat"]).stdin(Stdio::piped()).stdout(Stdio::null());
    let mut shell = command.spawn().unwrap();
    let process = Process::open(shell.id()).unwrap();
    let mut maps = loop {
        // Until the shell is what runs there.
        let mut maps = process.maps().unwrap();
        let first = maps.next().unwrap().unwrap();
        if matches!(first.name(), Name::File(path) if path != std::env::current_exe().unwrap()) {
            break maps;
        }
    };
    shell.stdin.as_mut().unwrap().write_all(b"go\n").unwrap();
    let name = format!("/proc/{}/comm", shell.id());
    while fs::read_to_string(&name).unwrap() != "cat\n" {
        std::thread::yield_now();
    }
    let error = maps.find_map(Result::err).expect("an error");
    assert_eq!(error.cause(), Cause::NoProcess);
    drop(shell.stdin.take());
    shell.wait().unwrap();
}

/// What a line says, by the parsers of the standard library.
fn says(line: &[u8], entry: &Entry) -> bool {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let mut columns = line.splitn(6, |byte| *byte == b' ');
    let mut next = || std::str::from_utf8(columns.next().unwrap_or_default()).unwrap_or("?");
    let hex = |digits: &str| u64::from_str_radix(digits, 16).ok();
    let (start, end) = next().split_once('-').unwrap_or_default();
    let addresses = entry.addresses();
    let mut same =
        hex(start) == Some(addresses.start as u64) && hex(end) == Some(addresses.end as u64);
    same &= next() == access(entry) && hex(next()) == Some(entry.offset());
    let (major, minor) = next().split_once(':').unwrap_or_default();
    same &=
        [hex(major), hex(minor)] == [Some(entry.device().0.into()), Some(entry.device().1.into())];
    same && next().parse() == Ok(entry.inode())
}

/// All that is told of a text must be in it, line by line up to the first error.
fn assert_true_to(text: &[u8]) {
    let mut lines = text.split_inclusive(|byte| *byte == b'\n');
    for entry in Maps::of_text(text) {
        let line = lines.next().expect("an answer for each line");
        match entry {
            Ok(entry) => {
                assert!(line.ends_with(b"\n"), "half a line: {line:?}");
                assert!(says(line, &entry), "{:?}: {entry:?}", String::from_utf8_lossy(line));
            }
            Err(error) => return assert!(matches!(error.cause(), Cause::NotUnderstood { .. })),
        }
    }
    assert!(lines.next().is_none(), "a line was passed over");
}

#[test]
fn a_text_that_is_cut_is_an_error_or_its_first_lines() {
    let text = fs::read("/proc/self/maps").unwrap();
    assert_true_to(&text);
    let whole: Vec<Entry> = Maps::of_text(&text[..]).map(Result::unwrap).collect();
    for cut in 0..text.len() {
        let part = &text[..cut];
        let answers: Vec<_> = Maps::of_text(part).collect();
        let lines = part.iter().filter(|byte| **byte == b'\n').count();
        let at_end = part.is_empty() || part.ends_with(b"\n");
        assert_eq!(answers.len(), lines + usize::from(!at_end), "cut at {cut}");
        assert_eq!(answers.last().is_some_and(Result::is_err), !at_end, "cut at {cut}");
        for (entry, answer) in whole.iter().zip(answers.iter().take(lines)) {
            assert_eq!(answer.as_ref().unwrap(), entry);
        }
    }
}

#[test]
fn the_line_that_is_wrong_is_told_and_ends_it() {
    let text = b"1000-2000 r--p 0 00:00 0 \n2000-3000 r--p 0 00:00 0 \nnonsense\n3000-4000 r--p 0 00:00 0 \n";
    let answers: Vec<_> = Maps::of_text(&text[..]).collect();
    assert_eq!(answers.len(), 3);
    let error = answers[2].as_ref().unwrap_err();
    assert_eq!((error.cause(), error.errno()), (Cause::NotUnderstood { line: 3 }, None));
    assert!(line_of(error).contains("line 3"));
    // A line that no kernel could print does not fill the memory.
    let endless = std::io::repeat(b'a');
    assert!(Maps::of_text(endless).next().unwrap().is_err());
}

#[test]
fn a_reader_may_give_a_byte_at_a_time_and_may_fail() {
    struct Slow<'text>(&'text [u8], bool);
    impl std::io::Read for Slow<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            self.1 = !self.1;
            match self.0.split_first() {
                _ if self.1 => Err(std::io::ErrorKind::Interrupted.into()),
                Some((byte, rest)) => {
                    buffer[0] = *byte;
                    self.0 = rest;
                    Ok(1)
                }
                None => Err(std::io::Error::from_raw_os_error(Errno::EIO.raw())),
            }
        }
    }
    let text = fs::read("/proc/self/maps").unwrap();
    let mut answers: Vec<_> = Maps::of_text(Slow(&text, false)).collect();
    let error = answers.pop().unwrap().unwrap_err();
    assert_eq!(error.errno(), Some(Errno::EIO));
    let slow: Vec<Entry> = answers.into_iter().map(Result::unwrap).collect();
    let fast: Vec<Entry> = Maps::of_text(&text[..]).map(Result::unwrap).collect();
    assert_eq!(slow, fast);
}

fn damage() -> impl Strategy<Value = Vec<(usize, u8, u8)>> {
    proptest::collection::vec((any::<usize>(), any::<u8>(), 0..5_u8), 1..8)
}

/// Bytes changed, taken out, put in, doubled, cut off.
fn damaged(text: &[u8], damage: &[(usize, u8, u8)]) -> Vec<u8> {
    const LIKELY: &[u8] = b" \n-:0f9zrwxps/\\[A\0\xff";
    let mut text = text.to_vec();
    for (at, byte, how) in damage {
        let at = at % (text.len().max(1));
        let byte = LIKELY.get(usize::from(*byte)).copied().unwrap_or(*byte);
        match how {
            0 => text.insert(at, byte),
            1 if !text.is_empty() => drop(text.remove(at)),
            2 => text.extend_from_within(at..(at + usize::from(byte)).min(text.len())),
            3 if byte < 32 => text.truncate(at),
            _ => text.iter_mut().skip(at).take(1).for_each(|old| *old = byte),
        }
    }
    text
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn damaged_texts_tell_nothing_untrue(damage in damage()) {
        let text = fs::read("/proc/self/maps").unwrap();
        assert_true_to(&damaged(&text, &damage));
    }

    #[test]
    fn any_bytes_tell_nothing_untrue(text in proptest::collection::vec(any::<u8>(), 0..500)) {
        assert_true_to(&text);
    }

    #[test]
    fn lines_like_the_kernels_are_told(
        start in 0..u64::MAX, len in 1..u64::MAX, offset: u64, device: (u32, u32), inode: u64,
        rights in "[r-][w-][x-][sp]", name in "(/[ -~]{0,30}[!-~])?",
    ) {
        let end = start.saturating_add(len);
        let (major, minor) = device;
        let text = format!(
            "{start:08x}-{end:08x} {rights} {offset:08x} {major:02x}:{minor:02x} {inode} {name:>40}\n"
        );
        assert_true_to(text.as_bytes());
        let entry = Maps::of_text(text.as_bytes()).next().unwrap().unwrap();
        let name = name.replace("\\012", "\n");
        prop_assert_eq!(Path::new(entry.kernel_name()), Path::new(&name));
    }
}
