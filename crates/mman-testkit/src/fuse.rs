//! File systems of our own with one patterned file: one that refuses shared mappings, opened with direct I/O, and one
//! that cannot read some of its pages.
//!
//! Used in a child that is alone with its mounts ([`crate::mount::be_alone`]), so that nothing stays behind.

use crate::{pattern, require};
use fuser::{
    BackgroundSession, Config, Errno, FileAttr, FileHandle, FileType, Filesystem, FopenFlags,
    Generation, INodeNo, LockOwner, MountOption, OpenFlags, ReplyAttr, ReplyData, ReplyEntry,
    ReplyOpen, Request, WriteFlags,
};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

/// The name of the one file.
const NAME: &str = "file";
const FILE: INodeNo = INodeNo(2);
const FOREVER: Duration = Duration::from_secs(3600);

/// The mounted file system, unmounted when it is dropped.
#[derive(Debug)]
pub struct DirectIo {
    file: PathBuf,
    session: Option<BackgroundSession>,
}

impl DirectIo {
    /// Mounts it on a folder, with a file of so many bytes of the pattern; `None`, and said so, where the machine
    /// does not let us.
    #[must_use]
    pub fn mount(folder: &Path, len: usize) -> Option<Self> {
        mounted(folder, Files { len, bad: Vec::new(), flags: FopenFlags::FOPEN_DIRECT_IO })
    }

    /// The file.
    #[must_use]
    pub fn file(&self) -> &Path {
        &self.file
    }
}

impl Drop for DirectIo {
    fn drop(&mut self) {
        if let Some(session) = self.session.take() {
            drop(session.umount_and_join());
        }
    }
}

/// A mounted file system whose file gives EIO where a read touches one of some pages; unmounted when it is dropped.
#[derive(Debug)]
pub struct BadPages(DirectIo);

impl BadPages {
    /// Mounts it on a folder: see [`DirectIo::mount`].
    #[must_use]
    pub fn mount(folder: &Path, len: usize, bad: &[usize]) -> Option<Self> {
        let page = crate::page() as u64;
        let bad = bad.iter().map(|at| *at as u64 * page).collect();
        mounted(folder, Files { len, bad, flags: FopenFlags::empty() }).map(Self)
    }

    /// The file.
    #[must_use]
    pub fn file(&self) -> &Path {
        self.0.file()
    }
}

fn mounted(folder: &Path, files: Files) -> Option<DirectIo> {
    if !require::root() || !require::file("/dev/fuse") {
        return None;
    }
    let mut config = Config::default();
    config.mount_options = vec![MountOption::FSName("mman-testkit".to_owned())];
    match fuser::spawn_mount(files, folder, &config) {
        Ok(session) => Some(DirectIo { file: folder.join(NAME), session: Some(session) }),
        Err(error) => {
            require::skip(&format!("the right to mount FUSE ({error})"));
            None
        }
    }
}

struct Files {
    len: usize,
    /// Where pages begin that cannot be read.
    bad: Vec<u64>,
    flags: FopenFlags,
}

impl Files {
    fn attributes(&self, of: INodeNo) -> FileAttr {
        let is_file = of == FILE;
        FileAttr {
            ino: of,
            size: if is_file { self.len as u64 } else { 0 },
            blocks: 1,
            atime: UNIX_EPOCH,
            mtime: UNIX_EPOCH,
            ctime: UNIX_EPOCH,
            crtime: UNIX_EPOCH,
            kind: if is_file { FileType::RegularFile } else { FileType::Directory },
            perm: 0o755,
            nlink: 1,
            uid: 0,
            gid: 0,
            rdev: 0,
            flags: 0,
            blksize: 4096,
        }
    }
}

impl Filesystem for Files {
    fn lookup(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        if parent == INodeNo::ROOT && name == NAME {
            reply.entry(&FOREVER, &self.attributes(FILE), Generation(0));
        } else {
            reply.error(Errno::ENOENT);
        }
    }

    fn getattr(&self, _: &Request, of: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        reply.attr(&FOREVER, &self.attributes(of));
    }

    fn open(&self, _: &Request, _: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        reply.opened(FileHandle(0), self.flags);
    }

    fn read(
        &self,
        _: &Request,
        _: INodeNo,
        _: FileHandle,
        offset: u64,
        size: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        let touched = offset..offset.saturating_add(size.into());
        let page = crate::page() as u64;
        if self.bad.iter().any(|bad| *bad < touched.end && touched.start < *bad + page) {
            reply.error(Errno::EIO);
            return;
        }
        let left = (self.len as u64).saturating_sub(offset).min(size.into());
        reply.data(&pattern::bytes(offset, usize::try_from(left).unwrap_or(0)));
    }

    fn write(
        &self,
        _: &Request,
        _: INodeNo,
        _: FileHandle,
        _: u64,
        _: &[u8],
        _: WriteFlags,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: fuser::ReplyWrite,
    ) {
        reply.error(Errno::EROFS);
    }
}
