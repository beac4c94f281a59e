//! What the tests about processes share: JSON by lines, and running the command as nobody.
#![allow(dead_code, reason = "each test file uses its part")]

use serde_json::Value;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Output};
use tempfile::TempDir;

/// The objects of an output of `--json`.
pub(crate) fn objects(output: &Output) -> Vec<Value> {
    let text = std::str::from_utf8(&output.stdout).expect("JSON is UTF-8");
    let objects = text.lines().map(|line| serde_json::from_str(line).expect(line));
    let objects: Vec<Value> = objects.collect();
    assert!(objects.iter().all(|object| object["version"] == 1), "{text}");
    objects
}

/// Those of a type.
pub(crate) fn of_type<'all>(objects: &'all [Value], kind: &str) -> Vec<&'all Value> {
    objects.iter().filter(|object| object["type"] == kind).collect()
}

/// The command where nobody may run it.
pub(crate) struct AsNobody {
    _folder: TempDir,
    program: PathBuf,
}

impl AsNobody {
    /// `None`, and said so, where we may not become nobody.
    pub(crate) fn new() -> Option<Self> {
        if !mman_testkit::require::root() || !mman_testkit::require::program("setpriv") {
            return None;
        }
        let folder = tempfile::tempdir().expect("a temporary directory");
        std::fs::set_permissions(&folder, PermissionsExt::from_mode(0o755)).expect("for all");
        let program = folder.path().join("mman");
        std::fs::copy(env!("CARGO_BIN_EXE_mman"), &program).expect("a copy of the command");
        Some(Self { _folder: folder, program })
    }

    pub(crate) fn run<A: AsRef<std::ffi::OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = A>,
    ) -> Output {
        let mut command = Command::new("setpriv");
        command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups"]);
        command.arg(&self.program).args(arguments).output().expect("setpriv runs")
    }
}
