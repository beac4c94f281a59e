//! Anonymous memory: zero bytes are a map, protections change back and forth, and what a program has of the types
//! (their traits, how they print) is what it had.
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

use mman_memmap2::{Mmap, MmapMut, MmapOptions, MmapRaw, RemapOptions};
use mman_testkit::{maps, page};
use std::io::{ErrorKind, Write};

#[test]
fn memory_is_zeros_of_the_length_that_was_asked_for() {
    for len in [0, 1, page() - 1, page(), page() + 1, 1 << 20] {
        let mut memory = MmapMut::map_anon(len).unwrap();
        assert_eq!(memory.len(), len);
        assert!(memory.iter().all(|byte| *byte == 0));
        memory.fill(7);
        assert!(memory.iter().all(|byte| *byte == 7));
    }
    assert!(MmapOptions::new().map_anon().unwrap().is_empty());
    let error = MmapMut::map_anon(usize::MAX).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidData);
    let error = MmapMut::map_anon(isize::MAX as usize).unwrap_err();
    assert_ne!(error.kind(), ErrorKind::InvalidData, "a slice could have it, the machine has not");
}

#[test]
fn a_map_without_a_byte_grows() {
    let mut memory = MmapMut::map_anon(0).unwrap();
    own::remap(&mut memory, 3 * page(), true).unwrap();
    assert_eq!(memory.len(), 3 * page());
    memory.fill(1);
    own::remap(&mut memory, 5, false).unwrap();
    assert_eq!(&memory[..], [1; 5]);
}

#[test]
fn dropping_unmaps_all_of_it() {
    for len in [0, 1, page() + 1] {
        let memory = MmapMut::map_anon(len).unwrap();
        let start = memory.as_ptr().addr();
        assert_eq!(maps::accesses(start..start + 1).concat(), "rw-p");
        mman_testkit::child::run(|| {
            let memory = MmapMut::map_anon(len).unwrap();
            let start = memory.as_ptr().addr();
            let mapped = start..start + len.max(1).next_multiple_of(page());
            drop(memory);
            assert!(maps::is_free(mapped));
        });
        drop(memory);
    }
}

#[test]
fn protection_changes_and_the_bytes_stay() {
    let mut memory = MmapMut::map_anon(5000).unwrap();
    (&mut memory[..]).write_all(b"kept").unwrap();
    let access = |map: &[u8]| {
        let start = map.as_ptr().addr();
        maps::page_accesses(start..start + 2 * page())
    };
    let memory = memory.make_read_only().unwrap();
    assert_eq!(access(&memory), ["r--p", "r--p"]);
    let memory = memory.make_mut().unwrap();
    assert_eq!(access(&memory), ["rw-p", "rw-p"]);
    let memory = memory.make_exec().unwrap();
    assert_eq!(access(&memory), ["r-xp", "r-xp"]);
    assert!(memory.starts_with(b"kept\0"));
}

#[test]
fn options_have_their_flags() {
    let mut how = MmapOptions::new();
    let memory = how.len(4 * page()).stack().populate().offset(77).map_anon().unwrap();
    let start = memory.as_ptr().addr();
    assert_eq!(start % page(), 0, "anonymous memory has no offset");
    assert_eq!(mman_testkit::smaps::bytes(start..start + 4 * page(), "Rss:"), 4 * page());
    let again = how.clone().no_reserve_swap().map_anon().unwrap();
    assert!(maps::flags_at(again.as_ptr().addr()).contains(&"nr".into()));
    assert!(!maps::flags_at(start).contains(&"nr".into()));
}

#[test]
fn remap_in_place_fails_where_there_is_no_room() {
    // Two maps out of one piece of address space, the second in the way of the first.
    let space = mman::Anonymous::new(4 * page()).map().unwrap();
    let wall = space.as_ptr().addr();
    let mut memory = MmapMut::map_anon(page()).unwrap();
    let before = memory.as_ptr().addr();
    memory[0] = 9;
    let error = own::remap(&mut memory, 1 << 46, false).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(12), "ENOMEM");
    assert_eq!((memory.len(), memory.as_ptr().addr(), memory[0]), (page(), before, 9));
    let error = own::remap(&mut memory, usize::MAX, true).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidData);
    own::remap(&mut memory, 1 << 30, true).unwrap();
    assert_eq!((memory.len(), memory[0], memory[(1 << 30) - 1]), (1 << 30, 9, 0));
    assert_eq!(space.as_ptr().addr(), wall);
}

#[test]
fn the_types_have_the_traits_that_programs_use() {
    fn shared_by_threads<T: Send + Sync + Unpin + 'static>() {}
    shared_by_threads::<Mmap>();
    shared_by_threads::<MmapMut>();
    shared_by_threads::<MmapRaw>();
    shared_by_threads::<MmapOptions>();
    let copied: RemapOptions = RemapOptions::default();
    let _again = copied;
    assert_eq!(format!("{copied:?}"), "RemapOptions { may_move: false }");

    let mut memory = MmapMut::map_anon(3).unwrap();
    memory.as_mut()[0] = 1;
    assert_eq!(AsRef::<[u8]>::as_ref(&memory), [1, 0, 0]);
    let printed = format!("MmapMut {{ ptr: {:?}, len: 3 }}", memory.as_ptr());
    assert_eq!(format!("{memory:?}"), printed);
    let memory = memory.make_read_only().unwrap();
    assert_eq!(format!("{memory:?}"), printed.replace("Mut", ""));
    let address = memory.as_ptr();
    let raw = MmapRaw::from(memory);
    assert_eq!((raw.as_ptr(), raw.as_mut_ptr().cast_const(), raw.len()), (address, address, 3));
    assert_eq!(format!("{raw:?}"), printed.replace("Mut", "Raw"));
    assert_eq!(MmapRaw::from(MmapMut::map_anon(8).unwrap()).len(), 8);
}
