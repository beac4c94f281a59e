//! Reads the crate's own source, line by line: what there is to be compared.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// Every source file under a folder, as its name and its text.
fn files(folder: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            found.push((name, fs::read_to_string(&path).unwrap()));
        }
    }
    found
}

/// `Type::NAME` of every constant: those in `bit_flags!` and `open_number!`, and the other public ones.
pub(crate) fn constants() -> Vec<String> {
    let mut found = Vec::new();
    for (file, text) in files(&folder()) {
        if file != "names.rs" {
            found.extend(tabled(&file, &text));
            found.extend(public(&text));
        }
    }
    found
}

/// The constants of the file's tables. A line that is not understood fails: it might be a constant.
fn tabled(file: &str, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut inside = false;
    let mut of = String::new();
    for line in text.lines() {
        let code = line.trim();
        if !inside {
            inside = matches!(line, "bit_flags! {" | "open_number! {");
        } else if line == "}" {
            inside = false;
        } else if let Some((name, _)) = code.split_once(" = ").filter(|_| code.ends_with(';')) {
            assert!(is_constant(name), "{file}: `{name}` is no constant's name");
            found.push(format!("{of}::{name}"));
        } else if let Some((name, _)) = code.split_once('(').filter(|_| code.ends_with(") {")) {
            name.clone_into(&mut of);
        } else {
            let known = code.is_empty() || code == "}" || code.starts_with(['/', '#']);
            assert!(known, "{file}: this line of a table is not understood: {line}");
        }
    }
    found
}

/// `pub const` outside the tables.
fn public(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut of = "";
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("impl ") {
            of = rest.split(' ').next().unwrap();
        } else if line == "}" {
            of = "";
        }
        let Some(rest) = line.trim().strip_prefix("pub const ") else { continue };
        let Some((name, _)) = rest.split_once(':').filter(|(name, _)| is_constant(name)) else {
            continue;
        };
        // An array has a row for each of its elements.
        let element = if rest.contains(": [") { "[0]" } else { "" };
        let of = if of.is_empty() { String::new() } else { format!("{of}::") };
        found.push(format!("{of}{name}{element}"));
    }
    found
}

fn is_constant(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_uppercase())
        && name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
}

/// Every name that the source takes from `linux-raw-sys`, but types and fields.
pub(crate) fn header_names() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (_, text) in files(&folder()) {
        for path in ["raw::", "nr::", "mempolicy::", "prctl::", "errno::", "general::"] {
            for (at, _) in text.match_indices(path) {
                let rest = &text[at + path.len()..];
                let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
                let name = &rest[..end.unwrap_or(rest.len())];
                if name.starts_with("__NR_") || is_constant(name) {
                    found.insert(name.to_owned());
                }
            }
        }
    }
    found
}

/// `size of Type` for every struct that the kernel sees, and `Type.field` for its public fields.
pub(crate) fn layouts() -> Vec<String> {
    let text = fs::read_to_string(folder().join("types.rs")).unwrap();
    let mut found = Vec::new();
    let (mut shaped, mut of) = (false, "");
    for line in text.lines() {
        shaped |= line.starts_with("#[repr(");
        let code = line.trim();
        if line == "}" {
            of = "";
        } else if let Some((name, _)) =
            line.strip_prefix("pub type ").and_then(|rest| rest.split_once(" = raw::"))
        {
            found.push(format!("size of {name}"));
        } else if let Some(rest) = line.strip_prefix("pub struct ") {
            let name = rest.split([' ', '(']).next().unwrap();
            if shaped {
                found.push(format!("size of {name}"));
                of = if line.ends_with('{') { name } else { "" };
            }
            shaped = false;
        } else if let Some((field, _)) = code
            .strip_prefix("pub ")
            .and_then(|rest| rest.split_once(": "))
            .filter(|_| !of.is_empty())
        {
            found.push(format!("{of}.{field}"));
        }
    }
    found
}

/// An ioctl's number as the source writes it: `const NAME: u32 = iowr::<argument>(kind, index);`
pub(crate) struct Ioctl {
    pub(crate) file: String,
    pub(crate) name: String,
    /// `io`, `ior` or `iowr`.
    pub(crate) shape: String,
    pub(crate) argument: Option<String>,
    pub(crate) kind: usize,
    pub(crate) index: usize,
}

pub(crate) fn ioctls() -> Vec<Ioctl> {
    let mut found = Vec::new();
    for (file, text) in files(&folder()) {
        for line in text.lines() {
            let Some((name, rest)) =
                line.strip_prefix("const ").and_then(|rest| rest.split_once(": u32 = io"))
            else {
                continue;
            };
            let parts = format!("io{rest}");
            let ioctl = ioctl(&file, &text, name, &parts);
            found.push(ioctl.unwrap_or_else(|| panic!("{file}: not understood: {line}")));
        }
    }
    found
}

fn ioctl(file: &str, text: &str, name: &str, value: &str) -> Option<Ioctl> {
    let (head, numbers) = value.strip_suffix(");")?.split_once('(')?;
    let (shape, argument) = match head.split_once("::<") {
        Some((shape, rest)) => (shape, Some(rest.strip_suffix('>')?.to_owned())),
        None => (head, None),
    };
    let (kind, index) = numbers.split_once(", ")?;
    let kind = match kind {
        "KIND" => {
            let (_, rest) = text.split_once("const KIND: u8 = ")?;
            number(rest.split_once(';')?.0)?
        }
        kind => number(kind)?,
    };
    Some(Ioctl {
        file: file.to_owned(),
        name: name.to_owned(),
        shape: shape.to_owned(),
        argument,
        kind,
        index: number(index)?,
    })
}

/// A literal: decimal, hexadecimal, or a byte's character.
fn number(literal: &str) -> Option<usize> {
    if let Some(digits) = literal.strip_prefix("0x") {
        return usize::from_str_radix(digits, 16).ok();
    }
    if let Some(character) = literal.strip_prefix("b'").and_then(|rest| rest.strip_suffix('\'')) {
        return character.bytes().next().map(usize::from);
    }
    literal.parse().ok()
}
