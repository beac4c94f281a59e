//! What a process has mapped: its list of mappings, what memory they use, the mapping of one address.
//!
//! | to | use |
//! |---|---|
//! | walk the mappings of a process | [`maps`] |
//! | with resident, shared, swapped, locked, huge bytes of each | [`smaps`] |
//! | in all | [`smaps_rollup`] |
//! | on which nodes the pages of each are | [`numa_maps`] |
//! | find the mapping of one address | [`find`] |
//! | count the pages of files in a range | [`file_pages`] |
//! | see the pools of typed memory, and who holds them | [`typed`] |
//! | read a text that was kept | [`Maps::of_text`], [`Smaps::of_text`] |
//!
//! The process is a [`Process`](crate::process::Process): ourselves, or another by its number.
//!
//! ```
//! use mman::{inspect::{self, Name}, process::Process};
//!
//! let mut files = 0;
//! for entry in inspect::maps(&Process::myself())? {
//!     if let Name::File(path) = entry?.name() {
//!         assert!(path.is_absolute());
//!         files += 1;
//!     }
//! }
//! assert!(files > 0, "the program is mapped");
//! # Ok::<(), mman::Error>(())
//! ```

mod entry;
mod file_pages;
pub(crate) mod line;
mod lines;
mod maps;
mod name;
mod numa;
mod query;
mod smaps;
pub mod typed;
mod usage;

pub use entry::Entry;
pub use file_pages::file_pages;
pub use maps::{Maps, maps};
pub use name::Name;
pub use numa::{NumaMaps, Placement, numa_maps};
pub use query::find;
pub use smaps::{Smaps, smaps, smaps_rollup};
pub use usage::{Usage, VmFlags};
