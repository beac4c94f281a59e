//! Taking room and rights away from this process: only ever called in a child, which ends with it.

use rustix::process::Uid;
use rustix::process::{Rlimit, getrlimit, setrlimit};
use rustix::thread::{CapabilitySet, capabilities, set_capabilities, set_thread_res_uid};

pub use rustix::process::Resource;

/// Sets the soft limit of a resource.
///
/// # Panics
///
/// Where the kernel refuses.
pub fn set(resource: Resource, soft: u64) {
    let maximum = getrlimit(resource).maximum;
    setrlimit(resource, Rlimit { current: Some(soft), maximum }).expect("setrlimit");
}

/// No privilege to lock memory, and so many bytes of it allowed.
///
/// # Panics
///
/// Where the kernel refuses.
pub fn locked_memory(bytes: u64) {
    let mut sets = capabilities(None).expect("capabilities");
    sets.effective.remove(CapabilitySet::IPC_LOCK);
    sets.permitted.remove(CapabilitySet::IPC_LOCK);
    set_capabilities(None, sets).expect("set_capabilities");
    set(Resource::Memlock, bytes);
}

/// This thread is `nobody` from here on, with no capability.
///
/// # Panics
///
/// Where the kernel refuses.
pub fn become_nobody() {
    let nobody = Uid::from_raw(65_534);
    set_thread_res_uid(nobody, nobody, nobody).expect("setresuid");
}

/// How many mappings a process may have.
///
/// # Panics
///
/// Where the kernel does not tell.
#[must_use]
pub fn max_map_count() -> u64 {
    let text = std::fs::read_to_string("/proc/sys/vm/max_map_count").expect("max_map_count");
    text.trim().parse().expect("a number")
}

/// Address space that this process has, in bytes.
///
/// # Panics
///
/// Where `/proc` cannot be read; so does the next.
#[must_use]
pub fn address_space_used() -> u64 {
    statm(0)
}

/// Writable private memory that this process has, in bytes.
#[must_use]
pub fn data_used() -> u64 {
    statm(5)
}

fn statm(field: usize) -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").expect("statm");
    let pages = text.split_ascii_whitespace().nth(field).and_then(|word| word.parse::<u64>().ok());
    pages.expect("a number") * crate::page() as u64
}

/// Sets which permission bits new files do not get, and answers which they did not get before.
#[must_use]
pub fn umask(bits: u32) -> u32 {
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(bits)).as_raw_mode()
}
