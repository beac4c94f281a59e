//! A configuration of a test's own, whose pools and tables go away with it; and what is asked of a pool again and again.

use mman::{Mapping, TypedMemory};
use std::fs::{self, File, Permissions};
use std::ops::Range;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use tempfile::TempDir;

pub(crate) const UNIT: usize = 4096;

/// So many bytes of units.
pub(crate) const fn units(count: usize) -> usize {
    count * UNIT
}

pub(crate) struct Setup {
    directory: TempDir,
}

impl Setup {
    /// These lines, which this process reads from now on: it is the test's own.
    pub(crate) fn new(lines: &str) -> Self {
        let setup = Self { directory: tempfile::tempdir_in("/dev/shm").unwrap() };
        fs::set_permissions(setup.directory.path(), Permissions::from_mode(0o755)).unwrap();
        setup.say(lines);
        setup
    }

    /// One pool of so many units, and two ports to it, `/a` and `/b`.
    pub(crate) fn pool(count: usize) -> Self {
        let size = units(count);
        Self::new(&format!("pool p kind=shm size={size}\nport /a pool=p\nport /b pool=p"))
    }

    pub(crate) fn say(&self, lines: &str) {
        let tables = self.directory.path().display();
        let text = format!("directory {tables}\ndefaults no\n{lines}\n");
        fs::write(self.configuration(), text).unwrap();
        TypedMemory::use_configuration(self.configuration()).unwrap();
    }

    pub(crate) fn configuration(&self) -> PathBuf {
        self.directory.path().join("conf")
    }

    /// The file of the pool's units, and that of its table.
    pub(crate) fn file(&self, ending: &str) -> File {
        let path = self.directory.path().join(format!("p.{ending}"));
        File::options().read(true).write(true).open(path).unwrap()
    }
}

/// The port `/a`.
pub(crate) fn port() -> TypedMemory {
    TypedMemory::open("/a").unwrap()
}

/// Free units, and the longest run of them.
pub(crate) fn free(port: &TypedMemory) -> (usize, usize) {
    let info = port.info().unwrap();
    let in_units = |bytes: u64| usize::try_from(bytes).unwrap() / info.unit.bytes();
    (in_units(info.free), in_units(info.longest))
}

/// Allocates units one by one, and gives back those that are not to stay, so that what is free is these holes.
pub(crate) fn with_holes(port: &TypedMemory, holes: &[Range<usize>]) -> Vec<Mapping> {
    let all = port.allocate_contiguous(units(free(port).0)).unwrap();
    assert_eq!(all.object_offset(), 0);
    let (mut kept, mut rest, mut at) = (Vec::new(), all, 0);
    for hole in holes {
        let (before, after) = rest.split_at(units(hole.start - at)).unwrap();
        let (gone, after) = after.split_at(units(hole.len())).unwrap();
        gone.unmap().unwrap();
        kept.push(before);
        (rest, at) = (after, hole.end);
    }
    kept.push(rest);
    kept
}

/// Writes a byte to each unit, whose number is that of the unit in the mapping and `first`.
pub(crate) fn fill(mapping: &Mapping, first: usize) {
    for (at, number) in (0..mapping.len()).step_by(UNIT).zip(first..) {
        mapping.write_at(at, &[(number % 251) as u8]).unwrap();
    }
}

/// That each unit has the byte that `fill` wrote.
#[track_caller]
pub(crate) fn assert_filled(mapping: &Mapping, first: usize) {
    for (at, number) in (0..mapping.len()).step_by(UNIT).zip(first..) {
        assert_eq!(byte(mapping, at), (number % 251) as u8, "unit {}", at / UNIT);
    }
}

pub(crate) fn byte(mapping: &Mapping, at: usize) -> u8 {
    let mut byte = [0];
    mapping.read_at(at, &mut byte).unwrap();
    byte[0]
}
