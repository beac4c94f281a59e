//! Counts of memory that `/proc` gives: of a range, of the process, of the machine.

use crate::maps::text_of;
use std::fs;
use std::ops::Range;

/// A count of `/proc/self/smaps` such as `"Locked:"`, in bytes, added up over the mappings that have a part in a
/// range.
///
/// # Panics
///
/// Where the file cannot be read, or has no such line.
#[must_use]
pub fn bytes(range: Range<usize>, count: &str) -> usize {
    let text = text_of("/proc/self/smaps");
    let mut inside = false;
    let mut sum = 0;
    let mut known = false;
    for line in text.lines() {
        let first = line.split_ascii_whitespace().next().unwrap_or_default();
        if let Some((start, end)) = first.split_once('-') {
            let hex = |digits| usize::from_str_radix(digits, 16).expect("an address");
            inside = hex(start) < range.end && range.start < hex(end);
        } else if let Some(value) = line.strip_prefix(count) {
            known = true;
            sum += if inside { kib(value) } else { 0 };
        }
    }
    assert!(known, "smaps has no {count}");
    sum
}

/// A count of `/proc/self/status` such as `"VmLck:"`, in bytes. Only in a child of one thread is it the test's own.
///
/// # Panics
///
/// Where the file cannot be read, or has no such line.
#[must_use]
pub fn of_process(count: &str) -> usize {
    let text = fs::read_to_string("/proc/self/status").expect("/proc/self/status");
    kib(text.lines().find_map(|line| line.strip_prefix(count)).expect(count))
}

/// The line of `/proc/self/numa_maps` for the mapping of an address, which begins at it or before.
///
/// # Panics
///
/// Where the file cannot be read.
#[must_use]
pub fn numa_line(address: usize) -> Option<String> {
    let text = text_of("/proc/self/numa_maps");
    let starts_before = |line: &&str| {
        let start = line.split(' ').next().and_then(|start| usize::from_str_radix(start, 16).ok());
        start.is_some_and(|start| start <= address)
    };
    text.lines().take_while(starts_before).last().map(str::to_owned)
}

fn kib(value: &str) -> usize {
    let number = value.trim().trim_end_matches(" kB").parse::<usize>().expect("a number");
    number * 1024
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_memory_is_counted() {
        let here = vec![1_u8; 1 << 20];
        let start = here.as_ptr().addr();
        assert!(bytes(start..start + here.len(), "Rss:") >= 1 << 20);
        assert!(of_process("VmRSS:") >= 1 << 20);
        assert_eq!(bytes(0..4096, "Rss:"), 0);
    }
}
