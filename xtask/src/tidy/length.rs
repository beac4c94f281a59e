//! How long files and functions may be.

use crate::finding::Finding;
use crate::rust_file::{Place, RustFile};

/// Lines of a source file that are not tests.
const SOURCE: usize = 600;
/// Lines of a test file, and of a source file together with its tests.
const TESTS: usize = 900;
/// Lines of a function, its signature included. Tests are exempt.
const FUNCTION: usize = 70;

pub(super) fn check(file: &RustFile) -> Vec<Finding> {
    let mut found = Vec::new();
    if file.place == Place::Elsewhere {
        return found;
    }
    let lines = file.text.lines().count();
    let own = file.lines_without_tests();
    if own > SOURCE {
        let message = format!("{own} lines, more than {SOURCE}: give each noun a file of its own");
        found.push(Finding::new(&file.path, 1, message));
    } else if lines > TESTS {
        let message =
            format!("{lines} lines with tests, more than {TESTS}: split the tests by subject");
        found.push(Finding::new(&file.path, 1, message));
    }
    for function in file.functions() {
        let length = function.last_line.saturating_sub(function.line) + 1;
        if length > FUNCTION && !file.is_test(function.line) {
            let message = format!(
                "`{}` has {length} lines, more than {FUNCTION}: split it into steps with names",
                function.name
            );
            found.push(Finding::new(&file.path, function.line, message));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::rust_file::RustFile;

    fn count(path: &str, text: &str) -> usize {
        check(&RustFile::new(path, text)).len()
    }

    fn function(lines: usize) -> String {
        format!("fn a() {{\n{}}}\n", "b();\n".repeat(lines - 2))
    }

    #[test]
    fn functions_up_to_the_limit_pass() {
        assert_eq!(count("crates/a/src/a.rs", &function(70)), 0);
        assert_eq!(count("crates/a/src/a.rs", &function(71)), 1);
    }

    #[test]
    fn test_functions_may_be_long() {
        assert_eq!(count("crates/a/tests/a.rs", &function(71)), 0);
        let text = format!("#[cfg(test)]\nmod tests {{\n{}}}\n", function(71));
        assert_eq!(count("crates/a/src/a.rs", &text), 0);
    }

    #[test]
    fn files_up_to_the_limit_pass() {
        let lines = |count: usize| "const A: u8 = 0;\n".repeat(count);
        assert_eq!(count("crates/a/src/a.rs", &lines(600)), 0);
        assert_eq!(count("crates/a/src/a.rs", &lines(601)), 1);
        assert_eq!(count("crates/a/tests/a.rs", &lines(900)), 0);
        assert_eq!(count("crates/a/tests/a.rs", &lines(901)), 1);
        let text = format!("{}#[cfg(test)]\nmod b {{\n{}}}\n", lines(500), lines(300));
        assert_eq!(count("crates/a/src/a.rs", &text), 0);
    }
}
