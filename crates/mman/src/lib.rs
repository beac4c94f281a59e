//! Memory mapping, whole and without undefined behaviour from safe code.
//!
//! A mapping makes the bytes of a memory object (a file, a device, anonymous memory) appear in the address
//! space. This crate owns such ranges, knows their true length, and offers each operation of
//! `<sys/mman.h>` on them, for Linux on x86-64 and aarch64.
//!
//! # From `read()` to a mapping
//!
//! ```
//! use mman::FileObject;
//!
//! // Reading copies the whole file first.
//! let all = std::fs::read("Cargo.toml")?;
//!
//! // A mapping copies nothing; pages come in as they are touched.
//! let mapping = FileObject::open("Cargo.toml")?.map()?;
//! let mut head = [0; 9];
//! mapping.read_at(0, &mut head)?;
//! assert_eq!(head, all[..9]);
//!
//! // Or straight to a descriptor, from the page cache.
//! mapping.write_out(std::io::stdout(), 0..9)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! When a mapping is faster than reading, and when it is not, is measured: see `docs/when-to-map.md` in the
//! repository.
//!
//! # What is here
//!
//! | to | use |
//! |---|---|
//! | name what is mapped | [`FileObject`], [`Anonymous`], [`MemFd`], [`ShmObject`], [`SecretMem`] |
//! | say how | [`MapOptions`]: every flag of `mmap` |
//! | own it | [`Mapping`]: true length, [`split_at`](Mapping::split_at), [`merge`](Mapping::merge), [`unmap`](Mapping::unmap) |
//! | hold addresses | [`Reservation`]: commit, decommit, place objects at chosen addresses |
//! | read and write | [`Mapping::read_at`], [`write_at`](Mapping::write_at), [`write_out`](Mapping::write_out): errors, never signals |
//! | change it | [`Mapping::protect`], [`resize`](Mapping::resize), [`sync`](Mapping::sync) |
//! | tell the kernel | [`Mapping::advise`] (harmless [`Hint`]s), [`Mapping::discard`] (what drops bytes) |
//! | keep pages in memory | [`Pages::lock`], [`Pages::populate`], [`process::lock_all`] |
//! | say where, and for whom | [`Pages::bind`] (nodes), [`Mapping::on_fork`], [`ProtectionKey`] |
//! | make sure | [`Mapping::install_guard`], [`Mapping::seal`] |
//! | ask what is in memory | [`Pages::residency`], [`FileObject::cache`] |
//! | ask the kernel | [`kernel::Feature`] |
//! | see what a process has mapped | [`inspect`]: `maps`, `smaps`, one address |
//! | keep a log that survives `kill -9` | [`log::AppendLog`] |
//! | advise another process, release a dying one | [`process::Process`] |
//!
//! # Why there is no `&[u8]` here
//!
//! A shared mapping changes under its reader whenever somebody writes to the file, and its pages vanish when
//! somebody truncates it: a slice of it is undefined behaviour, and a touch past the new end is a signal that
//! kills the process. So a [`Mapping`] hands out no reference. Its bytes are copied by the kernel, which
//! answers with an [`Error`] where a touch would be a signal; or they are reached through
//! [`Mapping::as_ptr`], by code that knows who else has the object and says so with `unsafe`:
//!
//! ```
//! let memory = mman::Anonymous::new(4096).map()?;
//! memory.write_at(0, b"nobody else has this memory")?;
//! // SAFETY: private anonymous memory of ours; it is not written or unmapped while the slice lives.
//! let bytes = unsafe { std::slice::from_raw_parts(memory.as_ptr(), memory.len()) };
//! assert!(bytes.starts_with(b"nobody"));
//! # Ok::<(), mman::Error>(())
//! ```
//!
//! # Errors
//!
//! An [`Error`] is one line that says the operation, the bytes, the kind of object and the cause, where one
//! error number has several causes too:
//!
//! ```
//! use mman::{Anonymous, Cause, MapOptions};
//!
//! let error = MapOptions::private().range(5000..).map(&Anonymous::new(4096)).unwrap_err();
//! assert_eq!(
//!     error.to_string(),
//!     "map anonymous memory: offset 5000 is past the end: the size is 4096 bytes"
//! );
//! ```

mod advise;
mod allocator;
mod area;
mod cause;
mod copy;
mod error;
mod explain;
pub mod guide;
pub mod inspect;
pub mod kernel;
pub mod log;
mod mapping;
mod object;
mod options;
mod page;
mod pages;
pub mod process;
mod reserve;
mod shared_bytes;
pub mod signal;
mod view;

pub use advise::{Discard, Hint};
pub use allocator::{OnFree, PageAllocator, PageRun};
pub use error::{Cause, Error, ObjectKind, Operation, Refused, Result};
pub use mapping::Mapping;
pub use mapping::fork::OnFork;
pub use mapping::key::{KeyRights, ProtectionKey};
pub use mapping::remap::Growth;
pub use mapping::seal::Sealed;
pub use mman_sys::{Advice, Errno, MapFlags, Prot as Protection};
pub use object::cache::CacheStatus;
pub use object::{
    Anonymous, FileObject, FixedSize, Immutability, Immutable, MemFd, MemFdOptions, MemoryObject,
    SealState, SecretMem, ShmEntry, ShmObject, ShmOptions, Unsealed,
};
pub use options::MapOptions;
pub use page::{HugePageSize, PageRange, PageSize, RangeError};
pub use pages::Pages;
pub use pages::lock::Locked;
pub use pages::node_set::NodeSet;
pub use pages::numa::{Move, NumaPolicy};
pub use pages::populate::Populate;
pub use pages::residency::Residency;
pub use pages::sync::Sync;
pub use reserve::Reservation;
pub use view::{
    CopyLimit, Frozen, Memory, Private, Proof, Reader, Shared, SharedMut, Word, Writer,
};

/// Bytes of address space that a drop could not unmap: emptied, kept, and lost until the process ends.
///
/// The kernel refuses to unmap where that would cut a mapping in two at the limit of mappings, and where a
/// range is sealed. [`Mapping::unmap`] gives the mapping back instead.
#[must_use]
pub fn leaked() -> usize {
    area::leaked()
}
