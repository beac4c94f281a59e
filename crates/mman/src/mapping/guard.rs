//! Guard pages: a touch is SIGSEGV, and costs no mapping of its own.
#![expect(unsafe_code, reason = "asks /proc about pages, by ioctl; takes pages out of use")]

use crate::area::Area;
use crate::error::{Cause, Operation, Result};
use crate::inspect::line::Line;
use crate::kernel::Feature;
use crate::mapping::Mapping;
use crate::page::{PageRange, PageSize};
use crate::pages::lock;
use crate::reserve::Reservation;
use core::ops::RangeBounds;
use mman_sys as sys;
use mman_sys::{Advice, Errno, PageCategories, PageRegion, ScanArg};
use std::fs::File;
use std::os::fd::AsRawFd;

impl Mapping {
    /// Makes guard pages of a range (6.13; of file mappings 6.15): touching them is SIGSEGV, and the methods of this
    /// crate answer [`Cause::Denied`]. Bounds are page boundaries.
    ///
    /// What private pages held is dropped; an object keeps its bytes. Unlike protection it makes no mapping more
    /// for the kernel, so that millions of guards fit under the limit of mappings. They survive
    /// [`discard`](Self::discard) and a fork. [madvise(2)](https://man7.org/linux/man-pages/man2/madvise.2.html)
    ///
    /// ```
    /// use mman::{Anonymous, Cause};
    ///
    /// let mut memory = Anonymous::new(2 * 4096).map()?;
    /// if let Err(error) = memory.install_guard(4096..) {
    ///     assert_eq!(error.cause(), Cause::NotSupported); // before Linux 6.13
    ///     return Ok(());
    /// }
    /// assert_eq!(memory.read_at(4096, &mut [0]).unwrap_err().cause(), Cause::Denied);
    /// memory.remove_guard(4096..)?;
    /// memory.read_at(4096, &mut [0])?; // zeros
    /// # Ok::<(), mman::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Cause::Range`]; [`Cause::NotSupported`] on older kernels, and for huge pages of the pool and devices;
    /// [`Cause::Locked`]: a page is locked; [`Cause::Sealed`].
    pub fn install_guard(&mut self, range: impl RangeBounds<usize>) -> Result<()> {
        let pages = self.exactly(Operation::Guard, &range)?;
        set(&mut self.area, pages, Advice::GUARD_INSTALL).map_err(|error| self.told(error))
    }

    /// Makes ordinary pages of guard pages again: private memory reads as zeros, a file as the file. On other pages it
    /// does nothing. Bounds are page boundaries.
    ///
    /// # Errors
    ///
    /// Those of [`install_guard`](Self::install_guard); locked pages are none.
    pub fn remove_guard(&mut self, range: impl RangeBounds<usize>) -> Result<()> {
        let pages = self.exactly(Operation::Guard, &range)?;
        set(&mut self.area, pages, Advice::GUARD_REMOVE).map_err(|error| self.told(error))
    }
}

impl Reservation {
    /// Makes guard pages of a range: what was committed or placed there is dropped, and a touch is SIGSEGV. That is what
    /// held address space is anyway, so it needs no kernel feature; each change of kind is a mapping more.
    ///
    /// # Errors
    ///
    /// Those of [`decommit`](Self::decommit).
    pub fn install_guard(&mut self, range: impl RangeBounds<usize>) -> Result<()> {
        self.exactly(Operation::Guard, &range)?;
        self.decommit(range)
    }

    /// Commits pages that were guards: zeros. Pages that are committed already keep their bytes.
    ///
    /// # Errors
    ///
    /// Those of [`commit`](Self::commit).
    pub fn remove_guard(&mut self, range: impl RangeBounds<usize>) -> Result<()> {
        self.exactly(Operation::Guard, &range)?;
        self.commit(range)
    }
}

/// Installs or removes guards, on pages whose owner lends them alone.
fn set(area: &mut Area, pages: PageRange, advice: Advice) -> Result<()> {
    // SAFETY: the owner is borrowed alone, and hands out no reference to its bytes: nobody relies on them.
    let answer = unsafe { area.advise(Operation::Guard, pages, advice) };
    answer.map_err(|error| match error.errno() {
        Some(Errno::EINVAL) => error.because(why(area, pages, advice)),
        _ => error,
    })
}

fn why(area: &Area, pages: PageRange, advice: Advice) -> Cause {
    let installs = advice == Advice::GUARD_INSTALL;
    if Feature::GuardRegions.support().is_ok()
        && area.page_size() == PageSize::base()
        && installs
        && lock::any_locked(&area.addresses(pages))
    {
        return Cause::Locked;
    }
    Cause::NotSupported
}

/// Whether a page that the kernel could not reach, though the protection allows it, is a guard. `line` is its line in
/// `/proc/self/maps`.
pub(crate) fn is_at(address: usize, line: &Line<'_>) -> bool {
    if Feature::GuardRegions.support().is_err() {
        return false;
    }
    match scan(address) {
        Ok(is_guard) => is_guard,
        // Kernels with guards that cannot tell of them (6.13, 6.14) have them in anonymous memory only, of which a
        // page is never missing for another reason, but for huge pages.
        Err(_) => is_small_anonymous(line),
    }
}

/// Private, without an object or a name.
const fn is_small_anonymous(line: &Line<'_>) -> bool {
    !line.shared && line.inode == 0 && line.name.is_empty()
}

fn scan(address: usize) -> Result<bool, Errno> {
    let page = PageSize::base();
    let start = page.round_down(address);
    let file = File::open("/proc/self/pagemap");
    let file = file.map_err(|error| Errno::from_raw(error.raw_os_error().unwrap_or(0)))?;
    let mut argument = ScanArg {
        start: start as u64,
        end: start.saturating_add(page.bytes()) as u64,
        category_mask: PageCategories::GUARD,
        return_mask: PageCategories::GUARD,
        ..ScanArg::default()
    };
    let mut regions = [PageRegion::default()];
    // SAFETY: the file is open.
    let found = unsafe { sys::pagemap_scan(file.as_raw_fd(), &mut argument, &mut regions) }?;
    Ok(found > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::line::parse;

    fn is_small(text: &[u8]) -> bool {
        is_small_anonymous(&parse(text).unwrap())
    }

    #[test]
    fn a_line_of_anonymous_memory_is_known() {
        assert!(is_small(b"1000-2000 rw-p 00000000 00:00 0 "));
        assert!(!is_small(b"1000-2000 rw-s 00000000 00:01 77  /dev/zero (deleted)"));
        assert!(!is_small(b"1000-2000 rw-p 00000000 00:00 0  [heap]"));
    }

    #[test]
    fn pages_of_our_own_are_no_guards() {
        let here = 0_u8;
        let line = parse(b"1000-2000 rw-p 00000000 fe:00 9 /a").unwrap();
        assert!(!is_at((&raw const here).addr(), &line));
    }
}
