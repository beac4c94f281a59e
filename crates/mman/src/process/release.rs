//! Freeing the memory of a process that is being killed, before it gets to that itself.
#![expect(unsafe_code, reason = "passes the descriptor of a process that it owns")]

use super::Process;
use super::other::error;
use crate::error::{Operation, Result};
use mman_sys::process_mrelease;
use std::os::fd::AsRawFd;

impl Process {
    /// Frees the private memory of the process, which must have been killed by `SIGKILL` and cannot touch it any
    /// more: for a killer that needs the memory now. Shared memory and files lose nothing (5.15).
    /// [process_mrelease](https://docs.kernel.org/admin-guide/mm/index.html)
    ///
    /// # Errors
    ///
    /// [`Cause::NotDying`](crate::Cause::NotDying) (`EINVAL`) where it is not being killed, or its memory is also
    /// that of a process that is not; [`Cause::NoProcess`](crate::Cause::NoProcess) where it was faster and has none
    /// any more; `EAGAIN` where it must be asked again; `EINTR`; `ENOSYS`.
    pub fn release(&self) -> Result<()> {
        self.with_pidfd(|pidfd| {
            // SAFETY: the descriptor is open. The kernel frees the memory of a dying process only, which runs no
            // code of a program any more.
            unsafe { process_mrelease(pidfd.as_raw_fd(), 0) }
                .map_err(|errno| error(Operation::Release, errno))
        })
    }
}
