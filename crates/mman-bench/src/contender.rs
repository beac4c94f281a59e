//! Programs that do the same thing: ours beside this one, peers on the path.

use crate::failure::Result;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A program, and what it is told before the path.
pub struct Contender {
    pub name: String,
    program: PathBuf,
    arguments: Vec<String>,
    /// What stands before the path, in one word with it.
    before_path: &'static str,
}

impl Contender {
    pub fn command(&self, path: &Path) -> Command {
        let mut command = Command::new(&self.program);
        let mut word = OsString::from(self.before_path);
        word.push(path);
        command.args(&self.arguments).arg(word);
        command
    }

    fn new(name: &str, program: PathBuf, arguments: &[&str]) -> Self {
        let arguments = arguments.iter().map(ToString::to_string).collect();
        Self { name: name.to_owned(), program, arguments, before_path: "" }
    }

    /// The same, told the path as in `if=PATH`.
    pub fn with_path_behind(self, before_path: &'static str) -> Self {
        Self { before_path, ..self }
    }

    /// A peer, where it is installed; else `skipped` is said.
    pub fn on_path(name: &str, program: &str, arguments: &[&str]) -> Option<Self> {
        let folders = std::env::var_os("PATH").unwrap_or_default();
        let found = std::env::split_paths(&folders).map(|folder| folder.join(program));
        let found = found.into_iter().find(|path| path.is_file());
        if found.is_none() {
            println!("skipped: needs {program}");
        }
        Some(Self::new(name, found?, arguments))
    }

    /// This program itself, as a child.
    pub fn own(name: &str, arguments: &[&str]) -> Result<Self> {
        Ok(Self::new(name, std::env::current_exe()?, arguments))
    }
}

/// The command `mman`, built beside this program.
pub fn beside(name: &str, arguments: &[&str]) -> Result<Contender> {
    let mman = std::env::current_exe()?.with_file_name("mman");
    if !mman.exists() {
        return Err("no `mman` beside this program (build it: `cargo build --release`)".into());
    }
    Ok(Contender::new(name, mman, arguments))
}
