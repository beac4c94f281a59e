//! `check`: format, lints, docs, and the rules of the house; what to run before every commit.

use std::io::IsTerminal;
use std::path::Path;

use crate::failure::{Done, Failure};
use crate::{ratchet, run, tidy};

/// A part of the check, by name.
pub(crate) type Part = (&'static str, fn(&Path) -> Done);

/// The parts, in order.
pub(crate) const PARTS: &[Part] = &[
    ("format", format),
    ("clippy", clippy),
    ("docs", docs),
    ("tidy", tidy::run),
    ("ratchet", ratchet::check),
];

/// Runs all parts, also after one has failed, so that everything wrong is seen at once.
pub(crate) fn run(root: &Path) -> Done {
    let mut failed = Vec::new();
    for (name, part) in PARTS {
        if let Err(failure) = part(root) {
            println!("{failure}");
            failed.push(*name);
        }
    }
    match failed.as_slice() {
        [] => Ok(()),
        failed => Err(Failure::new(format!("check failed: {}", failed.join(", ")))),
    }
}

fn format(root: &Path) -> Done {
    // rustfmt colours its output by the kind of terminal, even when a file takes it.
    let color = if std::io::stdout().is_terminal() { "auto" } else { "never" };
    let arguments = ["fmt", "--all", "--check", "--", "--color", color];
    run::plain("cargo fmt", run::cargo(root).args(arguments))
}

fn clippy(root: &Path) -> Done {
    // Keeping going shows what is wrong in every crate, not just in the first.
    let mut command = run::cargo(root);
    command.args([
        "clippy",
        "--quiet",
        "--keep-going",
        "--workspace",
        "--all-targets",
        "--all-features",
        "--locked",
    ]);
    run::plain("cargo clippy", command.args(["--", "-Dwarnings"]))
}

fn docs(root: &Path) -> Done {
    let arguments = ["doc", "--quiet", "--workspace", "--no-deps", "--locked"];
    run::plain("cargo doc", run::cargo(root).args(arguments).env("RUSTDOCFLAGS", "-Dwarnings"))
}
