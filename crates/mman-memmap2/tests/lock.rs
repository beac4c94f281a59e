//! Locks: on and off as often as one likes, and none left behind by a call that failed.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    reason = "a test may stop at what it does not expect"
)]

use mman_memmap2::{MmapMut, MmapRaw};
use mman_testkit::{child, limits, page, smaps};

fn locked() -> usize {
    smaps::of_process("VmLck:")
}

#[test]
fn locks_do_not_stack_and_an_empty_map_has_none() {
    child::run(|| {
        let before = locked();
        let map = MmapMut::map_anon(2 * page() + 1).unwrap();
        map.lock().unwrap();
        map.lock().unwrap();
        assert_eq!(locked() - before, 3 * page());
        map.unlock().unwrap();
        assert_eq!(locked(), before);
        map.unlock().unwrap();
        let raw = MmapRaw::from(map);
        raw.lock().unwrap();
        assert_eq!(locked() - before, 3 * page());
        drop(raw);
        assert_eq!(locked(), before, "gone with the map");
        let read_only = MmapMut::map_anon(1).unwrap().make_read_only().unwrap();
        read_only.lock().unwrap();
        read_only.unlock().unwrap();
        MmapMut::map_anon(0).unwrap().lock().unwrap();
        assert_eq!(locked(), before);
    });
}

#[test]
fn a_lock_over_the_limit_is_an_error_with_its_number() {
    child::run(|| {
        let map = MmapMut::map_anon(8 * page()).unwrap();
        limits::locked_memory(4 * page() as u64);
        let before = locked();
        assert_eq!(map.lock().unwrap_err().raw_os_error(), Some(12), "ENOMEM");
        assert_eq!(locked(), before);
    });
}
