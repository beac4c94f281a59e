//! The header's numbers and structs, and its functions: those of `mman-sys`, and those of the library.

use std::collections::BTreeSet;
use std::mem::{offset_of, size_of};
use std::process::Command;

use mman_c_tests::Library;
use mman_sys::{Cachestat, CachestatRange};

use crate::compiler::{self, Arch, Compiler, Language, Libc};
use crate::names::{self, Constant};
use crate::source;

/// Keeps the kernel's header out, whose numbers would stand in for ours.
const ALONE: &[&str] = &["-D_GNU_SOURCE", "-D_LINUX_MMAN_H"];

fn have(compiler: &Compiler, constant: &Constant) -> bool {
    constant.only.is_none_or(|arch| arch == compiler.arch)
}

/// Names that are in one of the lists only.
fn differ(one: &BTreeSet<String>, other: &BTreeSet<String>) -> (Vec<String>, Vec<String>) {
    let without = |a: &BTreeSet<String>, b: &BTreeSet<String>| a.difference(b).cloned().collect();
    (without(one, other), without(other, one))
}

#[test]
fn a_program_prints_the_numbers_of_mman_sys() {
    let directory = tempfile::tempdir().unwrap();
    let program = directory.path().join("numbers");
    let mut wrong = Vec::new();
    for compiler in compiler::all() {
        if compiler.arch != Arch::of_this_test() || compiler.libc == Libc::Musl {
            continue; // they do not run here, or are asked below
        }
        let constants: Vec<Constant> =
            names::constants().into_iter().filter(|one| have(compiler, one)).collect();
        let mut source = "#include <sys/mman.h>\n#include <stdio.h>\nint main(void) {\n".to_owned();
        for Constant { c, .. } in &constants {
            source.push_str(&format!("\tprintf(\"{c} %lld\\n\", (long long) ({c}));\n"));
        }
        source.push_str("\treturn 0;\n}\n");
        compiler.link(ALONE, &source, &program).unwrap();
        let output = Command::new(&program).output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        assert_eq!(said.lines().count(), constants.len(), "{said}");
        for (line, Constant { ours, c, value, .. }) in said.lines().zip(&constants) {
            let theirs = line.strip_prefix(c.as_str()).unwrap().trim().parse::<i128>().unwrap();
            if theirs != *value {
                wrong.push(format!("{c} is {theirs:#x}, mman_sys::{ours} is {value:#x}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// For every compiler, those for other machines included.
#[test]
fn compilers_find_the_numbers_and_layouts_of_mman_sys() {
    let mut wrong = Vec::new();
    for compiler in compiler::all() {
        let assert =
            if compiler.language == Language::C { "_Static_assert" } else { "static_assert" };
        let standard = if compiler.language == Language::C { "c11" } else { "c++11" };
        let mut source = "#include <sys/mman.h>\n".to_owned();
        let mut add = |c: &str, value: i128| {
            source.push_str(&format!("{assert}(({c}) == {value}, \"{c} is not {value:#x}\");\n"));
        };
        for Constant { c, value, .. } in names::constants().iter().filter(|one| have(compiler, one))
        {
            // A pointer is no constant for the compiler; the program above prints it.
            if c != "MAP_FAILED" {
                add(c, *value);
            }
        }
        let folder = format!("-I{}", compiler::include().display());
        let options = [ALONE, &[folder.as_str()]].concat();
        wrong.extend(compiler.check(standard, &options, &source).err());
        let options = ["-D_GNU_SOURCE", folder.as_str()];
        wrong.extend(compiler.check(standard, &options, &layouts(assert)).err());
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The structs, wherever they come from.
fn layouts(assert: &str) -> String {
    let mut source = "#include <sys/mman.h>\n#include <stddef.h>\n".to_owned();
    let mut add = |c: &str, value: usize| {
        source.push_str(&format!("{assert}({c} == {value}, \"{c} is not {value}\");\n"));
    };
    add("sizeof(struct cachestat_range)", size_of::<CachestatRange>());
    add("sizeof(struct cachestat)", size_of::<Cachestat>());
    add("sizeof(struct posix_typed_mem_info)", size_of::<usize>());
    for (of, member, offset) in [
        ("cachestat_range", "off", offset_of!(CachestatRange, off)),
        ("cachestat_range", "len", offset_of!(CachestatRange, len)),
        ("cachestat", "nr_cache", offset_of!(Cachestat, nr_cache)),
        ("cachestat", "nr_dirty", offset_of!(Cachestat, nr_dirty)),
        ("cachestat", "nr_writeback", offset_of!(Cachestat, nr_writeback)),
        ("cachestat", "nr_evicted", offset_of!(Cachestat, nr_evicted)),
        ("cachestat", "nr_recently_evicted", offset_of!(Cachestat, nr_recently_evicted)),
    ] {
        add(&format!("offsetof(struct {of}, {member})"), offset);
        add(&format!("sizeof(((struct {of} *) 0)->{member})"), size_of::<u64>());
    }
    add("sizeof(off_t)", size_of::<i64>());
    add("sizeof(off64_t)", size_of::<i64>());
    add("sizeof(size_t)", size_of::<usize>());
    add("sizeof(ssize_t)", size_of::<isize>());
    add("sizeof(mode_t)", size_of::<u32>());
    source
}

#[test]
fn every_constant_of_mman_sys_is_in_the_table() {
    let wanted = source::wanted();
    // Far below what is there: fewer means that nothing was read.
    assert!(wanted.len() > 110, "only {} constants found", wanted.len());
    let is_kernels = |ours: &&str| !ours.starts_with("POSIX_TYPED_MEM_"); // those are of mman-typed
    let tabled = names::constants().into_iter().map(|constant| constant.ours).filter(is_kernels);
    let tabled = tabled.map(str::to_owned).collect();
    let (missing, unknown) = differ(&wanted, &tabled);
    assert!(missing.is_empty(), "not in tests/header/names.rs: {missing:?}");
    assert!(unknown.is_empty(), "not in mman-sys: {unknown:?}");
}

#[test]
fn every_macro_of_the_header_is_in_the_table_and_the_other_way_round() {
    let tabled = names::constants().into_iter().map(|constant| constant.c).collect();
    let (unknown, missing) = differ(&source::macros(), &tabled);
    assert!(unknown.is_empty(), "in the header, not in tests/header/names.rs: {unknown:?}");
    assert!(missing.is_empty(), "not in the header: {missing:?}");
}

#[test]
fn every_symbol_of_the_library_has_a_prototype_and_the_other_way_round() {
    let declared = source::functions();
    let tabled = names::FUNCTIONS.iter().map(|(name, _)| (*name).to_owned()).collect();
    let (unknown, missing) = differ(&declared, &tabled);
    assert!(unknown.is_empty() && missing.is_empty(), "header {unknown:?}, table {missing:?}");

    let listed =
        Command::new("nm").args(["-D", "--defined-only"]).arg(Library::built().shared()).output();
    let Ok(listed) = listed else {
        eprintln!("skipped: needs nm");
        return;
    };
    assert!(listed.status.success(), "{}", String::from_utf8_lossy(&listed.stderr));
    let listed = String::from_utf8(listed.stdout).unwrap();
    let exported = listed.lines().map(|line| line.rsplit(' ').next().unwrap().to_owned()).collect();
    let (undefined, undeclared) = differ(&declared, &exported);
    assert!(undefined.is_empty(), "in the header, not in libmman.so: {undefined:?}");
    assert!(undeclared.is_empty(), "in libmman.so, not in the header: {undeclared:?}");
}
