//! Where `unsafe` may stand: in files that say so at their head and are named in the list.

use crate::finding::Finding;
use crate::rust_file::{Place, RustFile};
use crate::tree::Tree;
use crate::unsafe_use::unsafe_uses;

/// The list, one `PATH # why` a line: a new file with `unsafe` is a decision that a reader can see.
const LIST: &str = "xtask/src/tidy/unsafe_files.txt";

/// Crates with no `unsafe` at all.
const FORBIDDEN: &[&str] = &["mman-cli", "xtask"];

/// Crates that are not published: the ratchet counts them, the list does not name them.
const EXEMPT: &[&str] = &["mman-bench", "mman-testkit"];

/// The files that may hold `unsafe`, with the line each is named on.
#[derive(Debug, Default)]
pub(super) struct List {
    entries: Vec<(usize, String)>,
    without_reason: Vec<usize>,
}

impl List {
    pub(super) fn read(tree: &Tree) -> Self {
        let text = tree.texts.iter().find(|file| file.path == LIST);
        Self::parse(text.map_or("", |file| file.text.as_str()))
    }

    fn parse(text: &str) -> Self {
        let mut list = Self::default();
        for (index, line) in text.lines().enumerate() {
            let (path, why) = line.split_once('#').unwrap_or((line, ""));
            if path.trim().is_empty() {
                continue;
            }
            list.entries.push((index + 1, path.trim().to_owned()));
            if why.trim().is_empty() {
                list.without_reason.push(index + 1);
            }
        }
        list
    }

    pub(super) fn has(&self, path: &str) -> bool {
        self.entries.iter().any(|(_, entry)| entry == path)
    }

    pub(super) fn check(&self, files: &[RustFile]) -> Vec<Finding> {
        let mut found: Vec<Finding> = files.iter().flat_map(|file| self.check_file(file)).collect();
        for (line, path) in &self.entries {
            if !files.iter().any(|file| file.path == *path && first_unsafe(file).is_some()) {
                let message = format!("{path} holds no unsafe (any more): remove this line");
                found.push(Finding::new(LIST, *line, message));
            }
        }
        for line in &self.without_reason {
            found.push(Finding::new(LIST, *line, "no reason: write `PATH # why`"));
        }
        found
    }

    fn check_file(&self, file: &RustFile) -> Vec<Finding> {
        let package = file.package.as_str();
        let mut found = Vec::new();
        if file.place != Place::Src || EXEMPT.contains(&package) {
            return found;
        }
        if FORBIDDEN.contains(&package) {
            if is_crate_root(file) && !file.has_inner_attribute("forbid", &["unsafe_code"]) {
                let message = format!("{package} has no unsafe: add `#![forbid(unsafe_code)]`");
                found.push(Finding::new(&file.path, 1, message));
            }
            for one in unsafe_uses(file) {
                let message = format!("unsafe in {package}: put it behind a safe function of mman");
                found.push(Finding::new(&file.path, one.line, message));
            }
            return found;
        }
        let Some(line) = first_unsafe(file) else { return found };
        if !file.has_inner_attribute("expect", &["unsafe_code", "reason"]) {
            let message = "unsafe in a file that does not say so: open it with \
                           `#![expect(unsafe_code, reason = \"...\")]`, or use a safe function";
            found.push(Finding::new(&file.path, line, message));
        }
        if !self.has(&file.path) {
            let message =
                format!("unsafe in a file that {LIST} does not name: add it, with its why");
            found.push(Finding::new(&file.path, line, message));
        }
        found
    }
}

/// The line of the first `unsafe` that is not in test code.
fn first_unsafe(file: &RustFile) -> Option<usize> {
    unsafe_uses(file).into_iter().map(|one| one.line).find(|line| !file.is_test(*line))
}

fn is_crate_root(file: &RustFile) -> bool {
    let inner = file.path.split_once("/src/").map_or("", |(_, inner)| inner);
    matches!(inner, "main.rs" | "lib.rs")
        || inner.strip_prefix("bin/").is_some_and(|name| !name.contains('/'))
}

#[cfg(test)]
mod tests {
    use super::List;
    use crate::rust_file::RustFile;

    const HEAD: &str = "#![expect(unsafe_code, reason = \"maps\")]\n";
    const UNSAFE: &str = "fn a() { unsafe { b() } }\n";

    fn count(list: &str, path: &str, text: &str) -> usize {
        List::parse(list).check(&[RustFile::new(path, text)]).len()
    }

    #[test]
    fn a_file_that_says_so_and_is_listed_passes() {
        let text = format!("{HEAD}{UNSAFE}");
        assert_eq!(count("crates/mman/src/a.rs # maps", "crates/mman/src/a.rs", &text), 0);
    }

    #[test]
    fn a_file_that_does_not_say_so_or_is_not_listed_is_found() {
        let path = "crates/mman/src/a.rs";
        assert_eq!(count("crates/mman/src/a.rs # maps", path, UNSAFE), 1);
        assert_eq!(count("", path, &format!("{HEAD}{UNSAFE}")), 1);
        assert_eq!(count("", path, UNSAFE), 2);
    }

    #[test]
    fn a_listed_file_without_unsafe_and_a_line_without_reason_are_found() {
        assert_eq!(count("crates/mman/src/a.rs # maps", "crates/mman/src/a.rs", "fn a() {}\n"), 1);
        let text = format!("{HEAD}{UNSAFE}");
        assert_eq!(count("crates/mman/src/a.rs", "crates/mman/src/a.rs", &text), 1);
    }

    #[test]
    fn tests_and_unpublished_crates_need_no_line() {
        assert_eq!(count("", "crates/mman/tests/a.rs", UNSAFE), 0);
        assert_eq!(count("", "crates/mman-bench/src/a.rs", UNSAFE), 0);
        let text = format!("#[cfg(test)]\nmod tests {{ {UNSAFE} }}\n");
        assert_eq!(count("", "crates/mman/src/a.rs", &text), 0);
    }

    #[test]
    fn crates_without_unsafe_must_forbid_it() {
        let root = "crates/mman-cli/src/main.rs";
        assert_eq!(count("", root, "#![forbid(unsafe_code)]\nfn main() {}\n"), 0);
        assert_eq!(count("", root, "fn main() {}\n"), 1);
        assert_eq!(count("", "crates/mman-cli/src/a.rs", &format!("{HEAD}{UNSAFE}")), 1);
    }
}
