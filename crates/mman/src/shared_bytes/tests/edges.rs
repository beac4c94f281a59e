//! At the very end and the very start of a page whose neighbours are gone, and over pages that come late.

use super::{Byte, Either, pattern, sequence_by_definition, ways};
use crate::{Anonymous, FileObject, MapOptions, Mapping, PageSize, Protection};

/// Some pages, with a page before and a page after that cannot be touched.
struct Island {
    mapping: Mapping,
    len: usize,
}

impl Island {
    fn new(pages: usize) -> Self {
        let page = PageSize::base().bytes();
        let len = pages * page;
        let mut mapping = Anonymous::new(len + 2 * page).map().unwrap();
        mapping.protect(..page, Protection::NONE).unwrap();
        mapping.protect(page + len.., Protection::NONE).unwrap();
        Self { mapping, len }
    }

    fn start(&mut self) -> *mut u8 {
        self.mapping.as_mut_ptr().wrapping_add(PageSize::base().bytes())
    }

    /// The places where `len` bytes touch an edge.
    fn places(&mut self, len: usize) -> [*mut u8; 2] {
        [self.start(), self.start().wrapping_add(self.len - len)]
    }

    fn bytes(&mut self) -> &mut [u8] {
        let (start, len) = (self.start(), self.len);
        // SAFETY: private memory of ours, readable and writable between the edges, borrowed with us.
        unsafe { core::slice::from_raw_parts_mut(start, len) }
    }
}

/// All short lengths, and some on both sides of where the instructions change.
fn lengths() -> impl Iterator<Item = usize> {
    (0..=300).chain([511, 512, 513, 1000, 3071, 3072, 3073, 4095, 4096, 5000, 8191, 8192])
}

#[test]
fn copies_touch_nothing_beyond_an_edge() {
    let (mut from, mut to) = (Island::new(2), Island::new(2));
    let bytes = pattern(from.len);
    for way in ways() {
        for len in lengths() {
            for (edge, start) in from.places(len).into_iter().enumerate() {
                from.bytes().fill(0);
                let at = start.addr() - from.start().addr();
                from.bytes()[at..at + len].copy_from_slice(&bytes[..len]);
                for target in to.places(len) {
                    (way.copy)(start, target, len);
                    let at = target.addr() - to.start().addr();
                    let copied = &to.bytes()[at..at + len];
                    assert_eq!(copied, &bytes[..len], "{}: {len}, edge {edge}", way.name);
                }
            }
        }
    }
}

#[test]
fn searches_touch_nothing_beyond_an_edge() {
    let mut island = Island::new(2);
    island.bytes().fill(1);
    let ours = vec![1; island.len];
    for way in ways() {
        for len in lengths() {
            for start in island.places(len) {
                let name = &way.name;
                assert_eq!((way.find)(start, len, Byte(2)), None, "{name}: {len}");
                assert_eq!((way.rfind)(start, len, Byte(2)), None, "{name}: {len}");
                assert_eq!((way.either)(start, len, Either(2, 3)), None, "{name}: {len}");
                assert!((way.equals)(start, ours.as_ptr(), len), "{name}: {len}");
                (way.fill)(start, 1, len);
                for needle in [&[1, 2][..], &[2, 1], &[1, 1, 1, 2], &[2; 40], &[1]] {
                    // SAFETY: the range is on the island.
                    let found = unsafe { crate::shared_bytes::find_sequence(start, len, needle) };
                    assert_eq!(found, sequence_by_definition(&ours[..len], needle), "{len}");
                }
            }
        }
    }
}

/// Each access starts again after its page has come: the kernel brings 512 of them one by one.
#[test]
fn pages_that_come_late_are_copied_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pages");
    let bytes = pattern(1 << 21);
    std::fs::write(&path, &bytes).unwrap();
    let object = FileObject::open(&path).unwrap();
    for way in ways() {
        let mapping = MapOptions::shared().map(&object).unwrap();
        let to = Anonymous::new(bytes.len()).map().unwrap();
        let start = to.as_ptr().cast_mut();
        (way.copy)(mapping.as_ptr(), start, bytes.len());
        assert!((way.equals)(start, bytes.as_ptr(), bytes.len()), "{}", way.name);
        let fresh = MapOptions::shared().map(&object).unwrap();
        assert_eq!((way.rfind)(fresh.as_ptr(), bytes.len(), Byte(255)), None, "{}", way.name);
    }
}
