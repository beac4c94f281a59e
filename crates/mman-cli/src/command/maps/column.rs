//! The columns: their names, what each tells, and which are shown.

use crate::args;
use crate::failure::Failure;
use crate::output::table::Align;
use crate::processes::{Measure, Row};

/// What stands in a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    Bytes(Measure),
    /// Bytes on a node.
    Node(u32),
    Mappings,
    Processes,
    Pid,
    Command,
    Address,
    Permissions,
    Offset,
    Device,
    Inode,
    Kind,
    Flags,
    Policy,
    Name,
}

/// A column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Column {
    pub(super) what: What,
    pub(super) head: String,
}

/// A column that can be asked for: its name, and what it tells.
struct Known {
    what: What,
    name: &'static str,
    meaning: &'static str,
}

const fn bytes(measure: Measure, name: &'static str, meaning: &'static str) -> Known {
    Known { what: What::Bytes(measure), name, meaning }
}

const fn known(what: What, name: &'static str, meaning: &'static str) -> Known {
    Known { what, name, meaning }
}

const KNOWN: [Known; 31] = [
    bytes(Measure::Size, "size", "address space"),
    bytes(Measure::Rss, "rss", "in memory"),
    bytes(Measure::Pss, "pss", "in memory, each page shared out among the processes that map it"),
    bytes(Measure::Private, "private", "in memory, and mapped by no other process"),
    bytes(Measure::Shared, "shared", "in memory, and mapped by other processes too"),
    bytes(Measure::Dirty, "dirty", "in memory, and changed: must be written before it can go"),
    bytes(Measure::Anonymous, "anon", "in memory, and of no file; copies of a file's pages too"),
    bytes(Measure::Referenced, "referenced", "in memory, and touched of late"),
    bytes(Measure::Swap, "swap", "in swap"),
    bytes(Measure::SwapPss, "swappss", "in swap, shared out as in pss"),
    bytes(Measure::Locked, "locked", "in memory of locked mappings, whoever else has it"),
    bytes(Measure::Huge, "huge", "in huge pages of every kind"),
    bytes(Measure::AnonHuge, "anonhuge", "anonymous, in transparent huge pages"),
    bytes(Measure::ShmemHuge, "shmemhuge", "shared memory, mapped as huge pages"),
    bytes(Measure::FileHuge, "filehuge", "of files, mapped as huge pages"),
    bytes(Measure::Hugetlb, "hugetlb", "in pages of the huge page pool, which rss leaves out"),
    bytes(Measure::LazyFree, "lazyfree", "in memory, and given up by the process (MADV_FREE)"),
    bytes(Measure::Ksm, "ksm", "merged with equal pages"),
    known(What::Mappings, "maps", "how many mappings"),
    known(What::Processes, "procs", "how many processes"),
    known(What::Pid, "pid", "the process"),
    known(What::Command, "command", "what the process runs"),
    known(What::Address, "address", "addresses, from and up to"),
    known(What::Permissions, "perms", "read, write, execute; shared or private"),
    known(What::Offset, "offset", "where it begins in its file, in bytes"),
    known(What::Device, "device", "the device of its file, as it is mounted"),
    known(What::Inode, "inode", "the number of its file"),
    known(What::Kind, "kind", "file, shared memory, memfd, anonymous, heap, stack, huge pages ..."),
    known(What::Flags, "flags", "the kernel's flags (VmFlags)"),
    known(What::Policy, "policy", "the policy of its nodes (--numa)"),
    known(What::Name, "name", "the file's path, or what it is"),
];

const SIZES: [&str; 7] = ["size", "rss", "pss", "private", "shared", "dirty", "swap"];
const HUGE: [&str; 4] = ["anonhuge", "shmemhuge", "filehuge", "hugetlb"];

/// Left out first where a terminal is narrow; the others never are.
const LESS: [&str; 14] = [
    "shared",
    "private",
    "hugetlb",
    "filehuge",
    "shmemhuge",
    "anonhuge",
    "huge",
    "locked",
    "swap",
    "size",
    "perms",
    "dirty",
    "maps",
    "pss",
];

impl Known {
    fn column(&self) -> Column {
        Column { what: self.what, head: self.name.to_uppercase() }
    }
}

fn find(name: &str) -> Result<&'static Known, Failure> {
    KNOWN.iter().find(|known| known.name.eq_ignore_ascii_case(name)).ok_or_else(|| {
        Failure::line(format!(
            "no column is called '{name}': `mman maps --columns help` lists them"
        ))
    })
}

/// The names and meanings of all, a line each.
pub(super) fn help() -> String {
    let lines = KNOWN.iter().map(|known| format!("  {:<10}  {}\n", known.name, known.meaning));
    lines.collect()
}

/// The columns that are asked for, or the usual ones; `several` processes are told apart.
pub(super) fn chosen(args: &args::Maps, several: bool) -> Result<Vec<Column>, Failure> {
    let names: Vec<&str> = if args.columns.is_empty() {
        usual(args, several)
    } else {
        args.columns.iter().map(String::as_str).collect()
    };
    let columns: Result<Vec<_>, _> = names.iter().map(|name| find(name)).collect();
    Ok(columns?.into_iter().map(Known::column).collect())
}

fn usual(args: &args::Maps, several: bool) -> Vec<&'static str> {
    let single = args.by == args::Grouping::Mapping;
    let mut names = Vec::new();
    match (single, several) {
        (true, true) => names.push("pid"),
        (false, true) => names.extend(["procs", "maps"]),
        (false, false) => names.push("maps"),
        (true, false) => {}
    }
    names.extend(SIZES);
    names.push("locked");
    if args.huge {
        names.extend(HUGE);
    } else {
        names.push("huge");
    }
    if single {
        names.push("perms");
        names.extend(args.numa.then_some("policy"));
    }
    names.push("name");
    names
}

/// A column for each node, before the last.
pub(super) fn insert_nodes(columns: &mut Vec<Column>, nodes: impl Iterator<Item = u32>) {
    let at = columns.len().saturating_sub(1);
    let node = |number| Column { what: What::Node(number), head: format!("N{number}") };
    columns.splice(at..at, nodes.map(node));
}

/// The order in which columns give way in a narrow terminal: those that tell nothing before the others.
pub(super) fn giving_way(columns: &[Column], total: &Row) -> Vec<usize> {
    let place = |name: &&str| {
        let what = find(name).ok()?.what;
        columns.iter().position(|column| column.what == what)
    };
    let all: Vec<usize> = LESS.iter().filter_map(place).collect();
    let tells_nothing = |at: &usize| {
        let what = columns.get(*at).map(|column| column.what);
        matches!(what, Some(What::Bytes(measure)) if total.numbers.get(measure) == Some(0))
    };
    let (first, then): (Vec<usize>, Vec<usize>) = all.iter().partition(|at| tells_nothing(at));
    first.into_iter().chain(then).collect()
}

/// The column to order by.
pub(super) fn sorting(name: Option<&str>) -> Result<What, Failure> {
    Ok(find(name.unwrap_or("rss"))?.what)
}

impl What {
    pub(super) const fn align(self) -> Align {
        match self {
            Self::Command
            | Self::Address
            | Self::Permissions
            | Self::Kind
            | Self::Flags
            | Self::Policy
            | Self::Name => Align::Left,
            _ => Align::Right,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_known_and_each_once() {
        for known in &KNOWN {
            assert_eq!(KNOWN.iter().filter(|other| other.name == known.name).count(), 1);
            assert!(known.name.len() <= 10 && find(&known.head_of()).is_ok());
        }
        for name in SIZES.iter().chain(&HUGE).chain(&LESS) {
            assert!(find(name).is_ok(), "{name}");
        }
        assert!(matches!(find("x"), Err(Failure::Line(line)) if line.contains("--columns help")));
    }

    impl Known {
        fn head_of(&self) -> String {
            self.column().head
        }
    }
}
