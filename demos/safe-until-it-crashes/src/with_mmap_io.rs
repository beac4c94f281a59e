//! mmap-io: files are mapped by safe functions.

use crate::Case::{self, Note, Try};
use crate::world::{AT, FAR, LEN, Victim, WRAPS, after_huge_drop, byte, refused, under_a_slice};
use mmap_io::{AnonymousMmap, MemoryMappedFile, MmapAdvice};

pub(crate) fn case(row: &str) -> Case {
    match row {
        "truncate" => Try(|| {
            let (victim, map) = mapped();
            victim.truncate();
            refused(map.read_into(AT as u64, &mut [0; 1]))
        }),
        "rewrite" => Try(|| changed(Victim::rewrite)),
        "punch" => Try(|| changed(Victim::punch)),
        "two-views" => Try(|| {
            changed(|victim| {
                let other = MemoryMappedFile::open_rw(&victim.path).expect("a mapping");
                let mut same = other.as_slice_mut(0, LEN as u64).expect("a slice");
                same.as_mut()[AT] = !byte(AT);
            })
        }),
        "discard" => Try(|| {
            let victim = Victim::new();
            let map = MemoryMappedFile::open_cow_writable(&victim.path).expect("a mapping");
            map.update_region(AT as u64, &[!byte(AT)]).expect("writing");
            let slice = map.as_slice(0, LEN as u64).expect("a slice");
            under_a_slice(&slice, || {
                map.advise(0, LEN as u64, MmapAdvice::DontNeed).expect("advice");
            })
        }),
        "behind" => Try(|| refused(mapped().1.advise(LEN as u64, LEN as u64, MmapAdvice::Random))),
        "overflow-advise" => {
            Try(|| refused(mapped().1.advise(FAR as u64, WRAPS as u64, MmapAdvice::Random)))
        }
        "overflow-read" => Try(|| refused(mapped().1.read_into(FAR as u64, &mut [0; 8192]))),
        "overflow-lock" => Note("(another feature, not tried)"),
        "huge-length" => Try(|| after_huge_drop(|| AnonymousMmap::with_huge_pages(4096))),
        _ => Note("(not offered)"),
    }
}

fn mapped() -> (Victim, MemoryMappedFile) {
    let victim = Victim::new();
    let map = MemoryMappedFile::open_ro(&victim.path).expect("a mapping");
    (victim, map)
}

/// A slice is held while something happens to the file.
fn changed(change: impl FnOnce(&Victim)) -> String {
    let (victim, map) = mapped();
    let slice = map.as_slice(0, LEN as u64).expect("a slice");
    under_a_slice(&slice, || change(&victim))
}
