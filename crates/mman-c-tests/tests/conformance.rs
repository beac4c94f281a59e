//! Each C program of `crates/mman-c/tests/c` against the C library of the host, in every way in which a program can
//! meet ours: linked, preloaded, static, with glibc and with musl.
//!
//! A program asserts what the specification demands; here its runs are compared, line by line. A difference is
//! allowed if it is a row of `differences.rs`, and each row must occur.

use mman_c_tests::differences::{DIFFERENCES, Difference, Host};
use mman_c_tests::lines::compare;
use mman_c_tests::program::{Program, Run, Way};
use mman_c_tests::tools::skip;
use mman_c_tests::{EXPORTS, Library};
use std::collections::BTreeSet;

/// Runs a program in all ways, and compares.
fn conform(name: &str) {
    let program = Program::new(&format!("{name}.c"));
    let host = program.run(Way::Host);
    assert!(!host.lines.is_empty());
    let mut used = BTreeSet::new();
    for way in Way::OURS {
        if !way.is_possible() {
            continue;
        }
        let ours = program.run(way);
        let comparison = compare(&ours.lines, &host.lines, Host::Glibc);
        assert!(comparison.found.is_empty(), "{name} {way:?}: {:#?}", comparison.found);
        used = comparison.used;
        if way == Way::Linked || way == Way::Preloaded {
            let imports = program.imports(way);
            assert_eq!(program.bound_to_ours(way), imports, "{name} {way:?}");
        }
    }
    for line in &host.skipped {
        eprintln!("{line}");
    }
    every_row_occurs(name, Host::Glibc, &used, &host);
    if Way::MuslHost.is_possible() {
        let musl = program.run(Way::MuslHost);
        let ours = program.run(Way::MuslStatic);
        let comparison = compare(&ours.lines, &musl.lines, Host::Musl);
        assert!(comparison.found.is_empty(), "{name} against musl: {:#?}", comparison.found);
        every_row_occurs(name, Host::Musl, &comparison.used, &musl);
    } else {
        skip("musl-gcc");
    }
}

/// What is allowed to differ does differ: a table must not grow old.
fn every_row_occurs(name: &str, host: Host, used: &BTreeSet<&'static str>, run: &Run) {
    let expected = |row: &&Difference| {
        let lacking = |what: &&str| run.skipped.iter().any(|line| line.contains(what));
        row.host == host && row.program == name && row.only_without.as_ref().is_none_or(lacking)
    };
    let unused: Vec<&Difference> =
        DIFFERENCES.iter().filter(expected).filter(|row| !used.contains(row.case)).collect();
    assert!(unused.is_empty(), "no longer different: {unused:#?}");
}

macro_rules! programs {
    ($($name:ident)*) => {
        /// The sources, without their ending.
        const PROGRAMS: &[&str] = &[$(stringify!($name)),*];
        $(
            #[test]
            fn $name() {
                conform(stringify!($name));
            }
        )*
    };
}

programs! {
    mmap mmap64 munmap mprotect msync mlock mremap mremap_garbage madvise posix_madvise mincore memfd shm pkey
    process mseal cancel early handler forks allocate
}

/// Sources that other tests build.
const ELSEWHERE: [&str; 3] = ["cancel_steps.cc", "cancel_unwind.cc", "open.c"];

/// No source is forgotten.
#[test]
fn every_source_is_a_test() {
    let folder = mman_c_tests::tools::sources();
    for entry in std::fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let known = name.strip_suffix(".c").is_some_and(|stem| PROGRAMS.contains(&stem));
        // Those of tests/typed.rs, which looks for all of them.
        let known = known || name.starts_with("typed");
        assert!(known || name.ends_with(".h") || ELSEWHERE.contains(&name.as_str()), "{name}");
    }
}

/// Functions that no other library has, so that nothing can be compared: tests/typed.rs is theirs.
const OURS_ALONE: [&str; 3] =
    ["posix_mem_offset", "posix_typed_mem_get_info", "posix_typed_mem_open"];

/// No function is forgotten: each is called by a program.
#[test]
fn every_function_is_called() {
    let called: BTreeSet<&str> = PROGRAMS
        .iter()
        .flat_map(|name| Program::new(&format!("{name}.c")).imports(Way::Host))
        .collect();
    assert_eq!(called, EXPORTS.into_iter().filter(|name| !OURS_ALONE.contains(name)).collect());
}

/// The page says of every row what the table says, and no more.
#[test]
fn the_page_has_every_difference() {
    let page = Library::workspace().join("docs/c-differences.md");
    let page = std::fs::read_to_string(page).unwrap();
    let mut rows: Vec<String> =
        page.lines().filter(|line| line.starts_with("| `")).map(str::to_owned).collect();
    let mut wanted = Vec::new();
    for row in DIFFERENCES {
        assert!(page.contains(&format!("\n### {}\n", row.reason)), "{}", row.reason);
        let host = if row.host == Host::Glibc { "glibc" } else { "musl" };
        wanted.push(format!("| `{}` | {} | {host}: {} |", row.case, row.ours, row.theirs));
    }
    rows.sort();
    wanted.sort();
    assert_eq!(rows, wanted);
}
