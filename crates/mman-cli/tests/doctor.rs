//! `mman doctor` and `mman` alone, as their user sees them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "test code"
)]

mod common;

use common::written;

#[test]
fn doctor_says_features_rights_and_limits() {
    let text = String::from_utf8(written(["doctor"])).unwrap();
    for heading in ["KERNEL FEATURES", "RIGHTS", "LIMITS AND SETTINGS"] {
        assert!(text.lines().any(|line| line == heading), "{heading}: {text}");
    }
    let limit = std::fs::read_to_string("/proc/sys/vm/max_map_count").unwrap();
    let row = text.lines().find(|line| line.contains("vm.max_map_count")).unwrap();
    assert!(row.contains(limit.trim()), "{row}");
    // Every line says something about something, and no line is ragged.
    let rows = text.lines().filter(|line| line.starts_with("  "));
    assert!(rows.clone().count() > 40);
    assert!(rows.clone().all(|row| row.split_whitespace().count() >= 3 && row == row.trim_end()));
}

#[test]
fn doctor_finds_what_the_library_finds() {
    let text = String::from_utf8(written(["doctor"])).unwrap();
    let row = text.lines().find(|line| line.contains("map at an address")).unwrap();
    let has_it = mman::kernel::Feature::FixedNoReplace.support().is_ok();
    assert_eq!(row.contains("yes"), has_it, "{row}");
}

#[test]
fn doctor_finds_the_c_library_where_the_loader_would() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("libmman.so.0"), b"").unwrap();
    let output =
        common::mman(["doctor"]).env("LD_LIBRARY_PATH", directory.path()).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let row = text.lines().find(|line| line.starts_with("  libmman.so.0 ")).unwrap();
    assert!(row.contains(directory.path().to_str().unwrap()), "{row}");
}

#[test]
fn alone_it_shows_what_there_is() {
    let text = String::from_utf8(written::<&str>([])).unwrap();
    assert!(text.starts_with(concat!("mman ", env!("CARGO_PKG_VERSION"), ": ")));
    for command in ["mman cat", "mman doctor"] {
        assert!(text.contains(command), "{text}");
    }
}

#[test]
fn doctor_in_json_says_the_same_rows() {
    let text = String::from_utf8(written(["doctor"])).unwrap();
    let json = String::from_utf8(written(["doctor", "--json"])).unwrap();
    let objects: Vec<serde_json::Value> =
        json.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&objects[0]["type"], &objects[0]["version"]), (&"machine".into(), &1.into()));
    assert_eq!(objects[0]["page_size"], mman::PageSize::base().bytes() as u64);
    let rows: Vec<_> = text.lines().filter(|line| line.starts_with("  ")).collect();
    assert_eq!(objects.len() - 1, rows.len());
    for (object, row) in objects[1..].iter().zip(rows) {
        assert_eq!(object["type"], "finding");
        let name = object["name"].as_str().unwrap();
        assert!(row[2..].starts_with(name), "{object}: {row}");
    }
    assert!(written(["doctor", "-q"]).is_empty());
}
