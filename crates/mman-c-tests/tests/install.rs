//! `cargo xtask install`: what it puts where, the command included, and that a C program is built from it by way of pkg-config.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::print_stderr,
    reason = "test code: all of it may panic, and says on standard error what it leaves out"
)]

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Mutex, PoisonError};

use mman_c_tests::Library;
use tempfile::TempDir;

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Runs `cargo xtask install` with these arguments; one at a time, since the pages of the command are made anew in the target
/// folder each time.
fn install(arguments: &[&str]) -> Output {
    static ONE: Mutex<()> = Mutex::new(());
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    // Where the library of the tests is built, so that it is not built again.
    let target = Library::built().shared().ancestors().nth(2).unwrap().to_owned();
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    Command::new(cargo)
        .args(["run", "--quiet", "--locked", "--package", "xtask", "--", "install"])
        .args(arguments)
        .current_dir(Library::workspace())
        .env("CARGO_TARGET_DIR", target)
        .env_remove("RUSTFLAGS")
        .output()
        .unwrap()
}

/// An installation of its own.
struct Installed {
    folder: TempDir,
}

impl Installed {
    fn new() -> Self {
        let installed = Self { folder: tempfile::tempdir().unwrap() };
        installed.again();
        installed
    }

    fn again(&self) {
        let output = install(&["--prefix", self.prefix().to_str().unwrap()]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && said.is_empty(), "{said}");
    }

    fn prefix(&self) -> PathBuf {
        self.folder.path().join("usr")
    }

    fn lib(&self) -> PathBuf {
        self.prefix().join("lib")
    }

    /// What pkg-config answers, in words; `None` where there is none.
    fn pkg_config(&self, arguments: &[&str]) -> Option<Vec<String>> {
        let output = Command::new("pkg-config")
            .args(arguments)
            .arg("libmman")
            .env("PKG_CONFIG_PATH", self.lib().join("pkgconfig"))
            .output();
        let Ok(output) = output else {
            eprintln!("skipped: needs pkg-config");
            return None;
        };
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let said = String::from_utf8(output.stdout).unwrap();
        Some(said.split_whitespace().map(str::to_owned).collect())
    }
}

/// Every file below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The places below a prefix.
fn places() -> Vec<String> {
    let mut places = [
        "include/mman/sys/mman.h".to_owned(),
        "lib/libmman.a".to_owned(),
        "lib/libmman.so".to_owned(),
        "lib/libmman.so.0".to_owned(),
        format!("lib/libmman.so.{VERSION}"),
        "lib/pkgconfig/libmman.pc".to_owned(),
        "share/man/man3/mman.3".to_owned(),
        "share/man/man5/mman-typed.conf.5".to_owned(),
        "bin/mman".to_owned(),
        "share/bash-completion/completions/mman".to_owned(),
        "share/fish/vendor_completions.d/mman.fish".to_owned(),
        "share/zsh/site-functions/_mman".to_owned(),
    ]
    .to_vec();
    let commands = [
        "",
        "-advise",
        "-cat",
        "-diff",
        "-doctor",
        "-evict",
        "-generate",
        "-lock",
        "-log",
        "-maps",
        "-restore",
        "-save",
        "-stat",
        "-touch",
        "-typed",
        "-watch",
        "-who",
        "-generate-completions",
        "-generate-man",
        "-generate-schema",
        "-log-cat",
        "-log-tail",
        "-log-verify",
    ];
    places.extend(commands.map(|name| format!("share/man/man1/mman{name}.1")));
    places.sort();
    places
}

/// Ours answers an error to the last advice, where glibc and musl pass it on to `madvise` and drop the bytes.
const PROGRAM: &str = r#"
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>
int main(void)
{
    char *at = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED)
        return 1;
    at[0] = 7;
    printf("%d %d\n", at[0], posix_madvise(at, 8192, MADV_DONTNEED_LOCKED) == EINVAL);
    return munmap(at, 8192);
}
"#;

/// Compiles the program and runs it; `None` where there is no compiler.
fn run(folder: &Path, arguments: &[String]) -> Option<String> {
    let (source, program) = (folder.join("program.c"), folder.join("program"));
    fs::write(&source, PROGRAM).unwrap();
    let compiled = Command::new("cc").arg("-o").arg(&program).arg(&source).args(arguments).output();
    let Ok(compiled) = compiled else {
        eprintln!("skipped: needs cc");
        return None;
    };
    assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
    let output = Command::new(&program).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    Some(String::from_utf8(output.stdout).unwrap())
}

#[test]
fn everything_has_its_place() {
    let installed = Installed::new();
    let there = files(&installed.prefix());
    let there: Vec<&str> = there
        .iter()
        .map(|path| path.strip_prefix(installed.prefix()).unwrap().to_str().unwrap())
        .collect();
    assert_eq!(there, places());

    let link = |name: &str| fs::read_link(installed.lib().join(name)).unwrap();
    assert_eq!(link("libmman.so"), Path::new("libmman.so.0"));
    let shared = format!("libmman.so.{VERSION}");
    assert_eq!(link("libmman.so.0"), Path::new(&shared));
    let mode = |name: &str| {
        fs::metadata(installed.prefix().join(name)).unwrap().permissions().mode() & 0o777
    };
    assert_eq!(mode(&format!("lib/{shared}")), 0o755);
    assert_eq!(mode("include/mman/sys/mman.h"), 0o644);
    assert_eq!((mode("bin/mman"), mode("share/man/man1/mman.1")), (0o755, 0o644));
    let said = Command::new(installed.prefix().join("bin/mman")).arg("--version").output().unwrap();
    assert_eq!(String::from_utf8(said.stdout).unwrap(), format!("mman {VERSION}\n"));
}

#[test]
fn a_program_is_built_by_way_of_pkg_config() {
    let installed = Installed::new();
    let Some(mut options) = installed.pkg_config(&["--cflags", "--libs"]) else { return };
    assert_eq!(options[0], format!("-I{}/include/mman", installed.prefix().display()));
    assert_eq!(installed.pkg_config(&["--modversion"]).unwrap(), [VERSION]);
    options.push(format!("-Wl,-rpath,{}", installed.lib().display()));
    if let Some(said) = run(installed.folder.path(), &options) {
        assert_eq!(said, "7 1\n");
    }
}

#[test]
fn a_static_program_is_built_from_the_archive() {
    let installed = Installed::new();
    let archive = installed.lib().join("libmman.a").display().to_string();
    let options = [format!("-I{}/include/mman", installed.prefix().display()), archive];
    for more in [&[][..], &["-static".to_owned()]] {
        if let Some(said) = run(installed.folder.path(), &[&options, more].concat()) {
            assert_eq!(said, "7 1\n");
        }
    }
}

#[test]
fn an_old_library_is_replaced_and_not_written_over() {
    let installed = Installed::new();
    let shared = installed.lib().join(format!("libmman.so.{VERSION}"));
    let kept = fs::File::open(&shared).unwrap();
    installed.again();
    assert_ne!(kept.metadata().unwrap().ino(), fs::metadata(&shared).unwrap().ino());
    assert_eq!(files(&installed.prefix()).len(), places().len());
}

#[test]
fn a_tree_to_be_packed_is_built_up_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    let destdir = folder.path().to_str().unwrap();
    let output =
        install(&["--prefix", "/opt/mman", "--libdir=/opt/mman/lib64", "--destdir", destdir]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let pc = folder.path().join("opt/mman/lib64/pkgconfig/libmman.pc");
    let pc = fs::read_to_string(pc).unwrap();
    assert!(pc.contains("prefix=/opt/mman\n"), "{pc}");
    assert!(pc.contains("libdir=${exec_prefix}/lib64\n"), "{pc}");
    assert!(!pc.contains('@') && !pc.contains(destdir), "{pc}");
}

#[test]
fn what_cannot_be_done_is_one_line_and_exit_code_2() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let below = file.join("prefix");
    for arguments in [
        &["--prefix", below.to_str().unwrap()][..],
        &["--prefix", "here"],
        &["--prefix"],
        &["here"],
    ] {
        let output = install(arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
        assert_eq!(said.lines().count(), 1, "{arguments:?}: {said}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
    }
}
