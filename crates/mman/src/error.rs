//! Errors that say the operation, the range, the kind of object, and which of its causes an errno had.

use crate::page::RangeError;
use core::fmt;
use mman_sys::Errno;
use std::io;

/// The result of what this crate does.
pub type Result<T, E = Error> = core::result::Result<T, E>;

/// What was being done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Operation {
    /// Opening or examining an object.
    Open,
    /// Mapping an object.
    Map,
    /// Unmapping.
    Unmap,
    /// Holding address space.
    Reserve,
    /// Making pages of a reservation usable.
    Commit,
    /// Putting an object into a reservation.
    Place,
    /// Taking it out again.
    Decommit,
    /// Changing protection.
    Protect,
    /// Writing back.
    Sync,
    /// A hint to the kernel.
    Advise,
    /// Dropping bytes.
    Discard,
    /// Growing, shrinking or moving.
    Remap,
    /// Cutting a mapping in two.
    Split,
    /// Making one mapping of two.
    Merge,
    /// Copying out of a mapping.
    Read,
    /// Copying into a mapping.
    Write,
    /// Writing a mapping's bytes to a file, pipe or socket.
    WriteOut,
    /// Looking for bytes.
    Search,
    /// Making bytes immutable, or a copy that is.
    Freeze,
    /// Making an object.
    Create,
    /// Changing the length of an object.
    SetSize,
    /// Taking a name away.
    Unlink,
    /// Naming the objects that there are.
    List,
    /// Sealing an object, or the pages of a mapping.
    Seal,
    /// Locking pages into memory.
    Lock,
    /// Unlocking them.
    Unlock,
    /// Reading in and mapping all pages.
    Populate,
    /// Asking what is in memory.
    Residency,
    /// Making pages that nobody may touch, or taking that back.
    Guard,
    /// Saying on which nodes memory is to be, or asking.
    Bind,
    /// Saying what a fork does with pages.
    OnFork,
    /// Making, giving or freeing a protection key.
    Key,
    /// Naming memory.
    Name,
    /// Asking about the mappings of a process.
    Inspect,
    /// Freeing the memory of a process that is being killed.
    Release,
    /// Taking over the signal that a lost page raises.
    Signal,
    /// Giving out pages of a reservation.
    Allocate,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Open => "open",
            Self::Map => "map",
            Self::Unmap => "unmap",
            Self::Reserve => "reserve",
            Self::Commit => "commit",
            Self::Place => "place",
            Self::Decommit => "decommit",
            Self::Protect => "protect",
            Self::Sync => "sync",
            Self::Advise => "advise",
            Self::Discard => "discard",
            Self::Remap => "remap",
            Self::Split => "split",
            Self::Merge => "merge",
            Self::Read => "read",
            Self::Write => "write",
            Self::WriteOut => "write out",
            Self::Search => "search",
            Self::Freeze => "freeze",
            Self::Create => "create",
            Self::SetSize => "set the size of",
            Self::Unlink => "unlink",
            Self::List => "list",
            Self::Seal => "seal",
            Self::Lock => "lock",
            Self::Unlock => "unlock",
            Self::Populate => "populate",
            Self::Residency => "ask for the residency of",
            Self::Guard => "guard",
            Self::Bind => "bind to nodes",
            Self::OnFork => "say what a fork does with",
            Self::Key => "protect by key",
            Self::Name => "name",
            Self::Inspect => "inspect",
            Self::Release => "release the memory of",
            Self::Signal => "guard against SIGBUS",
            Self::Allocate => "allocate",
        })
    }
}

/// What was mapped, or was to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ObjectKind {
    /// A regular file.
    File,
    /// A block device.
    BlockDevice,
    /// A character device.
    CharacterDevice,
    /// Anonymous memory.
    Anonymous,
    /// A memfd.
    MemFd,
    /// A POSIX shared memory object.
    SharedMemory,
    /// Secret memory: `memfd_secret`.
    Secret,
    /// Another process.
    Process,
    /// Address space that is held.
    Reservation,
    /// A directory: cannot be mapped.
    Directory,
    /// A pipe or a FIFO: cannot be mapped.
    Pipe,
    /// A socket: cannot be mapped.
    Socket,
    /// A symbolic link, or a descriptor opened for its name only: cannot be mapped.
    NameOnly,
    /// Something else.
    Other,
}

impl fmt::Display for ObjectKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::File => "a regular file",
            Self::BlockDevice => "a block device",
            Self::CharacterDevice => "a character device",
            Self::Anonymous => "anonymous memory",
            Self::MemFd => "a memfd",
            Self::SharedMemory => "a shared memory object",
            Self::Secret => "secret memory",
            Self::Process => "a process",
            Self::Reservation => "address space",
            Self::Directory => "a directory",
            Self::Pipe => "a pipe",
            Self::Socket => "a socket",
            Self::NameOnly => "a descriptor for a name only (O_PATH)",
            Self::Other => "an object of unknown kind",
        })
    }
}

/// Why it failed. Where one error number has several causes, this says which one it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// The range is none.
    Range(RangeError),
    /// The length does not fit the address space.
    TooLong,
    /// Objects of this kind cannot be mapped.
    NotMappable,
    /// The descriptor was not opened for reading, which every mapping needs.
    NotReadable,
    /// The descriptor was not opened for writing, which a shared writable mapping needs.
    NotWritable,
    /// This needs a shared mapping: to be validated, to be synchronized with DAX storage, to be a view of others' bytes.
    NotShared,
    /// The view keeps its changes to itself: it is made of private mappings.
    NotPrivate,
    /// The process has as many mappings as it may (`vm.max_map_count`).
    MapCountLimit {
        /// The limit.
        limit: u64,
    },
    /// The process would have more address space than it may (`RLIMIT_AS`).
    AddressSpaceLimit {
        /// The limit in bytes.
        limit: u64,
    },
    /// The process would have more writable private memory than it may (`RLIMIT_DATA`).
    DataLimit {
        /// The limit in bytes.
        limit: u64,
    },
    /// The process would have more locked memory than it may (`RLIMIT_MEMLOCK`).
    LockLimit {
        /// The limit in bytes.
        limit: u64,
    },
    /// The pool of huge pages has too few free pages.
    HugePagePool {
        /// The page size in bytes.
        page: usize,
    },
    /// The machine has no huge pages of this size.
    HugePageSize {
        /// The page size in bytes.
        page: usize,
    },
    /// The kernel promises no more memory than it has (`vm.overcommit_memory`).
    Overcommit,
    /// No gap of the address space is large enough.
    NoAddressSpace,
    /// Something is mapped at the address.
    AddressTaken,
    /// The address is in the room that the stack grows into.
    StackRoom,
    /// The address is below what the kernel lets anybody map (`vm.mmap_min_addr`), or above the address space.
    AddressOutOfBounds,
    /// The file system refuses shared mappings.
    SharedRefused,
    /// A flag that this kernel, machine or file system does not know.
    UnknownFlag,
    /// The file system is mounted without execution.
    NoExec,
    /// There is no room for the new length where the mapping is, or anywhere.
    NoRoom,
    /// The range is several mappings for the kernel, since its parts differ in protection or object.
    SeveralMappings,
    /// A part of the range is not mapped, or no longer.
    NotMapped,
    /// A page of the range is locked.
    Locked,
    /// The range is sealed.
    Sealed,
    /// The object is shorter than the mapping now, or its storage failed: there is nothing at this byte.
    Truncated {
        /// The first byte that could not be reached, counted from the start of the mapping.
        at: u64,
    },
    /// The storage failed: what this byte was cannot be read.
    Storage {
        /// The first byte that could not be reached, counted from the start of the mapping.
        at: u64,
    },
    /// The two are not neighbours of one object with one way of sharing.
    NotAdjacent,
    /// The file system has no room for the bytes.
    NoSpace,
    /// The process may not lock memory at all: its limit is 0.
    LockRight,
    /// The kernel, the processor or the settings of this machine have no such thing.
    NotSupported,
    /// The name cannot be that of an object.
    BadName,
    /// There is no object of this name.
    NotFound,
    /// There is an object of this name.
    Exists,
    /// The copy would be longer than the caller allows.
    CopyLimit {
        /// The limit in bytes.
        limit: u64,
    },
    /// Others could still change the bytes.
    NotImmutable,
    /// The signal belongs to somebody who has not said that it is passed on.
    SignalTaken,
    /// Nothing is left to be given out.
    Exhausted,
    /// The protection of the mapping does not allow it.
    Denied,
    /// What the kernel answered, and nothing more is known.
    Kernel,
}

/// An operation that failed: on what, on which bytes of it, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Error {
    operation: Operation,
    object: ObjectKind,
    /// First byte and length, in bytes of the object or the mapping.
    range: Option<(u64, u64)>,
    errno: Option<Errno>,
    cause: Cause,
}

impl Error {
    pub(crate) const fn new(operation: Operation, object: ObjectKind, cause: Cause) -> Self {
        Self { operation, object, range: None, errno: None, cause }
    }

    pub(crate) const fn kernel(operation: Operation, object: ObjectKind, errno: Errno) -> Self {
        Self { operation, object, range: None, errno: Some(errno), cause: Cause::Kernel }
    }

    pub(crate) const fn on(self, start: u64, len: u64) -> Self {
        Self { range: Some((start, len)), ..self }
    }

    /// The same error for somebody who counts from `lead` bytes further on.
    pub(crate) fn counted_from(self, lead: usize) -> Self {
        let lead = lead as u64;
        let range = self.range.map(|(start, len)| {
            let cut = lead.saturating_sub(start);
            (start.saturating_sub(lead), len.saturating_sub(cut))
        });
        let cause = match self.cause {
            Cause::Truncated { at } => Cause::Truncated { at: at.saturating_sub(lead) },
            Cause::Storage { at } => Cause::Storage { at: at.saturating_sub(lead) },
            other => other,
        };
        Self { range, cause, ..self }
    }

    pub(crate) const fn because(self, cause: Cause) -> Self {
        Self { cause, ..self }
    }

    /// What was being done.
    #[must_use]
    pub const fn operation(&self) -> Operation {
        self.operation
    }

    /// What it was done to.
    #[must_use]
    pub const fn object(&self) -> ObjectKind {
        self.object
    }

    /// First byte and length, where the operation had a range: of the object when it was mapped, of the
    /// mapping afterwards.
    #[must_use]
    pub const fn range(&self) -> Option<(u64, u64)> {
        self.range
    }

    /// The kernel's error number; `None` where it was not asked.
    #[must_use]
    pub const fn errno(&self) -> Option<Errno> {
        self.errno
    }

    /// Why.
    #[must_use]
    pub const fn cause(&self) -> Cause {
        self.cause
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.operation)?;
        match self.range {
            Some((start, len)) => match start.checked_add(len) {
                Some(end) => write!(f, " bytes {start}..{end} of {}: ", self.object)?,
                None => write!(f, " {len} bytes from {start} of {}: ", self.object)?,
            },
            // A name that could not be opened names nothing yet.
            None if self.object == ObjectKind::Other => f.write_str(": ")?,
            None => write!(f, " {}: ", self.object)?,
        }
        write_cause(f, self)?;
        match self.errno {
            Some(errno) => write!(f, " ({errno})"),
            None => Ok(()),
        }
    }
}

/// The sentence of a cause.
fn write_cause(f: &mut fmt::Formatter<'_>, error: &Error) -> fmt::Result {
    match error.cause {
        Cause::Range(range) => write!(f, "{range}"),
        Cause::TooLong => f.write_str("longer than the address space"),
        Cause::NotMappable => f.write_str("objects of this kind cannot be mapped"),
        Cause::NotReadable => {
            f.write_str("not open for reading, which every mapping needs; open it read-only or read-write")
        }
        Cause::NotWritable => f.write_str(
            "not open for writing, which a shared writable mapping needs; open it read-write, or map it private",
        ),
        Cause::NotShared => f.write_str("this needs a shared mapping"),
        Cause::NotPrivate => f.write_str("this needs a private mapping"),
        Cause::MapCountLimit { limit } => write!(
            f,
            "the process has as many mappings as it may, {limit}; raise vm.max_map_count, or map fewer and larger ranges"
        ),
        Cause::AddressSpaceLimit { limit } => {
            write!(f, "over the limit of address space, {limit} bytes (RLIMIT_AS, ulimit -v)")
        }
        Cause::DataLimit { limit } => {
            write!(f, "over the limit of private writable memory, {limit} bytes (RLIMIT_DATA, ulimit -d)")
        }
        Cause::LockLimit { limit } => {
            write!(f, "over the limit of locked memory, {limit} bytes (RLIMIT_MEMLOCK, ulimit -l)")
        }
        Cause::HugePagePool { page } => write!(
            f,
            "too few free huge pages of {page} bytes; raise nr_hugepages under /sys/kernel/mm/hugepages"
        ),
        Cause::HugePageSize { page } => write!(f, "this machine has no huge pages of {page} bytes"),
        Cause::Overcommit => {
            f.write_str("more memory than the kernel promises (vm.overcommit_memory); map it without reserve, or less of it")
        }
        Cause::NoAddressSpace => f.write_str("no gap of the address space is large enough"),
        Cause::AddressTaken => f.write_str("something is mapped at the address"),
        Cause::StackRoom => f.write_str("the address is in the room that the stack needs to grow"),
        Cause::AddressOutOfBounds => {
            f.write_str("the address is outside what may be mapped (see vm.mmap_min_addr)")
        }
        Cause::SharedRefused => f.write_str(
            "this file system refuses shared mappings; a private mapping may work, reading the file does",
        ),
        Cause::UnknownFlag => f.write_str("a flag that this kernel, machine or file system does not know"),
        Cause::NoExec => f.write_str("the file system is mounted noexec, or the process may not map code"),
        Cause::NoRoom => f.write_str("no room for the new length; let it move, or reserve the space first"),
        Cause::SeveralMappings => f.write_str(
            "the kernel counts the range as several mappings, since its parts differ in protection or object",
        ),
        Cause::NotMapped => f.write_str("a part of the range is not mapped"),
        Cause::Locked => f.write_str("a page of the range is locked"),
        Cause::Sealed => f.write_str("sealed against this"),
        Cause::Truncated { at } => {
            write!(f, "nothing is there at byte {at}: the object became shorter, or its storage failed")
        }
        Cause::Storage { at } => write!(f, "byte {at} cannot be read: the storage failed"),
        Cause::NoSpace => f.write_str(
            "the file system has no room for the bytes; a sparse mapping reserves none, and may meet the lack later",
        ),
        Cause::LockRight => f.write_str(
            "the process may lock no memory (RLIMIT_MEMLOCK is 0, ulimit -l, and it has no CAP_IPC_LOCK)",
        ),
        Cause::NotSupported => f.write_str("this kernel or machine does not have that, or has it switched off"),
        Cause::BadName => f.write_str("the name cannot be that of an object"),
        Cause::NotFound => f.write_str("there is no object of this name"),
        Cause::Exists => f.write_str("there is an object of this name already"),
        Cause::CopyLimit { limit } => write!(f, "the copy would be longer than allowed, {limit} bytes"),
        Cause::NotImmutable => f.write_str("others could still change the bytes"),
        Cause::SignalTaken => f.write_str("SIGBUS belongs to a handler that has not said that it passes it on"),
        Cause::Exhausted => f.write_str("nothing is left to be given out"),
        Cause::NotAdjacent => {
            f.write_str("the two are not neighbours, in memory and in one object, with one way of sharing")
        }
        Cause::Denied => f.write_str("the protection of the mapping does not allow it"),
        Cause::Kernel => match error.errno {
            Some(errno) => f.write_str(&sentence_of(errno)),
            None => f.write_str("unknown"),
        },
    }
}

/// The C library's sentence for an error number, without the number.
fn sentence_of(errno: Errno) -> String {
    let text = io::Error::from_raw_os_error(errno.raw()).to_string();
    match text.rfind(" (os error") {
        Some(end) => text.get(..end).unwrap_or(&text).to_owned(),
        None => text,
    }
}

impl core::error::Error for Error {}

impl From<Error> for io::Error {
    /// The kind follows the error number; the text and the error itself stay inside.
    fn from(error: Error) -> Self {
        let kind = match (error.errno, error.cause) {
            (_, Cause::Truncated { .. }) => io::ErrorKind::UnexpectedEof,
            (_, Cause::Storage { .. }) => io::ErrorKind::Other,
            (Some(errno), _) => Self::from_raw_os_error(errno.raw()).kind(),
            (None, Cause::NotReadable | Cause::NotWritable) => io::ErrorKind::PermissionDenied,
            (None, _) => io::ErrorKind::InvalidInput,
        };
        Self::new(kind, error)
    }
}

/// An operation failed, and what it was given is still here, unchanged.
#[derive(Debug)]
pub struct Refused<T> {
    /// Why.
    pub error: Error,
    /// What the operation was given.
    pub given: T,
}

impl<T> fmt::Display for Refused<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl<T: fmt::Debug> core::error::Error for Refused<T> {}

impl<T> From<Refused<T>> for Error {
    /// Keeps the reason and drops what was given.
    fn from(refused: Refused<T>) -> Self {
        refused.error
    }
}

impl<T> From<Refused<T>> for io::Error {
    fn from(refused: Refused<T>) -> Self {
        refused.error.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_names_operation_range_object_cause_and_number() {
        let error = Error::kernel(Operation::Map, ObjectKind::File, Errno::ENODEV)
            .on(10, 20)
            .because(Cause::SharedRefused);
        let line = error.to_string();
        assert!(line.starts_with("map bytes 10..30 of a regular file: "), "{line}");
        assert!(line.ends_with("(ENODEV)") && !line.contains('\n'), "{line}");
        assert_eq!(io::Error::from(error).get_ref().unwrap().to_string(), line);
    }

    #[test]
    fn a_range_that_overflows_still_prints() {
        let cause = Cause::Range(RangeError::Overflow);
        let error = Error::new(Operation::Map, ObjectKind::File, cause).on(u64::MAX, 2);
        assert!(error.to_string().starts_with("map 2 bytes from 18446744073709551615 of"));
    }
}
