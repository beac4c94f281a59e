//! Swap: pages go there when they are told to, come back with their bytes, and do not go when they are locked.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may stop at what it does not expect"
)]

use mman::{Anonymous, Cause, Hint, Mapping};
use mman_testkit::swap::SwapFile;
use mman_testkit::{page, pattern, require, smaps};

const LEN: usize = 8 << 20;

fn swapped(memory: &Mapping) -> usize {
    let start = memory.as_ptr().addr();
    smaps::bytes(start..start + memory.mapped_len(), "Swap:")
}

/// Tells the kernel to page out from a byte on, until it has or has not in a hundred tries: a page that is just being
/// looked at stays.
fn page_out(memory: &Mapping, from: usize) {
    for _ in 0..100 {
        memory.advise(from.., Hint::PageOut).unwrap();
        if swapped(memory) >= LEN - from {
            return;
        }
    }
}

#[test]
fn pages_go_to_swap_and_come_back_and_locked_ones_stay() {
    if !require::root() {
        return;
    }
    let Some(swap) = SwapFile::on(64 << 20) else { return };
    let memory = Anonymous::new(LEN).map().unwrap();
    memory.advise(.., Hint::NoHugePages).unwrap();
    memory.write_at(0, &pattern::bytes(0, LEN)).unwrap();
    let locked = memory.pages().lock(..16 * page()).unwrap();
    assert_eq!(swapped(&memory), 0);
    assert_eq!(memory.pages().resident(..).unwrap(), LEN);

    for hint in [Hint::PageOut, Hint::Cold] {
        let error = memory.advise(.., hint).unwrap_err();
        assert_eq!(error.cause(), Cause::Locked, "{error}");
    }
    page_out(&memory, 16 * page());
    let out = swapped(&memory);
    assert!(out > LEN / 2, "only {out} bytes went to swap");
    assert_eq!(memory.pages().resident(..16 * page()).unwrap(), 16 * page(), "locked pages stay");

    let mut bytes = vec![0; LEN];
    memory.read_at(0, &mut bytes).unwrap();
    pattern::assert_is(&bytes, 0);
    assert_eq!(memory.pages().resident(..).unwrap(), LEN);
    drop(locked);
    page_out(&memory, 0);
    let error = memory.pages().populate(.., mman::Populate::ForWriting);
    error.expect("what was in swap is read in");
    assert_eq!((swapped(&memory), memory.pages().resident(..).unwrap()), (0, LEN));
    page_out(&memory, 0);
    drop(swap); // swapping off brings everything back
    assert_eq!(swapped(&memory), 0);
    memory.read_at(0, &mut bytes).unwrap();
    pattern::assert_is(&bytes, 0);
}
