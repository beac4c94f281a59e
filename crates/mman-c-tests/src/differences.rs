//! Where this library differs from the C library of the host, and why: all that the conformance tests allow.
//!
//! `docs/c-differences.md` says the same in words.

/// Whose functions ours are compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Host {
    /// glibc 2.36.
    Glibc,
    /// musl 1.2.3.
    Musl,
}

/// A case in which ours and the host's are allowed to differ.
#[derive(Debug)]
pub struct Difference {
    /// The host.
    pub host: Host,
    /// The source of the program, without its ending.
    pub program: &'static str,
    /// The case.
    pub case: &'static str,
    /// What ours does.
    pub ours: &'static str,
    /// What the host's does.
    pub theirs: &'static str,
    /// Why; a heading of the page.
    pub reason: &'static str,
    /// Seen only where the program says that the machine lacks this.
    pub only_without: Option<&'static str>,
}

/// A row that every machine shows.
const fn row(host: Host, [program, case, ours, theirs, reason]: [&'static str; 5]) -> Difference {
    Difference { host, program, case, ours, theirs, reason, only_without: None }
}

const fn glibc(row_of: [&'static str; 5]) -> Difference {
    row(Host::Glibc, row_of)
}

const fn musl(row_of: [&'static str; 5]) -> Difference {
    row(Host::Musl, row_of)
}

/// A row that machines without protection keys show.
const fn without_keys(row_of: [&'static str; 5]) -> Difference {
    let [program, case, ours, theirs, reason] = row_of;
    let only_without = Some("protection keys in the processor");
    Difference { host: Host::Glibc, program, case, ours, theirs, reason, only_without }
}

const ADVICE: &str = "posix_madvise takes the five advices of POSIX";
const DONTNEED: &str = "POSIX_MADV_DONTNEED checks its range";
const LONG_NAME: &str = "A name over 255 bytes is ENAMETOOLONG";
const SLASHES: &str = "A name has at most 4095 bytes, slashes included";
const NO_NAME: &str = "A name that cannot be read is EFAULT";
const REGISTER: &str = "pkey_get and pkey_set without protection keys are ENOSYS";
const LIMIT: &str = "mmap passes EPERM on";
const ALIGNED: &str = "mprotect does not round its address";
const LENGTH: &str = "The kernel judges lengths";
const HINT: &str = "MREMAP_DONTUNMAP has a fifth argument";
const UNLINK: &str = "shm_unlink of a bad name is ENOENT";
const BLOCKING: &str = "shm_open adds no O_NONBLOCK";
const FOLDER: &str = "A folder is no shared memory object";
const DOTS: &str = "shm_open of . and .. is EINVAL, however they are opened";
const RIGHT: &str = "shm_unlink without the right is EACCES";

const P: &str = "posix_madvise";
const S: &str = "shm";
const OK: &str = "success -";
const EINVAL: &str = "failure EINVAL";
const ENOMEM: &str = "failure ENOMEM";
const EFAULT: &str = "failure EFAULT";
const EISDIR: &str = "failure EISDIR";
const ENOENT: &str = "failure ENOENT";
const ENOSYS: &str = "failure ENOSYS";
const TOO_LONG: &str = "failure ENAMETOOLONG";
const SIGSEGV: &str = "killed SIGSEGV";

/// All of them.
#[rustfmt::skip]
pub static DIFFERENCES: &[Difference] = &[
    glibc([P, "posix_madvise-linux-free", EINVAL, OK, ADVICE]),
    glibc([P, "posix_madvise-linux-dontneed-locked", EINVAL, OK, ADVICE]),
    glibc([P, "posix_madvise-linux-dontfork", EINVAL, OK, ADVICE]),
    glibc([P, "posix_madvise-linux-cold", EINVAL, OK, ADVICE]),
    glibc([P, "posix_madvise-unaligned-dontneed", EINVAL, OK, DONTNEED]),
    glibc([P, "posix_madvise-null-dontneed", ENOMEM, OK, DONTNEED]),
    glibc([P, "posix_madvise-garbage-dontneed", ENOMEM, OK, DONTNEED]),
    glibc([P, "posix_madvise-hole-dontneed", ENOMEM, OK, DONTNEED]),
    glibc([P, "posix_madvise-unmapped-dontneed", ENOMEM, OK, DONTNEED]),
    glibc([P, "posix_madvise-wraps-dontneed", ENOMEM, OK, DONTNEED]),
    glibc([S, "shm_open-5000-bytes", TOO_LONG, EINVAL, LONG_NAME]),
    glibc([S, "shm_unlink-5000-bytes", TOO_LONG, ENOENT, LONG_NAME]),
    glibc([S, "shm_open-5000-slashes", TOO_LONG, OK, SLASHES]),
    glibc([S, "shm_unlink-5000-slashes", TOO_LONG, OK, SLASHES]),
    glibc([S, "shm_open-dot-read-only", EINVAL, OK, DOTS]),
    glibc([S, "shm_open-dot-dot-read-only", EINVAL, OK, DOTS]),
    glibc([S, "shm_open-null", EFAULT, SIGSEGV, NO_NAME]),
    glibc([S, "shm_unlink-null", EFAULT, SIGSEGV, NO_NAME]),
    glibc([S, "shm_open-garbage", EFAULT, SIGSEGV, NO_NAME]),
    glibc([S, "shm_unlink-garbage", EFAULT, SIGSEGV, NO_NAME]),
    glibc([S, "shm_open-name-without-end", EFAULT, SIGSEGV, NO_NAME]),
    glibc([S, "shm_unlink-name-without-end", EFAULT, SIGSEGV, NO_NAME]),
    musl([P, "posix_madvise-linux-free", EINVAL, OK, ADVICE]),
    musl([P, "posix_madvise-linux-dontneed-locked", EINVAL, OK, ADVICE]),
    musl([P, "posix_madvise-linux-dontfork", EINVAL, OK, ADVICE]),
    musl([P, "posix_madvise-linux-cold", EINVAL, OK, ADVICE]),
    musl([P, "posix_madvise-unaligned-dontneed", EINVAL, OK, DONTNEED]),
    musl([P, "posix_madvise-null-dontneed", ENOMEM, OK, DONTNEED]),
    musl([P, "posix_madvise-garbage-dontneed", ENOMEM, OK, DONTNEED]),
    musl([P, "posix_madvise-hole-dontneed", ENOMEM, OK, DONTNEED]),
    musl([P, "posix_madvise-unmapped-dontneed", ENOMEM, OK, DONTNEED]),
    musl([P, "posix_madvise-wraps-dontneed", ENOMEM, OK, DONTNEED]),
    musl([S, "shm_open-5000-slashes", TOO_LONG, OK, SLASHES]),
    musl([S, "shm_unlink-5000-slashes", TOO_LONG, OK, SLASHES]),
    musl([S, "shm_open-null", EFAULT, SIGSEGV, NO_NAME]),
    musl([S, "shm_unlink-null", EFAULT, SIGSEGV, NO_NAME]),
    musl([S, "shm_open-garbage", EFAULT, SIGSEGV, NO_NAME]),
    musl([S, "shm_unlink-garbage", EFAULT, SIGSEGV, NO_NAME]),
    musl([S, "shm_open-name-without-end", EFAULT, SIGSEGV, NO_NAME]),
    musl([S, "shm_unlink-name-without-end", EFAULT, SIGSEGV, NO_NAME]),
    without_keys(["pkey", "pkey_get-key-0", ENOSYS, "killed SIGILL", REGISTER]),
    without_keys(["pkey", "pkey_get-key-15", ENOSYS, "killed SIGILL", REGISTER]),
    without_keys(["pkey", "pkey_set-key-1", ENOSYS, "killed SIGILL", REGISTER]),
    musl(["mmap", "mmap-locked-without-right", "failure EPERM", ENOMEM, LIMIT]),
    musl(["mmap64", "mmap64-locked-without-right", "failure EPERM", ENOMEM, LIMIT]),
    musl(["mprotect", "mprotect-unaligned", EINVAL, OK, ALIGNED]),
    musl(["mprotect", "mprotect-unaligned-length-0", EINVAL, OK, ALIGNED]),
    musl(["mprotect", "mprotect-rounds-to-0", ENOMEM, OK, ALIGNED]),
    musl(["mprotect", "mprotect-refused-changes-nothing", "is 0", "is 11", ALIGNED]),
    musl(["mremap", "mremap-length-size-max", EINVAL, ENOMEM, LENGTH]),
    musl(["mremap", "mremap-length-ptrdiff-max", EINVAL, ENOMEM, LENGTH]),
    musl(["mremap_garbage", "mremap-fifth-dontunmap", "is 1", "is 0", HINT]),
    musl([S, "shm_unlink-empty", ENOENT, EINVAL, UNLINK]),
    musl([S, "shm_unlink-slash", ENOENT, EINVAL, UNLINK]),
    musl([S, "shm_unlink-slashes", ENOENT, EINVAL, UNLINK]),
    musl([S, "shm_unlink-slash-inside", ENOENT, EINVAL, UNLINK]),
    musl([S, "shm_unlink-slash-inside-after-slash", ENOENT, EINVAL, UNLINK]),
    musl([S, "shm_unlink-dots-slash", ENOENT, EINVAL, UNLINK]),
    musl([S, "shm_unlink-trailing-slash", ENOENT, EINVAL, UNLINK]),
    musl([S, "shm_unlink-256-bytes-slash-inside", ENOENT, EINVAL, UNLINK]),
    musl([S, "shm_unlink-dot", EISDIR, EINVAL, UNLINK]),
    musl([S, "shm_unlink-dot-dot", EISDIR, EINVAL, UNLINK]),
    musl([S, "shm_unlink-slash-dot", EISDIR, EINVAL, UNLINK]),
    musl([S, "shm_unlink-slash-dot-dot", EISDIR, EINVAL, UNLINK]),
    musl([S, "shm_open-no-other-mode", "is 0", "is 2048", BLOCKING]),
    musl([S, "shm_open-folder-read-write", EINVAL, EISDIR, FOLDER]),
    musl([S, "shm_open-folder-creat", EINVAL, EISDIR, FOLDER]),
    musl([S, "shm_unlink-no-right", "failure EACCES", "failure EPERM", RIGHT]),
];
