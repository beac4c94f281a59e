//! What is written in the header and in `mman-sys`, read line by line.

use std::collections::BTreeSet;
use std::fs;

use mman_c_tests::Library;

use crate::compiler;

/// Types whose constants stand in other headers.
const ELSEWHERE: &[(&str, &str)] = &[
    ("SecretFlags", "O_CLOEXEC is in <fcntl.h>"),
    ("Seals", "F_SEAL_* are in <fcntl.h>"),
    ("OpenFlags", "O_* are in <fcntl.h>"),
    ("LeaseType", "F_RDLCK and its like are in <fcntl.h>"),
    ("OwnerType", "F_OWNER_* are in <fcntl.h>"),
    ("FallocateFlags", "FALLOC_FL_* are in <linux/falloc.h>"),
];

/// `Type::NAME`, or `NAME` outside of types, of every constant of `mman-sys` that `<sys/mman.h>` has to have.
pub(crate) fn wanted() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for file in ["memory", "advice", "object"] {
        let path = Library::workspace().join(format!("crates/mman-sys/src/flags/{file}.rs"));
        let text = fs::read_to_string(path).unwrap();
        let (mut of, mut tabled) = ("", false);
        for line in text.lines() {
            let code = line.trim();
            if line == "}" {
                (of, tabled) = ("", false);
            } else if matches!(line, "bit_flags! {" | "open_number! {") {
                tabled = true;
            } else if let Some(rest) = line.strip_prefix("impl ") {
                of = rest.split(' ').next().unwrap();
            } else if tabled && code.ends_with(") {") {
                of = code.split('(').next().unwrap();
            } else {
                let public = code.strip_prefix("pub const ").and_then(|rest| rest.split_once(':'));
                let entry = code.split_once(" = ").filter(|_| tabled && code.ends_with(';'));
                let name = public.or(entry).map(|(name, _)| name).filter(|name| is_constant(name));
                if let Some(name) =
                    name.filter(|_| !ELSEWHERE.iter().any(|(other, _)| *other == of))
                {
                    let of = if of.is_empty() { String::new() } else { format!("{of}::") };
                    found.insert(format!("{of}{name}"));
                }
            }
        }
    }
    found
}

/// Letters, digits and `_`, none of them small.
pub(crate) fn is_constant(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_uppercase())
        && name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
}

/// Every macro that the header defines for programs, whatever the machine.
pub(crate) fn macros() -> BTreeSet<String> {
    let text = compiler::text();
    let directives = text.lines().filter_map(|line| line.strip_prefix('#'));
    let defined = directives.filter_map(|line| line.trim_start().strip_prefix("define "));
    let names = defined.map(|rest| rest.split_whitespace().next().unwrap());
    names.filter(|name| is_constant(name)).map(str::to_owned).collect()
}

/// Every function that the header declares.
pub(crate) fn functions() -> BTreeSet<String> {
    let text = compiler::text();
    let declared = text
        .lines()
        .filter_map(|line| line.strip_prefix("extern ").filter(|rest| !rest.starts_with('"')));
    let names = declared.map(|rest| {
        let (before, _) =
            rest.split_once('(').unwrap_or_else(|| panic!("`{rest}` declares no function"));
        before.rsplit([' ', '*']).next().unwrap().to_owned()
    });
    names.collect()
}
