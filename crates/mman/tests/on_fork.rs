//! What a fork does with pages: copied, left out, wiped; the parent keeps its own in each case.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may stop at what it does not expect"
)]

use mman::{Anonymous, Cause, FileObject, MapOptions, Mapping, OnFork, Operation, Reservation};
use mman_testkit::files::Folder;
use mman_testkit::{child, fork, line_of, maps, page, pattern};

fn filled(options: MapOptions, pages: usize) -> Mapping {
    let memory = options.read_write().map(&Anonymous::new(pages * page())).unwrap();
    memory.write_at(0, &pattern::bytes(0, pages * page())).unwrap();
    memory
}

/// What a page is in a child: its first byte with something in it, or a hole.
fn seen_by_child(memory: &Mapping, index: usize) -> &'static str {
    let address = memory.as_ptr().addr() + index * page();
    let status = fork::and_wait(|| match mman_testkit::memory::read(address, page()) {
        None if maps::is_free(address..address + page()) => 1,
        None => 2,
        Some(bytes) if bytes.iter().all(|byte| *byte == 0) => 3,
        Some(bytes) => {
            pattern::assert_is(&bytes, (index * page()) as u64);
            4
        }
    });
    match status.code() {
        Some(1) => "hole",
        Some(3) => "zeros",
        Some(4) => "copy",
        _ => panic!("{status}"),
    }
}

fn assert_ours(memory: &Mapping) {
    let mut bytes = vec![0; memory.len()];
    memory.read_at(0, &mut bytes).unwrap();
    pattern::assert_is(&bytes, 0);
}

#[test]
fn each_page_is_what_was_said_for_it() {
    child::run(|| {
        let mut memory = filled(MapOptions::private(), 4);
        memory.on_fork(page()..2 * page(), OnFork::Leave).unwrap();
        memory.on_fork(2 * page()..3 * page(), OnFork::Wipe).unwrap();
        let expected = ["copy", "hole", "zeros", "copy"];
        for (index, expected) in expected.into_iter().enumerate() {
            assert_eq!(seen_by_child(&memory, index), expected, "page {index}");
        }
        assert_ours(&memory);
        // Each of the three can follow each other.
        for how in
            [OnFork::Wipe, OnFork::Leave, OnFork::Copy, OnFork::Leave, OnFork::Wipe, OnFork::Copy]
        {
            memory.on_fork(.., how).unwrap();
            let expected = match how {
                OnFork::Copy => "copy",
                OnFork::Leave => "hole",
                OnFork::Wipe => "zeros",
            };
            assert_eq!(seen_by_child(&memory, 2), expected, "{how:?}");
        }
        assert_ours(&memory);
    });
}

#[test]
fn a_new_mapping_begins_with_it() {
    child::run(|| {
        let wiped = filled(MapOptions::private().on_fork(OnFork::Wipe), 2);
        assert_eq!(seen_by_child(&wiped, 1), "zeros");
        let left = filled(MapOptions::shared().on_fork(OnFork::Leave), 2);
        assert_eq!(seen_by_child(&left, 0), "hole");
        let copied = filled(MapOptions::private().on_fork(OnFork::Copy), 2);
        assert_eq!(seen_by_child(&copied, 0), "copy");
        for memory in [wiped, left, copied] {
            assert_ours(&memory);
        }
        let mut space = Reservation::new(4 * page()).unwrap();
        let options = MapOptions::private().read_write().on_fork(OnFork::Wipe);
        space.place(page(), &options, &Anonymous::new(page())).unwrap();
        space.write_at(page(), b"secret").unwrap();
        let status = fork::and_wait(|| {
            let mut bytes = [1; 6];
            space.read_at(page(), &mut bytes).unwrap();
            bytes[0]
        });
        assert_eq!(status.code(), Some(0), "what is placed keeps it");
    });
}

#[test]
fn only_private_anonymous_memory_is_wiped() {
    let folder = Folder::new();
    let file = FileObject::open_read_write(folder.patterned("file", page())).unwrap();
    let mut mappings = [
        MapOptions::shared().read_write().map(&Anonymous::new(page())).unwrap(),
        MapOptions::private().read_write().map(&file).unwrap(),
        file.map().unwrap(),
    ];
    for mapping in &mut mappings {
        let error = mapping.on_fork(.., OnFork::Wipe).unwrap_err();
        assert_eq!((error.operation(), error.cause()), (Operation::OnFork, Cause::NotAnonymous));
        assert!(line_of(&error).contains("private anonymous"), "{error}");
        mapping.on_fork(.., OnFork::Leave).unwrap();
        mapping.on_fork(.., OnFork::Copy).unwrap();
    }
    let options = MapOptions::shared().on_fork(OnFork::Wipe);
    assert_eq!(options.map(&file).unwrap_err().cause(), Cause::NotAnonymous);
}

/// A grandchild of a wiped page finds zeros too, and what the child wrote is its own.
#[test]
fn wiping_goes_on_in_children_of_children() {
    child::run(|| {
        let mut memory = filled(MapOptions::private(), 1);
        memory.on_fork(.., OnFork::Wipe).unwrap();
        let status = fork::and_wait(|| {
            memory.write_at(0, b"of the child").unwrap();
            let inner = fork::and_wait(|| {
                let mut bytes = [1; 12];
                memory.read_at(0, &mut bytes).unwrap();
                u8::from(bytes == [0; 12])
            });
            u8::try_from(inner.code().unwrap()).unwrap()
        });
        assert_eq!(status.code(), Some(1));
        assert_ours(&memory);
    });
}
