//! Taking rights and room away from a process: only ever called in a child, which ends with it.

use super::skip;
use linux_raw_sys::general as raw;
use mman_sys::Errno;
use std::ffi::{c_int, c_uint};
use std::os::unix::fs::MetadataExt;

/// `CAP_IPC_LOCK` (`linux/capability.h`): lock any amount of memory.
const CAP_IPC_LOCK: u32 = 14;
/// `CAP_SYS_RAWIO`: map below `vm.mmap_min_addr`.
const CAP_SYS_RAWIO: u32 = 17;
/// The user and group that own nothing.
const NOBODY: c_uint = 65534;

#[repr(C)]
struct Limit {
    soft: u64,
    hard: u64,
}

#[repr(C)]
struct CapabilityHeader {
    version: u32,
    pid: c_int,
}

#[repr(C)]
#[derive(Clone, Copy, Default)]
struct CapabilitySet {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

// SAFETY: the C library's own declarations, in these types.
unsafe extern "C" {
    fn getrlimit(resource: c_uint, limit: *mut Limit) -> c_int;
    fn setrlimit(resource: c_uint, limit: *const Limit) -> c_int;
    fn capget(header: *mut CapabilityHeader, sets: *mut [CapabilitySet; 2]) -> c_int;
    fn capset(header: *mut CapabilityHeader, sets: *const [CapabilitySet; 2]) -> c_int;
    safe fn setgid(group: c_uint) -> c_int;
    safe fn setuid(user: c_uint) -> c_int;
}

/// Sets the soft limit of a resource.
pub(crate) fn limit(resource: u32, soft: usize) {
    let mut limit = Limit { soft: 0, hard: 0 };
    // SAFETY: the call writes one `Limit`.
    assert_eq!(unsafe { getrlimit(resource, &raw mut limit) }, 0, "getrlimit");
    limit.soft = soft as u64;
    // SAFETY: the call reads one `Limit`.
    assert_eq!(unsafe { setrlimit(resource, &raw const limit) }, 0, "setrlimit");
}

/// No privilege to lock memory, and so many bytes of it allowed.
pub(crate) fn limit_locked(bytes: usize) {
    drop_capability(CAP_IPC_LOCK);
    limit(raw::RLIMIT_MEMLOCK, bytes);
}

/// No privilege to map the lowest addresses.
pub(crate) fn drop_raw_io() {
    drop_capability(CAP_SYS_RAWIO);
}

/// Takes a capability of the first 32 away from this thread and those that it starts.
fn drop_capability(capability: u32) {
    let mut header = CapabilityHeader { version: raw::_LINUX_CAPABILITY_VERSION_3, pid: 0 };
    let mut sets = [CapabilitySet::default(); 2];
    // SAFETY: the third version of the call reads the header and writes two sets.
    assert_eq!(unsafe { capget(&raw mut header, &raw mut sets) }, 0, "capget");
    sets[0].effective &= !(1 << capability);
    sets[0].permitted &= !(1 << capability);
    // SAFETY: the third version of the call reads the header and two sets.
    assert_eq!(unsafe { capset(&raw mut header, &raw const sets) }, 0, "capset");
}

/// Becomes an ordinary user for good; false where the process may not.
pub(crate) fn become_nobody() -> bool {
    setgid(NOBODY) == 0 && setuid(NOBODY) == 0
}

/// Whether this is root.
pub(crate) fn is_root() -> bool {
    std::fs::metadata("/proc/self").unwrap().uid() == 0
}

/// Whether the process may lock any amount of memory; where it may not, that is said.
pub(crate) fn may_lock_without_limit() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("CapEff:")).unwrap();
    let has = u64::from_str_radix(line.trim(), 16).unwrap() & 1 << CAP_IPC_LOCK != 0;
    if !has {
        skip("root, to lock memory without limit");
    }
    has
}

/// No core file, and no waiting without end.
pub(crate) fn prepare_to_die() {
    // SAFETY: the C library's own declaration.
    unsafe extern "C" {
        safe fn alarm(seconds: c_uint) -> c_uint;
    }
    limit(raw::RLIMIT_CORE, 0);
    let _none_before = alarm(60);
}

/// The error that a call is expected to give.
pub(crate) fn refused<T: std::fmt::Debug>(answer: Result<T, Errno>) -> Errno {
    answer.expect_err("the call succeeded")
}
