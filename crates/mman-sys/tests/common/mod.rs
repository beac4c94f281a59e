//! What the tests of this crate share: pages, owned mappings, files, children, the huge page pool.
//!
//! The helpers are safe to call so that a test reads as sentences. That rests on two habits that the
//! tests keep, and that no helper can check:
//!
//! 1. a test gives them only addresses that are its own, or that it knows to be refused;
//! 2. a test that makes a hole, or that touches what cannot be touched, runs in a child of its own
//!    ([`child`]), where no other thread maps something into the hole.
#![allow(
    dead_code,
    unused_imports,
    unsafe_code,
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "every test file uses its part of this, and a test may stop at what it does not expect"
)]

pub(crate) mod child;
pub(crate) mod files;
pub(crate) mod huge;
pub(crate) mod map;
pub(crate) mod proc;
pub(crate) mod process;
pub(crate) mod procmap;
pub(crate) mod rights;
pub(crate) mod scan;
pub(crate) mod uffd;

pub(crate) use child::{dies_by, fork_then, in_child, last_words};
pub(crate) use files::{attempts_until, dirty_pages, disk_file, memfd, sealable, shm_file};
pub(crate) use map::{Map, RW};
pub(crate) use proc::{line_of, page, vm_lck};
pub(crate) use rights::refused;

use std::ffi::c_void;

/// Says on standard error that this machine lacks something.
pub(crate) fn skip(what: &str) {
    eprintln!("skipped: needs {what}");
}

/// An address as the calls take it.
pub(crate) fn ptr(address: usize) -> *mut c_void {
    std::ptr::with_exposed_provenance_mut(address)
}

/// Reads a byte wherever it is.
pub(crate) fn peek(address: usize) -> u8 {
    // SAFETY: the address is the test's own; where it cannot be read, the test expects the signal.
    unsafe { ptr(address).cast::<u8>().read_volatile() }
}

/// Writes a byte wherever it is.
pub(crate) fn poke(address: usize, value: u8) {
    // SAFETY: the address is the test's own; where it cannot be written, the test expects the signal.
    unsafe { ptr(address).cast::<u8>().write_volatile(value) }
}
