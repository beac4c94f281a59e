//! A file that is to be restored, shared by its readers, and what came of it.

use crate::cache::Unknown;
use crate::snapshot::{FileHead, Unusable, open};
use mman::{FileAdvice, FileObject};
use rustix::io::Errno;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, OnceLock, PoisonError};

/// A file that is to be restored.
#[derive(Debug)]
pub(super) struct Target {
    /// Where it is now.
    pub(super) path: PathBuf,
    head: FileHead,
    opened: OnceLock<Result<FileObject, Unusable>>,
    pub(super) done: Done,
    /// Why its pages cannot be counted.
    unknown: OnceLock<Unknown>,
    /// The first error of reading.
    failed: Mutex<Option<Errno>>,
}

/// What was done to a file, or to all: in bytes, whole pages.
#[derive(Debug, Default)]
pub(super) struct Done {
    /// In the snapshot.
    pub(super) asked: AtomicU64,
    /// In memory before.
    pub(super) already: AtomicU64,
    /// Brought in.
    pub(super) restored: AtomicU64,
    /// Read, where the kernel does not tell what was there before.
    pub(super) uncounted: AtomicU64,
    /// Not in memory afterwards, though it was to be.
    pub(super) missing: AtomicU64,
    /// Left out, since the budget was used up.
    pub(super) left_out: AtomicU64,
}

impl Done {
    pub(super) fn add(&self, more: &Self) {
        let fields = [
            (&self.asked, &more.asked),
            (&self.already, &more.already),
            (&self.restored, &more.restored),
            (&self.uncounted, &more.uncounted),
            (&self.missing, &more.missing),
            (&self.left_out, &more.left_out),
        ];
        for (to, from) in fields {
            to.fetch_add(from.load(Relaxed), Relaxed);
        }
    }
}

impl Target {
    pub(super) fn new(path: PathBuf, head: FileHead) -> Self {
        Self {
            path,
            head,
            opened: OnceLock::new(),
            done: Done::default(),
            unknown: OnceLock::new(),
            failed: Mutex::new(None),
        }
    }

    /// The file, opened by who needs it first.
    pub(super) fn open(&self) -> Result<&FileObject, Unusable> {
        let opened = self.opened.get_or_init(|| {
            let file = open::file(&self.path, &self.head)?;
            let errno = |error: mman::Error| {
                error.errno().map_or(Errno::INVAL, |errno| Errno::from_raw_os_error(errno.raw()))
            };
            let object = FileObject::new(file).map_err(|error| Unusable::Error(errno(error)))?;
            // Nothing is read ahead: that would bring in what was not there. What it does not do, it does not harm.
            let _hint = object.advise(.., FileAdvice::Random);
            Ok(object)
        });
        opened.as_ref().map_err(|why| *why)
    }

    /// Why it was not opened, if it was tried.
    pub(super) fn unusable(&self) -> Option<Unusable> {
        self.opened.get()?.as_ref().err().copied()
    }

    pub(super) const fn size(&self) -> u64 {
        self.head.size
    }

    pub(super) fn is_not_counted(&self, why: Unknown) {
        let _already_said = self.unknown.set(why);
    }

    pub(super) fn unknown(&self) -> Option<Unknown> {
        self.unknown.get().copied()
    }

    pub(super) fn has_failed(&self, errno: Errno) {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(errno);
    }

    pub(super) fn failure(&self) -> Option<Errno> {
        *self.failed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
