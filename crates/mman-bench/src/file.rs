//! Files to measure on: made, evicted, and filled into the page cache in a known way.

use crate::failure::Result;
use mman::{FileObject, Hint, MapOptions};
use mman_sys::{Cachestat, CachestatRange};
use rustix::fs::{Advice, fadvise};
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Bytes of a page.
pub const PAGE: u64 = 4096;

/// How a file came into the page cache: that decides the size of its folios, and so of everything else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fill {
    /// Read from end to end: the largest folios that read-ahead makes.
    Sequential,
    /// Read page by page in random order, without read-ahead: folios of one page.
    Random,
}

impl Fill {
    pub const ALL: [Self; 2] = [Self::Sequential, Self::Random];

    pub fn name(self) -> &'static str {
        match self {
            Self::Sequential => "sequential",
            Self::Random => "random",
        }
    }
}

/// A file of noise that goes away with this value.
pub struct Sample {
    _folder: TempDir,
    path: PathBuf,
    /// Open for what is done to the cache of the file.
    file: File,
    len: u64,
    /// Of all its bytes.
    sum: u64,
}

/// The words of the bytes added up, the last one filled up with zeros: cheap, and touches every byte.
pub fn sum(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<8>();
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    let sum = words.iter().fold(0_u64, |sum, word| sum.wrapping_add(u64::from_le_bytes(*word)));
    sum.wrapping_add(u64::from_le_bytes(last))
}

/// Random numbers that are the same in every run (xorshift64*).
pub struct Noise(u64);

impl Noise {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(2).wrapping_add(1))
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// The numbers below `count`, each once, in random order.
    pub fn shuffled(&mut self, count: u64) -> Vec<u64> {
        let mut numbers: Vec<u64> = (0..count).collect();
        for place in (1..numbers.len()).rev() {
            let other = self.next() % (place as u64 + 1);
            numbers.swap(place, other as usize);
        }
        numbers
    }
}

impl Sample {
    /// Makes a file of noise in the folder for temporary files, on disk and not in the cache.
    pub fn new(len: u64) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("mman-bench-").tempdir()?;
        let path = folder.path().join("sample");
        let mut file = File::options().read(true).write(true).create_new(true).open(&path)?;
        let mut noise = Noise::new(len);
        let mut piece = vec![0_u8; len.min(1 << 20) as usize];
        let (mut left, mut total) = (len, 0_u64);
        while left > 0 {
            let count = left.min(piece.len() as u64) as usize;
            for word in piece[..count].chunks_mut(8) {
                word.copy_from_slice(&noise.next().to_le_bytes()[..word.len()]);
            }
            file.write_all(&piece[..count])?;
            total = total.wrapping_add(sum(&piece[..count]));
            left -= count as u64;
        }
        let sample = Self { _folder: folder, path, file, len, sum: total };
        sample.evict()?;
        Ok(sample)
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn len(&self) -> u64 {
        self.len
    }

    pub fn sum(&self) -> u64 {
        self.sum
    }

    /// How many of its pages are in the cache.
    pub fn cached(&self) -> Result<u64> {
        let range = CachestatRange { off: 0, len: 0 };
        let mut counts = Cachestat {
            nr_cache: 0,
            nr_dirty: 0,
            nr_writeback: 0,
            nr_evicted: 0,
            nr_recently_evicted: 0,
        };
        let fd = self.file.as_raw_fd();
        // SAFETY: the descriptor is open, and the counts are ours to write.
        unsafe { mman_sys::cachestat(fd, &raw const range, &raw mut counts, 0) }
            .map_err(|errno| format!("cachestat: {errno}"))?;
        Ok(counts.nr_cache)
    }

    /// Takes the file, and nothing else, out of the cache; fails where a page stays.
    pub fn evict(&self) -> Result<()> {
        self.file.sync_all()?;
        for _ in 0..10 {
            fadvise(&self.file, 0, None, Advice::DontNeed)?;
            if self.cached()? == 0 {
                return Ok(());
            }
        }
        Err(format!("{} pages stay in the cache", self.cached()?).into())
    }

    /// Makes sure that all of the file is in the cache. What is there was filled by us and stays, as far as it
    /// can: the kernel takes pages away now and then, and read-ahead would not bring back large folios for them.
    pub fn warm(&self, fill: Fill) -> Result<()> {
        let pages = self.len.div_ceil(PAGE);
        for _ in 0..10 {
            if self.cached()? == pages {
                return Ok(());
            }
            if fill == Fill::Sequential {
                self.evict()?;
            }
            self.fill(fill)?;
        }
        Err(format!("{} of {pages} pages stay in the cache", self.cached()?).into())
    }

    fn fill(&self, fill: Fill) -> Result<()> {
        let mut file = File::open(&self.path)?;
        match fill {
            Fill::Sequential => {
                let mut buffer = vec![0; 1 << 20];
                while file.read(&mut buffer)? > 0 {}
            }
            Fill::Random => {
                fadvise(&file, 0, None, Advice::Random)?;
                let pages = Noise::new(1).shuffled(self.len.div_ceil(PAGE));
                // The disk answers several at once faster than one after the other.
                std::thread::scope(|scope| {
                    let readers = pages.chunks(pages.len().div_ceil(8).max(1));
                    let readers: Vec<_> =
                        readers.map(|part| scope.spawn(|| read_pages(&file, part))).collect();
                    readers.into_iter().try_for_each(|reader| reader.join().expect("no panic"))
                })?;
            }
        }
        Ok(())
    }

    /// The share of the file that the kernel maps by whole entries of 2 MiB, which only folios of that size
    /// allow: tells how the cache was filled.
    pub fn huge_share(&self) -> Result<f64> {
        let mapping = MapOptions::shared().map(&FileObject::new(&self.file)?)?;
        mapping.advise(.., Hint::PopulateRead)?;
        let start = format!("{:x}-", mapping.as_ptr().addr());
        let maps = std::fs::read_to_string("/proc/self/smaps")?;
        let lines = maps.lines().skip_while(|line| !line.starts_with(&start));
        let found = lines.skip(1).find_map(|line| line.strip_prefix("FilePmdMapped:"));
        let kib = found.and_then(|rest| rest.split_whitespace().next()).unwrap_or("0");
        Ok(kib.parse::<f64>()? * 1024.0 / self.len as f64)
    }
}

fn read_pages(file: &File, pages: &[u64]) -> std::io::Result<()> {
    let mut page = [0; PAGE as usize];
    pages.iter().try_for_each(|number| file.read_at(&mut page, number * PAGE).map(drop))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shuffle_loses_no_number() {
        let mut numbers = Noise::new(7).shuffled(1000);
        assert_ne!(numbers[..10], (0..10).collect::<Vec<u64>>()[..]);
        numbers.sort_unstable();
        assert_eq!(numbers, (0..1000).collect::<Vec<u64>>());
    }

    #[test]
    fn sums_count_the_last_bytes_too() {
        assert_eq!(sum(&[1, 0, 0, 0, 0, 0, 0, 0, 2]), 3);
        assert_eq!(sum(&[]), 0);
    }

    #[test]
    fn a_sample_is_out_of_the_cache_until_it_is_filled() {
        let sample = Sample::new(3 * PAGE + 8).unwrap();
        assert_eq!(sample.cached().unwrap(), 0);
        sample.warm(Fill::Random).unwrap();
        assert_eq!(sample.cached().unwrap(), 4);
        assert_eq!(sum(&std::fs::read(sample.path()).unwrap()), sample.sum());
    }
}
