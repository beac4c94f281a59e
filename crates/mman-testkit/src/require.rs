//! What a test needs of the machine: asked, and said where it is missing.

use mman::kernel::Feature;
use std::path::Path;

/// Says on standard error that the machine lacks something, so that no test passes silently.
pub fn skip(what: &str) {
    eprintln!("skipped: needs {what}");
}

/// Whether a condition holds; where not, what is missing is said.
#[must_use]
pub fn holds(condition: bool, what: &str) -> bool {
    if !condition {
        skip(what);
    }
    condition
}

/// Whether this is root.
#[must_use]
pub fn root() -> bool {
    holds(rustix::process::geteuid().is_root(), "root")
}

/// Whether a file is there.
#[must_use]
pub fn file(path: &str) -> bool {
    holds(Path::new(path).exists(), path)
}

/// Whether the kernel can do something.
#[must_use]
pub fn feature(feature: Feature) -> bool {
    holds(feature.support().is_ok(), &format!("a kernel with {feature:?}"))
}

/// Whether a program can be started.
#[must_use]
pub fn program(name: &str) -> bool {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&folders).any(|folder| folder.join(name).exists());
    holds(found, &format!("the program {name}"))
}
