//! The folder of a process in `/proc`, held open, so that all that is read there is of one process.

use mman::process::Process;
use rustix::fs::{Mode, OFlags, openat};
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// The folder of a process.
#[derive(Debug)]
pub(crate) struct Folder(OwnedFd);

impl Folder {
    pub(crate) fn of(process: &Process) -> mman::Result<Self> {
        process.folder().map(Self)
    }

    /// A file there, opened to be read.
    pub(crate) fn open(&self, name: impl AsRef<OsStr>) -> io::Result<File> {
        Ok(File::from(openat(
            &self.0,
            name.as_ref(),
            OFlags::RDONLY | OFlags::CLOEXEC,
            Mode::empty(),
        )?))
    }

    /// All of a file there.
    pub(crate) fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.open(name)?.read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

impl AsFd for Folder {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
