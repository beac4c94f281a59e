//! What a pool has, and what of it is free.

use super::{KIND, refused};
use crate::error::{Cause, Error, Operation, Result};
use crate::page::PageSize;
use std::os::fd::{AsRawFd, BorrowedFd};

/// What [`TypedMemory::info`](crate::TypedMemory::info) tells of a pool.
///
/// With other processes about, it may be different in the next moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TypedInfo {
    /// The size of the pool in bytes.
    pub size: u64,
    /// What it is allocated in: as many bytes, at such offsets.
    pub unit: PageSize,
    /// What is free, in bytes: the largest allocation that would succeed (`posix_tmi_length` for
    /// `POSIX_TYPED_MEM_ALLOCATE`).
    pub free: u64,
    /// The longest free run in bytes: the largest contiguous allocation that would succeed (`posix_tmi_length` for
    /// `POSIX_TYPED_MEM_ALLOCATE_CONTIG`).
    pub longest: u64,
}

/// Asks the pool of a descriptor.
pub(super) fn of(operation: Operation, fd: BorrowedFd<'_>) -> Result<TypedInfo> {
    let told = mman_typed::info(fd.as_raw_fd()).map_err(|why| refused(operation, why))?;
    let unit = usize::try_from(told.unit).ok().and_then(PageSize::new);
    let unit = unit.ok_or(Error::new(operation, KIND, Cause::NotMappable))?;
    Ok(TypedInfo { size: told.size, unit, free: told.free, longest: told.longest })
}
