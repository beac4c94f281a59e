//! What cannot be looked at, or into, and why.

use crate::failure::text_of;
use rustix::io::Errno;
use std::fmt;
use std::io;
use std::path::Path;

/// What could not be done, and with what.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Problem<'walk> {
    /// As [`Found::path`](super::Found::path).
    pub(crate) path: &'walk Path,
    /// As [`Found::below`](super::Found::below).
    pub(crate) below: &'walk Path,
    pub(crate) what: What,
    /// Where it is known to be a regular file, its size.
    pub(crate) size: Option<u64>,
}

/// Why something cannot be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// A path that was given, and is not there.
    Missing,
    /// The kernel refuses to open the file.
    File(Errno),
    /// The kernel refuses to open or to read the directory: what is in it is not known.
    Directory(Errno),
    /// A path that was given, and is of a kind that has no pages in the page cache.
    Kind(&'static str),
}

impl What {
    /// In a few words, for a column: `no rights (EACCES)`.
    pub(crate) fn short(self) -> String {
        match self {
            Self::Missing => "not there (ENOENT)".to_owned(),
            Self::File(errno) => short_of("cannot be opened", errno),
            Self::Directory(errno) => short_of("cannot be searched", errno),
            Self::Kind(kind) => kind.to_owned(),
        }
    }
}

fn short_of(what: &str, errno: Errno) -> String {
    let name = mman::Errno::from_raw(errno.raw_os_error());
    match errno {
        Errno::ACCESS | Errno::PERM => format!("not permitted ({name})"),
        _ => format!("{what} ({name})"),
    }
}

/// As the end of a line about the path: `open: Permission denied (EACCES)`.
impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |errno: Errno| text_of(&io::Error::from(errno));
        match self {
            Self::Missing => write!(f, "{}", text(Errno::NOENT)),
            Self::File(errno) => write!(f, "open: {}", text(*errno)),
            Self::Directory(errno) => write!(f, "search: {}", text(*errno)),
            Self::Kind(kind) => write!(f, "{kind}: has no pages in the page cache"),
        }
    }
}
