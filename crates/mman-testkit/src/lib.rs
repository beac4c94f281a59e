//! What the tests of the house share: objects to map, patterns, probes, and a reference model.
//!
//! The helpers are safe to call, so that a test reads as sentences. That rests on habits which the tests
//! keep and no helper can check:
//!
//! 1. a helper is given only addresses that are the test's own, or that it knows to be refused;
//! 2. what is the business of a whole process (limits, rights, mounts, counting its mappings) happens in a
//!    [`child`], which is a process of one thread of the test's own;
//! 3. what a test makes goes away with the value that stands for it, also when the test fails.

pub mod canary;
pub mod child;
pub mod companion;
pub mod core_file;
pub mod descriptors;
pub mod files;
pub mod fork;
pub mod fuse;
pub mod huge;
pub mod lease_time;
pub mod limits;
pub mod loop_device;
pub mod maps;
pub mod memory;
pub mod model;
pub mod mount;
pub mod object;
pub mod pattern;
pub mod require;
pub mod signals;
pub mod smaps;
pub mod swap;
pub mod system_v;
pub mod typed;
pub mod unchecked;

/// The size of a page in bytes.
#[must_use]
pub fn page() -> usize {
    mman::PageSize::base().bytes()
}

/// One line, without the end of it: what every error of the house prints as.
///
/// # Panics
///
/// Where it is more than one line, or none.
#[must_use]
pub fn line_of(error: &impl std::fmt::Display) -> String {
    let line = error.to_string();
    assert!(!line.is_empty() && !line.contains('\n'), "not one line: {line:?}");
    line
}
