//! Advice stays inside the map. memmap2 compares offset and length with the length of the map each alone, so that together
//! they reach past its end, and gives advice about a page when asked about no byte of it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    reason = "a test may stop at what it does not expect"
)]

mod own;

use mman::kernel::Feature;
use mman_memmap2::{Advice, MmapMut, MmapOptions, MmapRaw, UncheckedAdvice};
use mman_testkit::{child, fork, maps, memory, page, require};
use std::io::ErrorKind;

const ALL: [Advice; 14] = [
    Advice::Normal,
    Advice::Random,
    Advice::Sequential,
    Advice::WillNeed,
    Advice::DontFork,
    Advice::DoFork,
    Advice::Mergeable,
    Advice::Unmergeable,
    Advice::HugePage,
    Advice::NoHugePage,
    Advice::DontDump,
    Advice::DoDump,
    Advice::PopulateRead,
    Advice::PopulateWrite,
];

fn filled(len: usize) -> MmapMut {
    let mut memory = MmapMut::map_anon(len).unwrap();
    memory.fill(255);
    memory
}

#[test]
fn a_range_that_is_not_in_the_map_is_refused_by_every_call() {
    let len = 3 * page();
    let map = filled(len);
    let raw = MmapRaw::from(filled(len));
    for (offset, bytes) in [
        (len, 1),
        (1, len),
        (page(), len),
        (2 * page(), 2 * page()),
        (len + 1, 0),
        (usize::MAX, 1),
        (1, usize::MAX),
        (usize::MAX, usize::MAX),
    ] {
        let mut kinds = Vec::new();
        for advice in ALL {
            kinds.push(map.advise_range(advice, offset, bytes));
        }
        kinds.push(raw.advise_range(Advice::Random, offset, bytes));
        kinds.push(own::drop_bytes(&map, offset, bytes));
        kinds.push(map.flush_range(offset, bytes));
        kinds.push(map.flush_async_range(offset, bytes));
        kinds.push(raw.flush_range(offset, bytes));
        kinds.push(raw.flush_async_range(offset, bytes));
        for answer in kinds {
            let error = answer.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{bytes} from {offset}");
            assert_eq!(error.raw_os_error(), None, "the kernel was not asked");
        }
    }
    assert!(map.iter().all(|byte| *byte == 255));
    let start = map.as_ptr().addr();
    assert_eq!(maps::pages_with_flag(start..start + len, "rr"), [false; 3]);
}

#[test]
fn all_advice_of_the_safe_kind_changes_no_byte() {
    let map = filled(3 * page() + 5);
    for advice in ALL {
        if advice.is_supported() {
            map.advise(advice).unwrap();
            map.advise_range(advice, page() + 7, page()).unwrap();
        } else {
            require::skip(&format!("a kernel with {advice:?}"));
        }
        assert!(map.iter().all(|byte| *byte == 255), "{advice:?}");
    }
}

#[test]
fn advice_is_about_the_pages_of_the_bytes() {
    let len = 5 * page();
    let map = filled(len);
    let start = map.as_ptr().addr();
    let has = |flag| maps::pages_with_flag(start..start + len, flag);
    map.advise_range(Advice::Random, 2 * page() - 1, 2).unwrap();
    assert_eq!(has("rr"), [false, true, true, false, false]);
    map.advise_range(Advice::DontFork, 3 * page() + 1, 1).unwrap();
    assert_eq!(has("dc"), [false, false, false, true, false]);
    map.advise_range(Advice::DontFork, len - 1, 1).unwrap();
    assert_eq!(has("dc"), [false, false, false, true, true]);
    map.advise_range(Advice::DoFork, 0, len).unwrap();
    assert_eq!(has("dc"), [false; 5]);
    map.advise_range(Advice::DontDump, 0, 1).unwrap();
    assert_eq!(has("dd"), [true, false, false, false, false]);
}

#[test]
fn a_child_does_not_get_what_is_not_for_it() {
    child::run(|| {
        let map = filled(2 * page());
        map.advise_range(Advice::DontFork, page(), 1).unwrap();
        let start = map.as_ptr().addr();
        let ended = fork::and_wait(|| {
            let here = |at| u8::from(memory::read(start + at, 1).is_some());
            here(0) * 2 + here(page())
        });
        assert_eq!(ended.code(), Some(2), "the first page and not the second");
    });
}

#[test]
fn dropped_bytes_are_those_of_the_pages_and_none_for_no_byte() {
    let len = 4 * page();
    let map = filled(len);
    own::drop_bytes(&map, 100, 0).unwrap();
    own::drop_bytes(&map, len, 0).unwrap();
    assert!(map.iter().all(|byte| *byte == 255), "no byte was named");
    own::drop_bytes(&map, page() + 100, 1).unwrap();
    let pages: Vec<u8> = map.iter().copied().step_by(page()).collect();
    assert_eq!(pages, [255, 0, 255, 255]);
    assert!(map[page()..2 * page()].iter().all(|byte| *byte == 0), "whole pages");
    own::drop_bytes(&map, 0, len).unwrap();
    assert!(map.iter().all(|byte| *byte == 0));
}

#[test]
fn dropped_bytes_of_an_unaligned_map_are_in_the_map_of_the_whole_page() {
    let mut file = tempfile::tempfile().unwrap();
    std::io::Write::write_all(&mut file, &vec![3; 3 * page()]).unwrap();
    let offset = 100;
    let mut map = own::map_copy(MmapOptions::new().offset(offset), &file).unwrap();
    map.fill(4);
    let second = page() - offset as usize; // byte 0 of the second page
    own::drop_bytes(&map, second, 1).unwrap();
    assert_eq!((map[0], map[second - 1], map[second], map[second + page()]), (4, 4, 3, 4));
    own::drop_bytes(&map, 0, 1).unwrap();
    assert_eq!((map[0], map[second - 1], map[second + page()]), (3, 3, 4));
    own::drop_bytes(&map, map.len() - 1, 1).unwrap();
    assert_eq!(map[map.len() - 1], 3);
}

#[test]
#[expect(unsafe_code, reason = "the functions under test are unsafe")]
fn what_frees_the_object_frees_it() {
    let file = mman_testkit::object::memfd(2 * page());
    let map = own::map_mut(&MmapOptions::new(), &file).unwrap();
    // SAFETY: no slice of the map is held meanwhile.
    unsafe { map.unchecked_advise_range(UncheckedAdvice::Remove, page(), page()) }.unwrap();
    assert_eq!(map[..page()], mman_testkit::pattern::bytes(0, page()));
    assert!(map[page()..].iter().all(|byte| *byte == 0));
    let raw = MmapRaw::from(map);
    // SAFETY: no pointer into the map is used afterwards.
    unsafe { raw.unchecked_advise(UncheckedAdvice::DontNeed) }.unwrap();
    let map = filled(page()).make_read_only().unwrap();
    // SAFETY: no slice of the map is held meanwhile.
    unsafe { map.unchecked_advise(UncheckedAdvice::DontNeed) }.unwrap();
    assert_eq!(map[0], 0);
    if require::feature(Feature::Free) {
        // SAFETY: as above.
        unsafe { filled(page()).unchecked_advise(UncheckedAdvice::Free) }.unwrap();
    }
}

#[test]
fn the_numbers_are_the_kernels_and_support_is_asked() {
    assert_eq!(
        (Advice::Normal as i32, Advice::Random as i32, Advice::PopulateWrite as i32),
        (0, 1, 23)
    );
    assert_eq!((UncheckedAdvice::DontNeed as i32, UncheckedAdvice::HwPoison as i32), (4, 100));
    assert!(Advice::Sequential.is_supported() && UncheckedAdvice::DontNeed.is_supported());
    assert_eq!(Advice::PopulateRead.is_supported(), Feature::Populate.support().is_ok());
    assert_eq!(Advice::HugePage.is_supported(), Feature::HugePages.support().is_ok());
}
