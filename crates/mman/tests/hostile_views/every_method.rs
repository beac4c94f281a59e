//! The tables against the library's sources: every public method that is safe has its line in a table.

use crate::{operations, pages};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Methods that no line names, and why.
const EXEMPT: &[(&str, &str)] = &[
    ("HugePageSize::usual", "one of those available"),
    ("mman::knows_advice", "asks the kernel about no bytes"),
    ("Fault::address", "given to who writes a signal handler, which is unsafe"),
    ("Registered::new", "of a module that is not public"),
];

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => files.extend(files_below(&path)),
            false if path.extension().is_some_and(|end| end == "rs") => files.push(path),
            false => {}
        }
    }
    files
}

fn word_at(text: &str) -> &str {
    let is_word = |letter: char| letter.is_alphanumeric() || letter == '_';
    &text[..text.find(|letter| !is_word(letter)).unwrap_or(text.len())]
}

/// The type that a line `impl ... {` is about.
fn type_of(line: &str) -> Option<String> {
    let line = line.replace("->", "");
    let mut rest = line.strip_prefix("impl")?;
    if rest.starts_with('<') {
        let mut depth = 0;
        let end = rest.find(|letter| {
            depth += i32::from(letter == '<') - i32::from(letter == '>');
            depth == 0
        });
        rest = &rest[end? + 1..];
    }
    let rest = rest.split_once(" for ").map_or(rest, |(_, rest)| rest);
    Some(word_at(rest.trim_start()).to_owned())
}

/// `Type::method` for each public safe one of a source file, and `module::function`.
fn public_of(source: &str, module: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut of = module.to_owned();
    for line in source.lines() {
        if line.starts_with("#[cfg(test)]") {
            break;
        }
        of = match type_of(line) {
            Some(of) => of,
            None if line.starts_with('}') => module.to_owned(),
            None => of,
        };
        let function = line.trim_start();
        let after =
            ["pub fn ", "pub const fn "].iter().find_map(|start| function.strip_prefix(start));
        match after.map(word_at) {
            Some("") | None => {} // the methods that a macro makes have no name here
            Some(name) => found.push(format!("{of}::{name}")),
        }
    }
    found
}

/// What the names of the lines name: `Type::one, other, Type::third`.
fn named() -> BTreeSet<String> {
    let lines = operations().iter().map(|(name, _)| *name);
    let mut names = BTreeSet::new();
    for line in lines.chain(pages::LENT.iter().map(|(name, _)| *name)) {
        let mut of = "";
        for name in line.split(", ") {
            let name = match name.split_once("::") {
                Some((before, name)) => {
                    of = before;
                    name
                }
                None => name,
            };
            names.insert(format!("{of}::{}", word_at(name)));
        }
    }
    names
}

#[test]
fn every_public_method_is_in_the_table() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let sources = here.join("src");
    let hostile: String = files_below(&here.join("tests/hostile_views"))
        .iter()
        .map(|path| fs::read_to_string(path).unwrap())
        .collect();
    // Without the names, and without what is said about them.
    let code: String = hostile
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .flat_map(|line| line.split('"').step_by(2))
        .collect();
    let names = named();
    let (mut seen, mut missing) = (0, Vec::new());
    for path in files_below(&sources) {
        let inside = path.strip_prefix(&sources).unwrap();
        let module = inside.parent().and_then(Path::to_str).filter(|name| !name.is_empty());
        let source = fs::read_to_string(&path).unwrap();
        for method in public_of(&source, module.unwrap_or("mman")) {
            seen += 1;
            let name = method.split_once("::").unwrap().1;
            let called = [".", "::"].iter().any(|before| {
                let call = format!("{before}{name}");
                code.match_indices(&call).any(|(at, _)| word_at(&code[at + before.len()..]) == name)
            });
            let exempt = EXEMPT.iter().any(|(exempt, _)| *exempt == method);
            let options = method.starts_with("MapOptions::"); // thrown by the dice
            if !exempt && !(called && (options || names.contains(&method))) {
                missing.push(method);
            }
        }
    }
    assert!(seen > 200, "the sources were read: {seen}");
    assert!(missing.is_empty(), "no line of a table names and calls {missing:?}");
}

#[test]
fn a_method_is_found_in_a_source() {
    let source = "impl<F: Fn() -> u8> A<F> {\n    pub fn one(&self) {}\n    pub unsafe fn two() {}\n}\n\
        pub(crate) fn three() {}\npub const fn four() {}\nimpl B for C<u8> {\n    pub fn five() {}\n";
    assert_eq!(public_of(source, "m"), ["A::one", "m::four", "C::five"]);
}

#[test]
fn the_table_names_every_operation_once() {
    let mut names: Vec<_> = operations().iter().map(|(name, _)| *name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), operations().len());
}
