//! Whether all can be locked: limits, rights and memory, before anything is locked.

use super::target::Scan;
use crate::failure::Failure;
use crate::memory;
use crate::output::units::Units;
use mman::{Cause, Error};
use rustix::process::{Resource, getrlimit};
use std::path::Path;

/// What helps against a limit of locked memory.
const WAY_OUT: &str = "raise it (ulimit -l, LimitMEMLOCK=infinity in a unit) or give the right (setcap cap_ipc_lock=ep)";

/// Says what forbids it, with the way out.
pub(super) fn limits(found: &Scan, on_fault: bool) -> Result<(), Failure> {
    let size = |bytes: u64| Units::Iec.size(bytes);
    let wanted = size(found.bytes);
    let limit = getrlimit(Resource::Memlock).current;
    if let Some(limit) = limit.filter(|limit| found.bytes > *limit && !may_lock_all()) {
        let limit = size(limit);
        let text = format!("{wanted} is over the limit of locked memory, {limit}: {WAY_OUT}");
        return Err(Failure::line(text));
    }
    let mappings = found.targets.len() as u64;
    let most = number("/proc/sys/vm/max_map_count").unwrap_or(u64::MAX);
    if mappings.saturating_add(MARGIN) > most {
        let text = format!(
            "{mappings} files are more than the {most} mappings that a process may have: raise vm.max_map_count"
        );
        return Err(Failure::line(text));
    }
    if on_fault {
        return Ok(()); // nobody knows how much will come
    }
    if let Some(available) = memory::available().filter(|available| found.bytes > *available) {
        let available = size(available);
        let text = format!(
            "{wanted} is more than the memory that is available, {available}: lock less (--range), or only what comes (--on-fault)"
        );
        return Err(Failure::line(text));
    }
    if let Some(group) = memory::group().filter(|group| found.missing > group.room()) {
        let (missing, room, limit) = (size(found.missing), size(group.room()), size(group.limit));
        let text = format!(
            "{missing} is to be read in, and the cgroup {} has room for {room} (limit {limit}): raise memory.max, or lock less (--range)",
            group.name
        );
        return Err(Failure::line(text));
    }
    Ok(())
}

/// Mappings that the process has and needs for other things.
const MARGIN: u64 = 512;

/// Whether the limit does not bind us (`CAP_IPC_LOCK`).
fn may_lock_all() -> bool {
    const IPC_LOCK: u32 = 14;
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let bits = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let bits = bits.and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok());
    bits.is_some_and(|bits| bits >> IPC_LOCK & 1 == 1)
}

fn number(path: &str) -> Option<u64> {
    std::fs::read_to_string(path).ok()?.trim().parse().ok()
}

/// An error of locking. All that was locked is let go.
pub(super) fn explained(path: &Path, error: &Error) -> Failure {
    let path = path.display();
    match error.cause() {
        Cause::LockLimit { .. } | Cause::LockRight => {
            Failure::line(format!("{path}: {error}: {WAY_OUT}; nothing is locked"))
        }
        _ => Failure::line(format!("{path}: {error}; nothing is locked")),
    }
}
