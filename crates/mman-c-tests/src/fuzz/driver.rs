//! The program that the twins run, compiled for the fuzzer, and a run of both.

use super::account::{Account, Difference};
use super::tally::Tally;
use super::twins::Twin;
use crate::Library;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// The compiled program, in a folder of its own that goes away with it.
#[derive(Debug)]
pub struct Driver {
    folder: TempDir,
    /// What our twin loads before the library.
    mistake: Option<PathBuf>,
}

impl Driver {
    /// Compiles it, and builds the library.
    ///
    /// # Panics
    ///
    /// If that fails.
    #[must_use]
    pub fn built() -> Self {
        let folder = TempDir::with_prefix("mman-fuzz-").expect("a temporary folder");
        let this = Self { folder, mistake: None };
        let parts = ["driver.c", "random.c", "arguments.c", "calls.c"].map(source);
        let mut compiler = compiler();
        compile(compiler.args(parts).arg("-ldl").arg("-o").arg(this.program()));
        this
    }

    /// Lets our twin load, before the library, a version of one function with a mistake (`mistakes.c`).
    ///
    /// # Panics
    ///
    /// If it cannot be compiled.
    pub fn make_mistake(&mut self, mistake: &str) {
        let object = self.folder.path().join(format!("{mistake}.so"));
        let define = format!("-D{mistake}");
        let mut compiler = compiler();
        compiler.args(["-shared", "-fPIC", &define]).arg(source("mistakes.c"));
        compile(compiler.arg("-o").arg(&object));
        self.mistake = Some(object);
    }

    /// Makes these calls in both twins. `Err` is where their accounts first differ.
    ///
    /// # Errors
    ///
    /// A difference.
    ///
    /// # Panics
    ///
    /// If a twin cannot be run, or does not call what it is to call.
    pub fn run(&self, seed: u64, calls: u64, tally: &mut Tally) -> Result<(), Box<Difference>> {
        let mut host = Twin::start(&self.command(seed, calls, 'h'), None);
        let preloaded: Vec<_> =
            self.mistake.iter().cloned().chain([Library::built().shared()]).collect();
        let mut ours = Twin::start(&self.command(seed, calls, 'o'), Some(&preloaded));
        host.check_symbols(|object| !object.starts_with("libmman"));
        let names: Vec<_> = preloaded.iter().filter_map(|path| path.file_name()).collect();
        ours.check_symbols(|object| names.iter().any(|name| *name == object));
        let mut account = Account::new(seed);
        while let Some(line) = account.compare(host.line(), ours.line())? {
            tally.take(line);
        }
        host.end();
        ours.end();
        Ok(())
    }

    fn program(&self) -> PathBuf {
        self.folder.path().join("driver")
    }

    /// The command line of a twin: a folder and a prefix of its own, as long as the other's.
    fn command(&self, seed: u64, calls: u64, twin: char) -> [OsString; 6] {
        let folder = self.folder.path().join(twin.to_string());
        std::fs::create_dir_all(&folder).expect("a folder for a twin");
        let unique = self.folder.path().file_name().expect("a name").to_string_lossy().into_owned();
        let which = if twin == 'o' { "ours" } else { "host" };
        [
            self.program().into(),
            seed.to_string().into(),
            calls.to_string().into(),
            folder.into(),
            format!("{unique}-{twin}-").into(),
            which.into(),
        ]
    }
}

fn source(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/fuzz").join(name)
}

fn compiler() -> Command {
    let mut command = Command::new(std::env::var_os("CC").unwrap_or_else(|| "cc".into()));
    command.args(["-std=gnu11", "-D_GNU_SOURCE", "-O1", "-Wall", "-Wextra", "-Werror"]);
    command
}

fn compile(command: &mut Command) {
    let output = command.output().expect("the C compiler starts");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {errors}");
}
