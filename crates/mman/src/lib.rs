//! Memory mapping, whole and without undefined behaviour from safe code.
//!
//! A mapping makes the bytes of a memory object (a file, a device, anonymous memory) appear in the address
//! space. This crate owns such ranges, knows their true length, and offers each operation of
//! `<sys/mman.h>` on them, for Linux on x86-64 and aarch64.
//!
//! # From `read()` to a mapping
//!
//! ```
//! use mman::{Frozen, Memory, Shared};
//!
//! // Bytes that stay as they are, for all threads: a copy of the file, made faster than by `std::fs::read`.
//! let all = Frozen::open("Cargo.toml")?;
//! assert!(all.starts_with(b"[package]"));
//!
//! // The file's own pages, which others may change or take away: copied out where they are looked at, and an error
//! // where a touch would be SIGBUS.
//! let file = Shared::open("Cargo.toml")?;
//! let mut head = [0; 9];
//! file.read_at(0, &mut head)?;
//! assert_eq!(&head, b"[package]");
//!
//! // Memory: a slice.
//! let mut memory = Memory::new(1 << 20)?;
//! memory[0] = 1;
//! # Ok::<(), mman::Error>(())
//! ```
//!
//! The [`guide`] goes on from here: an example for each object and view, which view to take, and the name here of every
//! function and flag of the header. When a mapping is faster than reading, and when it is not, is measured: see
//! `docs/when-to-map.md` in the repository.
//!
//! # What is here
//!
//! | to | use |
//! |---|---|
//! | name what is mapped | [`FileObject`], [`Anonymous`], [`MemFd`], [`ShmObject`], [`SecretMem`], [`TypedMemory`] |
//! | say how | [`MapOptions`]: every flag of `mmap` |
//! | look at the bytes | views: [`Frozen`], [`Memory`], [`Shared`], [`SharedMut`], [`Private`] |
//! | own a mapping | [`Mapping`]: true length, [`split_at`](Mapping::split_at), [`merge`](Mapping::merge), [`unmap`](Mapping::unmap) |
//! | hold addresses | [`Reservation`]: commit, decommit, place objects at chosen addresses |
//! | change it | [`Mapping::protect`], [`resize`](Mapping::resize), [`discard`](Mapping::discard), [`on_fork`](Mapping::on_fork), [`ProtectionKey`] |
//! | harm nobody | [`Pages`], lent by every owner: hints, locks, populating, residency, nodes, write-back |
//! | make sure | [`Mapping::install_guard`], [`Mapping::seal`] |
//! | keep all of a process in memory | [`process::lock_all`] |
//! | get pages in a signal handler | [`PageAllocator`] |
//! | share memory with other processes | [`SharedMut`]: atomics, [`wait_u32`](Shared::wait_u32), [`wake_u32`](Shared::wake_u32); [`Broadcast`], [`SharedRing`] |
//! | queue bytes, each window one slice | [`Ring`] |
//! | see what a process has mapped | [`inspect`]: `maps`, `smaps`, one address |
//! | keep a log that survives `kill -9` | [`log::AppendLog`] |
//! | advise another process, release a dying one | [`process::Process`] |
//! | share SIGBUS with this library | [`signal`] |
//! | ask the kernel | [`kernel::Feature`], [`FileObject::cache`] |
//! | fill or empty the page cache | [`FileObject::advise`], [`Pages::populate`] |
//!
//! # Why a file is no `&[u8]` here
//!
//! A shared mapping changes under its reader whenever somebody writes to the file, and its pages vanish when
//! somebody truncates it: a slice of it is undefined behaviour, and a touch past the new end is a signal that
//! kills the process. So a slice is lent only of what nobody can change: memory of our own, a copy, a sealed memfd. Of
//! all else a view copies what is asked for, at the speed of memory, and answers with an [`Error`] where a touch would be
//! a signal. Who knows that nobody writes to a file says so: [`Shared::assume_immutable`] is `unsafe`.
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
mod atomic_word;
mod broadcast;
mod cause;
mod copy;
mod durable;
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
mod ring;
mod shared_bytes;
mod shared_ring;
pub mod signal;
mod stack;
mod view;

pub use advise::{Discard, Hint};
pub use allocator::{OnFree, PageAllocator, PageRun};
pub use broadcast::{Broadcast, Received, Receiver, Sender};
pub use durable::growable::GrowableFile;
pub use durable::write_file::{NewContent, write_file, write_file_with};
pub use error::{Cause, Error, ObjectKind, Operation, Refused, Result};
pub use mapping::Mapping;
pub use mapping::fork::OnFork;
pub use mapping::key::{KeyRights, ProtectionKey};
pub use mapping::remap::Growth;
pub use mapping::seal::Sealed;
pub use mman_sys::{Advice, Errno, MapFlags, Prot as Protection};
pub use mman_typed::Damage as PoolDamage;
pub use object::cache::CacheStatus;
pub use object::{
    Anonymous, FileAdvice, FileObject, FixedSize, Immutability, Immutable, MemFd, MemFdOptions,
    MemoryObject, SealState, SecretMem, ShmEntry, ShmObject, ShmOptions, TypedAllocatable,
    TypedAllocation, TypedInfo, TypedMemory, Unsealed,
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
pub use ring::Ring;
pub use shared_ring::{Moved, RingReader, RingWriter, SharedRing};
pub use view::{
    CopyLimit, CopyPolicy, Frozen, LeaseState, Leased, Memory, Private, Proof, Reader, Shared,
    SharedAtomic, SharedInteger, SharedMut, Wait, Word, Writer,
};

/// Bytes of address space that a drop could not unmap: emptied, kept, and lost until the process ends.
///
/// The kernel refuses to unmap where that would cut a mapping in two at the limit of mappings, and where a
/// range is sealed. [`Mapping::unmap`] gives the mapping back instead.
#[must_use]
pub fn leaked() -> usize {
    area::leaked()
}
