//! Compiles and runs the C program, and reads what it prints.

use crate::row::{Row, Set};
use std::collections::HashMap;
use std::env::consts::ARCH;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// C expression to number, as one set of headers has it.
pub(crate) type Answers = HashMap<String, i128>;

/// What both sets of headers say of the rows; `None`, said on standard error, where that cannot be had.
pub(crate) fn ask(rows: &[Row]) -> Option<[Answers; 2]> {
    let folder = tempfile::tempdir().unwrap();
    let Some(compiler) = compiler(folder.path()) else {
        eprintln!("skipped: needs a C compiler for {ARCH}");
        return None;
    };
    let [library, kernel] = Set::BOTH.map(|set| Program::new(set, folder.path()));
    for program in [&library, &kernel] {
        // First without a row: then what is missing is a header, and not a name of ours.
        let failed = program.compile(&compiler, "").err();
        if let Some(told) = failed {
            let missing = ["No such file", "file not found"].iter().any(|said| told.contains(said));
            assert!(missing, "the headers do not compile:\n{told}");
            eprintln!("skipped: needs a C compiler with {}:\n{told}", program.set.name());
            return None;
        }
    }
    Some([library, kernel].map(|program| {
        let rows = rows.iter().filter(|row| row.is_in(program.set));
        let statements: String = rows.map(Row::statement).collect();
        if let Err(told) = program.compile(&compiler, &statements) {
            panic!("the rows do not compile with {}:\n{told}", program.set.name());
        }
        parse(&program.run())
    }))
}

struct Program {
    set: Set,
    folder: PathBuf,
    source: PathBuf,
}

impl Program {
    fn new(set: Set, parent: &Path) -> Self {
        let name = match set {
            Set::Library => "library",
            Set::Kernel => "kernel",
        };
        let folder = parent.join(name);
        fs::create_dir(&folder).unwrap();
        let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/headers");
        Self { set, folder, source: sources.join(name).with_extension("c") }
    }

    fn file(&self) -> PathBuf {
        self.folder.join("program")
    }

    /// Compiles with these statements as the rows; the error is what the compiler tells.
    fn compile(&self, compiler: &cc::Tool, statements: &str) -> Result<(), String> {
        fs::write(self.folder.join("rows.inc"), statements).unwrap();
        let mut command = compiler.to_command();
        command.env("LC_ALL", "C").arg("-w").arg("-I").arg(&self.folder);
        let output = command.arg(&self.source).arg("-o").arg(self.file()).output().unwrap();
        if output.status.success() { Ok(()) } else { Err(text(&output.stderr)) }
    }

    fn run(&self) -> String {
        let output = execute(&self.file());
        assert!(output.status.success(), "{}: {}", output.status, text(&output.stderr));
        text(&output.stdout)
    }
}

/// Runs a program of this architecture: by itself, or, where we run in an emulator that the kernel does
/// not start on its own, in that emulator.
fn execute(program: &Path) -> Output {
    let output = Command::new(program).output();
    // In the emulator a start that fails is not told as an error: the child ends with 127.
    let started = output.as_ref().is_ok_and(|output| output.status.code() != Some(127));
    if started || cfg!(target_arch = "x86_64") {
        return output.unwrap();
    }
    let second = emulated(program).output();
    second.unwrap_or_else(|error| panic!("{output:?}, and in the emulator {error}"))
}

fn emulated(program: &Path) -> Command {
    const ROOT: &str = "/usr/aarch64-linux-gnu";
    let mut command = Command::new("qemu-aarch64");
    // The path too: a loader from there and a library from elsewhere do not go together.
    command.args(["-E", &format!("LD_LIBRARY_PATH={ROOT}/lib"), "-L", ROOT]).arg(program);
    command
}

/// The platform's compiler for the architecture we run as, by the rules of the `cc` crate (`CC` and all).
fn compiler(folder: &Path) -> Option<cc::Tool> {
    let environment = if cfg!(target_env = "musl") { "musl" } else { "gnu" };
    let target = format!("{ARCH}-unknown-linux-{environment}");
    // In an emulator the host is the other machine, and its compiler a cross compiler.
    let hosts = [target.as_str(), "x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu"];
    hosts.into_iter().find_map(|host| {
        let mut build = cc::Build::new();
        build.target(&target).host(host).opt_level(0).debug(false).out_dir(folder);
        build.cargo_metadata(false).cargo_warnings(false);
        build.try_get_compiler().ok().filter(is_for_us)
    })
}

fn is_for_us(compiler: &cc::Tool) -> bool {
    let output = Command::new(compiler.path()).arg("-dumpmachine").output();
    output.is_ok_and(|output| output.status.success() && text(&output.stdout).starts_with(ARCH))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn parse(printed: &str) -> Answers {
    let pair = |line: &str| {
        let (name, number) = line.split_once('\t').unwrap();
        (name.to_owned(), number.parse().unwrap())
    };
    printed.lines().map(pair).collect()
}
