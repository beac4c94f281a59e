//! `cargo xtask COMMAND`: every check and chore of the workspace, as a program.

#![forbid(unsafe_code)]

mod bench;
mod check;
mod ci;
mod command;
mod cross;
mod failure;
mod finding;
mod fuzz;
mod install;
mod libtest;
mod log;
mod metadata;
mod package;
mod ratchet;
mod run;
mod rust_file;
mod san;
mod tidy;
mod token;
mod tree;
mod unsafe_use;

use std::path::Path;
use std::process::ExitCode;

use failure::{Done, Failure};
use log::Log;

/// A command: its name, what it takes, what it is for, and the function that does it.
struct Command {
    name: &'static str,
    takes: &'static str,
    about: &'static str,
    run: fn(&Path, &[String]) -> Done,
}

#[rustfmt::skip]
const COMMANDS: &[Command] = &[
    Command { name: "check", takes: "", about: "format, clippy, docs, tidy, ratchet: before every commit", run: |root, _| check::run(root) },
    Command { name: "tidy", takes: "", about: "the rules of the house that no other tool knows", run: |root, _| tidy::run(root) },
    Command { name: "ratchet", takes: "[--write | --raise CRATE WHY]", about: "how much unsafe each crate holds; may only fall", run: ratchet::run },
    Command { name: "cross", takes: "", about: "mman-sys for aarch64, its unit tests under qemu", run: |root, _| cross::run(root, &Log::default()).map(|_| ()) },
    Command { name: "san", takes: "", about: "the library's tests under AddressSanitizer", run: |root, _| san::run(root, &Log::default()).map(|_| ()) },
    Command { name: "bench", takes: "[NAME...]", about: "the measurements against other crates and tools", run: bench::run },
    Command { name: "install", takes: "[--prefix DIR] ...", about: "the command, and libmman for C programs; also --libdir DIR, --destdir DIR", run: install::run },
    Command { name: "package", takes: "", about: "the Debian package of the command, by cargo-deb", run: package::run },
    Command { name: "fuzz", takes: "[CALLS]", about: "random calls through libmman and the host's C library", run: fuzz::run },
    Command { name: "ci", takes: "[--tests-ran [LOG]]", about: "all that CI runs, in its order", run: ci::run },
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some((command, rest)) = arguments.split_first().and_then(|(name, rest)| {
        COMMANDS.iter().find(|command| command.name == name).map(|command| (command, rest))
    }) else {
        for Command { name, takes, about, .. } in COMMANDS {
            eprintln!("cargo xtask {:<38} {about}", format!("{name} {takes}"));
        }
        return ExitCode::from(2);
    };
    match start(command, rest) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
            // As programs that install do: 1 is for checks that found something.
            ExitCode::from(if command.name == "install" { 2 } else { 1 })
        }
    }
}

fn start(command: &Command, arguments: &[String]) -> Done {
    if command.takes.is_empty() && !arguments.is_empty() {
        return Err(Failure::new(format!("{} takes no arguments", command.name)));
    }
    (command.run)(&tree::root()?, arguments)
}
