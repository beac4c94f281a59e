//! memmap2: files are mapped by `unsafe` functions, so what is tried here has no file.

use crate::Case::{self, Note, Try};
use crate::world::{FAR, LEN, WRAPS, after_fork, after_huge_drop, neighbours, refused};
use memmap2::{Advice, MmapMut, MmapOptions};
use rustix::process::Uid;
use rustix::thread::{CapabilitySet, capabilities, set_thread_uid};

pub(crate) fn case(row: &str) -> Case {
    match row {
        "discard" => Note("(`unsafe`)"),
        "overflow-read" => Note("(slices check bounds)"),
        "overflow-lock" => Note("(locks all of it)"),
        "behind" => Try(behind),
        "overflow-advise" => Try(|| refused(memory().advise_range(Advice::Random, FAR, WRAPS))),
        "fork" => Try(|| {
            let map = memory();
            map.advise(Advice::DontFork).expect("advice");
            after_fork(|| map[0])
        }),
        "hwpoison" => Try(hwpoison),
        "huge-length" => Try(|| {
            after_huge_drop(|| MmapOptions::new().huge(Some(21)).len(4096).populate().map_anon())
        }),
        "huge-no-reserve" => Try(|| {
            let _nobody_fills_it = mman_testkit::huge::Pool::with(0);
            let mut options = MmapOptions::new();
            let map = options.huge(Some(21)).no_reserve_swap().len(1 << 31).map_anon();
            let mut map = map.expect("a mapping");
            map.chunks_mut(1 << 21).for_each(|page| page[0] = 1);
            "written".to_owned()
        }),
        _ => Note("(`unsafe` to map)"),
    }
}

fn memory() -> MmapMut {
    MmapMut::map_anon(LEN).expect("memory")
}

/// The range begins where the mapping ends: offset and length are each checked alone.
fn behind() -> String {
    let (low, mut high) = neighbours(memory, |map| map.as_ptr().addr());
    high[0] = 7;
    match low.advise_range(Advice::DontFork, LEN, LEN) {
        Ok(()) => format!("**neighbour touched**, {}", after_fork(|| high[0])),
        refusal => refused(refusal),
    }
}

/// As a user without rights: root would really take the page away from the machine.
fn hwpoison() -> String {
    let map = memory();
    let _not_root_now = set_thread_uid(Uid::from_raw(65534));
    if capabilities(None).expect("rights").effective.contains(CapabilitySet::SYS_ADMIN) {
        return "(not with rights)".to_owned();
    }
    match map.advise(Advice::HwPoison) {
        Ok(()) => "**poisoned**".to_owned(),
        Err(error) => format!("**reaches the kernel**: {error}"),
    }
}
