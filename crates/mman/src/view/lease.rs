//! A read lease on a mapped file: taken, and given up after the bytes were brought home.
#![expect(unsafe_code, reason = "takes leases by calls that rustix does not wrap")]

use super::lease_thread;
use super::policy::CopyLimit;
use super::shared::Shared;
use crate::area::Area;
use crate::error::{Cause, Error, ObjectKind, Operation, Result};
use crate::mapping::fork::OnFork;
use crate::object::{Anonymous, FileObject, MemoryObject};
use crate::options::MapOptions;
use crate::page::PageSize;
use crate::pages::lock;
use core::ops::Range;
use mman_sys::{Errno, LeaseType, Owner, OwnerType, Prot};
use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::sync::{Arc, Mutex, PoisonError};

/// `f_type` of the file systems whose leases protect (`linux/magic.h`; that of btrfs: `linux/btrfs.h`): ext4, xfs,
/// btrfs, tmpfs. FUSE and overlayfs grant leases too, and let others write through another way.
const TRUSTED: [u64; 4] = [0xef53, 0x5846_5342, 0x9123_683e, 0x0102_1994];

/// What became of a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LeaseState {
    /// Nobody has the file open for writing, and nobody can without waiting for us.
    Held,
    /// Somebody may write to the file now. The view has a copy of the bytes as they were, at the same addresses.
    Copied,
    /// Somebody may write to the file now, and the bytes could not be copied, for this reason: each is
    /// [`Cause::LeaseGivenUp`].
    Lost(Error),
    /// The kernel took the lease away, since this process did not answer in time: each byte is [`Cause::LeaseBroken`].
    Broken,
}

/// A lease and the view that it keeps.
///
/// - L1: `shared` shows the bytes of `file` that were there when the lease was taken, until its watch says otherwise:
///   the lease is given up only after they were copied, or all of them were noted as lost.
/// - L2: the lease is that of this process, `home`: what a fork makes of it does nothing.
#[derive(Debug)]
pub(super) struct Lease {
    shared: Shared,
    file: FileObject<File>,
    limit: CopyLimit,
    home: i32,
    /// What became of it; `None` while it is held. Whoever answers holds this.
    answer: Mutex<Option<LeaseState>>,
}

impl Lease {
    /// Takes a lease, and maps what it keeps.
    pub(super) fn take(
        options: &MapOptions,
        file: FileObject<File>,
        limit: CopyLimit,
    ) -> Result<Arc<Self>> {
        let refuse = |cause| Error::new(Operation::Lease, file.kind(), cause);
        if file.kind() != ObjectKind::File || !is_trusted(file.file().as_fd()) {
            return Err(refuse(Cause::NoLeases));
        }
        if options.asks_past_end() {
            return Err(refuse(Cause::NoSuchView)); // what is not there yet cannot be kept
        }
        let teller = lease_thread::teller()?;
        take(file.file().as_fd(), teller).map_err(|errno| refused(file.kind(), errno))?;
        // From here on the bytes and the length stay.
        let mapped = Shared::map(&options.on_fork(OnFork::Leave), &file);
        let mapped = mapped.and_then(|shared| match shared.is_empty() || shared.is_direct() {
            true => Ok(shared),
            false => Err(refuse(Cause::SignalTaken)), // a loss could not be noted
        });
        // A child that was forked meanwhile has the descriptor too: closing ours would not end the lease.
        let shared = mapped.inspect_err(|_| give_back(file.file().as_fd()).unwrap_or(()))?;
        let home = mman_sys::getpid();
        let lease = Arc::new(Self { shared, file, limit, home, answer: Mutex::new(None) });
        lease_thread::register(&lease);
        lease.answer(); // who came before it was registered was told in vain
        Ok(lease)
    }

    pub(super) const fn shared(&self) -> &Shared {
        &self.shared
    }

    pub(super) fn descriptor(&self) -> RawFd {
        self.file.file().as_raw_fd()
    }

    /// Whether this is the process that took the lease.
    pub(super) fn is_home(&self) -> bool {
        mman_sys::getpid() == self.home
    }

    pub(super) fn state(&self) -> LeaseState {
        self.answer().unwrap_or(LeaseState::Held)
    }

    /// Whether the kernel wants the lease back, or has it already.
    fn is_wanted(&self) -> bool {
        // SAFETY: the file is open.
        let lease = unsafe { mman_sys::get_lease(self.descriptor()) };
        lease != Ok(LeaseType::READ)
    }

    /// Gives the lease up: `Err` where there is none any more.
    fn give_back(&self) -> Result<(), Errno> {
        give_back(self.file.file().as_fd())
    }

    /// If somebody wants to write: copies the bytes, or gives them up, and only then lets him.
    pub(super) fn answer(&self) -> Option<LeaseState> {
        let mut answer = self.answer.lock().unwrap_or_else(PoisonError::into_inner);
        if answer.is_some() || !self.is_wanted() {
            return *answer;
        }
        let state = match self.bring_home() {
            Ok(()) => LeaseState::Copied,
            Err(error) => {
                self.shared.guarded.give_up(Cause::LeaseGivenUp);
                LeaseState::Lost(error)
            }
        };
        *answer = Some(match self.give_back() {
            Ok(()) => state,
            Err(_) => {
                self.shared.guarded.give_up(Cause::LeaseBroken);
                LeaseState::Broken
            }
        });
        *answer
    }

    /// Ends the lease, since nobody has the view any more. Waits where it is being answered.
    pub(super) fn end(&self) {
        let mut answer = self.answer.lock().unwrap_or_else(PoisonError::into_inner);
        if answer.is_none() {
            // Also where a child has the descriptor too, which would keep the lease.
            let _given_or_taken = self.give_back();
            *answer = Some(LeaseState::Broken);
        }
    }

    /// Copies what is mapped, and moves the copy over it in one step.
    fn bring_home(&self) -> Result<()> {
        let mapping = self.shared.guarded.mapping();
        if mapping.is_empty() {
            return Ok(());
        }
        let refuse = |cause| Error::new(Operation::Lease, mapping.kind(), cause);
        if mapping.len() as u64 > self.limit.0 {
            return Err(refuse(Cause::CopyLimit { limit: self.limit.0 }));
        }
        let copy = MapOptions::private().read_write().on_fork(OnFork::Leave);
        let mut copy = copy.map(&Anonymous::new(mapping.mapped_len()))?;
        self.fill(&mut copy.area)?;
        copy.protect(.., Prot::READ)?;
        lock::keep_locked(&mapping.area, || Ok(copy.area.move_under_readers(&mapping.area)?))
    }

    /// Reads the file into the copy. A page that cannot be read is noted as lost, and stays zeros.
    fn fill(&self, copy: &mut Area) -> Result<()> {
        let mapping = self.shared.guarded.mapping();
        let (lead, offset) = (mapping.shape().lead, mapping.shape().offset);
        let wanted = lead.saturating_add(mapping.len()); // what follows is behind the end, or not the view's
        let mut at = 0_usize;
        while at < wanted {
            let len = wanted.saturating_sub(at).min(AT_ONCE);
            match self.read(copy, at..at.saturating_add(len), offset) {
                Ok(0) => return Err(self.too_short(at)),
                Ok(read) => at = at.saturating_add(read),
                Err(Errno::EINTR) => {}
                Err(_) => at = self.fill_pages(copy, at..at.saturating_add(len), offset)?,
            }
        }
        Ok(())
    }

    /// As [`fill`](Self::fill), page by page, where something cannot be read. Answers how far it came.
    fn fill_pages(&self, copy: &mut Area, range: Range<usize>, offset: u64) -> Result<usize> {
        let page = PageSize::base();
        let mut at = range.start;
        while at < range.end {
            let next = page.round_down(at).saturating_add(page.bytes()).min(range.end);
            match self.read(copy, at..next, offset) {
                Ok(0) => return Err(self.too_short(at)),
                Ok(read) => at = at.saturating_add(read),
                Err(Errno::EINTR) => {}
                Err(_) => {
                    self.shared.guarded.note_bad(page.round_down(at));
                    at = next;
                }
            }
        }
        Ok(at)
    }

    fn too_short(&self, at: usize) -> Error {
        let cause = Cause::Truncated { at: at as u64 };
        Error::new(Operation::Lease, self.file.kind(), cause)
    }

    /// Reads bytes of the file to the same place of the copy.
    fn read(&self, copy: &mut Area, range: Range<usize>, offset: u64) -> Result<usize, Errno> {
        let to = copy.pointer(range.start);
        // SAFETY: the range is in the copy, which is ours alone and writable, made of zeros by the kernel.
        let bytes = unsafe { core::slice::from_raw_parts_mut(to, range.len()) };
        let at = offset.saturating_add(range.start as u64);
        rustix::io::pread(self.file.file(), bytes, at)
            .map_err(|errno| Errno::from_raw(errno.raw_os_error()))
    }
}

/// What is read at once.
const AT_ONCE: usize = 1 << 20;

/// Takes a read lease. News of it come as the signal of `lease_thread` to that thread.
fn take(fd: BorrowedFd<'_>, teller: i32) -> Result<(), Errno> {
    let fd = fd.as_raw_fd();
    // SAFETY: the descriptor is borrowed, so open; the signal is blocked by the thread that it goes to.
    unsafe { mman_sys::set_signal(fd, lease_thread::NEWS) }?;
    // SAFETY: as above.
    unsafe { mman_sys::set_owner(fd, Owner { kind: OwnerType::THREAD, id: teller }) }?;
    // SAFETY: as above.
    unsafe { mman_sys::set_lease(fd, LeaseType::READ) }
}

/// Gives the lease of an open file up, for all who have its description.
fn give_back(fd: BorrowedFd<'_>) -> Result<(), Errno> {
    // SAFETY: the descriptor is borrowed, so open.
    unsafe { mman_sys::set_lease(fd.as_raw_fd(), LeaseType::NONE) }
}

/// Why there is no lease.
fn refused(kind: ObjectKind, errno: Errno) -> Error {
    let cause = match errno {
        Errno::EAGAIN => Cause::OpenForWriting,
        Errno::EACCES => Cause::LeaseRight,
        Errno::EINVAL => Cause::NoLeases,
        _ => Cause::Kernel,
    };
    Error::kernel(Operation::Lease, kind, errno).because(cause)
}

fn is_trusted(fd: BorrowedFd<'_>) -> bool {
    rustix::fs::fstatfs(fd).is_ok_and(|system| {
        u64::try_from(system.f_type).is_ok_and(|system| TRUSTED.contains(&system))
    })
}
