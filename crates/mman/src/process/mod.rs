//! Processes, ours and others: what they have mapped, advice to them, the memory of one that is being killed.
//!
//! A [`Process`] is held by a descriptor, so that a number which is given to another process later is never
//! mistaken for it.
//!
//! ```
//! use mman::{Hint, process::Process};
//!
//! // Say that the pages of all mappings may be reclaimed first, in our own process.
//! let process = Process::myself();
//! let mut ranges = Vec::new();
//! for mapping in process.smaps()? {
//!     let (entry, usage) = mapping?;
//!     // What is locked, of the huge page pool, or of a device cannot be cooled.
//!     let plain = !["lo", "ht", "io", "pf"].iter().any(|flag| usage.flags().contains(flag));
//!     if plain && !entry.name().eq(&mman::inspect::Name::Special("vsyscall".as_ref())) {
//!         ranges.push(entry.addresses());
//!     }
//! }
//! match process.advise(ranges, Hint::Cold) {
//!     Ok(bytes) => assert!(bytes > 0),
//!     Err(error) => println!("{error}"),
//! }
//! # Ok::<(), mman::Error>(())
//! ```
//!
//! # For real-time programs
//!
//! A thread that must not wait for a page does this before its deadlines begin:
//!
//! 1. [`lock_all`]`(`[`LockAll::Both`]`)`: what is mapped is read in and stays, and so is what will be mapped;
//! 2. touch as much stack as it will ever need: the pages below are mapped on the first touch only;
//! 3. touch as much heap, and keep the allocator from giving memory back (for the GNU C library, `mallopt` with
//!    `M_TRIM_THRESHOLD` -1 and `M_MMAP_MAX` 0), or allocate everything before;
//! 4. start all threads before too: the stack of a new thread is new memory, read in when it is mapped.
//!
//! A fork undoes it: a child has no locks, and the first store to each private page copies it, in the parent too.

mod advise;
pub(crate) mod generation;
mod io_class;
mod lock_all;
mod other;
mod release;

pub use io_class::{IoClass, set_io_class};
pub use lock_all::{LockAll, lock_all, lock_all_on_fault, unlock_all};
pub use other::Process;
pub(crate) use other::{error, io_error};
