//! Compilers and the like: started, and their failures told.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Whether a program can be started.
#[must_use]
pub fn installed(program: &str) -> bool {
    let quiet =
        Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    quiet.is_ok()
}

/// Says that a test cannot run here.
pub fn skip(needs: &str) {
    eprintln!("skipped: needs {needs}");
}

/// Whether a program can be started; says that the test cannot run where it cannot.
#[must_use]
pub fn have(program: &str) -> bool {
    let have = installed(program);
    if !have {
        skip(program);
    }
    have
}

/// What a command prints, which must succeed.
///
/// # Panics
///
/// If it cannot be started or fails.
#[must_use]
pub fn output(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let (out, errors) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}: {}\n{out}{errors}", output.status);
    out.into_owned() + &errors
}

/// The folder of the C sources.
#[must_use]
pub fn sources() -> PathBuf {
    crate::Library::workspace().join("crates/mman-c/tests/c")
}

/// A compiler at work on one of the sources: warnings are errors.
#[must_use]
pub fn compiler(name: &str, source: &Path) -> Command {
    let mut command = Command::new(name);
    let is_c = source.extension().is_some_and(|extension| extension == "c");
    command.arg(if is_c { "-std=gnu11" } else { "-std=gnu++17" });
    command.args(["-Wall", "-Wextra", "-Werror", "-O1", "-pthread"]).arg(source);
    command
}
