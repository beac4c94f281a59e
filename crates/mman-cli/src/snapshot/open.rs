//! Opening a snapshot, and the files in it.

use super::{FileHead, Malformed, Modified, Reader};
use crate::failure::{Failure, text_of};
use crate::output::terminal::shown;
use rustix::fs::{FileType, MemfdFlags, Mode, OFlags, Stat};
use rustix::io::Errno;
use std::fs::File;
use std::io::{self, BufReader, Seek, SeekFrom};
use std::path::Path;

/// A snapshot in a file.
pub(crate) type SnapshotFile = Reader<BufReader<File>>;

/// Opens a snapshot; `-` is standard input. What cannot be read twice is copied first.
pub(crate) fn snapshot(path: &Path) -> Result<SnapshotFile, Failure> {
    let told = |error: &io::Error| malformed(path, &Malformed::Unreadable(clone(error)));
    let opened = if path.as_os_str() == "-" { File::open("/dev/stdin") } else { File::open(path) };
    let mut file = opened.map_err(|error| told(&error))?;
    let is_file = file.metadata().is_ok_and(|about| about.is_file());
    if !is_file {
        file = copied(path, file)?;
    }
    file.seek(SeekFrom::Start(0)).map_err(|error| told(&error))?;
    // Small, since what is looked up is read here and there.
    let reader = BufReader::with_capacity(1 << 13, file);
    Reader::new(reader).map_err(|error| malformed(path, &error))
}

/// The line about a snapshot that cannot be read.
pub(crate) fn malformed(path: &Path, error: &Malformed) -> Failure {
    Failure::line(format!("{}: {error}", shown(path.as_os_str())))
}

/// The most that is taken from a pipe: millions of files.
const LARGEST: u64 = 1 << 30;

/// Copies a pipe into memory, as long as it is a snapshot.
fn copied(path: &Path, pipe: File) -> Result<File, Failure> {
    let told = |error: io::Error| malformed(path, &Malformed::Unreadable(error));
    let memory = rustix::fs::memfd_create(c"snapshot", MemfdFlags::CLOEXEC);
    let mut memory = File::from(memory.map_err(|errno| told(errno.into()))?);
    let mut tee = Tee { from: pipe, to: &mut memory, room: LARGEST };
    let mut reader = Reader::new(&mut tee).map_err(|error| malformed(path, &error))?;
    while reader.next().map_err(|error| malformed(path, &error))?.is_some() {}
    Ok(memory)
}

/// Hands on what it reads, and writes it too.
struct Tee<'to> {
    from: File,
    to: &'to mut File,
    room: u64,
}

impl io::Read for Tee<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.from.read(buffer)?;
        let left = self.room.checked_sub(count as u64);
        self.room = left.ok_or_else(|| io::Error::other("a pipe of more than 1 GiB"))?;
        io::Write::write_all(self.to, buffer.get(..count).unwrap_or_default())?;
        Ok(count)
    }
}

fn clone(error: &io::Error) -> io::Error {
    error.raw_os_error().map_or_else(|| error.kind().into(), io::Error::from_raw_os_error)
}

/// Why a file of a snapshot cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unusable {
    /// Its size, its time or its kind is another.
    Changed,
    Gone,
    Error(Errno),
}

impl Unusable {
    fn of(errno: Errno) -> Self {
        match errno {
            Errno::NOENT | Errno::NOTDIR => Self::Gone,
            errno => Self::Error(errno),
        }
    }

    /// As the end of a line.
    pub(crate) fn text(self) -> String {
        match self {
            Self::Changed => "changed since".to_owned(),
            Self::Gone => "gone".to_owned(),
            Self::Error(errno) => format!("open: {}", text_of(&errno.into())),
        }
    }
}

/// Whether a file is the one of a snapshot still. It is not opened.
pub(crate) fn check(path: &Path, head: &FileHead) -> Result<(), Unusable> {
    let stat = rustix::fs::stat(path).map_err(Unusable::of)?;
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile if same(&stat, head) => Ok(()),
        // Its time is that of its name, and says nothing of its bytes.
        FileType::BlockDevice => Ok(()),
        _ => Err(Unusable::Changed),
    }
}

/// Opens a file of a snapshot for reading, if it is the one still.
pub(crate) fn file(path: &Path, head: &FileHead) -> Result<File, Unusable> {
    // Looked at first: opening a FIFO can end who writes to it.
    check(path, head)?;
    let file = quietly(path)?;
    let stat = rustix::fs::fstat(&file).map_err(Unusable::of)?;
    let is_device = FileType::from_raw_mode(stat.st_mode) == FileType::BlockDevice;
    if is_device || same(&stat, head) { Ok(file) } else { Err(Unusable::Changed) }
}

/// Opens what has the name of a file of a snapshot, and says whether it is the one still.
pub(crate) fn any_file(path: &Path, head: &FileHead) -> Result<(File, bool), Unusable> {
    let stat = rustix::fs::stat(path).map_err(Unusable::of)?;
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => Ok((quietly(path)?, same(&stat, head))),
        FileType::BlockDevice => Ok((quietly(path)?, true)),
        _ => Err(Unusable::Gone), // the name is something else's
    }
}

/// For reading, without waiting, and without a trace where that can be had.
fn quietly(path: &Path) -> Result<File, Unusable> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
    let open = |flags| rustix::fs::open(path, flags, Mode::empty());
    let fd = match open(flags | OFlags::NOATIME) {
        Err(Errno::PERM) => open(flags),
        // Under a lease: its holder lets go within a bounded time.
        Err(Errno::AGAIN) => open(flags.difference(OFlags::NONBLOCK)),
        opened => opened,
    };
    Ok(fd.map_err(Unusable::of)?.into())
}

#[allow(clippy::useless_conversion, reason = "the width of these fields differs between machines")]
fn same(stat: &Stat, head: &FileHead) -> bool {
    let Modified { seconds, nanoseconds } = head.modified;
    u64::try_from(stat.st_size) == Ok(head.size)
        && i64::from(stat.st_mtime) == seconds
        && u64::try_from(stat.st_mtime_nsec) == Ok(nanoseconds.into())
}
