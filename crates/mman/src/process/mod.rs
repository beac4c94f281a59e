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

mod advise;
mod other;
mod release;

pub use other::Process;
pub(crate) use other::{error, io_error};
