//! The table of every function and flag of the header stands in the README and in the guide, and is whole. Tables like it
//! go stale in every project: a constant is added, and nobody says what it is called here.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::path::Path;

const TABLE: &str = include_str!("../src/guide/header.md");

fn at_the_root(name: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    std::fs::read_to_string(root.join(name)).unwrap()
}

#[test]
fn the_readme_has_the_same_table() {
    let readme = at_the_root("README.md");
    let (_, rest) = readme.split_once("<!-- the header's table").unwrap();
    let (_, rest) = rest.split_once("-->").unwrap();
    let (table, _) = rest.split_once("<!-- end of the header's table").unwrap();
    assert_eq!(table.trim(), TABLE.trim());
}

/// Whether a name stands in the table: itself, or a family by its beginning and a star or a last member.
fn is_named(name: &str) -> bool {
    let short =
        ["MADV_", "POSIX_MADV_", "PROT_", "MAP_"].iter().find_map(|head| name.strip_prefix(head));
    TABLE.split('`').any(|word| {
        word == name
            || Some(word) == short
            || word.strip_suffix('*').is_some_and(|family| name.starts_with(family))
            || (word.ends_with("GB") && name.starts_with("MAP_HUGE_"))
    })
}

#[test]
fn every_constant_and_function_of_our_c_header_is_in_the_table() {
    let header = at_the_root("crates/mman-c/include/sys/mman.h");
    let constants: Vec<&str> = header
        .lines()
        .filter_map(|line| line.trim_start_matches(['#', ' ']).strip_prefix("define "))
        .filter_map(|line| line.split([' ', '\t', '(']).next())
        .filter(|name| {
            [
                "PROT_",
                "MAP_",
                "MS_",
                "MCL_",
                "MLOCK_",
                "MREMAP_",
                "MFD_",
                "MADV_",
                "POSIX_MADV_",
                "PKEY_",
            ]
            .iter()
            .any(|head| name.starts_with(head))
        })
        .filter(|name| !["MAP_FAILED", "MAP_TYPE", "PKEY_ACCESS_MASK"].contains(name))
        .collect();
    assert!(constants.len() > 80, "{}", constants.len());
    let missing: Vec<&&str> = constants.iter().filter(|name| !is_named(name)).collect();
    assert!(missing.is_empty(), "not in the table: {missing:?}");
}
