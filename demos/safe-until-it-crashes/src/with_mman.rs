//! mman: the same cases, by owners of mappings. They hand out no reference, so that there is none to be made untrue;
//! bytes are copied. What views do is to be added here, a row each.

use crate::Case::{self, Note, Try};
use crate::world::{AT, FAR, LEN, Victim, WRAPS, after_huge_drop, byte, refused};
use mman::{Anonymous, FileObject, Hint, HugePageSize, MapOptions, Mapping};

pub(crate) fn case(row: &str) -> Case {
    match row {
        "truncate" => Try(|| {
            let (victim, map) = mapped();
            victim.truncate();
            refused(map.read_at(AT, &mut [0; 1]))
        }),
        "rewrite" => Try(|| copied(Victim::rewrite)),
        "punch" => Try(|| copied(Victim::punch)),
        "two-views" => Try(|| {
            copied(|victim| {
                let object = FileObject::new(victim.open()).expect("an object");
                let other = MapOptions::shared().read_write().map(&object).expect("a mapping");
                other.write_at(AT, &[!byte(AT)]).expect("writing");
            })
        }),
        "discard" => Note("(does not compile)"),
        "behind" => Try(|| refused(memory().advise(LEN..2 * LEN, Hint::Random))),
        "overflow-advise" => {
            Try(|| refused(memory().advise(FAR..FAR.wrapping_add(WRAPS), Hint::Random)))
        }
        "overflow-lock" => Note("(no locks yet)"),
        "overflow-read" => Try(|| refused(memory().read_at(FAR, &mut [0; WRAPS]))),
        "hwpoison" => Note("(`unsafe`)"),
        "huge-length" => Try(|| {
            let options = MapOptions::private().read_write().huge_pages(HugePageSize::MIB_2);
            after_huge_drop(|| options.populate().map(&Anonymous::new(4096)))
        }),
        "huge-no-reserve" => Try(|| {
            let options = MapOptions::private().read_write().huge_pages(HugePageSize::MIB_2);
            let _nobody_fills_it = mman_testkit::huge::Pool::with(0);
            let map = options.no_reserve().map(&Anonymous::new(1 << 31)).expect("a mapping");
            let mut pages = (0..map.len()).step_by(1 << 21);
            refused(pages.try_for_each(|page| map.write_at(page, &[1])))
        }),
        _ => Note("(no such hint)"),
    }
}

fn mapped() -> (Victim, Mapping) {
    let victim = Victim::new();
    let map = FileObject::open(&victim.path).and_then(|file| file.map()).expect("a mapping");
    (victim, map)
}

fn memory() -> Mapping {
    Anonymous::new(LEN).map().expect("memory")
}

/// What was read stays; the next read sees the change.
fn copied(change: impl FnOnce(&Victim)) -> String {
    let (victim, map) = mapped();
    let (mut before, mut after) = ([0; 1], [0; 1]);
    map.read_at(AT, &mut before).expect("reading");
    change(&victim);
    map.read_at(AT, &mut after).expect("reading");
    assert!(before == [byte(AT)] && after != before, "the change is seen");
    "copies stay".to_owned()
}
