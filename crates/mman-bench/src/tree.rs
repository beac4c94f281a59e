//! Small files in directories: the tree that the command's benches walk.

use crate::failure::Result;
use mman::{CacheStatus, FileAdvice};
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const DIRECTORIES: usize = 50;

/// Files of 1 to 30 KiB, all written back.
pub struct Tree {
    folder: TempDir,
    files: Vec<PathBuf>,
    len: u64,
}

impl Tree {
    /// So many files, in 50 directories.
    pub fn new(count: usize) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let (mut files, mut len) = (Vec::with_capacity(count), 0);
        let bytes: Vec<u8> = (0..32_000_u32).map(|at| (at % 251) as u8).collect();
        for number in 0..count {
            let directory = folder.path().join(format!("{}", number % DIRECTORIES));
            fs::create_dir_all(&directory)?;
            let path = directory.join(format!("file-{number}"));
            let size = 1000 + number * 37 % 30_000;
            File::create(&path)?.write_all(&bytes[..size])?;
            len += size as u64;
            files.push(path);
        }
        // Once, for the whole file system of the tree.
        rustix::fs::syncfs(File::open(folder.path())?)?;
        Ok(Self { folder, files, len })
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn files(&self) -> usize {
        self.files.len()
    }

    /// In bytes.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Drops every file from the cache, file by file, and makes sure that it has gone.
    pub fn evict(&self) -> Result<()> {
        for path in &self.files {
            let file = File::open(path)?;
            for _ in 0..100 {
                FileAdvice::DontNeed.tell(&file, ..)?;
                if CacheStatus::of(&file, ..)?.cached == 0 {
                    break;
                }
                file.sync_data()?;
            }
        }
        Ok(())
    }

    /// Reads every file.
    pub fn warm(&self) -> Result<()> {
        for path in &self.files {
            fs::read(path)?;
        }
        Ok(())
    }
}
