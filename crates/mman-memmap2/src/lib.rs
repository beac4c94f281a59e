//! memmap2's names and behaviour over `mman`.
#![doc = include_str!("../README.md")]
//! # Example
//!
//! ```
//! // Where the dependency has the name `memmap2`, the crate has it too.
//! use mman_memmap2 as memmap2;
//!
//! use memmap2::{Mmap, MmapMut};
//! use std::fs::File;
//!
//! let file = File::open("Cargo.toml")?;
//! // SAFETY: nobody writes to the file, or makes it shorter, while it is mapped.
//! let manifest = unsafe { Mmap::map(&file)? };
//! assert!(manifest.starts_with(b"[package]"));
//!
//! let mut memory = MmapMut::map_anon(4096)?;
//! memory[..5].copy_from_slice(b"hello");
//! let memory = memory.make_read_only()?;
//! assert_eq!(&memory[..6], b"hello\0");
//! # Ok::<(), std::io::Error>(())
//! ```

mod advice;
mod descriptor;
mod error;
mod held;
mod if_safe;
mod mmap;
mod mmap_mut;
mod mmap_raw;
mod options;
mod remap;

pub use advice::{Advice, UncheckedAdvice};
pub use descriptor::{MmapAsRawDesc, MmapRawDescriptor};
pub use if_safe::MapIfSafeError;
pub use mmap::Mmap;
pub use mmap_mut::MmapMut;
pub use mmap_raw::MmapRaw;
pub use options::MmapOptions;
pub use remap::RemapOptions;
