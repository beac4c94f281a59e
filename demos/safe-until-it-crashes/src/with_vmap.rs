//! vmap: files are mapped by safe functions.

use crate::Case::{self, Note, Try};
use crate::world::{AT, FAR, LEN, Victim, WRAPS, byte, neighbours, refused, under_a_slice};
use vmap::{Advise, Extent, Map, MapMut, Span};

pub(crate) fn case(row: &str) -> Case {
    match row {
        "truncate" => Try(|| {
            let (victim, map) = mapped();
            victim.truncate();
            format!("**reads {:#x}**", std::hint::black_box(&map)[AT])
        }),
        "rewrite" => Try(|| changed(Victim::rewrite)),
        "punch" => Try(|| changed(Victim::punch)),
        "two-views" => Try(|| {
            changed(|victim| {
                let mut options = MapMut::with_options();
                let (mut other, _): (MapMut, _) =
                    options.write().open(&victim.path).expect("a mapping");
                other[AT] = !byte(AT);
            })
        }),
        "discard" => Try(|| {
            let map = private();
            under_a_slice(&map, || map.advise(Advise::WillNotNeed).expect("advice"))
        }),
        "behind" => Try(|| refused(private().advise_range(LEN, LEN, Advise::Random))),
        "overflow-advise" => Try(overflow_advise),
        "overflow-lock" => Try(overflow_lock),
        "overflow-read" => Try(overflow_read),
        _ => Note("(not offered)"),
    }
}

fn mapped() -> (Victim, Map) {
    let victim = Victim::new();
    let (map, _) = Map::with_options().open(&victim.path).expect("a mapping");
    (victim, map)
}

/// A slice is held while something happens to the file.
fn changed(change: impl FnOnce(&Victim)) -> String {
    let (victim, map) = mapped();
    under_a_slice(&map, || change(&victim))
}

/// Private memory full of sevens.
fn private() -> MapMut {
    let mut options = MapMut::with_options();
    let mut map: MapMut = options.copy().len(Extent::Exact(LEN)).alloc().expect("memory");
    map.fill(7);
    map
}

fn address(map: &MapMut) -> usize {
    map[..].as_ptr().addr()
}

/// Offset and length are added without a check, so the range begins before the mapping.
fn overflow_advise() -> String {
    let (low, high) = neighbours(private, address);
    match high.advise_range(FAR, WRAPS, Advise::WillNotNeed) {
        Ok(()) if low[AT] == 7 => "**silent success**".to_owned(),
        Ok(()) => format!("**neighbour touched**: its 7 became {}", low[AT]),
        refusal => refused(refusal),
    }
}

fn overflow_lock() -> String {
    let (low, high) = neighbours(private, address);
    let answer = high.lock_range(FAR, WRAPS);
    match mman_testkit::maps::flags_at(address(&low) + AT).contains(&"lo".to_owned()) {
        true => "**neighbour touched**: locked".to_owned(),
        false => refused(answer),
    }
}

/// The capacity is checked by an addition that wraps: eight bytes before the mapping are read.
fn overflow_read() -> String {
    let (mut low, high) = neighbours(private, address);
    low.fill(9);
    let read: u64 = high.read_unaligned(0_usize.wrapping_sub(8));
    format!("**neighbour touched**: its bytes {read:#x}")
}
