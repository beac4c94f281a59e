//! Why an operation failed: the causes, and the sentence of each.

use crate::error::{Error, ObjectKind};
use crate::page::RangeError;
use core::fmt;
use mman_sys::Errno;
use mman_typed::Damage as PoolDamage;
use std::io;

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
    /// What was asked for has no such view: it may be missing when it is touched, grow where the view does not see it, or has
    /// no end.
    NoSuchView,
    /// The signal belongs to somebody who has not said that it is passed on.
    SignalTaken,
    /// Nothing is left to be given out.
    Exhausted,
    /// The kernel tells it only to who owns the file or may write to it.
    Hidden,
    /// Only private anonymous memory can do that.
    NotAnonymous,
    /// The machine has not all of the nodes, or none was named.
    NoSuchNode,
    /// The control group has as much memory as it may.
    GroupLimit,
    /// Pages are in use by the kernel at the moment: worth another try.
    InUse,
    /// No free memory in one piece is large enough for a huge page.
    NoHugePage,
    /// This memory cannot be made of huge pages: its kind, its alignment, or the settings forbid it.
    NotCollapsible,
    /// The protection of the mapping does not allow it.
    Denied,
    /// Somebody maps the object shared and writable, or the kernel is still writing to its pages.
    MappedWritable,
    /// There is no process of this number, or it has ended.
    NoProcess,
    /// The process is another user's, or one that nobody may look into.
    NotPermitted,
    /// The process is not being killed.
    NotDying,
    /// A process is told from outside only to page out, cool, read in or collapse.
    HintForItself,
    /// A line of the text is none that a kernel prints, or the text ends too early.
    NotUnderstood {
        /// Which line, counted from 1.
        line: u64,
    },
    /// What stands at this byte is not of the format: another program's, or damaged on purpose.
    Malformed {
        /// Where it stands in the object.
        at: u64,
    },
    /// Somebody else is the writer already.
    HasWriter,
    /// Somebody reads from it already, and is alive.
    HasReader,
    /// The file system has no leases, or leases that protect nothing.
    NoLeases,
    /// Somebody has the file open for writing, or mapped shared and writable.
    OpenForWriting,
    /// The file is open for appending: a write goes to its end, whatever offset is asked for.
    OpenForAppending,
    /// It is a directory, a FIFO, a socket or a device, or a link to nothing: no regular file.
    NotAFile,
    /// A lease is for who owns the file, or has `CAP_LEASE`.
    LeaseRight,
    /// Somebody else may write to the file now, and its bytes were not copied before: see
    /// [`LeaseState::Lost`](crate::LeaseState::Lost).
    LeaseGivenUp,
    /// The kernel took the lease on the file away, since this process did not answer in time.
    LeaseBroken,
    /// The view or the mapping has no descriptor of its object, which this needs.
    NoDescriptor,
    /// The file is no log, or one of another version.
    NotALog,
    /// A place of a log holds what no writer puts there, or a checksum is wrong.
    LogDamaged {
        /// Where, in bytes of the file.
        at: u64,
    },
    /// The log has as many bytes as it may, and is not rotated.
    LogFull {
        /// Its greatest length in bytes.
        capacity: u64,
    },
    /// The record is longer than any that fits into a file of the log.
    RecordTooLong {
        /// The greatest length in bytes.
        limit: u64,
    },
    /// As many writers have the log open as it has places for.
    TooManyWriters,
    /// The pool of typed memory has not enough, or not in one run: what the dead have left is counted as free.
    PoolFull {
        /// What is free, in bytes.
        free: u64,
        /// The longest free run, in bytes.
        longest: u64,
    },
    /// The port, or the permission bits of its pool, forbid that access.
    PortAccess,
    /// Mapping typed memory without allocating it takes the right that its port asks for.
    AllocatableRight,
    /// It is no typed memory, or not mapped as such.
    NotTyped,
    /// Typed memory is not mapped a second time, nor are its pages taken: [`TypedMemory::map`](crate::TypedMemory::map) with its
    /// [`typed_pieces`](crate::Pages::typed_pieces) maps it once more.
    NotDoubled,
    /// A part of the range of typed memory is mapped as often as the pool can count.
    MappedTooOften,
    /// The table of the pool has no room for one more process, or one more range.
    PoolTableFull,
    /// Somebody has held the lock of the pool's table for five seconds: a process that is stopped.
    PoolBusy,
    /// The table of the pool was damaged, by who may write to it.
    PoolDamaged(PoolDamage),
    /// The machine lacks what the pool is made of: no hugetlbfs of such pages, no such node, device or object.
    PoolLacks,
    /// The folder of the pools' tables is somebody else's, or others may write to it.
    PoolFolder,
    /// The process was forked while another thread was in a call on the pool: this child keeps what it has of it until it ends.
    PoolTorn,
    /// The configuration of typed memory cannot be read.
    PoolConfiguration,
    /// What the kernel answered, and nothing more is known.
    Kernel,
}

/// The sentence of a cause.
pub(crate) fn write_cause(f: &mut fmt::Formatter<'_>, error: &Error) -> fmt::Result {
    match error.cause() {
        Cause::Range(range) => write!(f, "{range}"),
        Cause::TooLong => f.write_str("longer than the address space"),
        Cause::NotMappable => f.write_str("objects of this kind cannot be mapped"),
        Cause::NotReadable => {
            f.write_str("not open for reading, which every mapping needs; open it read-only or read-write")
        }
        Cause::NotWritable if error.object() == ObjectKind::TypedMemory => {
            f.write_str("the port is not open for writing; open it by `open`")
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
        _ => write_later_cause(f, error),
    }
}

/// The sentences of the rest.
fn write_later_cause(f: &mut fmt::Formatter<'_>, error: &Error) -> fmt::Result {
    match error.cause() {
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
        Cause::Malformed { at } => write!(f, "what stands at byte {at} is not of this format"),
        Cause::LogDamaged { at } => write!(f, "the log is damaged at byte {at}"),
        Cause::LogFull { capacity } => {
            write!(f, "the log is full: it may be {capacity} bytes long, and is not rotated")
        }
        Cause::RecordTooLong { limit } => {
            write!(f, "the record is longer than a file of the log allows, {limit} bytes")
        }
        Cause::CopyLimit { limit } => write!(f, "the copy would be longer than allowed, {limit} bytes"),
        Cause::NotUnderstood { line } => {
            write!(f, "line {line} is none that a kernel prints, or the text ends there too early")
        }
        Cause::PoolFull { free, longest } => {
            write!(f, "the pool has {free} bytes free, {longest} of them in one run")
        }
        Cause::PoolDamaged(damage) => write!(f, "the table of the pool was damaged: {damage}"),
        Cause::Kernel => match error.errno() {
            Some(errno) => f.write_str(&sentence_of(errno)),
            None => f.write_str("unknown"),
        },
        other => f.write_str(sentence_without_numbers(other)),
    }
}

/// The sentences that are the same each time.
const fn sentence_without_numbers(cause: Cause) -> &'static str {
    match cause {
        Cause::NotSupported => "this kernel or machine does not have that, or has it switched off",
        Cause::BadName => "the name cannot be that of an object",
        Cause::NotFound => "there is no object of this name",
        Cause::Exists => "there is an object of this name already",
        Cause::NotImmutable => "others could still change the bytes",
        Cause::NoSuchView => {
            "there is no such view of it: it may be missing when it is touched, grow past the view, or has no end"
        }
        Cause::NoProcess => "there is no such process, or it has ended",
        Cause::NotPermitted => {
            "not permitted: it takes the same user and a process that may be dumped, or CAP_SYS_PTRACE"
        }
        Cause::HasWriter => "it has a writer, who is alive",
        Cause::HasReader => "it has a reader, who is alive",
        Cause::NotDying => "the process is not being killed",
        Cause::HintForItself => {
            "a process is told from outside only Cold, PageOut, WillNeed and Collapse; the rest it tells itself"
        }
        Cause::MappedWritable => {
            "a shared writable mapping of it exists, or the kernel still writes to its pages; unmap it first"
        }
        Cause::SignalTaken => "SIGBUS belongs to a handler that has not said that it passes it on",
        Cause::Exhausted => "nothing is left to be given out",
        Cause::Hidden => "told only to who owns the file or may write to it",
        Cause::NotAnonymous => "only private anonymous memory can do that",
        Cause::NoSuchNode => "the machine has not all of these nodes, or none was named",
        Cause::GroupLimit => "the control group has as much memory as it may",
        Cause::InUse => "pages are in use by the kernel at the moment; try again",
        Cause::NoHugePage => "no free memory in one piece is large enough for a huge page",
        Cause::NotCollapsible => {
            "this memory cannot be made of huge pages: its kind, its alignment, or the settings forbid it"
        }
        Cause::NotAdjacent => {
            "the two are not neighbours, in memory and in one object, with one way of sharing"
        }
        Cause::NotALog => "not a log of version 1",
        Cause::TooManyWriters => "as many writers have the log open as it has places for",
        Cause::Denied => "the protection of the mapping does not allow it",
        Cause::NoLeases => {
            "leases are for regular files of ext4, xfs, btrfs and tmpfs; others have none, or none that protect"
        }
        Cause::OpenForAppending => "the file is open for appending: a write goes to its end",
        Cause::NotAFile => "it is no regular file",
        Cause::OpenForWriting => {
            "somebody has the file open for writing, or mapped shared and writable, maybe this process"
        }
        Cause::NoDescriptor => "no descriptor of the object was kept, which this needs",
        Cause::LeaseRight => "a lease is for who owns the file, or has CAP_LEASE",
        Cause::LeaseGivenUp => {
            "the file was given up to who writes to it, and its bytes could not be copied before"
        }
        Cause::LeaseBroken => {
            "the kernel took the lease on the file away, since this process was stopped or too slow"
        }
        other => sentence_of_pool(other),
    }
}

/// The sentences of typed memory.
const fn sentence_of_pool(cause: Cause) -> &'static str {
    match cause {
        Cause::PortAccess => "the port, or the permission bits of its pool, forbid that access",
        Cause::AllocatableRight => {
            "mapping without allocating takes the right that the port asks for: it may be the pool's owner's, or root's"
        }
        Cause::NotTyped => "it is no typed memory",
        Cause::NotDoubled => "typed memory is not mapped twice so; map its pieces once more",
        Cause::MappedTooOften => "a part of the range is mapped as often as the pool can count",
        Cause::PoolTableFull => "the table of the pool has no room for one more process or range",
        Cause::PoolBusy => {
            "somebody has held the lock of the pool's table for five seconds, maybe a stopped process"
        }
        Cause::PoolLacks => "the machine lacks what the pool is made of",
        Cause::PoolFolder => {
            "the folder of the pools' tables is somebody else's, or others may write to it"
        }
        Cause::PoolTorn => {
            "the process was forked in the middle of a call on the pool, and keeps what it has of it until it ends"
        }
        Cause::PoolConfiguration => "the configuration of typed memory cannot be read",
        _ => "unknown",
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
