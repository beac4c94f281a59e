//! How far the kernel reads ahead on a device: as much as one request for pages brings in.

use rustix::fs::{major, minor};
use std::collections::BTreeMap;
use std::fs::read_to_string;

/// What Linux has where nobody set anything else.
const USUAL: u64 = 128 << 10;
/// More than this is asked for in pieces.
const MOST: u64 = 8 << 20;

/// The windows of the devices that were met.
#[derive(Debug, Default)]
pub(super) struct Windows(BTreeMap<u64, u64>);

impl Windows {
    /// In bytes.
    pub(super) fn of(&mut self, device: u64) -> u64 {
        *self.0.entry(device).or_insert_with(|| asked(device))
    }
}

fn asked(device: u64) -> u64 {
    let name = format!("{}:{}", major(device), minor(device));
    // A partition has the one of its disk.
    let places = [
        format!("/sys/class/bdi/{name}/read_ahead_kb"),
        format!("/sys/dev/block/{name}/queue/read_ahead_kb"),
        format!("/sys/dev/block/{name}/../queue/read_ahead_kb"),
    ];
    let kib = places.iter().find_map(|place| read_to_string(place).ok()?.trim().parse().ok());
    match kib {
        None | Some(0) => USUAL,
        Some(kib) => u64::min(kib, MOST >> 10) << 10,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_device_has_a_window() {
        let root = std::os::unix::fs::MetadataExt::dev(&std::fs::metadata("/").unwrap());
        for device in [root, u64::MAX] {
            let window = Windows::default().of(device);
            assert!((4096..=MOST).contains(&window), "{window}");
        }
        assert_eq!(Windows::default().of(u64::MAX), USUAL);
    }
}
