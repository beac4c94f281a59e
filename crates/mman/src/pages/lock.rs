//! Locking pages into memory, by guards that may overlap.

use crate::area::Area;
use crate::error::{Cause, Error, Operation, Result};
use crate::explain;
use crate::inspect::line;
use crate::page::{PageRange, PageSize};
use crate::pages::Pages;
use crate::pages::held::{self, Held};
use crate::pages::populate;
use crate::process::generation;
use core::ops::{Range, RangeBounds};
use mman_sys as sys;
use mman_sys::{Advice, Errno, LockFlags, SyncFlags};
use rustix::process::Resource;

/// Pages that are locked into memory as long as this lives. [mlock(2)](https://man7.org/linux/man-pages/man2/mlock.2.html)
///
/// The kernel's locks do not stack: one `munlock` undoes any number of `mlock`. These guards do. A page is
/// unlocked with the last guard that holds it, and not then if something else had locked it before the first:
/// [`MapOptions::locked`](crate::MapOptions::locked), [`process::lock_all`](crate::process::lock_all),
/// [`keep`](Self::keep), or a call of the C library.
///
/// It borrows the owner of the pages, which can be neither unmapped nor moved meanwhile. A guard that is forgotten
/// (`core::mem::forget`) holds its addresses until the process ends, whatever is mapped there later.
///
/// ```
/// use mman::Anonymous;
///
/// let memory = Anonymous::new(3 * 4096).map()?;
/// let whole = memory.pages().lock(..)?;
/// let first = memory.pages().lock(..4096)?;
/// drop(whole);
/// memory.write_at(0, b"never swapped")?; // the first page is still locked
/// drop(first);
/// # Ok::<(), mman::Error>(())
/// ```
///
/// The borrow keeps the pages where they are:
///
/// ```compile_fail
/// let memory = mman::Anonymous::new(4096).map()?;
/// let locked = memory.pages().lock(..)?;
/// memory.unmap()?;
/// drop(locked);
/// # Ok::<(), mman::Error>(())
/// ```
#[derive(Debug)]
#[must_use = "dropping the guard unlocks the pages"]
pub struct Locked<'owner> {
    area: &'owner Area,
    pages: PageRange,
    /// The process that it holds them in: a child has no locks.
    generation: u32,
}

impl Locked<'_> {
    /// The length in bytes: whole pages.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.pages.len()
    }

    /// Whether there is no page in it.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.pages.is_empty()
    }

    /// Ends the guard and leaves the pages locked, until [`Pages::unlock`] or until they are unmapped.
    pub fn keep(mut self) {
        self.end(true);
    }

    fn end(&mut self, keep: bool) {
        if self.pages.is_empty() || self.generation != generation::current() {
            return;
        }
        let mut held = held::all();
        let unlocked = held.remove(&self.area.addresses(self.pages), keep);
        self.pages = PageRange::within(0..0, self.pages.page_size());
        unlock_each(&unlocked);
    }
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        self.end(false);
    }
}

impl<'owner> Pages<'owner> {
    /// Reads the pages in and keeps them in memory as long as the guard lives. Rounded outwards to pages.
    ///
    /// Where it fails nothing is locked that was not before, which the kernel alone does not promise.
    ///
    /// # Errors
    ///
    /// [`Cause::LockLimit`]; [`Cause::LockRight`]: the limit is 0; [`Cause::Denied`]: a page without access;
    /// [`Cause::Truncated`]: a page past the end of the object; [`Cause::MapCountLimit`].
    pub fn lock(&self, range: impl RangeBounds<usize>) -> Result<Locked<'owner>> {
        self.lock_as(&range, false)
    }

    /// As [`lock`](Self::lock), each page from when it is first touched on (4.4). Nothing is read in.
    ///
    /// # Errors
    ///
    /// Those of [`lock`](Self::lock) that are about limits.
    pub fn lock_on_fault(&self, range: impl RangeBounds<usize>) -> Result<Locked<'owner>> {
        self.lock_as(&range, true)
    }

    fn lock_as(&self, range: &impl RangeBounds<usize>, on_fault: bool) -> Result<Locked<'owner>> {
        let pages = self.covering(Operation::Lock, range)?;
        if !pages.is_empty() {
            let mut held = held::all();
            lock_pages(self.area, pages, on_fault, &mut held).map_err(|error| self.told(error))?;
        }
        Ok(Locked { area: self.area, pages, generation: generation::current() })
    }

    /// Unlocks the pages, whoever locked them; those that a guard holds stay locked, and are unlocked with the last
    /// guard. Rounded outwards to pages. Pages that are not locked are no error.
    ///
    /// # Errors
    ///
    /// [`Cause::Range`]; what `munlock` answers.
    pub fn unlock(&self, range: impl RangeBounds<usize>) -> Result<()> {
        let pages = self.covering(Operation::Unlock, &range)?;
        if pages.is_empty() {
            return Ok(());
        }
        let mut held = held::all();
        let mut answer = Ok(());
        for part in held.leave_to_guards(&self.area.addresses(pages)) {
            if let Err(errno) = unlock(&part) {
                answer = Err(self.told(self.area.error(Operation::Unlock, pages, errno)));
            }
        }
        answer
    }
}

/// Locks pages, of which there is one at least, for one guard more.
fn lock_pages(area: &Area, pages: PageRange, on_fault: bool, held: &mut Held) -> Result<()> {
    let addresses = area.addresses(pages);
    let before = locked_within(&addresses);
    match lock(area, pages, on_fault) {
        Ok(()) => {
            held.add(&addresses, &before, on_fault);
            Ok(())
        }
        Err(errno) => {
            unlock_each(&without(&addresses, &before));
            let cause = why(area, pages, errno, &before);
            let error = Error::kernel(Operation::Lock, area.kind(), errno).because(cause);
            Err(error.on(pages.start() as u64, pages.len() as u64))
        }
    }
}

/// Locks a whole new area as `MAP_LOCKED` does: a page that cannot be read in is no error.
pub(crate) fn lock_new(area: &Area) -> Result<()> {
    let pages = area.whole();
    let Err(errno) = lock(area, pages, false) else { return Ok(()) };
    let cause = why(area, pages, errno, &[]);
    match cause {
        Cause::LockLimit { .. } | Cause::LockRight | Cause::MapCountLimit { .. } => {
            let error = Error::kernel(Operation::Lock, area.kind(), errno).because(cause);
            Err(error.on(0, pages.len() as u64))
        }
        _ => Ok(()), // the pages are marked, and locked when they come
    }
}

fn lock(area: &Area, pages: PageRange, on_fault: bool) -> Result<(), Errno> {
    area.ask(pages, |start, len| {
        if on_fault { sys::mlock2(start, len, LockFlags::ONFAULT) } else { sys::mlock(start, len) }
    })
}

fn unlock(range: &Range<usize>) -> Result<(), Errno> {
    sys::munlock(core::ptr::without_provenance(range.start), range.len())
}

/// Unlocking what is mapped fails only at the limit of mappings, and then nobody could do more about it.
fn unlock_each(ranges: &[Range<usize>]) {
    for range in ranges {
        let _unlocked_or_not = unlock(range);
    }
}

/// Locks again what guards hold, after all of the process was unlocked.
pub(crate) fn lock_again(held: &Held) {
    lock_each(held.each());
}

fn lock_each(ranges: impl Iterator<Item = (Range<usize>, bool)>) {
    for (range, on_fault) in ranges {
        let start = core::ptr::without_provenance(range.start);
        let flags = if on_fault { LockFlags::ONFAULT } else { LockFlags::empty() };
        // A guard that was forgotten may stand for addresses where nothing is any more.
        let _locked_or_not = sys::mlock2(start, range.len(), flags);
    }
}

/// Whether a page of a range is locked. `MS_INVALIDATE` tells, and does nothing else.
pub(crate) fn any_locked(range: &Range<usize>) -> bool {
    let start = core::ptr::without_provenance(range.start);
    sys::msync(start, range.len(), SyncFlags::INVALIDATE) == Err(Errno::EBUSY)
}

/// What of a range is locked, by whomever. Locks are the business of whole mappings, as the kernel counts them.
fn locked_within(range: &Range<usize>) -> Vec<Range<usize>> {
    let mut locked = Vec::new();
    if any_locked(range) {
        let told = explain::each_line("/proc/self/maps", |line| {
            let Some(line::Line { addresses: mapping, .. }) = line::parse(line) else { return };
            let part = mapping.start.max(range.start)..mapping.end.min(range.end);
            if part.start < part.end && any_locked(&part) {
                locked.push(part);
            }
        });
        if !told {
            locked = vec![range.clone()]; // too much stays locked, rather than too little
        }
    }
    locked
}

/// What of a range lies in none of the parts, which are in order.
fn without(range: &Range<usize>, parts: &[Range<usize>]) -> Vec<Range<usize>> {
    let mut at = range.start;
    let mut rest = Vec::new();
    for part in parts {
        if at < part.start {
            rest.push(at..part.start);
        }
        at = part.end;
    }
    if at < range.end {
        rest.push(at..range.end);
    }
    rest
}

/// Puts other pages in the place of an area's, and locks again what guards hold of it.
pub(crate) fn keep_locked(area: &Area, replace: impl FnOnce() -> Result<()>) -> Result<()> {
    let held = held::all();
    replace()?;
    let addresses = area.addresses(area.whole());
    let inside = |(range, on_fault): (Range<usize>, bool)| {
        let part = range.start.max(addresses.start)..range.end.min(addresses.end);
        (!part.is_empty()).then_some((part, on_fault))
    };
    lock_each(held.each().filter_map(inside));
    Ok(())
}

/// Which of its causes the error of a lock had.
fn why(area: &Area, pages: PageRange, errno: Errno, before: &[Range<usize>]) -> Cause {
    match errno {
        Errno::EPERM => Cause::LockRight,
        Errno::ENOMEM => {
            let counted = before.iter().map(Range::len).fold(0, usize::saturating_add);
            let more = pages.len().saturating_sub(counted) as u64;
            if let Some(limit) = limit_below(more) {
                return Cause::LockLimit { limit };
            }
            if let Some(cause) = explain::map_count_limit(explain::MARGIN) {
                return cause;
            }
            match populate::first_missing(area, pages, Advice::POPULATE_READ) {
                Some(at) => explain::fault(area.address().saturating_add(at), at as u64),
                None => Cause::Kernel,
            }
        }
        _ => Cause::Kernel,
    }
}

/// The limit of locked memory, if so many bytes more would be over it and it binds this thread.
pub(crate) fn limit_below(more: u64) -> Option<u64> {
    /// `CAP_IPC_LOCK` (`linux/capability.h`).
    const IPC_LOCK: u32 = 14;
    let limit = explain::limit_of(Resource::Memlock);
    let mut locked = 0_u64;
    let mut privileged = false;
    explain::each_line("/proc/thread-self/status", |line| {
        let text = str::from_utf8(line).unwrap_or_default();
        if let Some(kib) = text.strip_prefix("VmLck:") {
            let kib = kib.trim().trim_end_matches(" kB").as_bytes();
            locked = explain::parse_decimal(kib).unwrap_or(0).saturating_mul(1024);
        } else if let Some(bits) = text.strip_prefix("CapEff:") {
            let bits = u64::from_str_radix(bits.trim(), 16).unwrap_or(0);
            privileged = bits >> IPC_LOCK & 1 == 1;
        }
    });
    // The kernel compares whole pages.
    let page = PageSize::base().bytes() as u64;
    let whole = limit & !page.wrapping_sub(1);
    (!privileged && locked.saturating_add(more) > whole).then_some(limit)
}
