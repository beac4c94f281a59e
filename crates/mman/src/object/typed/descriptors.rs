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

    /// The descriptor for a way of mapping, opened now if it was not: of this pool, if one is expected, since by a
    /// configuration that has changed the name may be another's. Of two threads that open it at once one's is closed.
    pub(super) fn get(
        &self,
        flags: TypedFlags,
        expected: Option<Identity>,
    ) -> Result<BorrowedFd<'_>> {
        let refused = |cause| Error::new(Operation::Open, KIND, cause);
        let place = WAYS.iter().position(|way| *way == flags);
        let place = place.and_then(|place| self.opened.get(place));
        let place = place.ok_or(refused(Cause::UnknownFlag))?;
        if let Some(opened) = place.get() {
            return Ok(opened.as_fd());
        }
        let fresh = self.open(flags)?;
        let found = identity(&stat_of(Operation::Open, fresh.as_fd(), KIND)?);
        if expected.is_some_and(|expected| expected != found) {
            return Err(refused(Cause::NotFound));
        }
        Ok(place.get_or_init(|| fresh).as_fd())
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
