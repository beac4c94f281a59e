//! What is locked.

use super::target::{Scan, Target};
use crate::failure::{Failure, report as tell};
use crate::interrupt::Interrupt;
use crate::processes::FileId;
use mman::{Cause, FileObject, MapOptions, Mapping, MemoryObject};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::os::unix::fs::MetadataExt;

/// Files that are mapped and locked.
#[derive(Debug)]
pub(super) struct Held {
    on_fault: bool,
    files: BTreeMap<FileId, One>,
    /// What was told already: it is not told at each look.
    told: BTreeSet<String>,
}

/// A file that is locked.
#[derive(Debug)]
struct One {
    bytes: Range<u64>,
    /// Bytes of whole pages.
    len: u64,
    /// Locked until it is dropped. No byte of it is touched: those past a new end would raise a signal.
    _mapping: Mapping,
}

impl Held {
    pub(super) const fn new(on_fault: bool) -> Self {
        Self { on_fault, files: BTreeMap::new(), told: BTreeSet::new() }
    }

    pub(super) fn files(&self) -> u64 {
        self.files.len() as u64
    }

    /// Of whole pages.
    pub(super) fn bytes(&self) -> u64 {
        self.files.values().map(|one| one.len).fold(0, u64::saturating_add)
    }

    /// Locks a file. One that has vanished, or was replaced, is passed over: it is not the one that was found.
    pub(super) fn lock(&mut self, target: &Target) -> mman::Result<()> {
        /// A file that becomes shorter as often as that while it is being locked is left to the next look.
        const TRIES: u32 = 5;
        let object = match FileObject::open(&target.path) {
            Ok(object) => object,
            Err(error) if error.errno() == Some(mman::Errno::ENOENT) => return Ok(()),
            Err(error) => return Err(error),
        };
        let same = object.file().metadata().is_ok_and(|metadata| {
            (metadata.dev(), metadata.ino()) == (target.id.device, target.id.inode)
        });
        if !same {
            return Ok(());
        }
        let mut target = target.clone();
        for _ in 0..TRIES {
            let size = object.size()?.unwrap_or(u64::MAX);
            target.bytes = target.bytes.start.min(size)..target.bytes.end.min(size);
            if target.bytes.is_empty() {
                return Ok(());
            }
            match self.map(&object, &target.bytes) {
                Ok(mapping) => {
                    let (bytes, len) = (target.bytes.clone(), target.len());
                    self.files.insert(target.id, One { bytes, len, _mapping: mapping });
                    return Ok(());
                }
                Err(error) => match error.cause() {
                    Cause::Truncated { .. } | Cause::Range(_) if object.size()? != Some(size) => {}
                    _ => return Err(error),
                },
            }
        }
        Ok(())
    }

    fn map(&self, object: &FileObject, bytes: &Range<u64>) -> mman::Result<Mapping> {
        let mapping = MapOptions::shared().range(bytes.clone()).map(object)?;
        let pages = mapping.pages();
        let locked = if self.on_fault { pages.lock_on_fault(..) } else { pages.lock(..) };
        locked?.keep();
        Ok(mapping)
    }

    /// Locks what is new or has grown, and lets go of what has gone. What cannot be locked is told once. Answers
    /// whether anything is different.
    pub(super) fn follow(&mut self, now: &Scan, interrupt: &Interrupt) -> bool {
        if interrupt.is_set() {
            return false; // the look was not finished
        }
        let there: BTreeSet<FileId> = now.targets.iter().map(|target| target.id).collect();
        let before = self.files.len();
        self.files.retain(|id, _| there.contains(id));
        let mut changed = before != self.files.len();
        let mut told: BTreeSet<String> = now.failures.clone();
        for target in &now.targets {
            let is_held = self.files.get(&target.id).map(|one| &one.bytes);
            if is_held == Some(&target.bytes) || interrupt.is_set() {
                continue;
            }
            let mut locked = self.lock(target);
            if is_over_limit(&locked) && self.files.remove(&target.id).is_some() {
                // What was held of the file counts too, until it is let go.
                changed = true;
                locked = self.lock(target);
            }
            match locked {
                Ok(()) => changed = true,
                Err(error) => {
                    told.insert(format!("{}: {error}", target.path.display()));
                }
            }
        }
        for line in told.difference(&self.told) {
            tell(&Failure::line(line.clone()));
        }
        self.told = told;
        changed
    }
}

fn is_over_limit(answer: &mman::Result<()>) -> bool {
    matches!(answer, Err(error) if matches!(error.cause(), Cause::LockLimit { .. }))
}
