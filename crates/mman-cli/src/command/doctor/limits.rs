//! Limits and settings that decide whether a mapping succeeds.

use super::{Finding, proc_file};
use mman::HugePageSize;
use std::fs;

/// Looks at limits of the process, and settings of the machine.
pub(super) fn look() -> Vec<Finding> {
    let mut findings = vec![
        mappings(),
        process_limit("Max locked memory", "locked memory", "what mlock and MAP_LOCKED may take"),
        process_limit("Max address space", "address space", "all mappings together"),
        process_limit("Max data size", "private writable memory", "heap and private mappings"),
        process_limit(
            "Max open files",
            "open files",
            "a mapping needs its file open only to be made",
        ),
        setting("vm.mmap_min_addr", "/proc/sys/vm/mmap_min_addr", "no mapping below this address"),
        overcommit(),
        setting(
            "vm.unprivileged_userfaultfd",
            "/proc/sys/vm/unprivileged_userfaultfd",
            "1: ordinary users serve the kernel's faults too",
        ),
        transparent_huge_pages(
            "transparent huge pages",
            "/sys/kernel/mm/transparent_hugepage/enabled",
        ),
        transparent_huge_pages(
            "huge pages of shared memory",
            "/sys/kernel/mm/transparent_hugepage/shmem_enabled",
        ),
    ];
    findings.extend(pools());
    findings.push(memory("MemTotal", "memory", "of the machine"));
    findings.push(memory("SwapTotal", "swap", "0: anonymous memory cannot be paged out"));
    findings.push(nodes());
    findings
}

/// The process's mappings, against the limit.
fn mappings() -> Finding {
    let limit = proc_file::number("/proc/sys/vm/max_map_count");
    let count = fs::read_to_string("/proc/self/maps").map(|text| text.lines().count());
    let meaning = match count {
        Ok(count) => format!("mappings a process may have; this one has {count}"),
        Err(_) => "mappings a process may have".to_owned(),
    };
    Finding { name: "vm.max_map_count", state: shown(limit), meaning }
}

fn shown(value: Option<u64>) -> String {
    value.map_or_else(|| "?".to_owned(), |value| value.to_string())
}

/// `/proc/self/limits` has a row for each limit: name, soft, hard, unit.
fn process_limit(row: &str, name: &'static str, about: &str) -> Finding {
    let text = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let values = text.lines().find_map(|line| line.strip_prefix(row));
    let mut words = values.unwrap_or_default().split_whitespace();
    let soft = words.next().unwrap_or("?");
    let hard = words.next().unwrap_or("?");
    let meaning = if soft == hard {
        about.to_owned()
    } else {
        format!("{about}; can be raised to {}", size(hard))
    };
    Finding { name, state: size(soft), meaning }
}

/// A number of bytes in the unit that keeps it whole; other words as they are.
fn size(word: &str) -> String {
    let units = [("GiB", 30_u32), ("MiB", 20), ("KiB", 10)];
    let Ok(value) = word.parse::<u64>() else { return word.to_owned() };
    let whole = units.iter().find(|(_, shift)| value != 0 && value.trailing_zeros() >= *shift);
    match whole {
        Some((unit, shift)) => format!("{} {unit}", value >> shift),
        None => value.to_string(),
    }
}

fn setting(name: &'static str, path: &str, meaning: &str) -> Finding {
    Finding { name, state: shown(proc_file::number(path)), meaning: meaning.to_owned() }
}

/// `vm.overcommit_memory`: proc_sys_vm(5).
fn overcommit() -> Finding {
    let mode = proc_file::number("/proc/sys/vm/overcommit_memory");
    let meaning = match mode {
        Some(0) => "only what is obviously too much is refused",
        Some(1) => "nothing is refused; the out-of-memory killer decides",
        Some(2) => "refused beyond the commit limit: reserve without memory, commit late",
        _ => "unknown",
    };
    Finding { name: "vm.overcommit_memory", state: shown(mode), meaning: meaning.to_owned() }
}

fn transparent_huge_pages(name: &'static str, path: &str) -> Finding {
    let chosen = proc_file::chosen(path);
    let meaning = match chosen.as_deref() {
        Some("always" | "force") => "used wherever they fit",
        Some("madvise" | "advise") => "used where asked for",
        Some("within_size") => "used within the size of the object, or where asked for",
        Some("never" | "deny") => "never used",
        _ => "not built",
    };
    let state = chosen.unwrap_or_else(|| "-".to_owned());
    Finding { name, state, meaning: meaning.to_owned() }
}

/// The pools of huge pages, one for each size.
fn pools() -> Vec<Finding> {
    let pool = |size: HugePageSize| {
        let kib = size.page_size().bytes() >> 10;
        let directory = format!("/sys/kernel/mm/hugepages/hugepages-{kib}kB");
        let total = proc_file::number(&format!("{directory}/nr_hugepages"));
        let free = proc_file::number(&format!("{directory}/free_hugepages"));
        let meaning = format!("pages of {kib} KiB in the pool, {} of them free", shown(free));
        Finding { name: "huge page pool", state: shown(total), meaning }
    };
    HugePageSize::available().into_iter().map(pool).collect()
}

fn memory(field: &str, name: &'static str, meaning: &str) -> Finding {
    let value = proc_file::field("/proc/meminfo", field);
    let state = value.map_or_else(|| "?".to_owned(), |value| value.replace(" kB", " KiB"));
    Finding { name, state, meaning: meaning.to_owned() }
}

fn nodes() -> Finding {
    let online = proc_file::line("/sys/devices/system/node/online");
    let meaning = match online.as_deref() {
        Some("0") | None => "one node: memory policy changes nothing",
        Some(_) => "nodes that memory can be bound to",
    };
    let state = online.map_or_else(|| "-".to_owned(), |numbers| format!("node {numbers}"));
    Finding { name: "NUMA", state, meaning: meaning.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_stay_exact() {
        assert_eq!(size("8388608"), "8 MiB");
        assert_eq!(size("65530"), "65530");
        assert_eq!(size("0"), "0");
        assert_eq!(size("unlimited"), "unlimited");
    }
}
