//! Every dependency from outside the workspace has its reason in the manifest, next to it.

use crate::finding::Finding;
use crate::metadata::Metadata;
use crate::tree::TextFile;

const TABLES: &[&str] = &["dependencies", "dev-dependencies", "build-dependencies"];

pub(super) fn check(file: &TextFile, metadata: &Metadata) -> Vec<Finding> {
    check_lines(&file.path, &file.text, |name| metadata.is_member(name))
}

fn check_lines(path: &str, text: &str, is_member: impl Fn(&str) -> bool) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut in_table = false;
    let mut depth = 0_i32;
    let mut above = "";
    for (index, line) in text.lines().map(str::trim).enumerate() {
        let (code, comment) = split_comment(line);
        let mut entry = None;
        if depth == 0 && code.starts_with('[') {
            (in_table, entry) = read_header(code);
        } else {
            if depth == 0 && in_table {
                entry = code.split_once('=').map(|(key, _)| first_part(key));
            }
            depth += brackets(code);
        }
        let (code_above, comment_above) = split_comment(above);
        let is_said = !comment.is_empty() || (code_above.is_empty() && !comment_above.is_empty());
        if let Some(name) = entry.filter(|name| !is_member(name) && !is_said) {
            let message =
                format!("`{name}` has no reason: say above it or beside it why it is needed");
            found.push(Finding::new(path, index + 1, message));
        }
        above = line;
    }
    found
}

/// Whether the lines below a header are dependencies, and the dependency that the header itself names.
fn read_header(header: &str) -> (bool, Option<&str>) {
    let header = header.trim_matches(['[', ']']);
    if header.starts_with("workspace") {
        return (false, None);
    }
    match header.rsplit_once('.') {
        _ if TABLES.contains(&header) => (true, None),
        Some((_, last)) if TABLES.contains(&last) => (true, None),
        Some((table, name)) if TABLES.iter().any(|known| table.ends_with(known)) => {
            (false, Some(first_part(name)))
        }
        _ => (false, None),
    }
}

/// The name in a key such as `name`, `"name"` or `name.workspace`.
fn first_part(key: &str) -> &str {
    key.split('.').next().unwrap_or_default().trim().trim_matches('"')
}

/// The two sides of the first `#` that is not inside quotes.
fn split_comment(line: &str) -> (&str, &str) {
    let mut quoted = false;
    for (at, c) in line.char_indices() {
        match c {
            '"' => quoted = !quoted,
            '#' if !quoted => {
                let (code, comment) = line.split_at(at);
                return (code.trim(), comment.trim_matches(['#', ' ']));
            }
            _ => {}
        }
    }
    (line, "")
}

/// How many brackets a line leaves open.
fn brackets(code: &str) -> i32 {
    let count = |c: char| match c {
        '[' | '{' => 1,
        ']' | '}' => -1,
        _ => 0,
    };
    code.chars().map(count).sum()
}

#[cfg(test)]
mod tests {
    use super::check_lines;

    fn count(text: &str) -> usize {
        check_lines("Cargo.toml", text, |name| name.starts_with("mman")).len()
    }

    #[test]
    fn reasons_above_and_beside_pass() {
        assert_eq!(count("[dependencies]\n# reads JSON\na = \"1\"\nb = \"2\" # writes it\n"), 0);
        assert_eq!(
            count("[dev-dependencies]\nmman.workspace = true\nmman-sys = { path = \"a\" }\n"),
            0
        );
        assert_eq!(count("# reads JSON\n[dependencies.a]\nversion = \"1\"\n"), 0);
        assert_eq!(count("[package]\nname = \"a\"\n[features]\nb = []\n"), 0);
        assert_eq!(count("[dependencies]\n# reads\na = { features = [\n  \"b=c\",\n] }\n"), 0);
    }

    #[test]
    fn entries_without_reason_are_found() {
        assert_eq!(count("[dependencies]\na = \"1\"\n"), 1);
        assert_eq!(count("[dependencies]\n# reads JSON\na = \"1\"\nb = \"2\"\n"), 1);
        assert_eq!(count("[dependencies]\na = \"1\" # reads\nb = \"2\"\n"), 1);
        assert_eq!(count("[target.'cfg(unix)'.dev-dependencies]\na.workspace = true\n"), 1);
        assert_eq!(count("[dependencies.a]\nversion = \"1\"\n"), 1);
        assert_eq!(count("[build-dependencies]\na = \"1#\"\n"), 1);
    }
}
