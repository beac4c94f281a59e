//! Snapshots read by somebody else: as `docs/snapshot-format.md` says, and by nothing of the command's own code. And
//! files whose cached pages are known.

use super::held::{drop_all, page};
use mman::{FileObject, Hint};
use rustix::fs::{Advice, fadvise};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs::File;
use std::ops::Range;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// What a snapshot says of a file: whether its pages are known, and which are in memory.
pub(crate) type Saved = (bool, Vec<Range<u64>>);

struct Bytes<'all>(&'all [u8]);

impl Bytes<'_> {
    fn number(&mut self) -> u64 {
        let mut value = 0;
        for at in 0.. {
            let byte = self.0[0];
            self.0 = &self.0[1..];
            value |= u64::from(byte & 0x7f) << (7 * at);
            if byte < 0x80 {
                break;
            }
        }
        value
    }
}

/// All files of a snapshot.
pub(crate) fn files(path: &Path) -> BTreeMap<PathBuf, Saved> {
    let bytes = std::fs::read(path).unwrap();
    assert_eq!(&bytes[..12], b"mmansnap\x01\0\0\0");
    let mut rest = &bytes[12..];
    let mut files = BTreeMap::new();
    let mut last: Option<(PathBuf, u64)> = None;
    let mut kinds = String::new();
    while !rest.is_empty() {
        let len = u32::from_le_bytes(rest[1..5].try_into().unwrap()) as usize;
        let mut payload = Bytes(&rest[5..5 + len]);
        kinds.push(char::from(rest[0]));
        match rest[0] {
            b'F' => {
                let known = payload.number() == 1;
                for _ in 0..5 {
                    payload.number();
                }
                let path = PathBuf::from(OsString::from_vec(payload.0.to_vec()));
                files.insert(path.clone(), (known, Vec::new()));
                last = Some((path, 0));
            }
            b'R' => {
                let (path, end) = last.as_mut().unwrap();
                while !payload.0.is_empty() {
                    let start = *end + payload.number();
                    *end = start + payload.number();
                    files.get_mut(path).unwrap().1.push(start..*end);
                }
            }
            b'H' | b'D' | b'E' => {}
            other => panic!("a frame of kind {other}"),
        }
        rest = &rest[5 + len + 4..];
    }
    assert!(kinds.starts_with('H') && kinds.ends_with('E') && kinds.matches('E').count() == 1);
    files
}

/// The pages of one file in a snapshot.
pub(crate) fn pages_of(snapshot: &Path, file: &Path) -> BTreeSet<u64> {
    let (known, runs) = files(snapshot).remove(&file.canonicalize().unwrap()).unwrap();
    assert!(known, "{}", file.display());
    runs.into_iter().flatten().collect()
}

/// Just these pages are in the cache, locked, while `work` is done. Then the file is not mapped any more, and can be
/// dropped.
pub(crate) fn while_held<T>(
    path: &Path,
    pages: impl IntoIterator<Item = u64>,
    work: impl FnOnce() -> T,
) -> T {
    drop_all(path);
    let file = FileObject::open(path).unwrap();
    let mapping = file.map().unwrap();
    mapping.advise(.., Hint::Random).unwrap();
    let lock = |at: u64| {
        let at = usize::try_from(at * page()).unwrap();
        mapping.pages().lock(at..at + 1).unwrap()
    };
    let locks: Vec<_> = pages.into_iter().map(lock).collect();
    let done = work();
    drop(locks);
    done
}

/// Brings just these pages in, a page at a time, without reading ahead: as long as the kernel likes.
pub(crate) fn bring(path: &Path, pages: impl IntoIterator<Item = u64>) {
    drop_all(path);
    let file = File::open(path).unwrap();
    fadvise(&file, 0, None, Advice::Random).unwrap();
    for at in pages {
        file.read_at(&mut [0], at * page()).unwrap();
    }
}

/// Which pages are in the cache, by `mincore`.
pub(crate) fn cached(path: &Path) -> BTreeSet<u64> {
    let file = FileObject::open(path).unwrap();
    let mapping = file.map().unwrap();
    let residency = mapping.pages().residency(..).unwrap();
    (0..residency.pages()).filter(|at| residency.is_resident(*at)).map(|at| at as u64).collect()
}

/// Does it anew where the kernel took pages away between two looks: it reclaims when it likes.
pub(crate) fn eventually(what: &str, mut attempt: impl FnMut() -> bool) {
    assert!((0..10).any(|_| attempt()), "{what}, ten times");
}
