//! A C program of `crates/mman-c/tests/c`, built and run in each of the ways in which programs meet the library.

use crate::Library;
use crate::exports::EXPORTS;
use crate::lines::Line;
use crate::tools::{compiler, installed, output, sources};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// How a program comes by the functions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From glibc, as ever: what we are compared with.
    Host,
    /// From `libmman.so`, that it was linked with, with our header.
    Linked,
    /// From `libmman.so`, which stands before glibc.
    Preloaded,
    /// From `libmman.a`, together with a static glibc.
    Static,
    /// From a static musl.
    MuslHost,
    /// From `libmman.a`, together with a static musl.
    MuslStatic,
    /// From `libmman.so`, which stands before musl.
    MuslPreloaded,
}

impl Way {
    /// All that use ours.
    pub const OURS: [Self; 5] =
        [Self::Linked, Self::Preloaded, Self::Static, Self::MuslStatic, Self::MuslPreloaded];

    fn is_musl(self) -> bool {
        matches!(self, Self::MuslHost | Self::MuslStatic | Self::MuslPreloaded)
    }

    fn is_preloaded(self) -> bool {
        matches!(self, Self::Preloaded | Self::MuslPreloaded)
    }

    fn is_static(self) -> bool {
        matches!(self, Self::Static | Self::MuslHost | Self::MuslStatic)
    }

    /// Whether the program is compiled for the functions of the C library, with the host's header.
    fn is_for_host(self) -> bool {
        matches!(self, Self::Host | Self::MuslHost) || self.is_preloaded()
    }

    /// Whether the machine has what it takes.
    #[must_use]
    pub fn is_possible(self) -> bool {
        !self.is_musl() || installed("musl-gcc")
    }
}

/// What a run of a program printed.
#[derive(Debug)]
pub struct Run {
    /// The cases.
    pub lines: Vec<Line>,
    /// What it could not do, a line for each.
    pub skipped: Vec<String>,
}

/// A program, built on demand in a folder of its own.
#[derive(Debug)]
pub struct Program {
    source: PathBuf,
    folder: TempDir,
}

impl Program {
    /// The program of a source, `NAME.c` or `NAME.cc`.
    ///
    /// # Panics
    ///
    /// If there is no such source, or no room for temporary files.
    #[must_use]
    pub fn new(file: &str) -> Self {
        let source = sources().join(file);
        assert!(source.exists(), "{}", source.display());
        Self { source, folder: tempfile::tempdir().expect("a temporary folder") }
    }

    /// Whether it calls what no other C library has: it is compiled with our header in every way then, and where ours is
    /// preloaded, it is not linked with anything that has the functions.
    fn needs_ours(&self) -> bool {
        let name = self.source.file_name().and_then(|name| name.to_str());
        name.is_some_and(|name| name.starts_with("typed_"))
    }

    fn compiler(&self, way: Way) -> Command {
        let is_c = self.source.extension().is_some_and(|extension| extension == "c");
        let name = match (way.is_musl(), is_c) {
            (true, true) => "musl-gcc",
            (false, true) => "gcc",
            (false, false) => "g++",
            (true, false) => panic!("no C++ library for musl"),
        };
        compiler(name, &self.source)
    }

    /// Builds the program, if it was not built yet; where it is.
    #[must_use]
    pub fn built(&self, way: Way) -> PathBuf {
        let library = Library::built();
        // Who is preloaded is none of the program's business: it is the host's.
        let kind = match way {
            Way::Preloaded if !self.needs_ours() => "Host".to_owned(),
            other => format!("{other:?}"),
        };
        let program = self.folder.path().join(kind);
        if program.exists() {
            return program;
        }
        let mut command = self.compiler(way);
        command.arg("-o").arg(&program);
        if way.is_for_host() && !self.needs_ours() {
            command.arg("-DHOST");
        } else {
            command.arg("-DHAVE_HEADER").arg("-I").arg(library.include());
        }
        if way.is_static() {
            command.args(["-static", "-DSTATIC"]);
        }
        match way {
            Way::Linked => {
                let folder = library.shared().parent().expect("a folder").to_path_buf();
                // The name that the loader looks for is that of the first version.
                let named = self.folder.path().join("libmman.so.0");
                std::os::unix::fs::symlink(library.shared(), &named).expect("a link");
                command.arg("-L").arg(&folder).arg("-l:libmman.so");
                command.arg(format!("-Wl,-rpath,{}", self.folder.path().display()));
            }
            Way::Static | Way::MuslStatic => {
                command.arg(library.archive());
                command.args(EXPORTS.map(|name| format!("-Wl,-y,{name}")));
            }
            Way::Preloaded | Way::MuslPreloaded if self.needs_ours() => {
                command.arg("-DPRELOADED");
            }
            _ => {}
        }
        let said = output(&mut command);
        if matches!(way, Way::Static | Way::MuslStatic) {
            only_ours(&said);
        }
        program
    }

    /// A command that runs the program in this way.
    #[must_use]
    pub fn command(&self, way: Way) -> Command {
        let mut command = Command::new(self.built(way));
        command.env("TMPDIR", self.folder.path()).env("LC_ALL", "C").env_remove("LD_PRELOAD");
        if way.is_preloaded() {
            command.env("LD_PRELOAD", Library::built().shared());
        }
        command
    }

    /// Runs the program.
    ///
    /// # Panics
    ///
    /// If it fails: then a case was not as the specification wants it.
    #[must_use]
    pub fn run(&self, way: Way) -> Run {
        let mut command = self.command(way);
        let is_host = matches!(way, Way::Host | Way::MuslHost);
        command.arg(if is_host { "host" } else { "ours" });
        Self::result(&mut command, &format!("{} {way:?}", self.source.display()))
    }

    /// Runs a command that prints cases.
    ///
    /// # Panics
    ///
    /// If it fails.
    #[must_use]
    pub fn result(command: &mut Command, name: &str) -> Run {
        let output = command.output().unwrap_or_else(|error| panic!("{name}: {error}"));
        let text = String::from_utf8_lossy(&output.stdout);
        let errors = String::from_utf8_lossy(&output.stderr);
        let wrong: Vec<&str> = text.lines().filter(|line| line.starts_with("MISMATCH")).collect();
        let last = text.lines().last().unwrap_or_default();
        assert!(
            output.status.success() && wrong.is_empty(),
            "{name}: {}\n{}\nlast line: {last}\n{errors}",
            output.status,
            wrong.join("\n")
        );
        let skipped = errors.lines().filter(|line| line.starts_with("skipped: "));
        Run { lines: Line::all(&text), skipped: skipped.map(str::to_owned).collect() }
    }

    /// The functions that the program takes from a library when it is run.
    #[must_use]
    pub fn imports(&self, way: Way) -> BTreeSet<&'static str> {
        imports(&self.built(way))
    }

    /// Whose functions they are in the end: those of ours that the loader has bound to `libmman.so`.
    #[must_use]
    pub fn bound_to_ours(&self, way: Way) -> BTreeSet<&'static str> {
        let program = self.built(way);
        bound(&mut self.command(way), &program.display().to_string())
    }
}

/// The functions of the header that a file wants from elsewhere, when it is loaded.
#[must_use]
pub fn imports(file: &Path) -> BTreeSet<&'static str> {
    let said = output(Command::new("nm").args(["-D", "--undefined-only"]).arg(file));
    let names: BTreeSet<&str> = said
        .lines()
        .filter_map(|line| line.split_whitespace().last())
        .map(|name| name.split('@').next().unwrap_or(name))
        .collect();
    EXPORTS.into_iter().filter(|name| names.contains(name)).collect()
}

/// The functions that the loader binds from a file to `libmman.so` when a command is started. The command need do
/// nothing: without its arguments it ends at once.
#[must_use]
pub fn bound(command: &mut Command, from: &str) -> BTreeSet<&'static str> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    command.env("LD_DEBUG", "bindings").env("LD_BIND_NOW", "1");
    command.env("LD_DEBUG_OUTPUT", folder.path().join("bindings"));
    command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let mut said = String::new();
    for entry in std::fs::read_dir(folder.path()).expect("a folder") {
        said += &std::fs::read_to_string(entry.expect("an entry").path()).expect("a report");
    }
    // `binding file A [0] to B [0]: normal symbol `mmap' [VERSION]`
    let ours = |name: &str| {
        let symbol = format!("symbol `{name}'");
        said.lines().any(|line| {
            line.split_once("binding file ").is_some_and(|(_, rest)| {
                rest.contains(&symbol)
                    && rest.split(" [0] to ").next().is_some_and(|file| file.contains(from))
                    && rest.split(" [0] to ").nth(1).is_some_and(|to| to.contains("libmman.so"))
            })
        })
    };
    EXPORTS.into_iter().filter(|name| ours(name)).collect()
}

/// What the linker says of our functions (`-y`): a program that wants one of them has them all from ours.
/// One that wants none leaves the archive alone.
fn only_ours(said: &str) {
    let lines = |what: &str, name: &str| -> Vec<&str> {
        said.lines().filter(|line| line.ends_with(&format!(": {what} {name}"))).collect()
    };
    let wants = |name: &&str| lines("reference to", name).iter().any(|line| !line.contains(".a("));
    if !EXPORTS.iter().any(wants) {
        return;
    }
    for name in EXPORTS {
        let definitions = lines("definition of", name);
        let ours = definitions.iter().all(|line| line.contains("libmman.a("));
        assert!(definitions.len() == 1 && ours, "{name}: {definitions:?}");
    }
}
