//! Which pages of a file are in memory, as runs, in constant memory.

use crate::cache::{self, Residency, Unknown};
use mman::{Cause, FileObject, MapOptions, PageSize};
use std::fs::File;
use std::io;
use std::ops::Range;

/// So much of a file is asked about at once: `mincore` needs a bit for each page, and holes of the cache are skipped by
/// such pieces.
const WINDOW: u64 = 256 << 20;

/// Up to so many pages are found by counting halves: a mapping costs more.
const FEW: u64 = 8;

/// Why looking ended early.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The kernel does not tell.
    Unknown(Unknown),
    /// Who was told of the runs could not take them.
    Told(io::Error),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Told(error)
    }
}

/// Tells each run of pages of a file that is in memory, in order. (Two may touch each other.) Nothing is read in.
///
/// Only windows of which a part is in memory are mapped, and no page of them is touched.
pub(crate) fn runs(
    file: &File,
    size: u64,
    each: &mut impl FnMut(Range<u64>) -> io::Result<()>,
) -> Result<(), Stop> {
    let mut start = 0;
    while start < size {
        let end = start.saturating_add(WINDOW).min(size);
        window(file, start..end, each)?;
        start = end;
    }
    Ok(())
}

fn window(
    file: &File,
    bytes: Range<u64>,
    each: &mut impl FnMut(Range<u64>) -> io::Result<()>,
) -> Result<(), Stop> {
    let known = match cache::look_at(file, &bytes) {
        Residency::Known(known) => known,
        Residency::Unknown(why) => return Err(Stop::Unknown(why)),
    };
    let first = bytes.start >> PageSize::base().log2();
    match known.cached {
        0 => Ok(()),
        // Of a file that became shorter meanwhile fewer pages are there than were asked about.
        all if all == known.pages => Ok(each(first..first.saturating_add(all))?),
        _ if known.pages <= FEW && known.details.is_some() => {
            let (low, high) = halves(first, known.pages);
            window(file, low, each)?;
            window(file, high, each)
        }
        _ => mapped(file, bytes, each),
    }
}

/// Two halves of so many pages, as bytes.
fn halves(first: u64, pages: u64) -> (Range<u64>, Range<u64>) {
    let byte = |page: u64| page << PageSize::base().log2();
    let middle = first.saturating_add(pages >> 1);
    (byte(first)..byte(middle), byte(middle)..byte(first.saturating_add(pages)))
}

fn mapped(
    file: &File,
    bytes: Range<u64>,
    each: &mut impl FnMut(Range<u64>) -> io::Result<()>,
) -> Result<(), Stop> {
    let page = PageSize::base();
    // The file may be shorter by now: no page is touched, so none can be missed.
    let options = MapOptions::shared().range(bytes.clone()).past_end().no_reserve();
    let unknown = |error: &mman::Error| {
        Stop::Unknown(match (error.cause(), error.errno()) {
            (Cause::Hidden, _) => Unknown::NotPermitted,
            (_, Some(errno)) => Unknown::Error(errno),
            _ => Unknown::NotCounted,
        })
    };
    let object = FileObject::new(file).map_err(|error| unknown(&error))?;
    let mapping = options.map(&object).map_err(|error| unknown(&error))?;
    let residency = mapping.pages().residency(..).map_err(|error| unknown(&error))?;
    let first = bytes.start >> page.log2();
    for run in residency.runs() {
        let (start, end) = (run.start as u64 >> page.log2(), run.end as u64);
        let end = end.div_ceil(page.bytes() as u64);
        each(first.saturating_add(start)..first.saturating_add(end))?;
    }
    Ok(())
}
