//! Which files and directories have been met: by device and inode, whatever their names.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::{Mutex, PoisonError};

/// How many locks the sets are spread over.
const SHARDS: usize = 16;

/// A set of files. Numbers of inodes lie close together, so 64 of them share a word.
#[derive(Debug, Default)]
pub(super) struct Files([Mutex<Words>; SHARDS]);

/// A bit for each of 64 inodes, by device and their number without its last six bits.
type Words = HashMap<(u64, u64), u64, Mixed>;

impl Files {
    /// Adds a file: whether it is the first time.
    pub(super) fn insert(&self, device: u64, inode: u64) -> bool {
        let (block, bit) = (inode >> 6, 1_u64 << (inode & 63));
        let Some(shard) = shard(block).and_then(|at| self.0.get(at)) else { return true };
        let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
        let word = shard.entry((device, block)).or_insert(0);
        let is_new = *word & bit == 0;
        *word |= bit;
        is_new
    }
}

/// Directories, with how many levels below each have been searched.
#[derive(Debug, Default)]
pub(super) struct Directories(Mutex<HashMap<(u64, u64), usize, Mixed>>);

impl Directories {
    /// Says that a directory is to be searched so many levels deep: whether that is more than was said before.
    pub(super) fn insert(&self, device: u64, inode: u64, levels: usize) -> bool {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match all.get_mut(&(device, inode)) {
            Some(before) if *before >= levels => false,
            Some(before) => {
                *before = levels;
                true
            }
            None => all.insert((device, inode), levels).is_none(),
        }
    }
}

fn shard(block: u64) -> Option<usize> {
    usize::try_from(block & 15).ok()
}

type Mixed = BuildHasherDefault<Mixer>;

/// A quick hash. Nobody gains by choosing numbers of inodes that collide.
#[derive(Debug, Default)]
struct Mixer(u64);

impl Hasher for Mixer {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64((*byte).into());
        }
    }

    fn write_u64(&mut self, word: u64) {
        let mixed = (self.0 ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = mixed ^ (mixed >> 32);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_file_is_new_once() {
        let files = Files::default();
        for inode in (0..2000).chain([u64::MAX, 1 << 63]) {
            assert!(files.insert(1, inode) && files.insert(2, inode));
            assert!(!files.insert(1, inode) && !files.insert(2, inode), "{inode}");
        }
    }

    #[test]
    fn a_directory_is_searched_again_only_when_deeper() {
        let directories = Directories::default();
        assert!(directories.insert(1, 7, 2));
        assert!(!directories.insert(1, 7, 2) && !directories.insert(1, 7, 1));
        assert!(directories.insert(1, 7, 3) && !directories.insert(1, 7, 2));
    }
}
