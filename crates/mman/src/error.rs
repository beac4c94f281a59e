//! Errors that say the operation, the range, the kind of object, and which of its causes an errno had.

use crate::cause::write_cause;
use core::fmt;
use mman_sys::Errno;
use std::io;

pub use crate::cause::Cause;

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
    /// Waiting on a word of shared memory.
    Wait,
    /// Waking those who wait on a word.
    Wake,
    /// Sending a message to those who have an object.
    Send,
    /// Receiving a message.
    Receive,
    /// Taking a lease on a file, or keeping its bytes when somebody wants to write to it.
    Lease,
    /// Replacing the content of a file.
    WriteFile,
    /// Adding a record to a log.
    Append,
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
            Self::Wait => "wait on",
            Self::Wake => "wake who waits on",
            Self::Send => "send through",
            Self::Receive => "receive from",
            Self::Lease => "lease",
            Self::WriteFile => "replace the content of",
            Self::Append => "append to",
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
    /// A typed memory object of POSIX: memory of a pool.
    TypedMemory,
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
            Self::TypedMemory => "a typed memory object",
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

    pub(crate) const fn of(self, object: ObjectKind) -> Self {
        Self { object, ..self }
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
        let cause = Cause::Range(crate::RangeError::Overflow);
        let error = Error::new(Operation::Map, ObjectKind::File, cause).on(u64::MAX, 2);
        assert!(error.to_string().starts_with("map 2 bytes from 18446744073709551615 of"));
    }
}
