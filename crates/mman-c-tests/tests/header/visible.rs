//! Which names a program sees, by its feature-test macros; the C library's header is asked the same.

use std::collections::BTreeMap;

use crate::compiler::{self, Compiler, Language, Libc};
use crate::names::{self, Shown};
use crate::source;

/// A way to compile, and who is shown their names then.
struct Mode {
    standard: &'static str,
    options: &'static [&'static str],
    sees: &'static [Shown],
}

#[rustfmt::skip]
const MODES: &[Mode] = &[
    Mode { standard: "gnu17", options: &[], sees: &[Shown::Default] },
    Mode { standard: "gnu89", options: &[], sees: &[Shown::Default] },
    Mode { standard: "c11", options: &[], sees: &[] },
    Mode { standard: "c89", options: &[], sees: &[] },
    Mode { standard: "gnu17", options: &["-D_POSIX_C_SOURCE=200809L"], sees: &[] },
    Mode { standard: "c11", options: &["-D_POSIX_C_SOURCE=200809L"], sees: &[] },
    Mode { standard: "c11", options: &["-D_POSIX_C_SOURCE=202405L"], sees: &[Shown::Issue8] },
    Mode { standard: "c11", options: &["-D_XOPEN_SOURCE=700"], sees: &[] },
    Mode { standard: "c11", options: &["-D_XOPEN_SOURCE=800"], sees: &[Shown::Issue8] },
    Mode { standard: "c11", options: &["-D_DEFAULT_SOURCE"], sees: &[Shown::Default] },
    Mode { standard: "c11", options: &["-D_POSIX_C_SOURCE=200809L", "-D_DEFAULT_SOURCE"], sees: &[Shown::Default] },
    Mode { standard: "c11", options: &["-D_LARGEFILE64_SOURCE"], sees: &[Shown::Large] },
    Mode { standard: "c11", options: &["-D_GNU_SOURCE"], sees: &[Shown::Default, Shown::Gnu, Shown::Large] },
    Mode { standard: "gnu17", options: &["-D_GNU_SOURCE"], sees: &[Shown::Default, Shown::Gnu, Shown::Large] },
    Mode { standard: "c++11", options: &[], sees: &[Shown::Default, Shown::Gnu, Shown::Large] },
    Mode { standard: "c++20", options: &[], sees: &[Shown::Default, Shown::Gnu, Shown::Large] },
];

impl Mode {
    fn sees(&self, compiler: &Compiler, shown: Shown) -> bool {
        let default = self.sees.contains(&Shown::Default);
        let map = default || compiler.libc == Libc::Musl;
        match shown {
            Shown::Always => true,
            Shown::Map => map,
            Shown::Issue8 => map || self.sees.contains(&shown),
            Shown::Default | Shown::Gnu | Shown::Large => self.sees.contains(&shown),
        }
    }

    fn name(&self, compiler: &Compiler) -> String {
        format!("{} -std={} {}", compiler.name, self.standard, self.options.join(" "))
    }
}

/// Calls with every compiler and every mode that it knows.
fn for_each(mut look: impl FnMut(&Compiler, &Mode)) {
    for compiler in compiler::all() {
        for mode in MODES.iter().filter(|mode| compiler.standards.contains(&mode.standard)) {
            look(compiler, mode);
        }
    }
}

#[test]
fn constants_are_shown_to_those_who_ask_for_them() {
    let mut wrong = Vec::new();
    for_each(|compiler, mode| {
        let visible = compiler.macros(mode.standard, mode.options);
        for constant in names::constants() {
            if constant.only.is_some_and(|arch| arch != compiler.arch) {
                continue;
            }
            let name = &constant.c;
            if visible.contains_key(name) != mode.sees(compiler, constant.shown) {
                wrong.push(format!("{}: {name} is {:?}", mode.name(compiler), constant.shown));
            }
        }
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn functions_are_shown_to_those_who_ask_for_them() {
    let mut wrong = Vec::new();
    let all: Vec<&str> = names::FUNCTIONS.iter().map(|(name, _)| *name).collect();
    let ours = format!("-I{}", compiler::include().display());
    for_each(|compiler, mode| {
        let options: Vec<&str> = mode.options.iter().copied().chain([ours.as_str()]).collect();
        let hidden = compiler.undeclared(mode.standard, &options, &all);
        for (name, shown) in names::FUNCTIONS {
            if hidden.contains(name) == mode.sees(compiler, *shown) {
                wrong.push(format!("{}: {name} is {shown:?}", mode.name(compiler)));
            }
        }
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Public macros that come with headers it includes: the numbers of calls, and the kernel's `<linux/mman.h>`.
fn is_of_the_kernel(name: &str) -> bool {
    name.starts_with("HUGETLB_FLAG_ENCODE_")
}

#[test]
fn no_other_macro_is_left_behind() {
    let tabled = source::macros();
    let mut stray = Vec::new();
    for_each(|compiler, mode| {
        let theirs = compiler.system_macros(mode.standard, mode.options).unwrap();
        for name in compiler.macros(mode.standard, mode.options).into_keys() {
            let known = tabled.contains(&name) || theirs.contains_key(&name);
            if !known && !name.starts_with('_') && !is_of_the_kernel(&name) {
                stray.push(format!("{}: {name}", mode.name(compiler)));
            }
        }
    });
    assert!(stray.is_empty(), "{}", stray.join("\n"));
}

/// What we show earlier than a C library does, on purpose.
fn is_early(compiler: &Compiler, mode: &Mode, name: &str) -> bool {
    let posix = name.starts_with("POSIX_MADV_") || name == "posix_madvise";
    // glibc hides these from C without extensions, although the names are POSIX's own.
    (posix && compiler.libc == Libc::Glibc)
        // glibc does not know Issue 8.
        || (matches!(name, "MAP_ANON" | "MAP_ANONYMOUS") && mode.sees.contains(&Shown::Issue8))
}

#[test]
fn the_c_librarys_names_are_shown_when_it_shows_them() {
    let mut wrong = Vec::new();
    for_each(|compiler, mode| {
        let all: &[&str] = if compiler.language == Language::C { &["-D_GNU_SOURCE"] } else { &[] };
        let known = compiler.system_macros(mode.standard, all).unwrap();
        let theirs = compiler.system_macros(mode.standard, mode.options).unwrap();
        let ours = compiler.macros(mode.standard, mode.options);
        for name in known.keys().filter(|name| is_public(name)) {
            let early = ours.contains_key(name) && is_early(compiler, mode, name);
            if theirs.contains_key(name) != ours.contains_key(name) && !early {
                let who = if ours.contains_key(name) { "only we show" } else { "we lack" };
                wrong.push(format!("{}: {who} {name}", mode.name(compiler)));
            }
        }
        wrong.extend(functions_that_differ(compiler, mode, all));
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A constant of `<sys/mman.h>`.
fn is_public(name: &str) -> bool {
    let prefixes = [
        "PROT_",
        "MAP_",
        "MS_",
        "MCL_",
        "MADV_",
        "POSIX_MADV_",
        "MREMAP_",
        "MLOCK_",
        "MFD_",
        "PKEY_",
    ];
    prefixes.iter().any(|prefix| name.starts_with(prefix))
}

fn functions_that_differ(compiler: &Compiler, mode: &Mode, all: &[&str]) -> Vec<String> {
    let names: Vec<&str> = names::FUNCTIONS.iter().map(|(name, _)| *name).collect();
    let unknown = compiler.undeclared(mode.standard, all, &names);
    let theirs = compiler.undeclared(mode.standard, mode.options, &names);
    let included = format!("-I{}", compiler::include().display());
    let options: Vec<&str> = mode.options.iter().copied().chain([included.as_str()]).collect();
    let ours = compiler.undeclared(mode.standard, &options, &names);
    names
        .into_iter()
        .filter(|name| !unknown.contains(name) && theirs.contains(name) != ours.contains(name))
        .filter(|name| ours.contains(name) || !is_early(compiler, mode, name))
        .map(|name| format!("{}: {name} is shown by one of us only", mode.name(compiler)))
        .collect()
}

/// Where both have a number, it is the same one.
#[test]
fn the_c_librarys_numbers_are_ours() {
    let mut compared = BTreeMap::new();
    let mut wrong = Vec::new();
    for compiler in compiler::all() {
        let assert =
            if compiler.language == Language::C { "_Static_assert" } else { "static_assert" };
        let standard = if compiler.language == Language::C { "c11" } else { "c++11" };
        let theirs = compiler.system_macros(standard, &["-D_GNU_SOURCE"]).unwrap();
        let mut source = format!("#include \"{}\"\n", compiler.system.display());
        for constant in names::constants() {
            if theirs.contains_key(&constant.c) && constant.c != "MAP_FAILED" {
                let (c, value) = (&constant.c, constant.value);
                source.push_str(&format!("{assert}({c} == {value}, \"{c}\");\n"));
                *compared.entry(compiler.name).or_insert(0) += 1;
            }
        }
        wrong.extend(compiler.check(standard, &["-D_GNU_SOURCE"], &source).err());
    }
    assert!(compared.values().all(|count| *count > 60), "{compared:?}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
