//! After a fork both processes have the mappings, and what one does to its own is nothing to the other.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    reason = "a test may stop at what it does not expect"
)]

use mman::{
    Anonymous, Discard, FileObject, Growth, Hint, MapOptions, Mapping, Protection, Reservation,
};
use mman_testkit::files::Folder;
use mman_testkit::{child, fork, maps, page, pattern};
use std::fs;

const LEN: usize = 5 * 4096 + 9;

#[track_caller]
fn assert_pattern(mapping: &Mapping) {
    let mut bytes = vec![0; mapping.len()];
    mapping.read_at(0, &mut bytes).unwrap();
    pattern::assert_is(&bytes, 0);
}

/// Runs the body in a fork, which must come to its end.
#[track_caller]
fn forked(body: impl FnOnce()) {
    let status = fork::and_wait(|| {
        body();
        7
    });
    assert_eq!(status.code(), Some(7), "{status}");
}

fn filled(options: MapOptions) -> Mapping {
    let memory = options.read_write().map(&Anonymous::new(LEN)).unwrap();
    memory.write_at(0, &pattern::bytes(0, LEN)).unwrap();
    memory
}

#[test]
fn what_the_child_drops_the_parent_keeps() {
    child::run(|| {
        let folder = Folder::new();
        let file = FileObject::open_read_write(folder.patterned("file", LEN)).unwrap();
        let mappings = [
            filled(MapOptions::private()),
            filled(MapOptions::shared()),
            file.map().unwrap(),
            MapOptions::private().read_write().map(&file).unwrap(),
        ];
        for mapping in mappings {
            let mut slot = Some(mapping);
            forked(|| {
                let mapping = slot.take().unwrap();
                let range = mapping.as_ptr().addr()..mapping.as_ptr().addr() + mapping.mapped_len();
                assert_pattern(&mapping);
                drop(mapping);
                assert!(maps::is_free(range), "it is really unmapped there");
                assert_eq!(mman::leaked(), 0);
            });
            let mapping = slot.take().expect("what the child took was its own copy");
            assert_pattern(&mapping);
            mapping.unmap().unwrap();
        }
        let mut object = Some(file);
        forked(|| drop(object.take()));
        assert_pattern(&object.unwrap().map().unwrap());
    });
}

#[test]
fn stores_go_where_the_sharing_says() {
    child::run(|| {
        let folder = Folder::new();
        let file = FileObject::open_read_write(folder.patterned("file", LEN)).unwrap();
        let cases = [
            (filled(MapOptions::private()), false),
            (filled(MapOptions::shared()), true),
            (MapOptions::shared().read_write().map(&file).unwrap(), true),
            (MapOptions::private().read_write().map(&file).unwrap(), false),
        ];
        for (mapping, seen) in cases {
            forked(|| {
                assert_pattern(&mapping);
                mapping.write_at(page(), b"from the child").unwrap();
                let mut bytes = [0; 14];
                mapping.read_at(page(), &mut bytes).unwrap();
                assert_eq!(&bytes, b"from the child");
            });
            let mut bytes = [0; 14];
            mapping.read_at(page(), &mut bytes).unwrap();
            assert_eq!(&bytes == b"from the child", seen);
            mapping.write_at(page(), &pattern::bytes(page() as u64, 14)).unwrap();
        }
        pattern::assert_is(&fs::read(folder.name("file")).unwrap(), 0);
    });
}

#[test]
fn what_the_child_changes_stays_in_the_child() {
    child::run(|| {
        let mut slot = Some(filled(MapOptions::private()));
        let mut space = Reservation::new(8 * page()).unwrap();
        space.commit(..4 * page()).unwrap();
        space.write_at(0, &pattern::bytes(0, 4 * page())).unwrap();
        forked(|| {
            let mut mapping = slot.take().unwrap();
            mapping.protect(.., Protection::READ).unwrap();
            mapping.discard(.., Discard::Now).unwrap();
            mapping.resize(100 * page(), Growth::MayMove).unwrap();
            let (low, _high) = mapping.unmap_range(page()..2 * page()).unwrap();
            low.advise(.., Hint::NoDump).unwrap();
            space.decommit(..).unwrap();
            let more = Anonymous::new(page()).map().unwrap();
            more.move_into(&mut space, 0).unwrap();
        });
        let mapping = slot.unwrap();
        assert_pattern(&mapping);
        let start = mapping.as_ptr().addr();
        assert_eq!(maps::accesses(start..start + mapping.mapped_len()), ["rw-p"]);
        let mut bytes = vec![0; 4 * page()];
        space.read_at(0, &mut bytes).unwrap();
        pattern::assert_is(&bytes, 0);
        assert_eq!(
            maps::accesses(space.address()..space.address() + space.len()),
            ["rw-p", "---p"]
        );
    });
}

#[test]
fn everything_works_in_a_child_of_a_child() {
    child::run(|| {
        let folder = Folder::new();
        let path = folder.patterned("file", LEN);
        let inherited = FileObject::open(&path).unwrap().map().unwrap();
        forked(|| {
            forked(|| {
                assert_pattern(&inherited);
                assert_pattern(&FileObject::open(&path).unwrap().map().unwrap());
                let memory = filled(MapOptions::private());
                assert_pattern(&memory);
                let error = memory.read_at(LEN, &mut [0]).unwrap_err();
                assert!(error.to_string().contains("past the end"), "{error}");
            });
        });
    });
}
