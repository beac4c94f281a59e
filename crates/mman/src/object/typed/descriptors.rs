//! The descriptors of a port: each way of mapping needs one of its own, which is opened when it is needed, and kept.
#![expect(unsafe_code, reason = "owns the descriptors that ports are opened by")]

use super::{KIND, refused};
use crate::error::{Cause, Error, Operation, Result};
use crate::object::Identity;
use crate::object::descriptor::{identity, stat_of};
use mman_sys::OpenFlags;
use mman_typed::TypedFlags;
use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::sync::OnceLock;

/// The ways of mapping.
const WAYS: [TypedFlags; 4] = [
    TypedFlags::NONE,
    TypedFlags::ALLOCATE,
    TypedFlags::ALLOCATE_CONTIG,
    TypedFlags::MAP_ALLOCATABLE,
];

#[derive(Debug)]
pub(super) struct Descriptors {
    name: OsString,
    writable: bool,
    /// In the order of [`WAYS`].
    opened: [OnceLock<OwnedFd>; WAYS.len()],
}

impl Descriptors {
    pub(super) fn new(name: &OsStr, writable: bool) -> Self {
        Self { name: name.to_owned(), writable, opened: [const { OnceLock::new() }; WAYS.len()] }
    }

    pub(super) const fn is_writable(&self) -> bool {
        self.writable
    }

    /// The descriptor for a way of mapping, opened now if it was not. Of two threads that open it at once one's is closed.
    pub(super) fn get(&self, flags: TypedFlags) -> Result<BorrowedFd<'_>> {
        let place = WAYS.iter().position(|way| *way == flags);
        let none = Error::new(Operation::Open, KIND, Cause::UnknownFlag);
        let place = place.and_then(|place| self.opened.get(place)).ok_or(none)?;
        if let Some(opened) = place.get() {
            return Ok(opened.as_fd());
        }
        let fresh = self.open(flags)?;
        Ok(place.get_or_init(|| fresh).as_fd())
    }

    /// As [`get`](Self::get), of this pool: by a configuration that has changed the name may be another's.
    pub(super) fn get_same(&self, flags: TypedFlags, expected: Identity) -> Result<BorrowedFd<'_>> {
        let fd = self.get(flags)?;
        if flags != TypedFlags::NONE && identity(&stat_of(Operation::Open, fd, KIND)?) != expected {
            return Err(Error::new(Operation::Open, KIND, Cause::NotFound));
        }
        Ok(fd)
    }

    fn open(&self, flags: TypedFlags) -> Result<OwnedFd> {
        let access = if self.writable { OpenFlags::RDWR } else { OpenFlags::empty() };
        // POSIX leaves it open over exec; descriptors of Rust programs are not.
        let access = access | OpenFlags::CLOEXEC;
        let opened = mman_typed::open(self.name.as_bytes(), access, flags);
        let fd = opened.map_err(|why| refused(Operation::Open, why))?;
        // SAFETY: just opened, and known to nobody else.
        Ok(unsafe { OwnedFd::from_raw_fd(fd) })
    }
}
