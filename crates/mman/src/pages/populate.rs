//! Reading pages in now, and saying if that failed.
#![expect(unsafe_code, reason = "populates, on pages of an area")]

use crate::area::Area;
use crate::copy;
use crate::error::{Cause, Error, ObjectKind, Operation, Result};
use crate::explain;
use crate::kernel::Feature;
use crate::page::{PageRange, PageSize};
use crate::pages::Pages;
use core::ops::RangeBounds;
use mman_sys as sys;
use mman_sys::{Advice, Errno};

/// What pages are made ready for. [madvise(2)](https://man7.org/linux/man-pages/man2/madvise.2.html)
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Populate {
    /// Reading: pages of the object are read in; memory that was never written to maps the page of zeros.
    ForReading,
    /// Writing: private pages become copies of our own, shared ones are marked changed, and a file system finds
    /// room for them. No byte changes.
    ForWriting,
}

impl Populate {
    const fn advice(self) -> Advice {
        match self {
            Self::ForReading => Advice::POPULATE_READ,
            Self::ForWriting => Advice::POPULATE_WRITE,
        }
    }
}

impl Pages<'_> {
    /// Reads in and maps all pages of the range now, so that touching them waits for nothing (5.14). Rounded
    /// outwards to pages. Afterwards the kernel may reclaim them, and somebody may truncate the object: this is no
    /// lock and no promise.
    ///
    /// It takes the read-ahead that the range was advised to: populate first, then advise
    /// [`Hint::Random`](crate::Hint::Random).
    ///
    /// ```
    /// use mman::{FileObject, Populate};
    ///
    /// let mapping = FileObject::open("Cargo.toml")?.map()?;
    /// mapping.pages().populate(.., Populate::ForReading)?;
    /// assert_eq!(mapping.pages().resident(..)?, mapping.len());
    /// # Ok::<(), mman::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Cause::Truncated`]: past the end of the object, or its storage failed; [`Cause::Denied`]: the protection
    /// forbids it, or a guard is there; [`Cause::NoSpace`]: no room to write; [`Cause::Storage`]: the memory or the
    /// device broke; [`Cause::HugePagePool`]; [`Cause::NotSupported`]. Pages before the one that failed are there.
    pub fn populate(&self, range: impl RangeBounds<usize>, how: Populate) -> Result<()> {
        let pages = self.covering(Operation::Populate, &range)?;
        populate(self.area, pages, how).map_err(|error| self.told(error))
    }
}

/// Populates pages of an area.
pub(crate) fn populate(area: &Area, pages: PageRange, how: Populate) -> Result<()> {
    let Err(errno) = attempt(area, pages, how.advice()) else { return Ok(()) };
    let cause = why(area, pages, how, errno);
    let error = Error::kernel(Operation::Populate, area.kind(), errno).because(cause);
    Err(error.on(pages.start() as u64, pages.len() as u64))
}

/// One populating call, made again as long as a signal or a page in motion stops it.
fn attempt(area: &Area, pages: PageRange, advice: Advice) -> Result<(), Errno> {
    /// A page that is moved so often in a row will be moved again.
    const TRIES: u32 = 100;
    let mut tries = 0_u32;
    loop {
        // SAFETY: populating changes no byte and takes no access.
        let answer = area.ask(pages, |start, len| unsafe { sys::madvise(start, len, advice) });
        match answer {
            Err(Errno::EINTR) => {}
            Err(Errno::EAGAIN) if tries < TRIES => tries = tries.saturating_add(1),
            other => return other,
        }
    }
}

/// The first page that cannot be populated, as the byte of it in the area: found by halving. Older kernels cannot say;
/// there it is the first that cannot be read.
pub(crate) fn first_missing(area: &Area, pages: PageRange, advice: Advice) -> Option<usize> {
    let page = pages.page_size();
    if Feature::Populate.support().is_err() {
        let unreadable = |at: &usize| !copy::can_read(area.address().saturating_add(*at));
        return (pages.start()..pages.end()).step_by(page.bytes()).find(unreadable);
    }
    let fails = |part: PageRange| attempt(area, part, advice).is_err();
    if !fails(pages) {
        return None;
    }
    let mut rest = pages;
    while rest.pages() > 1 {
        let half = rest.pages() >> 1;
        let middle = rest.start().saturating_add(half << page.log2());
        let Ok((low, high)) = rest.split_at(middle) else { break };
        rest = if fails(low) { low } else { high };
    }
    Some(rest.start())
}

/// Which of its causes the error had.
fn why(area: &Area, pages: PageRange, how: Populate, errno: Errno) -> Cause {
    if Feature::Populate.support().is_err() {
        return Cause::NotSupported;
    }
    let Some(at) = first_missing(area, pages, how.advice()) else { return Cause::Kernel };
    let address = area.address().saturating_add(at);
    let byte = at as u64;
    let seen = match how {
        Populate::ForReading => explain::fault(address, byte),
        Populate::ForWriting => explain::write_fault(address, byte),
    };
    match (errno, seen) {
        (Errno::EHWPOISON | Errno::EIO, _) => Cause::Storage { at: byte },
        (_, Cause::Denied | Cause::NotMapped) => seen,
        (Errno::EFAULT, _) if area.page_size() > PageSize::base() && is_in_pool(area) => {
            Cause::HugePagePool { page: area.page_size().bytes() }
        }
        // It can be read, so it is there: what lacks is room for what would be written.
        (Errno::EFAULT, _) if how == Populate::ForWriting && copy::can_read(address) => {
            Cause::NoSpace
        }
        (Errno::EFAULT, _) => seen,
        _ => Cause::Kernel,
    }
}

/// Whether the pages come from the pool and from nowhere else.
fn is_in_pool(area: &Area) -> bool {
    area.kind() == ObjectKind::Anonymous
}
