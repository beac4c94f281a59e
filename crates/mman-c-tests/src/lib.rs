//! What the tests of `libmman` share: the library, built once for all of them.
//!
//! The crate `mman-c` has no tests of its own: a test build unwinds, which a library without std cannot. So it is
//! built here as its users build it, with the profile `c`, and its files are linked and preloaded.

pub mod aarch64;
pub mod differences;
mod exports;
pub mod fuzz;
mod library;
pub mod lines;
pub mod program;
pub mod tools;

pub use exports::EXPORTS;
pub use library::Library;
