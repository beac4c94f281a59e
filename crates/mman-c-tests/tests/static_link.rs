//! `libmman.a` beside a C library that has most of the names too: with glibc, with musl, and in every way to link.
//!
//! That linked programs work is for `conformance.rs`; here it is that they link, and whose functions they get.

use mman_c_tests::aarch64::Aarch64;
use mman_c_tests::tools::{have, output};
use mman_c_tests::{EXPORTS, Library};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A program that takes the address of every function, and ends with the number of those that are missing.
const EVERY: &str = "
#define F(name) extern void name(void);
#include \"list.h\"
#undef F
#define F(name) name,
static void (*volatile all[])(void) = {
#include \"list.h\"
};
int main(void)
{
    int missing = 0;
    for (unsigned long index = 0; index < sizeof all / sizeof *all; index++)
        missing += !all[index];
    return missing;
}
";

/// That program and its list, in a folder of their own.
struct Sources {
    folder: tempfile::TempDir,
}

impl Sources {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let list: String = EXPORTS.iter().map(|name| format!("F({name})\n")).collect();
        std::fs::write(folder.path().join("list.h"), list).unwrap();
        std::fs::write(folder.path().join("all.c"), EVERY).unwrap();
        Self { folder }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Links the program so; where it is, and what the linker said of our names.
    fn linked(&self, compiler: &str, arguments: &[&str]) -> (PathBuf, String) {
        let program = self.path().join("all");
        let mut command = Command::new(compiler);
        command.args(["-Wall", "-Wextra", "-Werror", "-pthread", "-o"]).arg(&program);
        command.arg(self.path().join("all.c")).args(arguments);
        command.args(EXPORTS.map(|name| format!("-Wl,-y,{name}")));
        (program, output(&mut command))
    }
}

/// Links, looks whose functions they are, and starts the program.
fn links(compiler: &str, arguments: &[&str]) {
    let sources = Sources::new();
    let (program, said) = sources.linked(compiler, arguments);
    for name in EXPORTS {
        let end = format!(": definition of {name}");
        let definitions: Vec<&str> = said.lines().filter(|line| line.ends_with(&end)).collect();
        let [definition] = definitions.as_slice() else { panic!("{name}: {definitions:?}") };
        assert!(definition.contains("libmman."), "{definition}");
    }
    let status = Command::new(program).status().unwrap();
    assert!(status.success(), "{status}");
}

fn archive() -> String {
    Library::built().archive().display().to_string()
}

#[test]
fn a_static_glibc_program_has_ours() {
    if have("gcc") {
        links("gcc", &["-static", &archive()]);
    }
}

/// A program that is loaded anywhere, and has no loader.
#[test]
fn a_static_pie_has_ours() {
    if have("gcc") {
        links("gcc", &["-static-pie", "-fPIE", &archive()]);
    }
}

/// The archive in a program that has its C library from elsewhere.
#[test]
fn a_dynamic_program_has_the_archive() {
    if have("gcc") {
        links("gcc", &[&archive()]);
    }
}

#[test]
fn the_whole_archive_can_be_taken() {
    if have("gcc") {
        let whole = [
            "-static",
            "-Wl,--whole-archive",
            &archive(),
            "-Wl,--no-whole-archive",
            "-Wl,--gc-sections",
        ];
        links("gcc", &whole);
    }
}

#[test]
fn a_static_musl_program_has_ours() {
    if have("musl-gcc") {
        links("musl-gcc", &["-static", &archive()]);
    }
}

#[test]
fn a_dynamic_musl_program_has_the_archive() {
    if have("musl-gcc") {
        links("musl-gcc", &[&archive()]);
    }
}

/// The archive is good for a shared library too.
#[test]
fn a_shared_library_can_be_made_of_it() {
    if !have("gcc") {
        return;
    }
    let sources = Sources::new();
    let library = sources.path().join("libother.so");
    let mut command = Command::new("gcc");
    command.args(["-shared", "-fPIC", "-Wl,-z,defs", "-o"]).arg(&library);
    command.arg(sources.path().join("all.c")).arg(archive());
    let _said = output(&mut command);
    assert!(library.exists());
}

/// A program for aarch64 has ours, and what calls with four arguments leave in the fifth register goes nowhere: the
/// emulator shows the arguments of the system call.
#[test]
fn a_program_for_aarch64_has_ours_and_mremap_gets_no_garbage() {
    let Some(aarch64) = Aarch64::built() else { return };
    let (program, said) = aarch64.linked("mremap_garbage.c", &["mremap", "mmap"]);
    for name in ["mremap", "mmap"] {
        let end = format!(": definition of {name}");
        let definitions: Vec<&str> = said.lines().filter(|line| line.ends_with(&end)).collect();
        assert!(definitions.len() == 1 && definitions[0].contains("libmman.a("), "{said}");
    }
    let said = output(&mut aarch64.command(&["-strace"], &program));
    let calls: Vec<&str> = said.lines().filter(|line| line.contains(" mremap(")).collect();
    assert!(calls.len() >= 2, "{said}");
    for call in calls {
        assert_eq!(call.split(',').nth(4), Some("0"), "{call}");
    }
}

/// What needs no kernel of its own to be right: names of objects, and calls before main.
#[test]
fn programs_for_aarch64_run() {
    let Some(aarch64) = Aarch64::built() else { return };
    for source in ["shm.c", "early.c"] {
        assert!(!aarch64.run(source).lines.is_empty(), "{source}");
    }
}
