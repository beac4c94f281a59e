//! How much `unsafe` each crate holds: recorded in a file, and only ever falling.

mod compare;
mod counts;
mod record;

use std::fs;
use std::path::Path;

use crate::failure::{Done, Failure};
use crate::finding;
use crate::tree;
use compare::{Change, changes};
use counts::count;
use record::Record;

/// The file the numbers are recorded in, at the root.
const FILE: &str = "ratchet.toml";

/// `ratchet`, `ratchet --write` and `ratchet --raise CRATE WHY`.
pub(crate) fn run(root: &Path, arguments: &[String]) -> Done {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        [] => compare_only(root, false),
        ["--write"] => write(root),
        ["--raise", package, why] if !why.trim().is_empty() => raise(root, package, why.trim()),
        _ => Err(Failure::new("ratchet takes nothing, `--write`, or `--raise CRATE \"why\"`")),
    }
}

/// As part of `check`: a number that fell must be recorded too, so that it cannot rise again.
pub(crate) fn check(root: &Path) -> Done {
    compare_only(root, true)
}

fn compare_only(root: &Path, strict: bool) -> Done {
    let (current, record) = (count(&tree::read(root)?.rust), read(root)?);
    let (risen, fallen): (Vec<Change>, Vec<Change>) =
        changes(&current, &record).into_iter().partition(Change::is_rise);
    let mut found: Vec<_> = risen.iter().map(|change| change.finding(FILE)).collect();
    if strict {
        found.extend(fallen.iter().map(|change| change.finding(FILE)));
    } else {
        for change in &fallen {
            println!("{}", change.finding(FILE));
        }
    }
    finding::report("ratchet", found)
}

fn write(root: &Path) -> Done {
    let current = count(&tree::read(root)?.rust);
    let mut record = read(root)?;
    let fallen = changes(&current, &record).iter().filter(|change| !change.is_rise()).count();
    record.lower(&current);
    save(root, &record)?;
    println!("{FILE}: {fallen} lowered");
    Ok(())
}

fn raise(root: &Path, package: &str, why: &str) -> Done {
    let current = count(&tree::read(root)?.rust);
    let mut record = read(root)?;
    let raised = record.raise(&current, package, why);
    if raised.is_empty() {
        return Err(Failure::new(format!("`{package}` holds no more unsafe than {FILE} records")));
    }
    save(root, &record)?;
    for line in raised {
        println!("{FILE}: {line}");
    }
    Ok(())
}

fn read(root: &Path) -> Done<Record> {
    match fs::read_to_string(root.join(FILE)) {
        Ok(text) => Record::parse(&text)
            .map_err(|(line, wrong)| Failure::new(format!("{FILE}:{line}: {wrong}"))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Record::default()),
        Err(error) => Err(Failure::new(format!("{FILE} cannot be read: {error}"))),
    }
}

fn save(root: &Path, record: &Record) -> Done {
    fs::write(root.join(FILE), record.to_string())
        .map_err(|error| Failure::new(format!("{FILE} cannot be written: {error}")))
}
