//! One mapping of a process, as the kernel tells it.

use super::line::Line;
use super::name::{self, DELETED, Name};
use crate::error::ObjectKind;
use core::ops::Range;
use mman_sys::{ProcmapFlags, ProcmapQuery, Prot};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

/// One mapping of a process: a line of `/proc/PID/maps`.
/// [proc_pid_maps(5)](https://man7.org/linux/man-pages/man5/proc_pid_maps.5.html)
///
/// ```
/// use mman::{inspect, inspect::Name, process::Process};
///
/// let here = 0_u8;
/// let entry = inspect::find(&Process::myself(), (&raw const here).addr())?.expect("our own stack");
/// assert!(entry.protection().contains(mman::Protection::READ) && !entry.is_shared());
/// assert_eq!(entry.inode(), 0);
/// assert!(!matches!(entry.name(), Name::File(_)));
/// # Ok::<(), mman::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    addresses: Range<usize>,
    protection: Prot,
    shared: bool,
    offset: u64,
    device: (u32, u32),
    inode: u64,
    name: Vec<u8>,
}

impl Entry {
    /// Takes over a line, into the memory that it has. `name` is what the line's name is, where it could be two.
    #[inline]
    pub(super) fn set(&mut self, line: &Line<'_>, name: Option<&[u8]>) {
        self.addresses = line.addresses.clone();
        (self.protection, self.shared, self.offset) = (line.protection, line.shared, line.offset);
        (self.device, self.inode) = (line.device, line.inode);
        self.name.clear();
        match name {
            Some(name) => self.name.extend_from_slice(name),
            None if name::is_ambiguous(line.name) => {
                name::unescape_into(line.name, &mut self.name);
            }
            None => self.name.extend_from_slice(line.name),
        }
    }

    /// The answer of `PROCMAP_QUERY`; `None` where it is no mapping.
    pub(super) fn of_query(query: &ProcmapQuery, name: Vec<u8>) -> Option<Self> {
        let has = |flag| query.vma_flags.contains(flag);
        let right = |flag, right| if has(flag) { right } else { Prot::NONE };
        let (start, end) = (query.vma_start.try_into().ok()?, query.vma_end.try_into().ok()?);
        Some(Self {
            addresses: start..end,
            protection: right(ProcmapFlags::READABLE, Prot::READ)
                | right(ProcmapFlags::WRITABLE, Prot::WRITE)
                | right(ProcmapFlags::EXECUTABLE, Prot::EXEC),
            shared: has(ProcmapFlags::SHARED),
            offset: query.vma_offset,
            device: (query.dev_major, query.dev_minor),
            inode: query.inode,
            name,
        })
    }

    /// Its addresses. They are of that process, and mean nothing in another.
    #[must_use]
    pub const fn addresses(&self) -> Range<usize> {
        self.addresses.start..self.addresses.end
    }

    /// How many bytes of address space it has: a multiple of its page size.
    #[must_use]
    #[allow(clippy::len_without_is_empty, reason = "no mapping is empty")]
    pub const fn len(&self) -> usize {
        self.addresses.end.saturating_sub(self.addresses.start)
    }

    /// What the process may do with the bytes.
    #[must_use]
    pub const fn protection(&self) -> Prot {
        self.protection
    }

    /// Whether what is written reaches the object.
    #[must_use]
    pub const fn is_shared(&self) -> bool {
        self.shared
    }

    /// Where it begins in its object, in bytes; 0 for anonymous memory.
    #[must_use]
    pub const fn offset(&self) -> u64 {
        self.offset
    }

    /// Major and minor number of the object's device; zeros for anonymous memory. On some file systems (btrfs,
    /// overlayfs) not the one that `stat` tells.
    #[must_use]
    pub const fn device(&self) -> (u32, u32) {
        self.device
    }

    /// The object's inode number; 0 for anonymous memory.
    #[must_use]
    pub const fn inode(&self) -> u64 {
        self.inode
    }

    /// What it is of.
    #[must_use]
    pub fn name(&self) -> Name<'_> {
        name::name_of(&self.name)
    }

    /// The name in the kernel's words, `" (deleted)"` with it, newlines as newlines; empty where there is none.
    ///
    /// The text of `maps` prints a newline in a file name as `\012`, and these four characters too. Which it was
    /// is asked by `PROCMAP_QUERY` (6.11); on an older kernel, and in a text that was kept, it is taken for a
    /// newline.
    #[must_use]
    pub fn kernel_name(&self) -> &OsStr {
        OsStr::from_bytes(&self.name)
    }

    pub(super) fn name_in_bytes(&self) -> &[u8] {
        &self.name
    }

    /// Whether the kernel says that the file no longer has this path. It says it by `" (deleted)"` after the
    /// path, so that a file whose name ends so reads as deleted; [`Process::still_has`] tells them apart.
    ///
    /// [`Process::still_has`]: crate::process::Process::still_has
    #[must_use]
    pub fn is_deleted(&self) -> bool {
        self.name.starts_with(b"/") && self.name.ends_with(DELETED)
    }

    /// The kind of object, as far as the name tells it. A device is told as a file, by its path.
    #[must_use]
    pub fn object(&self) -> ObjectKind {
        match self.name() {
            Name::File(path) if path.starts_with("/dev/shm") => ObjectKind::SharedMemory,
            Name::File(_) => ObjectKind::File,
            Name::MemFd(_) => ObjectKind::MemFd,
            Name::Secret => ObjectKind::Secret,
            Name::SystemV { .. } => ObjectKind::SharedMemory,
            Name::Special(_) | Name::Vdso | Name::Other(_) => ObjectKind::Other,
            _ => ObjectKind::Anonymous,
        }
    }
}
