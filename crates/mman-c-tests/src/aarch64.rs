//! `libmman.a` for aarch64, and the emulator that runs programs with it.
//!
//! The emulator's memory mapping is its own and not the kernel's: what can be learned from it is how arguments are
//! passed, and how a thread is cancelled.

use crate::Library;
use crate::program::{Program, Run};
use crate::tools::{compiler, output, skip, sources};
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

const TARGET: &str = "aarch64-unknown-linux-gnu";
const COMPILER: &str = "aarch64-linux-gnu-gcc";
/// Debian's newer compiler, whose library for the target is a package; rustup's own toolchain has none.
const RUSTC: &str = "/usr/bin/rustc";
/// A hang is ended, not waited for.
const EMULATOR: [&str; 3] = ["timeout", "120", "qemu-aarch64"];

/// Each package with the file that proves it is there.
const PACKAGES: &[(&str, &str)] = &[
    ("rustc-web", "/var/lib/dpkg/info/rustc-web.list"),
    ("libstd-rust-web-dev:arm64", "/var/lib/dpkg/info/libstd-rust-web-dev:arm64.list"),
    ("gcc-aarch64-linux-gnu", "/usr/bin/aarch64-linux-gnu-gcc"),
    ("libc6-dev-arm64-cross", "/usr/aarch64-linux-gnu/lib/crt1.o"),
    ("qemu-user", "/usr/bin/qemu-aarch64"),
];

/// The library for the other processor.
#[derive(Debug)]
pub struct Aarch64 {
    archive: PathBuf,
    folder: TempDir,
}

impl Aarch64 {
    /// Builds it; `None`, and said so, where the machine lacks what that takes.
    ///
    /// # Panics
    ///
    /// If it cannot be built although all is there.
    #[must_use]
    pub fn built() -> Option<Self> {
        let missing: Vec<&str> = PACKAGES
            .iter()
            .filter(|(_, file)| !Path::new(file).exists())
            .map(|(package, _)| *package)
            .collect();
        if !missing.is_empty() {
            skip(&missing.join(" "));
            return None;
        }
        // Beside the folder of the library for this machine.
        let shared = Library::built().shared();
        let target = shared.ancestors().nth(2).expect("a target folder").join("aarch64");
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut build = Command::new(cargo);
        build.args(["build", "--quiet", "--locked", "--package", "mman-c", "--profile", "c"]);
        build.args(["--target", TARGET, "--target-dir"]).arg(&target);
        build.current_dir(Library::workspace()).env("RUSTC", RUSTC);
        build.env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER", COMPILER);
        for name in ["LD_LIBRARY_PATH", "RUSTC_WRAPPER", "RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS"] {
            build.env_remove(name);
        }
        let _said = output(&mut build);
        let archive = target.join(TARGET).join("c/libmman.a");
        assert!(archive.exists(), "{}", archive.display());
        Some(Self { archive, folder: tempfile::tempdir().expect("a temporary folder") })
    }

    /// Links one of the sources with it; where the program is, and what the linker said of these functions.
    #[must_use]
    pub fn linked(&self, source: &str, functions: &[&str]) -> (PathBuf, String) {
        let program = self.folder.path().join(source).with_extension("");
        let mut command = compiler(COMPILER, &sources().join(source));
        command.args(["-static", "-DSTATIC", "-DHAVE_HEADER", "-I"]);
        command.arg(Library::built().include()).arg("-o").arg(&program).arg(&self.archive);
        command.args(functions.iter().map(|name| format!("-Wl,-y,{name}")));
        let said = output(&mut command);
        (program, said)
    }

    /// A command that runs a program.
    #[must_use]
    pub fn command(&self, emulator: &[&str], program: &Path) -> Command {
        let mut command = Command::new(EMULATOR[0]);
        command.args(&EMULATOR[1..]).args(emulator).arg(program).arg("ours");
        command.env("TMPDIR", self.folder.path()).env_remove("LD_LIBRARY_PATH");
        command
    }

    /// Links one of the sources and runs it.
    #[must_use]
    pub fn run(&self, source: &str) -> Run {
        let (program, _said) = self.linked(source, &[]);
        Program::result(&mut self.command(&[], &program), source)
    }
}
