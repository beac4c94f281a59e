//! Ground truth about the page cache: of a file exactly these pages are in it, as long as this lives.

use mman::{FileObject, Hint, Locked, Mapping};
use rustix::fs::{Advice, fadvise};
use std::fs::File;
use std::path::Path;

/// The size of a page.
pub(crate) fn page() -> u64 {
    mman::PageSize::base().bytes() as u64
}

/// Locked pages of a file of which no others are cached.
///
/// They are there by one fault each, without reading ahead, and nothing can reclaim them. Locking more than
/// `RLIMIT_MEMLOCK` takes root.
pub(crate) struct Held {
    _locks: Vec<Locked<'static>>,
}

impl Held {
    /// Drops the file from the cache, and brings these pages back. The mapping lives until the test program ends.
    pub(crate) fn new(path: &Path, pages: impl IntoIterator<Item = u64>) -> Self {
        drop_all(path);
        let file = FileObject::open(path).unwrap();
        let mapping: &'static Mapping = Box::leak(Box::new(file.map().unwrap()));
        mapping.advise(.., Hint::Random).unwrap();
        let lock = |at: u64| {
            let at = usize::try_from(at * page()).unwrap();
            mapping.pages().lock(at..at + 1).unwrap()
        };
        Self { _locks: pages.into_iter().map(lock).collect() }
    }
}

/// Writes a file back and drops all of it from the cache.
pub(crate) fn drop_all(path: &Path) {
    let file = File::open(path).unwrap();
    file.sync_all().unwrap();
    for _ in 0..100 {
        fadvise(&file, 0, None, Advice::DontNeed).unwrap();
        if FileObject::new(&file).unwrap().cache(..).is_ok_and(|status| status.cached == 0) {
            return;
        }
    }
}
