//! The view of a file that is told before anybody writes: bytes that stay as they were.
#![expect(unsafe_code, reason = "takes somebody's word for bytes that a lease keeps")]

use super::frozen::Frozen;
use super::lease::{Lease, LeaseState};
use super::lease_thread;
use super::policy::CopyLimit;
use super::shared::Shared;
use crate::error::{Cause, Error, Operation, Refused, Result};
use crate::object::FileObject;
use crate::options::MapOptions;
use core::ops::Deref;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

/// A file under a read lease: mapped without a copy, and told before anybody writes to it. What [`Shared`] reads, it
/// reads, at the same speed, and the bytes stay those that were there when it was made.
///
/// Who opens the file for writing, or truncates it, waits for a moment. Meanwhile a thread of this library copies the
/// bytes to memory of this process and moves the copy over the mapping, in one step and at the same addresses, which no
/// reader notices. Only then is the lease given up. Where the bytes cannot be copied (the [`CopyLimit`], no memory, the
/// limit of mappings), they are given up first, and each is an error, [`Cause::LeaseGivenUp`]; never another's byte.
///
/// ```
/// use mman::{Leased, LeaseState};
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("index");
///
/// std::fs::write(&path, b"the first edition")?;
/// let index = Leased::open(&path)?;
/// assert_eq!(index.state(), LeaseState::Held);
/// std::fs::write(&path, b"another one")?; // waits until we have a copy
/// assert_eq!(index.to_vec(..)?, b"the first edition");
/// assert_eq!(index.state(), LeaseState::Copied);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # What it takes
///
/// - A regular file of ext4, xfs, btrfs or tmpfs: others have no leases, or leases that protect nothing (FUSE,
///   overlayfs): [`Cause::NoLeases`].
/// - Nobody has it open for writing or mapped shared and writable, in any process: [`Cause::OpenForWriting`].
/// - It is the caller's own, or the caller has `CAP_LEASE`: [`Cause::LeaseRight`].
/// - SIGBUS is this library's (see [`signal`](crate::signal)), or passed on: else [`Cause::SignalTaken`].
///
/// # What it does not promise
///
/// - A *stopped* process (a debugger, Ctrl-Z, the freezer of a control group) answers nobody. After
///   `/proc/sys/fs/lease-break-time` (45 s) the kernel takes the lease away, and the writer goes on: readers see bytes
///   change until the process is awake and has found out, which is then [`LeaseState::Broken`]. So it is no proof for a
///   [`Frozen`].
/// - The same time is all there is for the copies of all files that somebody wants to write to at once; they are made one
///   after the other.
/// - Who writes to the block device below writes.
/// - Pages that guards hold locked ([`Pages::lock`](crate::Pages::lock)) are locked in the copy too; those that
///   [`MapOptions::locked`] locked are not.
/// - The thread waits for signal 61 and for SIGIO, which it gets alone. It may take one that is sent to the whole process,
///   where every other thread blocks it.
/// - A child that was forked has neither the mapping nor the thread: it must not use the view (dropping it does nothing
///   there), and can take no lease of its own, unless it was forked before the first one (`ECHILD`). It does have the
///   descriptor: if it outlives this process, writers wait for the kernel.
///
/// [fcntl(2), leases](https://man7.org/linux/man-pages/man2/F_SETLEASE.2const.html)
#[derive(Debug)]
pub struct Leased {
    holding: Arc<Holding>,
}

/// The view of a lease, whose end ends the lease.
#[derive(Debug)]
pub(super) struct Holding {
    lease: Arc<Lease>,
}

impl Holding {
    pub(super) fn shared(&self) -> &Shared {
        self.lease.shared()
    }
}

impl Drop for Holding {
    fn drop(&mut self) {
        if self.lease.is_home() {
            lease_thread::forget(&self.lease);
            self.lease.end();
        } else {
            // A child: the lease is its parent's, and the addresses may be another's by now.
            #[expect(clippy::mem_forget, reason = "dropping would unmap what may be another's")]
            core::mem::forget(Arc::clone(&self.lease));
        }
    }
}

impl Deref for Leased {
    type Target = Shared;
    #[inline]
    fn deref(&self) -> &Shared {
        self.holding.shared()
    }
}

impl Leased {
    /// Opens a file and takes a lease on it; all of it may be copied if need be.
    ///
    /// # Errors
    ///
    /// Those of [`FileObject::open`], and of [`Leased::map`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::open_within(path, CopyLimit::NONE)
    }

    /// As [`open`](Self::open); if the file is longer than the limit and somebody wants to write to it, its bytes are
    /// given up.
    ///
    /// # Errors
    ///
    /// Those of [`open`](Self::open).
    pub fn open_within(path: impl AsRef<Path>, limit: CopyLimit) -> Result<Self> {
        Self::map(&MapOptions::shared(), FileObject::open(path)?, limit)
    }

    /// Takes a lease on an open file, and maps it as the options say, but for the protection, which is to read. A fork
    /// leaves it out ([`OnFork::Leave`](crate::OnFork::Leave)).
    ///
    /// The lease is that of the open file: who has a duplicate of the descriptor must leave it alone.
    ///
    /// # Errors
    ///
    /// [`Cause::NoLeases`], [`Cause::OpenForWriting`], also where this very file is open for writing,
    /// [`Cause::LeaseRight`], [`Cause::SignalTaken`]; `EAGAIN` where no thread can be had, `ECHILD` in a child;
    /// [`Cause::NoSuchView`] for a range past the end; those of [`Shared::map`].
    pub fn map(options: &MapOptions, file: FileObject<File>, limit: CopyLimit) -> Result<Self> {
        let lease = Lease::take(options, file, limit)?;
        Ok(Self { holding: Arc::new(Holding { lease }) })
    }

    /// What became of the lease. Where somebody wants to write, this waits until the bytes are copied, or copies them.
    #[must_use]
    pub fn state(&self) -> LeaseState {
        self.holding.lease.state()
    }

    /// Takes somebody's word that this process is never stopped, and makes a slice of what the lease keeps.
    ///
    /// # Errors
    ///
    /// The view comes back where bytes of it were lost.
    ///
    /// # Safety
    ///
    /// As long as the result or a clone or part of it lives: this process is not stopped and not starved for as long as
    /// the kernel waits (`/proc/sys/fs/lease-break-time`), nobody gives the lease up through a duplicate of the
    /// descriptor or writes to the device below, the copy is within the limit and there is memory and a mapping to be
    /// had for it, and the storage does not fail. Else bytes change under a slice, which is undefined behaviour.
    pub unsafe fn assume_not_stopped(self) -> Result<Frozen, Refused<Self>> {
        let error = match self.state() {
            LeaseState::Lost(_) => Some(Cause::LeaseGivenUp),
            LeaseState::Broken => Some(Cause::LeaseBroken),
            _ => None,
        };
        let error = error.map(|cause| Error::new(Operation::Freeze, self.kind(), cause));
        match error.or_else(|| self.error()) {
            Some(error) => Err(Refused { error, given: self }),
            None => Ok(Frozen::leased(self.holding)),
        }
    }
}
