//! What a fork does with pages.
#![expect(unsafe_code, reason = "takes pages away from children")]

use crate::area::Area;
use crate::error::{Cause, Operation, Result};
use crate::mapping::Mapping;
use crate::page::PageRange;
use core::ops::RangeBounds;
use mman_sys::{Advice, Errno};

/// What a child finds in pages after a fork. [madvise(2)](https://man7.org/linux/man-pages/man2/madvise.2.html)
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OnFork {
    /// The same bytes: private memory as a copy, shared memory as it is. So it is unless said otherwise.
    Copy,
    /// Nothing: the pages are not mapped in the child. There the addresses may become somebody else's, so whoever forks
    /// (which is `unsafe`) answers for it that the child does not use or drop the mapping.
    Leave,
    /// Zeros (4.14): for keys and states of random generators, which two processes must not share. Private
    /// anonymous memory only.
    Wipe,
}

impl Mapping {
    /// Says what a fork does with pages. Bounds are page boundaries.
    ///
    /// ```
    /// use mman::{Anonymous, OnFork};
    ///
    /// let mut seed = Anonymous::new(4096).map()?;
    /// seed.on_fork(.., OnFork::Wipe)?; // a child starts with zeros
    /// # Ok::<(), mman::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Cause::Range`]; [`Cause::NotAnonymous`] for [`OnFork::Wipe`]; [`Cause::MapCountLimit`]; `EINVAL` for memory
    /// of a device, and for droppable memory, which is always wiped.
    pub fn on_fork(&mut self, range: impl RangeBounds<usize>, how: OnFork) -> Result<()> {
        let pages = self.exactly(Operation::OnFork, &range)?;
        on_fork(&mut self.area, pages, how).map_err(|error| self.told(error))
    }
}

/// Says it of pages whose owner lends them alone. The kernel has two switches; what can be refused is first.
pub(crate) fn on_fork(area: &mut Area, pages: PageRange, how: OnFork) -> Result<()> {
    let advices = match how {
        OnFork::Copy => [Advice::KEEPONFORK, Advice::DOFORK],
        OnFork::Leave => [Advice::DONTFORK, Advice::KEEPONFORK],
        OnFork::Wipe => [Advice::WIPEONFORK, Advice::DOFORK],
    };
    for advice in advices {
        // SAFETY: nothing changes in this process; what a child lacks is the business of who forks.
        let answer = unsafe { area.advise(Operation::OnFork, pages, advice) };
        answer.map_err(|error| match (how, error.errno()) {
            (OnFork::Wipe, Some(Errno::EINVAL)) => error.because(Cause::NotAnonymous),
            _ => error,
        })?;
    }
    Ok(())
}
