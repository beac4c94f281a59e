//! Every number and every layout of the crate, compared with the C headers of the platform.
//!
//! A C program is written from one table of rows, compiled against the C library's headers and, since the
//! two cannot be included together, once more against the kernel's own; each run prints what the headers
//! say. What the installed headers are too old for stands in a list, as numbers written by hand.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::print_stderr,
    reason = "test code: all of it may panic, and says on standard error what it leaves out"
)]
#![cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]

#[path = "headers/compiler.rs"]
mod compiler;
#[path = "headers/errors.rs"]
mod errors;
#[path = "headers/files.rs"]
mod files;
#[path = "headers/layouts.rs"]
mod layouts;
#[path = "headers/memory.rs"]
mod memory;
#[path = "headers/newer.rs"]
mod newer;
#[path = "headers/probe.rs"]
mod probe;
#[path = "headers/row.rs"]
mod row;
#[path = "headers/source.rs"]
mod source;
#[path = "headers/used.rs"]
mod used;
#[path = "headers/userfault.rs"]
mod userfault;

use compiler::Answers;
use row::{Row, Set};
use std::collections::HashSet;
use std::sync::OnceLock;

/// The whole table.
fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    memory::add(&mut rows);
    files::add(&mut rows);
    userfault::add(&mut rows);
    errors::add(&mut rows);
    used::add(&mut rows);
    layouts::add(&mut rows);
    probe::add(&mut rows);
    rows
}

/// What both header sets say, asked once for all tests; `None` where they cannot be asked.
fn answers() -> Option<&'static [Answers; 2]> {
    static ANSWERS: OnceLock<Option<[Answers; 2]>> = OnceLock::new();
    ANSWERS.get_or_init(|| compiler::ask(&rows())).as_ref()
}

/// Fails with one line for each finding.
fn report(what: &str, findings: &[String]) {
    assert!(findings.is_empty(), "{} {what}:\n{}", findings.len(), findings.join("\n"));
}

/// The entry for a name that headers may lack.
fn listed(c: &str) -> Option<&'static (&'static str, i128, &'static str)> {
    newer::NEWER.iter().chain(newer::ELSEWHERE).find(|(name, ..)| *name == c)
}

#[test]
fn no_number_differs_from_the_headers() {
    let Some(answers) = answers() else { return };
    let mut findings = Vec::new();
    for set in Set::BOTH {
        let mut compared = 0;
        for row in rows().iter().filter(|row| row.is_in(set)) {
            let Some(theirs) = answers[set as usize].get(&row.c) else { continue };
            compared += 1;
            if *theirs != row.value {
                findings.push(format!(
                    "{}: ours ({}) is {ours} = {ours:#x}, {} have {theirs} = {theirs:#x}",
                    row.c,
                    row.ours,
                    set.name(),
                    ours = row.value,
                ));
            }
        }
        eprintln!("{compared} rows compared with {}", set.name());
        // Far below what is there (6.1, glibc 2.36): fewer means that the program asks nothing.
        assert!(compared > set.at_least(), "only {compared} rows are in {}", set.name());
    }
    report("numbers differ", &findings);
}

#[test]
fn what_the_headers_lack_is_listed_with_its_number_and_source() {
    let Some(answers) = answers() else { return };
    let mut findings: Vec<String> = rows()
        .iter()
        .filter(|row| answers.iter().all(|set| !set.contains_key(&row.c)))
        .filter(|row| listed(&row.c).is_none())
        .map(|row| format!("{} ({} = {:#x})", row.c, row.ours, row.value))
        .collect();
    findings.dedup();
    report(
        "names that no installed header has are not in tests/headers/newer.rs (look them up in a newer \
         kernel's header, and write name, number and source there)",
        &findings,
    );
}

#[test]
fn numbers_are_those_written_by_hand_from_newer_headers() {
    let rows = rows();
    let mut findings = Vec::new();
    for (name, number, from) in newer::NEWER.iter().chain(newer::ELSEWHERE) {
        let mut named = rows.iter().filter(|row| row.c == *name).peekable();
        if named.peek().is_none() {
            findings.push(format!("{name}: in tests/headers/newer.rs, but in no row"));
        }
        for row in named.filter(|row| row.value != *number) {
            findings.push(format!(
                "{name}: ours ({}) is {ours} = {ours:#x}, {from} has {number} = {number:#x}",
                row.ours,
                ours = row.value
            ));
        }
    }
    report("numbers differ from tests/headers/newer.rs", &findings);
}

#[test]
fn every_constant_of_the_crate_has_a_row() {
    let ours: HashSet<String> = rows().into_iter().map(|row| row.ours).collect();
    let constants = source::constants();
    // Far below what is there: fewer means that the parser finds nothing.
    assert!(constants.len() > 300, "only {} constants found in the source", constants.len());
    let findings: Vec<String> = constants.into_iter().filter(|name| !ours.contains(name)).collect();
    report("constants are compared with nothing: add rows under tests/headers/", &findings);
}

#[test]
fn every_header_name_that_the_crate_uses_has_a_row() {
    let names: HashSet<String> = rows().into_iter().map(|row| row.c).collect();
    let used = source::header_names();
    assert!(used.len() > 300, "only {} header names found in the source", used.len());
    let findings: Vec<String> = used.into_iter().filter(|name| !names.contains(name)).collect();
    report("header names are compared with nothing: add them to tests/headers/used.rs", &findings);
}

#[test]
fn every_struct_and_public_field_has_a_row() {
    let ours: HashSet<String> = rows().into_iter().map(|row| row.ours).collect();
    let wanted = source::layouts();
    assert!(wanted.len() > 30, "only {} sizes and fields found in the source", wanted.len());
    let findings: Vec<String> = wanted.into_iter().filter(|name| !ours.contains(name)).collect();
    report("layouts are compared with nothing: add them to tests/headers/layouts.rs", &findings);
}
