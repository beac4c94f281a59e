//! What `libmman` exports and what it wants from elsewhere, each with its reason; its size, and what it must not have.

use mman_c_tests::tools::{have, output};
use mman_c_tests::{EXPORTS, Library};
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

/// What the shared library takes from the program's C library, and why.
const UNDEFINED: &[(&str, &str)] = &[
    ("__errno_location", "where the thread's errno is"),
    ("pthread_setcanceltype", "msync is a cancellation point"),
    ("memcpy", "the compiler calls it to copy and to clear structs"),
    ("memset", "the same"),
    ("memmove", "the same"),
    ("memcmp", "the same"),
    ("bcmp", "the same"),
    ("strlen", "the same"),
    // Weak: one of them is there, but in a static program with musl that does not ask for it.
    ("__register_atfork", "glibc: what typed memory does around a fork"),
    ("pthread_atfork", "musl: the same"),
    ("__dso_handle", "whose functions they are, for the archive alone: of crtbegin.o"),
    // Weak: of the files that the compiler driver links into every shared library.
    ("__cxa_finalize", "crtbegin.o: destructors at dlclose, of which there are none"),
    ("__gmon_start__", "crti.o: a profiler, if there is one"),
    ("_ITM_deregisterTMCloneTable", "crtbegin.o: transactional memory, if there is any"),
    ("_ITM_registerTMCloneTable", "the same"),
];

/// Those that may be missing when the library is loaded.
const WEAK: [&str; 6] = [
    "__cxa_finalize",
    "__gmon_start__",
    "__register_atfork",
    "pthread_atfork",
    "_ITM_deregisterTMCloneTable",
    "_ITM_registerTMCloneTable",
];

/// What the archive defines for all to see besides its exports, and why.
const ARCHIVE_ONLY: &[(&str, &str)] = &[
    ("mman_sys", "a function that assembly names; nobody else can, its name has a hash"),
    ("fork_hooks", "a function written in assembly; the same"),
    ("rust_eh_personality", "compiler_builtins, weak"),
];

/// How Rust's panics betray themselves.
const PANICS: [&str; 6] =
    ["panic", "unwind_", "_Unwind_", "rust_eh_personality", "unwrap_failed", "core::fmt"];

/// A hundred of it are typed memory.
const MOST_BYTES: u64 = 160 * 1024;

/// The symbols that `nm` prints: name and kind.
fn symbols(file: &Path, arguments: &[&str]) -> Vec<(String, char)> {
    let said = output(Command::new("nm").args(arguments).arg(file));
    let symbol = |line: &str| {
        let mut words = line.split_whitespace().rev();
        let name = words.next()?.split('@').next()?.to_owned();
        let kind = words.next()?;
        (kind.len() == 1).then(|| (name, kind.chars().next().unwrap_or(' ')))
    };
    said.lines().filter_map(symbol).collect()
}

fn names(symbols: Vec<(String, char)>) -> BTreeSet<String> {
    symbols.into_iter().map(|(name, _)| name).collect()
}

fn exports() -> BTreeSet<String> {
    EXPORTS.iter().map(|name| (*name).to_owned()).collect()
}

/// Exactly the functions, each one of them code.
#[test]
fn the_exports_are_the_functions() {
    if !have("nm") {
        return;
    }
    let defined = symbols(&Library::built().shared(), &["-D", "--defined-only"]);
    assert!(defined.iter().all(|(_, kind)| *kind == 'T'), "{defined:?}");
    assert_eq!(names(defined), exports());
}

/// Nothing is wanted that has no reason, and what may be missing is weak.
#[test]
fn what_is_wanted_has_a_reason() {
    if !have("nm") {
        return;
    }
    for (name, kind) in symbols(&Library::built().shared(), &["-D", "--undefined-only"]) {
        assert!(UNDEFINED.iter().any(|(known, _)| *known == name), "{name} has no reason");
        let weak = WEAK.contains(&name.as_str());
        assert_eq!(kind, if weak { 'w' } else { 'U' }, "{name}");
    }
}

/// The two that no function could do without.
#[test]
fn errno_and_cancellation_are_wanted() {
    if !have("nm") {
        return;
    }
    let wanted = names(symbols(&Library::built().shared(), &["-D", "--undefined-only"]));
    assert!(wanted.contains("__errno_location") && wanted.contains("pthread_setcanceltype"));
}

/// The part of the archive with the functions: the same, for all to see.
#[test]
fn the_archive_shows_the_functions_and_wants_no_more() {
    if !have("nm") {
        return;
    }
    let library = Library::built();
    let folder = tempfile::tempdir().unwrap();
    let _said =
        output(Command::new("ar").arg("x").arg(library.archive()).current_dir(folder.path()));
    let parts: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(Result::unwrap).collect();
    let is_ours = |path: &Path| names(symbols(path, &["-g", "--defined-only"])).contains("mmap");
    let ours: Vec<_> = parts.iter().map(std::fs::DirEntry::path).filter(|p| is_ours(p)).collect();
    let [part] = ours.as_slice() else { panic!("one part has the functions: {ours:?}") };
    let defined = names(symbols(part, &["-g", "--defined-only"]));
    for name in defined.difference(&exports()) {
        assert!(ARCHIVE_ONLY.iter().any(|(known, _)| name.contains(known)), "{name}");
    }
    assert!(exports().is_subset(&defined));
    for name in names(symbols(part, &["-g", "--undefined-only"])) {
        assert!(UNDEFINED.iter().any(|(known, _)| *known == name), "{name} has no reason");
    }
}

/// As it is built it is small, without being stripped again.
#[test]
fn it_is_small() {
    let bytes = std::fs::metadata(Library::built().shared()).unwrap().len();
    assert!(bytes < MOST_BYTES, "{bytes}");
}

/// Neither its bytes nor a program that is linked with the archive have anything of panics.
#[test]
fn nothing_can_panic() {
    let bytes = std::fs::read(Library::built().shared()).unwrap();
    let text = String::from_utf8_lossy(&bytes);
    for word in PANICS.iter().chain(&[".rs", "called `", "attempt to "]) {
        assert!(!text.contains(word), "{word}");
    }
    if !have("nm") || !have("gcc") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (source, program) = (folder.path().join("all.c"), folder.path().join("all"));
    std::fs::write(&source, all_functions()).unwrap();
    let mut link = Command::new("gcc");
    link.arg("-o").arg(&program).arg(&source).arg(Library::built().archive());
    let _said = output(&mut link);
    let linked = names(symbols(&program, &[]));
    for name in &linked {
        let panics = PANICS.iter().any(|word| name.contains(word));
        assert!(!panics || name.contains("_Unwind_"), "{name}");
    }
    assert!(exports().is_subset(&linked));
}

/// A program that wants every function.
fn all_functions() -> String {
    let declarations: String =
        EXPORTS.iter().map(|name| format!("extern void {name}(void);\n")).collect();
    let list: String = EXPORTS.iter().map(|name| format!("{name}, ")).collect();
    format!(
        "{declarations}void (*volatile all[])(void) = {{{list}}};\n\
         int main(void) {{ return all[0] == 0; }}\n"
    )
}

/// Its name for the loader, and all relocations done before its first call.
#[test]
fn the_loader_is_told_what_it_needs() {
    if !have("readelf") {
        return;
    }
    let file = Library::built().shared();
    let dynamic = output(Command::new("readelf").arg("-dW").arg(&file));
    assert!(dynamic.contains("Library soname: [libmman.so.0]"), "{dynamic}");
    assert!(dynamic.contains("BIND_NOW"), "{dynamic}");
    assert!(!dynamic.contains("(NEEDED)"), "no C library by name: {dynamic}");
    assert!(!dynamic.contains("(TEXTREL)"), "{dynamic}");
    let segments = output(Command::new("readelf").arg("-lW").arg(&file));
    assert!(segments.contains("GNU_RELRO"), "{segments}");
    let stack = segments.lines().find(|line| line.contains("GNU_STACK")).unwrap();
    assert!(!stack.contains('E'), "no executable stack: {stack}");
    assert!(!segments.contains("TLS"), "no thread-local memory of its own: {segments}");
    assert!(!segments.contains("RWE"), "{segments}");
}

/// No list of constructors but the one entry that the compiler driver puts into every library.
#[test]
fn nothing_is_initialised() {
    if !have("readelf") {
        return;
    }
    let dynamic = output(Command::new("readelf").arg("-dW").arg(Library::built().shared()));
    let size = dynamic.lines().find(|line| line.contains("INIT_ARRAYSZ"));
    assert!(size.is_none_or(|line| line.contains(" 8 (bytes)")), "{dynamic}");
}
