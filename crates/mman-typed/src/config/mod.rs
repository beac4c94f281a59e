//! Which pools there are, and by which names programs open them.
//!
//! A configuration is lines; a `#` begins a comment.
//!
//! ```text
//! directory /dev/shm/our-pools                  # where the tables, and the stores that are files of ours, are
//! defaults no                                   # without the built-in pools
//! pool NAME kind=shm   size=64M  [mode=0660] [commit=yes]   # shared memory; both keys for every kind
//! pool NAME kind=node  node=0 size=1G           # shared memory of a NUMA node
//! pool NAME kind=huge  page=2M size=1G [path=/mnt/huge]    # huge pages; path: a hugetlbfs
//! pool NAME kind=store path=/proc/123/fd/4      # an object that is there already: a file, a memfd of a process
//! pool NAME kind=dax   path=/dev/dax0.0         # a device
//! port /NAME pool=NAME [access=rw|r] [allocatable=owner|root|any]
//! ```
//!
//! With `commit=yes` what is mapped of a pool is given memory at once, and `ENOMEM` where there is none; without it pages
//! come when they are touched, which is `SIGBUS` where a file system has none left.
//!
//! Sizes are bytes, or have one of the letters K, M, G, T; they are cut to whole units, and to 2^31 of them. No pool is
//! smaller than 4096 bytes, or one of its huge pages. Of a `store` or a `dax` a `size` is the most that is used of it. Each
//! kind takes its own words, `mode` and `commit`, and no others. A name has at most 128 bytes, a path 255.
//!
//! A later pool or port of the same name is not seen. The first `directory` counts, for the pools that come after it; of
//! several `defaults` the last counts, and it is `yes` without one. What is wrong with a line is told with its number, and
//! the line left out; the others count.
//!
//! The files are `/etc/mman-typed.conf` and then, in the order of their names, those of `/etc/mman-typed.d` that end with
//! `.conf`. The environment variable `MMAN_TYPED_CONFIG`, as the process was started with it, names one file in their
//! place, or a directory, of which those that end with `.conf` are read; a process that runs with more rights than who
//! started it does not look at it. It is a path from `/` on, or empty, which is as if it were not there; any other is
//! `EINVAL`.
//!
//! Files are regular ones. One of a directory that cannot be read, or the directory, is told as a wrong line 0 of it
//! ([`Wrong::File`]), and the others count. Where `/etc/mman-typed.conf` is there and cannot be read, or what the
//! environment names, that is an error of whoever opens a port.
//!
//! Without a word of configuration there are `/shm`, half of the memory; `/huge/2M` and so on, for each size of huge pages
//! the machine has some of; `/node/0` and so on, for each NUMA node; `/dax/0.0` and so on, for each such device. Their
//! tables are in `/dev/shm/mman-typed-UID`: each user has their own, since nobody else's could be trusted.
//!
//! A name with a leading `/` is that of a port. One without means the first port whose last parts it is: `2M` is
//! `/huge/2M`, and so is `huge/2M`.

mod defaults;
mod line;
mod source;

pub use line::{Allocatable, Kind, Line, Pool, Port, Wrong};
pub use source::use_configuration;
pub(crate) use source::{Decision, each_line};

use crate::failure::Failure;

/// A line of the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Said<'a> {
    /// The file; empty for the built-in lines.
    pub file: &'a [u8],
    /// The number of the line, from 1 on; 0 for the whole file.
    pub line: usize,
    /// What it says, or what is wrong with it.
    pub said: Result<Line<'a>, Wrong>,
}

/// Tells every line that says something, in their order: those that say nothing new too.
///
/// # Errors
///
/// Those of reading the files.
pub fn each(tell: &mut dyn FnMut(Said<'_>)) -> Result<(), Failure> {
    each_line(&mut |path, line, said| {
        tell(Said { file: path.bytes(), line, said });
        Decision::GoOn
    })
    .map_err(Failure::of("reading the configuration"))
}

/// Whether a port is what a name means.
#[must_use]
pub fn is_named(port: &[u8], name: &[u8]) -> bool {
    if name.first() == Some(&b'/') || name.is_empty() {
        return port == name;
    }
    let Some(before) = port.strip_suffix(name) else { return false };
    before.last().is_none_or(|last| *last == b'/')
}

#[cfg(test)]
mod tests {
    use super::is_named;

    #[test]
    fn a_name_without_a_slash_is_the_last_parts_of_another() {
        for name in ["/huge/2M", "huge/2M", "2M"] {
            assert!(is_named(b"/huge/2M", name.as_bytes()), "{name}");
        }
        for name in ["/2M", "M", "uge/2M", "", "huge", "/", "//huge/2M"] {
            assert!(!is_named(b"/huge/2M", name.as_bytes()), "{name}");
        }
    }
}
