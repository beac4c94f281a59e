//! `cross`: the kernel seam and the library built for another processor; the seam's unit tests and C headers, and the
//! library's assembly, under an emulator.

use std::path::Path;
use std::process::Command;

use crate::ci::Verdict;
use crate::failure::Done;
use crate::log::Log;
use crate::{metadata, run};

const TARGET: &str = "aarch64-unknown-linux-gnu";
const LINKER: &str = "aarch64-linux-gnu-gcc";

/// No `-L /usr/aarch64-linux-gnu`: with it the loader comes from the cross packages and the C library
/// from `libc6:arm64` (which the Rust library depends on), and that pair spins for ever when it starts
/// a thread. Without it both are of `libc6:arm64`. A hang is ended, not waited for.
const EMULATOR: &str = "timeout 300 qemu-aarch64";

/// Debian's newer compiler. Its sysroot is `/usr`, where the library for the target is put too;
/// rustup's own toolchain has none for it.
const COMPILER: &str = "/usr/bin/rustc";

/// What selects the library's tests of assembly.
const ASSEMBLY: [&str; 2] = ["shared_bytes", "view::words_tests"];

/// Each package with the file that proves it is there.
const PACKAGES: &[(&str, &str)] = &[
    ("rustc-web", "/var/lib/dpkg/info/rustc-web.list"),
    ("libstd-rust-web-dev:arm64", "/var/lib/dpkg/info/libstd-rust-web-dev:arm64.list"),
    ("gcc-aarch64-linux-gnu", "/usr/bin/aarch64-linux-gnu-gcc"),
    ("libc6-dev-arm64-cross", "/usr/aarch64-linux-gnu/lib/crt1.o"),
    ("qemu-user", "/usr/bin/qemu-aarch64"),
];

pub(crate) fn run(root: &Path, log: &Log) -> Done<Verdict> {
    let missing = missing(|file| Path::new(file).exists());
    if !missing.is_empty() {
        let names = missing.join(" ");
        let how =
            format!("dpkg --add-architecture arm64 && apt-get update && apt-get install {names}");
        log.skip(&format!("cross needs {names} ({how})"), "");
        return Ok(Verdict::Skipped);
    }
    let target = metadata::read(root)?.target.join("cross");
    let cargo = |package: &str, arguments: &[&str]| {
        let mut command = run::cargo(root);
        prepare(&mut command, &target);
        command.args(arguments).args(["--package", package, "--locked", "--target", TARGET]);
        command
    };
    run::plain("the build for aarch64", &mut cargo("mman", &["build", "--lib"]))?;
    // What depends on the processor and not on the kernel: the emulator's own mmap is none to learn from.
    let mut tests = cargo("mman-sys", &["test", "--lib", "--test", "headers"]);
    run::tests("the tests for aarch64", tests.args(["--", "--show-output"]), log)?;
    // Optimized, since it is millions of copies, each of them emulated; a child of a test would not be.
    let mut tests = cargo("mman", &["test", "--release", "--lib"]);
    let tests = tests.args(["--", "--show-output", "--skip", "repair"]).args(ASSEMBLY);
    run::tests("the tests of assembly for aarch64", tests, log)?;
    Ok(Verdict::Passed)
}

fn prepare(command: &mut Command, target: &Path) {
    run::without_our_toolchain(command)
        .env("RUSTC", COMPILER)
        .env("CARGO_TARGET_DIR", target)
        .env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER", LINKER)
        .env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER", EMULATOR);
}

fn missing(exists: impl Fn(&str) -> bool) -> Vec<&'static str> {
    PACKAGES.iter().filter(|(_, file)| !exists(file)).map(|(package, _)| *package).collect()
}

#[cfg(test)]
mod tests {
    use super::missing;

    #[test]
    fn packages_that_are_missing_are_named() {
        assert!(missing(|_| true).is_empty());
        assert_eq!(missing(|file| !file.ends_with("qemu-aarch64")), ["qemu-user"]);
    }
}
