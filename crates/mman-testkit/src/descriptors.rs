//! The open descriptors of this process. Only in a child of one thread are they the test's own.

use std::fs;

/// The numbers of all open descriptors, sorted. The one that reads the list is not in it.
///
/// # Panics
///
/// Where `/proc` cannot be read.
#[must_use]
pub fn all() -> Vec<i32> {
    let entries = fs::read_dir("/proc/self/fd").expect("/proc/self/fd");
    let names = entries.map(|entry| entry.expect("an entry").file_name());
    let mut numbers: Vec<i32> = names
        .map(|name| name.to_str().and_then(|name| name.parse().ok()).expect("a number"))
        .collect();
    numbers.sort_unstable();
    numbers.retain(|number| fs::read_link(format!("/proc/self/fd/{number}")).is_ok());
    numbers
}
