//! What is known of a file in the page cache, and why not where nothing is.

mod folios;
mod picture;

pub(crate) use folios::{Folios, Sizes};
pub(crate) use picture::{Density, density, glyph, picture};

use crate::output::units::covering;
use crate::select::Found;
use mman::{CacheStatus, Cause, Errno, Error, FileObject, MapOptions, MemoryObject, PageSize};
use rustix::fs::SeekFrom;
use std::fs::File;
use std::ops::Range;

/// What the page cache has of a range of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Residency {
    Known(Known),
    Unknown(Unknown),
}

/// Counted, in pages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Known {
    /// How many bytes the range has, after what the file has lost meanwhile.
    pub(crate) bytes: u64,
    /// All that hold a byte of the range.
    pub(crate) pages: u64,
    /// Of those, in the cache: never more.
    pub(crate) cached: u64,
    /// Which kernels without `cachestat` (before 6.5) do not tell.
    pub(crate) details: Option<Details>,
}

/// What `cachestat` tells besides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Details {
    /// Changed and not written back.
    pub(crate) dirty: u64,
    /// Being written back.
    pub(crate) writeback: u64,
    /// Reclaimed, and remembered: not what was dropped on purpose.
    pub(crate) evicted: u64,
    /// Of those, reclaimed recently.
    pub(crate) recently_evicted: u64,
}

/// Why nothing is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unknown {
    /// The kernel tells only who owns the file or may write to it.
    NotPermitted,
    /// The kernel does not count pages of such files.
    NotCounted,
    /// The kernel answers an error.
    Error(Errno),
}

impl Unknown {
    /// For a column.
    pub(crate) fn short(self) -> String {
        match self {
            Self::NotPermitted => "not permitted (needs owner)".to_owned(),
            Self::NotCounted => "not counted (file system)".to_owned(),
            Self::Error(errno) => format!("error ({errno})"),
        }
    }
}

/// Looks at a range of a file that was found: rounded outwards to pages, cut to the size of the file.
pub(crate) fn look(found: &Found<'_>, range: &Range<u64>) -> Residency {
    residency(known(&found.file, found.size, range))
}

/// The same of any open file, for a second look after an action.
pub(crate) fn look_at(file: &File, range: &Range<u64>) -> Residency {
    let size = size_of(file).ok_or(Unknown::NotCounted);
    residency(size.and_then(|size| known(file, size, range)))
}

fn residency(told: Result<Known, Unknown>) -> Residency {
    match told {
        Ok(known) => Residency::Known(known),
        Err(unknown) => Residency::Unknown(unknown),
    }
}

fn size_of(file: &File) -> Option<u64> {
    // A device that has no end says it is at 0.
    if let Some(size @ 1..) = end_of(file) {
        return Some(size);
    }
    FileObject::new(file).and_then(|object| object.size()).ok().flatten()
}

/// One system call where it answers: the range is cut to the size that was found a moment ago.
fn known(file: &File, size: u64, range: &Range<u64>) -> Result<Known, Unknown> {
    let bytes = range.start.min(size)..range.end.min(size);
    let mut known = Known { pages: covering(&bytes), ..Known::default() };
    known.bytes = bytes.end.saturating_sub(bytes.start);
    match CacheStatus::of(file, bytes.clone()) {
        // The pages are those of a file below, which a mapping leads to and `cachestat` does not.
        Ok(status) if status.cached == 0 && known.pages > 0 && is_stacked(file) => {
            known.cached = by_mapping(file, &bytes)?.min(known.pages);
        }
        Ok(status) => {
            known.cached = status.cached.min(known.pages);
            known.details = Some(Details {
                dirty: status.dirty.min(known.cached),
                writeback: status.writeback.min(known.cached),
                evicted: status.evicted,
                recently_evicted: status.recently_evicted,
            });
        }
        Err(error) if error.errno() == Some(Errno::EOPNOTSUPP) => {
            known.cached = huge_pages(file, size, &bytes)?.min(known.pages);
        }
        Err(error) if error.cause() == Cause::NotSupported => {
            known.cached = by_mapping(file, &bytes)?.min(known.pages);
        }
        Err(error) => return Err(unknown(&error)),
    }
    // Something is missing: it may be that the file is shorter by now.
    if known.cached < known.pages
        && let Some(now) = end_of(file)
        && now < size
    {
        let bytes = range.start.min(now)..range.end.min(now);
        known.pages = covering(&bytes);
        known.bytes = bytes.end.saturating_sub(bytes.start);
        known.cached = known.cached.min(known.pages);
    }
    Ok(known)
}

/// The size of a file now. Its end is sought, which costs half of what `fstat` does: nothing here reads from where it
/// stands.
fn end_of(file: &File) -> Option<u64> {
    rustix::fs::seek(file, SeekFrom::End(0)).ok()
}

/// Files of huge pages: neither `cachestat` nor `mincore` knows them. Their pages are in memory as long as they are
/// allocated, and of all of the file that is told.
fn huge_pages(file: &File, size: u64, bytes: &Range<u64>) -> Result<u64, Unknown> {
    if *bytes != (0..size) {
        return Err(Unknown::NotCounted);
    }
    let stat = rustix::fs::fstat(file).map_err(|_| Unknown::NotCounted)?;
    let allocated = u64::try_from(stat.st_blocks).unwrap_or(0).saturating_mul(512);
    Ok(allocated >> PageSize::base().log2())
}

/// Whether a file is of a file system whose files have no pages of their own: overlayfs (`linux/magic.h`).
fn is_stacked(file: &File) -> bool {
    const OVERLAYFS: u64 = 0x794c_7630;
    let system = rustix::fs::fstatfs(file).ok();
    system.is_some_and(|system| u64::try_from(system.f_type).is_ok_and(|kind| kind == OVERLAYFS))
}

/// What `mincore` says, where it does not lie: on older kernels, and of files that are stacked on others.
fn by_mapping(file: &File, bytes: &Range<u64>) -> Result<u64, Unknown> {
    if bytes.is_empty() {
        return Ok(0);
    }
    let object = FileObject::new(file).map_err(|error| unknown(&error))?;
    match object.residency_is_visible() {
        Ok(true) => {}
        Ok(false) => return Err(Unknown::NotPermitted),
        Err(_) => return Err(Unknown::NotCounted),
    }
    let page = PageSize::base().bytes() as u64;
    let whole = bytes.start & !page.wrapping_sub(1)..bytes.end;
    let options = MapOptions::shared().range(whole).past_end().no_reserve();
    let mapping = options.map(&object).map_err(|error| unknown(&error))?;
    let resident = mapping.pages().resident(..).map_err(|error| unknown(&error))?;
    Ok((resident as u64).div_ceil(page))
}

fn unknown(error: &Error) -> Unknown {
    match (error.cause(), error.errno()) {
        (Cause::Hidden, _) => Unknown::NotPermitted,
        (_, Some(errno)) => Unknown::Error(errno),
        _ => Unknown::NotCounted,
    }
}
