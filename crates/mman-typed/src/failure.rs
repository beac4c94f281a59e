//! Why something was not done: the error number that POSIX asks for, and what it means here.

use crate::damage::Damage;
use core::fmt;
use mman_sys::Errno;

/// An error: its number, and its cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What a C function answers.
    pub errno: Errno,
    /// Which of the things it can mean it means.
    pub cause: Cause,
}

/// What an error means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// No port has that name (`ENOENT`), or it is too long (`ENAMETOOLONG`).
    Name,
    /// More than one of the flags, or one that there is not; an access mode that is none of the three (`EINVAL`).
    Flags,
    /// The port, or the mode of its store, forbids that access (`EACCES`).
    Access,
    /// Mapping without allocating needs more rights (`EPERM`).
    Privilege,
    /// The descriptor (`ENODEV`, or `EBADF` where there is none) or the address (`EACCES`) is no typed memory.
    NotTyped,
    /// The descriptor is of a typed memory object that this process's configuration does not have (`ENXIO`; `ENODEV` of
    /// [`info`](crate::info)).
    Elsewhere,
    /// A range that is empty, not of whole units, or not within the pool (`EINVAL`, `ENXIO`).
    Range,
    /// The pool has so many units free, the longest run of them being so long (`ENOMEM`).
    Full {
        /// Free units.
        free: usize,
        /// The longest run of them.
        longest: usize,
    },
    /// What the pool is made of has no memory for what it has free (`ENOMEM`): a file system that is full.
    NoMemory,
    /// A unit of the range is mapped too often (`EAGAIN`).
    TooOften,
    /// No room in the table for one more process or one more entry (`ENOMEM`).
    NoRoom,
    /// Somebody has held the lock of the table for five seconds: a process that is stopped, or this thread itself, out of
    /// which a signal handler called (`EAGAIN`).
    Busy,
    /// Typed memory cannot be changed so: it does not grow, and is not doubled (`EINVAL`, `ENOMEM`).
    NotSo,
    /// The table was damaged (`EIO`).
    Damaged(Damage),
    /// The machine lacks what the pool is made of: no hugetlbfs is mounted for pages of that size, no such device (`ENODEV`).
    Lacks,
    /// The directory of the tables belongs to somebody else, or others may write to it (`EACCES`).
    Directory,
    /// The process forked while another of its threads was in a call: what it has mapped is kept until it ends (`EAGAIN`).
    Torn,
    /// The system call said so.
    Kernel(&'static str),
}

impl Failure {
    pub(crate) const fn new(errno: Errno, cause: Cause) -> Self {
        Self { errno, cause }
    }

    pub(crate) const fn damaged(damage: Damage) -> Self {
        Self::new(Errno::EIO, Cause::Damaged(damage))
    }

    /// For `map_err`: the system call of that name failed.
    pub(crate) fn of(call: &'static str) -> impl Fn(Errno) -> Self {
        move |errno| Self::new(errno, Cause::Kernel(call))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:?}: {}", self.errno, self.cause)
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Name => out.write_str("no typed memory has that name"),
            Self::Flags => out.write_str("flags that exclude each other, or that there are not"),
            Self::Access => out.write_str("the port does not allow that access"),
            Self::Privilege => out.write_str("mapping without allocating needs more rights"),
            Self::NotTyped => out.write_str("this is no typed memory"),
            Self::Elsewhere => out.write_str("no pool of the configuration has this object"),
            Self::Range => out.write_str("the range is not one of whole units within the pool"),
            Self::Full { free, longest } => {
                write!(out, "the pool has {free} units free, {longest} of them in a row")
            }
            Self::NoMemory => out.write_str("there is no memory for what the pool has free"),
            Self::TooOften => out.write_str("a unit of the range is mapped too often"),
            Self::NoRoom => out.write_str("the table has no room for one more"),
            Self::Busy => out.write_str("somebody holds the lock of the table"),
            Self::NotSo => out.write_str("typed memory does not grow, and is not doubled"),
            Self::Damaged(damage) => write!(out, "the table is damaged: {damage}"),
            Self::Lacks => out.write_str("the machine lacks what the pool is made of"),
            Self::Directory => out.write_str(
                "the directory of the tables is another user's, or others may write to it",
            ),
            Self::Torn => out.write_str("the process forked in the middle of a call"),
            Self::Kernel(call) => out.write_str(call),
        }
    }
}

impl core::error::Error for Failure {}
