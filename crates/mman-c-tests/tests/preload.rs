//! `libmman.so` before the C library of programs that were built without a thought of it.
//!
//! What happens before main, in signal handlers and in children is in the programs of `conformance.rs` (`early.c`,
//! `handler.c`, `forks.c`), preloaded and otherwise; here are allocators that map by name, `dlopen`, and programs of
//! the system.

use mman_c_tests::program::{Program, Way, bound, imports};
use mman_c_tests::tools::{compiler, have, installed, output, skip, sources};
use mman_c_tests::{EXPORTS, Library};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

/// An allocator that asks for memory by the names of the header, and the package that it is in.
struct Allocator {
    file: &'static str,
    package: &'static str,
    link: &'static str,
}

const JEMALLOC: Allocator = Allocator {
    file: "libjemalloc.so.2",
    package: "libjemalloc2 and libjemalloc-dev",
    link: "jemalloc",
};
const MIMALLOC: Allocator = Allocator {
    file: "libmimalloc.so.2",
    package: "libmimalloc2.0 and libmimalloc-dev",
    link: "mimalloc",
};

impl Allocator {
    /// Where it is; says so where it is not.
    fn path(&self) -> Option<PathBuf> {
        let folders = ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64"];
        let found =
            folders.iter().map(|folder| Path::new(folder).join(self.file)).find(|p| p.exists());
        if found.is_none() {
            skip(self.package);
        }
        found
    }
}

/// Our library, and what is loaded behind it.
fn preload(command: &mut Command, others: &[&Path]) {
    let mut list = OsString::from(Library::built().shared());
    for other in others {
        list.push(":");
        list.push(other);
    }
    command.env("LD_PRELOAD", list);
}

/// Preloads both before a program with threads that allocate. The allocator has ours and the program the allocator.
fn preloaded_together(allocator: &Allocator) {
    let Some(path) = allocator.path() else { return };
    let program = Program::new("allocate.c");
    let mut command = program.command(Way::Host);
    preload(&mut command, &[&path]);
    let wanted = imports(&path);
    assert!(wanted.contains("mmap") && wanted.contains("munmap"), "{wanted:?}");
    assert_eq!(bound(&mut command, allocator.file), wanted);
    let mut command = program.command(Way::Host);
    preload(&mut command, &[&path]);
    let run = Program::result(command.arg("ours"), allocator.file);
    assert_eq!(run.lines.len(), 3);
}

/// Links the program with the allocator, as its users do, and preloads ours.
fn linked_with(allocator: &Allocator) {
    if !have("gcc") || allocator.path().is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("allocate");
    let mut command = compiler("gcc", &sources().join("allocate.c"));
    command.arg("-DHOST").arg("-o").arg(&program);
    let linked = command.arg("-Wl,--no-as-needed").arg(format!("-l{}", allocator.link)).output();
    if !linked.unwrap().status.success() {
        return skip(allocator.package);
    }
    let mut command = Command::new(&program);
    preload(&mut command, &[]);
    assert!(bound(&mut command, allocator.link).contains("mmap"));
    let mut command = Command::new(&program);
    preload(&mut command, &[]);
    let run = Program::result(command.arg("ours"), allocator.link);
    assert_eq!(run.lines.len(), 3);
}

#[test]
fn jemalloc_preloaded_with_ours_allocates() {
    preloaded_together(&JEMALLOC);
}

#[test]
fn mimalloc_preloaded_with_ours_allocates() {
    preloaded_together(&MIMALLOC);
}

#[test]
fn a_program_linked_with_jemalloc_allocates() {
    linked_with(&JEMALLOC);
}

#[test]
fn a_program_linked_with_mimalloc_allocates() {
    linked_with(&MIMALLOC);
}

/// What the programs of the conformance tests do before main, in handlers and in children, they also do when an
/// allocator maps with ours meanwhile.
#[test]
fn children_and_handlers_work_under_an_allocator() {
    for allocator in [&JEMALLOC, &MIMALLOC] {
        let Some(path) = allocator.path() else { continue };
        for file in ["early.c", "handler.c", "forks.c", "cancel.c"] {
            let program = Program::new(file);
            let mut command = program.command(Way::Host);
            preload(&mut command, &[&path]);
            let run = Program::result(command.arg("ours"), file);
            assert!(!run.lines.is_empty());
        }
    }
}

/// Opened at run time it stands beside the C library's functions; all of ours can be found, and it can be closed.
#[test]
fn it_can_be_opened_at_run_time() {
    if !have("gcc") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("open");
    let _said = output(compiler("gcc", &sources().join("open.c")).arg("-o").arg(&program));
    let mut command = Command::new(program);
    command.arg(Library::built().shared()).args(EXPORTS);
    let run = Program::result(&mut command, "open.c");
    assert_eq!(run.lines.len(), EXPORTS.len() + 5);
}

/// Programs of the system do what they did, with ours before their C library.
#[test]
fn programs_of_the_system_do_what_they_did() {
    let script = "import mmap\nm = mmap.mmap(-1, 8192)\nm[0:3] = b'abc'\nm.flush()\nm.resize(65536)\n\
                  m.madvise(mmap.MADV_WILLNEED)\nprint(m[0:3], len(m))\nm.close()\n";
    let commands: [&[&str]; 5] = [
        &["ls", "-l", "/usr"],
        &["sort", "/etc/services"],
        &["grep", "-c", "tcp", "/etc/services"],
        &["bash", "-c", "for i in 1 2 3; do echo $i | cat; done; (exit 3) || echo $?"],
        &["python3", "-c", script],
    ];
    for words in commands {
        if !installed(words[0]) {
            skip(words[0]);
            continue;
        }
        let run = |with_ours: bool| {
            let mut command = Command::new(words[0]);
            command.args(&words[1..]).env_remove("LD_PRELOAD");
            if with_ours {
                preload(&mut command, &[]);
            }
            command.output().unwrap()
        };
        let (plain, preloaded) = (run(false), run(true));
        assert_eq!(plain.status, preloaded.status, "{words:?}");
        assert_eq!(plain.stdout, preloaded.stdout, "{words:?}");
        assert_eq!(plain.stderr, preloaded.stderr, "{words:?}");
    }
}
