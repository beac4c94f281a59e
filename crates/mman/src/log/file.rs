//! Files of a log: their names, how they are made, what their headers say.

use super::format::{HEADER, Header};
use crate::error::{Cause, Error, ObjectKind, Operation, Result};
use core::hash::{BuildHasher, Hasher};
use mman_sys::Errno;
use rustix::fs::FallocateFlags;
use rustix::process::{Resource, getrlimit};
use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

/// What a new file has room for.
const FIRST: u64 = 1 << 16;

pub(crate) fn io_error(operation: Operation, error: &io::Error) -> Error {
    let errno = Errno::from_raw(error.raw_os_error().unwrap_or(Errno::EIO.raw()));
    let error = Error::kernel(operation, ObjectKind::File, errno);
    match errno {
        Errno::ENOSPC | Errno::EDQUOT => error.because(Cause::NoSpace),
        Errno::EEXIST => error.because(Cause::Exists),
        _ => error,
    }
}

/// Makes a file longer, with blocks. Past the limit of this process it is an error, where the kernel would raise a signal.
pub(crate) fn allocate(file: &File, start: u64, len: u64) -> rustix::io::Result<()> {
    let end = start.saturating_add(len);
    if getrlimit(Resource::Fsize).current.is_some_and(|limit| end > limit) {
        return Err(rustix::io::Errno::FBIG);
    }
    rustix::fs::fallocate(file, FallocateFlags::empty(), start, len)
}

/// The error of bytes that a file cannot get.
pub(crate) fn no_room(errno: rustix::io::Errno, start: u64, end: u64) -> Error {
    let error = io_error(Operation::Append, &io::Error::from(errno));
    let cause = match errno {
        rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS => Cause::NotSupported,
        rustix::io::Errno::FBIG => Cause::TooLong,
        _ => error.cause(),
    };
    error.because(cause).on(start, end.saturating_sub(start))
}

/// Reads and checks what never changes.
pub(crate) fn read_header(file: &File) -> Result<Header> {
    let mut page = [0; 4096];
    file.read_exact_at(&mut page, 0).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => {
            Error::new(Operation::Open, ObjectKind::File, Cause::NotALog)
        }
        _ => io_error(Operation::Open, &error),
    })?;
    Header::decode(&page).map_err(|cause| Error::new(Operation::Open, ObjectKind::File, cause))
}

/// The running system: what survives a power loss is another one's.
pub(crate) fn boot() -> Result<[u8; 16]> {
    let failed = |error: io::Error| io_error(Operation::Open, &error);
    let text = fs::read_to_string("/proc/sys/kernel/random/boot_id").map_err(failed)?;
    let digits = text.bytes().filter_map(|letter| char::from(letter).to_digit(16));
    let mut boot = [0; 16];
    for (at, digit) in digits.take(32).enumerate() {
        let digit = u8::try_from(digit).unwrap_or(0);
        if let Some(byte) = boot.get_mut(at >> 1) {
            *byte = (*byte << 4) | digit;
        }
    }
    Ok(boot)
}

/// Whether a name stands for this very file. `None` where there is nothing of this name.
pub(crate) fn is_at(file: &File, path: &Path) -> Result<Option<bool>> {
    let failed = |error: io::Error| io_error(Operation::Open, &error);
    let ours = file.metadata().map_err(failed)?;
    match fs::metadata(path) {
        Ok(there) => Ok(Some((there.dev(), there.ino()) == (ours.dev(), ours.ino()))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed(error)),
    }
}

/// The name of a file that was rotated.
pub(crate) fn rotated(path: &Path, number: u64) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{number}"));
    PathBuf::from(name)
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// The numbers of the rotated files that there are, in order.
pub(crate) fn numbers(path: &Path) -> Result<Vec<u64>> {
    let failed = |error: io::Error| io_error(Operation::Open, &error);
    let prefix = path.file_name().unwrap_or_default().as_bytes();
    let mut found = Vec::new();
    for entry in fs::read_dir(folder_of(path)).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        let rest = name.as_bytes().strip_prefix(prefix).and_then(|rest| rest.strip_prefix(b"."));
        let digits = rest.and_then(|rest| str::from_utf8(rest).ok());
        if let Some(number) = digits.and_then(|digits| digits.parse::<u64>().ok()) {
            let name = number.to_string();
            if digits == Some(name.as_str()) {
                found.push(number);
            }
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// Writes the names of a folder to the device.
pub(crate) fn sync_folder(path: &Path) -> Result<()> {
    let synced = File::open(folder_of(path)).and_then(|folder| folder.sync_all());
    synced.map_err(|error| io_error(Operation::Sync, &error))
}

/// A new file that has no name of a log yet; its name goes when this is dropped.
#[derive(Debug)]
pub(crate) struct Fresh {
    name: PathBuf,
}

impl Fresh {
    /// Makes one beside `path`, with a header and its first blocks.
    pub(crate) fn beside(path: &Path, header: &Header) -> Result<Self> {
        let mut name = OsString::from(".");
        name.push(path.file_name().unwrap_or_default());
        // A number of the process would be that of another where two containers share the folder.
        let random = std::hash::RandomState::new().build_hasher().finish();
        name.push(format!(".new-{random:016x}"));
        let name = folder_of(path).join(name);
        let file = File::options().read(true).write(true).create_new(true).open(&name);
        let file = file.map_err(|error| io_error(Operation::Create, &error))?;
        let fresh = Self { name };
        write_first(&file, header)?;
        Ok(fresh)
    }

    /// Gives it the name, if nobody has it; whether that was so.
    pub(crate) fn link(&self, path: &Path) -> Result<bool> {
        match fs::hard_link(&self.name, path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(io_error(Operation::Create, &error)),
        }
    }

    /// Gives it the name, whoever has it.
    pub(crate) fn replace(self, path: &Path) -> Result<()> {
        fs::rename(&self.name, path).map_err(|error| io_error(Operation::Create, &error))
    }
}

impl Drop for Fresh {
    fn drop(&mut self) {
        let _gone_if_renamed = fs::remove_file(&self.name);
    }
}

/// The header and the first blocks of an empty file.
pub(crate) fn write_first(file: &File, header: &Header) -> Result<()> {
    let first = FIRST.min(header.capacity);
    allocate(file, 0, first).map_err(|errno| no_room(errno, 0, first))?;
    let page = header.encode(first, boot()?);
    file.write_all_at(&page, 0).map_err(|error| io_error(Operation::Create, &error))?;
    debug_assert_eq!(page.len() as u64, HEADER);
    Ok(())
}
