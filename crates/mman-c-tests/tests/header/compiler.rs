//! The compilers of this machine, and what they say of a piece of C.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use mman_c_tests::Library;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Language {
    C,
    Cpp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Libc {
    Glibc,
    Musl,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arch {
    X86,
    Aarch64,
}

impl Arch {
    pub(crate) fn of_this_test() -> Self {
        if std::env::consts::ARCH == "aarch64" { Self::Aarch64 } else { Self::X86 }
    }
}

/// A compiler with the C library that it compiles for.
#[derive(Debug)]
pub(crate) struct Compiler {
    pub(crate) name: &'static str,
    program: &'static str,
    arguments: &'static [&'static str],
    pub(crate) language: Language,
    pub(crate) libc: Libc,
    pub(crate) arch: Arch,
    /// The C library's own header.
    pub(crate) system: PathBuf,
    /// Those of the standards that it knows.
    pub(crate) standards: Vec<&'static str>,
}

/// The kernel's headers are not among those of Debian's musl, and may stand behind them.
const MUSL: &[&str] =
    &["-idirafter", "/usr/include/x86_64-linux-gnu", "-idirafter", "/usr/include"];
const MUSL_CPP: &[&str] =
    &["-x", "c++", "-idirafter", "/usr/include/x86_64-linux-gnu", "-idirafter", "/usr/include"];

#[rustfmt::skip]
const KNOWN: &[(&str, &str, &[&str], Language, Libc)] = &[
    ("gcc", "gcc", &[], Language::C, Libc::Glibc),
    ("g++", "g++", &[], Language::Cpp, Libc::Glibc),
    ("clang", "clang", &[], Language::C, Libc::Glibc),
    ("clang++", "clang++", &[], Language::Cpp, Libc::Glibc),
    ("musl-gcc", "musl-gcc", MUSL, Language::C, Libc::Musl),
    ("musl-gcc for C++", "musl-gcc", MUSL_CPP, Language::Cpp, Libc::Musl),
    ("aarch64-linux-gnu-gcc", "aarch64-linux-gnu-gcc", &[], Language::C, Libc::Glibc),
    ("aarch64-linux-gnu-g++", "aarch64-linux-gnu-g++", &[], Language::Cpp, Libc::Glibc),
];

const C: &[&str] = &["c89", "gnu89", "c99", "c11", "c17", "c2x", "gnu17"];
const CPP: &[&str] = &["c++98", "c++11", "c++14", "c++17", "c++20"];

/// Every compiler that is installed; it says once which are not.
pub(crate) fn all() -> &'static [Compiler] {
    static ALL: OnceLock<Vec<Compiler>> = OnceLock::new();
    ALL.get_or_init(|| KNOWN.iter().filter_map(find).collect())
}

fn find(
    &(name, program, arguments, language, libc): &(
        &'static str,
        &'static str,
        &'static [&'static str],
        Language,
        Libc,
    ),
) -> Option<Compiler> {
    let mut found = Compiler {
        name,
        program,
        arguments,
        language,
        libc,
        arch: Arch::X86,
        system: PathBuf::new(),
        standards: Vec::new(),
    };
    let Some(macros) = found.system_macros("", &[]) else {
        eprintln!("skipped: needs {name} with the headers of a C library");
        return None;
    };
    if macros.contains_key("__aarch64__") {
        found.arch = Arch::Aarch64;
    }
    found.system = found.system_header();
    let standards = if language == Language::C { C } else { CPP };
    found.standards = standards.iter().copied().filter(|std| found.knows(std)).collect();
    Some(found)
}

impl Compiler {
    /// Starts it with a source on its standard input; `None` where it is not installed.
    fn run(&self, arguments: &[String], source: &str) -> Option<Output> {
        let language = if self.language == Language::C { "c" } else { "c++" };
        let mut child = Command::new(self.program)
            .args(self.arguments)
            .args(["-x", language])
            .args(arguments)
            .arg("-")
            .env("LC_ALL", "C")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .ok()?;
        child.stdin.take().unwrap().write_all(source.as_bytes()).unwrap();
        Some(child.wait_with_output().unwrap())
    }

    fn knows(&self, standard: &str) -> bool {
        let arguments = [format!("-std={standard}"), "-fsyntax-only".to_owned()];
        self.run(&arguments, "int a;\n").is_some_and(|output| output.status.success())
    }

    /// Where `<sys/mman.h>` is without ours.
    fn system_header(&self) -> PathBuf {
        let output = self.run(&["-M".to_owned()], "#include <sys/mman.h>\n").unwrap();
        let rule = String::from_utf8(output.stdout).unwrap();
        let path = rule.split_whitespace().find(|path| path.ends_with("/sys/mman.h"));
        PathBuf::from(path.unwrap_or_else(|| panic!("{}: no <sys/mman.h> in {rule}", self.name)))
    }

    /// Compiles with every warning an error; `Err` is what the compiler says.
    pub(crate) fn check(
        &self,
        standard: &str,
        options: &[&str],
        source: &str,
    ) -> Result<(), String> {
        let mut arguments = vec![format!("-std={standard}"), "-fsyntax-only".to_owned()];
        arguments.extend(["-Wall", "-Wextra", "-pedantic", "-Werror"].map(str::to_owned));
        // More than is promised, and free: nothing is declared twice, nothing undefined is compared.
        arguments.extend(["-Wredundant-decls", "-Wundef"].map(str::to_owned));
        arguments.extend(options.iter().map(|option| (*option).to_owned()));
        let output = self.run(&arguments, source).unwrap();
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        Err(format!("{} -std={standard} {}:\n{source}{said}", self.name, options.join(" ")))
    }

    /// Makes a program.
    pub(crate) fn link(
        &self,
        options: &[&str],
        source: &str,
        program: &Path,
    ) -> Result<(), String> {
        let mut arguments = vec![format!("-I{}", include().display()), "-o".to_owned()];
        arguments.push(program.display().to_string());
        arguments.extend(options.iter().map(|option| (*option).to_owned()));
        let output = self.run(&arguments, source).unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        if output.status.success() { Ok(()) } else { Err(format!("{}: {said}", self.name)) }
    }

    /// The macros that our header defines, and their texts.
    pub(crate) fn macros(&self, standard: &str, options: &[&str]) -> BTreeMap<String, String> {
        let ours = format!("-I{}", include().display());
        let options: Vec<&str> = options.iter().copied().chain([ours.as_str()]).collect();
        self.system_macros(standard, &options).unwrap()
    }

    /// Those of the first `<sys/mman.h>` that these options lead to; `None` where there is no compiler or header.
    pub(crate) fn system_macros(
        &self,
        standard: &str,
        options: &[&str],
    ) -> Option<BTreeMap<String, String>> {
        let mut arguments = vec!["-E".to_owned(), "-dM".to_owned()];
        if !standard.is_empty() {
            arguments.push(format!("-std={standard}"));
        }
        arguments.extend(options.iter().map(|option| (*option).to_owned()));
        let output = self.run(&arguments, "#include <sys/mman.h>\n")?;
        if !output.status.success() {
            return None;
        }
        let text = String::from_utf8(output.stdout).unwrap();
        let defined = text.lines().filter_map(|line| line.strip_prefix("#define "));
        let split = defined.map(|line| line.split_once(' ').unwrap_or((line, "")));
        Some(split.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }

    /// Which of these names a program that includes the header cannot name.
    pub(crate) fn undeclared<'a>(
        &self,
        standard: &str,
        options: &[&str],
        names: &[&'a str],
    ) -> Vec<&'a str> {
        let mut source = "#include <sys/mman.h>\nvoid body(void);\nvoid body(void) {\n".to_owned();
        for name in names {
            source.push_str(&format!("\t(void) &{name};\n"));
        }
        source.push_str("}\n");
        let mut arguments = vec![format!("-std={standard}"), "-fsyntax-only".to_owned()];
        arguments.push("-fno-diagnostics-show-caret".to_owned());
        arguments.extend(options.iter().map(|option| (*option).to_owned()));
        let output = self.run(&arguments, &source).unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        // The compiler quotes a name that it does not know, and nothing else here is wrong.
        let quoted: Vec<&str> =
            said.lines().filter(|line| line.contains(" error: ")).filter_map(quoted).collect();
        assert_eq!(output.status.success(), quoted.is_empty(), "{}: {said}", self.name);
        names.iter().copied().filter(|name| quoted.contains(name)).collect()
    }
}

fn quoted(line: &str) -> Option<&str> {
    line.split('\'').nth(1)
}

/// The folder of our header.
pub(crate) fn include() -> PathBuf {
    Library::workspace().join("crates/mman-c/include").canonicalize().unwrap()
}

/// The header itself.
pub(crate) fn text() -> String {
    std::fs::read_to_string(include().join("sys/mman.h")).unwrap()
}

/// A folder of headers as newer systems have them.
pub(crate) fn newer(of: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/header/newer").join(of);
    folder.canonicalize().unwrap().display().to_string()
}
