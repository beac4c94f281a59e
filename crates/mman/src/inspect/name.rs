//! What is mapped, by the name that the kernel gives it.

use core::str;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// What a mapping is of, by its name.
///
/// Only the kernel's words can be told apart: a file of the host that was called `/SYSV00000001` and is
/// deleted reads as System V shared memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Name<'entry> {
    /// None: private anonymous memory.
    None,
    /// A file, by the path it has or had; `" (deleted)"` is taken off where the kernel says so.
    File(&'entry Path),
    /// The heap that `brk` grows.
    Heap,
    /// The stack of the first thread.
    Stack,
    /// The kernel's code for fast calls.
    Vdso,
    /// Other memory of the kernel's, by the word in brackets: `vvar`, `vsyscall`, `uprobes`, `rollup`.
    Special(&'entry OsStr),
    /// Private anonymous memory that was given a name (5.17).
    Anonymous(&'entry OsStr),
    /// Shared anonymous memory that was given a name (6.2).
    AnonymousShared(&'entry OsStr),
    /// A memfd, by the label that it was made with.
    MemFd(&'entry OsStr),
    /// Shared anonymous memory without a name: `/dev/zero (deleted)`.
    SharedAnonymous,
    /// System V shared memory, by its key; 0 is `IPC_PRIVATE`.
    SystemV {
        /// The key.
        key: u32,
    },
    /// Anonymous memory in pages of the pool of huge pages: `/anon_hugepage (deleted)`.
    AnonymousHuge,
    /// Secret memory: `/secretmem (deleted)`.
    Secret,
    /// Something else, by the kernel's word for it: `anon_inode:[perf_event]`, `socket:[7]`.
    Other(&'entry OsStr),
}

/// What the kernel puts after the path of a file that has it no more.
pub(super) const DELETED: &[u8] = b" (deleted)";
/// How the kernel prints a newline in a path. It prints a backslash as it is.
const NEWLINE: &[u8] = b"\\012";

/// The kind of a name.
pub(super) fn name_of(bytes: &[u8]) -> Name<'_> {
    let inside =
        |start: &[u8]| bytes.strip_prefix(start)?.strip_suffix(b"]").map(OsStr::from_bytes);
    match bytes {
        b"" => Name::None,
        b"[heap]" => Name::Heap,
        b"[stack]" => Name::Stack,
        b"[vdso]" => Name::Vdso,
        [b'/', ..] => of_path(bytes),
        _ => None
            .or_else(|| inside(b"[anon:").map(Name::Anonymous))
            .or_else(|| inside(b"[anon_shmem:").map(Name::AnonymousShared))
            .or_else(|| inside(b"[").map(Name::Special))
            .unwrap_or_else(|| Name::Other(OsStr::from_bytes(bytes))),
    }
}

fn of_path(bytes: &[u8]) -> Name<'_> {
    let Some(path) = bytes.strip_suffix(DELETED) else {
        return Name::File(Path::new(OsStr::from_bytes(bytes)));
    };
    match path {
        b"/dev/zero" => return Name::SharedAnonymous,
        b"/anon_hugepage" => return Name::AnonymousHuge,
        b"/secretmem" => return Name::Secret,
        _ => {}
    }
    if let Some(label) = path.strip_prefix(b"/memfd:") {
        return Name::MemFd(OsStr::from_bytes(label));
    }
    match path.strip_prefix(b"/SYSV").and_then(key_of) {
        Some(key) => Name::SystemV { key },
        None => Name::File(Path::new(OsStr::from_bytes(path))),
    }
}

fn key_of(digits: &[u8]) -> Option<u32> {
    let all = digits.len() == 8 && digits.iter().all(u8::is_ascii_hexdigit);
    let digits = if all { str::from_utf8(digits).ok()? } else { return None };
    u32::from_str_radix(digits, 16).ok()
}

/// Whether a printed name could be that of two files.
#[inline]
pub(super) fn is_ambiguous(printed: &[u8]) -> bool {
    printed.contains(&b'\\') && printed.windows(NEWLINE.len()).any(|four| four == NEWLINE)
}

/// Puts the newlines back that the kernel printed as `\012`.
pub(super) fn unescape_into(printed: &[u8], name: &mut Vec<u8>) {
    let mut rest = printed;
    while let Some(at) = rest.windows(NEWLINE.len()).position(|four| four == NEWLINE) {
        let (before, after) = rest.split_at(at);
        name.extend_from_slice(before);
        name.push(b'\n');
        rest = after.get(NEWLINE.len()..).unwrap_or_default();
    }
    name.extend_from_slice(rest);
}

/// Whether the kernel prints this name so.
pub(super) fn is_printed_as(name: &[u8], printed: &[u8]) -> bool {
    let mut rest = printed;
    for byte in name {
        let part = if *byte == b'\n' { NEWLINE } else { core::slice::from_ref(byte) };
        match rest.strip_prefix(part) {
            Some(after) => rest = after,
            None => return false,
        }
    }
    rest.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_word_of_the_kernel_has_its_kind() {
        let text = OsStr::new;
        let file = |path| Name::File(Path::new(path));
        let cases = [
            ("", Name::None),
            ("[heap]", Name::Heap),
            ("[stack]", Name::Stack),
            ("[vdso]", Name::Vdso),
            ("[vvar_vclock]", Name::Special(text("vvar_vclock"))),
            ("[anon:a name]", Name::Anonymous(text("a name"))),
            ("[anon_shmem:b]", Name::AnonymousShared(text("b"))),
            ("/memfd:x (deleted)", Name::MemFd(text("x"))),
            ("/memfd:x", file("/memfd:x")),
            ("/memfd: (deleted) (deleted)", Name::MemFd(text(" (deleted)"))),
            ("/dev/zero (deleted)", Name::SharedAnonymous),
            ("/dev/zero", file("/dev/zero")),
            ("/SYSV0000002a (deleted)", Name::SystemV { key: 42 }),
            ("/SYSV+000002a (deleted)", file("/SYSV+000002a")),
            ("/SYSV2a (deleted)", file("/SYSV2a")),
            ("/anon_hugepage (deleted)", Name::AnonymousHuge),
            ("/secretmem (deleted)", Name::Secret),
            ("/a (deleted)/b c", file("/a (deleted)/b c")),
            ("/a (deleted)", file("/a")),
            ("/[heap]", file("/[heap]")),
            ("socket:[7]", Name::Other(text("socket:[7]"))),
            ("[half", Name::Other(text("[half"))),
        ];
        for (name, kind) in cases {
            assert_eq!(name_of(name.as_bytes()), kind, "{name}");
        }
    }

    #[test]
    fn newlines_come_back_and_backslashes_stay() {
        let unescaped = |printed: &[u8]| {
            let mut name = Vec::new();
            unescape_into(printed, &mut name);
            name
        };
        assert_eq!(unescaped(br"/a\012b\\0123\01"), b"/a\nb\\\n3\\01");
        assert_eq!(unescaped(br"\012"), b"\n");
        assert!(is_ambiguous(br"/a\012") && !is_ambiguous(br"/a\01") && !is_ambiguous(b"/a"));
        assert!(is_printed_as(b"/a\nb", br"/a\012b"));
        assert!(is_printed_as(br"/a\012b", br"/a\012b"));
        assert!(!is_printed_as(b"/a\nb", br"/a\012bc"));
        assert!(!is_printed_as(b"/a\nbc", br"/a\012b"));
    }
}
