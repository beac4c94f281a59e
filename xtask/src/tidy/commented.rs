//! Code that was commented out instead of removed.

use crate::finding::Finding;
use crate::rust_file::{Place, RustFile};

/// From how many comment lines in a row on a comment can be code.
const ROW: usize = 3;

pub(super) fn check(file: &RustFile) -> Vec<Finding> {
    let mut found = Vec::new();
    if file.place == Place::Elsewhere {
        return found;
    }
    let mut row: Vec<&str> = Vec::new();
    let mut start = 1;
    for (index, line) in file.text.lines().chain([""]).enumerate() {
        match comment(line) {
            Some(comment) if !in_literal(file, index + 1) => {
                if row.is_empty() {
                    start = index + 1;
                }
                row.push(comment);
            }
            _ => {
                if is_code(&row) {
                    let message = "code that is commented out: remove it, git keeps it";
                    found.push(Finding::new(&file.path, start, message));
                }
                row.clear();
            }
        }
    }
    found
}

fn comment(line: &str) -> Option<&str> {
    let rest = line.trim().strip_prefix("//")?;
    (!rest.starts_with(['/', '!'])).then_some(rest)
}

fn is_code(row: &[&str]) -> bool {
    let code = row.iter().filter(|line| line.trim_end().ends_with([';', '{', '}'])).count();
    row.len() >= ROW && code * 2 > row.len()
}

/// Whether a line is within a literal that goes over several lines.
fn in_literal(file: &RustFile, line: usize) -> bool {
    file.tokens.iter().any(|token| token.literal && token.line < line && line <= token.last_line)
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::rust_file::RustFile;

    fn count(text: &str) -> usize {
        check(&RustFile::new("crates/a/src/a.rs", text)).len()
    }

    #[test]
    fn comments_in_words_pass() {
        assert_eq!(count("// The kernel rounds up;\n// so do we,\n// here.\nfn a() {}\n"), 0);
        assert_eq!(count("/// a;\n/// b;\n/// c;\nfn a() {}\n"), 0);
        assert_eq!(count("// a;\n// b;\nfn a() {}\n"), 0);
        assert_eq!(count("const A: &str = \"\n// a;\n// b;\n// c;\n\";\n"), 0);
    }

    #[test]
    fn code_in_comments_is_found() {
        assert_eq!(
            count("fn a() {\n    // let b = c();\n    // if b {\n    //     d\n    // }\n}\n"),
            1
        );
        assert_eq!(count("// a();\n// b();\n// c();\n"), 1);
    }
}
