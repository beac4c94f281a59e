//! A path that was given: it is followed, and what is wrong with it is told.

use super::open;
use super::problem::What;
use super::walk::Worker;
use super::{Visitor, pseudo};
use mman::{FileObject, MemoryObject};
use rustix::fs::{CWD, FileType};
use rustix::io::Errno;
use std::ffi::CString;
use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Looks at it, and at what lies below it.
pub(super) fn look<V: Visitor>(worker: &mut Worker<'_, V>, root: &Path) {
    let bytes = if root.as_os_str().is_empty() { b"." } else { root.as_os_str().as_bytes() };
    let Ok(name) = CString::new(bytes) else { return worker.problem(0, What::Missing, None) };
    let told = |errno: Errno| match errno {
        Errno::NOENT => What::Missing,
        errno => What::File(errno),
    };
    let stat = match open::kind(CWD, &name, true) {
        Ok(stat) => stat,
        Err(errno) => return worker.problem(0, told(errno), None),
    };
    let kind = FileType::from_raw_mode(stat.st_mode);
    if !worker.wants_root(root, kind.is_dir()) {
        return;
    }
    match kind {
        FileType::Directory => match open::directory(CWD, &name, true) {
            Ok((fd, _)) if pseudo::is(&fd) => worker.problem(0, What::Kind(pseudo::KIND), None),
            Ok((fd, stat)) => worker.given_directory(fd, &stat),
            Err(Errno::NOENT) => worker.problem(0, What::Missing, None),
            Err(errno) => worker.problem(0, What::Directory(errno), None),
        },
        FileType::RegularFile | FileType::BlockDevice => {
            match open::file(CWD, &name, true, worker.quiet()) {
                Ok((fd, stat)) => file(worker, fd.into(), &stat),
                Err(errno) => {
                    let size = u64::try_from(stat.st_size).ok().filter(|_| kind.is_file());
                    worker.problem(0, told(errno), size);
                }
            }
        }
        FileType::Fifo => worker.problem(0, What::Kind("a FIFO"), None),
        FileType::Socket => worker.problem(0, What::Kind("a socket"), None),
        FileType::CharacterDevice => worker.problem(0, What::Kind("a character device"), None),
        FileType::Symlink | FileType::Unknown => worker.problem(0, What::Kind("no file"), None),
    }
}

fn file<V: Visitor>(worker: &mut Worker<'_, V>, file: File, stat: &rustix::fs::Stat) {
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => {
            worker.found(0, file, stat, u64::try_from(stat.st_size).unwrap_or(0)); // never negative
        }
        FileType::BlockDevice => match size_of_device(&file) {
            Some(size) => worker.found(0, file, stat, size),
            None => worker.problem(0, What::Kind("a device without a size"), None),
        },
        _ => worker.problem(0, What::Missing, None), // it was exchanged meanwhile
    }
}

fn size_of_device(file: &File) -> Option<u64> {
    FileObject::new(file).ok()?.size().ok()?
}
