//! Copying bytes out of mappings and into them, by calls that answer where an access would raise a signal.
#![expect(unsafe_code, reason = "lets the kernel copy from and to memory that others may change")]

use crate::area::Area;
use crate::error::{Cause, Error, Operation, Result};
use crate::explain;
use crate::mapping::Mapping;
use crate::reserve::Reservation;
use core::ffi::c_void;
use core::ops::{Range, RangeBounds};
use mman_sys as sys;
use mman_sys::{Errno, IoVec};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

impl Mapping {
    /// Copies the bytes from `at` on into `bytes`, all or an error.
    ///
    /// The kernel does the copying ([process_vm_readv(2)](https://man7.org/linux/man-pages/man2/process_vm_readv.2.html)),
    /// so that a page which is not there is an error and not a signal. That costs a system call, twice as much as
    /// `pread` for 8 bytes and half as much again for 4 KiB: it is for kilobytes, not for words.
    ///
    /// # Errors
    ///
    /// [`Cause::Range`]; [`Cause::Truncated`] where the object is shorter now or its storage failed;
    /// [`Cause::Denied`] where the protection forbids reading.
    pub fn read_at(&self, at: usize, bytes: &mut [u8]) -> Result<()> {
        let range = self.bytes(Operation::Read, &(at..at.saturating_add(bytes.len())))?;
        read(&self.area, self.shape().lead, range, bytes)
    }

    /// Copies `bytes` to the bytes from `at` on, all or an error. See [`read_at`](Self::read_at).
    ///
    /// # Errors
    ///
    /// Those of [`read_at`](Self::read_at), for writing. Bytes before the one that failed are written.
    pub fn write_at(&self, at: usize, bytes: &[u8]) -> Result<()> {
        let range = self.bytes(Operation::Write, &(at..at.saturating_add(bytes.len())))?;
        write(&self.area, self.shape().lead, range, bytes)
    }

    /// Writes bytes of the mapping to a file, pipe or socket, without a copy of ours between: the kernel takes
    /// them from the pages ([write(2)](https://man7.org/linux/man-pages/man2/write.2.html)). A pipe whose reader left
    /// raises SIGPIPE, as for every write; Rust programs ignore that signal unless they say otherwise.
    ///
    /// # Errors
    ///
    /// [`Cause::Range`]; [`Cause::Truncated`] and [`Cause::Denied`] as for [`read_at`](Self::read_at), where all
    /// bytes before the one named were written; and what `write` answers, as [`Cause::Kernel`].
    pub fn write_out(&self, to: impl AsFd, range: impl RangeBounds<usize>) -> Result<()> {
        let range = self.bytes(Operation::WriteOut, &range)?;
        write_out(&self.area, self.shape().lead, range, to.as_fd())
    }
}

impl Reservation {
    /// Copies the bytes from `at` on into `bytes`: see [`Mapping::read_at`].
    ///
    /// # Errors
    ///
    /// Those of [`Mapping::read_at`]; what is not committed is [`Cause::Denied`].
    pub fn read_at(&self, at: usize, bytes: &mut [u8]) -> Result<()> {
        let range = self.bytes(Operation::Read, &(at..at.saturating_add(bytes.len())))?;
        read(&self.area, 0, range, bytes)
    }

    /// Copies `bytes` to the bytes from `at` on: see [`Mapping::write_at`].
    ///
    /// # Errors
    ///
    /// Those of [`Mapping::write_at`]; what is not committed is [`Cause::Denied`].
    pub fn write_at(&self, at: usize, bytes: &[u8]) -> Result<()> {
        let range = self.bytes(Operation::Write, &(at..at.saturating_add(bytes.len())))?;
        write(&self.area, 0, range, bytes)
    }
}

/// Calls `step` with how far the copy is until `len` bytes are done. A step answers how many bytes it did.
fn in_steps(
    area: &Area,
    operation: Operation,
    lead: usize,
    range: &Range<usize>,
    mut step: impl FnMut(usize) -> Result<usize, Errno>,
) -> Result<()> {
    let mut done = 0_usize;
    while done < range.len() {
        let at = range.start.saturating_add(done);
        match step(done) {
            Ok(copied) if copied > 0 => done = done.saturating_add(copied),
            Err(Errno::EINTR) => {}
            Ok(_) | Err(Errno::EFAULT) => return Err(fault(area, operation, lead, at, range)),
            Err(errno) => {
                let left = range.end.saturating_sub(at);
                return Err(Error::kernel(operation, area.kind(), errno).on(at as u64, left as u64));
            }
        }
    }
    Ok(())
}

/// The error of a byte that the kernel could not reach.
fn fault(area: &Area, operation: Operation, lead: usize, at: usize, range: &Range<usize>) -> Error {
    let place = area.address().saturating_add(lead).saturating_add(at);
    let mut cause = explain::fault(place, at as u64);
    if operation == Operation::Write && matches!(cause, Cause::Truncated { .. }) {
        cause = explain::write_fault(place, at as u64);
    }
    Error::kernel(operation, area.kind(), Errno::EFAULT)
        .because(cause)
        .on(range.start as u64, range.len() as u64)
}

/// Whether the kernel can read the byte at an address of this process.
pub(crate) fn can_read(address: usize) -> bool {
    let mut byte = 0_u8;
    let local = vector(&raw mut byte, 1);
    let remote = vector(core::ptr::without_provenance_mut(address), 1);
    // SAFETY: `local` is one byte of ours.
    let copied = unsafe { sys::process_vm_readv(sys::getpid(), &local, &remote) };
    copied == Ok(1)
}

fn vector(pointer: *mut u8, len: usize) -> [IoVec; 1] {
    [IoVec { iov_base: pointer.cast::<c_void>(), iov_len: len as _ }]
}

fn read(area: &Area, lead: usize, range: Range<usize>, bytes: &mut [u8]) -> Result<()> {
    let process = sys::getpid();
    in_steps(area, Operation::Read, lead, &range, |done| {
        let rest = bytes.get_mut(done..).unwrap_or_default();
        let from = area.pointer(lead.saturating_add(range.start).saturating_add(done));
        let remote = vector(from, rest.len());
        let local = vector(rest.as_mut_ptr(), rest.len());
        // SAFETY: `local` is `rest`, which is ours to write, and no part of the area: nobody can have a
        // reference into that.
        let copied = unsafe { sys::process_vm_readv(process, &local, &remote) };
        match copied {
            // Secret memory and that of devices cannot be the far side of a copy: it can be the near one.
            // SAFETY: as above.
            Err(Errno::EFAULT) => unsafe { sys::process_vm_writev(process, &remote, &local) },
            other => other,
        }
    })
}

fn write(area: &Area, lead: usize, range: Range<usize>, bytes: &[u8]) -> Result<()> {
    let process = sys::getpid();
    in_steps(area, Operation::Write, lead, &range, |done| {
        let rest = bytes.get(done..).unwrap_or_default();
        let to = area.pointer(lead.saturating_add(range.start).saturating_add(done));
        let remote = vector(to, rest.len());
        let local = vector(rest.as_ptr().cast_mut(), rest.len());
        // SAFETY: `remote` is in the area, whose bytes nobody has a reference to; `local` is only read.
        let copied = unsafe { sys::process_vm_writev(process, &local, &remote) };
        match copied {
            // As for reading.
            // SAFETY: as above.
            Err(Errno::EFAULT) => unsafe { sys::process_vm_readv(process, &remote, &local) },
            other => other,
        }
    })
}

fn write_out(area: &Area, lead: usize, range: Range<usize>, to: BorrowedFd<'_>) -> Result<()> {
    let page = area.page_size();
    in_steps(area, Operation::WriteOut, lead, &range, |done| {
        let start = lead.saturating_add(range.start).saturating_add(done);
        let from = area.pointer(start);
        let len = range.len().saturating_sub(done);
        // SAFETY: the descriptor is borrowed, so open; the kernel copies what it finds, and nobody is told
        // that the bytes stay the same.
        let written = unsafe { sys::write(to.as_raw_fd(), from, len) };
        // A page that is not there fails a write that began on the page before: go up to it alone.
        let to_boundary = page.bytes().saturating_sub(page.offset_in_page(start));
        match written {
            Err(Errno::EFAULT) if to_boundary < len => {
                // SAFETY: as above.
                unsafe { sys::write(to.as_raw_fd(), from, to_boundary) }
            }
            other => other,
        }
    })
}
