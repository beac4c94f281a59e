//! The manual page: it is well formed, and tells of every function and every constant.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use mman_c_tests::Library;

use crate::names;
use crate::source;

fn path() -> PathBuf {
    page("mman.3")
}

fn page(name: &str) -> PathBuf {
    Library::workspace().join("crates/mman-c/man").join(name)
}

#[test]
fn it_is_formatted_without_a_warning() {
    for name in ["mman.3", "mman-typed.conf.5"] {
        let formatted =
            Command::new("groff").args(["-ww", "-man", "-Tutf8", "-z"]).arg(page(name)).output();
        let Ok(formatted) = formatted else {
            eprintln!("skipped: needs groff");
            return;
        };
        let said = String::from_utf8_lossy(&formatted.stderr);
        assert!(formatted.status.success() && said.is_empty(), "{said}");
    }
}

#[test]
fn it_has_a_name_a_prototype_and_a_part_for_every_function() {
    let page = fs::read_to_string(path()).unwrap();
    let (names, rest) = page.split_once(".SH LIBRARY").unwrap();
    let (synopsis, parts) = rest.split_once(".SH DESCRIPTION").unwrap();
    for (function, _) in names::FUNCTIONS {
        let word = |c: char| c.is_whitespace() || c == ',';
        assert!(names.split(word).any(|name| name == *function), "{function} has no name");
        assert!(synopsis.contains(&format!("{function}(")), "{function} has no prototype");
        let mut titles = parts.lines().filter_map(|line| line.strip_prefix(".SS "));
        assert!(
            titles.any(|title| title.split(", ").any(|name| name == *function)),
            "{function} has no part"
        );
    }
}

#[test]
fn it_tells_of_every_constant() {
    let page = fs::read_to_string(path()).unwrap();
    let words: Vec<&str> = page.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').collect();
    let missing: Vec<String> = source::macros()
        .into_iter()
        // Of the sizes of huge pages it names the first and the last.
        .filter(|name| !(name.contains("_HUGE_") && name.ends_with('B')))
        .filter(|name| !words.contains(&name.as_str()))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}
