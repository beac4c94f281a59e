//! Kinds of memory, by the words that the command uses for them.

use mman::ObjectKind;
use mman::inspect::{Entry, Name, VmFlags};

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
            Name::File(path) if path.starts_with("/dev") && !path.starts_with("/dev/shm") => {
                Self::Device
            }
            _ => match entry.object() {
                ObjectKind::File => Self::File,
                ObjectKind::SharedMemory => Self::SharedMemory,
                ObjectKind::MemFd => Self::MemFd,
                ObjectKind::Secret => Self::Secret,
                ObjectKind::Anonymous => Self::Anonymous,
                _ => Self::Other,
            },
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
