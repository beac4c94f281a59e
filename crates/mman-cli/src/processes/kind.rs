//! Kinds of memory, by the words that the command uses for them.

use mman::inspect::{Entry, Name, VmFlags};
use std::os::unix::ffi::OsStrExt;

/// What a mapping is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Kind {
    Anonymous,
    Heap,
    Stack,
    File,
    SharedMemory,
    MemFd,
    HugePages,
    Secret,
    Device,
    Kernel,
    Other,
}

impl Kind {
    /// By its name, and by its flags where the kernel tells them.
    pub(crate) fn of(entry: &Entry, flags: &VmFlags) -> Self {
        if flags.contains("ht") {
            return Self::HugePages;
        }
        match entry.name() {
            Name::Heap => Self::Heap,
            Name::Stack => Self::Stack,
            Name::AnonymousHuge => Self::HugePages,
            Name::Vdso | Name::Special(_) => Self::Kernel,
            Name::SharedAnonymous | Name::AnonymousShared(_) => Self::SharedMemory,
            Name::File(path) => Self::of_path(path.as_os_str().as_bytes()),
            Name::SystemV { .. } => Self::SharedMemory,
            Name::MemFd(_) => Self::MemFd,
            Name::Secret => Self::Secret,
            Name::None | Name::Anonymous(_) => Self::Anonymous,
            _ => Self::Other,
        }
    }

    fn of_path(path: &[u8]) -> Self {
        if path.starts_with(b"/dev/shm/") {
            Self::SharedMemory
        } else if path.starts_with(b"/dev/") {
            Self::Device
        } else {
            Self::File
        }
    }

    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Anonymous => "anonymous",
            Self::Heap => "heap",
            Self::Stack => "stack",
            Self::File => "file",
            Self::SharedMemory => "shared memory",
            Self::MemFd => "memfd",
            Self::HugePages => "huge pages",
            Self::Secret => "secret",
            Self::Device => "device",
            Self::Kernel => "kernel",
            Self::Other => "other",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mman::inspect::Smaps;

    #[test]
    fn each_name_is_of_a_kind() {
        let cases = [
            ("", "anonymous"),
            ("[anon:jit]", "anonymous"),
            ("[heap]", "heap"),
            ("[stack]", "stack"),
            ("[vdso]", "kernel"),
            ("[vvar_vclock]", "kernel"),
            ("/usr/bin/cat", "file"),
            ("/usr/bin/cat (deleted)", "file"),
            ("/dev/shm/x", "shared memory"),
            ("/dev/zero (deleted)", "shared memory"),
            ("/SYSV00000000 (deleted)", "shared memory"),
            ("/dev/dri/card0", "device"),
            ("/device", "file"),
            ("/memfd:x (deleted)", "memfd"),
            ("/anon_hugepage (deleted)", "huge pages"),
            ("/secretmem (deleted)", "secret"),
            ("anon_inode:[perf_event]", "other"),
        ];
        for (name, kind) in cases {
            let text = format!("1000-2000 rw-p 00000000 00:00 0 {name}\nSize: 4 kB\n");
            let (entry, usage) = Smaps::of_text(text.as_bytes()).next().unwrap().unwrap();
            assert_eq!(Kind::of(&entry, usage.flags()).word(), kind, "{name}");
        }
        let text = "1000-2000 rw-p 00000000 00:00 1 /hugetlbfs/x\nVmFlags: rd ht\n";
        let (entry, usage) = Smaps::of_text(text.as_bytes()).next().unwrap().unwrap();
        assert_eq!(Kind::of(&entry, usage.flags()), Kind::HugePages);
    }
}
