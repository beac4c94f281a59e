//! Every Rust file opens with a line that says what it is.

use crate::finding::Finding;
use crate::rust_file::{Place, RustFile};

pub(super) fn check(file: &RustFile) -> Option<Finding> {
    let head = file.text.lines().next().unwrap_or_default();
    let said = head.strip_prefix("//!").is_some_and(|rest| !rest.trim().is_empty());
    (file.place != Place::Elsewhere && !said).then(|| {
        let message = "the first line does not say what the file is: open it with `//! ...`";
        Finding::new(&file.path, 1, message)
    })
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::rust_file::RustFile;

    #[test]
    fn a_file_that_says_what_it_is_passes() {
        assert!(check(&RustFile::new("crates/a/src/b.rs", "//! Pages.\n")).is_none());
        assert!(check(&RustFile::new("other/b.rs", "fn a() {}\n")).is_none());
    }

    #[test]
    fn a_file_that_does_not_is_found() {
        for text in ["", "\n//! Pages.\n", "//!\n", "// Pages.\n", "fn a() {}\n"] {
            assert!(check(&RustFile::new("crates/a/tests/b.rs", text)).is_some(), "{text}");
        }
    }
}
