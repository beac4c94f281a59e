//! The tree that is checked: every file git would keep, read once.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::failure::{Done, Failure};
use crate::rust_file::RustFile;

/// A text file; the path is relative to the root.
#[derive(Debug)]
pub(crate) struct TextFile {
    pub(crate) path: String,
    pub(crate) text: String,
}

/// All text files of the workspace, and those that are Rust once more, read as such.
#[derive(Debug)]
pub(crate) struct Tree {
    pub(crate) texts: Vec<TextFile>,
    pub(crate) rust: Vec<RustFile>,
}

/// The root of the workspace: the folder above this package.
pub(crate) fn root() -> Done<PathBuf> {
    std::env::var_os("CARGO_MANIFEST_DIR")
        .map(PathBuf::from)
        .and_then(|package| package.parent().map(Path::to_owned))
        .ok_or_else(|| Failure::new("xtask does not know its workspace: start it as `cargo xtask`"))
}

/// Reads what git keeps or would keep (tracked, and untracked but not ignored).
pub(crate) fn read(root: &Path) -> Done<Tree> {
    let listed = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root)
        .output()
        .map_err(|error| Failure::new(format!("git cannot be started: {error}")))?;
    if !listed.status.success() {
        let said = String::from_utf8_lossy(&listed.stderr);
        return Err(Failure::new(format!("git ls-files failed: {}", said.trim())));
    }
    let mut paths: Vec<String> = String::from_utf8_lossy(&listed.stdout)
        .split('\0')
        .filter(|path| !path.is_empty())
        .map(str::to_owned)
        .collect();
    paths.sort();
    paths.dedup();
    let mut texts = Vec::new();
    for path in paths {
        // A file that is tracked but deleted, or that is no text, has nothing to check.
        if let Ok(text) = fs::read_to_string(root.join(&path)) {
            texts.push(TextFile { path, text });
        }
    }
    let rust = rust_files(&texts);
    Ok(Tree { texts, rust })
}

/// The Rust files among texts, with the test modules that stand in files of their own marked.
fn rust_files(texts: &[TextFile]) -> Vec<RustFile> {
    let mut files: Vec<RustFile> = texts
        .iter()
        .filter(|file| file.path.ends_with(".rs"))
        .map(|file| RustFile::new(&file.path, &file.text))
        .collect();
    // A test module may bring in further ones, so go on until nothing changes.
    loop {
        let wanted: Vec<String> = files.iter().flat_map(RustFile::test_modules).collect();
        let mut changed = false;
        for file in files.iter_mut().filter(|file| !file.is_test_module) {
            if wanted.contains(&file.path) {
                file.is_test_module = true;
                changed = true;
            }
        }
        if !changed {
            return files;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{TextFile, rust_files};

    #[test]
    fn test_modules_of_test_modules_are_tests() {
        let texts = [
            ("crates/a/src/lib.rs", "#[cfg(test)]\nmod b;\nmod c;\n"),
            ("crates/a/src/b.rs", "mod d;\n"),
            ("crates/a/src/b/d.rs", "fn e() {}\n"),
            ("crates/a/src/c.rs", "fn f() {}\n"),
        ]
        .map(|(path, text)| TextFile { path: path.into(), text: text.into() });
        let tests: Vec<bool> = rust_files(&texts).iter().map(|file| file.is_test_module).collect();
        assert_eq!(tests, [false, true, true, false]);
    }
}
