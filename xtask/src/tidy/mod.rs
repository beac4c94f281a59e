//! The rules of the house that no other tool knows, each in a file of its own.

mod arrows;
mod banned;
mod commented;
mod heads;
mod length;
mod reasons;
mod text;
mod traps;
mod unsafe_files;
mod words;

use std::path::Path;

use crate::failure::Done;
use crate::finding::{self, Finding};
use crate::metadata::{self, Metadata};
use crate::tree::{self, Tree};

/// Reads the tree, applies every rule and lists all that they find.
pub(crate) fn run(root: &Path) -> Done {
    let tree = tree::read(root)?;
    let metadata = metadata::read(root)?;
    finding::report("tidy", findings(&tree, &metadata))
}

/// Demonstrations are packages outside the workspace: cargo does not list them with it.
fn is_demo_manifest(path: &str) -> bool {
    path.starts_with("demos/") && path.ends_with("/Cargo.toml")
}

fn findings(tree: &Tree, metadata: &Metadata) -> Vec<Finding> {
    let list = unsafe_files::List::read(tree);
    let mut found = arrows::check(&metadata.packages);
    found.extend(list.check(&tree.rust));
    for file in &tree.rust {
        if let Some(line) = file.broken {
            found.push(Finding::new(&file.path, line, "not Rust: the tokens cannot be read"));
        }
        found.extend(traps::check(file, list.has(&file.path)));
        found.extend(length::check(file));
        found.extend(heads::check(file));
        found.extend(banned::check(file));
        found.extend(commented::check(file));
    }
    for file in &tree.texts {
        found.extend(text::check(file));
        found.extend(words::check(file));
        let of_a_package = metadata.packages.iter().any(|package| package.manifest == file.path);
        if of_a_package || is_demo_manifest(&file.path) {
            found.extend(reasons::check(file, metadata));
        }
    }
    found
}
