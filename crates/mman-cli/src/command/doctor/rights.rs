//! What this process may do beyond an ordinary one.

use super::{Finding, proc_file};

const STATUS: &str = "/proc/self/status";

/// A capability (`linux/capability.h`): number, name, what it is for, and what goes without it.
struct Capability {
    number: u32,
    name: &'static str,
    with: &'static str,
    without: &'static str,
}

const CAPABILITIES: [Capability; 6] = [
    Capability {
        number: 14,
        name: "CAP_IPC_LOCK",
        with: "memory can be locked without limit, huge pages taken",
        without: "locked memory is limited: see below",
    },
    Capability {
        number: 19,
        name: "CAP_SYS_PTRACE",
        with: "memory of other users' processes can be read; userfaultfd serves all faults",
        without: "memory of your own processes only, where tracing is allowed",
    },
    Capability {
        number: 23,
        name: "CAP_SYS_NICE",
        with: "memory of other processes can be advised and moved between nodes",
        without: "other processes cannot be advised",
    },
    Capability {
        number: 24,
        name: "CAP_SYS_RESOURCE",
        with: "limits can be raised",
        without: "limits can be lowered only",
    },
    Capability {
        number: 21,
        name: "CAP_SYS_ADMIN",
        with: "page frame numbers are visible, swap and poison can be tested",
        without: "page frame numbers read as 0",
    },
    Capability {
        number: 3,
        name: "CAP_FOWNER",
        with: "residency of every file can be asked",
        without: "residency of files that you own or may write only",
    },
];

/// Looks at who we are.
pub(super) fn look() -> Vec<Finding> {
    let mut findings = vec![user()];
    let effective =
        proc_file::field(STATUS, "CapEff").and_then(|digits| u64::from_str_radix(&digits, 16).ok());
    findings.extend(CAPABILITIES.iter().map(|capability| finding(capability, effective)));
    findings.push(tracing());
    findings
}

/// `Uid` has four numbers: real, effective, saved, file system.
fn user() -> Finding {
    let ids = proc_file::field(STATUS, "Uid");
    let effective = ids.as_deref().and_then(|ids| ids.split_whitespace().nth(1));
    let meaning = match effective {
        Some("0") => "root",
        Some(_) => "an ordinary user",
        None => "unknown: /proc cannot be read",
    };
    Finding {
        name: "user",
        state: effective.unwrap_or("?").to_owned(),
        meaning: meaning.to_owned(),
    }
}

fn finding(capability: &Capability, effective: Option<u64>) -> Finding {
    let held = effective.map(|bits| bits >> capability.number & 1 == 1);
    let (state, meaning) = match held {
        Some(true) => ("yes", capability.with),
        Some(false) => ("no", capability.without),
        None => ("?", "unknown: /proc cannot be read"),
    };
    Finding { name: capability.name, state: state.to_owned(), meaning: meaning.to_owned() }
}

/// `kernel.yama.ptrace_scope`: admin-guide/LSM/Yama.
fn tracing() -> Finding {
    let scope = proc_file::number("/proc/sys/kernel/yama/ptrace_scope");
    let meaning = match scope {
        None => "no Yama: processes of the same user can be read",
        Some(0) => "processes of the same user can be read",
        Some(1) => "only children can be read, without CAP_SYS_PTRACE",
        Some(2) => "only with CAP_SYS_PTRACE can processes be read",
        Some(_) => "no process can be read",
    };
    let state = scope.map_or_else(|| "-".to_owned(), |scope| scope.to_string());
    Finding { name: "kernel.yama.ptrace_scope", state, meaning: meaning.to_owned() }
}
