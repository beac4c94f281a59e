//! A userfaultfd that a test owns, the calls on it in pages, and a thread that serves it.

use super::{Map, files::own, page, skip};
use mman_sys::{
    ContinueMode, CopyMode, Errno, MoveMode, PoisonMode, RawFd, RegisterMode, UffdApi, UffdEvent,
    UffdMessage, UffdRange, UserfaultFeatures, UserfaultFlags, WriteprotectMode, ZeropageMode,
    uffd_api, uffd_continue, uffd_copy, uffd_move, uffd_poison, uffd_read, uffd_register,
    uffd_unregister, uffd_wake, uffd_writeprotect, uffd_zeropage, userfaultfd,
    userfaultfd_from_device,
};
use std::fs::File;
use std::ops::Range;
use std::os::fd::AsRawFd;
use std::sync::{Arc, Barrier};
use std::thread::{JoinHandle, spawn};

/// A descriptor that page faults are served by. Closing it lets every waiting thread go on, so that a
/// thread that serves and fails keeps no other one waiting.
#[derive(Debug)]
pub(crate) struct Uffd(File);

impl Uffd {
    /// A new one before any agreement; `None`, and said so, where there are none.
    pub(crate) fn new(flags: UserfaultFlags) -> Option<Self> {
        match userfaultfd(flags | UserfaultFlags::CLOEXEC) {
            Ok(fd) => Some(Self(own(fd))),
            Err(Errno::EPERM) => Some(Self(own(userfaultfd(
                flags | UserfaultFlags::CLOEXEC | UserfaultFlags::USER_MODE_ONLY,
            )
            .unwrap()))),
            Err(errno) => {
                assert_eq!(errno, Errno::ENOSYS);
                skip("userfaultfd in the kernel");
                None
            }
        }
    }

    /// A new one with these features; `None`, and said so, where the kernel has them not.
    pub(crate) fn with(features: UserfaultFeatures) -> Option<Self> {
        let this = Self::new(UserfaultFlags::default())?;
        match this.api(features) {
            Err(Errno::EINVAL) => {
                skip(&format!("userfaultfd with {features:?}"));
                None
            }
            answer => {
                assert!(answer.unwrap().features.contains(features));
                Some(this)
            }
        }
    }

    /// One from the device.
    pub(crate) fn from_device(device: &impl AsRawFd) -> Result<Self, Errno> {
        // SAFETY: the device is open.
        let fd = unsafe { userfaultfd_from_device(device.as_raw_fd(), UserfaultFlags::CLOEXEC) }?;
        Ok(Self(own(fd)))
    }

    /// The one that a message about a fork brings.
    pub(crate) fn of_fork(fd: RawFd) -> Self {
        Self(own(fd))
    }

    fn fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }

    pub(crate) fn api(&self, features: UserfaultFeatures) -> Result<UffdApi, Errno> {
        // SAFETY: the descriptor is open.
        unsafe { uffd_api(self.fd(), features) }
    }

    pub(crate) fn register(&self, map: &Map, mode: RegisterMode) -> Result<u64, Errno> {
        // SAFETY: the range is the test's own.
        unsafe { uffd_register(self.fd(), range(map.start(), map.len()), mode) }
    }

    pub(crate) fn unregister(&self, map: &Map) -> Result<(), Errno> {
        // SAFETY: the range is the test's own.
        unsafe { uffd_unregister(self.fd(), range(map.start(), map.len())) }
    }

    pub(crate) fn wake(&self, address: u64) -> Result<(), Errno> {
        let range = UffdRange { start: address, len: page() as u64 };
        // SAFETY: the descriptor is open.
        unsafe { uffd_wake(self.fd(), range) }
    }

    /// Copies whole pages; answers how many.
    pub(crate) fn copy(&self, to: u64, from: &Map, mode: CopyMode) -> Result<u64, Errno> {
        let (source, len) = (from.start() as u64, from.len() as u64);
        // SAFETY: both ranges are the test's own, or the call is refused.
        unsafe { uffd_copy(self.fd(), to, source, len, mode) }.map(|bytes| bytes / page() as u64)
    }

    /// Maps the zero page.
    pub(crate) fn zero(&self, address: u64) -> Result<u64, Errno> {
        let range = UffdRange { start: address, len: page() as u64 };
        // SAFETY: the range is the test's own, or the call is refused.
        unsafe { uffd_zeropage(self.fd(), range, ZeropageMode::default()) }
    }

    /// Moves a page.
    pub(crate) fn move_page(&self, to: usize, from: usize, mode: MoveMode) -> Result<u64, Errno> {
        let (to, from) = (to as u64, from as u64);
        // SAFETY: both ranges are the test's own, or the call is refused.
        unsafe { uffd_move(self.fd(), to, from, page() as u64, mode) }
    }

    /// Protects pages against stores.
    pub(crate) fn protect(&self, map: &Map, pages: Range<usize>) -> Result<(), Errno> {
        let range = range(map.at(pages.start), pages.len() * page());
        // SAFETY: the range is the test's own.
        unsafe { uffd_writeprotect(self.fd(), range, WriteprotectMode::WP) }
    }

    /// Lifts the protection of a page, and wakes who waits for that.
    pub(crate) fn unprotect(&self, address: u64) -> Result<(), Errno> {
        let range = UffdRange { start: address, len: page() as u64 };
        // SAFETY: the range is the test's own.
        unsafe { uffd_writeprotect(self.fd(), range, WriteprotectMode::default()) }
    }

    /// Maps a page that the object has.
    pub(crate) fn go_on(&self, address: u64) -> Result<u64, Errno> {
        let range = UffdRange { start: address, len: page() as u64 };
        // SAFETY: the range is the test's own, or the call is refused.
        unsafe { uffd_continue(self.fd(), range, ContinueMode::default()) }
    }

    pub(crate) fn poison(&self, map: &Map, pages: Range<usize>) -> Result<u64, Errno> {
        let range = range(map.at(pages.start), pages.len() * page());
        // SAFETY: the range is the test's own.
        unsafe { uffd_poison(self.fd(), range, PoisonMode::default()) }
    }

    /// Waits for one message.
    pub(crate) fn event(&self) -> Result<UffdEvent, Errno> {
        let mut messages = [UffdMessage::default()];
        // SAFETY: the descriptor is open.
        let count = unsafe { uffd_read(self.fd(), &mut messages) }?;
        assert_eq!(count, 1);
        Ok(messages[0].event())
    }

    /// A thread that takes so many messages and has them answered, and then gives all back.
    ///
    /// It waits for its first message when this returns, and allocates nothing before: `fork` waits for
    /// the message about itself to be read, and holds the allocator's locks meanwhile.
    pub(crate) fn serve(
        self,
        count: usize,
        mut answer: impl FnMut(&Self, UffdEvent) + Send + 'static,
    ) -> JoinHandle<(Self, Vec<UffdEvent>)> {
        let mut events = Vec::with_capacity(count);
        let ready = Arc::new(Barrier::new(2));
        let starts = Arc::clone(&ready);
        let handler = spawn(move || {
            starts.wait();
            for _ in 0..count {
                let event = self.event().unwrap();
                events.push(event);
                answer(&self, event);
            }
            (self, events)
        });
        ready.wait();
        handler
    }
}

/// A range of bytes.
const fn range(start: usize, len: usize) -> UffdRange {
    UffdRange { start: start as u64, len: len as u64 }
}
