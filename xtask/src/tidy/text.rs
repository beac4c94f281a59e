//! The plain form of text files: line ends, blanks, tabs and width.

use crate::finding::Finding;
use crate::tree::TextFile;

/// Characters of a line of prose or Rust.
const WIDTH: usize = 180;

pub(super) fn check(file: &TextFile) -> Vec<Finding> {
    let mut found = Vec::new();
    let Some(kind) = kind(&file.path) else { return found };
    let mut find = |line, message: &str| found.push(Finding::new(&file.path, line, message));
    for (index, line) in file.text.split('\n').enumerate() {
        if line.trim_end() != line {
            find(index + 1, "blanks at the end of the line: remove them");
        }
        if kind == "rs" && line.contains('\t') {
            find(index + 1, "a tab: indent with four spaces, write \\t in a literal");
        }
        let width = line.chars().count();
        if matches!(kind, "rs" | "md") && width > WIDTH && !line.contains("://") {
            find(index + 1, &format!("{width} characters, more than {WIDTH}: break the line"));
        }
    }
    let last = file.text.lines().count().max(1);
    if !file.text.is_empty() && !file.text.ends_with('\n') {
        find(last, "no line end at the end of the file: add it");
    }
    if file.text.ends_with("\n\n") || file.text == "\n" {
        find(last, "an empty line at the end of the file: remove it");
    }
    found
}

/// The kind of a text file by its name; `None` for one that has no plain form to keep.
fn kind(path: &str) -> Option<&str> {
    let name = path.rsplit('/').next().unwrap_or_default();
    match name.rsplit_once('.') {
        Some((_, kind @ ("md" | "rs" | "toml" | "txt" | "sh"))) => Some(kind),
        None if path.starts_with(".ci/") => Some("sh"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::tree::TextFile;

    fn count(path: &str, text: &str) -> usize {
        check(&TextFile { path: path.into(), text: text.into() }).len()
    }

    #[test]
    fn plain_text_passes() {
        assert_eq!(count("a.rs", "fn a() {}\n"), 0);
        assert_eq!(count("a.txt", &format!("{}\n", "b".repeat(300))), 0);
        assert_eq!(count("a.md", &format!("see https://x.org/{}\n", "b".repeat(200))), 0);
        assert_eq!(count("a.bin", "a \t"), 0);
        assert_eq!(count("LICENSE-MIT", "a \n"), 0);
    }

    #[test]
    fn each_fault_is_found() {
        assert_eq!(count("a.toml", "a = 1 \n"), 1);
        assert_eq!(count("a.md", "a\r\n"), 1);
        assert_eq!(count("a.rs", "\tfn a() {}\n"), 1);
        assert_eq!(count("a.rs", &format!("{}\n", "b".repeat(181))), 1);
        assert_eq!(count(".ci/run", "true"), 1);
        assert_eq!(count("a.sh", "true\n\n"), 1);
    }
}
