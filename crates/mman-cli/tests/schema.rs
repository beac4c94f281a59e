//! Every line of JSON that any command prints is one that `docs/json.schema.json` describes, and the schema describes
//! no line that no command prints.
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "test code"
)]

mod common;

use common::held::page;
use common::schema::Schema;
use common::{Files, mman, run};
use serde_json::Value;
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::process::Stdio;

/// Types that need more than this test has: a process that may be advised against, pages that stay, and pools of typed
/// memory with holders (`typed.rs`).
const RARE: &[&str] = &[
    "touch_missing",
    "evict_left",
    "mappings",
    "typed_holder",
    "typed_run",
    "typed_remark",
    "typed_made",
];

/// The types of the lines, each of which is as it should be.
fn types(schema: &Schema, output: &[u8]) -> BTreeSet<String> {
    schema.assert_describes_all(output);
    let text = str::from_utf8(output).unwrap();
    let kind = |line: &str| -> Value { serde_json::from_str(line).unwrap() };
    text.lines().map(|line| kind(line)["type"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn every_command_prints_what_the_schema_says() {
    let schema = Schema::published();
    let files = Files::new();
    let data = files.pattern("tree/data.bin", 30 * page());
    files.pattern(std::path::Path::new("tree").join(OsStr::from_bytes(b"caf\xe9")), 5);
    files.pattern("tree/empty", 0);
    files.pattern("tree/gone", page());
    let (tree, snapshot) = (files.path("tree"), files.path("snapshot"));
    let (tree, snapshot) = (tree.to_str().unwrap(), snapshot.to_str().unwrap());
    let held = mman::FileObject::open(&data).unwrap().map().unwrap();
    held.pages().populate(.., mman::Populate::ForReading).unwrap();
    let mut sleeper = std::process::Command::new("sleep").arg("1000").spawn().unwrap();
    let pid = sleeper.id().to_string();
    let data = data.to_str().unwrap();
    let mut seen = BTreeSet::new();
    let mut look = |words: &[&str]| {
        let words: Vec<&str> = words.iter().copied().chain(["--json"]).collect();
        let output = run(&words);
        assert!(!output.stdout.is_empty(), "{words:?}: {output:?}");
        seen.extend(types(&schema, &output.stdout));
    };
    look(&["stat", tree]);
    look(&["stat", tree, "--by", "ext"]);
    look(&["stat", tree, "--folios"]);
    look(&["stat", tree, "/nowhere"]);
    look(&["touch", tree]);
    look(&["touch", tree, "-n"]);
    look(&["evict", tree]);
    look(&["evict", tree, "-n"]);
    look(&["lock", data, "-n"]);
    look(&["maps", &pid]);
    look(&["maps", &pid, "--by", "file"]);
    look(&["maps", &pid, "--by", "kind", "--numa"]);
    look(&["who", data]);
    look(&["advise", &pid, "cold", "-n"]);
    look(&["advise", &pid, "cold"]);
    look(&["typed"]);
    look(&["doctor"]);
    look(&["save", tree, "-o", snapshot]);
    std::fs::remove_file(files.path("tree/gone")).unwrap();
    look(&["restore", snapshot]);
    look(&["restore", snapshot, "-n"]);
    look(&["restore", snapshot, "--strict"]);
    look(&["diff", snapshot]);
    look(&["watch", tree, "--count", "1"]);
    look(&["watch", "-p", &pid, "--count", "1"]);
    sleeper.kill().unwrap();
    sleeper.wait().unwrap();
    // What nobody prints any more is taken out of the schema.
    let text = include_str!("../../../docs/json.schema.json");
    let value: Value = serde_json::from_str(text).unwrap();
    for one in value["oneOf"].as_array().unwrap() {
        let name = one["$ref"].as_str().unwrap().trim_start_matches("#/$defs/");
        assert!(seen.contains(name) || RARE.contains(&name), "nobody prints {name}: {seen:?}");
    }
}

#[test]
fn the_schema_is_what_the_command_hands_out() {
    let output = mman(["generate", "schema"]).stderr(Stdio::null()).output().unwrap();
    assert_eq!(output.stdout, include_bytes!("../../../docs/json.schema.json"));
}

/// JSON readers take the last of two definitions with a name, and a line that two describe is no line of the schema.
#[test]
fn each_line_is_described_once() {
    let text = include_str!("../../../docs/json.schema.json");
    let mut seen = BTreeSet::new();
    let is_definition = |line: &&str| line.starts_with("    \"") && !line.starts_with("     ");
    let is_reference = |line: &&str| line.starts_with("    {\"$ref\"");
    for line in text.lines().filter(|line| is_definition(line) || is_reference(line)) {
        assert!(seen.insert(line), "twice: {line}");
    }
}
